"""The code of a flow as rules look at it: trees with their places, and what a dotted name stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from jupyter_flows.definition.edges_values import place_in
from jupyter_flows.definition.names import CellNames, cell_names
from jupyter_flows.definition.names_ipython import parse_cell
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.problem import Place

USUAL = {
    "pd": "pandas",
    "np": "numpy",
    "dt": "datetime",
    "plt": "matplotlib.pyplot",
    "sns": "seaborn",
    "tf": "tensorflow",
}
"""What people mean by these names when no import says so."""


@dataclass(frozen=True)
class Code:
    """One cell's tree. `task` is None for a `%%setup` cell, whose place in the notebook a flow does not know."""

    flow: Flow
    tree: ast.Module
    names: CellNames
    who: str
    place: Place
    task: Task | None
    setup_imports: Mapping[str, str]

    def place_at(self, node: ast.AST) -> Place:
        """Where `node` stands, if that is known."""
        if self.task is None:
            return self.place
        return place_in(self.place, getattr(node, "lineno", None))

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Names bound by imports here or in `%%setup`, and what they stand for: `dt` is `datetime`."""
        return {**self.setup_imports, **imports_of(self.tree)}

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with the full name of what is called; empty where that is unknown."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, self.full_name(node.func)

    def full_name(self, node: ast.expr) -> str:
        """`pandas.Timestamp.now` for `pd.Timestamp.now`; empty when the cell sets the first name itself."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        start = self.imports.get(node.id)
        if start is None:
            if node.id in self.names.writes:
                return ""
            start = USUAL.get(node.id, node.id)
        return ".".join([start, *reversed(parts)])


def imports_of(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for, wherever in the cell it is imported."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def all_code(flow: Flow) -> Iterator[Code]:
    """The `%%setup` cells, then the tasks that are Python; cells that cannot be read are left out."""
    imports: dict[str, str] = {}
    for number, source in enumerate(flow.setup, start=1):
        tree = _tree(source)
        if tree is not None:
            imports |= imports_of(tree)
            who = "%%setup" if len(flow.setup) == 1 else f"%%setup cell {number}"
            yield Code(flow, tree, cell_names(source), who, Place(flow.path), None, dict(imports))
    for task in flow.tasks:
        tree = _tree(task.source) if task.source and task.kind != "notebook" else None
        if tree is not None:
            yield Code(flow, tree, cell_names(task.source), f"Task '{task.id}'", task.place, task, imports)


def _tree(source: str) -> ast.Module | None:
    try:
        return parse_cell(source)
    except (SyntaxError, RecursionError, MemoryError):
        return None
