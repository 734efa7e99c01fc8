"""Which runs should exist: due ones, one asked for by hand, the coming ones; and what a clear touches.

Decide, show, do: everything here is a value a door can print before anyone acts on it. A backfill's plan is in
`backfill`, the counting of what was passed over in `missed`; both can be had from here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from jupyter_flows.engine.backfill import BackfillPlan as BackfillPlan
from jupyter_flows.engine.backfill import PlanAction as PlanAction
from jupyter_flows.engine.backfill import PlanRow as PlanRow
from jupyter_flows.engine.backfill import plan_backfill as plan_backfill
from jupyter_flows.engine.missed import Missed as Missed
from jupyter_flows.engine.missed import missed_before
from jupyter_flows.engine.slots import in_words, nearby, run_at, step
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import RunType, TaskId, custom_run_id
from jupyter_flows.model.ids import run_id as run_id_of
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction, utc
from jupyter_flows.model.run import FlowRun, TaskKey, TaskRun
from jupyter_flows.model.state import FAILED_STATES, TaskState
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.once import Continuous
from jupyter_flows.timetable.zones import as_instant as as_instant
from jupyter_flows.timetable.zones import in_utc


@dataclass(frozen=True, slots=True)
class Due:
    """What the schedule asks for now. `runs` are to be created, oldest first, in state queued.

    `missed` is set only beside a run that passes something over, so it is reported once. `next` is the run after these:
    when it is due already, it waits for a free place or for the next call.
    """

    runs: tuple[FlowRun, ...] = ()
    missed: Missed | None = None
    next: RunPlan | None = None


def due_runs(
    flow: Flow,
    timetable: Timetable,
    last: DataInterval | None,
    now: datetime,
    *,
    active: int,
    limit: int = 100,
    version: str | None = None,
    taken: Collection[datetime] = (),
) -> Due:
    """The scheduled runs to create at `now`.

    `last` is the newest scheduled run's interval, `active` how many runs that are no backfill's are queued or running.
    `taken` are logical dates after `last` that already have a run of another type: a logical date has one run, so they
    are passed over and count neither as created nor as missed. Without `version` it is the flow's digest.
    """
    now, dates = utc(now), frozenset(utc(t) for t in taken)
    places = 1 if isinstance(timetable, Continuous) else flow.max_active_runs
    room = min(limit, places - active)
    runs: list[FlowRun] = []
    missed: Missed | None = None
    plan = step(flow, timetable, last, flow.restriction, now)
    while plan is not None and plan.run_after <= now:
        if plan.interval.start not in dates:
            if len(runs) >= room:
                break
            if not runs and last is not None and not flow.catchup:
                missed = missed_before(flow, timetable, last, plan.interval, now, dates)
            runs.append(_scheduled(flow, plan, now, version or flow.digest))
        plan = step(flow, timetable, plan.interval, flow.restriction, now)
    return Due(tuple(runs), missed, plan)


def _scheduled(flow: Flow, plan: RunPlan, now: datetime, version: str) -> FlowRun:
    return FlowRun(
        flow_id=flow.id,
        run_id=run_id_of(RunType.SCHEDULED, plan.interval.start),
        run_type=RunType.SCHEDULED,
        interval=plan.interval,
        version=version,
        run_after=plan.run_after,
        queued_at=now,
    )


def preview(flow: Flow, timetable: Timetable, now: datetime, count: int) -> list[RunPlan]:
    """The next `count` runs of the schedule that start at `now` or later, oldest first; fewer when it ends."""
    if isinstance(timetable, Continuous):
        count = min(count, 1)  # when the one after it starts, nobody knows
    return [plan for _, plan in zip(range(count), _coming(flow, timetable, utc(now)), strict=False)]


def _coming(flow: Flow, timetable: Timetable, now: datetime) -> Iterator[RunPlan]:
    plan = step(flow, timetable, None, TimeRestriction(flow.start, flow.end), now)
    while plan is not None:
        if plan.run_after >= now:
            yield plan
        plan = step(flow, timetable, plan.interval, flow.restriction, now)


def manual_run(
    flow: Flow,
    timetable: Timetable,
    now: datetime,
    *,
    logical_date: datetime | None = None,
    interval: DataInterval | None = None,
    run_id: str | None = None,
    params: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> FlowRun:
    """A run someone asks for, to start at once.

    It covers `interval`; or the schedule's interval that starts at `logical_date` (naive: of the flow's zone); or the
    last complete one. A flow whose schedule has no intervals gets [logical_date, logical_date], by default `now`.
    Raises UsageError for a logical date in the future or where no interval starts. Whether that logical date already
    has a run is for the caller to see.
    """
    now = utc(now)
    at = None if logical_date is None else in_utc(logical_date, flow.timezone)
    if interval is None:
        interval = timetable.infer_manual_interval(now) if at is None else _interval_at(flow, timetable, at, now)
    elif at is not None and at != interval.start:
        raise UsageError(
            f"The logical date {at.isoformat()} is not the start of {interval}.", fix="Give one of the two."
        )
    if interval.start > now:
        raise UsageError(
            f"The logical date {in_words(flow, interval.start)} lies in the future.", fix="Choose one that has come."
        )
    return FlowRun(
        flow_id=flow.id,
        run_id=custom_run_id(run_id) if run_id else run_id_of(RunType.MANUAL, interval.start),
        run_type=RunType.MANUAL,
        interval=interval,
        version=version or flow.digest,
        run_after=now,
        params=dict(params or {}),
        queued_at=now,
    )


def _interval_at(flow: Flow, timetable: Timetable, at: datetime, now: datetime) -> DataInterval:
    inferred = timetable.infer_manual_interval(at)
    if inferred.start == inferred.end:
        return DataInterval(at, at)
    plan = run_at(timetable, at, now)
    if plan is None:
        raise UsageError(
            f"No interval of flow '{flow.id}' ({timetable.describe()}) starts at {in_words(flow, at)}.",
            fix=f"Give the start of one: {nearby(flow, timetable, at, now)}.",
        )
    return plan.interval


def plan_clear(
    flow: Flow,
    task_runs: Iterable[TaskRun],
    tasks: Collection[str] | None,
    *,
    upstream: bool = False,
    downstream: bool = False,
    only_failed: bool = False,
) -> tuple[TaskKey, ...]:
    """Which task runs a clear puts back to work, in notebook order; what never started needs no clearing.

    `tasks` None: all of them. With upstream or downstream, everything before or behind them, too; `only_failed` keeps
    of all these the failed and upstream_failed ones. Raises UsageError for a task the flow does not have.
    """
    chosen = _with_neighbours(flow, _known_tasks(flow, tasks), upstream=upstream, downstream=downstream)
    keys = [
        run.key
        for run in task_runs
        if run.task_id in chosen
        and run.state is not TaskState.NO_STATUS
        and (run.state in FAILED_STATES or not only_failed)
    ]
    return tuple(sorted(keys, key=lambda key: (flow.graph.position[key.task_id], key.map_index)))


def _with_neighbours(flow: Flow, tasks: set[TaskId], *, upstream: bool, downstream: bool) -> set[TaskId]:
    above = flow.graph.ancestors(tasks) if upstream else set()
    below = flow.graph.descendants(tasks) if downstream else set()
    return tasks | above | below


def _known_tasks(flow: Flow, tasks: Collection[str] | None) -> set[TaskId]:
    if tasks is None:
        return set(flow.by_id)
    for task in tasks:
        if task not in flow.by_id:
            close = get_close_matches(task, flow.by_id, n=1)
            raise UsageError(
                f"Flow '{flow.id}' has no task '{task}'.",
                fix=f"Write {close[0]}." if close else f"Choose from {', '.join(flow.by_id)}.",
            )
    return {TaskId(t) for t in tasks}
