"""A whole notebook as the body of a task: its text in the task, its contract, and what is wrong with the two."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from jupyter_flows.definition.cells import is_template
from jupyter_flows.definition.coercion import coerce
from jupyter_flows.definition.context import CONTEXT_NAMES, MOMENTS
from jupyter_flows.definition.contract import read_contract
from jupyter_flows.definition.cut import python_of
from jupyter_flows.definition.foreign import foreign_contract
from jupyter_flows.definition.literals import LANGUAGES
from jupyter_flows.definition.names import cell_names
from jupyter_flows.definition.overwritten import overwritten
from jupyter_flows.definition.pages import PYTHON, Page, ReadNotebook, read_page, stripped
from jupyter_flows.definition.words import literal
from jupyter_flows.errors import DefinitionError
from jupyter_flows.model.flow import Parameter, Task
from jupyter_flows.model.problem import Problem


def with_notebook(
    task: Task, read_notebook: ReadNotebook, run_params: Collection[str] = ()
) -> tuple[Task, list[Problem]]:
    """`task` with the notebook it names inside it, and its params as the notebook's contract wants them.

    Problems stand at the task's line; what lies in the other file is named in their text. `run_params` are the
    names of the flow's own parameters, which the notebook is given as well where it declares them.
    """
    try:
        page = read_page(read_notebook(task.path or ""), task.path)
    except DefinitionError as error:
        return task, [replace(p, place=task.place) for p in error.problems]
    except (OSError, ValueError, RecursionError) as error:
        return task, [_unreadable(task, error)]
    return filled(task, page, run_params)


def filled(task: Task, page: Page, run_params: Collection[str] = ()) -> tuple[Task, list[Problem]]:
    """`task` with `page` inside it, as `with_notebook`."""
    contract, problems = contract_of(page)
    where = f"notebook {task.path} (task '{task.id}')"
    problems = [replace(p, message=f"{p.message} ({p.place})", place=task.place) for p in problems]
    free = free_names(page)
    templates = {k: v for k, v in task.params.items() if is_template(v)}
    plain = {k: _by_contract(k, v, contract) for k, v in task.params.items() if k not in templates}
    lost = _lost(task, page, contract, run_params)
    hidden = {name for name, _ in lost}
    values, faults = coerce(contract, plain, where=where, place=task.place, extra={*free, *hidden}, complete=False)
    known = [Parameter(name) for name in (*(p.name for p in contract), *free, *hidden)]
    names, more = coerce(known, dict.fromkeys(templates, ""), where=where, place=task.place)
    problems += [*faults, *more, *(p for _, p in lost), *_language_problems(task, page)]
    params = {**values, **{k: templates[k] for k in names}}
    return replace(task, notebook=stripped(page), contract=contract, params=params), problems


def contract_of(page: Page) -> tuple[tuple[Parameter, ...], list[Problem]]:
    """What the page's `parameters` cell declares; none without such a cell."""
    cell = page.parameters
    if cell is None:
        return (), []
    if page.language != PYTHON:
        return foreign_contract(cell.source, page.language), []
    contract, problems = read_contract(cell.source, page.place(cell))
    return contract, list(problems)


def inputs_of(task: Task) -> tuple[str, ...]:
    """The names a notebook task takes when an earlier task makes them: its parameters and what it never defines."""
    if task.notebook is None:
        return ()
    page = read_page(task.notebook, task.path)
    if page.language != PYTHON:
        return ()
    names = [p.name for p in task.contract] + sorted(free_names(page))
    return tuple(n for n in dict.fromkeys(names) if n not in task.params and n not in CONTEXT_NAMES)


def free_names(page: Page) -> frozenset[str]:
    """Names a Python page reads and no cell of it defines."""
    if page.language != PYTHON:
        return frozenset()
    read: set[str] = set()
    made: set[str] = set()
    for cell in page.code:
        names = cell_names(python_of(cell.source))
        read |= set(names.reads) - made
        made |= {*names.writes, *names.imports}
    return frozenset(read - made - CONTEXT_NAMES)


def _by_contract(name: str, value: Any, contract: Collection[Parameter]) -> Any:
    """Text stays text where the contract has a type for it; elsewhere it is read as a literal."""
    kinds: Mapping[str, str] = {p.name: p.type for p in contract}
    return literal(value) if isinstance(value, str) and kinds.get(name, "any") == "any" else value


def _lost(
    task: Task, page: Page, contract: Collection[Parameter], run_params: Collection[str]
) -> list[tuple[str, Problem]]:
    """Names given to the notebook that its own code sets, with the Problem."""
    if page.language != PYTHON:
        return []
    declared = {p.name for p in contract}
    given = {*task.params, *(n for n in run_params if n in declared), *MOMENTS, *(declared - CONTEXT_NAMES)}
    cells = [(c.source, page.place(c)) for c in page.code if c is not page.parameters]
    found = []
    for name in sorted(given | {"ds", "ts"}):
        constants = {name} & {"ds", "ts"}
        for problem in overwritten(
            cells, {name}, declared=declared, constants=constants, where=task.path or "the notebook", place=task.place
        ):
            found.append((name, problem))
    return found


def _language_problems(task: Task, page: Page) -> list[Problem]:
    if page.language == PYTHON:
        return []
    found = []
    if task.params and page.language not in LANGUAGES:
        message = f"{task.path} is written in {page.language}, which parameters cannot be written in safely."
        fix = f"Drop --param; it is understood for {', '.join(sorted(LANGUAGES))}."
        found.append(Problem("no-parameters-in-language", message, task.place, fix))
    if task.outputs or task.map_over:
        message = f"{task.path} is written in {page.language}, so its variables cannot go to other tasks."
        found.append(
            Problem("no-values-in-language", message, task.place, "Let it write files, and drop --out and --map.")
        )
    return found


def _unreadable(task: Task, error: Exception) -> Problem:
    if isinstance(error, FileNotFoundError):
        message = f"Task '{task.id}' runs {task.path}, but there is no such file."
        fix = "Write its path relative to the flow's notebook."
        return Problem("missing-notebook", message, task.place, fix)
    if isinstance(error, OSError):
        message = f"{task.path} of task '{task.id}' cannot be read: {error.strerror or error}."
        return Problem("missing-notebook", message, task.place, "Mend its permissions, or name another file.")
    message = f"{task.path} of task '{task.id}' is not a notebook that can be read: it is no JSON."
    return Problem("bad-notebook", message, task.place, "Open and save it in JupyterLab, or name another file.")
