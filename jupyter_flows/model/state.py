"""States of runs and tasks, and the moves between them, as data."""

from __future__ import annotations

from enum import Enum

from jupyter_flows.errors import Conflict


class RunState(str, Enum):
    """How a whole run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (RunState.SUCCESS, RunState.FAILED)


class TaskState(str, Enum):
    """How one task of one run stands. The words are Airflow's; `no_status` is its unnamed state."""

    NO_STATUS = "no_status"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RESTARTING = "restarting"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    DEFERRED = "deferred"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    REMOVED = "removed"


FINISHED = frozenset(
    {TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.REMOVED}
)
FAILED_STATES = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})
SUCCESS_STATES = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
SCHEDULABLE = frozenset({TaskState.NO_STATUS, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE})
OCCUPYING = frozenset({TaskState.QUEUED, TaskState.RUNNING})
"""States that hold a slot."""

_DECIDED = frozenset({TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.REMOVED})
_MARKED = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED})

ALLOWED: dict[TaskState, frozenset[TaskState]] = {
    TaskState.NO_STATUS: frozenset({TaskState.SCHEDULED}) | _DECIDED | _MARKED,
    TaskState.UP_FOR_RETRY: frozenset({TaskState.SCHEDULED, TaskState.NO_STATUS}) | _DECIDED | _MARKED,
    TaskState.UP_FOR_RESCHEDULE: frozenset({TaskState.SCHEDULED, TaskState.NO_STATUS}) | _DECIDED | _MARKED,
    TaskState.SCHEDULED: frozenset({TaskState.QUEUED, TaskState.NO_STATUS}) | _DECIDED | _MARKED,
    TaskState.QUEUED: frozenset(
        {TaskState.RUNNING, TaskState.SCHEDULED, TaskState.NO_STATUS, TaskState.UP_FOR_RETRY, TaskState.RESTARTING}
    )
    | _MARKED,
    TaskState.RUNNING: frozenset(
        {
            TaskState.UP_FOR_RETRY,
            TaskState.UP_FOR_RESCHEDULE,
            TaskState.DEFERRED,
            TaskState.RESTARTING,
            TaskState.NO_STATUS,
        }
    )
    | _MARKED,
    TaskState.DEFERRED: frozenset({TaskState.SCHEDULED, TaskState.NO_STATUS, TaskState.RESTARTING}) | _MARKED,
    TaskState.RESTARTING: frozenset({TaskState.NO_STATUS}) | _MARKED,
    TaskState.SUCCESS: frozenset({TaskState.NO_STATUS}) | _MARKED,
    TaskState.FAILED: frozenset({TaskState.NO_STATUS}) | _MARKED,
    TaskState.SKIPPED: frozenset({TaskState.NO_STATUS}) | _MARKED,
    TaskState.UPSTREAM_FAILED: frozenset({TaskState.NO_STATUS}) | _MARKED,
    TaskState.REMOVED: frozenset({TaskState.NO_STATUS}),
}
"""Every move that may happen (semantics §1). RUNNING → NO_STATUS is an attempt lost to a crash of ours."""


def check_move(task: str, old: TaskState, new: TaskState) -> None:
    """Raise Conflict when `task` may not go from `old` to `new`."""
    if new not in ALLOWED[old]:
        raise Conflict(f"Task '{task}' cannot go from {old.value} to {new.value}.")
