"""The names of one cell: what it needs from outside, what it makes, what it changes. Read, never run.

The work is split: `names_ipython` makes Python of IPython's syntax, `names_walk` reads statements in order,
`names_scope` reads function bodies, `names_mutation` knows which methods change their object.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from jupyter_flows.definition.names_ipython import parse_cell
from jupyter_flows.definition.names_mutation import dropped_calls
from jupyter_flows.definition.names_record import BUILTINS, Notes
from jupyter_flows.definition.names_scope import Effects, bound_at_top
from jupyter_flows.definition.names_state import first_lines
from jupyter_flows.definition.names_walk import Walk
from jupyter_flows.model.problem import NOWHERE, Problem

__all__ = ["CellNames", "Effects", "cell_names", "imported"]


@dataclass(frozen=True, slots=True)
class CellNames:
    """What one cell does with names; lines count from 1 in the text given to `cell_names`.

    `reads` are names that come, or may come, from outside. Of these, `maybe` need not exist (the cell may bind them
    first, or says `except NameError`), and `deferred` are only used by functions that are handed on, not called here.
    `builtins` are reads of built-in names, which matter only when somebody shadows them.
    `writes` may be bound when the cell ends; a name bound by an import only is in `imports` instead.
    `mutates` are names from outside whose value is changed in place; `deletes` are gone at the end.
    `effects` tell what each function, class or object of the cell does to global names when it is used.
    `ready` tells, for each read, which names the cell had settled itself by then: a function from elsewhere that is
    called there takes those from the cell. `modules` are the packages it imports.
    `opaque`: it may bind more than can be seen.
    """

    reads: Mapping[str, int] = field(default_factory=dict)
    writes: Mapping[str, int] = field(default_factory=dict)
    mutates: Mapping[str, int] = field(default_factory=dict)
    deletes: Mapping[str, int] = field(default_factory=dict)
    imports: Mapping[str, int] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    effects: Mapping[str, Effects] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    maybe: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()
    builtins: Mapping[str, int] = field(default_factory=dict)
    ready: Mapping[str, frozenset[str]] = field(default_factory=dict)
    opaque: bool = False

    @property
    def functions(self) -> Mapping[str, frozenset[str]]:
        """For each function or class the cell defines: the names from outside itself it reads when called."""
        return {name: effects.reads for name, effects in self.effects.items()}


def cell_names(source: str) -> CellNames:
    """The names of a cell, by its text alone. Never raises: text that cannot be read gives a Problem and no names."""
    try:
        tree = parse_cell(source)
        notes = Notes(bound_anywhere=bound_at_top(tree))
        Walk(notes, dropped_calls(tree)).run(tree.body)
    except SyntaxError as error:
        return CellNames(problems=(_syntax_error(error, source),))
    except (RecursionError, MemoryError):
        return CellNames(problems=(_too_deep(),), opaque=True)
    return _frozen(notes)


@lru_cache(maxsize=4096)
def imported(source: str) -> tuple[str, ...]:
    """The full names of the modules a cell imports anywhere in it. Remembered: it is asked for every attempt anew."""
    if "import" not in source:
        return ()
    try:
        tree = parse_cell(source)
    except (SyntaxError, RecursionError, MemoryError):
        return ()
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return tuple(dict.fromkeys(found))


def _frozen(notes: Notes) -> CellNames:
    held = notes.state.held
    return CellNames(
        reads=first_lines(notes.reads, notes.reads),
        writes=first_lines(notes.writes, held),
        mutates=first_lines(notes.mutates, notes.mutates),
        deletes=first_lines(notes.deleted, set(notes.deleted) - held),
        imports=first_lines(notes.imports, held),
        modules=tuple(notes.modules),
        effects={name: _without_builtins(effects, notes) for name, effects in notes.effects.items() if name in held},
        problems=tuple(sorted(notes.problems, key=lambda p: p.place.line or 0)),
        maybe=frozenset(notes.reads) - notes.certain,
        deferred=frozenset(notes.reads) - notes.direct,
        builtins=first_lines(notes.builtins, notes.builtins),
        ready={name: settled for name, settled in notes.ready.items() if settled},
        opaque=notes.opaque,
    )


def _without_builtins(effects: Effects, notes: Notes) -> Effects:
    return replace(effects, reads=effects.reads - (BUILTINS - notes.bound_anywhere))


def _syntax_error(error: SyntaxError, source: str) -> Problem:
    last = max(1, len(source.splitlines()))
    line = min(max(1, error.lineno or 1), last)
    return Problem(
        "syntax-error",
        f"This cell is not valid Python: {error.msg}.",
        NOWHERE.at_line(line),
        "Correct the cell; none of its names was read.",
    )


def _too_deep() -> Problem:
    return Problem(
        "too-deep",
        "An expression in this cell is nested too deeply to be read.",
        NOWHERE.at_line(1),
        "Split it into several statements, or move it to a module.",
    )
