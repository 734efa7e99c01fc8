"""The runs under way, in memory: asks the pure machine what follows, and remembers what is to be written and done.

Everything here can be built again from the store: `load` does it after a start, a lost lease or a database error.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from jupyter_flows.engine.dispatch import (
    Candidate,
    FlowGate,
    Limits,
    Occupancy,
    candidate,
    select,
    startable_runs,
)
from jupyter_flows.engine.stimuli import (
    Dispatched,
    RunStarted,
    Step,
    Stimulus,
    StopAttempt,
    Tick,
    WakeAt,
)
from jupyter_flows.errors import FlowsError, StoreError
from jupyter_flows.model.event import RUN_MOVED, Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import AttemptId, FlowId, RunType
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellFinished, CellStarted, Progress
from jupyter_flows.model.run import (
    Attempt,
    Backfill,
    Cancelled,
    FlowRun,
    RunKey,
    SkipAsked,
    Succeeded,
    TaskKey,
    TaskRun,
)
from jupyter_flows.model.state import FINISHED, OCCUPYING, RunState, TaskState
from jupyter_flows.runtime.active import Active, ActiveRuns
from jupyter_flows.runtime.backfills import Backfills
from jupyter_flows.runtime.batch import Batch
from jupyter_flows.storage.files import attempt_log, attempt_notebook, relative
from jupyter_flows.storage.store import Store

log = logging.getLogger("jupyter_flows.scheduler")

AT_ONCE = datetime.min.replace(tzinfo=timezone.utc)
"""A time that has always come."""


@dataclass
class Actions:
    """What is to be carried out once the batch is safely written."""

    submit: list[Attempt] = field(default_factory=list)
    stop: list[AttemptId] = field(default_factory=list)


class Conductor:
    """Drives the machines of all active runs. Not thread-safe: one scheduler thread owns it."""

    def __init__(self, store: Store, slots: int, home: Path) -> None:
        self._store = store
        self._slots = slots
        self._home = home
        self._forget()

    def _forget(self) -> None:
        self.runs = ActiveRuns(self._store, lambda key: self._batch.task_runs(key))
        self.backfills = Backfills(self._store)
        self._paused: set[FlowId] = set()
        self._wakes: list[tuple[datetime, RunKey]] = []
        self._batch = Batch()
        self._actions = Actions()
        self._moved: set[FlowId] = set()
        self._due_at: datetime | None = None

    # ── state, from the store ───────────────────────────────────────────────────────────

    def load(self) -> list[Attempt]:
        """Forget everything and read it again. Returns the attempts under way: adopt them or report them Lost."""
        self._forget()
        self._paused = {f.flow.id for f in self._store.flows() if f.paused}
        self.backfills.read()
        self.runs.queued = {r.key: r for r in self._store.runs(states={RunState.QUEUED}, oldest_first=True)}
        for run in self._store.runs(states={RunState.RUNNING}, oldest_first=True):
            self.runs.activate(run)
            self._wakes.append((AT_ONCE, run.key))
        found = self._store.open_attempts()
        for attempt in found:
            self._take_up(attempt)
        return found

    def _take_up(self, attempt: Attempt) -> None:
        """Follow an attempt a predecessor began. One its run no longer waits for (it was cancelled) is to end."""
        key = RunKey(attempt.id.flow_id, attempt.id.run_id)
        active = self.runs.running.get(key) or self.runs.activate(self._store.run(key))
        active.attempts[attempt.id] = attempt
        self.runs.queued.pop(key, None)  # a cleared run goes back to the queue when its last attempt has ended
        task = TaskKey(attempt.id.task_id, attempt.id.map_index)
        awaited = active.machine.task_run(task).state in OCCUPYING and active.machine.attempt(task) == attempt.id
        if not awaited:
            self._actions.stop.append(attempt.id)

    def flow_of(self, attempt: AttemptId) -> Flow:
        """The flow version the attempt's run is pinned to."""
        return self.runs.running[RunKey(attempt.flow_id, attempt.run_id)].flow

    def run_of(self, attempt: AttemptId) -> FlowRun:
        """The attempt's run as it stands."""
        return self.runs.running[RunKey(attempt.flow_id, attempt.run_id)].machine.run

    # ── what others wrote ───────────────────────────────────────────────────────────────

    def run_created(self, key: RunKey) -> None:
        """A door or a schedule made a run."""
        if key not in self.runs.running and key not in self.runs.queued:
            run = self._store.run(key)
            if run.state is RunState.QUEUED:
                self.runs.enqueue(run)

    def flow_paused(self, flow_id: FlowId, paused: bool) -> None:
        """A person paused or resumed a flow: its queued scheduled runs wait."""
        (self._paused.add if paused else self._paused.discard)(flow_id)
        self.runs.lanes_changed = True

    def backfills_changed(self) -> None:
        """A door made one: read the active backfills again."""
        self.backfills.read()
        self.runs.lanes_changed = True

    def change_backfill(self, backfill: Backfill, now: datetime) -> None:
        """A person paused or resumed one."""
        self.backfills.change(backfill, self._batch, now)
        self.runs.lanes_changed = True

    # ── what happened ───────────────────────────────────────────────────────────────────

    def hear(self, progress: Progress, now: datetime) -> None:
        """An executor reports. A report about a run or attempt that is no longer active changes nothing."""
        key = RunKey(progress.attempt.flow_id, progress.attempt.run_id)
        active = self.runs.running.get(key)
        attempt = active.attempts.get(progress.attempt) if active else None
        if active is None or attempt is None:
            return
        match progress:
            case CellStarted() | CellFinished():
                self.feed(active, progress, now)
            case AttemptStarted(token=token) if token == attempt.token:
                active.attempts[attempt.id] = started = replace(
                    attempt, state=TaskState.RUNNING, start_date=progress.at, pid=progress.pid, how=progress.how
                )
                self._batch.add_attempt(started)
                self.feed(active, progress, now)
            case AttemptFinished(token=token) if token == attempt.token:
                del active.attempts[attempt.id]
                self._batch.add_attempt(self._ended(attempt, progress), progress.artifacts)
                self.feed(active, progress, now)

    def _ended(self, attempt: Attempt, report: AttemptFinished) -> Attempt:
        """The attempt's last record."""
        match report.outcome:
            case Succeeded():
                state = TaskState.SUCCESS
            case SkipAsked():
                state = TaskState.SKIPPED
            case _:
                state = TaskState.FAILED
        notebook, log = attempt_notebook(self._home, attempt.id), attempt_log(self._home, attempt.id)
        return replace(
            attempt,
            state=state,
            start_date=report.started or attempt.start_date,
            end_date=report.at,
            outcome=report.outcome,
            notebook=relative(self._home, notebook) if report.has_notebook else None,
            log=relative(self._home, log) if report.started else None,
        )

    def feed(self, active: Active, stimulus: Stimulus, now: datetime, *, is_asked: bool = False) -> None:
        """Tell the machine and take its answer. A machine that breaks fails its own run and nothing else.

        What somebody asked for may be refused: then its FlowsError is raised.
        """
        try:
            step = active.machine.handle(stimulus, now)
        except Exception as error:
            if isinstance(error, FlowsError if is_asked else StoreError):
                raise
            log.exception("the machine of run %s failed", active.machine.run.run_id)
            self._give_up(active, f"internal error: {type(error).__name__}: {error}", now)
            return
        self._take(active, step)

    def _give_up(self, active: Active, reason: str, now: datetime) -> None:
        """Fail the run by hand, since its machine cannot: nothing of it is left open, so that it can be cleared."""
        run = replace(active.machine.run, state=RunState.FAILED, reason=reason, end_date=now)
        event = Event(RUN_MOVED, now, run.flow_id, run.run_id, {"state": run.state.value, "reason": reason})
        rows = [_abandoned(t, reason, now) for t in active.machine.task_runs if t.state not in FINISHED]
        self._batch.add_step(run.key, run, rows, (event,))
        for attempt in active.attempts.values():
            self._actions.stop.append(attempt.id)
            self._batch.add_attempt(
                replace(attempt, state=TaskState.FAILED, end_date=now, outcome=Cancelled(reason)),
            )
        self._drop(run)

    def _drop(self, run: FlowRun) -> None:
        """The run is over: forget it and let others take its place."""
        self.runs.running.pop(run.key, None)
        self.runs.lanes_changed = True
        self.backfills.suspect(run.backfill_id)

    def _take(self, active: Active, step: Step) -> None:
        """Write down what the machine answered; drop the run when it is over."""
        run = active.machine.run
        self._batch.add_step(run.key, step.run, step.task_runs, step.events)
        if step.task_runs:
            self._moved.add(run.flow_id)
        for command in step.commands:
            match command:
                case StopAttempt(attempt=attempt):
                    self._actions.stop.append(attempt)
                case WakeAt(at=at):
                    self._wakes.append((at, run.key))
        self.runs.queued.pop(run.key, None)
        if run.state is RunState.QUEUED and not active.attempts:
            self.runs.running.pop(run.key, None)
            self.runs.enqueue(run)
        elif run.state.is_finished and not active.attempts:
            self._drop(run)

    # ── what follows ────────────────────────────────────────────────────────────────────

    def advance(self, now: datetime) -> None:
        """Wake what is due, start runs that may start, and give ready tasks to free slots."""
        due = {key for at, key in self._wakes if at <= now}
        self._wakes = [(at, key) for at, key in self._wakes if at > now]
        for key in due:
            self._tick(key, now)
        self._start_runs(now)
        self._tell_who_waits_for_the_past(now)
        self._dispatch(now)
        alive = [a.machine.run for a in self.runs.running.values()] + list(self.runs.queued.values())
        self.backfills.complete(alive, self._batch, now)

    def next_wake(self) -> datetime | None:
        """When time alone will change something: a retry, a timeout, a queued run whose hour comes."""
        if self.runs.queued and self.runs.lanes_changed:
            return AT_ONCE  # a run that needed no kernel ended within this turn
        later = [self._due_at] if self._due_at else []
        return min([at for at, _ in self._wakes] + later, default=None)

    def _tick(self, key: RunKey, now: datetime) -> None:
        """Time went by for a run. The next such moment is asked of its rows: its commands may have been another's."""
        if key in self.runs.running:
            self.feed(self.runs.running[key], Tick(), now)
        active = self.runs.running.get(key)
        at = active.machine.wake_at if active else None
        if at is not None and at > now:
            self._wakes.append((at, key))

    def _tell_who_waits_for_the_past(self, now: datetime) -> None:
        """Where tasks of a flow moved, its runs that wait for an earlier one look again; that may move others."""
        while self._moved:
            moved, self._moved = self._moved, set()
            for active in list(self.runs.running.values()):
                if active.flow.id in moved and active.machine.held_by_past:
                    self.feed(active, Tick(), now)

    def _start_runs(self, now: datetime) -> None:
        """Start what limits allow. Asked only when a run ended, came or came due: thousands may wait in a backfill."""
        due = self._due_at is not None and self._due_at <= now
        if not self.runs.queued or not (self.runs.lanes_changed or due):
            return
        self.runs.lanes_changed = False
        queued = [r for r in self.runs.queued.values() if not self._is_held(r)]
        flows = {r.flow_id: FlowGate(self.runs.flow(r.flow_id, r.version).max_active_runs) for r in queued}
        running = [a.machine.run for a in self.runs.running.values()]
        for key in startable_runs(queued, running, flows, self.backfills.known, now):
            run = self.runs.queued.pop(key)
            self.backfills.begin(run.backfill_id, self._batch, now)
            self.feed(self.runs.activate(run), RunStarted(), now)
        self._due_at = min((r.run_after for r in queued if r.run_after and r.run_after > now), default=None)

    def _is_held(self, run: FlowRun) -> bool:
        """A paused flow starts no scheduled runs; what people asked for (a cleared one, too) goes on."""
        return run.run_type is RunType.SCHEDULED and not run.clear_number and run.flow_id in self._paused

    def _dispatch(self, now: datetime) -> None:
        waiting = [c for a in self.runs.running.values() for c in _candidates(a, a.machine.ready)]
        if not waiting:
            return
        occupancy = Occupancy.of(c for a in self.runs.running.values() for c in _candidates(a, a.machine.active))
        chosen: dict[RunKey, list[TaskKey]] = {}
        for one in select(waiting, occupancy, Limits(self._slots)).start:
            chosen.setdefault(one.run, []).append(one.task)
        for key, tasks in chosen.items():
            active = self.runs.running[key]
            self.feed(active, Dispatched(tuple(tasks)), now)
            for task in tasks:
                self._open_attempt(active, task, now)

    def _open_attempt(self, active: Active, task: TaskKey, now: datetime) -> None:
        run, task_run = active.machine.run, active.machine.task_run(task)
        if task_run.state is not TaskState.QUEUED:
            return
        attempt = Attempt(
            id=AttemptId(run.flow_id, run.run_id, task.task_id, task.map_index, task_run.try_number),
            token=uuid.uuid4().hex,
            queued_at=now,
            version=run.version,
        )
        active.attempts[attempt.id] = attempt
        self._batch.add_attempt(attempt)
        self._actions.submit.append(attempt)

    # ── results of a turn ───────────────────────────────────────────────────────────────

    def take(self) -> tuple[Batch, Actions]:
        """What this turn decided; the next turn begins empty."""
        batch, actions = self._batch, self._actions
        self._batch, self._actions = Batch(), Actions()
        return batch, actions

    def note(self, event: Event) -> None:
        """A fact to be written with this turn."""
        self._batch.add_event(event)

    def done(self, intent: Intent) -> None:
        """The request was obeyed or refused."""
        self._batch.add_done(intent)


def _abandoned(task_run: TaskRun, reason: str, now: datetime) -> TaskRun:
    state = TaskState.FAILED if task_run.state in OCCUPYING else TaskState.SKIPPED
    return replace(task_run, state=state, reason=reason, end_date=now, next_try_at=None)


def _candidates(active: Active, keys: Iterable[TaskKey]) -> Iterable[Candidate]:
    run = active.machine.run
    return (candidate(active.flow, run, key, active.weights[key.task_id]) for key in keys)
