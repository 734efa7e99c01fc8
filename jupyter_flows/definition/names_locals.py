"""The scopes around an expression of a cell: comprehensions and class bodies have names of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from jupyter_flows.definition.names_mutation import changed_by_target
from jupyter_flows.definition.names_record import Notes

NAMESPACES = frozenset({"globals", "locals", "vars"})

Scope = tuple[str, dict[str, str | None]]
"""("comprehension", "class" or "type", its names, each with the outside name whose element it is, if any)."""


class Locals(ast.NodeVisitor):
    """Which scope a name belongs to; what belongs to none goes to the notes."""

    def __init__(self, notes: Notes, dropped: frozenset[int]) -> None:
        self.notes = notes
        self.dropped = dropped
        self.scopes: list[Scope] = []
        self.lenient = 0
        self.floor = 1

    def line(self, node: ast.AST) -> int:
        """Where `node` stands."""
        return max(self.floor, getattr(node, "lineno", self.floor))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """An f-string; before Python 3.12 its parts may claim lines above it."""
        floor, self.floor = self.floor, node.lineno
        self.generic_visit(node)
        self.floor = floor

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit those that are there."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    @property
    def in_class(self) -> bool:
        """Whether plain binding is the business of a class body."""
        return any(kind == "class" for kind, _ in self.scopes)

    def _locals(self) -> Iterable[dict[str, str | None]]:
        """The scopes a name is looked up in: a class body is not seen from a comprehension inside it."""
        innermost = True
        for kind, names in reversed(self.scopes):
            if kind != "class" or innermost:
                yield names
            innermost = innermost and kind == "type"

    def is_local(self, name: str) -> bool:
        """Whether `name` belongs to a comprehension or class body here."""
        return any(name in names for names in self._locals())

    def load(self, name: str, line: int, *, called: bool = False, carrying: bool = False) -> None:
        """`name` is read. `carrying`: only passed on under another name, so a function does nothing yet."""
        if self.is_local(name):
            return
        self.notes.outside(name, line, maybe=bool(self.lenient))
        if name in self.notes.effects and not carrying:
            self.notes.run(name, line, called=called)

    def bind(self, name: str, line: int) -> None:
        """`name` is bound, in the class body if we are in one."""
        for kind, names in reversed(self.scopes):
            if kind == "class":
                names[name] = None
                return
        self.notes.bind(name, line)

    def bind_import(self, name: str, line: int) -> None:
        """As `bind`, by an import."""
        if self.in_class:
            self.bind(name, line)
        else:
            self.notes.bind_import(name, line)

    def mutate(self, name: str, line: int) -> None:
        """The value of `name` changes in place; an element of a loop stands for what it was taken from."""
        for names in self._locals():
            if name in names:
                source = names[name]
                if source is not None:
                    self.mutate(source, line)
                return
        self.notes.mutate(name, line)

    def store(self, target: ast.AST) -> None:
        """Assign to `target`: names are bound, attributes and items change what they belong to."""
        match target:
            case ast.Name(id=name):
                self.bind(name, self.line(target))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self.store(element)
            case ast.Starred(value=value):
                self.store(value)
            case ast.Subscript(value=ast.Call(func=ast.Name(id=space))) if space in NAMESPACES:
                self._namespace(target)
            case ast.expr():
                self.generic_visit(target)
                for name in changed_by_target(target):
                    self.mutate(name, self.line(target))

    def _namespace(self, target: ast.Subscript) -> None:
        self.visit(target.slice)
        if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
            self.bind(target.slice.value, self.line(target))
        self.hide_namespace(ast.unparse(target), self.line(target))

    def hide_namespace(self, text: str, line: int) -> None:
        """Report that `text` sets names where they cannot be seen."""
        self.notes.hide(
            "dynamic-names", f"{text} sets names behind the parser's back.", line, "Assign the names directly."
        )


def names_stored(target: ast.expr) -> dict[str, int]:
    """The plain names an assignment to `target` binds, with their lines."""
    return {
        part.id: part.lineno
        for part in ast.walk(target)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
