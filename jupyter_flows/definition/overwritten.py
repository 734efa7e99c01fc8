"""A notebook whose own code beats the values it is given: a backfill would compute the same thing every time."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from jupyter_flows.definition.cut import python_of
from jupyter_flows.model.problem import NOWHERE, Place, Problem


def overwritten(
    cells: Sequence[tuple[str, Place]],
    names: Collection[str],
    *,
    declared: Collection[str] = (),
    constants: Collection[str] = (),
    where: str = "the notebook",
    place: Place = NOWHERE,
) -> list[Problem]:
    """A Problem for each of the given `names` that top-level code sets before anything has read it.

    `cells` are the code cells (source, place) without the `parameters` cell, in order; `declared` the names of that
    cell; for names in `constants` only an assignment of a plain constant counts. An assignment that reads the name
    itself (`start = parse(start)`) is fine. Cells that are not Python are passed over.
    """
    open_names = set(names)
    problems: list[Problem] = []
    for source, cell in cells:
        try:
            tree = ast.parse(python_of(source))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        for statement in tree.body:
            loaded = _loaded(statement)
            lost = _assigned(statement) & open_names - loaded
            for name in sorted(lost if _is_constant(statement) else lost - set(constants)):
                problems.append(_problem(name, name in declared, cell.at_line(statement.lineno), where, place))
                open_names.discard(name)
            open_names -= loaded
    return problems


def _assigned(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.Assign(targets=targets):
            return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and _stores(n)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
    return set()


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(getattr(statement, "value", None), ast.Constant)


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _loaded(statement: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _problem(name: str, is_declared: bool, at: Place, where: str, place: Place) -> Problem:
    if is_declared:
        why = "after the parameters cell declared it"
        fix = f"Drop the line, or use another name than {name}."
    else:
        why = "and no cell tagged 'parameters' declares it"
        fix = "Move the line to a cell tagged 'parameters'."
    message = f"{at} of {where} sets '{name}' {why}: the value it is given would be lost."
    return Problem("parameter-overwritten", message, place if place != NOWHERE else at, fix)
