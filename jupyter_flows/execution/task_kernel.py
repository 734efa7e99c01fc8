"""ipykernel as tasks use it, where the kernel's Python has this package."""

from __future__ import annotations

import atexit
from typing import Any

from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel

MESSAGE_SIZE = 1 << 20


class TaskStream(OutStream):  # type: ignore[misc]
    """Standard output in messages of about 1 MB at most.

    ipykernel sends what was printed in 0.2 s as one message, tens of MB in an endless loop, and several copies of it
    exist here and in the runner. Flushing waits, which also holds back whoever prints faster than anyone can read.
    """

    _unsent = 0

    def write(self, string: str) -> int | None:
        """Print, and flush when much has gathered."""
        written: int | None = super().write(string)
        self._unsent += len(string)
        if self._unsent > MESSAGE_SIZE:
            self._unsent = 0
            self.flush()
        return written


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
