"""What happened to a flow over one interval: runs, task runs, attempts, and how an attempt ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from jupyter_flows.model.ids import UNMAPPED, AttemptId, FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.state import RunState, TaskState


class RunKey(NamedTuple):
    """Which run."""

    flow_id: FlowId
    run_id: RunId


class TaskKey(NamedTuple):
    """Which task of a run; `map_index` is UNMAPPED (−1) for a task that is not mapped."""

    task_id: TaskId
    map_index: int = UNMAPPED


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of one version of a flow over one data interval.

    `logical_date` is the interval's start and never changes. `backfill_id` and `ordinal` are set for a backfill's runs.
    `clear_number` counts how often the finished run was put back to work.
    """

    flow_id: FlowId
    run_id: RunId
    run_type: RunType
    interval: DataInterval
    version: str
    state: RunState = RunState.QUEUED
    logical_date: datetime | None = None
    run_after: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    backfill_id: int | None = None
    ordinal: int | None = None
    clear_number: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        if self.logical_date is None:
            object.__setattr__(self, "logical_date", self.interval.start)
        if self.run_after is None:
            object.__setattr__(self, "run_after", self.interval.end)

    @property
    def key(self) -> RunKey:
        """Its identity."""
        return RunKey(self.flow_id, self.run_id)


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task in one run. `try_number` is the newest attempt's (0: none yet); `max_tries` counts first tries too.

    `next_try_at` is when a task up for retry or reschedule may go on. `reason` says why the state is what it is.
    `branch` holds the downstream ids a branch chose, so that a later clear honours the choice; None: not a branch.
    """

    task_id: TaskId
    map_index: int = UNMAPPED
    state: TaskState = TaskState.NO_STATUS
    try_number: int = 0
    max_tries: int = 1
    start_date: datetime | None = None
    end_date: datetime | None = None
    next_try_at: datetime | None = None
    branch: tuple[str, ...] | None = None
    reason: str = ""

    @property
    def key(self) -> TaskKey:
        """Its identity within the run."""
        return TaskKey(self.task_id, self.map_index)


# ── how an attempt ended ─────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The notebook ran to its end. `stopped_early`: a cell called sys.exit(0). `branch`: what a branch task chose."""

    branch: tuple[str, ...] | None = None
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """A cell raised. `line` counts in the author's cell. `final`: the task asked for no further try."""

    message: str
    ename: str = ""
    cell_id: str | None = None
    line: int | None = None
    traceback: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Died:
    """A process ended that should not have: the kernel (an outcome that counts as a try)."""

    message: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """We lost the attempt (our own process died, never the user's code): it does not eat a retry."""

    message: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """It ran longer than its timeout and was ended."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class NotStarted:
    """It could not begin: no such kernel, a bad notebook, an input that cannot be read. Counts as a try."""

    message: str


@dataclass(frozen=True, slots=True)
class SkipAsked:
    """The task said `task.skip(reason)`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was stopped on request."""

    reason: str = ""


Outcome = Succeeded | Failed | Died | Lost | TimedOut | NotStarted | SkipAsked | Cancelled


OUTCOMES: Mapping[str, type[Any]] = {
    "succeeded": Succeeded,
    "failed": Failed,
    "died": Died,
    "lost": Lost,
    "timed_out": TimedOut,
    "not_started": NotStarted,
    "skip_asked": SkipAsked,
    "cancelled": Cancelled,
}


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """`{"kind": …, its fields}`; durations as seconds."""
    kind = next(k for k, cls in OUTCOMES.items() if type(outcome) is cls)
    data: dict[str, Any] = {"kind": kind}
    for f in fields(outcome):
        value, name = getattr(outcome, f.name), f.name
        if isinstance(value, timedelta):
            value = value.total_seconds()
        data[name] = list(value) if isinstance(value, tuple) else value
    return data


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    """The outcome of `outcome_to_json`; unknown keys are ignored."""
    cls = OUTCOMES[data["kind"]]
    names = {f.name for f in fields(cls)}
    known = {k: v for k, v in data.items() if k in names}
    if "after" in known:
        known["after"] = timedelta(seconds=known["after"])
    if known.get("branch") is not None:
        known["branch"] = tuple(known["branch"])
    result: Outcome = cls(**known)
    return result


def outcome_text(outcome: Outcome) -> str:
    """What happened, in one line for people."""
    match outcome:
        case Succeeded(stopped_early=True):
            return "stopped early by sys.exit(0)"
        case Succeeded(branch=chosen) if chosen is not None:
            return f"chose {', '.join(chosen) or 'nothing'}"
        case Succeeded():
            return ""
        case Failed(message=message, ename=ename, line=line):
            where = f" (line {line})" if line else ""
            return f"{ename}: {message}{where}" if ename else f"{message}{where}"
        case TimedOut(after=after):
            return f"timed out after {after.total_seconds():g} s"
        case SkipAsked(reason=reason) | Cancelled(reason=reason):
            return reason
        case Died(message=message) | Lost(message=message) | NotStarted(message=message):
            return message


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task run, kept for ever. `outcome` is None while it runs.

    `notebook` and `log` are paths relative to the home: the executed notebook and its text log.
    `token` fences it: only the holder of the newest token may end it or publish its artifacts.
    `how` says how its kernel came up (`forked`, `cold`, …). `version` names the flow version it ran.
    """

    id: AttemptId
    token: str
    state: TaskState = TaskState.QUEUED
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    outcome: Outcome | None = None
    notebook: str | None = None
    log: str | None = None
    pid: int | None = None
    how: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A range of a flow's past, asked for once and worked off by whichever scheduler holds the lease.

    The range is inclusive and compared to logical dates. `state` is queued/running until none of its runs is active.
    """

    id: int
    flow_id: FlowId
    start: datetime
    end: datetime
    reprocess: str = "missing"
    parallel: int = 2
    reverse: bool = False
    paused: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    state: RunState = RunState.QUEUED
    created_at: datetime | None = None
    completed_at: datetime | None = None
