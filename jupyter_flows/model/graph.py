"""A read-only view of who comes after whom. Every walk uses a work list: a chain may have ten thousand tasks."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from jupyter_flows.model.ids import TaskId


class Graph:
    """Tasks in notebook order and the edges between them. Edges to unknown tasks are left out: they are Problems."""

    def __init__(self, tasks: Sequence[TaskId], edges: Iterable[tuple[TaskId, TaskId]]) -> None:
        self.tasks = tuple(tasks)
        self.position: Mapping[TaskId, int] = {t: i for i, t in enumerate(self.tasks)}
        known = dict.fromkeys((a, b) for a, b in edges if a in self.position and b in self.position)
        self.edges: tuple[tuple[TaskId, TaskId], ...] = tuple(known)
        self._up: dict[TaskId, list[TaskId]] = {t: [] for t in self.tasks}
        self._down: dict[TaskId, list[TaskId]] = {t: [] for t in self.tasks}
        for a, b in self.edges:
            self._down[a].append(b)
            self._up[b].append(a)

    def upstream(self, task: TaskId) -> Sequence[TaskId]:
        """The direct upstreams of `task`."""
        return self._up[task]

    def downstream(self, task: TaskId) -> Sequence[TaskId]:
        """The direct downstreams of `task`."""
        return self._down[task]

    @cached_property
    def roots(self) -> tuple[TaskId, ...]:
        """Tasks with no upstream."""
        return tuple(t for t in self.tasks if not self._up[t])

    @cached_property
    def leaves(self) -> tuple[TaskId, ...]:
        """Tasks with no downstream."""
        return tuple(t for t in self.tasks if not self._down[t])

    def ancestors(self, tasks: Iterable[TaskId]) -> set[TaskId]:
        """Everything upstream of `tasks`, without themselves (unless one is upstream of another)."""
        return self._reach(tasks, self._up)

    def descendants(self, tasks: Iterable[TaskId]) -> set[TaskId]:
        """Everything downstream of `tasks`, without themselves (unless one is downstream of another)."""
        return self._reach(tasks, self._down)

    def _reach(self, tasks: Iterable[TaskId], step: Mapping[TaskId, list[TaskId]]) -> set[TaskId]:
        seen: set[TaskId] = set()
        todo = [n for t in tasks for n in step[t]]
        while todo:
            task = todo.pop()
            if task not in seen:
                seen.add(task)
                todo.extend(step[task])
        return seen

    @cached_property
    def order(self) -> tuple[TaskId, ...]:
        """Upstreams before downstreams, ties in notebook order; tasks on or behind a cycle are left out."""
        waiting = {t: len(self._up[t]) for t in self.tasks}
        ready = [self.position[t] for t in self.roots]
        heapq.heapify(ready)
        out: list[TaskId] = []
        while ready:
            task = self.tasks[heapq.heappop(ready)]
            out.append(task)
            for down in self._down[task]:
                waiting[down] -= 1
                if not waiting[down]:
                    heapq.heappush(ready, self.position[down])
        return tuple(out)

    def cycle(self) -> list[TaskId] | None:
        """One cycle as a path whose last task is its first again, or None."""
        left = set(self.tasks) - set(self.order)
        if not left:
            return None
        task = min(left, key=self.position.__getitem__)
        seen: dict[TaskId, int] = {}
        path: list[TaskId] = []
        while task not in seen:
            seen[task] = len(path)
            path.append(task)
            task = next(t for t in self._up[task] if t in left)
        return [*path[seen[task] :], task][::-1]
