"""A task and its circumstances as a notebook that any kernel can run, with nothing else at hand. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jupyter_flows.definition.coercion import coerce
from jupyter_flows.definition.context import (
    CONTEXT_NAMES,
    MOMENTS,
    RunContext,
    StoredValue,
    run_params,
    run_values,
    sample,
)
from jupyter_flows.definition.contract import typed
from jupyter_flows.definition.kinds import BUILT_IN, Parts, TaskKind
from jupyter_flows.definition.kinds.base import HANDLE
from jupyter_flows.definition.names import cell_names, imported
from jupyter_flows.definition.pages import PYTHON, read_page
from jupyter_flows.definition.template import render_params
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Flow, Task, TriggerRule
from jupyter_flows.model.interval import DataInterval

__all__ = ["Rendered", "RunContext", "StoredValue", "hand_context", "preload_of", "render"]

_OWN = frozenset({"task"})
"""Context names the prologue sets, not the parameters cell."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A runnable notebook. `context` is what `context.json` must hold in the attempt's folder before it runs.

    `kernel` is the kernelspec it was written for, None for the default; `preload` are modules it imports.
    """

    notebook: dict[str, Any]
    context: dict[str, Any]
    kernel: str | None = None
    preload: tuple[str, ...] = ()


def render(flow: Flow, task: Task, context: RunContext, kinds: Mapping[str, TaskKind] = BUILT_IN) -> Rendered:
    """The runnable notebook of one attempt and its context.

    Raises UsageError when a parameter does not fit the contract, a template cannot be rendered, or the kind is
    unknown: the attempt could not begin.
    """
    kind = kinds.get(task.kind)
    if kind is None:
        raise UsageError(
            f"Task '{task.id}' is of the unknown kind {task.kind!r}.", fix=f"Use one of {', '.join(kinds)}."
        )
    language, kernel = _speaks(flow, task)
    values = _values(flow, task, context, language)
    parts = Parts(flow, task, values, _loads(task, context, language), task.outputs if language == PYTHON else ())
    notebook = {
        "cells": _unique([dict(c) for c in kind.render(parts)]),
        "metadata": _metadata(kernel, language),
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return Rendered(notebook, _context(flow, task, context, values, language), kernel, _preload(flow, task))


def hand_context(flow: Flow, interval: DataInterval, task: Task | None = None) -> dict[str, Any]:
    """The context to run cells by hand with, for `jupyter_flows.task.hand` and `names_of`: a sample over `interval`."""
    context = sample(flow, interval, task)
    values = _declared(run_values(context, run_params(flow, context)), flow, task)
    return _context(flow, task or Task(context.task_id), context, values, PYTHON)


# ── values ───────────────────────────────────────────────────────────────────────────


def _values(flow: Flow, task: Task, context: RunContext, language: str) -> dict[str, Any]:
    run = run_params(flow, context)
    base = run_values(context, run)
    own = render_params(task.params, context, run)
    if task.kind != "notebook":
        return {**_declared(base, flow, None), **own, **_mapped(task, context)}
    contract = {p.name for p in task.contract}
    given = {**{k: v for k, v in run.items() if k in contract}, **own, **_mapped(task, context)}
    free = contract | set(task.params) | set(task.map_over)
    wanted = [p for p in task.contract if p.name not in CONTEXT_NAMES and p.name not in _input_names(task)]
    values, problems = coerce(wanted, given, where=f"task '{task.id}'", extra=free)
    if problems:
        raise UsageError("\n".join(p.message for p in problems), fix=problems[0].fix)
    if language != PYTHON:
        return {**{k: v for k, v in base.items() if k in contract}, **values}
    kept = {k: v for k, v in base.items() if not (k == "params" and k in contract)}
    return {**kept, **values}


def _declared(base: Mapping[str, Any], flow: Flow, task: Task | None) -> dict[str, Any]:
    """The context's names, and each of the flow's parameters by its own name."""
    named = {p.name for p in flow.params}
    return {**base, **{k: v for k, v in base["params"].items() if k in named}, **(task.params if task else {})}


def _mapped(task: Task, context: RunContext) -> dict[str, Any]:
    """Mapped names whose value is not to be taken from a stored list."""
    return {x: context.mapped[x] for x, xs in task.map_over.items() if x in context.mapped and xs not in context.inputs}


def _typed(flow: Flow, task: Task, values: Mapping[str, Any]) -> dict[str, str]:
    """How injected text is rebuilt in the kernel, by name."""
    contract = task.contract if task.kind == "notebook" else flow.params
    texts = {p.name for p in contract if p.type == "str"}
    moments = {name: "moment" for name in MOMENTS if name in values and name not in texts}
    return {**moments, **{k: v for k, v in typed(contract).items() if k in values and k not in MOMENTS}}


# ── inputs ───────────────────────────────────────────────────────────────────────────


def _input_names(task: Task) -> list[str]:
    over = set(task.map_over.values())
    if over and task.kind != "notebook":
        over -= set(cell_names(task.source).reads)
    return list(dict.fromkeys(i.name for i in task.inputs if i.name not in over))


def _loads(task: Task, context: RunContext, language: str) -> str:
    """The code that binds inputs. Where the trigger rule lets a task run without all upstreams, a value may be None."""
    if language != PYTHON:
        return ""
    names = _input_names(task)
    lenient = task.trigger_rule is not TriggerRule.ALL_SUCCESS
    missing = [n for n in names if lenient and n not in context.inputs]
    present = [n for n in names if n not in missing]
    lines = [f"{', '.join(present)} = {HANDLE}.load({', '.join(map(_quoted, present))})"] if present else []
    lines += [f"{name} = None  # no upstream task has stored it" for name in missing]
    lines += [f"{x} = {HANDLE}.item({_quoted(xs)})" for x, xs in task.map_over.items() if xs in context.inputs]
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return f'"{name}"'


# ── the notebook and its context ─────────────────────────────────────────────────────


def _speaks(flow: Flow, task: Task) -> tuple[str, str | None]:
    """(language, kernelspec) of the runnable notebook."""
    if task.kind == "notebook" and task.notebook is not None:
        page = read_page(task.notebook, task.path)
        return page.language, task.kernel or page.kernel or flow.kernel
    return PYTHON, task.kernel or flow.kernel


def _metadata(kernel: str | None, language: str) -> dict[str, Any]:
    name = kernel or "python3"
    spec = {"name": name, "display_name": name, "language": language}
    return {"kernelspec": spec, "language_info": {"name": language}}


def _unique(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same cells; ids that came twice are lengthened, generated ones first to give way."""
    own = [c["id"] for c in cells if not str(c["id"]).startswith("flows-")]
    taken: set[str] = set()
    for cell in cells:
        name = cell["id"]
        while name in taken or (name.startswith("flows-") and name in own):
            name = f"{name[:62]}-x" if len(name) < 63 else f"x{len(taken)}"
        taken.add(name)
        cell["id"] = name
    return cells


