"""Importing papermill without what it drags in for paths we never give it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = ("pyarrow", "pyarrow.fs", "boto3", "azure", "gcsfs", "github", "rfc3987_syntax", "rfc3987")
"""Optional parts of papermill's file handlers and of jsonschema's format checks: measured 1.1 of 1.4 s of its import.

pyarrow must not be imported in the forge behind the user's back either.
"""

RUNNER_ONLY = ("papermill", "nbclient", "nbformat", "jsonschema")
"""What was imported without its optional parts: a kernel forked from the same process must import it anew."""


@contextmanager
def lean_imports() -> Iterator[None]:
    """Inside, the unused parts look as if they were not installed; those loaded before stay."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def load_engine() -> None:
    """Import the engine, lean."""
    with lean_imports():
        import jupyter_flows.execution.notebook  # noqa: F401


def forget_runner_modules() -> None:
    """In a forked kernel: let the user's own imports find the whole modules."""
    for name in [name for name in sys.modules if name.split(".")[0] in RUNNER_ONLY]:
        del sys.modules[name]
