"""All task runs of one run, with what follows from them kept up to date: a move costs its dependents, not the run."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from jupyter_flows.engine.branching import barred_by
from jupyter_flows.engine.rules import Counts
from jupyter_flows.errors import NotFound
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import AttemptId, RunId
from jupyter_flows.model.run import TaskKey, TaskRun
from jupyter_flows.model.state import FINISHED, SCHEDULABLE, TaskState, check_move

IN_PROCESS = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING})
"""States of a task whose newest attempt was handed over and has not reported its end."""

UNFINISHED = frozenset(TaskState) - FINISHED
_OPEN = SCHEDULABLE | {TaskState.SCHEDULED}


class Board:
    """The task runs of one run. A task without a stored row has no status yet.

    Rows of tasks the flow does not have (any more) are `strangers`: kept, but without neighbours.
    """

    def __init__(self, flow: Flow, run_id: RunId, rows: Iterable[TaskRun]) -> None:
        self.flow = flow
        self.run_id = run_id
        known = dict.fromkeys([*flow.graph.order, *flow.graph.tasks])
        self._rank = {TaskKey(task): i for i, task in enumerate(known)}
        self._keys = tuple(self._rank)
        stored = {row.key: row for row in rows}
        fresh = {k: TaskRun(k.task_id, max_tries=flow.by_id[k.task_id].retry.retries + 1) for k in self._keys}
        self._rows = fresh | stored
        self.unstored = [key for key in self._keys if key not in stored]
        self.strangers = [key for key in stored if key not in self._rank]
        self._in: dict[TaskState, dict[TaskKey, None]] = {state: {} for state in TaskState}
        self._counts = {key: Counts(len(flow.graph.upstream(key.task_id))) for key in self._keys}
        self._barred: dict[TaskKey, dict[TaskKey, None]] = {}
        self._todo: list[int] = []
        for row in self._rows.values():
            self._in[row.state][row.key] = None
            self._follow(row.key, TaskRun(row.task_id, row.map_index), row)
        self.look_at_all()

    # reading

    def __contains__(self, key: TaskKey) -> bool:
        return key in self._rows

    def knows(self, key: TaskKey) -> bool:
        """Whether it is a task of the flow: no stranger."""
        return key in self._rank

    def row(self, key: TaskKey) -> TaskRun:
        """The task run; the caller knows it exists."""
        return self._rows[key]

    def rows(self) -> tuple[TaskRun, ...]:
        """All task runs in the flow's order, strangers last."""
        return tuple(self._rows.values())

    def task(self, key: TaskKey) -> Task:
        """Its definition; strangers have none."""
        return self.flow.by_id[key.task_id]

    def attempt(self, key: TaskKey) -> AttemptId:
        """The id of its newest attempt."""
        return AttemptId(self.flow.id, self.run_id, key.task_id, key.map_index, self._rows[key].try_number)

    def keys_in(self, *states: TaskState) -> list[TaskKey]:
        """The tasks in one of `states`, in the flow's order."""
        keys = [key for state in states for key in self._in[state]]
        return sorted(keys, key=lambda key: self._rank.get(key, len(self._rank)))

    def has(self, states: Collection[TaskState]) -> bool:
        """Whether any task is in one of `states`."""
        return any(self._in[state] for state in states)

    def any_in(self, states: Collection[TaskState]) -> Iterator[TaskRun]:
        """The task runs in one of `states`, in no particular order."""
        return (self._rows[key] for state in states for key in self._in[state])

    def leaves(self) -> Iterator[TaskRun]:
        """The task runs with no downstream, those removed left out."""
        rows = (self._rows[TaskKey(task)] for task in self.flow.graph.leaves)
        return (row for row in rows if row.state is not TaskState.REMOVED)

    def counts(self, key: TaskKey) -> Counts:
        """How its direct upstreams stand."""
        return self._counts[key]

    def barred_by(self, key: TaskKey) -> TaskKey | None:
        """A branch that decided against it, if any: then its trigger rule is not asked."""
        return next(iter(self._barred.get(key, ())), None)

    def upstream_in(self, key: TaskKey, states: Collection[TaskState]) -> TaskKey | None:
        """Its first direct upstream in one of `states`."""
        keys = map(TaskKey, self.flow.graph.upstream(key.task_id))
        return next((up for up in keys if self._rows[up].state in states), None)

    def downstream(self, key: TaskKey) -> list[TaskKey]:
        """Its direct downstreams."""
        return [TaskKey(task) for task in self.flow.graph.downstream(key.task_id)] if key in self._rank else []

    def require(self, keys: Iterable[TaskKey]) -> None:
        """Raise NotFound, naming a near match, when one of `keys` is no task of this run."""
        for key in keys:
            if key not in self._rank:
                close = get_close_matches(key.task_id, [k.task_id for k in self._keys], n=1)
                raise NotFound(
                    f"Run {self.run_id} of flow '{self.flow.id}' has no task '{_name(key)}'.",
                    fix=f"Did you mean '{close[0]}'?" if close else "Name a task of the flow.",
                )

    @property
    def keys(self) -> tuple[TaskKey, ...]:
        """All tasks of the flow, upstreams first."""
        return self._keys

    # changing

    def move(self, key: TaskKey, state: TaskState, **changes: Any) -> TaskRun:
        """The task run after it went to `state`. Raises Conflict for a move that may not happen."""
        old = self._rows[key]
        check_move(f"{self.flow.id}/{self.run_id}/{_name(key)}", old.state, state)
        new = replace(old, state=state, **changes)
        self._rows[key] = new
        del self._in[old.state][key]
        self._in[state][key] = None
        self._follow(key, old, new)
        self.look_at([key])
        return new

    def amend(self, key: TaskKey, **changes: Any) -> TaskRun:
        """The task run with other facts and the same state."""
        self._rows[key] = replace(self._rows[key], **changes)
        return self._rows[key]

    def _follow(self, key: TaskKey, old: TaskRun, new: TaskRun) -> None:
        """Tell the dependents, when how `key` ended has changed."""
        if old.state not in FINISHED and new.state not in FINISHED:
            return
        below = self.downstream(key)
        for down in below:
            self._counts[down] = self._counts[down].moved(old.state, new.state)
        self.look_at(below)
        for down in self._barred_below(old):
            self._barred[down].pop(key, None)
        barred = self._barred_below(new)
        for down in barred:
            self._barred.setdefault(down, {})[key] = None
        self.look_at(barred)

    def _barred_below(self, row: TaskRun) -> list[TaskKey]:
        if row.state is not TaskState.SUCCESS or row.branch is None or row.key not in self._rank:
            return []
        return [TaskKey(task) for task in barred_by(self.flow, self.task(row.key), row.branch)]

    # the work list: tasks to decide about, upstreams first, so that each is decided knowing all that is known

    def look_at(self, keys: Iterable[TaskKey]) -> None:
        """Put the undecided ones of `keys` on the work list."""
        for key in keys:
            if self._rows[key].state in _OPEN and key in self._rank:
                heapq.heappush(self._todo, self._rank[key])

    def look_at_all(self) -> None:
        """Put every undecided task on the work list."""
        self.look_at([row.key for row in self.any_in(_OPEN)])

    def undecided(self) -> Iterator[TaskKey]:
        """Empty the work list, also of what is added meanwhile; a task may come more than once."""
        while self._todo:
            key = self._keys[heapq.heappop(self._todo)]
            if self._rows[key].state in _OPEN:
                yield key


def _name(key: TaskKey) -> str:
    return key.task_id if key.map_index < 0 else f"{key.task_id}[{key.map_index}]"
