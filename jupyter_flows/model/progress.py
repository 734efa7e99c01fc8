"""What an executor reports of an attempt, and what the run machine is told: the same values, so nothing is translated.

For one attempt they come in order: AttemptStarted, then cells, then exactly one AttemptFinished. A job that cannot
begin reports AttemptFinished alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.run import Outcome


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A value an attempt stored. `path` is relative to the home; `format` is json, arrow, npy or pickle."""

    name: str
    path: str
    format: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Its process tree exists and its kernel answers. `how` says how the kernel came up: forked, cold, …"""

    attempt: AttemptId
    token: str
    at: datetime
    pid: int | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class CellStarted:
    """The runner sent cell `cell` of `cells` (both count the author's cells only, from 0)."""

    attempt: AttemptId
    cell: int
    cells: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CellFinished:
    """That cell replied."""

    attempt: AttemptId
    cell: int
    cells: int
    ok: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """The process tree is gone and this is what the evidence says. Times are the attempt's own."""

    attempt: AttemptId
    token: str
    outcome: Outcome
    at: datetime
    started: datetime | None = None
    artifacts: tuple[ArtifactRef, ...] = ()
    has_notebook: bool = False


Progress = AttemptStarted | CellStarted | CellFinished | AttemptFinished
