"""The notes taken while a cell is read: who is read, bound, changed, and what functions would do when called."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field

from jupyter_flows.definition.names_ipython import BODY, HIDDEN, MAYBE
from jupyter_flows.definition.names_scope import Effects
from jupyter_flows.definition.names_state import State
from jupyter_flows.model.problem import NOWHERE, Problem, Severity

BUILTINS = frozenset(dir(builtins)) - {"_", "display", "get_ipython", "__IPYTHON__"}
"""Without what a running IPython adds, so that a notebook means the same inside a kernel and outside."""

_OURS = frozenset({MAYBE, HIDDEN, BODY})


@dataclass
class Notes:
    """All a reading of a cell finds; `names.CellNames` is its frozen form."""

    bound_anywhere: frozenset[str]
    state: State = field(default_factory=State)
    reads: dict[str, int] = field(default_factory=dict)
    builtins: dict[str, int] = field(default_factory=dict)
    certain: set[str] = field(default_factory=set)
    direct: set[str] = field(default_factory=set)
    ready: dict[str, frozenset[str]] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    mutates: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    imports: dict[str, int] = field(default_factory=dict)
    modules: dict[str, int] = field(default_factory=dict)
    effects: dict[str, Effects] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    opaque: bool = False
    branches: int = 0
    unbinding: int = 0

    def outside(self, name: str, line: int, *, maybe: bool = False, deferred: bool = False) -> None:
        """`name` is read here; it comes from outside unless the cell has settled it."""
        if name in self.state.decided or name in _OURS:
            return
        if name in BUILTINS:
            if name not in self.state.held:
                self.builtins[name] = min(line, self.builtins.get(name, line))
            return
        self.reads[name] = min(line, self.reads.get(name, line))
        if not maybe and name not in self.state.held:
            self.certain.add(name)
        if not deferred:
            self.direct.add(name)
        known = self.ready.get(name)
        self.ready[name] = frozenset(self.state.decided if known is None else known & self.state.decided)

    def run(self, name: str, line: int, *, called: bool) -> None:
        """A function of this cell is called here, or handed to someone who may call it."""
        reads, writes, mutates = self._closure(name)
        for free in sorted(reads):
            self.outside(free, line, deferred=not called, maybe=free in self.bound_anywhere)
        for changed in sorted(mutates):
            self.mutate(changed, line)
        for bound in sorted(writes):
            self.writes.setdefault(bound, line)
            self.state.held.add(bound)
            if called:
                self.state.decided.add(bound)

    def _closure(self, name: str) -> tuple[set[str], set[str], set[str]]:
        """What `name` does when called, through all functions of this cell it uses."""
        reads: set[str] = set()
        writes: set[str] = set()
        mutates: set[str] = set()
        seen = {name}
        todo = [name]
        while todo:
            effects = self.effects[todo.pop()]
            reads |= effects.reads
            writes |= effects.writes
            mutates |= effects.mutates
            inner = [n for n in effects.reads if n in self.effects and n not in seen]
            seen.update(inner)
            todo += inner
        return reads, writes, mutates

    def bind(self, name: str, line: int) -> None:
        """The cell binds `name` to something that does nothing when called, as far as is known."""
        if self.branches == 0:
            self.effects.pop(name, None)
        self.aliases.pop(name, None)
        self.state.bind(name)
        if not self.unbinding:
            self.writes.setdefault(name, line)

    def bind_import(self, name: str, line: int) -> None:
        """The cell binds `name` by an import."""
        if self.branches == 0:
            self.effects.pop(name, None)
        self.aliases.pop(name, None)
        self.state.bind(name)
        if not self.unbinding:
            self.imports.setdefault(name, line)

    def carry(self, name: str, effects: Effects) -> None:
        """`name`, just bound, does this when called. In a branch, what it could do before stays possible."""
        self.effects[name] = effects | self.effects.get(name, Effects())

    def delete(self, name: str, line: int) -> None:
        """The cell deletes `name`."""
        self.state.delete(name)
        self.deleted[name] = line

    def mutate(self, name: str, line: int) -> None:
        """The value of `name` is changed in place; that of the name it was taken from too."""
        for changed in (name, self.aliases.get(name)):
            if changed and changed not in self.state.decided and changed not in BUILTINS:
                self.mutates.setdefault(changed, line)

    def hide(self, code: str, message: str, line: int, fix: str) -> None:
        """Something here may bind or read names nobody can see."""
        self.opaque = True
        self.problems.append(Problem(code, message, NOWHERE.at_line(line), fix, Severity.WARNING))

    def note_modules(self, node: ast.Import | ast.ImportFrom) -> None:
        """Remember the packages an import loads."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.modules.setdefault(alias.name.partition(".")[0], node.lineno)
        elif node.module and not node.level:
            self.modules.setdefault(node.module.partition(".")[0], node.lineno)
