"""A whole notebook as a task: its own cells, with what it is given right after its `parameters` cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_flows.definition.kinds.base import Cells, Parts, epilogue, inputs, opening, role_cell
from jupyter_flows.definition.literals import assignments
from jupyter_flows.definition.pages import PYTHON, Cell, code_cell, read_page
from jupyter_flows.errors import UsageError


def render_notebook(parts: Parts) -> Cells:
    """The notebook's cells and, after its `parameters` cell (else first), the values it is given and its inputs.

    A notebook that is not Python gets only the parameters it declares, in its own language, and stores nothing.
    """
    if parts.task.notebook is None:
        raise UsageError(
            f"The notebook {parts.task.path} of task '{parts.task.id}' was not read with its flow.",
            fix="Register the flow again, with the file in its place.",
        )
    page = read_page(parts.task.notebook, parts.task.path)
    after = page.parameters
    cut = after.index + 1 if after else 0
    head = [_cell(c, "parameters" if c is after else "body") for c in page.cells[:cut]]
    tail = [_cell(c, "body") for c in page.cells[cut:]]
    if page.language != PYTHON:
        return [*head, *_foreign(parts, page.language), *tail]
    return [*head, *opening(parts), *inputs(parts), *tail, epilogue(parts)]


def _foreign(parts: Parts, language: str) -> list[Mapping[str, Any]]:
    source = assignments(parts.values, language)
    return [role_cell("parameters", source, "flows-parameters", tags=["injected-parameters"])] if source else []


def _cell(cell: Cell, role: str) -> Mapping[str, Any]:
    if not cell.is_code:
        return {"cell_type": cell.kind, "id": cell.id, "metadata": {}, "source": cell.source}
    marked: dict[str, Any] = {"jupyter_flows": {"role": role, "line_offset": 0}}
    return code_cell(cell.id, cell.source, {**marked, "tags": list(cell.tags)} if cell.tags else marked)
