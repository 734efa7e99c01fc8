"""What people ask of a run: clear, mark, cancel (semantics §10)."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_flows.engine.board import UNFINISHED
from jupyter_flows.engine.run_state import run_state
from jupyter_flows.engine.stimuli import CancelAsked, Cleared, Marked
from jupyter_flows.engine.turn import Turn
from jupyter_flows.errors import Conflict
from jupyter_flows.model.run import TaskKey
from jupyter_flows.model.state import FAILED_STATES, FINISHED, RunState, TaskState

_RUN_STATES = {TaskState.SUCCESS: RunState.SUCCESS, TaskState.FAILED: RunState.FAILED}
_MARKS = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED})


def clear(turn: Turn, order: Cleared) -> None:
    """Let the tasks run again with their full number of tries; what runs now is stopped first."""
    keys = turn.board.keys if order.keys is None else tuple(dict.fromkeys(order.keys))
    turn.board.require(keys)
    for key in keys:
        _clear_one(turn, key)
    if keys:
        turn.reopen("cleared")


def _clear_one(turn: Turn, key: TaskKey) -> None:
    row = turn.board.row(key)
    tries = row.try_number - (row.state is TaskState.SCHEDULED)
    max_tries = tries + turn.board.task(key).retry.retries + 1
    match row.state:
        case TaskState.QUEUED | TaskState.RUNNING:
            turn.stop(key)
            turn.move(key, TaskState.RESTARTING, "cleared", max_tries=max_tries)
        case TaskState.NO_STATUS | TaskState.RESTARTING:
            if row.max_tries != max_tries:
                turn.amend(key, max_tries=max_tries)
        case _:
            turn.blank(key, max_tries=max_tries)


def mark(turn: Turn, order: Marked) -> None:
    """Set how tasks, or the run, ended. What had failed because of a task now marked otherwise gets another chance."""
    if order.keys is None:
        _mark_run(turn, order.state)
        return
    if order.state not in _MARKS:
        raise Conflict(f"A task cannot be marked {order.state.value}.", fix="Mark it success, failed or skipped.")
    turn.board.require(order.keys)
    changed = [key for key in dict.fromkeys(order.keys) if turn.board.row(key).state is not order.state]
    if not changed:
        return
    was_derived = _derived(turn) is turn.run.state
    for key in changed:
        turn.stop(key)
        row = turn.board.row(key)
        ended = {"end_date": row.end_date} if row.state in FINISHED else {}  # a verdict is no longer work
        turn.move(key, order.state, f"marked {order.state.value}", next_try_at=None, branch=None, **ended)
    if order.state not in FAILED_STATES:
        _give_another_chance(turn, changed)
    _judge_again(turn, was_derived=was_derived)


def _mark_run(turn: Turn, state: TaskState) -> None:
    if state not in _RUN_STATES:
        raise Conflict(f"A run cannot be marked {state.value}.", fix="Mark it success or failed, or name tasks.")
    if turn.run.state is not _RUN_STATES[state]:
        turn.end_run(_RUN_STATES[state], f"marked {state.value}", process=state, rest=TaskState.SKIPPED)


def _give_another_chance(turn: Turn, keys: Iterable[TaskKey]) -> None:
    """What is upstream_failed below `keys` never ran: its verdict was drawn from what is no longer so."""
    todo = [down for key in keys for down in turn.board.downstream(key)]
    while todo:
        key = todo.pop()
        if turn.board.row(key).state is TaskState.UPSTREAM_FAILED:
            turn.blank(key)
            todo.extend(turn.board.downstream(key))


def _judge_again(turn: Turn, *, was_derived: bool) -> None:
    """A finished run whose state came from its tasks follows them; one ended by hand or timeout keeps its state."""
    if not turn.run.state.is_finished:
        return
    if turn.board.has(UNFINISHED):
        turn.reopen("a task was marked")
    elif was_derived and (derived := run_state(turn.board)) and derived[0] is not turn.run.state:
        turn.move_run(derived[0], "a task was marked")


def _derived(turn: Turn) -> RunState | None:
    derived = run_state(turn.board) if turn.run.state.is_finished else None
    return derived[0] if derived else None


def cancel(turn: Turn, order: CancelAsked) -> None:
    """Stop. What had begun is failed, what had not is skipped; a cancelled run is failed, whatever its tasks say."""
    turn.board.require(order.keys or ())
    if turn.run.state.is_finished:
        return
    for key in turn.board.keys_in(*UNFINISHED) if order.keys is None else order.keys:
        state = turn.board.row(key).state
        if state not in FINISHED:
            begun = state not in (TaskState.NO_STATUS, TaskState.SCHEDULED)
            turn.stop(key)
            turn.move(key, TaskState.FAILED if begun else TaskState.SKIPPED, "cancelled", next_try_at=None)
    if order.keys is None:
        turn.move_run(RunState.FAILED, "cancelled")
