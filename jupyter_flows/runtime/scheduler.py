"""The scheduler: one thread that holds the lease, listens, decides and writes.

Each turn: gather what happened, ask the conductor what follows, write it all in one transaction, and only then carry
it out. Whatever goes wrong with the store, there is one answer: forget, wait, read everything anew and adopt the
attempts that go on meanwhile. The database and the attempts' folders are the only truth.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import Enum

from jupyter_flows.errors import Conflict, ExecutionError, FlowsError, LeaseLost, StoreError
from jupyter_flows.execution.executor import Executor
from jupyter_flows.model.event import BACKFILL_MOVED, FLOW_PAUSED, FLOW_REGISTERED, RUN_CREATED, Event
from jupyter_flows.model.intent import NO_FLOW, Intent, IntentKind
from jupyter_flows.model.progress import AttemptFinished, CellFinished, CellStarted, Progress
from jupyter_flows.model.run import Attempt, Lost, NotStarted, RunKey
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.bell import Bell
from jupyter_flows.runtime.conductor import Conductor
from jupyter_flows.runtime.jobs import Workshop
from jupyter_flows.runtime.leadership import Leadership
from jupyter_flows.runtime.requests import Requests
from jupyter_flows.runtime.schedules import Schedules
from jupyter_flows.storage.store import Lease, Owner, Store

log = logging.getLogger("jupyter_flows.scheduler")

_ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
_LINGER = 1.0
"""Seconds without work after which a scheduler that fires no schedules gives up the lease."""

_GATHER = 0.03
"""Seconds that news of a cell may wait, so that more of it goes into one transaction."""

REFUSED = "refused: "
"""How the result of a request begins that was not obeyed."""


def utc_now() -> datetime:
    """The clock on the wall, in UTC."""
    return datetime.now(timezone.utc)


class SchedulerState(str, Enum):
    """What a scheduler does now."""

    STOPPED = "stopped"
    STANDING_BY = "standing_by"
    LEADING = "leading"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: `poll` between looks at what others wrote, `ttl` of the lease, `retry` after a database error."""

    poll: float = 0.25
    ttl: float = 10.0
    retry: float = 1.0


