"""Reading the expressions of a cell: loads, calls, comprehensions, lambdas, and the scopes they open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from jupyter_flows.definition.names_ipython import HIDDEN, MAYBE
from jupyter_flows.definition.names_locals import NAMESPACES, Locals, names_stored
from jupyter_flows.definition.names_mutation import changed_by_call
from jupyter_flows.definition.names_record import Notes
from jupyter_flows.definition.names_scope import Effects, effects_of
from jupyter_flows.definition.names_state import Loop, join

_AT_NAME = re.compile(r"@([A-Za-z_]\w*)")


class Expressions(Locals):
    """The part of the walk below statements."""

    def __init__(self, notes: Notes, dropped: frozenset[int]) -> None:
        super().__init__(notes, dropped)
        self.class_effects: list[Effects] = []
        self.classes: set[str] = set()
        self.loops: list[Loop] = []
        self.lazy_annotations = False

    def visit_Name(self, node: ast.Name) -> None:
        """A name by itself: if it is a function, it escapes from here."""
        if isinstance(node.ctx, ast.Load):
            self.load(node.id, self.line(node))

    def visit_Call(self, node: ast.Call) -> None:
        """Arguments first, then the call."""
        arguments = [*node.args, *node.keywords]
        if isinstance(node.func, ast.Name):
            if node.func.id in (MAYBE, HIDDEN):
                self._shell(node)
                return
            self.visit_all(arguments)
            self.load(node.func.id, self.line(node.func), called=True)
            self._dynamic(node, node.func.id)
        else:
            self.visit(node.func)
            self.visit_all(arguments)
            self._method(node)
        for name in changed_by_call(node, id(node) in self.dropped):
            self.mutate(name, self.line(node))

    def _shell(self, node: ast.Call) -> None:
        """What our own rewriting of `!` and `%` lines put there."""
        self.lenient += 1
        self.visit_all(node.args)
        self.lenient -= 1
        if isinstance(node.func, ast.Name) and node.func.id == HIDDEN:
            magic = ast.literal_eval(node.args[0])
            self.notes.hide(
                "dynamic-names",
                f"{magic} may set any name; what it sets cannot be seen.",
                self.line(node),
                "Import what you need from a module instead.",
            )

    def _dynamic(self, node: ast.Call, name: str) -> None:
        if name in ("exec", "eval") and not self.is_local(name) and name not in self.notes.state.decided:
            self.notes.hide(
                "dynamic-code",
                f"{name}() runs text; the names in it cannot be seen.",
                self.line(node),
                "Write the code out, or name what it reads with --after and what it makes with --out.",
            )

    def _method(self, node: ast.Call) -> None:
        """`globals().update(…)`, and pandas' `df.query("x > @limit")`."""
        assert isinstance(node.func, ast.expr)
        match node.func:
            case ast.Attribute(attr="update" | "setdefault" | "__setitem__", value=ast.Call(func=ast.Name(id=space))):
                if space in NAMESPACES:
                    self.hide_namespace(ast.unparse(node.func), self.line(node))
            case ast.Attribute(attr="query" | "eval"):
                for argument in node.args[:1]:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        for name in _AT_NAME.findall(argument.value):
                            self._possible(name, self.line(node))

    def _possible(self, name: str, line: int) -> None:
        self.lenient += 1
        self.load(name, line)
        self.lenient -= 1

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """`(x := …)` binds in the cell, even from within a comprehension."""
        self.visit(node.value)
        self.bind(node.target.id, self.line(node))

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """What follows `and` and `or` may not run."""
        first, *others = node.values
        self.visit(first)
        for other in others:
            self._possibly(other)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """One of two runs."""
        self.visit(node.test)
        start = self.notes.state
        self.notes.state = start.copy() if _binds(node) else start
        self.visit(node.body)
        taken = self.notes.state
        self.notes.state = start
        self.visit(node.orelse)
        if taken is not start:
            self.notes.state = join([taken, self.notes.state])

    def _possibly(self, node: ast.AST) -> None:
        if not _binds(node):
            self.visit(node)
            return
        skipped = self.notes.state.copy()
        self.visit(node)
        self.notes.state = join([self.notes.state, skipped])

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A lambda that is not given a name goes to somebody who may call it."""
        self.visit_all([*node.args.defaults, *node.args.kw_defaults])
        effects = self.visible(effects_of(node, self.dropped))
        line = self.line(node)
        if self.in_class:
            self.class_effects[-1] |= effects
            return
        for name in sorted(effects.reads):
            self._escape(name, line)
        for name in sorted(effects.mutates):
            self.mutate(name, line)

    def _escape(self, name: str, line: int) -> None:
        later = name in self.notes.bound_anywhere
        self.notes.outside(name, line, deferred=True, maybe=later or bool(self.lenient))
        if name in self.notes.effects:
            self.notes.run(name, line, called=False)

    def visible(self, effects: Effects) -> Effects:
        """`effects` without the names of comprehensions around: those are closed over, not global."""
        hidden = {name for kind, names in self.scopes if kind != "class" for name in names}
        return Effects(effects.reads - hidden, effects.writes, effects.mutates - hidden) if hidden else effects

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        names: dict[str, str | None] = {}
        before = self.notes.state.copy() if _binds(node) else None
        for number, generator in enumerate(node.generators):
            self.visit(generator.iter)
            source = generator.iter.id if isinstance(generator.iter, ast.Name) else None
            if number == 0:
                self.scopes.append(("comprehension", names))
            for name in names_stored(generator.target):
                names[name] = source if source not in names else None
            self.visit_all(generator.ifs)
        self.visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.scopes.pop()
        if before is not None:
            self.notes.state = join([self.notes.state, before])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def annotation(self, node: ast.expr) -> None:
        """An annotation is read where it stands, unless the cell put that off; a class may be defined further down."""
        if self.lazy_annotations:
            return
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and not self.is_local(part.id):
                later = part.id in self.notes.bound_anywhere
                self.notes.outside(part.id, self.line(part), deferred=True, maybe=later)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        """`case … as name`."""
        self.generic_visit(node)
        self._capture(node.name, node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        """`case [*name]`."""
        self._capture(node.name, node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """`case {**name}`."""
        self.generic_visit(node)
        self._capture(node.rest, node)

    def _capture(self, name: str | None, node: ast.AST) -> None:
        if name:
            self.bind(name, self.line(node))

    # ── functions under another name ─────────────────────────────────────────────────

    def carried(self, node: ast.expr) -> Effects | None:
        """What a value does when called, if it is made of functions: an alias, a lambda, a dict of them, an object."""
        match node:
            case ast.Lambda():
                return self.visible(effects_of(node, self.dropped))
            case ast.Name(id=name):
                return None if self.is_local(name) else self.notes.effects.get(name)
            case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return _union([self.carried(part) for part in parts])
            case ast.IfExp(body=body, orelse=orelse):
                return _union([self.carried(body), self.carried(orelse)])
            case ast.Call(func=ast.Name(id=name)) if name in self.classes:
                return self.notes.effects.get(name)
            case ast.Call(func=ast.Name(id="partial") | ast.Attribute(attr="partial"), args=parts):
                return _union([self.carried(part) for part in parts])
        return None

    def visit_carrier(self, node: ast.expr) -> None:
        """Visit a value `carried` knows: its functions are passed on, not called."""
        match node:
            case ast.Name(id=name):
                self.load(name, self.line(node), carrying=True)
            case ast.Lambda(args=arguments):
                self.visit_all([*arguments.defaults, *arguments.kw_defaults])
            case ast.Dict(keys=keys, values=parts):
                self.visit_all(keys)
                for part in parts:
                    self.visit_carrier(part)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                for part in parts:
                    self.visit_carrier(part)
            case ast.Call(func=ast.Name(id="partial") | ast.Attribute(attr="partial"), args=parts):
                self.visit_all([node.func, *node.keywords])
                for part in parts:
                    self.visit_carrier(part)
            case _:
                self.visit(node)


def _union(found: Iterable[Effects | None]) -> Effects | None:
    result: Effects | None = None
    for effects in found:
        if effects is not None:
            result = effects if result is None else result | effects
    return result


def _binds(node: ast.AST) -> bool:
    return any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))
