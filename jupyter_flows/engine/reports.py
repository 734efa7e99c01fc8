"""What follows for a task from what its attempt reports."""

from __future__ import annotations

from typing import Any

from jupyter_flows.engine.board import IN_PROCESS
from jupyter_flows.engine.branching import judged
from jupyter_flows.engine.retry import MAX_LOSSES, loss_reason, losses, may_retry, retry_delay
from jupyter_flows.engine.turn import Turn
from jupyter_flows.model.event import CELL_FINISHED, CELL_STARTED
from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellFinished, CellStarted
from jupyter_flows.model.run import Cancelled, Lost, Outcome, SkipAsked, Succeeded, TaskKey, outcome_text
from jupyter_flows.model.state import TaskState


def attempt_started(turn: Turn, report: AttemptStarted) -> None:
    """A queued task runs."""
    key = _current(turn, report.attempt)
    if key and turn.board.row(key).state is TaskState.QUEUED:
        turn.move(key, TaskState.RUNNING, start_date=report.at)


def cell_moved(turn: Turn, report: CellStarted | CellFinished) -> None:
    """A cell of a task that is under way began or ended: nothing moves, people are told."""
    key = _current(turn, report.attempt)
    if key is None:
        return
    data: dict[str, Any] = {
        "task_id": key.task_id,
        "map_index": key.map_index,
        "try_number": report.attempt.try_number,
        "cell": report.cell,
        "cells": report.cells,
    }
    if isinstance(report, CellFinished):
        turn.tell(CELL_FINISHED, **data, ok=report.ok)
    else:
        turn.tell(CELL_STARTED, **data)


def attempt_finished(turn: Turn, report: AttemptFinished) -> None:
    """The newest attempt of a task under way ended; any other report changes nothing."""
    key = _current(turn, report.attempt)
    if key is None:
        return
    if turn.board.row(key).state is TaskState.RESTARTING:
        turn.blank(key)
        return
    turn.amend(key, start_date=turn.board.row(key).start_date or report.started, end_date=report.at)
    task = turn.board.task(key)
    _conclude(turn, key, judged(turn.board.flow, task, report.outcome), report)


def _conclude(turn: Turn, key: TaskKey, outcome: Outcome, report: AttemptFinished) -> None:
    text = outcome_text(outcome)
    match outcome:
        case Succeeded(branch=branch):
            turn.move(key, TaskState.SUCCESS, text, branch=branch, end_date=report.at)
        case SkipAsked():
            turn.move(key, TaskState.SKIPPED, text, end_date=report.at)
        case Cancelled():
            turn.move(key, TaskState.FAILED, f"cancelled: {text}" if text else "cancelled", end_date=report.at)
        case Lost():
            _lost(turn, key, text)
        case _ if may_retry(turn.board.row(key), outcome):
            _retry(turn, key, text, report)
        case _:
            turn.move(key, TaskState.FAILED, text, end_date=report.at)


def _retry(turn: Turn, key: TaskKey, text: str, report: AttemptFinished) -> None:
    logical_date = turn.run.logical_date or turn.run.interval.start
    due = report.at + retry_delay(turn.board.task(key).retry, report.attempt, logical_date)
    turn.move(key, TaskState.UP_FOR_RETRY, text, next_try_at=due)
    turn.wake(due)


def _lost(turn: Turn, key: TaskKey, text: str) -> None:
    """Not the task's fault: again, without eating a retry; unless it must not run twice or keeps getting lost."""
    row = turn.board.row(key)
    reason = loss_reason(losses(row) + 1, text)
    if not turn.board.task(key).idempotent:
        turn.move(key, TaskState.FAILED, f"{reason} (not repeated: the task is not idempotent)", end_date=row.end_date)
    elif losses(row) + 1 >= MAX_LOSSES:
        turn.move(key, TaskState.FAILED, reason, end_date=row.end_date)
    else:
        turn.blank(key, reason, max_tries=row.max_tries + 1)


def _current(turn: Turn, attempt: AttemptId) -> TaskKey | None:
    """The task whose newest attempt this is, if it is under way: the fence against reports of older ones."""
    key = TaskKey(attempt.task_id, attempt.map_index)
    if turn.board.knows(key) and turn.board.row(key).state in IN_PROCESS and turn.board.attempt(key) == attempt:
        return key
    return None
