"""What a cell has done to its names by a certain point, and what is known when two ways meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class State:
    """`decided`: the cell itself has settled the name (bound or deleted it) on every way here.

    `held`: the cell may have bound it. `dead`: no way leads here (after `raise`, `break`, `continue`).
    """

    decided: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    dead: bool = False

    def copy(self) -> State:
        """The same, to go another way from here."""
        return State(set(self.decided), set(self.held), self.dead)

    def bind(self, name: str) -> None:
        """The cell binds `name` here."""
        self.decided.add(name)
        self.held.add(name)

    def delete(self, name: str) -> None:
        """The cell deletes `name` here: what it is from now on is still the cell's doing."""
        self.decided.add(name)
        self.held.discard(name)


def join(states: Sequence[State]) -> State:
    """Where several ways meet: settled is what all settled, held what any may hold. Dead ways do not count."""
    alive = [s for s in states if not s.dead] or list(states)
    first, *others = alive
    result = first.copy()
    for state in others:
        result.decided &= state.decided
        result.held |= state.held
    return result


def apply_change(state: State, before: State, after: State) -> State:
    """`state` after the same step that led from `before` to `after` (a `finally` seen once, passed in two ways)."""
    held = (state.held | (after.held - before.held)) - (before.held - after.held)
    return State(state.decided | (after.decided - before.decided), held, state.dead or after.dead)


@dataclass(slots=True)
class Loop:
    """The ways out of a loop that is being read."""

    breaks: list[State] = field(default_factory=list)
    continues: list[State] = field(default_factory=list)


def first_lines(lines: dict[str, int], names: Iterable[str]) -> dict[str, int]:
    """`lines` for `names` only, in order of line, then name."""
    return dict(sorted(((n, lines[n]) for n in names if n in lines), key=lambda pair: (pair[1], pair[0])))
