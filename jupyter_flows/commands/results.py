"""What a verb answers: values that a terminal, a notebook or `--json` can each show in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_flows.model.intent import Intent
from jupyter_flows.model.problem import Problem
from jupyter_flows.model.run import Attempt, RunKey
from jupyter_flows.views import View


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and the same as JSON. A door that may wait does so until `request`, if any, is settled."""

    text: str
    json: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""
    request: Intent | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people under `columns`, and the same as JSON. `empty` is said when there are none."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    json: Mapping[str, Any]
    title: str = ""
    empty: str = "Nothing yet."


@dataclass(frozen=True, slots=True)
class GraphShown:
    """A flow's graph, to be drawn. `why` asks for the reason of every edge."""

    view: View
    why: bool = False


@dataclass(frozen=True, slots=True)
class RunShown:
    """A run as it stands."""

    view: View


@dataclass(frozen=True, slots=True)
class RunAsked:
    """A run was asked for (an existing one by `request`): follow it unless `detach`; `wait` also where doors do not."""

    key: RunKey
    text: str
    detach: bool = False
    request: Intent | None = None
    wait: bool = False


@dataclass(frozen=True, slots=True)
class BackfillFollowed:
    """A backfill was asked for: follow it unless `detach`; `wait` also where doors do not."""

    backfill_id: int
    text: str
    detach: bool = False
    wait: bool = False


@dataclass(frozen=True, slots=True)
class ProblemsFound:
    """All problems of some notebooks, with how many flows were looked at."""

    problems: Sequence[Problem]
    flows: Sequence[str]

    @property
    def has_errors(self) -> bool:
        """Whether any of them stops its flow."""
        return any(p.is_error for p in self.problems)


@dataclass(frozen=True, slots=True)
class LogShown:
    """The log of an attempt; `follow` asks to go on while it runs."""

    attempt: Attempt
    text: str
    end: int
    follow: bool = False


@dataclass(frozen=True, slots=True)
class FileShown:
    """A file to look at: an executed notebook, an exported graph."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class SchedulerAsked:
    """Run the scheduler: in a shell in the foreground, in a notebook in the kernel."""


Result = (
    Said
    | Table
    | GraphShown
    | RunShown
    | RunAsked
    | BackfillFollowed
    | ProblemsFound
    | LogShown
    | FileShown
    | SchedulerAsked
)
