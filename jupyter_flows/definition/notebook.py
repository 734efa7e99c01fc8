"""A notebook as a flow, by two doors that give equal flows: read from its file, or cell by cell as it is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from jupyter_flows.definition.assembly import assemble
from jupyter_flows.definition.contract import read_contract
from jupyter_flows.definition.pages import PYTHON, Page, ReadNotebook, read_page
from jupyter_flows.definition.statements import Source, declared, hide, statements_of
from jupyter_flows.definition.whole import contract_of, filled
from jupyter_flows.errors import DefinitionError
from jupyter_flows.model.flow import Flow, Parameter, Task
from jupyter_flows.model.ids import flow_id, task_id
from jupyter_flows.model.problem import NOWHERE, Place, Problem

__all__ = ["Definition", "ReadNotebook", "flow_of_notebook", "read_flow"]


@dataclass(frozen=True)
class Definition:
    """The code cells of a notebook as far as known. A value: each change gives a new one.

    In a `live` one a new cell that declares a task (or the flow) takes it over from the older cell; in one read from
    a file the same is a Problem. `kernel` is the notebook's kernelspec, `path` its file.
    """

    path: str | None = None
    kernel: str | None = None
    live: bool = True
    sources: tuple[Source, ...] = ()
    params: tuple[Parameter, ...] = ()
    problems: tuple[Problem, ...] = ()

    def with_cell(self, key: str, source: str, place: Place = NOWHERE) -> Definition:
        """With this cell: in the place of the one with the same key, else last. `source` is all of the cell's text."""
        new = Source(key, source, place)
        ids = declared(source)
        old = [hide(s, ids) if self.live else s for s in self.sources if s.key != key]
        at = next((i for i, s in enumerate(self.sources) if s.key == key), len(old))
        return replace(self, sources=(*old[:at], new, *old[at:]))

    def without_cell(self, key: str) -> Definition:
        """Without this cell; unknown keys do no harm."""
        return replace(self, sources=tuple(s for s in self.sources if s.key != key))

    def ordered(self, keys: Sequence[str]) -> Definition:
        """With its cells in the order of `keys` (as the notebook shows them); cells not named keep to the end."""
        position = {key: i for i, key in enumerate(keys)}
        order = sorted(self.sources, key=lambda s: position.get(s.key, len(position)))
        return replace(self, sources=tuple(order))

    def with_parameters(self, source: str, place: Place = NOWHERE) -> Definition:
        """With the text of the notebook's own `parameters` cell: what every run of the flow may be given."""
        params, problems = read_contract(source, place)
        return replace(self, params=params, problems=problems)

    def flow(self, read_notebook: ReadNotebook) -> tuple[Flow, list[Problem]]:
        """The flow the cells declare, and everything wrong with it. Whole-notebook tasks are read anew."""
        flow, problems = assemble(
            statements_of(self.sources), read_notebook, path=self.path, kernel=self.kernel, params=self.params
        )
        return flow, [*self.problems, *problems]


def read_flow(nb: Any, *, path: str | None, read_notebook: ReadNotebook) -> tuple[Flow, list[Problem]]:
    """The flow a notebook's JSON declares, and everything wrong with it.

    `read_notebook` gives the JSON of the notebooks its tasks name, by the path as written. Raises DefinitionError with
    the one Problem `bad-notebook` when `nb` is no notebook at all.
    """
    page = read_page(nb, path)
    if page.language != PYTHON:
        raise DefinitionError([_not_python(page)])
    return _definition(page).flow(read_notebook)


def flow_of_notebook(nb: Any, path: str, name: str | None = None) -> tuple[Flow, list[Problem]]:
    """A flow of one task that runs the whole notebook, for one that declares no flow. Its contract is the flow's.

    Both are named `name`, by default after the file. Raises DefinitionError when `nb` is no notebook, UsageError when
    `name` cannot name a flow.
    """
    page = read_page(nb, path)
    identity = name or _named_after(path)
    task = Task(task_id(identity), "notebook", path=PurePath(path).name, place=Place(path))
    task, problems = filled(task, replace(page, path=PurePath(path).name))
    params, _ = contract_of(page)
    flow = Flow(flow_id(identity), tasks=(task,), params=params, kernel=page.kernel, path=path)
    return flow, problems


def _named_after(path: str) -> str:
    from jupyter_flows.definition.assembly import fallback_id

    return fallback_id(path)


def _definition(page: Page) -> Definition:
    definition = Definition(page.path, page.kernel, live=False)
    for cell in page.code:
        if cell is page.parameters:
            definition = definition.with_parameters(cell.source, page.place(cell))
        definition = definition.with_cell(cell.id, cell.source, page.place(cell))
    return definition


def _not_python(page: Page) -> Problem:
    message = f"{page.path or 'This notebook'} is written in {page.language}; a flow is declared in a Python notebook."
    fix = f"Make it a task of a Python notebook: %task NAME {page.path or 'file.ipynb'}."
    return Problem("bad-notebook", message, Place(page.path), fix)
