"""The shell's door: `jupyter flows VERB …`."""

from __future__ import annotations


def main() -> None:
    """The console script `jupyter-flows`."""
    import gc
    import sys

    gc.disable()  # imports make no garbage: looking for it took 35 ms
    from jupyter_flows.cli.door import run

    gc.enable()
    code = run(sys.argv[1:])
    gc.freeze()  # and so much is still in use at the end: 70 ms
    sys.exit(code)
