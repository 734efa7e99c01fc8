"""A bell between threads: whoever waits for an end hears of it at once instead of looking again and again."""

from __future__ import annotations

import threading


class Bell:
    """Any number of threads ring it and wait for it. Read `rung` before you look: later rings are not missed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = 0

    @property
    def rung(self) -> int:
        """How often it has rung."""
        return self._rung

    def ring(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self._rung += 1
            self._changed.notify_all()

    def wait(self, heard: int, timeout: float) -> None:
        """Until it has rung more often than `heard`, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._rung != heard, timeout)
