"""The run machine: what happened to one run goes in, what to store, tell and do comes out.

It reads no clock and does nothing itself. Whoever drives it stores a step before carrying out its commands, and builds
a new machine from the store when storing failed or `handle` raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from jupyter_flows.engine import orders, reports
from jupyter_flows.engine.board import IN_PROCESS, Board
from jupyter_flows.engine.retry import losses
from jupyter_flows.engine.rules import Verdict, decide
from jupyter_flows.engine.run_state import run_state
from jupyter_flows.engine.stimuli import (
    CancelAsked,
    Cleared,
    Dispatched,
    Marked,
    RunStarted,
    Step,
    Stimulus,
    Tick,
)
from jupyter_flows.engine.turn import Turn
from jupyter_flows.errors import Conflict
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellFinished, CellStarted
from jupyter_flows.model.run import FlowRun, TaskKey, TaskRun
from jupyter_flows.model.state import FAILED_STATES, FINISHED, SCHEDULABLE, RunState, TaskState

EMPTY = "empty"
"""The kind of task that succeeds at once: it has no attempt."""

_TIMED = (TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE)

Past = Callable[[TaskKey], bool]
"""Whether the previous run lets this task run. Asked only for tasks with depends_on_past or wait_for_downstream."""


def no_past(key: TaskKey) -> bool:  # noqa: ARG001
    """The past of a first run: it lets everything run."""
    return True


class RunMachine:
    """One run, rebuilt from its stored rows; a run that never started has none.

    The machine says which tasks *may* run (`ready`); which *do* is told to it as `Dispatched`.
    """

    def __init__(self, flow: Flow, run: FlowRun, task_runs: Iterable[TaskRun] = (), *, past: Past = no_past) -> None:
        self._flow = flow
        self._run = run
        self._past = past
        self._board = Board(flow, run.run_id, task_runs)
        self._held: set[TaskKey] = set()

    # reading

    @property
    def run(self) -> FlowRun:
        """The run as it stands."""
        return self._run

    @property
    def flow(self) -> Flow:
        """The version of the flow it runs."""
        return self._flow

    @property
    def task_runs(self) -> tuple[TaskRun, ...]:
        """All task runs in the flow's order."""
        return self._board.rows()

    @property
    def ready(self) -> tuple[TaskKey, ...]:
        """The scheduled tasks: all they lack is a slot. Upstreams first, ties in notebook order."""
        return tuple(self._board.keys_in(TaskState.SCHEDULED))

    @property
    def active(self) -> tuple[TaskKey, ...]:
        """The tasks whose attempt was handed over and has not reported its end."""
        return tuple(self._board.keys_in(*IN_PROCESS))

    @property
    def held_by_past(self) -> tuple[TaskKey, ...]:
        """The tasks that wait for the previous run; a `Tick` asks about them again."""
        return tuple(sorted(key for key in self._held if self._board.row(key).state in SCHEDULABLE))

    @property
    def wake_at(self) -> datetime | None:
        """When the next `Tick` is due, from the rows alone: for whoever did not see the `WakeAt` commands.

        A task that waits for more than its time (the past, an upstream cleared meanwhile) asks for no tick.
        """
        times = [row.next_try_at for row in self._board.any_in(_TIMED) if row.next_try_at and self._may_run(row.key)]
        return min([*times, *self._overdue_at()], default=None)

    def _may_run(self, key: TaskKey) -> bool:
        return key not in self._held and self._verdict(key) is Verdict.RUN

    def _verdict(self, key: TaskKey) -> Verdict:
        return decide(self._board.task(key).trigger_rule, self._board.counts(key))

    @property
    def is_finished(self) -> bool:
        """Whether the run succeeded or failed."""
        return self._run.state.is_finished

    def task_run(self, key: TaskKey) -> TaskRun:
        """One task run. Raises NotFound."""
        if key not in self._board:
            self._board.require([key])
        return self._board.row(key)

    def attempt(self, key: TaskKey) -> AttemptId:
        """The id of a task's newest attempt. Raises NotFound."""
        self.task_run(key)
        return self._board.attempt(key)

    # acting

    def handle(self, stimulus: Stimulus, now: datetime) -> Step:
        """What follows from `stimulus`. Reports of attempts that are not the newest change nothing.

        Raises Conflict for what cannot be (a task dispatched that was not ready) and NotFound for unknown tasks.
        """
        turn = Turn(self._board, self._run, now)
        self._obey(turn, stimulus)
        self._run = turn.run
        if self._run.state is RunState.RUNNING:
            self._go_on(turn)
            self._run = turn.run
        return turn.step()

    def _obey(self, turn: Turn, stimulus: Stimulus) -> None:
        match stimulus:
            case RunStarted():
                self._start(turn)
            case Dispatched(keys=keys):
                self._dispatch(turn, keys)
            case AttemptStarted():
                reports.attempt_started(turn, stimulus)
            case AttemptFinished():
                reports.attempt_finished(turn, stimulus)
            case CellStarted() | CellFinished():
                reports.cell_moved(turn, stimulus)
            case Tick():
                self._tick(turn)
            case Cleared():
                orders.clear(turn, stimulus)
            case Marked():
                orders.mark(turn, stimulus)
            case CancelAsked():
                orders.cancel(turn, stimulus)

    def _start(self, turn: Turn) -> None:
        if self.is_finished:
            raise Conflict(
                f"Run {self._run.run_id} of flow '{self._flow.id}' is finished.", fix="Clear it to run again."
            )
        if self._run.state is RunState.QUEUED:
            turn.move_run(RunState.RUNNING, start_date=turn.now)
            if self._flow.run_timeout is not None:
                turn.wake(turn.now + self._flow.run_timeout)

    def _dispatch(self, turn: Turn, keys: tuple[TaskKey, ...]) -> None:
        for key in keys:
            if self.task_run(key).state is not TaskState.SCHEDULED:
                state = self.task_run(key).state.value
                raise Conflict(f"Task '{key.task_id}' of run {self._run.run_id} cannot start: it is {state}.")
        for key in keys:
            turn.move(key, TaskState.QUEUED)

    def _tick(self, turn: Turn) -> None:
        if any(at <= turn.now for at in self._overdue_at()):
            seconds = (self._flow.run_timeout or timedelta()).total_seconds()
            skipped = TaskState.SKIPPED
            turn.end_run(RunState.FAILED, f"the run timed out after {seconds:g} s", process=skipped, rest=skipped)
            return
        self._board.look_at([row.key for row in self._board.any_in(_TIMED)])
        self._board.look_at(self._held)

    def _overdue_at(self) -> list[datetime]:
        timeout, run = self._flow.run_timeout, self._run
        if timeout is None or run.start_date is None or run.state is not RunState.RUNNING:
            return []
        return [run.start_date + timeout]

    # what follows by itself while the run is running

    def _go_on(self, turn: Turn) -> None:
        self._take_in(turn)
        for key in self._board.undecided():
            self._decide(turn, key)
        if turn.failed and self._flow.fail_fast:
            reason = f"task '{turn.failed.task_id}' failed and the flow fails fast"
            turn.end_run(RunState.FAILED, reason, process=TaskState.FAILED, rest=TaskState.SKIPPED)
        elif ended := run_state(self._board):
            turn.move_run(ended[0], ended[1])

    def _take_in(self, turn: Turn) -> None:
        """Have new rows stored, and let go of tasks that the flow no longer has."""
        for key in self._board.unstored:
            turn.include(key)
        for key in self._board.strangers:
            state = self._board.row(key).state
            if state not in FINISHED:
                turn.stop(key)
                gone = TaskState.SKIPPED if state in IN_PROCESS else TaskState.REMOVED
                turn.move(key, gone, "the flow no longer has this task")
        self._board.unstored, self._board.strangers = [], []

    def _decide(self, turn: Turn, key: TaskKey) -> None:
        self._held.discard(key)
        if branch := self._board.barred_by(key):
            turn.move(key, TaskState.SKIPPED, f"not chosen by '{branch.task_id}'", next_try_at=None)
            return
        if self._board.row(key).state is TaskState.SCHEDULED:
            return
        match self._verdict(key):
            case Verdict.RUN:
                self._schedule(turn, key)
            case Verdict.SKIPPED:
                turn.move(key, TaskState.SKIPPED, self._why(key, TaskState.SKIPPED), next_try_at=None)
            case Verdict.UPSTREAM_FAILED:
                turn.move(key, TaskState.UPSTREAM_FAILED, self._why(key, *FAILED_STATES), next_try_at=None)

    def _schedule(self, turn: Turn, key: TaskKey) -> None:
        """Make it ready, unless it waits for the past or for its retry delay."""
        task, row = self._board.task(key), self._board.row(key)
        if (task.depends_on_past or task.wait_for_downstream) and not self._past(key):
            self._held.add(key)
        elif row.state in _TIMED and row.next_try_at and row.next_try_at > turn.now:
            pass  # a WakeAt was asked for when it failed
        elif task.kind == EMPTY:
            turn.move(key, TaskState.SUCCESS, "", start_date=turn.now)
        else:
            again = {"start_date": None, "end_date": None, "next_try_at": None}
            reason = row.reason if losses(row) else ""
            turn.move(key, TaskState.SCHEDULED, reason, try_number=row.try_number + 1, **again)

    def _why(self, key: TaskKey, *states: TaskState) -> str:
        """The reason of a task that its trigger rule decided against."""
        rule = self._board.task(key).trigger_rule.value
        culprit = self._board.upstream_in(key, states)
        if culprit is None:
            return f"trigger rule {rule} can no longer be met"
        return f"trigger rule {rule}: upstream '{culprit.task_id}' is {self._board.row(culprit).state.value}"
