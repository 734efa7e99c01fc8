"""The JSON of a notebook, checked once: what has the wrong shape gives one Problem, `bad-notebook`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from jupyter_flows.errors import DefinitionError
from jupyter_flows.model.problem import Place, Problem

ReadNotebook = Callable[[str], Mapping[str, Any]]
"""Gives the JSON of a notebook by its path as written, relative to the flow's notebook. Raises OSError, ValueError."""

PYTHON = "python"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a notebook. `id` is unique in it and valid; cells without one are numbered."""

    index: int
    id: str
    kind: str
    source: str
    tags: tuple[str, ...] = ()

    @property
    def is_code(self) -> bool:
        """Whether a kernel would run it."""
        return self.kind == "code"


@dataclass(frozen=True, slots=True)
class Page:
    """A notebook as far as a flow cares: its cells, its kernelspec's name, its language (lower case)."""

    cells: tuple[Cell, ...]
    kernel: str | None = None
    language: str = PYTHON
    path: str | None = None

    @property
    def code(self) -> tuple[Cell, ...]:
        """The code cells."""
        return tuple(c for c in self.cells if c.is_code)

    @property
    def parameters(self) -> Cell | None:
        """The first cell tagged `parameters`."""
        return next((c for c in self.code if "parameters" in c.tags), None)

    def place(self, cell: Cell, line: int | None = None) -> Place:
        """Where `cell` is."""
        return Place(self.path, cell.id, cell.index, line)


def read_page(nb: Any, path: str | None = None) -> Page:
    """The notebook `nb`. Raises DefinitionError with the one Problem `bad-notebook` for anything that is none."""
    if not isinstance(nb, Mapping):
        _refuse(path, "it is no JSON object")
    if nb.get("nbformat", 4) != 4 or isinstance(nb.get("nbformat", 4), bool):
        _refuse(path, f"its format is {nb.get('nbformat')!r}, not 4")
    cells = nb.get("cells")
    if not isinstance(cells, (list, tuple)):
        _refuse(path, "it has no list of cells")
    metadata = _mapping(nb, "metadata", path, "its metadata")
    spec = _mapping(metadata, "kernelspec", path, "its kernelspec")
    info = _mapping(metadata, "language_info", path, "its language_info")
    kernel = _text(spec.get("name"), path, "the kernelspec's name")
    named = _text(info.get("name"), path, "the language's name")
    language = _text(spec.get("language"), path, "the kernelspec's language") or named or PYTHON
    plain = PYTHON if language.lower() in (PYTHON, "ipython") else language.lower()
    return Page(tuple(_cells(cells, path)), kernel, plain, path)


def stripped(page: Page) -> dict[str, Any]:
    """The page as notebook JSON that says only what was written: no outputs, counts or volatile metadata."""
    metadata: dict[str, Any] = {"language_info": {"name": page.language}}
    if page.kernel:
        spec = {"name": page.kernel, "display_name": page.kernel, "language": page.language}
        metadata = {"kernelspec": spec, **metadata}
    cells = [_cell_json(c) for c in page.cells]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def code_cell(cell_id: str, source: str, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A code cell that has not run."""
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": dict(metadata or {}),
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
    if cell.is_code:
        return code_cell(cell.id, cell.source, metadata)
    return {"cell_type": cell.kind, "id": cell.id, "metadata": metadata, "source": cell.source}


def _cells(cells: Any, path: str | None) -> Iterator[Cell]:
    taken: set[str] = set()
    for index, raw in enumerate(cells):
        where = f"cell {index + 1}"
        if not isinstance(raw, Mapping):
            _refuse(path, f"{where} is no JSON object")
        kind = raw.get("cell_type")
        if kind not in ("code", "markdown", "raw"):
            _refuse(path, f"{where} is of type {kind!r}")
        metadata = _mapping(raw, "metadata", path, f"the metadata of {where}")
        tags = metadata.get("tags") or ()
        if not isinstance(tags, (list, tuple)) or not all(isinstance(t, str) for t in tags):
            _refuse(path, f"the tags of {where} are no list of words")
        written = _text(raw.get("id"), path, f"the id of {where}")
        cell_id = written if written and _ID.match(written) and written not in taken else _fresh(index, taken)
        taken.add(cell_id)
        yield Cell(index, cell_id, kind, _source(raw.get("source"), path, where), tuple(tags))


def _fresh(index: int, taken: set[str]) -> str:
    name = f"cell-{index}"
    while name in taken:
        name += "x"
    return name


def _source(value: Any, path: str | None, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return "".join(value)
    _refuse(path, f"the source of {where} is no text")


def _mapping(data: Mapping[str, Any], key: str, path: str | None, what: str) -> Mapping[str, Any]:
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        _refuse(path, f"{what} is no JSON object")
    return value


def _text(value: Any, path: str | None, what: str) -> str | None:
    if value is not None and not isinstance(value, str):
        _refuse(path, f"{what} is no text")
    return value or None


def _refuse(path: str | None, why: str) -> NoReturn:
    message = f"{path or 'This'} is not a notebook that can be read: {why}."
    fix = "Open and save it in JupyterLab, or name another file."
    raise DefinitionError([Problem("bad-notebook", message, Place(path), fix)])
