"""The thirteen trigger rules against an oracle checked on Airflow itself, and their named consequences."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import pytest

from jupyter_flows.engine.rules import Counts, Verdict, decide
from jupyter_flows.model.flow import TriggerRule
from jupyter_flows.model.state import TaskState

UNFINISHED, SUCCESS, SKIPPED = TaskState.RUNNING, TaskState.SUCCESS, TaskState.SKIPPED
FAILED, UPSTREAM_FAILED, REMOVED = TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.REMOVED
STATES = (UNFINISHED, SUCCESS, SKIPPED, FAILED, UPSTREAM_FAILED, REMOVED)
SHORT = {Verdict.RUN: "RUN", Verdict.WAIT: "WAIT", Verdict.SKIPPED: "SKIP", Verdict.UPSTREAM_FAILED: "UF"}


CASES = [states for n in range(5) for states in combinations_with_replacement(STATES, n)]


@pytest.mark.parametrize("rule", TriggerRule)
def test_every_rule_agrees_with_the_oracle_on_up_to_four_upstreams(
    rule: TriggerRule, oracle: Callable[..., str]
) -> None:
    assert len(CASES) == 210
    for states in CASES:
        words = [None if s is UNFINISHED else s.value for s in states]
        assert SHORT[decide(rule, Counts.of(states))] == oracle(rule.value, words), (rule, words)


@pytest.mark.parametrize("old", TaskState)
@pytest.mark.parametrize("new", TaskState)
def test_counts_moved_one_by_one_are_the_counts_of_the_states(old: TaskState, new: TaskState) -> None:
    for rest in CASES[:80]:
        assert Counts.of([*rest, old]).moved(old, new) == Counts.of([*rest, new])


@pytest.mark.parametrize(
    ("rule", "states", "verdict"),
    [
        pytest.param("all_success", (REMOVED, REMOVED), Verdict.RUN, id="all upstreams removed"),
        pytest.param("none_failed", (SKIPPED, SKIPPED), Verdict.RUN, id="a join after an all-skipped branch runs"),
        pytest.param("none_failed_min_one_success", (SKIPPED, SKIPPED), Verdict.SKIPPED, id="or is skipped"),
        pytest.param("one_success", (FAILED, FAILED), Verdict.UPSTREAM_FAILED, id="one_success with all failed"),
        pytest.param("all_failed", (FAILED, SKIPPED), Verdict.SKIPPED, id="all_failed with one skipped"),
        pytest.param("all_success", (UPSTREAM_FAILED, SUCCESS), Verdict.UPSTREAM_FAILED, id="it propagates"),
        pytest.param("all_success", (FAILED, UNFINISHED), Verdict.UPSTREAM_FAILED, id="without waiting for others"),
        pytest.param("one_success", (SUCCESS, UNFINISHED), Verdict.RUN, id="one_success does not wait"),
        pytest.param("one_failed", (FAILED, UNFINISHED), Verdict.RUN, id="one_failed does not wait"),
        pytest.param("one_done", (SKIPPED, UNFINISHED), Verdict.WAIT, id="a skipped one is not done"),
        pytest.param("none_skipped", (FAILED, FAILED), Verdict.RUN, id="none_skipped though all failed"),
        pytest.param("always", (UNFINISHED,), Verdict.RUN, id="always"),
    ],
)
def test_named_consequences_of_the_rules(rule: str, states: tuple[TaskState, ...], verdict: Verdict) -> None:
    assert decide(TriggerRule(rule), Counts.of(states)) is verdict


def test_deciding_about_ten_thousand_upstreams_looks_at_six_numbers() -> None:
    assert decide(TriggerRule.ALL_SUCCESS, Counts(total=10_000, success=9_999)) is Verdict.WAIT
    assert decide(TriggerRule.ALL_SUCCESS, Counts(total=10_000, success=10_000)) is Verdict.RUN
