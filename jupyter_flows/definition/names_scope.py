"""What a function does to names that are not its own, whenever it is called: a reading of scopes, without order.

The rules are those of Python's own symbol tables (the tests hold the two against each other over the standard library);
they are applied to the tree because a symbol table tells neither lines nor which function it belongs to.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_flows.definition.names_mutation import changed_by_call, changed_by_target, root

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Effects:
    """What calling something does to global names: those it reads, binds (by `global`) and changes in place."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()

    def __or__(self, other: Effects) -> Effects:
        return Effects(self.reads | other.reads, self.writes | other.writes, self.mutates | other.mutates)

    def __bool__(self) -> bool:
        return bool(self.reads or self.writes or self.mutates)


def effects_of(function: Function, dropped: frozenset[int]) -> Effects:
    """What calling `function` does. `dropped` is `dropped_calls` of the tree it stands in."""
    scope = _Scope("module", None, dropped)
    child = scope.child("function")
    child.take_function(function)
    scope.absorb(child)
    return Effects(frozenset(scope.inner_loads), frozenset(scope.global_writes), frozenset(scope.inner_mutates))


def bound_at_top(tree: ast.Module) -> frozenset[str]:
    """Every name the module itself binds anywhere, in whatever order."""
    scope = _Scope("module", None, frozenset())
    for node in tree.body:
        scope.visit(node)
    return frozenset(scope.bound | scope.global_writes)


class _Scope(ast.NodeVisitor):
    """One scope being read; `absorb` takes in what an inner scope leaves unresolved."""

    def __init__(self, kind: str, parent: _Scope | None, dropped: frozenset[int]) -> None:
        self.kind = kind  # module | function | class | comprehension
        self.parent = parent
        self.dropped = dropped
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.loads: set[str] = set()
        self.mutates: set[str] = set()
        self.inner_loads: set[str] = set()
        self.inner_mutates: set[str] = set()
        self.global_loads: set[str] = set()
        self.global_writes: set[str] = set()

    def child(self, kind: str) -> _Scope:
        return _Scope(kind, self, self.dropped)

    def absorb(self, inner: _Scope) -> None:
        """Everything `inner` does not resolve itself becomes this scope's question."""
        own = inner.bound - inner.globals - inner.nonlocals
        seen_inside = own if inner.kind != "class" else set()
        self.inner_loads |= (inner.loads - own - inner.globals) | (inner.inner_loads - seen_inside)
        self.inner_mutates |= (inner.mutates - own) | (inner.inner_mutates - seen_inside)
        self.global_loads |= inner.global_loads | (inner.loads & inner.globals)
        self.global_writes |= inner.global_writes | (inner.bound & inner.globals)
        if self.kind == "module":
            self.inner_loads |= self.global_loads

    def take_function(self, node: Function) -> None:
        arguments = node.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            self.bound.add(argument.arg)
        self.bound |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
        self._visit_all(node.body if isinstance(node.body, list) else [node.body])

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bound.add(node.name)
        self._visit_all(node.decorator_list)
        self._visit_all([*node.args.defaults, *node.args.kw_defaults])
        shell = self._type_scope(node)
        shell._visit_all(head_annotations(node))
        inner = shell.child("function")
        inner.take_function(node)
        shell.absorb(inner)
        self._close(shell)

    def _type_scope(self, node: ast.AST) -> _Scope:
        """The scope of `[T]` in `def f[T]`, or this one where there is none."""
        parameters = getattr(node, "type_params", [])
        if not parameters:
            return self
        shell = self.child("function")
        for parameter in parameters:
            shell.bound.add(parameter.name)
            shell._visit_all(ast.iter_child_nodes(parameter))
        return shell

    def _close(self, shell: _Scope) -> None:
        if shell is not self:
            self.absorb(shell)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._define(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._define(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *node.args.kw_defaults])
        inner = self.child("function")
        inner.take_function(node)
        self.absorb(inner)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bound.add(node.name)
        self._visit_all(node.decorator_list)
        shell = self._type_scope(node)
        shell._visit_all([*node.bases, *node.keywords])
        inner = shell.child("class")
        inner._visit_all(node.body)
        shell.absorb(inner)
        self._close(shell)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        self._visit_all([node.name])  # type: ignore[attr-defined]
        shell = self._type_scope(node)
        shell.visit(node.value)  # type: ignore[attr-defined]
        self._close(shell)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        inner = self.child("comprehension")
        for number, generator in enumerate(node.generators):
            inner._visit_all([generator.iter] if number else [])
            inner._visit_all([generator.target, *generator.ifs])
        inner._visit_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.absorb(inner)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        owner = self
        while owner.kind == "comprehension" and owner.parent is not None:
            owner = owner.parent
        owner.bound.add(node.target.id)

    def visit_Name(self, node: ast.Name) -> None:
        (self.loads if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(node.names)
        self.loads.update(node.names)

    def visit_alias(self, node: ast.alias) -> None:
        if node.name != "*":
            self.bound.add(node.asname or node.name.partition(".")[0])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._bind_and_visit(node.name, node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self._bind_and_visit(node.name, node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        self._bind_and_visit(node.name, node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self._bind_and_visit(node.rest, node)

    def _bind_and_visit(self, name: str | None, node: ast.AST) -> None:
        if name:
            self.bound.add(name)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self.mutates.update(changed_by_target(target))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.loads.add(node.target.id)
        self.mutates.update(name for name in [root(node.target)] if name)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.mutates.update(changed_by_target(node.target))
        unevaluated = self.kind == "function"
        self._visit_all([node.target, node.value, None if unevaluated else node.annotation])

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self.mutates.update(changed_by_target(target))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self.mutates.update(changed_by_call(node, id(node) in self.dropped))
        self.generic_visit(node)


def head_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Every annotation in the head of a function."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = [a.annotation for a in every if a is not None and a.annotation is not None]
    return found if node.returns is None else [*found, node.returns]
