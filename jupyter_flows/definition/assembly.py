"""What the cells of a notebook say, put together: one flow, and every problem of every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from jupyter_flows.definition.cells import after, infers, parse_task, python_of
from jupyter_flows.definition.context import CONTEXT_NAMES
from jupyter_flows.definition.directive import nearest
from jupyter_flows.definition.edges import Inference, PlainCell, TaskNames, infer
from jupyter_flows.definition.flow_line import FlowLine, parse_flow, reserved
from jupyter_flows.definition.names import CellNames, cell_names
from jupyter_flows.definition.pages import ReadNotebook
from jupyter_flows.definition.statements import Source, Statement, Statements
from jupyter_flows.definition.whole import inputs_of, with_notebook
from jupyter_flows.definition.wire import parse_wire
from jupyter_flows.definition.words import split_words
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Edge, Flow, Parameter, Task
from jupyter_flows.model.ids import FlowId, TaskId, flow_id
from jupyter_flows.model.problem import Place, Problem


def assemble(
    said: Statements,
    read_notebook: ReadNotebook,
    *,
    path: str | None = None,
    kernel: str | None = None,
    params: Sequence[Parameter] = (),
) -> tuple[Flow, list[Problem]]:
    """The flow the statements make and all that is wrong with it, by place.

    `params` come from the notebook's own `parameters` cell, `kernel` from its metadata. The flow holds all that could
    be understood, so that it can be drawn although it cannot run.
    """
    problems = list(said.problems)
    line = _flow_line(said.flows, path, problems)
    params = _merged(params, line.params, problems, said.flows)
    tasks = _tasks(said.tasks, line.defaults, [p.name for p in params], read_notebook, problems)
    wired = _wired(said.wires, [t.id for t in tasks], problems)
    setup = _setup(said.setups, problems)
    inference = _infer(tasks, wired, said, params)
    problems += inference.problems
    flow = Flow(
        id=line.id or fallback_id(path),
        tasks=tuple(_carrying(t, inference) for t in tasks),
        edges=inference.edges,
        setup=setup,
        params=tuple(params),
        path=path,
        **{**({"kernel": kernel} if kernel else {}), **line.fields},
    )
    return flow, sorted(problems, key=_position)


def fallback_id(path: str | None) -> FlowId:
    """A flow id made of a file's name, for a notebook that names no flow."""
    stem = PurePath(path or "").stem or "notebook"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)[:200]
    return flow_id(plain if plain[0].isalpha() or plain[0] == "_" else f"_{plain}"[:200])


def _flow_line(flows: Sequence[Statement], path: str | None, problems: list[Problem]) -> FlowLine:
    if not flows:
        fix = "Write %flow NAME in its first cell."
        problems.append(Problem("no-flow", f"{path or 'This notebook'} declares no flow.", Place(path), fix))
        return FlowLine()
    for other in flows[1:]:
        message = f"The notebook declares a second flow; the first is in {flows[0].place}."
        problems.append(Problem("two-flows", message, other.place, "Keep one %flow line, or split the notebook."))
    line = parse_flow(flows[0].magic.line, flows[0].place)
    problems += line.problems
    return line


def _merged(
    own: Sequence[Parameter], given: Sequence[Parameter], problems: list[Problem], flows: Sequence[Statement]
) -> list[Parameter]:
    names = {p.name for p in given}
    place = flows[0].place if flows else Place()
    problems += [reserved(p.name, place) for p in own if p.name in CONTEXT_NAMES]
    return [*given, *(p for p in own if p.name not in names and p.name not in CONTEXT_NAMES)]


