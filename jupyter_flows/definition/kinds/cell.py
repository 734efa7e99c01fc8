"""A cell of the author's as a notebook: parameters, prologue, setup, inputs, the cell itself, epilogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_flows.definition.cut import split_cell
from jupyter_flows.definition.kinds.base import Cells, Parts, epilogue, inputs, opening, role_cell, setup
from jupyter_flows.model.flow import Task

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def render_cell(parts: Parts) -> Cells:
    """The author's cell between what it needs and what it makes."""
    return [*opening(parts), *setup(parts), *inputs(parts), body(parts.task), epilogue(parts)]


def render_decision(parts: Parts) -> Cells:
    """As a cell, and its last expression decides: branch, condition, sensor."""
    return [*opening(parts), *setup(parts), *inputs(parts), body(parts.task), epilogue(parts, decides=True)]


def render_empty(parts: Parts) -> Cells:
    """A task that does nothing and succeeds."""
    return [*opening(parts), epilogue(parts)]


def body(task: Task) -> Mapping[str, Any]:
    """The author's cell with its id kept and its magic line as a comment, so that traceback lines match.

    A nested cell magic must stay first, so it goes without the comment. A line of this cell plus `line_offset` is the
    line in the author's: it is not 0 also where the author's cell starts with blank lines.
    """
    first = task.place.line or 1
    cell_id = task.place.cell_id if task.place.cell_id and _ID.match(task.place.cell_id) else "flows-body"
    if split_cell(task.source) is not None:
        return role_cell("body", task.source, cell_id, line_offset=first)
    magic = f"# %%task {task.line}".rstrip()
    return role_cell("body", f"{magic}\n{task.source}", cell_id, line_offset=first - 1)
