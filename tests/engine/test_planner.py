"""Due runs, missed intervals, manual runs, the preview and the clear plan, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from time import perf_counter
from typing import Any

import pytest

from jupyter_flows.engine.planner import Due, due_runs, manual_run, plan_clear, preview
from jupyter_flows.errors import PluginError, UsageError
from jupyter_flows.model.flow import Edge, Flow, Task
from jupyter_flows.model.ids import FlowId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction
from jupyter_flows.model.run import TaskKey, TaskRun
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.cron import Cron
from jupyter_flows.timetable.once import Never
from jupyter_flows.timetable.parse import parse_schedule

UTC = timezone.utc
DAY = timedelta(days=1)
NOW = datetime(2024, 1, 10, 12, tzinfo=UTC)
JAN = datetime(2024, 1, 1, tzinfo=UTC)


def day(n: int) -> DataInterval:
    """The n-th of January."""
    return DataInterval(JAN + (n - 1) * DAY, JAN + n * DAY)


def make(schedule: str | None = "@daily", **options: Any) -> tuple[Flow, Timetable]:
    flow = Flow(FlowId("f"), schedule=schedule, **{"start": JAN, **options})
    return flow, parse_schedule(flow.schedule, flow.timezone, flow.start)


def due(last: DataInterval | None, *, active: int = 0, now: datetime = NOW, flow: Any = None, **options: Any) -> Due:
    return due_runs(*(flow or make()), last, now, active=active, **options)


def days(found: Due) -> list[int]:
    return [r.interval.start.day for r in found.runs]


# ── due runs ─────────────────────────────────────────────────────────────────────────


def test_a_due_run_is_queued_scheduled_and_named_after_its_logical_date() -> None:
    flow, timetable = make()
    (run,) = due_runs(flow, timetable, day(8), NOW, active=0).runs
    assert run.run_id == "scheduled__2024-01-09T00:00:00+00:00"
    assert (run.run_type, run.state, run.interval) == (RunType.SCHEDULED, RunState.QUEUED, day(9))
    assert (run.logical_date, run.run_after, run.queued_at) == (day(9).start, day(9).end, NOW)
    assert (run.flow_id, run.version, run.backfill_id) == (flow.id, flow.digest, None)
    assert due_runs(flow, timetable, day(8), NOW, active=0, version="v7").runs[0].version == "v7"


@pytest.mark.parametrize(
    ("catchup", "last", "active", "limit", "made", "following"),
    [
        (True, None, 0, 100, list(range(1, 10)), 10),
        (True, 5, 0, 100, [6, 7, 8, 9], 10),
        (True, 9, 0, 100, [], 10),
        (True, 5, 14, 100, [6, 7], 8),  # 16 places, 14 taken
        (True, 5, 16, 100, [], 6),
        (True, 5, 20, 100, [], 6),  # a lowered limit
        (True, None, 0, 3, [1, 2, 3], 4),
        (False, None, 0, 100, [9], 10),
        (False, 5, 0, 100, [9], 10),
        (False, 8, 0, 100, [9], 10),
        (False, 9, 0, 100, [], 10),
        (False, 5, 16, 100, [], 9),
    ],
)
def test_due_runs_come_oldest_first_within_the_free_places(
    catchup: bool, last: int | None, active: int, limit: int, made: list[int], following: int
) -> None:
    found = due(day(last) if last else None, active=active, limit=limit, flow=make(catchup=catchup))
    assert days(found) == made
    assert found.next == RunPlan(day(following), day(following).end)


def test_an_interval_is_due_from_the_very_moment_it_ends() -> None:
    assert days(due(day(8), now=day(9).end)) == [9]
    assert days(due(day(8), now=day(9).end - timedelta(microseconds=1))) == []


def test_nothing_is_due_without_a_schedule_or_after_the_end() -> None:
    assert due(None, flow=make(None)) == Due()
    assert due(day(3), flow=make(end=JAN + 2 * DAY, catchup=True)) == Due()
    assert days(due(None, flow=make(end=JAN + 2 * DAY, catchup=True))) == [1, 2, 3]


def test_a_run_made_by_hand_or_by_a_backfill_takes_its_date_from_the_schedule() -> None:
    taken = [day(6).start, day(7).start]
    found = due(day(5), taken=taken, flow=make(catchup=True))
    assert days(found) == [8, 9]
    blocked = due(day(5), active=15, taken=taken, flow=make(catchup=True))
    assert days(blocked) == [8]
    latest = due(day(8), taken=[day(9).start])
    assert (latest.runs, latest.missed) == ((), None)
    assert latest.next is not None
    assert latest.next.interval == day(10)


def test_a_continuous_flow_has_one_run_at_a_time() -> None:
    flow = make("@continuous", max_active_runs=5)
    found = due(None, flow=flow)
    assert [r.interval for r in found.runs] == [DataInterval(JAN, NOW)]
    assert due(found.runs[0].interval, active=1, now=NOW + DAY, flow=flow).runs == ()
    (second,) = due(found.runs[0].interval, now=NOW + DAY, flow=flow).runs
    assert second.interval == DataInterval(NOW, NOW + DAY)


def test_once_runs_once() -> None:
    found = due(None, flow=make("@once"))
    assert [r.interval for r in found.runs] == [DataInterval(JAN, JAN)]
    assert found.next is None
    assert due(found.runs[0].interval, flow=make("@once")) == Due()


def test_a_plan_does_not_depend_on_how_often_it_is_asked_for() -> None:
    flow, timetable = make(catchup=True)
    assert due_runs(flow, timetable, day(2), NOW, active=3) == due_runs(flow, timetable, day(2), NOW, active=3)


class Stuck(Never):
    """A plug-in that names the same interval for ever (apache/airflow #35272)."""

    def next_run(self, *_: object) -> RunPlan | None:
        return RunPlan(day(1), day(1).end)


def test_a_timetable_that_does_not_move_on_is_reported_instead_of_looping() -> None:
    flow, _ = make(catchup=True)
    for ask in (
        lambda: due_runs(flow, Stuck(), None, NOW, active=0),
        lambda: preview(flow, Stuck(), NOW, 5),
    ):
        with pytest.raises(PluginError, match="timetable of flow 'f' goes back"):
            ask()


# ── missed intervals ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("last", "taken", "missed"),
    [
        (None, [], None),
        (8, [], None),
        (7, [], (8, 8, 1)),
        (2, [], (3, 8, 6)),
        (2, [4, 5], (3, 8, 4)),
        (6, [7, 8], None),
    ],
)
def test_without_catchup_what_is_passed_over_is_reported_with_the_run_that_does_it(
    last: int | None, taken: list[int], missed: tuple[int, int, int] | None
) -> None:
    dates = [day(n).start for n in taken] + [day(4).start + timedelta(hours=3)]  # one that is no slot
    found = due(day(last) if last else None, taken=dates)
    assert days(found) == [9]
    summary = found.missed and (found.missed.first.start.day, found.missed.last.start.day, found.missed.count)
    assert summary == missed


