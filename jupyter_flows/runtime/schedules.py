"""Which scheduled runs are due: reads the flows' timetables, creates runs, records the slots that were missed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from jupyter_flows.engine.planner import Missed, due_runs
from jupyter_flows.errors import StoreError, UsageError
from jupyter_flows.model.event import SLOTS_MISSED, Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId, RunType
from jupyter_flows.runtime.conductor import Conductor
from jupyter_flows.storage.store import Store
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.parse import parse_schedule

log = logging.getLogger("jupyter_flows.scheduler")


_NOT_SCHEDULED = frozenset(RunType) - {RunType.SCHEDULED}


@dataclass
class _Scheduled:
    flow: Flow
    version: str
    timetable: Timetable
    next_at: datetime
    full_with: int | None = None
    """So many active runs left no place for the one that is due; fewer will."""


class Schedules:
    """The flows that are registered, not paused and have a schedule, each with the moment it is due next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._flows: dict[FlowId, _Scheduled] = {}

    def load(self, now: datetime) -> None:
        """Read the registered flows again. All count as due, so that the next `fire` looks at each of them."""
        self._flows = {}
        for stored in self._store.flows():
            flow = stored.flow
            if stored.paused or not flow.schedule:
                continue
            try:
                timetable = parse_schedule(flow.schedule, flow.timezone, flow.start)
            except UsageError as error:
                log.warning("flow %s has a schedule that cannot be used: %s", flow.id, error)
                continue
            self._flows[flow.id] = _Scheduled(flow, stored.version, timetable, now)

    @property
    def next_at(self) -> datetime | None:
        """When the next flow is due. One that is due and has no place waits for a run to end, not for the clock."""
        return min((f.next_at for f in self._flows.values() if f.full_with is None), default=None)

    def fire(self, conductor: Conductor, now: datetime) -> None:
        """Create the runs that are due. Creating is safe without the lease: a run exists once, whoever makes it."""
        for scheduled in [f for f in self._flows.values() if f.next_at <= now]:
            active = conductor.runs.count_of(scheduled.flow.id)
            if scheduled.full_with is not None and active >= scheduled.full_with:
                continue
            try:
                self._fire_one(scheduled, conductor, active, now)
            except StoreError:
                raise
            except Exception:
                log.exception("the schedule of flow %s cannot be followed", scheduled.flow.id)
                del self._flows[scheduled.flow.id]

    def _fire_one(self, scheduled: _Scheduled, conductor: Conductor, active: int, now: datetime) -> None:
        flow = scheduled.flow
        last = self._store.last_interval(flow.id)
        others = self._store.runs(flow.id, since=last.start if last else None, run_types=_NOT_SCHEDULED)
        due = due_runs(
            flow,
            scheduled.timetable,
            last,
            now,
            taken=[r.interval.start for r in others],
            version=scheduled.version,
            active=active,
        )
        if due.runs:
            made = self._store.create_runs(due.runs, now)
            for run, is_new in zip(due.runs, made, strict=True):
                if is_new:
                    conductor.run_created(run.key)
        if due.missed:
            conductor.note(_missed_event(flow, due.missed, now))
        if due.next is None:
            del self._flows[flow.id]
        else:
            scheduled.next_at = due.next.run_after
            scheduled.full_with = active if due.next.run_after <= now and not due.runs else None


def _missed_event(flow: Flow, missed: Missed, now: datetime) -> Event:
    """The truth about an absence: how many slots, from when to when, and what was done about it."""
    data = {
        "count": missed.count,
        "first": missed.first.start.isoformat(),
        "last": missed.last.start.isoformat(),
        "policy": "only the latest interval runs (catchup is off)",
    }
    return Event(SLOTS_MISSED, now, flow.id, None, data)
