"""Branches and conditions: who is passed by, and for how long the decision holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_flows.engine.stimuli import Cleared, Marked
from jupyter_flows.model.flow import RetryPolicy, TriggerRule
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.run import Succeeded, TaskKey
from jupyter_flows.model.state import RunState, TaskState

Tell = Callable[..., Any]
BRANCH = {"kind": "branch"}
CONDITION = {"kind": "condition"}


def key(name: str) -> TaskKey:
    return TaskKey(TaskId(name))


def chose(*names: str) -> Succeeded:
    return Succeeded(branch=names)


@pytest.mark.parametrize(
    ("graph", "chosen", "skipped"),
    [
        ("pick >> b, c", ("b",), ["c"]),
        ("pick >> b, c", ("b", "c"), []),
        ("pick >> b, c", (), ["b", "c"]),
        ("pick >> b, c >> join", ("b",), ["c", "join"]),
        ("pick >> b >> join ; pick >> join", ("b",), []),
        ("pick >> b >> join ; pick >> join", ("join",), ["b", "join"]),
        ("pick >> b >> x >> join ; pick >> join, c", ("b",), ["c"]),
    ],
)
def test_a_branch_passes_by_what_it_did_not_choose(
    started: Tell, graph: str, chosen: tuple[str, ...], skipped: list[str]
) -> None:
    run = started(graph, {"pick": BRANCH})
    run.do("pick", chose(*chosen))
    assert [name for name, state in run.states.items() if state == "skipped"] == skipped
    assert run.task("pick").branch == chosen


def test_a_join_after_a_branch_runs_when_its_rule_lets_skipped_ones_pass(started: Tell) -> None:
    run = started("pick >> b, c >> join", {"pick": BRANCH, "join": {"trigger_rule": TriggerRule.NONE_FAILED}})
    run.do("pick", chose("b"))
    assert run.task("c").reason == "not chosen by 'pick'"
    run.do("b")
    assert run.ready == ["join"]


@pytest.mark.parametrize("chosen", [("nowhere",), ("b", "far"), ("pick",)])
def test_a_branch_that_chooses_what_is_not_directly_after_it_fails(started: Tell, chosen: tuple[str, ...]) -> None:
    run = started("pick >> b, c >> far", {"pick": BRANCH})
    run.do("pick", chose(*chosen))
    assert run.state("pick") is TaskState.FAILED
    assert run.task("pick").reason.endswith("It may choose: b, c.")
    assert f"'{chosen[-1]}'" in run.task("pick").reason
    assert run.task("pick").branch is None


def test_a_branch_that_says_nothing_fails_and_may_try_again(started: Tell) -> None:
    run = started("pick >> b", {"pick": {**BRANCH, "retry": RetryPolicy(1)}})
    run.do("pick", Succeeded())
    assert run.state("pick") is TaskState.UP_FOR_RETRY
    assert "did not say which tasks to follow" in run.task("pick").reason


def test_a_ready_task_that_is_not_chosen_gives_its_try_back(started: Tell) -> None:
    run = started("x, pick >> b ; pick >> c", {"pick": BRANCH, "b": {"trigger_rule": TriggerRule.ONE_SUCCESS}})
    run.do("x")
    assert run.ready == ["pick", "b"]
    run.do("pick", chose("c"))
    assert run.state("b") is TaskState.SKIPPED
    assert run.task("b").try_number == 0


def test_a_task_already_running_is_not_stopped_by_a_branch(started: Tell) -> None:
    run = started("x, pick >> b ; pick >> c", {"pick": BRANCH, "b": {"trigger_rule": TriggerRule.ONE_SUCCESS}})
    run.do("x")
    run.begin("b")
    run.do("pick", chose("c"))
    assert run.state("b") is TaskState.RUNNING


def test_a_skipped_child_cleared_alone_is_skipped_again(started: Tell) -> None:
    run = started("pick >> b, c", {"pick": BRANCH, "c": {"trigger_rule": TriggerRule.ALL_DONE}})
    run.do("pick", chose("b"))
    run.do("b")
    run = run.rebuilt()
    run.tell(Cleared((key("c"),)))
    run.start()
    assert run.states == {"pick": "success", "b": "success", "c": "skipped"}
    assert run.run_state is RunState.SUCCESS


def test_a_child_cleared_together_with_its_branch_may_be_chosen_the_second_time(started: Tell) -> None:
    run = started("pick >> b, c", {"pick": BRANCH})
    run.do("pick", chose("b"))
    run.do("b")
    run.tell(Cleared())
    run.start()
    assert run.task("pick").branch is None
    run.do("pick", chose("c"))
    assert run.states == {"pick": "success", "b": "skipped", "c": "scheduled"}


def test_a_branch_marked_success_lets_everything_pass(started: Tell) -> None:
    run = started("pick >> b, c", {"pick": BRANCH})
    run.tell(Marked((key("pick"),), TaskState.SUCCESS))
    assert run.ready == ["b", "c"]


def test_a_condition_that_does_not_hold_skips_everything_below_whatever_the_rules(started: Tell) -> None:
    run = started("ok >> b >> c", {"ok": CONDITION, "c": {"trigger_rule": TriggerRule.ALL_DONE}})
    run.do("ok", chose())
    assert run.states == {"ok": "success", "b": "skipped", "c": "skipped"}
    run.tell(Cleared((key("c"),)))
    run.start()
    assert run.state("c") is TaskState.SKIPPED


def test_a_condition_may_leave_the_rest_to_the_trigger_rules(started: Tell) -> None:
    asked = {**CONDITION, "options": {"ignore_downstream_trigger_rules": False}}
    run = started("ok >> b >> c, d", {"ok": asked, "c": {"trigger_rule": TriggerRule.ALL_DONE}})
    run.do("ok", chose())
    assert run.states == {"ok": "success", "b": "skipped", "c": "scheduled", "d": "skipped"}


@pytest.mark.parametrize("outcome", [Succeeded(), chose("b")])
def test_a_condition_that_holds_changes_nothing_below(started: Tell, outcome: Succeeded) -> None:
    run = started("ok >> b >> c", {"ok": CONDITION})
    run.do("ok", outcome)
    assert run.ready == ["b"]


def test_two_branches_must_both_let_a_task_pass(started: Tell) -> None:
    run = started("p, q >> b ; p, q >> c", {"p": BRANCH, "q": BRANCH})
    run.do("p", chose("b"))
    run.do("q", chose("c"))
    assert (run.state("b"), run.state("c")) == (TaskState.SKIPPED, TaskState.SKIPPED)
    run.tell(Cleared((key("p"), key("b"))))
    run.start()
    run.do("p", chose("b"))
    assert run.state("b") is TaskState.SKIPPED
    assert run.task("b").reason == "not chosen by 'q'"
