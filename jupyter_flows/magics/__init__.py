"""The notebook's door: `%flow`, `%%setup`, `%%task`, `%task`, `%%wire`, `%flows`."""

from __future__ import annotations

from typing import Any


def register(shell: Any) -> None:
    """Add the magics to an IPython shell; again is no error."""
    from jupyter_flows.magics.door import FlowsMagics
    from jupyter_flows.magics.native import as_plain_cell

    transforms = shell.input_transformers_cleanup
    if any(getattr(t, "__name__", "") == as_plain_cell.__name__ for t in transforms):
        return
    magics = FlowsMagics(shell)
    shell.register_magics(magics)
    transforms.insert(0, as_plain_cell)
    shell.events.register("pre_run_cell", magics.before_cell)
    shell.events.register("post_run_cell", magics.after_cell)
    magics.catch_up()
