"""How long a trouble is waited out."""

from __future__ import annotations

import time

from jupyter_flows.errors import StoreError


class Patience:
    """How long a trouble is waited out before it is told."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def bear(self, trouble: str) -> None:
        """Raises StoreError when there has been trouble for too long."""
        now = time.monotonic()
        if not trouble:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > self._seconds:
            raise StoreError(f"The scheduler of this process cannot go on: {trouble}")