def test_nothing_is_missed_with_catchup_or_while_no_run_is_made() -> None:
    assert due(day(2), flow=make(catchup=True)).missed is None
    assert due(day(2), active=16).missed is None
    assert due(day(9)).missed is None
    assert due(None, flow=make("@continuous")).missed is None
    assert due(DataInterval(JAN, JAN + DAY), flow=make("@continuous")).missed is None


def test_missed_dates_of_a_list_are_counted_too() -> None:
    flow = make("dates: 2024-01-02, 2024-01-04, 2024-01-06, 2024-01-08, 2024-02-01", start=None)
    found = due(DataInterval(JAN + DAY, JAN + DAY), flow=flow)
    assert days(found) == [8]
    assert found.missed is not None
    assert (found.missed.first.start.day, found.missed.last.start.day, found.missed.count) == (4, 6, 2)


def test_missed_fixed_intervals_keep_their_grid() -> None:
    flow = make("7h", start=JAN + timedelta(hours=5))
    first = due(None, now=JAN + timedelta(hours=13), flow=flow).runs[0].interval
    found = due(first, flow=flow)
    assert found.missed is not None
    assert found.missed.first.start == first.end
    assert found.missed.last.end == found.runs[0].interval.start
    assert found.missed.count == (found.runs[0].interval.start - first.end) // timedelta(hours=7)


