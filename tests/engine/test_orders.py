"""Clear, mark and cancel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jupyter_flows.engine.stimuli import CancelAsked, Cleared, Dispatched, Marked, RunStarted, Step, StopAttempt
from jupyter_flows.errors import Conflict, NotFound
from jupyter_flows.model.flow import RetryPolicy, TriggerRule
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.progress import AttemptStarted
from jupyter_flows.model.run import Cancelled, Failed, Lost, Succeeded, TaskKey, TaskRun
from jupyter_flows.model.state import RunState, TaskState

MINUTE = timedelta(minutes=1)
TWICE_MORE = {"retry": RetryPolicy(2, MINUTE)}
Tell = Callable[..., Any]


def key(name: str) -> TaskKey:
    return TaskKey(TaskId(name))


def keys(names: str) -> tuple[TaskKey, ...]:
    return tuple(map(key, names))


# clear


def test_a_cleared_task_gets_all_its_tries_again_and_counts_on(started: Tell) -> None:
    run = started("a", {"a": TWICE_MORE})
    run.do("a", Failed("boom", final=True))
    step = run.tell(Cleared(keys("a")))
    assert step.run.state is RunState.QUEUED
    run.start()
    for number in (2, 3, 4):
        assert run.state("a") is TaskState.SCHEDULED
        assert run.task("a").try_number == number
        run.do("a", Failed("boom"))
        run.wait(MINUTE)
    assert run.state("a") is TaskState.FAILED
    assert run.task("a").max_tries == 4


def test_clearing_a_finished_run_queues_it_again(started: Tell) -> None:
    run = started("a >> b")
    run.do("a")
    run.do("b")
    run.now += MINUTE
    again = run.tell(Cleared(keys("b"))).run
    assert (again.state, again.clear_number, again.queued_at) == (RunState.QUEUED, 1, run.now)
    assert (again.start_date, again.end_date, again.reason) == (None, None, "cleared")
    assert run.ready == []
    run.start()
    assert run.ready == ["b"]
    assert run.states["a"] == "success"


def test_a_cleared_task_keeps_nothing_of_its_last_try(started: Tell) -> None:
    run = started("a")
    run.do("a", Failed("boom"))
    run.tell(Cleared())
    assert run.task("a") == TaskRun(TaskId("a"), try_number=1, max_tries=2)


def test_clearing_in_a_running_run_takes_effect_at_once(started: Tell) -> None:
    run = started("a >> b ; c")
    run.do("a")
    step = run.tell(Cleared(keys("a")))
    assert step.run is None
    assert run.ready == ["a", "b", "c"]


def test_a_cleared_task_waiting_for_its_retry_does_not_wait_longer(started: Tell) -> None:
    run = started("a", {"a": TWICE_MORE})
    run.do("a", Failed("boom"))
    run.tell(Cleared(keys("a")))
    assert run.ready == ["a"]
    assert run.task("a").next_try_at is None


def test_a_scheduled_task_that_is_cleared_loses_no_number(started: Tell) -> None:
    run = started("a", {"a": TWICE_MORE})
    run.tell(Cleared(keys("a")))
    assert (run.state("a"), run.task("a").try_number, run.task("a").max_tries) == (TaskState.SCHEDULED, 1, 3)


@pytest.mark.parametrize("outcome", [Cancelled(), Succeeded(), Failed("boom"), Lost("gone")])
@pytest.mark.parametrize("is_running", [True, False])
def test_a_running_task_that_is_cleared_is_stopped_before_it_runs_again(
    started: Tell, outcome: Any, is_running: bool
) -> None:
    run = started("a >> b", {"a": TWICE_MORE})
    if is_running:
        run.begin("a")
    else:
        run.tell(Dispatched(keys("a")))
    attempt = run.machine.attempt(key("a"))
    step = run.tell(Cleared(keys("a")))
    assert step.commands == (StopAttempt(attempt),)
    assert step.moves == {key("a"): TaskState.RESTARTING}
    assert run.tell(Cleared(keys("a"))) == Step()
    assert run.tell(AttemptStarted(attempt, "t", run.now)) == Step()
    run.end("a", outcome)
    assert (run.state("a"), run.task("a").try_number, run.task("a").max_tries) == (TaskState.SCHEDULED, 2, 4)


def test_clearing_tasks_of_a_queued_run_leaves_it_queued(story: Tell) -> None:
    run = story("a >> b")
    assert run.tell(Cleared()) == Step()
    assert run.run_state is RunState.QUEUED


def test_clearing_nothing_or_something_unknown_changes_nothing(started: Tell) -> None:
    run = started("a")
    run.do("a")
    assert run.tell(Cleared(())) == Step()
    with pytest.raises(NotFound, match="no task 'x'"):
        run.tell(Cleared(keys("ax")))
    assert run.state("a") is TaskState.SUCCESS


def test_only_the_named_tasks_are_cleared(started: Tell) -> None:
    run = started("a >> b >> c")
    for name in "abc":
        run.do(name)
    run.tell(Cleared(keys("ac")))
    assert run.states == {"a": "no_status", "b": "success", "c": "no_status"}
    run.start()
    assert run.ready == ["a", "c"]


# mark


def test_a_task_marked_success_lets_the_run_go_on(started: Tell) -> None:
    run = started("a >> b")
    step = run.tell(Marked(keys("a"), TaskState.SUCCESS))
    assert step.moves == {key("a"): TaskState.SUCCESS, key("b"): TaskState.SCHEDULED}
    assert (run.task("a").reason, run.task("a").try_number) == ("marked success", 0)


@pytest.mark.parametrize("state", [TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED])
def test_a_running_task_that_is_marked_is_stopped_and_its_end_is_ignored(started: Tell, state: TaskState) -> None:
    run = started("a ; b")
    run.begin("a")
    assert run.tell(Marked(keys("a"), state)).commands == (StopAttempt(run.machine.attempt(key("a"))),)
    assert run.end("a", Failed("killed")) == Step()
    assert run.state("a") is state


def test_marking_what_already_is_so_changes_nothing(started: Tell) -> None:
    run = started("a")
    run.do("a")
    assert run.tell(Marked(keys("a"), TaskState.SUCCESS)) == Step()


def test_marking_a_task_that_is_over_leaves_how_long_it_took(started: Tell) -> None:
    run = started("a ; b")
    run.do("a")
    before = run.task("a")
    run.now += MINUTE
    run.tell(Marked(keys("ab"), TaskState.FAILED))
    assert (run.task("a").start_date, run.task("a").end_date) == (before.start_date, before.end_date)
    assert run.task("b").end_date == run.now


def test_what_failed_only_because_of_a_task_marked_success_gets_its_chance(started: Tell) -> None:
    run = started("a >> b >> c ; x >> y")
    run.do("a", Failed("boom"))
    run.do("x", Failed("boom"))
    assert run.run_state is RunState.FAILED
    step = run.tell(Marked(keys("a"), TaskState.SUCCESS))
    assert (step.run.state, step.run.clear_number) == (RunState.QUEUED, 1)
    run.start()
    assert run.states == {
        "a": "success",
        "b": "scheduled",
        "c": "no_status",
        "x": "failed",
        "y": "upstream_failed",
    }


def test_a_finished_run_follows_its_leaf_that_is_marked(started: Tell) -> None:
    run = started("a >> b")
    run.do("a")
    run.do("b", Failed("boom"))
    assert run.tell(Marked(keys("b"), TaskState.SUCCESS)).run.state is RunState.SUCCESS
    assert run.tell(Marked(keys("b"), TaskState.FAILED)).run.state is RunState.FAILED


def test_a_run_that_was_cancelled_stays_failed_when_its_tasks_are_marked(started: Tell) -> None:
    run = started("a >> b")
    run.tell(CancelAsked())
    run.tell(Marked(keys("ab"), TaskState.SUCCESS))
    assert run.run_state is RunState.FAILED


def test_a_run_marked_success_ends_with_its_running_tasks(started: Tell) -> None:
    run = started("a >> b ; c")
    run.begin("a")
    step = run.tell(Marked(None, TaskState.SUCCESS))
    assert run.states == {"a": "success", "b": "skipped", "c": "skipped"}
    assert (step.run.state, step.run.reason) == (RunState.SUCCESS, "marked success")
    assert step.commands == (StopAttempt(run.machine.attempt(key("a"))),)


def test_a_finished_run_can_be_marked_otherwise(started: Tell) -> None:
    run = started("a")
    run.do("a")
    assert run.tell(Marked(None, TaskState.FAILED)).run.state is RunState.FAILED
    assert run.state("a") is TaskState.SUCCESS
    assert run.tell(Marked(None, TaskState.FAILED)) == Step()


def test_only_ends_can_be_marked(started: Tell) -> None:
    run = started("a")
    with pytest.raises(Conflict, match="cannot be marked running"):
        run.tell(Marked(keys("a"), TaskState.RUNNING))
    with pytest.raises(Conflict, match="cannot be marked skipped"):
        run.tell(Marked(None, TaskState.SKIPPED))
    with pytest.raises(NotFound):
        run.tell(Marked(keys("z"), TaskState.FAILED))


def test_a_task_marked_before_the_run_starts_is_not_run(story: Tell) -> None:
    run = story("a >> b")
    run.tell(Marked(keys("a"), TaskState.SUCCESS))
    assert run.run_state is RunState.QUEUED
    run = run.rebuilt()
    step = run.tell(RunStarted())
    assert run.ready == ["b"]
    assert set(step.moves) == {key("b")}


# cancel


def test_cancelling_a_run_stops_what_runs_and_skips_the_rest(started: Tell) -> None:
    run = started("a >> b ; c ; d ; e", {"d": TWICE_MORE})
    run.begin("a")
    run.tell(Dispatched(keys("c")))
    run.do("d", Failed("boom"))
    step = run.tell(CancelAsked())
    assert run.states == {"a": "failed", "b": "skipped", "c": "failed", "d": "failed", "e": "skipped"}
    assert {row.reason for row in step.task_runs} == {"cancelled"}
    assert {c.attempt.task_id for c in step.commands} == {"a", "c"}
    assert (step.run.state, step.run.reason, step.run.end_date) == (RunState.FAILED, "cancelled", run.now)
    assert run.end("a", Cancelled()) == Step()
    assert run.machine.wake_at is None
    assert run.task("e").try_number == 0


def test_a_queued_run_can_be_cancelled(story: Tell) -> None:
    run = story("a >> b")
    step = run.tell(CancelAsked())
    assert step.run.state is RunState.FAILED
    assert run.states == {"a": "skipped", "b": "skipped"}


def test_cancelling_a_finished_run_changes_nothing(started: Tell) -> None:
    run = started("a")
    run.do("a")
    assert run.tell(CancelAsked()) == Step()
    assert run.tell(CancelAsked(keys("a"))) == Step()


def test_a_cancelled_task_fails_without_a_retry_and_the_run_goes_on(started: Tell) -> None:
    run = started("a >> b ; c", {"a": TWICE_MORE, "b": {"trigger_rule": TriggerRule.ALL_DONE}})
    run.begin("a")
    step = run.tell(CancelAsked(keys("a")))
    assert step.commands == (StopAttempt(run.machine.attempt(key("a"))),)
    assert run.states == {"a": "failed", "b": "scheduled", "c": "scheduled"}
    assert run.run_state is RunState.RUNNING


def test_a_cancelled_run_can_be_cleared_and_run_again(started: Tell) -> None:
    run = started("a >> b")
    run.begin("a")
    run.tell(CancelAsked())
    run.tell(Cleared())
    run.start()
    run.do("a")
    run.do("b")
    assert run.run_state is RunState.SUCCESS
    assert run.task("a").try_number == 2


def test_cancelling_an_unknown_task_is_refused(started: Tell) -> None:
    run = started("a")
    with pytest.raises(NotFound, match="no task 'x'"):
        run.tell(CancelAsked(keys("ax")))
    assert run.ready == ["a"]


def test_a_task_cleared_while_it_waits_gets_all_its_tries_too(started: Tell) -> None:
    run = started("a >> b", {"b": TWICE_MORE})
    run.do("a")
    run.do("b", Failed("boom"))
    run.wait(MINUTE)
    run.begin("b")
    run.tell(Cleared(keys("a")))
    run.end("b", Lost("gone"))
    assert (run.state("b"), run.task("b").max_tries) == (TaskState.NO_STATUS, 4)
    assert run.tell(Cleared(keys("b"))).task_runs == (run.task("b"),)
    assert run.task("b").max_tries == 5