def _context(flow: Flow, task: Task, context: RunContext, values: Mapping[str, Any], language: str) -> dict[str, Any]:
    downstream = list(flow.graph.downstream(task.id)) if task.id in flow.graph.position else []
    options = {k: v for k, v in task.options.items() if k in ("poke", "mode", "soft_fail")}
    if task.timeout is not None:
        options["timeout"] = task.timeout.total_seconds()
    return {
        "values": dict(values),
        "timezone": flow.timezone,
        "typed": _typed(flow, task, values),
        "kind": task.kind,
        "language": language,
        "options": options,
        "downstream": downstream,
        "inputs": {name: asdict(value) for name, value in context.inputs.items()},
        "artifacts": {t: {n: asdict(v) for n, v in values.items()} for t, values in context.artifacts.items()},
        "outputs": list(task.outputs),
        "returns": any(".pull(" in flow.by_id[t].source for t in flow.graph.descendants([task.id]))
        if downstream
        else False,
        "source": task.source if task.kind == "sensor" else "",
    }


def preload_of(flow: Flow) -> tuple[str, ...]:
    """The modules the flow's tasks import, all together: one process that has them can serve every task."""
    return tuple(dict.fromkeys(module for task in flow.tasks for module in _preload(flow, task)))


def _preload(flow: Flow, task: Task) -> tuple[str, ...]:
    """The modules the notebook imports, in order: worth having in memory before the kernel starts."""
    sources = [*flow.setup, task.source]
    if task.kind == "notebook" and task.notebook is not None:
        page = read_page(task.notebook, task.path)
        sources = [c.source for c in page.code] if page.language == PYTHON else []
    return tuple(dict.fromkeys(module for source in sources for module in imported(source)))
