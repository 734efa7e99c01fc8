"""What follows from what happens to a run, one sentence at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from jupyter_flows.engine.board import Board
from jupyter_flows.engine.retry import MAX_LOSSES, retry_delay
from jupyter_flows.engine.stimuli import Dispatched, RunStarted, Step, StopAttempt, Tick, WakeAt
from jupyter_flows.errors import Conflict, NotFound
from jupyter_flows.model.event import CELL_FINISHED, CELL_STARTED, RUN_MOVED, TASK_RUN_MOVED
from jupyter_flows.model.flow import RetryPolicy, TriggerRule
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellFinished, CellStarted
from jupyter_flows.model.run import (
    Cancelled,
    Died,
    Failed,
    Lost,
    NotStarted,
    Outcome,
    SkipAsked,
    Succeeded,
    TaskKey,
    TaskRun,
    TimedOut,
)
from jupyter_flows.model.state import RunState, TaskState

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
ONCE_MORE = {"retry": RetryPolicy(1, MINUTE)}
Tell = Callable[..., Any]


def key(name: str) -> TaskKey:
    return TaskKey(TaskId(name))


# starting


def test_starting_a_run_makes_its_roots_ready_and_stores_every_task_run(story: Tell) -> None:
    run = story("a, b >> c")
    step = run.tell(RunStarted())
    assert step.moves == {
        key("a"): TaskState.SCHEDULED,
        key("b"): TaskState.SCHEDULED,
        key("c"): TaskState.NO_STATUS,
    }
    assert step.run.state is RunState.RUNNING
    assert step.run.start_date == run.now
    assert run.ready == ["a", "b"]


def test_a_run_that_was_not_started_does_nothing(story: Tell) -> None:
    run = story("a >> b")
    assert run.tell(Tick()).is_empty
    assert run.ready == []


def test_starting_twice_changes_nothing(started: Tell) -> None:
    assert started("a >> b").tell(RunStarted()).is_empty


def test_a_finished_run_cannot_be_started(started: Tell) -> None:
    run = started("a")
    run.do("a")
    with pytest.raises(Conflict, match="Clear it"):
        run.tell(RunStarted())


def test_an_empty_flow_succeeds_when_it_starts(story: Tell) -> None:
    run = story("")
    step = run.tell(RunStarted())
    assert [event.data["state"] for event in step.events] == ["running", "success"]
    assert run.machine.is_finished


# the ordinary life of a task


def test_a_task_goes_from_scheduled_to_success_and_lets_the_next_one_run(started: Tell) -> None:
    run = started("a >> b")
    assert run.tell(Dispatched((key("a"),))).moves == {key("a"): TaskState.QUEUED}
    attempt = run.machine.attempt(key("a"))
    assert attempt.try_number == 1
    run.now += MINUTE
    assert run.tell(AttemptStarted(attempt, "t", run.now)).moves == {key("a"): TaskState.RUNNING}
    run.now += MINUTE
    step = run.tell(AttemptFinished(attempt, "t", Succeeded(), run.now))
    assert step.moves == {key("a"): TaskState.SUCCESS, key("b"): TaskState.SCHEDULED}
    assert run.task("a").end_date - run.task("a").start_date == MINUTE


def test_every_move_is_told_with_its_facts(started: Tell) -> None:
    run = started("a")
    step = run.do("a", Failed("boom", "ValueError", line=3))
    moved, ended = step.events
    assert moved.kind == TASK_RUN_MOVED
    assert moved.data == {
        "task_id": "a",
        "map_index": -1,
        "state": "failed",
        "try_number": 1,
        "reason": "ValueError: boom (line 3)",
    }
    assert (ended.kind, ended.data) == (RUN_MOVED, {"state": "failed", "reason": "failed: a"})
    assert {(e.flow_id, e.run_id, e.at) for e in step.events} == {("f", "r", run.now)}


def test_only_ready_tasks_can_be_dispatched_and_a_refusal_changes_nothing(started: Tell) -> None:
    run = started("a >> b")
    with pytest.raises(Conflict, match="'b' of run r cannot start: it is no_status"):
        run.tell(Dispatched((key("a"), key("b"))))
    assert run.ready == ["a"]
    with pytest.raises(NotFound, match="no task 'aa'"):
        run.tell(Dispatched((key("aa"),)))


def test_cells_are_told_while_their_attempt_is_the_newest(started: Tell) -> None:
    run = started("a")
    run.begin("a")
    attempt = run.machine.attempt(key("a"))
    first = run.tell(CellStarted(attempt, 0, 2, run.now))
    assert [e.kind for e in first.events] == [CELL_STARTED]
    assert first.events[0].data == {"task_id": "a", "map_index": -1, "try_number": 1, "cell": 0, "cells": 2}
    second = run.tell(CellFinished(attempt, 0, 2, False, run.now))
    assert second.events[0].kind == CELL_FINISHED
    assert second.events[0].data["ok"] is False
    assert run.tell(CellStarted(attempt._replace(try_number=0), 1, 2, run.now)).is_empty
    assert not first.task_runs


def test_an_attempt_that_never_said_it_started_may_still_end(started: Tell) -> None:
    run = started("a")
    run.tell(Dispatched((key("a"),)))
    run.end("a", Succeeded())
    assert run.state("a") is TaskState.SUCCESS
    assert run.task("a").start_date == run.now


# how attempts end


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Succeeded(), "success", ""),
        (Succeeded(stopped_early=True), "success", "stopped early by sys.exit(0)"),
        (SkipAsked("nothing new"), "skipped", "nothing new"),
        (Failed("boom"), "up_for_retry", "boom"),
        (Failed("no use", final=True), "failed", "no use"),
        (Died("killed by signal 9"), "up_for_retry", "killed by signal 9"),
        (TimedOut(MINUTE), "up_for_retry", "timed out after 60 s"),
        (NotStarted("no kernel 'x'"), "up_for_retry", "no kernel 'x'"),
        (Cancelled(), "failed", "cancelled"),
        (Cancelled("by the admin"), "failed", "cancelled: by the admin"),
        (Lost("the host went away"), "scheduled", "lost 1 in a row: the host went away"),
    ],
)
def test_an_outcome_decides_the_state_of_its_task(started: Tell, outcome: Outcome, state: str, reason: str) -> None:
    run = started("a >> b", {"a": ONCE_MORE})
    run.do("a", outcome)
    assert (run.state("a").value, run.task("a").reason) == (state, reason)


def test_a_retry_waits_for_its_delay(started: Tell) -> None:
    run = started("extract >> clean", {"extract": ONCE_MORE})
    step = run.do("extract", Failed("boom"))
    assert step.moves == {key("extract"): TaskState.UP_FOR_RETRY}
    assert step.commands == (WakeAt(run.now + MINUTE),)
    assert run.machine.wake_at == run.now + MINUTE
    assert run.wait(timedelta(seconds=59)).is_empty
    assert run.wait(timedelta(seconds=1)).moves == {key("extract"): TaskState.SCHEDULED}
    assert run.task("extract").try_number == 2
    assert run.machine.wake_at is None


def test_the_delay_counts_from_the_end_of_the_attempt(started: Tell) -> None:
    run = started("a", {"a": ONCE_MORE})
    run.begin("a")
    ended = run.now
    run.now += 5 * MINUTE
    step = run.tell(AttemptFinished(run.machine.attempt(key("a")), "t", Failed("boom"), ended))
    assert [e.data["state"] for e in step.events] == ["up_for_retry", "scheduled"]


def test_retries_run_out_after_the_promised_number_of_tries(started: Tell) -> None:
    run = started("a", {"a": {"retry": RetryPolicy(2, MINUTE)}})
    for _ in range(2):
        run.do("a", Failed("boom"))
        run.wait(MINUTE)
    run.do("a", Failed("boom"))
    assert run.state("a") is TaskState.FAILED
    assert run.task("a").try_number == 3
    assert run.run_state is RunState.FAILED


def test_a_lost_attempt_does_not_eat_a_retry(started: Tell) -> None:
    run = started("a", {"a": ONCE_MORE})
    run.do("a", Lost("gone"))
    run.do("a", Failed("boom"))
    assert run.state("a") is TaskState.UP_FOR_RETRY
    run.wait(MINUTE)
    run.do("a", Failed("boom"))
    assert run.state("a") is TaskState.FAILED
    assert run.task("a").try_number == 3


def test_a_lost_attempt_of_a_task_that_must_not_run_twice_fails_it(started: Tell) -> None:
    run = started("a", {"a": {"idempotent": False, **ONCE_MORE}})
    run.do("a", Lost("gone"))
    assert run.state("a") is TaskState.FAILED
    assert "not idempotent" in run.task("a").reason


def test_a_task_that_keeps_getting_lost_fails_even_across_restarts_of_the_scheduler(started: Tell) -> None:
    run = started("a", {"a": ONCE_MORE})
    for _ in range(MAX_LOSSES - 1):
        run.do("a", Lost("gone"))
        assert run.state("a") is TaskState.SCHEDULED
        run = run.rebuilt()
    run.do("a", Lost("gone"))
    assert run.state("a") is TaskState.FAILED
    assert run.task("a").reason == "lost 5 in a row: gone"


def test_losses_count_only_in_a_row(started: Tell) -> None:
    run = started("a", {"a": {"retry": RetryPolicy(1, timedelta(0))}})
    for outcome in [*[Lost("gone")] * (MAX_LOSSES - 1), Failed("boom"), *[Lost("gone")] * (MAX_LOSSES - 1)]:
        run.do("a", outcome)
    assert run.ready == ["a"]


def test_a_report_of_an_older_attempt_changes_nothing(started: Tell) -> None:
    run = started("a", {"a": {"retry": RetryPolicy(1, timedelta(0))}})
    old = run.begin("a") and run.machine.attempt(key("a"))
    run.end("a", Failed("boom"))
    run.begin("a")
    assert run.tell(AttemptFinished(old, "t", Succeeded(), run.now)) == Step()
    assert run.tell(AttemptStarted(old, "t", run.now)) == Step()
    assert run.state("a") is TaskState.RUNNING


def test_a_second_report_of_the_same_end_changes_nothing(started: Tell) -> None:
    run = started("a >> b")
    run.do("a")
    assert run.end("a", Failed("late")) == Step()


def test_a_report_of_another_run_or_an_unknown_task_changes_nothing(started: Tell) -> None:
    run = started("a")
    run.begin("a")
    attempt = run.machine.attempt(key("a"))
    for foreign in (attempt._replace(run_id="x"), attempt._replace(flow_id="x"), attempt._replace(task_id="x")):
        assert run.tell(AttemptFinished(foreign, "t", Succeeded(), run.now)) == Step()


# tasks without an attempt


def test_empty_tasks_succeed_at_once_and_obey_their_trigger_rules(started: Tell) -> None:
    empty = {"kind": "empty"}
    run = started("start >> a >> join >> end", {"start": empty, "join": empty, "end": empty})
    assert run.ready == ["a"]
    assert run.task("start").try_number == 0
    run.do("a", Failed("boom"))
    assert run.states == {"start": "success", "a": "failed", "join": "upstream_failed", "end": "upstream_failed"}


# how the run ends


@pytest.mark.parametrize("rule", ["all_done", "one_failed", "none_skipped"])
def test_a_failed_task_whose_leaf_succeeded_leaves_the_run_successful(started: Tell, rule: str) -> None:
    run = started("a >> b", {"b": {"trigger_rule": TriggerRule(rule)}})
    run.do("a", Failed("boom"))
    run.do("b")
    assert run.run_state is RunState.SUCCESS


def test_a_run_fails_when_a_leaf_failed_but_only_after_everything_else_ended(started: Tell) -> None:
    run = started("a >> b ; c")
    run.do("a", Failed("boom"))
    assert run.state("b") is TaskState.UPSTREAM_FAILED
    assert run.task("b").reason == "trigger rule all_success: upstream 'a' is failed"
    assert run.run_state is RunState.RUNNING
    run.do("c")
    assert run.run_state is RunState.FAILED
    assert run.machine.run.reason == "failed: a"
    assert run.machine.run.end_date == run.now


def test_a_run_whose_tasks_were_all_skipped_is_a_success(started: Tell) -> None:
    run = started("a >> b >> c")
    run.do("a", SkipAsked())
    assert set(run.states.values()) == {"skipped"}
    assert run.run_state is RunState.SUCCESS


def test_the_reason_of_a_failed_run_names_few_tasks(started: Tell) -> None:
    run = started("a, b, c, d, e")
    for name in "abcde":
        run.do(name, Failed("boom"))
    assert run.machine.run.reason == "failed: a, b, c and 2 more"


def test_a_task_is_decided_knowing_all_that_one_report_leads_to(started: Tell) -> None:
    """Below `a` one way is skipped two tasks later and another fails at once; `end` sees both."""
    run = started(
        "a >> s >> s2 >> end ; a >> u >> end",
        {"s": {"trigger_rule": TriggerRule.ALL_SKIPPED}},
    )
    run.do("a", Failed("boom"))
    assert run.states == {
        "a": "failed",
        "s": "skipped",
        "s2": "skipped",
        "u": "upstream_failed",
        "end": "upstream_failed",
    }


def test_a_run_in_which_nothing_can_run_any_more_fails_as_a_deadlock(story: Tell) -> None:
    """all_skipped above a removed task is never met and never impossible."""
    rows = [TaskRun(TaskId("gone"), state=TaskState.REMOVED)]
    run = story("gone, a >> b", {"b": {"trigger_rule": TriggerRule.ALL_SKIPPED}}, rows=rows).start()
    run.do("a", SkipAsked())
    assert run.run_state is RunState.FAILED
    assert "deadlock" in run.machine.run.reason
    assert "b" in run.machine.run.reason


def test_removed_leaves_do_not_count_for_the_state_of_the_run(story: Tell) -> None:
    run = story("a >> b ; gone", rows=[TaskRun(TaskId("gone"), state=TaskState.REMOVED)]).start()
    run.do("a")
    run.do("b")
    assert run.run_state is RunState.SUCCESS


def test_waiting_for_a_retry_is_no_deadlock(started: Tell) -> None:
    run = started("a >> b", {"a": ONCE_MORE})
    run.do("a", Failed("boom"))
    assert run.run_state is RunState.RUNNING


def test_a_run_that_takes_too_long_fails_and_what_is_left_is_skipped(story: Tell) -> None:
    run = story("a >> b ; c ; d", {"d": ONCE_MORE}, run_timeout=10 * MINUTE)
    step = run.tell(RunStarted())
    assert step.commands == (WakeAt(run.now + 10 * MINUTE),)
    assert run.machine.wake_at == run.now + 10 * MINUTE
    run.begin("a")
    run.do("c")
    run.do("d", Failed("boom"))
    attempt = run.machine.attempt(key("a"))
    step = run.wait(10 * MINUTE)
    assert run.states == {"a": "skipped", "b": "skipped", "c": "success", "d": "skipped"}
    assert step.commands == (StopAttempt(attempt),)
    assert (run.run_state, run.machine.run.reason) == (RunState.FAILED, "the run timed out after 600 s")
    assert run.end("a", Cancelled()) == Step()
    assert run.machine.wake_at is None


def test_a_flow_that_fails_fast_stops_at_the_first_final_failure(started: Tell) -> None:
    run = started("a >> b ; c ; d ; e", {"a": ONCE_MORE}, fail_fast=True)
    run.begin("c")
    run.do("a", Failed("boom"))
    assert run.run_state is RunState.RUNNING
    run.wait(MINUTE)
    step = run.do("a", Failed("boom"))
    assert run.states == {"a": "failed", "b": "upstream_failed", "c": "failed", "d": "skipped", "e": "skipped"}
    assert step.commands == (StopAttempt(run.machine.attempt(key("c"))),)
    assert run.run_state is RunState.FAILED
    assert run.task("d").try_number == 0


# the past


def test_a_task_that_depends_on_the_past_waits_without_a_deadlock(started: Tell) -> None:
    allowed: set[TaskKey] = set()
    run = started("a >> b", {"a": {"depends_on_past": True}}, past=allowed.__contains__)
    assert run.ready == []
    assert run.run_state is RunState.RUNNING
    assert run.machine.held_by_past == (key("a"),)
    assert run.wait(MINUTE).is_empty
    allowed.add(key("a"))
    assert run.wait(MINUTE).moves == {key("a"): TaskState.SCHEDULED}
    assert run.machine.held_by_past == ()


def test_waiting_for_the_downstreams_of_the_past_asks_about_the_past_too(started: Tell) -> None:
    run = started("a", {"a": {"wait_for_downstream": True}}, past=lambda _: False)
    assert run.ready == []
    assert run.run_state is RunState.RUNNING


def test_a_retry_that_the_past_holds_back_asks_for_no_tick(started: Tell) -> None:
    allowed = {key("a")}
    run = started("a", {"a": {"depends_on_past": True, **ONCE_MORE}}, past=allowed.__contains__)
    run.begin("a")
    allowed.clear()
    run.end("a", Failed("boom"))
    run.wait(MINUTE)
    assert run.state("a") is TaskState.UP_FOR_RETRY
    assert run.machine.wake_at is None
    assert run.machine.held_by_past == (key("a"),)


def test_other_tasks_are_not_asked_about_the_past(started: Tell) -> None:
    assert started("a", past=lambda _: False).ready == ["a"]


# rebuilding


def test_a_rebuilt_machine_goes_on_where_the_stored_rows_stand(started: Tell) -> None:
    run = started("a, b >> c", {"a": ONCE_MORE})
    run.begin("b")
    run.do("a", Failed("boom"))
    again = run.rebuilt()
    assert again.states == run.states
    assert again.machine.active == (key("b"),)
    assert again.machine.wake_at == again.now + MINUTE
    again.end("b")
    again.wait(MINUTE)
    again.do("a")
    again.do("c")
    assert again.run_state is RunState.SUCCESS


def test_a_rebuilt_machine_stores_nothing_anew(started: Tell) -> None:
    assert started("a >> b").rebuilt().tell(Tick()).is_empty


def test_tasks_the_flow_no_longer_has_are_let_go(started: Tell, story: Tell) -> None:
    run = started("a ; b ; c ; d >> e")
    run.begin("b")
    run.do("c")
    newer = story("a", run=run.machine.run, rows=run.stored.values())
    step = newer.tell(Tick())
    assert newer.states == {"a": "scheduled", "b": "skipped", "c": "success", "d": "removed", "e": "removed"}
    assert [c.attempt.task_id for c in step.commands] == ["b"]
    assert newer.task("d").try_number == 0
    newer.do("a")
    assert newer.run_state is RunState.SUCCESS


def test_a_report_about_a_task_the_flow_no_longer_has_is_ignored(started: Tell, story: Tell) -> None:
    run = started("a ; b")
    run.begin("b")
    newer = story("a", run=run.machine.run, rows=run.stored.values())
    newer.end("b", Failed("boom"))
    assert newer.state("b") is TaskState.SKIPPED


def test_tasks_a_newer_version_adds_are_taken_up(started: Tell, story: Tell) -> None:
    run = started("a")
    newer = story("a >> b", run=run.machine.run, rows=run.stored.values())
    assert newer.tell(Tick()).moves == {key("b"): TaskState.NO_STATUS}
    newer.do("a")
    assert newer.ready == ["b"]


def test_asking_for_an_unknown_task_names_a_near_one(started: Tell) -> None:
    with pytest.raises(NotFound, match="Did you mean 'extract'"):
        started("extract").task("extrat")


def test_the_name_of_an_unknown_mapped_task_tells_its_index(started: Tell) -> None:
    with pytest.raises(NotFound, match=r"no task 'a\[0\]'"):
        started("a").machine.task_run(TaskKey(TaskId("a"), 0))


def test_a_task_that_never_ran_still_tells_when_it_was_decided(started: Tell) -> None:
    run = started("a >> b >> c")
    run.now += MINUTE
    run.do("a", SkipAsked())
    assert [run.task(name).end_date for name in "abc"] == [run.now] * 3
    assert run.task("b").start_date is None


def test_without_a_past_a_task_that_depends_on_it_runs(started: Tell) -> None:
    assert started("a", {"a": {"depends_on_past": True}}).ready == ["a"]


@pytest.mark.parametrize(("names", "reason"), [("abc", "failed: a, b, c"), ("abcd", "failed: a, b, c and 1 more")])
def test_up_to_three_failed_tasks_are_named(started: Tell, names: str, reason: str) -> None:
    run = started(", ".join(names))
    for name in names:
        run.do(name, Failed("boom"))
    assert run.machine.run.reason == reason


def test_the_growing_delay_of_a_retry_is_drawn_with_the_logical_date(started: Tell, make_run: Tell) -> None:
    policy = RetryPolicy(1, timedelta(hours=1), 2.0)
    run = started("a", {"a": {"retry": policy}}, run=make_run(logical_date=NOON - timedelta(days=7)))
    run.do("a", Failed("boom"))
    expected = retry_delay(policy, run.machine.attempt(key("a")), NOON - timedelta(days=7))
    assert run.task("a").next_try_at == run.now + expected


def test_a_move_that_may_not_happen_raises_with_the_story_of_the_task(started: Tell) -> None:
    run = started("a")
    run.do("a")
    board = Board(run.flow, run.machine.run.run_id, run.machine.task_runs)
    with pytest.raises(Conflict, match="'f/r/a' cannot go from success to queued"):
        board.move(key("a"), TaskState.QUEUED)


def test_the_attempt_of_an_unknown_task_is_not_found(started: Tell) -> None:
    with pytest.raises(NotFound):
        started("a").machine.attempt(key("b"))