def test_millions_of_missed_intervals_are_counted_without_being_made() -> None:
    flow, timetable = make("* * * * *", start=None, timezone="America/New_York")
    last = DataInterval(datetime(2004, 1, 1, tzinfo=UTC), datetime(2004, 1, 1, 0, 1, tzinfo=UTC))
    began = perf_counter()
    missed = due_runs(flow, timetable, last, NOW, active=0).missed
    assert perf_counter() - began < 10
    assert missed is not None
    assert missed.count == (missed.last.end - missed.first.start) // timedelta(minutes=1)
    assert missed.count > 10_000_000


class Uncountable:
    """A plug-in that offers no more than the protocol asks."""

    def __init__(self) -> None:
        self.inner = Cron("0 0 * * *")

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:
        return self.inner.next_run(last, restriction, now)

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        return self.inner.infer_manual_interval(at)

    def describe(self) -> str:
        return self.inner.describe()

    def to_json(self) -> Mapping[str, Any]:
        return self.inner.to_json()


def test_missed_runs_of_a_timetable_that_cannot_count_are_counted_one_by_one() -> None:
    flow, timetable = make()
    assert due_runs(flow, Uncountable(), day(2), NOW, active=0) == due_runs(flow, timetable, day(2), NOW, active=0)


# ── the preview ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("schedule", "options", "expected"),
    [
        ("@daily", {}, [day(10), day(11), day(12)]),
        ("@daily", {"catchup": True}, [day(10), day(11), day(12)]),
        ("@daily", {"start": None, "catchup": True}, [day(10), day(11), day(12)]),
        ("@daily", {"start": JAN + 40 * DAY}, [day(41), day(42), day(43)]),
        ("@daily", {"end": JAN + 10 * DAY}, [day(10), day(11)]),
        ("@daily", {"end": JAN + 3 * DAY}, []),
        (None, {}, []),
        ("@once", {"start": JAN + 40 * DAY}, [DataInterval(JAN + 40 * DAY, JAN + 40 * DAY)]),
        ("@once", {}, []),
        ("dates: 2024-01-02, 2024-01-20", {"start": None}, [DataInterval(JAN + 19 * DAY, JAN + 19 * DAY)]),
    ],
)
def test_the_preview_shows_the_coming_intervals(
    schedule: str | None, options: dict[str, Any], expected: list[DataInterval]
) -> None:
    assert [p.interval for p in preview(*make(schedule, **options), NOW, 3)] == expected


def test_the_preview_of_a_continuous_flow_is_its_next_run() -> None:
    assert len(preview(*make("@continuous"), NOW, 5)) == 1


def test_a_preview_of_nothing_is_empty() -> None:
    assert preview(*make(), NOW, 0) == []


# ── runs by hand ─────────────────────────────────────────────────────────────────────


def test_a_manual_run_covers_the_last_complete_interval_and_may_start_at_once() -> None:
    flow, timetable = make()
    run = manual_run(flow, timetable, NOW, params={"a": 1}, version="v")
    assert (run.interval, run.logical_date, run.run_after, run.queued_at) == (day(9), day(9).start, NOW, NOW)
    assert (run.run_id, run.run_type) == ("manual__2024-01-09T00:00:00+00:00", RunType.MANUAL)
    assert (run.params, run.version, run.state) == ({"a": 1}, "v", RunState.QUEUED)


@pytest.mark.parametrize("schedule", [None, "@once", "@continuous", "dates: 2024-01-05"])
def test_a_manual_run_without_intervals_covers_the_moment_it_is_about(schedule: str | None) -> None:
    flow, timetable = make(schedule)
    assert manual_run(flow, timetable, NOW).interval == DataInterval(NOW, NOW)
    assert manual_run(flow, timetable, NOW, logical_date=JAN).interval == DataInterval(JAN, JAN)


def test_a_manual_run_for_a_logical_date_covers_the_interval_that_starts_there() -> None:
    flow, timetable = make("@weekly", timezone="America/New_York")
    naive = datetime(2024, 1, 7)  # noqa: DTZ001
    for date in (naive, datetime(2024, 1, 7, 5, tzinfo=UTC)):
        run = manual_run(flow, timetable, NOW, logical_date=date)
        assert run.interval == DataInterval(*(datetime(2024, 1, d, 5, tzinfo=UTC) for d in (7, 14)))
        assert run.run_after == NOW


