"""What a flow without catchup passes over after an absence, counted without making it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from jupyter_flows.engine.slots import INSTANT, run_at, run_before, step
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.ticks import Countable

_AT_MOST = 100_000
"""How far the runs of a timetable that cannot count are counted one by one."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Intervals that get no run: the first, the last, and how many in all (those between that have one left out)."""

    first: DataInterval
    last: DataInterval
    count: int


def missed_before(
    flow: Flow,
    timetable: Timetable,
    last: DataInterval,
    made: DataInterval,
    now: datetime,
    taken: Collection[datetime] = (),
) -> Missed | None:
    """What lies between the scheduled runs `last` and `made`, or None. `taken`: logical dates with a run."""
    limits = TimeRestriction(flow.start, made.start - INSTANT, catchup=True)
    first = step(flow, timetable, last, limits, now)
    if first is None:
        return None
    newest = run_before(timetable, RunPlan(made, made.end), made.start) or first
    others = sum(1 for t in taken if first.interval.start <= t < made.start and run_at(timetable, t, now))
    count = _count(flow, timetable, first, limits, made, now) - others
    return Missed(first.interval, newest.interval, count) if count > 0 else None


def _count(
    flow: Flow, timetable: Timetable, first: RunPlan, limits: TimeRestriction, made: DataInterval, now: datetime
) -> int:
    if isinstance(timetable, Countable):
        return timetable.count(first.interval.start, made.start)
    count = 0
    plan: RunPlan | None = first
    while plan is not None and count < _AT_MOST:
        count += 1
        plan = step(flow, timetable, plan.interval, limits, now)
    return count
