"""Runs, backfills and requests: asked of the facade, carried out by a scheduler, seen in the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from jupyter_flows.errors import Conflict, DefinitionError, NotFound, UsageError
from jupyter_flows.model.flow import Parameter
from jupyter_flows.model.ids import RunType
from jupyter_flows.model.intent import IntentKind
from jupyter_flows.model.run import Failed, Succeeded
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.testing import make_flow

DAILY = {"schedule": "@daily", "max_active_runs": 16}


@pytest.fixture
def daily(world: Any) -> Any:
    return world.deploy(make_flow("a >> b", **DAILY))


# ── trigger ──────────────────────────────────────────────────────────────────────────────


def test_a_new_run_covers_the_latest_complete_interval(world: Any, daily: Any) -> None:
    asked = world.flows.trigger(daily)
    assert (asked.again, asked.joined) == (False, False)
    world.go()
    run = world.finish(asked.key)
    assert run.state is RunState.SUCCESS
    assert run.run_type is RunType.MANUAL
    assert run.interval.start.isoformat() == "2024-01-09T00:00:00+00:00"
    assert world.states(asked.key) == {"a": "success", "b": "success"}


def test_asking_again_repeats_the_finished_run_and_keeps_its_attempts(world: Any, daily: Any) -> None:
    world.go()
    first = world.flows.trigger(daily)
    world.finish(first.key)
    second = world.flows.trigger(daily)
    assert (second.key, second.again) == (first.key, True)
    world.finish(second.key)
    assert world.tries(first.key, "a") == ["Succeeded", "Succeeded"]
    assert len(world.runs()) == 1


def test_asking_again_uses_the_flow_as_it_is_now(world: Any, daily: Any) -> None:
    world.go()
    key = world.flows.trigger(daily).key
    world.finish(key)
    newer = world.deploy(make_flow("a >> b >> c", **DAILY))
    world.flows.trigger(newer)
    assert world.finish(key).version == newer.version
    assert world.states(key) == {"a": "success", "b": "success", "c": "success"}


def test_a_run_under_way_is_joined(world: Any, daily: Any) -> None:
    executor = world.hang("a")
    world.go()
    first = world.flows.trigger(daily)
    world.until(executor.running)
    second = world.flows.trigger(daily)
    assert (second.key, second.joined) == (first.key, True)
    executor.finish(executor.running()[0], Succeeded())
    world.finish(first.key)
    assert executor.tries or len(executor.jobs) == 2


def test_a_date_names_the_interval_that_starts_then(world: Any, daily: Any) -> None:
    asked = world.flows.trigger(daily, at="2024-01-03")
    assert asked.key.run_id == "manual__2024-01-03T00:00:00+00:00"
    with pytest.raises(UsageError, match="starts at"):
        world.flows.trigger(daily, at="2024-01-03T05:00")


def test_an_interval_of_a_backfill_is_not_run_a_second_time_under_another_id(world: Any, daily: Any) -> None:
    world.go()
    backfill = world.flows.backfill(daily, "2024-01-03", "2024-01-03").backfill
    world.until(lambda: world.flows.is_backfill_over(backfill.id))
    asked = world.flows.trigger(daily, at="2024-01-03")
    assert asked.again
    assert asked.key.run_id.startswith("backfill__")


@pytest.fixture
def with_parameter(world: Any) -> Any:
    return world.deploy(make_flow("a", params=(Parameter("alpha", "float", default=0.5),), **DAILY))


def test_parameters_are_coerced_and_reach_the_job(world: Any, with_parameter: Any) -> None:
    world.go()
    key = world.flows.trigger(with_parameter, params={"alpha": "0.25"}).key
    assert world.finish(key).params == {"alpha": 0.25}


def test_an_unknown_parameter_is_refused_before_anything_runs(world: Any, with_parameter: Any) -> None:
    with pytest.raises(DefinitionError, match="alpha"):
        world.flows.trigger(with_parameter, params={"alpa": "1"})
    assert world.runs() == []


def test_repeating_without_parameters_keeps_those_the_run_had(world: Any, with_parameter: Any) -> None:
    world.go()
    key = world.flows.trigger(with_parameter, params={"alpha": "0.25"}).key
    world.finish(key)
    assert world.flows.trigger(with_parameter).again
    assert world.finish(key).params == {"alpha": 0.25}


@pytest.mark.parametrize("is_over", [True, False])
def test_other_parameters_for_an_interval_that_has_a_run_are_refused(
    world: Any, with_parameter: Any, is_over: bool
) -> None:
    key = world.flows.trigger(with_parameter, params={"alpha": "0.25"}).key
    if is_over:
        world.go()
        world.finish(key)
    with pytest.raises(Conflict, match=r"The interval \d{4}-\d\d-\d\d .* other parameters"):
        world.flows.trigger(with_parameter, params={"alpha": "0.75"})


# ── backfill ─────────────────────────────────────────────────────────────────────────────


def finished(world: Any, asked: Any) -> Any:
    assert asked.backfill is not None
    world.until(lambda: world.flows.is_backfill_over(asked.backfill.id), "the end of the backfill")
    return world.store.backfill(asked.backfill.id)


def test_a_backfill_runs_each_interval_once_and_never_more_than_parallel(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", **DAILY))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-08", parallel=3)
    world.go()
    while not world.flows.is_backfill_over(asked.backfill.id):
        for attempt in executor.running():
            executor.finish(attempt, Succeeded())
    assert executor.max_running <= 3
    assert [j.attempt.run_id[10:20] for j in executor.jobs] == [f"2024-01-0{d}" for d in range(1, 9)]
    assert finished(world, asked).state is RunState.SUCCESS


def test_parallel_is_a_cap_of_runs_and_slots_of_tasks(world: Any) -> None:
    world.flows, executor = world.process(slots=2)
    flow = world.deploy(make_flow("a >> b, c, d", **DAILY))
    executor._hang |= {"a", "b", "c", "d"}
    world.flows.backfill(flow, "2024-01-01", "2024-01-06", parallel=4)
    world.go()
    world.until(lambda: len(executor.running()) == 2)
    assert len({r.key for r in world.store.runs(states=[RunState.RUNNING])}) == 4
    for _ in range(24):
        world.until(executor.running)
        executor.finish(executor.running()[0], Succeeded())
    world.until(lambda: not world.store.backfills(active=True))
    assert executor.max_running == 2


def test_reverse_begins_with_the_newest_interval(world: Any, daily: Any) -> None:
    asked = world.flows.backfill(daily, "2024-01-01", "2024-01-03", parallel=1, reverse=True)
    world.go()
    finished(world, asked)
    days = [j.attempt.run_id[10:20] for j in world.executor.jobs if j.attempt.task_id == "a"]
    assert days == ["2024-01-03", "2024-01-02", "2024-01-01"]


def test_a_dry_run_makes_nothing(world: Any, daily: Any) -> None:
    asked = world.flows.backfill(daily, "2024-01-01", "2024-01-03", dry_run=True)
    assert [r.action.value for r in asked.plan.rows] == ["create"] * 3
    assert asked.backfill is None
    assert world.runs() == []


def outcome_of_three_days(world: Any) -> Any:
    """The second of three days has failed."""
    world.script(a=[Succeeded(), Failed("no data"), Succeeded()])
    flow = world.deploy(make_flow("a", **DAILY))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-03", parallel=1)
    world.go()
    assert finished(world, asked).state is RunState.FAILED
    assert [r.state.value for r in world.runs()] == ["success", "failed", "success"]
    world.executor.jobs.clear()
    return flow


@pytest.mark.parametrize(
    ("reprocess", "again"),
    [("missing", ["04"]), ("failed", ["02", "04"]), ("all", ["01", "02", "03", "04"])],
)
def test_reprocess_says_which_intervals_are_repeated(world: Any, reprocess: str, again: list[str]) -> None:
    flow = outcome_of_three_days(world)
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-04", reprocess=reprocess, parallel=1)
    assert finished(world, asked).state is RunState.SUCCESS
    assert [j.attempt.run_id[18:20] for j in world.executor.jobs] == again
    assert len(world.runs()) == 4


def test_nothing_to_do_is_no_backfill(world: Any) -> None:
    flow = outcome_of_three_days(world)
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-03")
    assert asked.backfill is None
    assert {r.action.value for r in asked.plan.rows} == {"skip"}


def test_the_same_backfill_is_joined_and_another_refused(world: Any, daily: Any) -> None:
    first = world.flows.backfill(daily, "2024-01-01", "2024-01-03")
    second = world.flows.backfill(daily, "2024-01-01", "2024-01-03")
    assert second.joined
    assert second.backfill.id == first.backfill.id
    with pytest.raises(Conflict, match="backfill"):
        world.flows.backfill(daily, "2024-01-01", "2024-01-05")
    world.go()
    finished(world, first)
    assert len(world.executor.jobs) == 6


def test_a_backfill_asked_for_by_two_at_the_same_moment_is_one(world: Any, daily: Any) -> None:
    """The other process stores its backfill between our look and our writing."""
    asked = world.flows.backfill(daily, "2024-01-01", "2024-01-03")
    with pytest.MonkeyPatch.context() as patch:
        active = world.store.backfills(active=True)
        patch.setattr(world.store, "backfills", Mock(side_effect=[[], active, active]))
        patch.setattr(world.store, "runs", Mock(return_value=[]))
        second = world.flows.backfill(daily, "2024-01-01", "2024-01-03")
    assert second.joined
    assert second.backfill.id == asked.backfill.id


def test_a_backfill_of_nothing_but_tasks_that_need_no_kernel_ends_at_once(world: Any) -> None:
    flow = world.deploy(make_flow("a >> b", tasks={"a": {"kind": "empty"}, "b": {"kind": "empty"}}, **DAILY))
    asked = world.flows.backfill(flow, "2023-01-01", "2023-12-31", parallel=1)
    world.go()
    assert finished(world, asked).state is RunState.SUCCESS
    assert len(world.runs()) == 365


def test_a_backfill_whose_requests_are_all_refused_ends(world: Any) -> None:
    """A run that moved between plan and deed cannot change its version: its backfill has nothing to wait for."""
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", **DAILY))
    world.go()
    key = world.flows.trigger(flow, at="2024-01-03").key
    world.until(executor.running)
    executor.finish(executor.running()[0], Succeeded())
    world.finish(key)
    world.flows.host.stop()
    world.flows.trigger(flow, at="2024-01-03")  # under way again, as soon as somebody obeys
    newer = world.deploy(make_flow("a >> z", **DAILY))
    asked = world.flows.backfill(newer, "2024-01-03", "2024-01-03", reprocess="all")
    world.go()
    world.until(lambda: executor.running() or world.flows.is_backfill_over(asked.backfill.id))
    for attempt in executor.running():
        executor.finish(attempt, Succeeded())
    finished(world, asked)
    world.finish(key)


def test_runs_that_depend_on_their_past_go_on_when_the_earlier_one_has(world: Any) -> None:
    flow = world.deploy(make_flow("a >> b", tasks={"a": {"depends_on_past": True}}, **DAILY))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-05", parallel=4, reprocess="failed")
    world.go()
    assert finished(world, asked).state is RunState.SUCCESS
    first = [j.attempt.run_id for j in world.executor.jobs if j.attempt.task_id == "a"]
    assert first == sorted(first)


def test_a_run_that_waits_for_a_failed_one_goes_on_once_that_is_repaired(world: Any) -> None:
    world.script(a=[Failed("boom")])
    flow = world.deploy(make_flow("a", tasks={"a": {"depends_on_past": True}}, **DAILY))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-03", parallel=3, reprocess="failed")
    world.go()
    first = world.runs()[0].key
    world.until(lambda: world.store.run(first).state is RunState.FAILED)
    world.restart()  # who waits must be remembered by the rows alone
    world.flows.clear(first)
    finished(world, asked)
    assert [r.state.value for r in world.runs()] == ["success"] * 3


# ── clear, retry, mark, cancel ───────────────────────────────────────────────────────────


def test_clear_runs_a_task_and_what_follows_again(world: Any) -> None:
    flow = world.deploy(make_flow("a >> b >> c", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    world.finish(key)
    assert [k.task_id for k in world.flows.would_clear(key, ["b"])] == ["b", "c"]
    assert [k.task_id for k in world.flows.would_clear(key, ["b"], upstream=True, downstream=False)] == ["a", "b"]
    world.flows.clear(key, ["b"])
    assert world.finish(key).clear_number == 1
    assert [len(world.tries(key, t)) for t in "abc"] == [1, 2, 2]


def test_only_failed_clears_what_failed_and_what_it_blocked(world: Any) -> None:
    world.script(b=[Failed("boom")])
    flow = world.deploy(make_flow("a >> b >> c", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    assert world.finish(key).state is RunState.FAILED
    world.flows.clear(key, only_failed=True)
    assert world.finish(key).state is RunState.SUCCESS
    assert [len(world.tries(key, t)) for t in "abc"] == [1, 2, 1]


def test_a_cleared_run_uses_its_own_version_unless_the_latest_is_asked_for(world: Any) -> None:
    flow = world.deploy(make_flow("a", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    world.finish(key)
    newer = world.deploy(make_flow("a >> z", **DAILY))
    world.flows.clear(key)
    assert world.finish(key).version == flow.version
    world.flows.clear(key, latest=True)
    assert world.finish(key).version == newer.version
    assert "z" in world.states(key)


def test_a_run_under_way_cannot_change_its_version_and_goes_on_as_it_was(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(executor.running)
    world.deploy(make_flow("a >> z", **DAILY))
    request = world.flows.clear(key, latest=True)
    with pytest.raises(Conflict, match="is under way"):
        world.until(lambda: world.flows.answer(request))
    executor.finish(executor.running()[0], Succeeded())
    run = world.finish(key)
    assert (run.state, run.version) == (RunState.SUCCESS, flow.version)


def test_clearing_a_task_that_runs_stops_it_first(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(executor.running)
    executor._hang.clear()
    world.flows.clear(key)
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Cancelled", "Succeeded"]


def test_tasks_and_runs_can_be_marked(world: Any) -> None:
    world.script(a=[Failed("boom")])
    flow = world.deploy(make_flow("a >> b", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    assert world.finish(key).state is RunState.FAILED
    world.flows.mark(key, "success", ["a"])
    assert world.finish(key).state is RunState.SUCCESS
    assert world.states(key) == {"a": "success", "b": "success"}
    world.flows.mark(key, "failed")
    assert world.finish(key).state is RunState.FAILED


def test_marks_that_cannot_be_are_refused_at_once(world: Any, daily: Any) -> None:
    key = world.flows.trigger(daily).key
    with pytest.raises(UsageError, match="not 'done'"):
        world.flows.mark(key, "done")
    with pytest.raises(UsageError, match="cannot be marked skipped"):
        world.flows.mark(key, "skipped")
    with pytest.raises(NotFound, match="no task 'x'"):
        world.flows.mark(key, "success", ["x"])


def test_a_cancelled_run_stops_its_tasks(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a >> b", **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(executor.running)
    request = world.flows.cancel(key)
    world.until(lambda: world.flows.is_settled(request))
    assert world.store.run(key).state is RunState.FAILED
    assert world.states(key) == {"a": "failed", "b": "skipped"}
    assert executor.running() == []


def test_a_queued_run_can_be_cancelled_marked_and_cleared(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", schedule="@daily", max_active_runs=1))
    world.go()
    running = world.flows.trigger(flow, at="2024-01-02").key
    world.until(executor.running)
    key = world.flows.trigger(flow, at="2024-01-03").key
    request = world.flows.clear(key)
    world.until(lambda: world.flows.is_settled(request))
    assert world.store.run(key).state is RunState.QUEUED
    request = world.flows.cancel(key)
    world.until(lambda: world.flows.is_settled(request))
    assert world.store.run(key).state is RunState.FAILED
    executor.finish(executor.running()[0], Succeeded())
    world.finish(running)
    world.flows.clear(key)
    world.until(executor.running)
    executor.finish(executor.running()[0], Succeeded())
    assert world.finish(key).state is RunState.SUCCESS


def test_a_cancelled_backfill_drops_queued_runs_and_lets_running_ones_finish(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", **DAILY))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-05", parallel=1)
    world.go()
    world.until(executor.running)
    request = world.flows.steer_backfill(asked.backfill.id, IntentKind.CANCEL_BACKFILL)
    world.until(lambda: world.flows.is_settled(request))
    executor.finish(executor.running()[0], Succeeded())
    assert finished(world, asked).state is RunState.FAILED
    assert [r.state.value for r in world.runs()] == ["success"] + ["failed"] * 4
    assert len(executor.jobs) == 1


def test_a_paused_backfill_waits_until_it_is_resumed(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", **DAILY))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-02", parallel=1)
    world.go()
    world.until(executor.running)
    pause = world.flows.steer_backfill(asked.backfill.id, IntentKind.PAUSE_BACKFILL)
    world.until(lambda: world.flows.is_settled(pause))
    executor.finish(executor.running()[0], Succeeded())
    world.until(lambda: world.runs()[0].state is RunState.SUCCESS)
    other = world.flows.trigger(flow, at="2024-01-09").key  # a whole round of the scheduler has passed by then
    world.until(executor.running)
    assert executor.running()[0].run_id == other.run_id
    assert world.runs()[1].state is RunState.QUEUED
    executor._hang.clear()
    executor.finish(executor.running()[0], Succeeded())
    world.flows.steer_backfill(asked.backfill.id, IntentKind.RESUME_BACKFILL)
    assert finished(world, asked).state is RunState.SUCCESS


def test_a_request_about_a_run_that_is_unknown_is_refused_where_it_is_made(world: Any, daily: Any) -> None:
    key = world.flows.trigger(daily).key
    with pytest.raises(NotFound):
        world.flows.clear(key._replace(run_id="nothing"))
    with pytest.raises(NotFound, match="Did you mean a"):
        world.flows.clear(key, ["aa"])


# ── finding ──────────────────────────────────────────────────────────────────────────────


def test_a_run_is_found_by_its_id_a_part_of_it_its_date_or_as_the_newest(world: Any, daily: Any) -> None:
    for day in ("2024-01-03", "2024-01-04"):
        world.flows.trigger(daily, at=day)
    find = world.flows.find_run
    assert find(daily.flow.id).run_id == "manual__2024-01-04T00:00:00+00:00"
    for text in ("manual__2024-01-03T00:00:00+00:00", "2024-01-03", "01-03", "manual__2024-01-03"):
        assert find(daily.flow.id, text).run_id == "manual__2024-01-03T00:00:00+00:00"
    with pytest.raises(NotFound, match="could be 2 runs"):
        find(daily.flow.id, "manual")
    with pytest.raises(NotFound, match="no run 'x'"):
        find(daily.flow.id, "x")


@pytest.mark.usefixtures("daily")
def test_an_unknown_flow_is_answered_with_the_nearest_name(world: Any) -> None:
    with pytest.raises(NotFound, match="Did you mean example"):
        world.flows.resolve("exmple")


def test_retries_wait_for_their_delay_and_keep_every_attempt(world: Any) -> None:
    world.script(a=[Failed("one"), Failed("two")])
    flow = world.deploy(make_flow("a", retries=2, retry_delay=timedelta(minutes=1), **DAILY))
    world.go()
    key = world.flows.trigger(flow).key
    for tries in (["Failed"], ["Failed", "Failed"]):
        world.until(lambda t=tries: (world.tries(key, "a"), world.states(key).get("a")) == (t, "up_for_retry"))
        world.clock.advance(timedelta(minutes=1))
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Failed", "Failed", "Succeeded"]
