"""A fault in a definition, as a value: collected, shown at its cell, never thrown one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Severity(str, Enum):
    """ERROR: the flow cannot run. WARNING: it can, and probably should not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the author's notebook: as much as is known.

    `cell` counts from 0 over all cells of the file; `line` counts from 1 within the cell, its magic line included.
    """

    notebook: str | None = None
    cell_id: str | None = None
    cell: int | None = None
    line: int | None = None

    def at_line(self, line: int | None) -> Place:
        """The same cell, at `line`."""
        return Place(self.notebook, self.cell_id, self.cell, line)

    def __str__(self) -> str:
        parts = [self.notebook or "notebook"]
        if self.cell is not None:
            parts.append(f"cell {self.cell + 1}")
        elif self.cell_id:
            parts.append(f"cell id {self.cell_id}")
        if self.line is not None:
            parts.append(f"line {self.line}")
        return ", ".join(parts)


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and how to mend it. `code` is stable and documented; `fix` is one sentence."""

    code: str
    message: str
    place: Place = NOWHERE
    fix: str = ""
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        """Whether the flow cannot run because of it."""
        return self.severity is Severity.ERROR

    def to_json(self) -> Mapping[str, Any]:
        """The shape every door prints; `cell` counts from 0."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "path": self.place.notebook,
            "cell": self.place.cell,
            "cell_id": self.place.cell_id,
            "line": self.place.line,
            "fix": self.fix,
        }

    def __str__(self) -> str:
        where = "" if self.place == NOWHERE else f"{self.place}: "
        fix = f"\n  fix: {self.fix}" if self.fix else ""
        return f"{where}{self.message} [{self.code}]{fix}"