def _tasks(
    statements: Sequence[Statement],
    defaults: Mapping[str, Any],
    params: Sequence[str],
    read_notebook: ReadNotebook,
    problems: list[Problem],
) -> list[Task]:
    tasks: dict[TaskId, Task] = {}
    for said in statements:
        magic = said.magic
        task, faults = parse_task(magic.line, magic.body if magic.is_cell else None, said.place, defaults)
        problems += faults
        if task is None:
            continue
        if task.id in tasks:
            problems.append(_duplicate(task, tasks[task.id]))
            continue
        if task.path is not None:
            task, faults = with_notebook(task, read_notebook, params)
            problems += faults
        else:
            problems += [reserved(n, task.place) for n in (*task.params, *task.map_over) if n in CONTEXT_NAMES]
        tasks[task.id] = task
    return list(tasks.values())


def _duplicate(task: Task, first: Task) -> Problem:
    message = f"Two cells define the task '{task.id}'; the first is in {first.place}."
    return Problem("duplicate-task", message, task.place, "Rename one of them.")


def _wired(wires: Sequence[Statement], known: Sequence[TaskId], problems: list[Problem]) -> list[Edge]:
    edges: dict[tuple[TaskId, TaskId], Edge] = {}
    for said in wires:
        problems += _stray(said, "%%wire")
        found, faults = parse_wire(said.magic.body, said.place, said.magic.body_first_line)
        problems += faults
        for edge in found:
            if edge.downstream in known:
                edges.setdefault((edge.upstream, edge.downstream), edge)
            else:
                problems.append(_unknown(edge, known, said.place))
    return list(edges.values())


def _unknown(edge: Edge, known: Sequence[TaskId], place: Place) -> Problem:
    close = nearest(edge.downstream, known)
    message = f"%%wire puts '{edge.downstream}' after '{edge.upstream}', but no cell defines '{edge.downstream}'."
    fix = f"Write {close}." if close else f"Define it with %%task {edge.downstream}, or drop it from %%wire."
    return Problem("unknown-task", message, place, fix)


def _setup(setups: Sequence[Statement], problems: list[Problem]) -> tuple[str, ...]:
    for said in setups:
        problems += _stray(said, "%%setup")
    return tuple(said.magic.body.removesuffix("\n") for said in setups)


def _stray(said: Statement, magic: str) -> list[Problem]:
    try:
        words = split_words(said.magic.line)
    except UsageError as error:
        return [Problem("bad-line", error.message, said.place, error.fix)]
    fix = "Drop it, or write # before a comment."
    return [Problem("stray-word", f"{magic} takes no {w!r}.", said.place, fix) for w in words]


# ── inference ────────────────────────────────────────────────────────────────────────


def _infer(tasks: Sequence[Task], wired: Sequence[Edge], said: Statements, params: Sequence[Parameter]) -> Inference:
    return infer(
        [_names(t, [e.upstream for e in wired if e.downstream == t.id]) for t in tasks],
        [cell_names(s.magic.body) for s in said.setups],
        [PlainCell(cell_names(_without_ours(s)), s.place) for s in said.plain],
        [p.name for p in params],
        [s.place for s in said.setups],
    )


def _names(task: Task, wired: Sequence[TaskId]) -> TaskNames:
    given = frozenset({*task.params, *task.map_over})
    names: CellNames | None = cell_names(task.source) if task.kind not in ("notebook", "empty") else None
    needs = tuple(dict.fromkeys(task.map_over.values()))
    return TaskNames(
        id=task.id,
        kind=task.kind,
        names=names,
        after=after(task),
        wired=tuple(wired),
        inputs=inputs_of(task),
        needs=needs,
        outputs=task.outputs,
        given=given,
        no_infer=not infers(task),
        place=task.place,
    )


def _without_ours(source: Source) -> str:
    return python_of(source.text)


def _carrying(task: Task, inference: Inference) -> Task:
    return replace(task, inputs=inference.inputs.get(task.id, ()), outputs=inference.outputs.get(task.id, task.outputs))


def _position(problem: Problem) -> tuple[int, int]:
    place = problem.place
    return (place.cell if place.cell is not None else -1, place.line or 0)
