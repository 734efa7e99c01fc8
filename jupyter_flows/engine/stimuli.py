"""What the run machine is told and what it answers. What an attempt reports (`model.progress`) is told as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jupyter_flows.model.event import Event
from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellFinished, CellStarted
from jupyter_flows.model.run import FlowRun, TaskKey, TaskRun
from jupyter_flows.model.state import TaskState


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The queued run may begin."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """These scheduled tasks got their slots: their attempts are handed to an executor once this is stored."""

    keys: tuple[TaskKey, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by: a retry may be due, the run may be overdue, the previous run may have got on."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """Someone wants exactly these tasks (None: all) to run again. Who wants their downstreams too names them."""

    keys: tuple[TaskKey, ...] | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """Someone says how these tasks (None: the run itself) ended: success, failed or, for tasks, skipped."""

    keys: tuple[TaskKey, ...] | None
    state: TaskState


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Someone wants these tasks (None: the whole run) to stop."""

    keys: tuple[TaskKey, ...] | None = None


Stimulus = (
    RunStarted
    | Dispatched
    | AttemptStarted
    | AttemptFinished
    | CellStarted
    | CellFinished
    | Tick
    | Cleared
    | Marked
    | CancelAsked
)


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """End this attempt's processes. Its task has moved on already or waits for the report."""

    attempt: AttemptId


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a `Tick` at that time; it may be past. Missing one delays the run, nothing else."""

    at: datetime


Command = StopAttempt | WakeAt


@dataclass(frozen=True, slots=True)
class Step:
    """What a stimulus led to: rows to store (only changed ones), events that happened, commands to carry out then."""

    run: FlowRun | None = None
    task_runs: tuple[TaskRun, ...] = ()
    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()

    @property
    def moves(self) -> Mapping[TaskKey, TaskState]:
        """The state each stored task run is in now."""
        return {row.key: row.state for row in self.task_runs}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be stored or done."""
        return not (self.run or self.task_runs or self.events or self.commands)
