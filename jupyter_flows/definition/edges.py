"""Who waits for whom, read from variables: names of all cells in, edges with their reasons out.

The work is split: `edges_search` finds the producer of each name, `edges_known` what exists without any producer,
`edges_problems` puts faults into words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jupyter_flows.definition.edges_known import Known
from jupyter_flows.definition.edges_problems import Faults
from jupyter_flows.definition.edges_search import Search, Source
from jupyter_flows.definition.edges_values import PlainCell, TaskNames
from jupyter_flows.definition.names import CellNames
from jupyter_flows.model.flow import Edge, EdgeKind, Input
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.problem import NOWHERE, Place, Problem

__all__ = ["Inference", "PlainCell", "TaskNames", "infer"]


@dataclass(frozen=True, slots=True)
class Inference:
    """What variables say about a notebook: every edge, what each task is given and must keep, and what is wrong.

    `edges` hold the explicit ones too, by downstream, then upstream, in notebook order. `inputs` and `outputs` have
    an entry for every task.
    """

    edges: tuple[Edge, ...] = ()
    inputs: Mapping[TaskId, tuple[Input, ...]] = field(default_factory=dict)
    outputs: Mapping[TaskId, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def infer(
    tasks: Sequence[TaskNames],
    setup: Sequence[CellNames] = (),
    plain: Sequence[PlainCell] = (),
    params: Collection[str] = (),
    setup_places: Sequence[Place] = (),
) -> Inference:
    """Edges, inputs and outputs of `tasks`, which stand in notebook order; of tasks that share an id the first counts.

    The problems of the tasks' and setup's own `CellNames` are among the result's, moved to their places.
    `setup_places` are those of the `setup` cells' magic lines, as far as known.
    """
    tasks = list({task.id: task for task in reversed(tasks)}.values())[::-1]
    known = Known(setup, plain, params)
    faults = Faults(tasks, known)
    search = Search(tasks, known, faults)
    search.run()
    inputs = [dict(sorted(taken.items())) for taken in search.taken]
    return Inference(
        edges=tuple(_edges(tasks, search)),
        inputs={
            task.id: tuple(Input(name, tasks[source.task].id) for name, source in taken.items())
            for task, taken in zip(tasks, inputs, strict=True)
        },
        outputs={task.id: names for task, names in zip(tasks, _outputs(tasks, search), strict=True)},
        problems=(*_own_problems(tasks, setup, setup_places), *faults.of_setup(setup_places), *faults.found),
    )


def _edges(tasks: Sequence[TaskNames], search: Search) -> list[Edge]:
    edges: list[Edge] = []
    for number, task in enumerate(tasks):
        by_upstream: dict[int, list[tuple[str, Source]]] = {}
        for name, source in sorted(search.taken[number].items()):
            by_upstream.setdefault(source.task, []).append((name, source))
        for upstream in sorted({*by_upstream, *search.explicit[number]}):
            carried = by_upstream.get(upstream, [])
            explicit = search.explicit[number].get(upstream)
            edges.append(_edge(tasks[upstream], task, carried, explicit))
    return edges


def _edge(upstream: TaskNames, task: TaskNames, carried: Sequence[tuple[str, Source]], explicit: str | None) -> Edge:
    names = tuple(name for name, _ in carried)
    why = "; ".join(_because(task, upstream, name, source) for name, source in carried)
    if explicit is None:
        return Edge(upstream.id, task.id, EdgeKind.INFERRED, names, why)
    said = f"{explicit} says so too" if why else f"{task.id} runs after {upstream.id}: {explicit} says so"
    return Edge(upstream.id, task.id, EdgeKind.EXPLICIT, names, f"{why}; {said}" if why else said)


def _because(task: TaskNames, upstream: TaskNames, name: str, source: Source) -> str:
    how, line = upstream.makes(name) or ("makes", None)
    place = upstream.place_at(line)
    parts = [] if place.cell is None else [f"cell {place.cell + 1}"]
    parts += [] if place.line is None else [f"line {place.line}"]
    where = f" ({', '.join(parts)})" if parts else ""
    return f"{task.id} {source.reads} `{name}`, which {upstream.id} {how}{where}"


def _outputs(tasks: Sequence[TaskNames], search: Search) -> list[tuple[str, ...]]:
    """What must be kept: what the author declared, then what somebody takes, in the order it is made."""
    wanted: list[dict[str, None]] = [dict.fromkeys(task.outputs) for task in tasks]
    taken: list[set[str]] = [set() for _ in tasks]
    for sources in search.taken:
        for name, source in sources.items():
            taken[source.task].add(name)
    for task, names, more in zip(tasks, wanted, taken, strict=True):
        names.update(dict.fromkeys(sorted(more, key=lambda name: ((task.makes(name) or ("", 0))[1] or 0, name))))
    return [tuple(names) for names in wanted]


def _own_problems(
    tasks: Sequence[TaskNames], setup: Sequence[CellNames], setup_places: Sequence[Place]
) -> list[Problem]:
    found = [
        replace(problem, place=task.place_at(problem.place.line))
        for task in tasks
        if task.names is not None
        for problem in task.names.problems
        if problem.is_error or not task.no_infer
    ]
    for number, names in enumerate(setup):
        place = setup_places[number] if number < len(setup_places) else NOWHERE
        shifted = TaskNames(TaskId("setup"), place=place)
        found += [replace(p, place=shifted.place_at(p.place.line)) for p in names.problems]
    return found
