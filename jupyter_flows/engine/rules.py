"""Trigger rules: may a task run, given how its direct upstreams stand (semantics §3).

Every rule is a list of clauses, and every clause asks one of two questions: is *any* upstream in these states, or is
*every* one? So a task keeps counts of its upstreams by state, and deciding costs the same for one upstream or 10,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from jupyter_flows.model.flow import TriggerRule
from jupyter_flows.model.state import FAILED_STATES, FINISHED, TaskState


class Verdict(str, Enum):
    """What a trigger rule says about its task. SKIPPED and UPSTREAM_FAILED are final as soon as they are inevitable."""

    RUN = "run"
    WAIT = "wait"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"


class Counts(NamedTuple):
    """How many direct upstreams a task has, and how many of them ended in which state."""

    total: int = 0
    success: int = 0
    skipped: int = 0
    failed: int = 0
    upstream_failed: int = 0
    removed: int = 0

    def moved(self, old: TaskState, new: TaskState) -> Counts:
        """The counts after one upstream went from `old` to `new`; unfinished states are not counted apart."""
        numbers = list(self)
        if old in FINISHED:
            numbers[_COLUMN[old]] -= 1
        if new in FINISHED:
            numbers[_COLUMN[new]] += 1
        return Counts(*numbers)

    @classmethod
    def of(cls, states: Iterable[TaskState]) -> Counts:
        """The counts of upstreams in these states."""
        numbers = [0] * len(cls._fields)
        for state in states:
            numbers[0] += 1
            if state in FINISHED:
                numbers[_COLUMN[state]] += 1
        return cls(*numbers)


_COLUMN: Mapping[TaskState, int] = {state: Counts._fields.index(state.value) for state in FINISHED}


class Clause(NamedTuple):
    """`verdict` is the answer as soon as any (or every) upstream is in one of the counted columns."""

    every: bool
    columns: tuple[int, ...]
    verdict: Verdict

    def holds(self, counts: Counts) -> bool:
        """Whether the clause applies to these upstreams."""
        number = sum([counts[column] for column in self.columns])
        return number == counts.total if self.every else number > 0


def _any(states: Iterable[TaskState], verdict: Verdict) -> Clause:
    return Clause(every=False, columns=tuple(_COLUMN[s] for s in states), verdict=verdict)


def _every(states: Iterable[TaskState], verdict: Verdict) -> Clause:
    return Clause(every=True, columns=tuple(_COLUMN[s] for s in states), verdict=verdict)


_RUN, _SKIPPED, _UPSTREAM_FAILED = Verdict.RUN, Verdict.SKIPPED, Verdict.UPSTREAM_FAILED
_S, _K, _F, _R = TaskState.SUCCESS, TaskState.SKIPPED, TaskState.FAILED, TaskState.REMOVED
_NO_SUCCESS = FINISHED - {_S}

RULES: Mapping[TriggerRule, tuple[Clause, ...]] = {
    TriggerRule.ALL_SUCCESS: (
        _any(FAILED_STATES, _UPSTREAM_FAILED),
        _any({_K}, _SKIPPED),
        _every({_S, _R}, _RUN),
    ),
    TriggerRule.ALL_FAILED: (_any({_S, _K}, _SKIPPED), _every(FAILED_STATES | {_R}, _RUN)),
    TriggerRule.ALL_DONE: (_every(FINISHED, _RUN),),
    TriggerRule.ALL_SKIPPED: (_any(FAILED_STATES | {_S}, _SKIPPED), _every({_K}, _RUN)),
    TriggerRule.ONE_SUCCESS: (
        _any({_S}, _RUN),
        _every({_K}, _SKIPPED),
        _every(FINISHED, _UPSTREAM_FAILED),
    ),
    TriggerRule.ONE_FAILED: (_any(FAILED_STATES, _RUN), _every(FINISHED, _SKIPPED)),
    TriggerRule.ONE_DONE: (_any({_S, _F}, _RUN), _every(FINISHED, _SKIPPED)),
    TriggerRule.NONE_FAILED: (_any(FAILED_STATES, _UPSTREAM_FAILED), _every({_S, _K, _R}, _RUN)),
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: (
        _any(FAILED_STATES, _UPSTREAM_FAILED),
        _every({_K}, _SKIPPED),
        _every(_NO_SUCCESS, _UPSTREAM_FAILED),
        _every({_S, _K, _R}, _RUN),
    ),
    TriggerRule.NONE_SKIPPED: (_any({_K}, _SKIPPED), _every(FINISHED, _RUN)),
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: (
        _any({_K}, _SKIPPED),
        _every(_NO_SUCCESS, _UPSTREAM_FAILED),
        _every(FINISHED, _RUN),
    ),
    TriggerRule.ALL_DONE_SETUP_SUCCESS: (_every(FINISHED, _RUN),),
    TriggerRule.ALWAYS: (),
}
"""The first clause that holds decides; none: the task waits. There are no setup tasks, so ALL_DONE_SETUP_SUCCESS is
ALL_DONE under its Airflow name. ALWAYS asks nothing: `decide` answers before it looks here."""


def decide(rule: TriggerRule, counts: Counts) -> Verdict:
    """Whether a task with this rule may run, given how its direct upstreams stand."""
    if counts.total == 0 or rule is TriggerRule.ALWAYS:
        return Verdict.RUN
    return next((clause.verdict for clause in RULES[rule] if clause.holds(counts)), Verdict.WAIT)
