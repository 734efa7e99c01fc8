"""What a task takes from outside, before anyone has looked where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_flows.definition.edges_known import Known
from jupyter_flows.definition.edges_values import TaskNames
from jupyter_flows.definition.names import CellNames


@dataclass(frozen=True, slots=True)
class Want:
    """A name a task takes from outside. `maybe`: only if somebody makes it.

    `origin` is the name in the task's own text that led here, `via` the function that reads it, if it is not the task.
    """

    name: str
    line: int | None = None
    maybe: bool = False
    origin: str = ""
    via: str = ""
    how: str = "reads"

    @property
    def reads(self) -> str:
        """How the name is taken, for people: `reads`, `uses score, which reads`."""
        return f"uses {self.via}, which reads" if self.via else self.how


def own_wants(task: TaskNames, travels: frozenset[str], known: Known) -> list[Want]:
    """What `task` takes by its own text and options, each name once. `travels` are its functions others will use."""
    wants: dict[str, Want] = {}
    for name in task.needs:
        wants[name] = Want(name, origin=name, how="is mapped over")
    if not task.no_infer:
        for name in task.inputs:
            wants.setdefault(name, Want(name, maybe=True, origin=name, how="has a parameter"))
        for want in [*_of_text(task), *_of_functions(task, travels)]:
            wants.setdefault(want.name, want)
    own = [w for w in wants.values() if w.name not in task.given or w.name in task.needs]
    return [w for w in own if not known.is_of_the_kernel(w.name)]


def _of_text(task: TaskNames) -> list[Want]:
    names = task.names or CellNames()
    reads = [Want(n, line, n in names.maybe or names.opaque, origin=n) for n, line in names.reads.items()]
    return reads + [Want(n, line, maybe=True, origin=n) for n, line in names.builtins.items()]


def _of_functions(task: TaskNames, travels: frozenset[str]) -> list[Want]:
    """What functions that leave the task use: it must be there when they are stored."""
    names = task.names or CellNames()
    return [
        Want(name, names.writes.get(function), maybe=True, origin=function, via=function)
        for function in sorted(travels)
        for name in sorted(travelling(task, function))
        if name not in names.writes and name not in names.imports
    ]


def travelling(task: TaskNames, name: str) -> set[str]:
    """The global names a function made by `task` uses, through its other functions; not those functions themselves."""
    effects = (task.names or CellNames()).effects
    found: set[str] = set()
    seen = {name}
    todo = [name]
    while todo:
        current = effects.get(todo.pop())
        for free in current.reads if current else ():
            if free in seen:
                continue
            seen.add(free)
            if free in effects:
                todo.append(free)
            else:
                found.add(free)
    return found
