"""ipykernel as tasks use it, where the kernel's Python has this package."""

from __future__ import annotations

import atexit
from typing import Any

from ipykernel.ipkernel import IPythonKernel


class TaskKernel(IPythonKernel):  # type: ignore[misc]
    """Ends promptly, where ipykernel may hang.

    It waits up to 14 s for dead children that nobody collects; and its app's `close`, an exit hook, joins the control
    thread, which may be waiting for the iopub thread that was stopped before it.
    """

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        if self.parent is not None:
            atexit.unregister(self.parent.close)

    def _process_children(self) -> list[Any]:
        from psutil import STATUS_ZOMBIE, Error

        alive = []
        for process in super()._process_children():
            try:
                if process.status() != STATUS_ZOMBIE:
                    alive.append(process)
            except Error:
                continue
        return alive
