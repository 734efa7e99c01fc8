"""What a backfill would do, interval by interval: shown first, then done (semantics §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any

from jupyter_flows.engine.slots import in_words, nearby, run_from, step
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId, RunId, RunType
from jupyter_flows.model.ids import run_id as run_id_of
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction, utc
from jupyter_flows.model.run import Backfill, FlowRun
from jupyter_flows.model.state import RunState
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.once import Continuous, Never, Once
from jupyter_flows.timetable.zones import in_utc

REPROCESS = ("missing", "failed", "all")


class PlanAction(str, Enum):
    """What happens to one interval."""

    CREATE = "create"
    CLEAR = "clear"
    SKIP = "skip"
    IN_FLIGHT = "in_flight"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One interval. `run` is the run it has already; `ordinal` counts the rows from 1, in the order of work."""

    interval: DataInterval
    run_id: RunId
    action: PlanAction
    reason: str
    ordinal: int
    run: FlowRun | None = None


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """All rows in the order of work, newest first when reversed. Start and end are inclusive logical dates, in UTC."""

    flow_id: FlowId
    start: datetime
    end: datetime
    rows: tuple[PlanRow, ...]
    planned_at: datetime
    version: str
    reprocess: str = "missing"
    reverse: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)

    def of(self, action: PlanAction) -> tuple[PlanRow, ...]:
        """The rows with that action."""
        return tuple(row for row in self.rows if row.action is action)

    def runs_to_create(self, backfill: Backfill | None = None) -> tuple[FlowRun, ...]:
        """New runs, queued, in the order of work; they belong to `backfill` when it is stored already."""
        return tuple(self._run(row, backfill) for row in self.of(PlanAction.CREATE))

    @property
    def to_clear(self) -> tuple[FlowRun, ...]:
        """Existing runs to repeat: each is cleared whole and keeps its id."""
        return tuple(row.run for row in self.of(PlanAction.CLEAR) if row.run is not None)

    def _run(self, row: PlanRow, backfill: Backfill | None) -> FlowRun:
        return FlowRun(
            flow_id=self.flow_id,
            run_id=row.run_id,
            run_type=RunType.BACKFILL,
            interval=row.interval,
            version=self.version,
            params=dict(self.params),
            queued_at=self.planned_at,
            backfill_id=backfill.id if backfill else None,
            ordinal=row.ordinal,
        )


def plan_backfill(
    flow: Flow,
    timetable: Timetable,
    start: datetime,
    end: datetime,
    existing: Mapping[datetime, FlowRun],
    *,
    now: datetime,
    reprocess: str = "missing",
    reverse: bool = False,
    version: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> BackfillPlan:
    """The plan for every interval that starts in [start, end] and has ended before `now`.

    Both ends are inclusive and compared to logical dates; naive ones are of the flow's zone. The flow's own start and
    end do not limit it. `existing` maps logical dates to the runs there are, of whatever type. `reprocess` says which
    finished runs are repeated: none of them (`missing`), the `failed` ones, or `all`. Raises UsageError when the range
    holds no interval that has ended, or when the order of work contradicts depends_on_past.
    """
    start, end, now = in_utc(start, flow.timezone), in_utc(end, flow.timezone), utc(now)
    _check_words(flow, timetable, start, end, reprocess)
    _check_past(flow, reprocess, reverse=reverse)
    plans = list(_ended(flow, timetable, start, end, now))
    if not plans:
        raise _nothing(flow, timetable, start, end, now)
    runs = {utc(date): run for date, run in existing.items()}
    ordered = reversed(plans) if reverse else plans
    rows = tuple(_row(p.interval, runs.get(p.interval.start), reprocess, n) for n, p in enumerate(ordered, 1))
    return BackfillPlan(
        flow.id, start, end, rows, now, version or flow.digest, reprocess, reverse, params=dict(params or {})
    )


def _ended(flow: Flow, timetable: Timetable, start: datetime, end: datetime, now: datetime) -> Iterator[RunPlan]:
    limits = TimeRestriction(start, end, catchup=True)
    plan = step(flow, timetable, None, limits, now)
    while plan is not None and plan.run_after < now:
        yield plan
        plan = step(flow, timetable, plan.interval, limits, now)


def _row(interval: DataInterval, run: FlowRun | None, reprocess: str, ordinal: int) -> PlanRow:
    if run is None:
        run_id = run_id_of(RunType.BACKFILL, interval.start)
        return PlanRow(interval, run_id, PlanAction.CREATE, "no run yet", ordinal)
    action, reason = _verdict(run, reprocess)
    return PlanRow(interval, run.run_id, action, reason, ordinal, run)


def _verdict(run: FlowRun, reprocess: str) -> tuple[PlanAction, str]:
    if not run.state.is_finished:
        return PlanAction.IN_FLIGHT, f"its {run.run_type.value} run is {run.state.value}"
    ended = "failed" if run.state is RunState.FAILED else "succeeded"
    if reprocess == "all" or (reprocess == "failed" and run.state is RunState.FAILED):
        return PlanAction.CLEAR, f"its {run.run_type.value} run {ended}; it is repeated"
    return PlanAction.SKIP, f"its {run.run_type.value} run {ended} already"


def _check_words(flow: Flow, timetable: Timetable, start: datetime, end: datetime, reprocess: str) -> None:
    if reprocess not in REPROCESS:
        close = get_close_matches(reprocess, REPROCESS, n=1) or [", ".join(REPROCESS[:-1]) + f" or {REPROCESS[-1]}"]
        raise UsageError(f"A backfill cannot reprocess '{reprocess}'.", fix=f"Write {close[0]}.")
    if isinstance(timetable, Never | Once | Continuous):
        raise UsageError(
            f"Flow '{flow.id}' has no intervals to backfill: it runs {timetable.describe()}.",
            fix="Give it a schedule such as @daily, or run it by hand for a date.",
        )
    if start > end:
        raise UsageError(
            f"The range starts at {in_words(flow, start)}, after its end {in_words(flow, end)}.",
            fix="Exchange the two dates.",
        )


def _check_past(flow: Flow, reprocess: str, *, reverse: bool) -> None:
    waiting = [t.id for t in flow.tasks if t.depends_on_past or t.wait_for_downstream]
    if not waiting:
        return
    if reverse:
        raise UsageError(
            f"Task '{waiting[0]}' of flow '{flow.id}' depends on its past: the newest interval cannot go first.",
            fix="Leave out the reverse order.",
        )
    if reprocess == "missing":
        raise UsageError(
            f"Task '{waiting[0]}' of flow '{flow.id}' depends on its past: one failed run left as it is would block all"
            " that follow.",
            fix="Say --reprocess failed (or all).",
        )


def _nothing(flow: Flow, timetable: Timetable, start: datetime, end: datetime, now: datetime) -> UsageError:
    first = run_from(timetable, start, now)
    if first is None or first.interval.start > end:
        return UsageError(
            f"No interval of flow '{flow.id}' ({timetable.describe()}) starts between {in_words(flow, start)} and"
            f" {in_words(flow, end)}.",
            fix=f"Choose a range that holds the start of one: {nearby(flow, timetable, start, now)}.",
        )
    newest = timetable.next_run(None, TimeRestriction(), now)
    return UsageError(
        f"No interval of flow '{flow.id}' in that range has ended: the first ends "
        f"at {in_words(flow, first.run_after)}.",
        fix=f"The newest that has ended starts at {in_words(flow, newest.interval.start)}: choose an earlier range."
        if newest is not None and newest.run_after <= now
        else "Wait until then.",
    )
