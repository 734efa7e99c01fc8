"""Reading a cell from top to bottom, in the order in which Python would run it.

Expressions are in `names_expressions`; here are the statements, and what is known where their ways part and meet.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from jupyter_flows.definition.names_expressions import Expressions
from jupyter_flows.definition.names_ipython import BODY
from jupyter_flows.definition.names_locals import Scope, names_stored
from jupyter_flows.definition.names_mutation import changed_by_target, root
from jupyter_flows.definition.names_scope import Effects, effects_of, head_annotations
from jupyter_flows.definition.names_state import Loop, State, apply_change, join


class Walk(Expressions):
    """Takes notes of a whole cell; begin with `run(tree.body)`."""

    loops: list[Loop]

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Read `body` from here on."""
        for statement in body:
            self.visit(statement)

    def _branch(self, start: State, body: Sequence[ast.stmt]) -> State:
        """Where `body` leads when it begins at `start`; the state of the notes is `start`'s copy meanwhile."""
        self.notes.state = start.copy()
        self.notes.branches += 1
        self.run(body)
        self.notes.branches -= 1
        return self.notes.state

    # ── binding ──────────────────────────────────────────────────────────────────────

    def visit_Assign(self, node: ast.Assign) -> None:
        """The value first, then each target; a function under a new name keeps what it does."""
        single = node.targets[0] if len(node.targets) == 1 else None
        carried = self.carried(node.value) if isinstance(single, ast.Name) else None
        if carried is None:
            self.visit(node.value)
        else:
            self.visit_carrier(node.value)
        taken_from = node.value.id if isinstance(node.value, ast.Name) else None
        for target in node.targets:
            self.store(target)
        if isinstance(single, ast.Name) and not self.in_class:
            if carried is not None:
                self.notes.carry(single.id, carried)
            if taken_from and taken_from != single.id and not self.is_local(taken_from):
                self.notes.aliases[single.id] = self.notes.aliases.get(taken_from, taken_from)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """`x += 1` reads, changes and binds x."""
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            line = self.line(node)
            self.load(node.target.id, line)
            if not self.is_local(node.target.id):
                name = node.target.id
                if name not in self.notes.state.decided:
                    self.notes.mutates.setdefault(name, line)
            self.bind(node.target.id, line)
        else:
            self.store(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """`x: int` alone binds nothing."""
        self.annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.store(node.target)
        elif not isinstance(node.target, ast.Name):
            self.generic_visit(node.target)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """`type X = …` binds X; its value is not evaluated here."""
        self.store(node.name)  # type: ignore[attr-defined]

    def visit_Delete(self, node: ast.Delete) -> None:
        """`del x` needs x; `del x[0]` changes it."""
        for target in node.targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    self.load(part.id, self.line(part), carrying=True)
                    if isinstance(part.ctx, ast.Del) and not self.is_local(part.id):
                        self.notes.delete(part.id, self.line(part))
            for name in changed_by_target(target):
                self.mutate(name, self.line(target))

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b` binds a."""
        self.notes.note_modules(node)
        for alias in node.names:
            self.bind_import(alias.asname or alias.name.partition(".")[0], self.line(node))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """A star import may bind any name."""
        if node.module == "__future__":
            self.lazy_annotations |= any(a.name == "annotations" for a in node.names)
            return
        self.notes.note_modules(node)
        for alias in node.names:
            if alias.name != "*":
                self.bind_import(alias.asname or alias.name, self.line(node))
                continue
            module = "." * node.level + (node.module or "")
            self.notes.hide(
                "star-import",
                f"'from {module} import *' brings in names that cannot be seen without running it.",
                self.line(node),
                f"Import the names you use: from {module} import a, b",
            )

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Decorators, defaults and annotations run now; the body when somebody calls it."""
        self.visit_all(node.decorator_list)
        self.visit_all([*node.args.defaults, *node.args.kw_defaults])
        self.scopes.append(self._type_scope(node))
        for annotation in head_annotations(node):
            self.annotation(annotation)
        self.scopes.pop()
        effects = self.visible(effects_of(node, self.dropped))
        self.bind(node.name, self.line(node))
        self._define(node.name, effects, self.line(node), escapes=bool(node.decorator_list))

    visit_AsyncFunctionDef = visit_FunctionDef

    @staticmethod
    def _type_scope(node: ast.AST) -> Scope:
        return "type", {p.name: None for p in getattr(node, "type_params", [])}

    def _define(self, name: str, effects: Effects, line: int, *, escapes: bool) -> None:
        if self.in_class:
            self.class_effects[-1] |= effects
            return
        self.notes.carry(name, effects)
        if escapes:
            self.notes.run(name, line, called=False)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """The body runs now, in a scope of its own; methods run when somebody uses the class."""
        if node.name == BODY:
            self._measured(node)
            return
        self.visit_all(node.decorator_list)
        self.scopes.append(self._type_scope(node))
        inherited = Effects()
        for base in node.bases:
            inherited |= self.carried(base) or Effects()
            self.visit_carrier(base)
        self.visit_all(node.keywords)
        self.scopes.append(("class", {}))
        self.class_effects.append(inherited)
        self.run(node.body)
        effects = self.class_effects.pop()
        self.scopes.pop()
        self.scopes.pop()
        self.bind(node.name, self.line(node))
        if not self.in_class:
            self.classes.add(node.name)
        self._define(node.name, effects, self.line(node), escapes=bool(node.decorator_list))

    def _measured(self, node: ast.ClassDef) -> None:
        """The body of `%%timeit`: it runs, and what it binds is gone afterwards."""
        before = self.notes.state.copy()
        effects = dict(self.notes.effects)
        self.notes.unbinding += 1
        self.run(node.body)
        self.notes.unbinding -= 1
        self.notes.state = before
        self.notes.effects = effects

    # ── ways that part and meet ──────────────────────────────────────────────────────

    def visit_If(self, node: ast.If) -> None:
        """Settled afterwards is what both ways settle."""
        self.visit(node.test)
        start = self.notes.state
        self.notes.state = join([self._branch(start, node.body), self._branch(start, node.orelse)])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """The loop may not run at all, but its own variable is never meant to come from elsewhere."""
        self.visit(node.iter)
        start = self.notes.state.copy()
        for name, line in names_stored(node.target).items():
            if not self.in_class:
                start.bind(name)
                self.notes.state.bind(name)
                self.notes.writes.setdefault(name, line)
        self.store(node.target)
        if isinstance(node.target, ast.Name) and not self.in_class:
            taken_from = iterated(node.iter)
            if taken_from and not self.is_local(taken_from):
                self.notes.aliases[node.target.id] = taken_from
        self._loop(node, skip=start)

    visit_AsyncFor = visit_For

    def visit_While(self, node: ast.While) -> None:
        """`while True` is left by `break` only."""
        self.visit(node.test)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self._loop(node, skip=State(dead=True) if endless else self.notes.state.copy(), endless=endless)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, skip: State, endless: bool = False) -> None:
        self.loops.append(Loop())
        end = self._branch(self.notes.state, node.body)
        loop = self.loops.pop()
        exhausted = skip if endless else join([skip, end, *loop.continues])
        after = self._branch(exhausted, node.orelse)
        self.notes.state = join([after, *loop.breaks])

    def visit_Break(self, _node: ast.Break) -> None:
        """Goes to the end of the loop."""
        if self.loops:
            self.loops[-1].breaks.append(self.notes.state.copy())
        self.notes.state.dead = True

    def visit_Continue(self, _node: ast.Continue) -> None:
        """Goes to the next turn of the loop."""
        if self.loops:
            self.loops[-1].continues.append(self.notes.state.copy())
        self.notes.state.dead = True

    def visit_Raise(self, node: ast.Raise) -> None:
        """Nothing follows."""
        self.visit_all([node.exc, node.cause])
        self.notes.state.dead = True

    def visit_Try(self, node: ast.Try) -> None:
        """A handler may begin after any part of the body; what follows, after the body or after a handler."""
        start = self.notes.state.copy()
        lenient = any(catches_name_error(h) for h in node.handlers)
        self.lenient += lenient
        tried = self._branch(start, node.body)
        self.lenient -= lenient
        interrupted = State(set(start.decided), start.held | tried.held)
        ends = [self._branch(tried, node.orelse)]
        for handler in node.handlers:
            ends.append(self._handler(interrupted, handler))
        after = join(ends)
        if node.finalbody:
            before = State(set(start.decided), set().union(start.held, *(e.held for e in ends)))
            after = apply_change(after, before, self._branch(before, node.finalbody))
        self.notes.state = after

    visit_TryStar = visit_Try

    def _handler(self, start: State, handler: ast.ExceptHandler) -> State:
        self.notes.state = start.copy()
        if handler.type is not None:
            self.visit(handler.type)
        if handler.name:
            self.bind(handler.name, self.line(handler))
        end = self._branch(self.notes.state, handler.body)
        if handler.name and not self.in_class:
            end.delete(handler.name)
        return end

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """In order: each manager, its name, then the body."""
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.store(item.optional_vars)
        self.run(node.body)

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> None:
        """One case runs, or none unless one of them takes everything."""
        self.visit(node.subject)
        start = self.notes.state
        ends = []
        for case in node.cases:
            self.notes.state = start.copy()
            self.visit(case.pattern)
            self.visit_all([case.guard])
            ends.append(self._branch(self.notes.state, case.body))
            if case.guard is None and takes_everything(case.pattern):
                break
        else:
            ends.append(start)
        self.notes.state = join(ends)


def iterated(node: ast.expr) -> str | None:
    """The name whose elements a loop goes over, where changing an element changes it: `models`, `models.values()`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Attribute(attr="values", value=ast.Name(id=name)), args=[]):
            return name
        case ast.Call(func=ast.Name(id="reversed" | "tqdm" | "list"), args=[inner, *_]):
            return iterated(inner)
    return root(node) if isinstance(node, (ast.Attribute, ast.Subscript)) else None


def catches_name_error(handler: ast.ExceptHandler) -> bool:
    """Whether a missing name in the body is expected: `except NameError`."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id == "NameError" for kind in kinds)


def takes_everything(pattern: ast.pattern) -> bool:
    """Whether a pattern matches any subject."""
    if isinstance(pattern, ast.MatchAs):
        return pattern.pattern is None or takes_everything(pattern.pattern)
    return isinstance(pattern, ast.MatchOr) and any(takes_everything(p) for p in pattern.patterns)
