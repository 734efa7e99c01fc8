"""A backfill's plan: which intervals, in which order, and what happens to the runs that exist (semantics §6)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from time import perf_counter
from typing import Any

import pytest

from jupyter_flows.engine.planner import BackfillPlan, PlanAction, plan_backfill
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.run import Backfill, FlowRun
from jupyter_flows.model.state import RunState
from jupyter_flows.timetable.parse import parse_schedule

UTC = timezone.utc
DAY = timedelta(days=1)
JAN = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)


def date(n: int) -> datetime:
    return JAN + (n - 1) * DAY


def run(n: int, state: RunState, run_type: RunType = RunType.SCHEDULED, **changes: Any) -> FlowRun:
    return FlowRun(
        FlowId("f"), RunId(f"run-{n}"), run_type, DataInterval(date(n), date(n + 1)), "old", state, **changes
    )


def plan(
    first: int = 1,
    last: int = 3,
    existing: tuple[FlowRun, ...] = (),
    *,
    now: datetime = NOW,
    flow: dict[str, Any] | None = None,
    **options: Any,
) -> BackfillPlan:
    it = Flow(FlowId("f"), **{"schedule": "@daily", **(flow or {})})
    timetable = parse_schedule(it.schedule, it.timezone, it.start)
    runs = {r.interval.start: r for r in existing}
    return plan_backfill(it, timetable, date(first), date(last), runs, now=now, **{"version": "v", **options})


def test_every_interval_that_starts_in_the_range_gets_a_queued_run_of_its_own() -> None:
    found = plan(params={"city": "Oslo"})
    runs = found.runs_to_create()
    assert [r.interval.start for r in runs] == [date(1), date(2), date(3)]
    assert [r.ordinal for r in runs] == [1, 2, 3]
    assert runs[0].run_id == "backfill__2024-01-01T00:00:00+00:00"
    for r in runs:
        assert (r.run_type, r.state, r.version, r.queued_at) == (RunType.BACKFILL, RunState.QUEUED, "v", NOW)
        assert (r.params, r.backfill_id, r.run_after) == ({"city": "Oslo"}, None, r.interval.end)
    stored = Backfill(7, FlowId("f"), found.start, found.end)
    assert {r.backfill_id for r in found.runs_to_create(stored)} == {7}


def test_in_reverse_the_newest_interval_comes_first() -> None:
    found = plan(reverse=True)
    assert [(row.interval.start, row.ordinal) for row in found.rows] == [(date(3), 1), (date(2), 2), (date(1), 3)]
    assert [r.interval.start for r in found.runs_to_create()] == [date(3), date(2), date(1)]


ACTIONS = {  # reprocess: (succeeded, failed, queued, running, none)
    "missing": ("skip", "skip", "in_flight", "in_flight", "create"),
    "failed": ("skip", "clear", "in_flight", "in_flight", "create"),
    "all": ("clear", "clear", "in_flight", "in_flight", "create"),
}


@pytest.mark.parametrize("reprocess", ACTIONS)
@pytest.mark.parametrize("run_type", RunType)
def test_what_happens_to_an_interval_depends_on_the_run_it_has(reprocess: str, run_type: RunType) -> None:
    states = (RunState.SUCCESS, RunState.FAILED, RunState.QUEUED, RunState.RUNNING)
    existing = tuple(run(n, state, run_type) for n, state in enumerate(states, 1))
    found = plan(1, 5, existing, reprocess=reprocess)
    assert tuple(row.action.value for row in found.rows) == ACTIONS[reprocess]
    assert [row.run_id for row in found.rows[:4]] == ["run-1", "run-2", "run-3", "run-4"]
    assert [row.run for row in found.rows] == [*existing, None]
    assert all(row.reason for row in found.rows)
    assert all(run_type.value in row.reason for row in found.rows[:4])
    assert found.to_clear == tuple(r for r, a in zip(existing, ACTIONS[reprocess], strict=False) if a == "clear")
    assert [r.interval.start for r in found.runs_to_create()] == [date(5)]
    assert found.runs_to_create()[0].ordinal == 5


def test_existing_runs_are_found_whatever_zone_their_dates_are_in() -> None:
    flow = Flow(FlowId("f"), schedule="@daily")
    elsewhere = date(1).astimezone(timezone(timedelta(hours=-5)))
    found = plan_backfill(
        flow, parse_schedule("@daily"), date(1), date(1), {elsewhere: run(1, RunState.SUCCESS)}, now=NOW, version="v"
    )
    assert [row.action for row in found.rows] == [PlanAction.SKIP]


def test_both_ends_are_logical_dates_and_inclusive() -> None:
    assert [row.interval.start for row in plan(2, 2).rows] == [date(2)]


def test_naive_ends_are_times_of_the_flows_zone() -> None:
    flow = Flow(FlowId("f"), schedule="@daily", timezone="America/New_York")
    ends = (datetime(2024, 1, 1), datetime(2024, 1, 2))  # noqa: DTZ001
    found = plan_backfill(flow, parse_schedule("@daily", flow.timezone), *ends, {}, now=NOW, version="v")
    assert [row.interval.start.hour for row in found.rows] == [5, 5]
    assert (found.start, found.end) == (date(1) + timedelta(hours=5), date(2) + timedelta(hours=5))


def test_the_flows_own_start_end_and_catchup_do_not_limit_a_backfill() -> None:
    found = plan(1, 3, flow={"start": date(8), "end": date(9), "catchup": False})
    assert len(found.rows) == 3


def test_the_grid_of_a_fixed_interval_stays_anchored_at_the_flows_start() -> None:
    found = plan(1, 2, flow={"schedule": "1d", "start": date(8) + timedelta(hours=5)})
    assert [row.interval.start for row in found.rows] == [date(1) + timedelta(hours=5)]


def test_an_interval_that_has_not_ended_is_left_out() -> None:
    assert [row.interval.start for row in plan(8, 20).rows] == [date(8), date(9)]
    assert [row.interval.start for row in plan(8, 20, now=date(10)).rows] == [date(8)]  # ends now: not yet past


def test_a_plan_is_the_same_however_often_it_is_made() -> None:
    existing = (run(2, RunState.FAILED),)
    assert plan(existing=existing, reprocess="failed") == plan(existing=existing, reprocess="failed")


@pytest.mark.parametrize(
    ("options", "says", "fix"),
    [
        ({"first": 3, "last": 1}, "after its end", "Exchange"),
        ({"first": 15, "last": 20}, "the first ends at 2024-01-16 00:00 UTC", "starts at 2024-01-09 00:00 UTC"),
        ({"first": 10, "last": 10}, "the first ends at 2024-01-11 00:00 UTC", "starts at 2024-01-09 00:00 UTC"),
        (
            {"first": 2, "last": 3, "flow": {"schedule": "@weekly"}},
            "(every Sunday at 00:00 UTC) starts between 2024-01-02 00:00 UTC and 2024-01-03 00:00 UTC",
            "2023-12-31 00:00 (to 2024-01-07 00:00) or 2024-01-07 00:00 (to 2024-01-14 00:00) UTC",
        ),
        (
            {"first": 6, "last": 8, "flow": {"schedule": "dates: 2024-01-05"}},
            "starts between",
            "2024-01-05 00:00 (to 2024-01-05 00:00) UTC",
        ),
        ({"flow": {"schedule": None}}, "no intervals to backfill: it runs when asked", "@daily"),
        ({"flow": {"schedule": "@once"}}, "no intervals to backfill: it runs once", "@daily"),
        ({"flow": {"schedule": "@continuous"}}, "no intervals to backfill", "@daily"),
        ({"reprocess": "faild"}, "cannot reprocess 'faild'", "Write failed."),
        ({"reprocess": "xyz"}, "cannot reprocess 'xyz'", "missing, failed or all"),
    ],
)
def test_a_backfill_of_nothing_is_refused_and_says_what_there_is(options: dict[str, Any], says: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(**options)
    assert says in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize("option", ["depends_on_past", "wait_for_downstream"])
def test_a_flow_that_depends_on_its_past_goes_forwards_and_repeats_what_failed(option: str) -> None:
    flow = {"tasks": (Task(TaskId("load"), **{option: True}),)}
    with pytest.raises(UsageError, match="'load' of flow 'f' depends on its past: the newest interval cannot go first"):
        plan(flow=flow, reprocess="failed", reverse=True)
    with pytest.raises(UsageError, match="one failed run left as it is") as caught:
        plan(flow=flow)
    assert "failed (or all)" in caught.value.fix
    for reprocess in ("failed", "all"):
        assert len(plan(flow=flow, reprocess=reprocess).rows) == 3


@pytest.mark.parametrize("schedule", ["0 0 * * *", "*/5 * * * *"])
def test_ten_thousand_intervals_are_planned_in_well_under_three_seconds(schedule: str) -> None:
    flow = Flow(FlowId("f"), schedule=schedule, timezone="America/New_York")
    timetable = parse_schedule(schedule, flow.timezone)
    length = 10_000 * DAY if schedule.startswith("0") else 35 * DAY
    end = datetime(2024, 1, 1, tzinfo=UTC)
    began = perf_counter()
    runs = plan_backfill(flow, timetable, end - length, end, {}, now=NOW, version="v").runs_to_create()
    assert perf_counter() - began < 1.5
    assert 9_999 <= len(runs) <= 10_081
    assert len({r.run_id for r in runs}) == len(runs)
