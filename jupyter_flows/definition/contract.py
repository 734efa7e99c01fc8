"""The typed contract of a notebook: what its `parameters` cell declares. `coerce` holds values against it."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from jupyter_flows.definition.coercion import coerce
from jupyter_flows.definition.cut import python_of
from jupyter_flows.definition.overwritten import overwritten
from jupyter_flows.definition.words import as_json
from jupyter_flows.model.flow import Parameter
from jupyter_flows.model.problem import NOWHERE, Place, Problem, Severity

__all__ = ["coerce", "overwritten", "read_contract", "typed"]

_NAMED = {
    **{name: name for name in ("str", "int", "float", "bool", "date", "datetime", "timedelta", "list", "dict")},
    **dict.fromkeys(("tuple", "List", "Tuple", "Sequence", "Iterable", "Collection"), "list"),
    **dict.fromkeys(("Dict", "Mapping", "MutableMapping"), "dict"),
    **dict.fromkeys(("Timestamp",), "datetime"),
    **dict.fromkeys(("Timedelta",), "timedelta"),
}
_MOMENTS = {"date": date, "datetime": datetime, "timedelta": timedelta}
_NOT_LITERAL = object()


def read_contract(source: str, place: Place = NOWHERE) -> tuple[tuple[Parameter, ...], tuple[Problem, ...]]:
    """What a `parameters` cell declares, in order: annotation, literal default, trailing comment.

    A bare annotation is a required parameter; a default that is no literal makes the parameter optional, its default
    unknown here, and a warning. Statements that assign nothing are left alone.
    """
    try:
        tree = ast.parse(python_of(source))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        where = place.at_line(getattr(error, "lineno", None))
        return (), (Problem("bad-parameters", "The parameters cell is not Python.", where, "Mend its syntax."),)
    comments = _comments(python_of(source))
    found: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for statement in tree.body:
        for name, annotation, value in _declared(statement):
            where = place.at_line(statement.lineno)
            doc = comments.get(statement.end_lineno or statement.lineno, "")
            found[name] = _parameter(name, annotation, value, doc, where, problems)
    return tuple(found.values()), tuple(problems)


def _declared(statement: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            return [(name, annotation, value)]
        case ast.Assign(targets=targets, value=value):
            return [(t.id, None, value) for t in targets if isinstance(t, ast.Name)]
    return []


def _parameter(
    name: str,
    annotation: ast.expr | None,
    value: ast.expr | None,
    doc: str,
    place: Place,
    problems: list[Problem],
) -> Parameter:
    kind, choices, optional = _read_annotation(annotation)
    if value is None:
        return Parameter(name, kind, None, True, choices, optional, doc)
    default = _literal(value)
    if default is _NOT_LITERAL:
        message = f"The default of parameter '{name}' is no literal, so it is known only when the notebook runs."
        problems.append(Problem("parameter-not-literal", message, place, "Write a literal default.", Severity.WARNING))
        return Parameter(name, kind, None, False, choices, True, doc)
    if annotation is None:
        kind = _type_of(default)
    return Parameter(name, kind, _plain(default), False, choices, optional or default is None, doc)


def _read_annotation(node: ast.expr | None) -> tuple[str, tuple[Any, ...], bool]:
    """(type, choices, optional) of an annotation; unknown ones mean `any`."""
    match node:
        case ast.Constant(value=str(text)):
            with suppress(SyntaxError, ValueError):
                return _read_annotation(ast.parse(text, mode="eval").body)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _NAMED.get(name, "any"), (), False
        case ast.BinOp(op=ast.BitOr()):
            return _union([node.left, node.right])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _subscripted(name, inner)
    return "any", (), False


def _subscripted(name: str, inner: ast.expr) -> tuple[str, tuple[Any, ...], bool]:
    parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    match name:
        case "Optional":
            return _union([*parts, ast.Constant(None)])
        case "Union":
            return _union(parts)
        case "Annotated" | "Final" | "ClassVar":
            return _read_annotation(parts[0])
        case "Literal":
            values = [v for p in parts if (v := _literal(p)) is not _NOT_LITERAL]
            choices = tuple(v for v in values if v is not None)
            kinds = {_type_of(v) for v in choices}
            return kinds.pop() if len(kinds) == 1 else "any", choices, None in values
    return _NAMED.get(name, "any"), (), False


def _union(nodes: Iterable[ast.expr]) -> tuple[str, tuple[Any, ...], bool]:
    optional = False
    read: list[tuple[str, tuple[Any, ...]]] = []
    for node in nodes:
        if isinstance(node, ast.Constant) and node.value is None:
            optional = True
            continue
        kind, choices, inner = _read_annotation(node)
        optional = optional or inner
        read.append((kind, choices))
    kind, choices = read[0] if len(read) == 1 else ("any", ())
    return kind, choices, optional


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords) if (
            name in _MOMENTS
        ):
            with suppress(ValueError, TypeError, OverflowError):
                numbers = {k.arg or "": ast.literal_eval(k.value) for k in keywords}
                return _MOMENTS[name](*map(ast.literal_eval, args), **numbers)
            return _NOT_LITERAL
    try:
        value = ast.literal_eval(node)
        as_json(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _NOT_LITERAL
    return value


def _type_of(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case datetime():
            return "datetime"
        case list() | tuple():
            return "list"
        case int() | float() | str() | dict() | date() | timedelta():
            return type(value).__name__
    return "any"


def _plain(value: Any) -> Any:
    match value:
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
    return as_json(value)


def _comments(source: str) -> dict[int, str]:
    """Line → the text of the comment at its end."""
    found: dict[int, str] = {}
    with suppress(tokenize.TokenError, SyntaxError, IndentationError):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#").strip()
    return found


def typed(contract: Iterable[Parameter]) -> Mapping[str, str]:
    """The parameters whose value travels as text and is rebuilt in the kernel: name → date, datetime or timedelta."""
    return {p.name: p.type for p in contract if p.type in _MOMENTS}
