"""The runs under way, in memory: asks the pure machine what follows, and remembers what is to be written and done.

Everything here can be built again from the store: `load` does it after a start, a lost lease or a database error.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
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
    weights,
)
from jupyter_flows.engine.machine import RunMachine
from jupyter_flows.engine.planner import plan_clear
from jupyter_flows.engine.stimuli import (
    CancelAsked,
    Cleared,
    Dispatched,
    Marked,
    RunStarted,
    Step,
    Stimulus,
    StopAttempt,
    Tick,
    WakeAt,
)
from jupyter_flows.errors import Conflict, FlowsError, NotFound, StoreError, UsageError
from jupyter_flows.model.event import BACKFILL_MOVED, RUN_MOVED, Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import AttemptId, FlowId, RunType, TaskId
from jupyter_flows.model.intent import Intent, IntentKind
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
from jupyter_flows.model.state import FINISHED, OCCUPYING, SUCCESS_STATES, RunState, TaskState
from jupyter_flows.runtime.batch import Batch
from jupyter_flows.storage.files import attempt_log, attempt_notebook, relative
from jupyter_flows.storage.store import Store

log = logging.getLogger("jupyter_flows.scheduler")

AT_ONCE = datetime.min.replace(tzinfo=timezone.utc)
"""A time that has always come."""


@dataclass
class _Active:
    """One running run: its machine and its attempts that have not ended."""

    machine: RunMachine
    flow: Flow
    weights: Mapping[TaskId, int]
    attempts: dict[AttemptId, Attempt] = field(default_factory=dict)


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
        self._active: dict[RunKey, _Active] = {}
        self._queued: dict[RunKey, FlowRun] = {}
        self._paused: set[FlowId] = set()
        self._backfills: dict[int, Backfill] = {}
        self._wakes: list[tuple[datetime, RunKey]] = []
        self._batch = Batch()
        self._actions = Actions()
        self._flows: dict[tuple[FlowId, str], Flow] = {}
        self._finished_backfills: set[int] = set()
        self._moved: set[FlowId] = set()
        self._lanes_changed = True
        self._due_at: datetime | None = None
        self._weights: dict[tuple[FlowId, str], Mapping[TaskId, int]] = {}

    # ── state, from the store ───────────────────────────────────────────────────────────

    def load(self) -> list[Attempt]:
        """Forget everything and read it again. Returns the attempts under way: adopt them or report them Lost."""
        self._forget()
        self._paused = {f.flow.id for f in self._store.flows() if f.paused}
        self._backfills = {b.id: b for b in self._store.backfills(active=True)}
        self._finished_backfills = set(self._backfills)
        self._queued = {r.key: r for r in self._store.runs(states={RunState.QUEUED}, oldest_first=True)}
        for run in self._store.runs(states={RunState.RUNNING}, oldest_first=True):
            self._activate(run)
            self._wakes.append((AT_ONCE, run.key))
        found = self._store.open_attempts()
        for attempt in found:
            self._take_up(attempt)
        return found

    def _take_up(self, attempt: Attempt) -> None:
        """Follow an attempt a predecessor began. One its run no longer waits for (it was cancelled) is to end."""
        key = RunKey(attempt.id.flow_id, attempt.id.run_id)
        active = self._active.get(key) or self._activate(self._store.run(key))
        active.attempts[attempt.id] = attempt
        self._queued.pop(key, None)  # a cleared run goes back to the queue when its last attempt has ended
        task = TaskKey(attempt.id.task_id, attempt.id.map_index)
        awaited = active.machine.task_run(task).state in OCCUPYING and active.machine.attempt(task) == attempt.id
        if not awaited:
            self._actions.stop.append(attempt.id)

    def _activate(
        self,
        run: FlowRun,
        flow: Flow | None = None,
        stored: Iterable[TaskRun] | None = None,
        attempts: Mapping[AttemptId, Attempt] | None = None,
    ) -> _Active:
        flow = flow or self._flow(run.flow_id, run.version)
        if stored is None:
            stored = self._store.task_runs([run.key]).get(run.key, [])
        machine = RunMachine(flow, run, stored, past=lambda key: self._past_allows(run, flow, key))
        active = _Active(machine, flow, self._weights_of(run, flow), dict(attempts or {}))
        self._active[run.key] = active
        return active

    def _weights_of(self, run: FlowRun, flow: Flow) -> Mapping[TaskId, int]:
        key = (run.flow_id, run.version)
        if key not in self._weights:
            self._weights[key] = weights(flow)
        return self._weights[key]

    def _flow(self, flow_id: FlowId, version: str) -> Flow:
        if (flow_id, version) not in self._flows:
            self._flows[flow_id, version] = self._store.flow_version(flow_id, version)
        return self._flows[flow_id, version]

    def flow_of(self, attempt: AttemptId) -> Flow:
        """The flow version the attempt's run is pinned to."""
        return self._active[RunKey(attempt.flow_id, attempt.run_id)].flow

    def run_of(self, attempt: AttemptId) -> FlowRun:
        """The attempt's run as it stands."""
        return self._active[RunKey(attempt.flow_id, attempt.run_id)].machine.run

    def producers_of(self, attempt: AttemptId) -> dict[TaskId, AttemptId]:
        """For each task upstream of the attempt's that succeeded: the attempt whose values count."""
        active = self._active[RunKey(attempt.flow_id, attempt.run_id)]
        out: dict[TaskId, AttemptId] = {}
        for task in active.flow.graph.ancestors([attempt.task_id]):
            key = TaskKey(task)
            row = active.machine.task_run(key)
            if row.state is TaskState.SUCCESS and row.try_number:
                out[task] = active.machine.attempt(key)
        return out

    def all_started(self) -> bool:
        """Whether every attempt that was handed out has reported that it runs: then a peer can adopt it."""
        return all(a.state is TaskState.RUNNING for r in self._active.values() for a in r.attempts.values())

    def has_work(self) -> bool:
        """Whether any run is active or waits to become so."""
        return bool(self._active or self._queued)

    def active_runs(self, flow_id: FlowId) -> int:
        """Queued and running runs of a flow that no backfill asked for."""
        runs = [a.machine.run for a in self._active.values()] + list(self._queued.values())
        return sum(1 for r in runs if r.flow_id == flow_id and r.backfill_id is None)

    # ── what others wrote ───────────────────────────────────────────────────────────────

    def _enqueue(self, run: FlowRun) -> None:
        self._queued[run.key] = run
        self._lanes_changed = True

    def run_created(self, key: RunKey) -> None:
        """A door or a schedule made a run."""
        if key not in self._active and key not in self._queued:
            run = self._store.run(key)
            if run.state is RunState.QUEUED:
                self._enqueue(run)

    def flow_paused(self, flow_id: FlowId, paused: bool) -> None:
        """A person paused or resumed a flow: its queued scheduled runs wait."""
        (self._paused.add if paused else self._paused.discard)(flow_id)
        self._lanes_changed = True

    def backfills_changed(self) -> None:
        """Read the active backfills again. One of which every run is over already is over itself."""
        self._backfills = {b.id: b for b in self._store.backfills(active=True)}
        self._finished_backfills |= set(self._backfills)
        self._lanes_changed = True

    # ── what happened ───────────────────────────────────────────────────────────────────

    def hear(self, progress: Progress, now: datetime) -> None:
        """An executor reports. A report about a run or attempt that is no longer active changes nothing."""
        key = RunKey(progress.attempt.flow_id, progress.attempt.run_id)
        active = self._active.get(key)
        attempt = active.attempts.get(progress.attempt) if active else None
        if active is None or attempt is None:
            return
        match progress:
            case CellStarted() | CellFinished():
                self._feed(active, progress, now)
            case AttemptStarted(token=token) if token == attempt.token:
                active.attempts[attempt.id] = started = replace(
                    attempt, state=TaskState.RUNNING, start_date=progress.at, pid=progress.pid, how=progress.how
                )
                self._batch.add_attempt(started)
                self._feed(active, progress, now)
            case AttemptFinished(token=token) if token == attempt.token:
                del active.attempts[attempt.id]
                self._batch.add_attempt(self._ended(attempt, progress), progress.artifacts)
                self._feed(active, progress, now)

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

    def _feed(self, active: _Active, stimulus: Stimulus, now: datetime, *, is_asked: bool = False) -> None:
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

    def _give_up(self, active: _Active, reason: str, now: datetime) -> None:
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
        self._active.pop(run.key, None)
        self._lanes_changed = True
        if run.backfill_id is not None:
            self._finished_backfills.add(run.backfill_id)

    def _take(self, active: _Active, step: Step) -> None:
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
        self._queued.pop(run.key, None)
        if run.state is RunState.QUEUED and not active.attempts:
            self._active.pop(run.key, None)
            self._enqueue(run)
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
        self._complete_backfills(now)

    def next_wake(self) -> datetime | None:
        """When time alone will change something: a retry, a timeout, a queued run whose hour comes."""
        if self._queued and self._lanes_changed:
            return AT_ONCE  # a run that needed no kernel ended within this turn
        later = [self._due_at] if self._due_at else []
        return min([at for at, _ in self._wakes] + later, default=None)

    def _tick(self, key: RunKey, now: datetime) -> None:
        """Time went by for a run. The next such moment is asked of its rows: its commands may have been another's."""
        if key in self._active:
            self._feed(self._active[key], Tick(), now)
        active = self._active.get(key)
        at = active.machine.wake_at if active else None
        if at is not None and at > now:
            self._wakes.append((at, key))

    def _tell_who_waits_for_the_past(self, now: datetime) -> None:
        """Where tasks of a flow moved, its runs that wait for an earlier one look again; that may move others."""
        while self._moved:
            moved, self._moved = self._moved, set()
            for active in list(self._active.values()):
                if active.flow.id in moved and active.machine.held_by_past:
                    self._feed(active, Tick(), now)

    def _start_runs(self, now: datetime) -> None:
        """Start what limits allow. Asked only when a run ended, came or came due: thousands may wait in a backfill."""
        due = self._due_at is not None and self._due_at <= now
        if not self._queued or not (self._lanes_changed or due):
            return
        self._lanes_changed = False
        queued = [r for r in self._queued.values() if not self._is_held(r)]
        flows = {r.flow_id: FlowGate(self._flow(r.flow_id, r.version).max_active_runs) for r in queued}
        running = [a.machine.run for a in self._active.values()]
        for key in startable_runs(queued, running, flows, self._backfills, now):
            run = self._queued.pop(key)
            self._begin_backfill(run.backfill_id, now)
            self._feed(self._activate(run), RunStarted(), now)
        self._due_at = min((r.run_after for r in queued if r.run_after and r.run_after > now), default=None)

    def _begin_backfill(self, backfill_id: int | None, now: datetime) -> None:
        """A backfill is running from its first run on."""
        backfill = self._backfills.get(backfill_id) if backfill_id is not None else None
        if backfill is not None and backfill.state is RunState.QUEUED:
            self._backfills[backfill.id] = backfill = replace(backfill, state=RunState.RUNNING)
            self._batch.add_backfill(backfill)
            self._batch.add_event(_backfill_event(backfill, now))

    def _is_held(self, run: FlowRun) -> bool:
        """A paused flow starts no scheduled runs; what people asked for (a cleared one, too) goes on."""
        return run.run_type is RunType.SCHEDULED and not run.clear_number and run.flow_id in self._paused

    def _dispatch(self, now: datetime) -> None:
        waiting = [c for a in self._active.values() for c in _candidates(a, a.machine.ready)]
        if not waiting:
            return
        occupancy = Occupancy.of(c for a in self._active.values() for c in _candidates(a, a.machine.active))
        chosen: dict[RunKey, list[TaskKey]] = {}
        for one in select(waiting, occupancy, Limits(self._slots)).start:
            chosen.setdefault(one.run, []).append(one.task)
        for key, tasks in chosen.items():
            active = self._active[key]
            self._feed(active, Dispatched(tuple(tasks)), now)
            for task in tasks:
                self._open_attempt(active, task, now)

    def _open_attempt(self, active: _Active, task: TaskKey, now: datetime) -> None:
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

    def _past_allows(self, run: FlowRun, flow: Flow, key: TaskKey) -> bool:
        """Whether the task's previous run lets this one go on (semantics §8)."""
        task = flow.by_id[key.task_id]
        if run.ordinal == 1 or run.logical_date is None:
            return True
        earlier = self._store.runs(flow.id, until=run.logical_date, limit=2)
        previous = next((r for r in earlier if r.key != run.key), None)
        if previous is None:
            return True
        if key.task_id not in self._flow(previous.flow_id, previous.version).by_id:
            return True
        needed = {key}
        if task.wait_for_downstream:
            needed |= {TaskKey(t) for t in flow.graph.downstream(key.task_id)}
        states = {k: s for k, s in self._states(previous.key).items() if k in needed}
        return key in states and all(s in SUCCESS_STATES for s in states.values())

    def _states(self, key: RunKey) -> dict[TaskKey, TaskState]:
        """How a run's tasks stand, what this turn has decided and not yet written included."""
        active = self._active.get(key)
        if active is not None:
            return {t.key: t.state for t in active.machine.task_runs}
        rows = self._store.task_runs([key]).get(key, [])
        return {t.key: t.state for t in (*rows, *self._batch.task_runs(key))}

    def _complete_backfills(self, now: datetime) -> None:
        """A backfill is over when none of its runs is queued or running."""
        for backfill_id in self._finished_backfills & set(self._backfills):
            mine = [a.machine.run for a in self._active.values()] + list(self._queued.values())
            if any(r.backfill_id == backfill_id for r in mine):
                continue
            over = self._backfills.pop(backfill_id)
            failed = self._failed_runs(backfill_id)
            over = replace(over, state=RunState.FAILED if failed else RunState.SUCCESS, completed_at=now)
            self._batch.add_backfill(over)
            self._batch.add_event(_backfill_event(over, now))
        self._finished_backfills.clear()

    def _failed_runs(self, backfill_id: int) -> bool:
        moved = {c.run.key: c.run for c in self._batch.changes() if c.run and c.run.backfill_id == backfill_id}
        stored = self._store.runs(backfill_id=backfill_id, states={RunState.FAILED})
        return any(r.state is RunState.FAILED for r in moved.values()) or any(r.key not in moved for r in stored)

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

    # ── requests ────────────────────────────────────────────────────────────────────────

    def obey(self, intent: Intent, now: datetime) -> str:
        """Carry out a request and say in a sentence what came of it. Raises FlowsError when it must be refused."""
        try:
            return self._carry_out(intent, now)
        except FlowsError:
            self._look_again(intent)
            raise
        finally:
            self._settle(intent)

    def _look_again(self, intent: Intent) -> None:
        """What was prepared for a request that is refused (another version, another backfill) is forgotten."""
        active = self._active.get(RunKey(intent.flow_id, intent.run_id)) if intent.run_id else None
        if active is not None:
            self._activate(self._store.run(active.machine.run.key), attempts=active.attempts)

    def _settle(self, intent: Intent) -> None:
        """A run that was only looked at (the request was refused) is not under way."""
        active = self._active.get(RunKey(intent.flow_id, intent.run_id)) if intent.run_id else None
        if active is not None and active.machine.run.state is not RunState.RUNNING and not active.attempts:
            del self._active[active.machine.run.key]

    def _carry_out(self, intent: Intent, now: datetime) -> str:
        match intent.kind:
            case IntentKind.CLEAR:
                return self._clear(intent, now)
            case IntentKind.MARK:
                active = self._open(intent)
                keys = _keys(intent, active)
                state = TaskState(intent.data["state"])
                self._feed(active, Marked(keys, state), now, is_asked=True)
                return f"marked {state.value}"
            case IntentKind.CANCEL:
                active = self._open(intent)
                self._feed(active, CancelAsked(_keys(intent, active)), now, is_asked=True)
                return "cancelled"
            case _:
                return self._steer_backfill(intent, now)

    def _open(self, intent: Intent) -> _Active:
        """The machine of the run the request is about, also when the run is queued or finished."""
        if intent.run_id is None:
            raise UsageError(f"A request to {intent.kind.value} names no run.")
        key = RunKey(intent.flow_id, intent.run_id)
        if key in self._active:
            return self._active[key]
        return self._activate(self._queued.get(key) or self._store.run(key))

    def _clear(self, intent: Intent, now: datetime) -> str:
        active = self._open(intent)
        data = intent.data
        if data.get("latest"):
            active = self._renewed(active)
        if data.get("backfill_id") is not None:
            active = self._in_backfill(active, int(data["backfill_id"]), data.get("ordinal"))
        keys = plan_clear(
            active.flow,
            active.machine.task_runs,
            data.get("tasks"),
            upstream=bool(data.get("upstream")),
            downstream=bool(data.get("downstream", True)),
            only_failed=bool(data.get("only_failed")),
        )
        self._feed(active, Cleared(tuple(keys)), now, is_asked=True)
        return f"cleared {len(keys)} task{'s' if len(keys) != 1 else ''}"

    def _renewed(self, active: _Active) -> _Active:
        """The same run under the newest version of its flow."""
        newest = self._store.flow(active.machine.run.flow_id)
        if newest.version == active.machine.run.version:
            return active
        if active.attempts:
            raise Conflict(
                f"Run {active.machine.run.run_id} is under way: it cannot change its version now.",
                fix="Cancel it first, or clear without --latest.",
            )
        return self._activate(replace(active.machine.run, version=newest.version), newest.flow)

    def _in_backfill(self, active: _Active, backfill_id: int, ordinal: int | None) -> _Active:
        """The same run as one of a backfill's."""
        if backfill_id not in self._backfills:
            self.backfills_changed()  # it was made after this turn's look at the events
        run = replace(active.machine.run, run_type=RunType.BACKFILL, backfill_id=backfill_id, ordinal=ordinal)
        return self._activate(run, active.flow, active.machine.task_runs, active.attempts)

    def _steer_backfill(self, intent: Intent, now: datetime) -> str:
        backfill = self._store.backfill(int(intent.data["backfill_id"]))
        if backfill.state.is_finished:
            return f"backfill {backfill.id} is over already"
        if intent.kind is IntentKind.CANCEL_BACKFILL:
            return self._cancel_backfill(backfill, now)
        backfill = replace(backfill, paused=intent.kind is IntentKind.PAUSE_BACKFILL)
        self._backfills[backfill.id] = backfill
        self._lanes_changed = True
        self._batch.add_backfill(backfill)
        self._batch.add_event(_backfill_event(backfill, now))
        return "paused" if backfill.paused else "resumed"

    def _cancel_backfill(self, backfill: Backfill, now: datetime) -> str:
        """Queued runs fail, running ones finish (semantics §6)."""
        queued = [r for r in self._queued.values() if r.backfill_id == backfill.id]
        for run in queued:
            active = self._activate(run)
            self._feed(active, CancelAsked(None), now)
        self._finished_backfills.add(backfill.id)
        return f"cancelled {len(queued)} queued run{'s' if len(queued) != 1 else ''}; running ones finish"


def _abandoned(task_run: TaskRun, reason: str, now: datetime) -> TaskRun:
    state = TaskState.FAILED if task_run.state in OCCUPYING else TaskState.SKIPPED
    return replace(task_run, state=state, reason=reason, end_date=now, next_try_at=None)


def _keys(intent: Intent, active: _Active) -> tuple[TaskKey, ...] | None:
    """The task runs a request names; None means the run itself."""
    tasks = intent.data.get("tasks")
    if tasks is None:
        return None
    unknown = [t for t in tasks if t not in active.flow.by_id]
    if unknown:
        raise NotFound(f"Run {intent.run_id} has no task {', '.join(map(repr, unknown))}.")
    return tuple(t.key for t in active.machine.task_runs if t.task_id in tasks)


def _candidates(active: _Active, keys: Iterable[TaskKey]) -> Iterable[Candidate]:
    run = active.machine.run
    return (candidate(active.flow, run, key, active.weights[key.task_id]) for key in keys)


def _backfill_event(backfill: Backfill, now: datetime) -> Event:
    data = {"backfill_id": backfill.id, "state": backfill.state.value, "paused": backfill.paused}
    return Event(BACKFILL_MOVED, now, backfill.flow_id, None, data)
