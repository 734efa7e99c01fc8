"""Which expressions change a value in place: the tables of methods and functions known to, and how to see them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_RETURN_NOTHING = frozenset(
    {"add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "fill", "insert"}
    | {"intersection_update", "itemset", "load_state_dict", "remove", "reverse", "rotate", "setflags", "sort"}
    | {"symmetric_difference_update", "update"}
)
"""Return None when they change the value, so they count only where their result is dropped: `df.add(1)` is a new frame,
`seen.add(1)` a changed set."""

_RETURN_SOMETHING = frozenset(
    {"fit", "fit_predict", "fit_transform", "partial_fit", "pop", "popitem", "popleft", "set_params", "setdefault"}
    | {"__delitem__", "__setattr__", "__setitem__"}
)
_CHANGE_THEIR_FIRST_ARGUMENT = frozenset(
    {"copyto", "delattr", "fill_diagonal", "heapify", "heappop", "heappush", "heappushpop", "heapreplace", "insort"}
    | {"insort_left", "insort_right", "put_along_axis", "setattr", "shuffle"}
)


def root(node: ast.expr) -> str | None:
    """The name an attribute or item belongs to: `a` of `a.b[0].c`; None when it starts at a call or a literal."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changed_by_target(target: ast.expr) -> Iterator[str]:
    """The names changed in place when `target` is assigned or deleted: `a` of `a.x, b = …` (but not `b`)."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from changed_by_target(element)
    elif isinstance(target, ast.Starred):
        yield from changed_by_target(target.value)
    elif isinstance(target, (ast.Attribute, ast.Subscript)) and (name := root(target)):
        yield name


def changed_by_call(call: ast.Call, dropped: bool) -> Iterator[str]:
    """The names a call changes in place, as far as names of methods tell. `dropped`: nobody uses its result."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in _CHANGE_THEIR_FIRST_ARGUMENT and call.args and (first := root(call.args[0])):
        yield first
    changes = name in _RETURN_SOMETHING or (dropped and name in _RETURN_NOTHING) or _is_inplace(call)
    if changes and isinstance(function, ast.Attribute) and (owner := root(function)):
        yield owner
    for keyword in call.keywords:
        if keyword.arg == "out" and (into := root(keyword.value)):
            yield into


def _is_inplace(call: ast.Call) -> bool:
    return any(
        k.arg == "inplace" and isinstance(k.value, ast.Constant) and k.value.value is True for k in call.keywords
    )


def dropped_calls(tree: ast.AST) -> frozenset[int]:
    """`id()`s of the calls whose result nobody uses, valid while `tree` lives: `x.add(1)`, `c or x.add(1)`."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            _drop(node.value, found)
        elif isinstance(node, ast.Lambda):
            _drop(node.body, found)
        elif isinstance(node, ast.comprehension):
            for test in node.ifs:
                _drop(test, found)
    return frozenset(found)


def _drop(value: ast.expr, found: set[int]) -> None:
    todo: list[ast.expr] = [value]
    while todo:
        node = todo.pop()
        match node:
            case ast.Call():
                found.add(id(node))
            case ast.Await(value=inner) | ast.UnaryOp(op=ast.Not(), operand=inner):
                todo.append(inner)
            case ast.BoolOp(values=values):
                todo += values
            case ast.IfExp(body=body, orelse=orelse):
                todo += [body, orelse]
            case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt):
                todo.append(elt)
