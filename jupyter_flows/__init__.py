"""Notebook cells as the tasks of a flow, scheduled, retried and shown where they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_flows.runtime.open import open_flows

__all__ = ["__version__", "open_flows"]

_LAZY = {"open_flows": "jupyter_flows.runtime.open"}


def __getattr__(name: str) -> Any:
    """Public names on first use, so that `import jupyter_flows` stays cheap."""
    from importlib import import_module

    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("jupyter_flows")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext jupyter_flows`: add the magics."""
    from jupyter_flows.magics import register

    register(ipython)
