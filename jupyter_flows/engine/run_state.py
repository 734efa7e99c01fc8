"""The state of a run is not set beside its tasks, it follows from them (semantics §3)."""

from __future__ import annotations

from jupyter_flows.engine.board import UNFINISHED, Board
from jupyter_flows.engine.rules import Verdict, decide
from jupyter_flows.model.run import TaskRun
from jupyter_flows.model.state import FAILED_STATES, SCHEDULABLE, RunState, TaskState

_NAMED = 3
_WAITING = (TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE, TaskState.NO_STATUS)
"""The schedulable states; those whose time will come by itself are looked at first."""


def run_state(board: Board) -> tuple[RunState, str] | None:
    """How a run with these tasks ended and why, or None while it goes on. Only leaves count.

    A failed task whose leaf still succeeded leaves the run successful. Looks at all tasks only when nothing moves.
    """
    if not board.has(UNFINISHED):
        if any(row.state in FAILED_STATES for row in board.leaves()):
            return RunState.FAILED, _names("failed", board, TaskState.FAILED)
        return RunState.SUCCESS, ""
    if board.has(UNFINISHED - SCHEDULABLE) or any(_can_go_on(board, row) for row in board.any_in(_WAITING)):
        return None
    return RunState.FAILED, _names("deadlock: nothing can run any more; waiting", board, *_WAITING)


def _can_go_on(board: Board, row: TaskRun) -> bool:
    """Whether it may run by and by: it waits for a time or for the past, not for tasks that will not move."""
    task = board.task(row.key)
    if task.depends_on_past or task.wait_for_downstream:
        return True
    return decide(task.trigger_rule, board.counts(row.key)) is not Verdict.WAIT


def _names(what: str, board: Board, *states: TaskState) -> str:
    names = [key.task_id for key in board.keys_in(*states)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what}: {', '.join(names[:_NAMED])}{more}" if names else what
