"""What is measured and how it is summed up: rounds in which all sides take turns, and ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some measurements, and the least and greatest of them."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(slots=True)
class Contest:
    """One line of the table: seconds of our side and of a reference, by round.

    The ratio is taken within each round, because both sides of a round met the same machine.
    """

    name: str
    words: str
    ours_is: str
    reference_is: str
    target: float | None = None
    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> Spread:
        """Our seconds for each second of the reference."""
        return Spread.of([a / b for a, b in zip(self.ours, self.reference, strict=True)])


@dataclass(slots=True)
class Figure:
    """A figure without a reference, in `unit`; `limit` is the most it should be."""

    name: str
    words: str
    unit: str = "s"
    limit: float | None = None
    values: list[float] = field(default_factory=list)


def take_turns(sides: Sequence[Callable[[], None]], rounds: int) -> None:
    """Each side once in each round; every other round in the opposite order, so that none always goes first."""
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            side()
