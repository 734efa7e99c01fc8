"""The active backfills: begun with their first run, over when none of their runs is queued or running."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from jupyter_flows.model.event import BACKFILL_MOVED, Event
from jupyter_flows.model.run import Backfill, FlowRun
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.batch import Batch
from jupyter_flows.storage.store import Store


class Backfills:
    """Keeps them, and writes into the batch of the turn what becomes of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.known: dict[int, Backfill] = {}
        self._suspects: set[int] = set()

    def read(self) -> None:
        """Read the active ones again. One of which every run is over already is over itself."""
        self.known = {b.id: b for b in self._store.backfills(active=True)}
        self._suspects |= set(self.known)

    def suspect(self, backfill_id: int | None) -> None:
        """One of its runs ended: it may be over."""
        if backfill_id is not None:
            self._suspects.add(backfill_id)

    def begin(self, backfill_id: int | None, batch: Batch, now: datetime) -> None:
        """It is running from its first run on."""
        backfill = self.known.get(backfill_id) if backfill_id is not None else None
        if backfill is not None and backfill.state is RunState.QUEUED:
            self.change(replace(backfill, state=RunState.RUNNING), batch, now)

    def change(self, backfill: Backfill, batch: Batch, now: datetime) -> None:
        """It is as given from now on."""
        self.known[backfill.id] = backfill
        _write(backfill, batch, now)

    def complete(self, runs: Iterable[FlowRun], batch: Batch, now: datetime) -> None:
        """End those none of whose runs is among `runs`, the queued and running ones."""
        alive = {r.backfill_id for r in runs} if self._suspects else set()
        for backfill_id in (self._suspects & set(self.known)) - alive:
            over = self.known.pop(backfill_id)
            state = RunState.FAILED if self._has_failed(backfill_id, batch) else RunState.SUCCESS
            _write(replace(over, state=state, completed_at=now), batch, now)
        self._suspects.clear()

    def _has_failed(self, backfill_id: int, batch: Batch) -> bool:
        moved = {c.run.key: c.run for c in batch.changes() if c.run and c.run.backfill_id == backfill_id}
        stored = self._store.runs(backfill_id=backfill_id, states={RunState.FAILED})
        return any(r.state is RunState.FAILED for r in moved.values()) or any(r.key not in moved for r in stored)


def _write(backfill: Backfill, batch: Batch, now: datetime) -> None:
    data = {"backfill_id": backfill.id, "state": backfill.state.value, "paused": backfill.paused}
    batch.add_backfill(backfill)
    batch.add_event(Event(BACKFILL_MOVED, now, backfill.flow_id, None, data))
