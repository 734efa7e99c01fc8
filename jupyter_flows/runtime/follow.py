"""Waiting for what others write: a thread that looks at the store's stamp and tells when it changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from jupyter_flows.errors import StoreError
from jupyter_flows.storage.store import Store


class Follower:
    """Calls `on_change` after every change of the store, at most `rate` times a second, until it returns False.

    The first call comes at once. It runs in a thread of its own, so `on_change` must not print. A database that
    cannot be read for a moment is waited for.
    """

    def __init__(self, store: Store, on_change: Callable[[], bool], *, rate: float = 5.0, name: str = "follow") -> None:
        self._store = store
        self._on_change = on_change
        self._pause = 1.0 / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"jupyter-flows-{name}", daemon=True)

    def start(self) -> Follower:
        """Begin; returns itself."""
        self._thread.start()
        return self

    def stop(self, timeout: float = 2.0) -> None:
        """End after the call under way."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    @property
    def is_alive(self) -> bool:
        """Whether it still follows."""
        return self._thread.is_alive()

    def _run(self) -> None:
        seen: Any = object()
        while not self._stop.is_set():
            try:
                stamp = self._store.stamp()
                if stamp != seen:
                    seen = stamp
                    if not self._on_change():
                        return
            except StoreError:
                seen = object()
            self._stop.wait(self._pause)
