"""What each cell of a notebook says: which of our magics stand where, without knowing the other cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from jupyter_flows.definition.cells import MagicCell, line_magics, split_cell
from jupyter_flows.definition.words import split_words
from jupyter_flows.errors import UsageError
from jupyter_flows.model.problem import Place, Problem, Severity

FLOW = "%flow"
"""Stands for the `%flow` line among the ids a cell declares: no task can be called so."""

_CELL_MAGICS = ("task", "setup", "wire")


@dataclass(frozen=True, slots=True)
class Source:
    """One code cell. `hidden` are ids it declares that a newer cell has taken over (only in a live notebook)."""

    key: str
    text: str
    place: Place
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Statement:
    """One of our magics and the place of its line."""

    magic: MagicCell
    place: Place


@dataclass(frozen=True, slots=True)
class Statements:
    """All a notebook says, by kind, each in notebook order. `plain` are the cells that say nothing to us."""

    flows: Sequence[Statement] = ()
    tasks: Sequence[Statement] = ()
    setups: Sequence[Statement] = ()
    wires: Sequence[Statement] = ()
    plain: Sequence[Source] = ()
    problems: Sequence[Problem] = field(default_factory=tuple)


def statements_of(sources: Iterable[Source]) -> Statements:
    """What the cells say, in order. Magics that cannot work where they stand are Problems."""
    found: Mapping[str, list[Statement]] = {name: [] for name in ("flow", *_CELL_MAGICS)}
    plain: list[Source] = []
    problems: list[Problem] = []
    for source in sources:
        cell = split_cell(source.text)
        if cell is not None:
            _cell_magic(cell, source, found, problems)
        else:
            _line_magics(source, found, plain, problems)
    return Statements(found["flow"], found["task"], found["setup"], found["wire"], plain, problems)


def declared(text: str) -> frozenset[str]:
    """The task ids a cell declares, and FLOW when it declares the flow: what a newer cell may take over."""
    cell = split_cell(text)
    magics = (cell,) if cell else line_magics(text)
    ids = {_first_word(m) for m in magics if m.magic == "task"}
    if any(m.magic == "flow" and not m.is_cell for m in magics):
        ids.add(FLOW)
    return frozenset(ids - {""})


def _cell_magic(cell: MagicCell, source: Source, found: Mapping[str, list[Statement]], problems: list[Problem]) -> None:
    statement = Statement(cell, source.place.at_line(cell.first_line))
    if cell.magic == "flow":
        fix = "Write %flow, with one %."
        problems.append(Problem("bad-magic", "%%flow is no cell magic.", statement.place, fix))
    elif cell.magic not in _CELL_MAGICS:
        problems += _misspelt(f"%%{cell.magic}", [f"%%{name}" for name in _CELL_MAGICS], statement.place)
    elif _is_shown(cell, source):
        found[cell.magic].append(statement)


def _line_magics(
    source: Source, found: Mapping[str, list[Statement]], plain: list[Source], problems: list[Problem]
) -> None:
    for magic in line_magics(source.text):
        place = source.place.at_line(magic.first_line)
        if magic.magic.lstrip("%") not in ("flow", *_CELL_MAGICS):
            problems += _misspelt(f"%{magic.magic}", ["%flow", "%flows", "%task"], place)
            continue
        if problem := _misplaced(magic, place):
            problems.append(problem)
        elif _is_shown(magic, source):
            found[magic.magic].append(Statement(magic, place))
    plain.append(source)


def _misspelt(name: str, ours: Sequence[str], place: Place) -> list[Problem]:
    """A warning for a magic that is nearly one of ours: the flow would lack what it was to declare."""
    near = get_close_matches(name.lower(), ours, n=1, cutoff=0.8)
    if not near or name in ours:
        return []
    message = f"{name} is no magic of flows, so the flow knows nothing of this line."
    return [Problem("bad-magic", message, place, f"Write {near[0]}, if that is meant.", Severity.WARNING)]


def _misplaced(magic: MagicCell, place: Place) -> Problem | None:
    name = magic.magic.lstrip("%")
    if magic.magic.startswith("%"):
        message = f"%%{name} is not the first line of its cell, so it is not seen as a cell magic."
        return Problem("magic-not-first", message, place, f"Move %%{name} to the first line, above comments and code.")
    if name in ("setup", "wire"):
        return Problem("bad-magic", f"%{name} is no line magic.", place, f"Write %%{name} as the first line of a cell.")
    if magic.indent and not magic.indent.strip():
        message = f"%{name} stands inside a block, so whether it counts is known only when the cell runs."
        return Problem("conditional-magic", message, place, f"Move %{name} out of the block.")
    return None


def _is_shown(magic: MagicCell, source: Source) -> bool:
    name = FLOW if magic.magic == "flow" else _first_word(magic) if magic.magic == "task" else ""
    return name not in source.hidden


def _first_word(magic: MagicCell) -> str:
    try:
        return next(iter(split_words(magic.line)), "")
    except UsageError:
        return ""


def hide(source: Source, ids: frozenset[str]) -> Source:
    """`source` with what it declares among `ids` taken over by a newer cell."""
    taken = declared(source.text) & ids
    return replace(source, hidden=source.hidden | taken) if taken else source
