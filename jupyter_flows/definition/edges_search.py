"""Finds, for every name a task takes from outside, the one task it comes from.

Tasks are taken in notebook order, but after everything they are explicitly said to follow. Who precedes whom is kept as
bits of one integer per task, and of the makers of a name only those nobody else follows, so a chain of thousands of
tasks that all rewrite one name stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from jupyter_flows.definition.edges_known import Known
from jupyter_flows.definition.edges_problems import Faults
from jupyter_flows.definition.edges_values import TaskNames
from jupyter_flows.definition.edges_wants import Want, own_wants, travelling
from jupyter_flows.definition.names import CellNames, Effects
from jupyter_flows.model.graph import Graph
from jupyter_flows.model.ids import TaskId


@dataclass(frozen=True, slots=True)
class Source:
    """The task (its number) a name comes from; `reads` is how it is taken, for people."""

    task: int
    reads: str


class Search:
    """`run` it, then read `taken` (per task: name to source) and `explicit` (per task: upstream to who says so)."""

    def __init__(self, tasks: Sequence[TaskNames], known: Known, faults: Faults) -> None:
        self.tasks = tasks
        self.known = known
        self.faults = faults
        self.number = {task.id: i for i, task in enumerate(tasks)}
        self.taken: list[dict[str, Source]] = [{} for _ in tasks]
        self.explicit = [self._explicit(task) for task in tasks]
        self.before = [0] * len(tasks)
        self.makers: dict[str, list[int]] = {}
        self.last_makers: dict[str, list[int]] = {}
        self.done: set[int] = set()
        self.by_text: dict[str, list[int]] = {}
        self.readers: dict[str, set[int]] = {}
        for i, task in enumerate(tasks):
            for name in task.made():
                self.by_text.setdefault(name, []).append(i)
            for name in task.names.reads if task.names else ():
                self.readers.setdefault(name, set()).add(i)

    def _explicit(self, task: TaskNames) -> dict[int, str]:
        said = [(name, "--after") for name in task.after] + [(name, "%%wire") for name in task.wired]
        upstreams: dict[int, str] = {}
        for name, who in said:
            upstream = self.number.get(TaskId(name))
            if upstream is None:
                self.faults.unknown_upstream(task, name, who)
            else:
                upstreams.setdefault(upstream, who)
        return upstreams

    def run(self) -> None:
        """Find everything."""
        pairs = [(self.tasks[u].id, t.id) for t, ups in zip(self.tasks, self.explicit, strict=True) for u in ups]
        order = [self.number[task] for task in Graph([t.id for t in self.tasks], pairs).order]
        on_cycles = sorted(set(range(len(self.tasks))) - set(order))
        for number in [*order, *on_cycles]:
            self._task(number)
        self._unseen_changes()

    # ── one task ─────────────────────────────────────────────────────────────────────

    def _task(self, number: int) -> None:
        for upstream in self.explicit[number]:
            self._follows(number, upstream)
        task = self.tasks[number]
        made = set(task.made())
        todo = own_wants(task, self._travels(number), self.known)[::-1]
        seen = {want.name for want in todo}
        while todo:
            want = todo.pop()
            more = self._take(number, want, made)
            fresh = [w for w in more if w.name not in seen]
            seen |= {w.name for w in fresh}
            todo += fresh[::-1]
        self._make(number, made)
        self.done.add(number)

    def _travels(self, number: int) -> frozenset[str]:
        """The functions of a task that others read: they are stored with all they use."""
        names = self.tasks[number].names or CellNames()
        return frozenset(n for n in names.effects if self.readers.get(n, set()) - {number})

    def _follows(self, number: int, upstream: int) -> None:
        self.before[number] |= self.before[upstream] | 1 << upstream

    def _take(self, number: int, want: Want, made: set[str]) -> Iterable[Want]:
        """Settle one want; what comes back is wanted because of it."""
        candidates = self._candidates(number, want.name)
        if len(candidates) > 1:
            self.faults.ambiguous(self.tasks[number], want, [self.tasks[c] for c in candidates])
            return ()
        if candidates:
            source = candidates[0]
            self.taken[number][want.name] = Source(source, want.reads)
            self._follows(number, source)
            return self._of_travelling(number, source, want)
        if not self.known.has(want.name):
            self.faults.no_maker(self.tasks[number], want)
            return ()
        return self._of_setup(number, want, made)

    def _make(self, number: int, made: Iterable[str]) -> None:
        names = self.tasks[number].names or CellNames()
        for name in made:
            only_changed = name not in names.writes and name not in self.tasks[number].outputs
            if self.known.is_of_the_kernel(name) or (only_changed and self.known.stays(name)):
                continue
            self.makers.setdefault(name, []).append(number)
            others = self.last_makers.get(name, [])
            self.last_makers[name] = [o for o in others if not self._precedes(o, number)] + [number]

    def _precedes(self, first: int, second: int) -> bool:
        return bool(self.before[second] >> first & 1)

    # ── the maker of a name ──────────────────────────────────────────────────────────

    def _candidates(self, number: int, name: str) -> list[int]:
        """The makers `name` can come from: one when it is clear, several when it is not."""
        last = self.last_makers.get(name, [])
        makers = [m for m in last if self._may_give(m, number)]
        if len(makers) < len(last):
            makers = self._last_of([m for m in self.makers[name] if self._may_give(m, number)])
        if len(makers) > 1:
            said = [m for m in makers if m in self.explicit[number]]
            said = said or [m for m in self.makers[name] if m in self.explicit[number]]
            return said if len(said) == 1 else sorted(makers)
        return makers or self._contradicting(number, name)

    def _contradicting(self, number: int, name: str) -> list[int]:
        """A maker that stands above but is said to follow: the edge closes a cycle, which `check` shows."""
        above = [m for m in self.by_text.get(name, ()) if m < number and m not in self.done]
        return above[-1:]

    def _may_give(self, maker: int, number: int) -> bool:
        return maker != number and (maker < number or self._precedes(maker, number))

    def _last_of(self, makers: Sequence[int]) -> list[int]:
        return [m for m in makers if not any(self._precedes(m, other) for other in makers if other != m)]

    # ── functions from elsewhere ─────────────────────────────────────────────────────

    def _of_setup(self, number: int, want: Want, made: set[str]) -> list[Want]:
        """A function of `%%setup` runs among the task's own names: what it uses, the task uses."""
        effects = self.known.effects.get(want.name, Effects())
        names = self.tasks[number].names or CellNames()
        settled = names.ready.get(want.origin, frozenset())
        made |= effects.writes | (effects.mutates - settled - names.deletes.keys())
        return [
            replace(want, name=name, via=want.name, maybe=want.maybe or name in names.writes)
            for name in sorted(effects.reads - settled - self.tasks[number].given)
        ]

    def _of_travelling(self, number: int, source: int, want: Want) -> list[Want]:
        """A function another task made has with it what it had there; only what it lacks, this task must bring.

        Even that may not reach it (it is loaded with a namespace of its own), so a warning says so. Another warning
        says where later values of what it has look as if they counted.
        """
        wants = []
        task, home = self.tasks[number], self.tasks[source]
        for name in sorted(travelling(home, want.name)):
            inside = self._inside(source, name)
            found = self._candidates(number, name)
            if found and found != [inside]:
                self.faults.late_closure(task, want, home, name, self.tasks[found[-1]])
            if inside is None and (found or not self.known.has(name)):
                unseen = home.names is not None and home.names.opaque
                wants.append(replace(want, name=name, via=want.name, maybe=want.maybe or unseen))
        return wants

    def _inside(self, source: int, name: str) -> int | None:
        """The task whose `name` a function made by `source` has with it."""
        names = self.tasks[source].names or CellNames()
        if name in names.writes or name in names.imports:
            return source
        taken = self.taken[source].get(name)
        return taken.task if taken else None

    # ── changes in place ─────────────────────────────────────────────────────────────

    def _unseen_changes(self) -> None:
        """Warn where a reader gets a value that a task it does not follow has changed in place."""
        changers = {name: [m for m in makers if self._changes(m, name)] for name, makers in self.makers.items()}
        masks = {name: sum(1 << m for m in found) for name, found in changers.items() if found}
        for number, taken in enumerate(self.taken):
            for name in taken.keys() & masks.keys():
                missed = masks[name] & ~self.before[number] & ((1 << number) - 1)
                if missed:
                    first = (missed & -missed).bit_length() - 1
                    self.faults.unseen_change(self.tasks[number], name, self.tasks[taken[name].task], self.tasks[first])

    def _changes(self, maker: int, name: str) -> bool:
        names = self.tasks[maker].names or CellNames()
        return name in names.mutates and name not in names.writes