class Scheduler:
    """Start it and runs happen. Several may exist on one store: the lease decides which one acts."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        workshop: Workshop,
        owner: Owner,
        *,
        slots: int,
        fire_schedules: bool = True,
        timing: Timing | None = None,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._executor = executor
        self._workshop = workshop
        self._timing = timing or Timing()
        self._clock = clock
        self._conductor = Conductor(store, slots, workshop.home)
        self._requests = Requests(self._conductor, store)
        self._schedules = Schedules(store)
        self.fire_schedules = fire_schedules
        self._leadership = Leadership(store, owner, self._timing.ttl, monotonic)
        self._monotonic = monotonic
        self._inbox: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        self._loaded = False
        self._seen_seq = 0
        self._seen_stamp: object = None
        self._woken = True
        self._looked = monotonic()
        self._idle_since: float | None = None
        self._yielding = False
        self._asked_epoch = -1
        self._rests_until = monotonic()
        self.bell = Bell()
        """Rings when nothing is left to do."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = SchedulerState.STOPPED
        self.trouble: str = ""
        """Why it cannot act now, in words; empty when all is well."""

    # ── from other threads ──────────────────────────────────────────────────────────────

    @property
    def state(self) -> SchedulerState:
        """What it does now."""
        return self._state

    def start(self) -> None:
        """Begin in a thread of its own; no error when it runs already."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._state = SchedulerState.STANDING_BY
            self._thread = threading.Thread(target=self._run, name="jupyter-flows-scheduler", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End after the turn under way and give up the lease. Attempts go on; the next scheduler adopts them."""
        self._stop.set()
        self._inbox.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def wake(self) -> None:
        """Look at the store now: somebody in this process wrote to it."""
        self._inbox.put(None)

    def hear(self, progress: Progress) -> None:
        """The executor's `emit`."""
        self._inbox.put(progress)

    # ── the thread ──────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            heard = self._listen(pause)
            try:
                pause = self._turn(heard)
                self.trouble = ""
            except LeaseLost as error:
                log.warning("stepping down: %s", error)
                self._leadership.forget()
                pause = self._forget(SchedulerState.STANDING_BY, str(error))
            except (StoreError, Conflict) as error:
                log.warning("%s", error)
                pause = self._forget(self._state, str(error))
            except Exception as error:
                log.exception("a turn of the scheduler failed")
                pause = self._forget(self._state, f"{type(error).__name__}: {error}")
        self._close()

    def _forget(self, state: SchedulerState, trouble: str) -> float:
        """Read everything anew at the next turn; returns the seconds until then."""
        self._state, self.trouble, self._loaded = state, trouble, False
        return self._timing.retry

    def _listen(self, pause: float) -> list[Progress]:
        """What was reported, after waiting at most `pause` seconds for the first of it.

        News of cells waits a moment for more: nothing follows from it, and every turn is a transaction.
        """
        heard: list[Progress] = []
        until = time.monotonic() + pause
        while True:
            try:
                item = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return heard
            if item is None:
                self._woken = True
            else:
                heard.append(item)
            is_cell = isinstance(item, (CellStarted, CellFinished))
            until = min(until, time.monotonic() + _GATHER) if is_cell else 0.0

    def _turn(self, heard: list[Progress]) -> float:
        """One round; returns how many seconds may pass before the next unless something happens."""
        lease = self._leadership.hold() if self._wants_to_lead() else None
        if lease is None:
            self._state = SchedulerState.STANDING_BY
            self._ask_for_the_lease()
            return self._timing.poll
        now = self._clock()
        if not self._loaded:
            self._load(lease, now)
        for progress in heard:
            self._conductor.hear(progress, now)
        if self._is_time_to_look(heard):
            self._read_others(lease, now)
        if self.fire_schedules:
            self._schedules.fire(self._conductor, now)
        if not self._yielding:
            self._conductor.advance(now)
        self._write(lease)
        if self._may_rest():
            self._rest()
        return self._pause(now)

    # ── when not to lead ────────────────────────────────────────────────────────────────

    def _wants_to_lead(self) -> bool:
        """One that fires schedules always does; one that only carries out runs does while there are any."""
        if self.fire_schedules or self._leadership.lease is not None:
            return True
        if self._monotonic() < self._rests_until:
            return False
        store = self._store
        return bool(store.runs(states=_ACTIVE, limit=1) or store.intents() or store.open_attempts())

    def _ask_for_the_lease(self) -> None:
        """Schedules wait while one that does not fire them leads: ask it, once, to hand over."""
        holder = self._store.lease() if self.fire_schedules else None
        if holder is not None and holder.epoch != self._asked_epoch:
            self._asked_epoch = holder.epoch
            self._store.add_intent(Intent(IntentKind.YIELD, NO_FLOW), self._clock())

    def _consider_yielding(self) -> str:
        """The answer to a peer that asks for the lease."""
        if self.fire_schedules:
            return f"{REFUSED}this scheduler fires schedules itself"
        self._yielding = True
        return "handing over once what was handed out has started"

    def _may_rest(self) -> bool:
        """Whether to give up the lease: asked to, or without work for a moment."""
        if self._yielding:
            return self._conductor.runs.all_started()
        if self.fire_schedules or self._conductor.runs.has_work():
            self._idle_since = None
            return False
        moment = self._monotonic()
        self._idle_since = moment if self._idle_since is None else self._idle_since
        return moment - self._idle_since >= _LINGER

    def _rest(self) -> None:
        """Give up the lease and wait for work; what still runs is adopted by whoever leads next."""
        self._leadership.release()
        if self._yielding:
            self._rests_until = self._monotonic() + self._timing.ttl
        self._yielding, self._idle_since, self._loaded = False, None, False
        self._state = SchedulerState.STANDING_BY

    def _load(self, lease: Lease, now: datetime) -> None:
        """Take over: read all, and adopt what a predecessor left running."""
        self._seen_stamp, self._woken = None, True
        self._seen_seq = self._store.last_seq()
        for attempt in self._conductor.load():
            if why := self._adopt(attempt):
                self._conductor.hear(AttemptFinished(attempt.id, attempt.token, Lost(why), now), now)
        self._schedules.load(now)
        self._loaded = True
        self._state = SchedulerState.LEADING
        log.info("leading with epoch %s", lease.epoch)

    def _adopt(self, attempt: Attempt) -> str:
        """Follow an attempt that was under way; returns why it counts as lost, if it does."""
        try:
            if self._executor.adopt(self._workshop.left_behind(attempt), self.hear):
                return ""
            return "the scheduler that started it was gone, and nothing of it was left"
        except (ExecutionError, OSError) as error:
            log.warning("attempt %s cannot be followed: %s", attempt.id, error)
            return f"it could not be followed: {error}"

    def _is_time_to_look(self, heard: list[Progress]) -> bool:
        """Whether to ask the store for news: when woken, when all is quiet, and at least once a poll.

        Not after every report: what reports bring about we write ourselves, and reading it back took 2 ms each time.
        """
        moment = self._monotonic()
        due = self._woken or not heard or moment - self._looked >= self._timing.poll
        if due:
            self._woken, self._looked = False, moment
        return due

    def _read_others(self, lease: Lease, now: datetime) -> None:
        """Runs, requests and switches that doors have written since the last look.

        A request may be about a run that moved in this very turn: what was decided so far is written before each.
        """
        stamp = self._store.stamp()
        if stamp == self._seen_stamp:
            return
        self._seen_stamp = stamp
        while events := self._store.events(self._seen_seq):
            for event in events:
                self._note(event, now)
            self._seen_seq = events[-1].seq
        for intent in self._store.intents():
            self._write(lease)
            self._obey(intent, now)
            self._write(lease)

    def _note(self, event: Event, now: datetime) -> None:
        if event.kind == RUN_CREATED and event.flow_id and event.run_id:
            self._conductor.run_created(RunKey(event.flow_id, event.run_id))
        elif event.kind == FLOW_PAUSED and event.flow_id:
            self._conductor.flow_paused(event.flow_id, bool(event.data.get("paused")))
            self._schedules.load(now)
        elif event.kind == FLOW_REGISTERED:
            self._schedules.load(now)
        elif event.kind == BACKFILL_MOVED:
            self._conductor.backfills_changed()

    def _obey(self, intent: Intent, now: datetime) -> None:
        try:
            yields = intent.kind is IntentKind.YIELD
            result = self._consider_yielding() if yields else self._requests.obey(intent, now)
        except StoreError:
            raise
        except FlowsError as error:
            result = f"{REFUSED}{error}"
        self._conductor.done(replace(intent, done_at=now, result=result))

    def _write(self, lease: Lease) -> None:
        """Commit the turn, then carry it out."""
        batch, actions = self._conductor.take()
        changes = batch.changes()
        if changes:
            self._store.commit(lease, changes)
            if not self._conductor.runs.has_work():
                self.bell.ring()
        for attempt_id in actions.stop:
            self._executor.cancel(attempt_id)
        for attempt in actions.submit:
            self._submit(attempt)

    def _submit(self, attempt: Attempt) -> None:
        """Hand an attempt to the executor; what cannot even be prepared is an outcome like any other."""
        try:
            flow, run = self._conductor.flow_of(attempt.id), self._conductor.run_of(attempt.id)
            job = self._workshop.job(flow, run, attempt, self._conductor.runs.producers_of(attempt.id))
            self._executor.submit(job, self.hear)
        except StoreError:
            raise
        except (FlowsError, OSError) as error:
            self._refuse(attempt, str(error))
        except Exception as error:
            log.exception("attempt %s cannot be prepared", attempt.id)
            self._refuse(attempt, f"it could not be prepared: {type(error).__name__}: {error}")

    def _refuse(self, attempt: Attempt, why: str) -> None:
        self.hear(AttemptFinished(attempt.id, attempt.token, NotStarted(why), self._clock()))

    def _pause(self, now: datetime) -> float:
        """Until the next thing time alone brings about, and never longer than a poll."""
        scheduled = self._schedules.next_at if self.fire_schedules else None
        due = [t for t in (self._conductor.next_wake(), scheduled) if t is not None]
        seconds = min([(t - now).total_seconds() for t in due] + [self._timing.poll])
        return max(seconds, 0.001)

    def _close(self) -> None:
        self._state, self._loaded = SchedulerState.STOPPED, False
        try:
            self._leadership.release()
        except StoreError as error:
            log.warning("the lease was not given up: %s", error)
