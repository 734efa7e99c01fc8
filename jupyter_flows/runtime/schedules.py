"""Which scheduled runs are due: reads the flows' timetables, creates runs, records the slots that were missed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from jupyter_flows.engine.planner import due_runs
from jupyter_flows.errors import UsageError
from jupyter_flows.model.event import SLOTS_MISSED, Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId
from jupyter_flows.runtime.conductor import Conductor
from jupyter_flows.storage.store import Store
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.parse import parse_schedule

log = logging.getLogger("jupyter_flows.scheduler")


@dataclass
class _Scheduled:
    flow: Flow
    version: str
    timetable: Timetable
    next_at: datetime


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
        """When the next flow is due."""
        return min((f.next_at for f in self._flows.values()), default=None)

    def fire(self, conductor: Conductor, now: datetime) -> None:
        """Create the runs that are due. Creating is safe without the lease: a run exists once, whoever makes it."""
        for flow_id in [i for i, f in self._flows.items() if f.next_at <= now]:
            self._fire_one(self._flows[flow_id], conductor, now)

    def _fire_one(self, scheduled: _Scheduled, conductor: Conductor, now: datetime) -> None:
        flow = scheduled.flow
        due = due_runs(
            flow,
            scheduled.timetable,
            self._store.last_interval(flow.id),
            now,
            version=scheduled.version,
            active=conductor.active_runs(flow.id),
        )
        if due.runs:
            made = self._store.create_runs(due.runs, now)
            for run, is_new in zip(due.runs, made, strict=True):
                if is_new:
                    conductor.run_created(run.key)
        if due.missed:
            conductor.note(Event(SLOTS_MISSED, now, flow.id, None, due.missed.to_json()))
        if due.next is None:
            del self._flows[flow.id]
        else:
            scheduled.next_at = due.next.run_after