def test_a_logical_date_where_no_interval_starts_is_refused_with_those_around_it() -> None:
    flow, timetable = make("@weekly", timezone="America/New_York")
    with pytest.raises(UsageError, match=r"No interval of flow 'f' \(every Sunday at 00:00") as caught:
        manual_run(flow, timetable, NOW, logical_date=datetime(2024, 1, 9, tzinfo=UTC))
    assert "2024-01-07 00:00 (to 2024-01-14 00:00) or 2024-01-14 00:00" in caught.value.fix


def test_a_manual_run_takes_an_interval_and_an_id_of_its_own() -> None:
    flow, timetable = make()
    free = DataInterval(JAN + timedelta(hours=3), JAN + timedelta(hours=4))
    run = manual_run(flow, timetable, NOW, interval=free, logical_date=free.start, run_id="rerun-for-audit")
    assert (run.interval, run.run_id) == (free, "rerun-for-audit")
    with pytest.raises(UsageError, match="is not the start of"):
        manual_run(flow, timetable, NOW, interval=free, logical_date=JAN)
    with pytest.raises(UsageError, match="cannot be a run id"):
        manual_run(flow, timetable, NOW, run_id="scheduled__2024-01-01T00:00:00+00:00")


def test_a_manual_run_of_the_future_is_refused() -> None:
    flow, timetable = make()
    with pytest.raises(UsageError, match="2024-01-11 00:00 UTC lies in the future"):
        manual_run(flow, timetable, NOW, logical_date=JAN + 10 * DAY)


# ── clear ────────────────────────────────────────────────────────────────────────────

STATES = {
    "a": TaskState.SUCCESS,
    "b": TaskState.FAILED,
    "c": TaskState.UPSTREAM_FAILED,
    "d": TaskState.NO_STATUS,
    "e": TaskState.SKIPPED,
}
GRAPH = Flow(
    FlowId("f"),
    tasks=tuple(Task(TaskId(t)) for t in "abcde"),
    edges=tuple(Edge(TaskId(x), TaskId(y)) for x, y in ("ab", "bc", "cd", "ae")),
)
ROWS = [TaskRun(TaskId(t), state=s) for t, s in reversed(STATES.items())]


@pytest.mark.parametrize(
    ("tasks", "options", "expected"),
    [
        (None, {}, "abce"),
        (None, {"only_failed": True}, "bc"),
        (["b"], {}, "b"),
        (["b"], {"downstream": True}, "bc"),
        (["b"], {"upstream": True}, "ab"),
        (["c"], {"upstream": True, "downstream": True}, "abc"),
        (["a"], {"downstream": True}, "abce"),
        (["a"], {"downstream": True, "only_failed": True}, "bc"),
        (["e"], {"only_failed": True}, ""),
        (["d"], {}, ""),
        ([], {"downstream": True}, ""),
    ],
)
def test_a_clear_touches_the_chosen_tasks_in_notebook_order(
    tasks: list[str] | None, options: dict[str, bool], expected: str
) -> None:
    assert plan_clear(GRAPH, ROWS, tasks, **options) == tuple(TaskKey(TaskId(t)) for t in expected)


def test_a_clear_touches_every_mapped_copy_and_no_task_the_flow_has_lost() -> None:
    done = TaskState.SUCCESS
    rows = [TaskRun(TaskId("b"), map_index=i, state=done) for i in (2, 0, 1)] + [TaskRun(TaskId("gone"), state=done)]
    assert plan_clear(GRAPH, rows, None) == tuple(TaskKey(TaskId("b"), i) for i in range(3))


def test_a_clear_of_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    flow = replace(GRAPH, tasks=(Task(TaskId("extract")), Task(TaskId("load"))), edges=())
    with pytest.raises(UsageError, match="has no task 'extrct'") as caught:
        plan_clear(flow, [], ["extrct"])
    assert caught.value.fix == "Write extract."
    with pytest.raises(UsageError) as caught:
        plan_clear(flow, [], ["zzz"])
    assert caught.value.fix == "Choose from extract, load."
