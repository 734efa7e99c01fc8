"""What inference is told about each task and each plain cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_flows.definition.names import CellNames
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.problem import NOWHERE, Place


@dataclass(frozen=True, slots=True)
class TaskNames:
    """One task as inference sees it.

    `names` is None where there is no Python to read (a notebook, an empty task). `after` are the ids of `--after`,
    `wired` those of `%%wire`. `inputs` are names it takes if an earlier task makes them (a notebook's parameters);
    `needs` it cannot do without (what it is mapped over). `outputs` are declared with `--out`. `given` are names it
    has anyway: its `--param`s and mapped names. `place` is its magic line; line n of `names` is n lines below.
    """

    id: TaskId
    kind: str = "cell"
    names: CellNames | None = None
    after: tuple[str, ...] = ()
    wired: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    no_infer: bool = False
    place: Place = NOWHERE

    def place_at(self, line: int | None) -> Place:
        """Where line `line` of its body stands in the cell; None: the magic line itself."""
        return place_in(self.place, line)

    def makes(self, name: str) -> tuple[str, int | None] | None:
        """How and at which line of its body the task makes `name`, or None if it does not."""
        names = self.names or CellNames()
        if name in names.writes:
            return "writes", names.writes[name]
        if name in names.mutates and not self.no_infer and name not in self.given and name not in names.deletes:
            return "changes in place", names.mutates[name]
        if name in self.outputs:
            return "declares with --out", None
        return None

    def made(self) -> Iterator[str]:
        """Every name it makes, by its own text."""
        names = self.names or CellNames()
        return (name for name in {**names.writes, **names.mutates, **dict.fromkeys(self.outputs)} if self.makes(name))


@dataclass(frozen=True, slots=True)
class PlainCell:
    """A cell that is neither task nor setup: it runs by hand only, so tasks cannot use what it defines."""

    names: CellNames
    place: Place = NOWHERE


def place_in(place: Place, line: int | None) -> Place:
    """Line `line` of the body that begins below the magic line at `place`."""
    return place if line is None else place.at_line((place.line or 1) + line)
