"""One stimulus being handled: what has moved so far, as it will be stored and reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from jupyter_flows.engine.board import IN_PROCESS, UNFINISHED, Board
from jupyter_flows.engine.stimuli import Command, Step, StopAttempt, WakeAt
from jupyter_flows.model.event import RUN_MOVED, TASK_RUN_MOVED, Event
from jupyter_flows.model.run import FlowRun, TaskKey
from jupyter_flows.model.state import FINISHED, RunState, TaskState


class Turn:
    """Moves tasks on the board and the run, and writes down every move. Lives for one `handle`."""

    def __init__(self, board: Board, run: FlowRun, now: datetime) -> None:
        self.board = board
        self.run = run
        self.now = now
        self.failed: TaskKey | None = None
        self._old_run = run
        self._changed: dict[TaskKey, None] = {}
        self._events: list[Event] = []
        self._commands: list[Command] = []

    def move(self, key: TaskKey, state: TaskState, reason: str | None = None, **changes: Any) -> None:
        """Move a task run; no `reason` keeps the old one. A try that was scheduled but never began is given back."""
        old = self.board.row(key)
        if reason is not None:
            changes["reason"] = reason
        if old.state is TaskState.SCHEDULED and state is not TaskState.QUEUED:
            changes["try_number"] = old.try_number - 1
        if state in FINISHED:
            changes.setdefault("end_date", self.now)
        row = self.board.move(key, state, **changes)
        self._changed[key] = None
        if state is TaskState.FAILED:
            self.failed = self.failed or key
        self.tell(
            TASK_RUN_MOVED,
            task_id=row.task_id,
            map_index=row.map_index,
            state=state.value,
            try_number=row.try_number,
            reason=row.reason,
        )

    def blank(self, key: TaskKey, reason: str = "", **changes: Any) -> None:
        """Back to no status, nothing left of how the last try went but its number."""
        cleared = {"start_date": None, "end_date": None, "next_try_at": None, "branch": None}
        self.move(key, TaskState.NO_STATUS, reason, **cleared, **changes)

    def amend(self, key: TaskKey, **changes: Any) -> None:
        """Store other facts of a task run that stays where it is."""
        self.board.amend(key, **changes)
        self._changed[key] = None

    def include(self, key: TaskKey) -> None:
        """Have the row stored although it did not change."""
        self._changed[key] = None

    def move_run(self, state: RunState, reason: str = "", **changes: Any) -> None:
        """Move the run."""
        if state.is_finished:
            changes.setdefault("end_date", self.now)
        self.run = replace(self.run, state=state, reason=reason, **changes)
        self.tell(RUN_MOVED, state=state.value, reason=reason)

    def reopen(self, reason: str) -> None:
        """Put a finished run back to work; others stay as they are."""
        if self.run.state.is_finished:
            number = self.run.clear_number + 1
            fresh = {"queued_at": self.now, "start_date": None, "end_date": None, "clear_number": number}
            self.move_run(RunState.QUEUED, reason, **fresh)

    def end_run(self, state: RunState, reason: str, *, process: TaskState, rest: TaskState) -> None:
        """End the run now: tasks with a process are stopped and go to `process`, other unfinished ones to `rest`."""
        for key in self.board.keys_in(*UNFINISHED):
            has_process = self.board.row(key).state in IN_PROCESS
            self.stop(key)
            self.move(key, process if has_process else rest, reason)
        self.move_run(state, reason)

    def stop(self, key: TaskKey) -> None:
        """Ask for the end of its attempt, if it has one."""
        if self.board.row(key).state in IN_PROCESS:
            self._commands.append(StopAttempt(self.board.attempt(key)))

    def wake(self, at: datetime) -> None:
        """Ask for a tick at that time."""
        self._commands.append(WakeAt(at))

    def tell(self, kind: str, **data: Any) -> None:
        """Report a fact."""
        self._events.append(Event(kind, self.now, self.run.flow_id, self.run.run_id, data))

    def step(self) -> Step:
        """What has been written down."""
        return Step(
            run=self.run if self.run is not self._old_run else None,
            task_runs=tuple(self.board.row(key) for key in self._changed),
            events=tuple(self._events),
            commands=tuple(self._commands),
        )
