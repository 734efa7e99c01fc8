"""The body of a `%%wire` cell: `a >> [b, c] >> d`, `d << c`, one chain per statement. Parsed, never run."""

from __future__ import annotations

import ast

from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Edge, EdgeKind
from jupyter_flows.model.ids import TaskId, task_id
from jupyter_flows.model.problem import NOWHERE, Place, Problem

_FIX = "Write chains of task names, one per line: a >> [b, c] >> d, or d << c."


def parse_wire(body: str, place: Place = NOWHERE, first_line: int = 1) -> tuple[tuple[Edge, ...], tuple[Problem, ...]]:
    """The explicit edges a `%%wire` body states, in order and without doubles, and what could not be understood.

    A name with `-` or `.` is written as a string. `first_line` is the line of the cell the body starts at; each
    edge's `why` names its line. Statements that are no chain are Problems and leave the others standing.
    """
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        at = getattr(error, "lineno", None) or 1
        what = error.msg if isinstance(error, SyntaxError) else "it is too long or holds a null character"
        where = place.at_line(at + first_line - 1)
        return (), (Problem("bad-wire", f"The %%wire cell cannot be read: {what}.", where, _FIX),)
    edges: dict[tuple[TaskId, TaskId], Edge] = {}
    problems: list[Problem] = []
    for statement in tree.body:
        line = statement.lineno + first_line - 1
        try:
            pairs = _chain(statement)
        except UsageError as error:
            problems.append(Problem("bad-wire", error.message, place.at_line(line), error.fix or _FIX))
            continue
        for up, down in pairs:
            why = f"a %%wire cell says so in line {line}"
            edges.setdefault((up, down), Edge(up, down, EdgeKind.EXPLICIT, why=why))
    return tuple(edges.values()), tuple(problems)


def _chain(statement: ast.stmt) -> list[tuple[TaskId, TaskId]]:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.BinOp):
        raise UsageError(f"`{_shown(statement)}` is no chain of tasks.")
    pairs: list[tuple[TaskId, TaskId]] = []
    node: ast.expr = statement.value
    steps: list[tuple[bool, ast.expr]] = []
    while isinstance(node, ast.BinOp):
        if not isinstance(node.op, (ast.RShift, ast.LShift)):
            raise UsageError(f"`{_shown(node)}` joins tasks with something other than >> or <<.")
        steps.append((isinstance(node.op, ast.RShift), node.right))
        node = node.left
    left = _names(node)
    for forwards, right_node in reversed(steps):
        right = _names(right_node)
        ups, downs = (left, right) if forwards else (right, left)
        pairs.extend((u, d) for u in ups for d in downs)
        left = right
    return pairs


def _names(node: ast.expr) -> list[TaskId]:
    match node:
        case ast.Name(id=name):
            return [task_id(name)]
        case ast.Constant(value=str(name)):
            return [task_id(name)]
        case ast.List(elts=elements) | ast.Tuple(elts=elements) if elements:
            return [name for e in elements for name in _names(e)]
    raise UsageError(f"`{_shown(node)}` is not the name of a task, nor a list of names.")


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."
