"""The store in memory: for tests, demonstrations and dry runs. The contract, short of outliving the process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from jupyter_flows.errors import Conflict
from jupyter_flows.model.event import Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, RunType
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey, TaskKey, TaskRun
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.storage import facts
from jupyter_flows.storage.facts import KeyedChange
from jupyter_flows.storage.store import Change, FlowVersion, Lease, Owner, StoredFlow


class MemoryStore:
    """A Store of dicts under one lock. Every check comes before the first change, so a refusal leaves all as it was."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._flows: dict[FlowId, StoredFlow] = {}
        self._versions: dict[FlowId, dict[str, FlowVersion]] = defaultdict(dict)
        self._runs: dict[FlowId, dict[RunId, FlowRun]] = defaultdict(dict)
        self._dates: dict[FlowId, dict[datetime, RunId]] = defaultdict(dict)
        self._task_runs: dict[RunKey, dict[TaskKey, TaskRun]] = defaultdict(dict)
        self._attempts: dict[RunKey, dict[AttemptId, Attempt]] = defaultdict(dict)
        self._artifacts: dict[AttemptId, dict[str, ArtifactRef]] = defaultdict(dict)
        self._events: list[Event] = []
        self._intents: dict[int, Intent] = {}
        self._backfills: dict[int, Backfill] = {}
        self._lease: Lease | None = None
        self._epoch = 0
        self._writes = 0

    # ── flows ────────────────────────────────────────────────────────────────────────

    def register(self, flow: Flow, at: datetime) -> StoredFlow:
        """Store `flow` as the newest version; a version seen before becomes the newest again under its old number."""
        with self._lock:
            old = self._flows.get(flow.id)
            versions = self._versions[flow.id]
            known = versions.get(flow.digest) or FlowVersion(flow, flow.digest, len(versions) + 1, at)
            versions[flow.digest] = replace(known, flow=flow)
            is_new = old is None or old.version != flow.digest
            registered_at = at if old is None or is_new else old.registered_at
            stored = StoredFlow(flow, flow.digest, old is not None and old.paused, registered_at, known.number)
            self._flows[flow.id] = stored
            self._wrote(facts.flow_registered(flow.id, flow.digest, at) if is_new else None)
            return stored

    def flow(self, flow_id: FlowId) -> StoredFlow:
        """The newest version. Raises NotFound."""
        with self._lock:
            if flow_id not in self._flows:
                raise facts.no_flow(flow_id)
            return self._flows[flow_id]

    def flows(self) -> list[StoredFlow]:
        """All registered flows, by id."""
        with self._lock:
            return [self._flows[flow_id] for flow_id in sorted(self._flows)]

    def flow_version(self, flow_id: FlowId, version: str) -> Flow:
        """A version by its digest. Raises NotFound."""
        with self._lock:
            found = self._versions.get(flow_id, {}).get(version)
            if found is None:
                raise facts.no_version(flow_id, version)
            return found.flow

    def versions(self, flow_id: FlowId) -> list[FlowVersion]:
        """All versions, newest first."""
        with self._lock:
            return sorted(self._versions.get(flow_id, {}).values(), key=lambda v: -v.number)

    def set_paused(self, flow_id: FlowId, paused: bool, at: datetime) -> None:
        """Pause or unpause, and say so in an event. Raises NotFound."""
        with self._lock:
            stored = self.flow(flow_id)
            if stored.paused != paused:
                self._flows[flow_id] = replace(stored, paused=paused)
                self._wrote(facts.flow_paused(flow_id, paused, at))

    # ── runs ─────────────────────────────────────────────────────────────────────────

    def create_runs(self, runs: Sequence[FlowRun], at: datetime) -> list[bool]:
        """Insert runs that do not exist yet; True where this call made it."""
        with self._lock:
            for run in runs:
                self.flow_version(run.flow_id, run.version)
            return [self._create_run(run, at) for run in runs]

    def _create_run(self, run: FlowRun, at: datetime) -> bool:
        assert run.logical_date is not None  # FlowRun sets it at birth
        by_id, by_date = self._runs[run.flow_id], self._dates[run.flow_id]
        if run.run_id in by_id or run.logical_date in by_date:
            return False
        by_id[run.run_id] = run
        by_date[run.logical_date] = run.run_id
        self._wrote(facts.run_created(run, at))
        return True

    def run(self, key: RunKey) -> FlowRun:
        """Raises NotFound."""
        with self._lock:
            found = self._runs.get(key.flow_id, {}).get(key.run_id)
            if found is None:
                raise facts.no_run(key)
            return found

    def runs(
        self,
        flow_id: FlowId | None = None,
        *,
        states: Collection[RunState] | None = None,
        run_types: Collection[RunType] | None = None,
        backfill_id: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        oldest_first: bool = False,
    ) -> list[FlowRun]:
        """Runs by logical date, newest first unless said otherwise."""

        def is_asked(run: FlowRun) -> bool:
            date = run.logical_date
            return (
                (states is None or run.state in states)
                and (run_types is None or run.run_type in run_types)
                and (backfill_id is None or run.backfill_id == backfill_id)
                and (since is None or (date is not None and date >= since))
                and (until is None or (date is not None and date <= until))
            )

        with self._lock:
            of_flows = [flow_id] if flow_id is not None else list(self._runs)
            found = [run for one in of_flows for run in self._runs.get(one, {}).values() if is_asked(run)]
        found.sort(key=lambda run: (run.logical_date, run.flow_id), reverse=not oldest_first)
        return found[:limit]

    def last_interval(self, flow_id: FlowId) -> DataInterval | None:
        """The interval of the newest scheduled run."""
        newest = self.runs(flow_id, run_types=[RunType.SCHEDULED], limit=1)
        return newest[0].interval if newest else None

    def run_at(self, flow_id: FlowId, logical_date: datetime) -> FlowRun | None:
        """The run with that logical date, if any."""
        with self._lock:
            run_id = self._dates.get(flow_id, {}).get(logical_date)
            return None if run_id is None else self._runs[flow_id][run_id]

    def task_runs(self, keys: Sequence[RunKey]) -> dict[RunKey, list[TaskRun]]:
        """Stored task runs of several runs, each by task id and map index; an empty list for a run without any."""
        with self._lock:
            return {key: [t for _, t in sorted(self._task_runs.get(key, {}).items())] for key in keys}

    def attempts(self, key: RunKey, task: TaskKey | None = None) -> list[Attempt]:
        """Attempts of a run (or of one of its tasks), oldest first."""
        with self._lock:
            found = list(self._attempts.get(key, {}).values())
        return [a for a in found if task is None or TaskKey(a.id.task_id, a.id.map_index) == task]

    def open_attempts(self) -> list[Attempt]:
        """Attempts of any run that have not ended, oldest first."""
        with self._lock:
            every = [a for of_run in self._attempts.values() for a in of_run.values()]
        found = [a for a in every if a.state in (TaskState.QUEUED, TaskState.RUNNING)]
        return sorted(found, key=lambda a: a.queued_at.timestamp() if a.queued_at else 0.0)

    def artifacts(self, attempt: AttemptId) -> list[ArtifactRef]:
        """What the attempt stored, by name."""
        with self._lock:
            return sorted(self._artifacts.get(attempt, {}).values(), key=lambda ref: ref.name)

    # ── the one fenced write path ────────────────────────────────────────────────────

    def commit(self, lease: Lease, changes: Sequence[Change]) -> int:
        """Write all changes, or none, and return the newest event seq. Raises LeaseLost or Conflict."""
        keyed = facts.keyed(changes)
        with self._lock:
            if not facts.holds(lease, self._lease):
                raise facts.lease_lost(lease, self._lease)
            for item in keyed:
                self._check(item)
            self._check_attempts(changes)
            for item in keyed:
                self._apply(item)
            return len(self._events)

    def _check(self, item: KeyedChange) -> None:
        change = item.change
        if item.key is not None and (change.run or change.task_runs or change.attempts):
            self.run(item.key)
        if change.run is not None and change.run.logical_date is not None:
            holder = self._dates[change.run.flow_id].get(change.run.logical_date, change.run.run_id)
            if holder != change.run.run_id:
                raise Conflict(f"Run {change.run.run_id} cannot take the logical date of {holder}.")
        if change.run is not None:
            self.flow_version(change.run.flow_id, change.run.version)
        if change.backfill is not None:
            self.backfill(change.backfill.id)

    def _check_attempts(self, changes: Sequence[Change]) -> None:
        tokens: dict[AttemptId, str] = {}
        for attempt in (a for change in changes for a in change.attempts):
            stored = self._attempts.get(RunKey(attempt.id.flow_id, attempt.id.run_id), {}).get(attempt.id)
            token = tokens.setdefault(attempt.id, stored.token if stored else attempt.token)
            if token != attempt.token:
                raise facts.stale_token(attempt.id)
        for attempt_id in (a for change in changes for a in change.artifacts):
            key = RunKey(attempt_id.flow_id, attempt_id.run_id)
            if attempt_id not in tokens and attempt_id not in self._attempts.get(key, {}):
                raise facts.no_attempt(attempt_id)

    def _apply(self, item: KeyedChange) -> None:
        key, change = item.key, item.change
        if change.run is not None:
            self._replace_run(change.run)
        if key is not None:
            self._task_runs[key].update((task.key, task) for task in change.task_runs)
            self._attempts[key].update((attempt.id, attempt) for attempt in change.attempts)
        for attempt_id, refs in change.artifacts.items():
            self._artifacts[attempt_id].update((ref.name, ref) for ref in refs)
        if change.backfill is not None:
            created_at = self._backfills[change.backfill.id].created_at
            self._backfills[change.backfill.id] = replace(change.backfill, created_at=created_at)
        for intent in change.intents_done:
            pending = self._intents.get(intent.id)
            if pending is not None and pending.done_at is None:
                self._intents[intent.id] = replace(pending, done_at=intent.done_at, result=intent.result)
        self._wrote(*change.events)

    def _replace_run(self, run: FlowRun) -> None:
        assert run.logical_date is not None  # FlowRun sets it at birth
        old = self._runs[run.flow_id][run.run_id]
        if old.logical_date is not None:
            del self._dates[run.flow_id][old.logical_date]
        self._dates[run.flow_id][run.logical_date] = run.run_id
        self._runs[run.flow_id][run.run_id] = run

    # ── events ───────────────────────────────────────────────────────────────────────

    def events(
        self, after: int = 0, *, flow_id: FlowId | None = None, run_id: RunId | None = None, limit: int = 1000
    ) -> list[Event]:
        """Events with seq > `after`, oldest first."""
        with self._lock:
            newer = self._events[max(after, 0) :]  # event number n stands at n - 1
        asked = (
            event
            for event in newer
            if (flow_id is None or event.flow_id == flow_id) and (run_id is None or event.run_id == run_id)
        )
        return [event for event, _ in zip(asked, range(limit), strict=False)]

    def last_seq(self) -> int:
        """The newest seq, 0 when there is none."""
        with self._lock:
            return len(self._events)

    def stamp(self) -> object:
        """A value that differs after every write."""
        with self._lock:
            return self._writes

    def _wrote(self, *events: Event | None) -> None:
        self._writes += 1
        for event in events:
            if event is not None:
                self._events.append(replace(event, seq=len(self._events) + 1))

    # ── leadership ───────────────────────────────────────────────────────────────────

    def acquire_lease(self, owner: Owner, *, after: Lease | None = None) -> Lease | None:
        """Take the lease if it is free, or if its holder is still exactly `after`; who has it already gets it again."""
        with self._lock:
            current = self._lease
            if current is not None and current.owner.id == owner.id:
                return current
            if current is not None and (after is None or not facts.is_same(after, current)):
                return None
            self._epoch += 1
            self._lease = Lease(owner, self._epoch, 0)
            self._wrote()
            return self._lease

    def renew_lease(self, lease: Lease) -> Lease:
        """The same lease with its next beat. Raises LeaseLost when another holds it."""
        with self._lock:
            if self._lease is None or not facts.holds(lease, self._lease):
                raise facts.lease_lost(lease, self._lease)
            self._lease = replace(self._lease, beat=self._lease.beat + 1)
            self._wrote()
            return self._lease

    def release_lease(self, lease: Lease) -> None:
        """Give it up; no error when it was lost."""
        with self._lock:
            if facts.holds(lease, self._lease):
                self._lease = None
                self._wrote()

    def lease(self) -> Lease | None:
        """Who holds it now."""
        with self._lock:
            return self._lease

    # ── requests and backfills ───────────────────────────────────────────────────────

    def add_intent(self, intent: Intent, at: datetime) -> Intent:
        """Store a request and return it with its id."""
        with self._lock:
            stored = replace(intent, id=len(self._intents) + 1, created_at=intent.created_at or at)
            self._intents[stored.id] = stored
            self._wrote()
            return stored

    def intents(self, *, pending: bool = True) -> list[Intent]:
        """Requests, oldest first; only those not done unless told otherwise."""
        with self._lock:
            return [i for i in self._intents.values() if not pending or i.done_at is None]

    def create_backfill(
        self, backfill: Backfill, runs: Sequence[FlowRun], clear: Sequence[Intent], at: datetime
    ) -> Backfill:
        """Store a backfill, its new runs and requests to clear the runs it repeats. Raises Conflict."""
        with self._lock:
            active = self.backfills(backfill.flow_id, active=True)
            if active:
                raise facts.backfill_is_active(backfill.flow_id, active[0].id)
            self.flow(backfill.flow_id)
            for run in runs:
                self.flow_version(run.flow_id, run.version)
            stored = replace(backfill, id=len(self._backfills) + 1, created_at=backfill.created_at or at)
            self._backfills[stored.id] = stored
            self._wrote(facts.backfill_created(stored, at))
            self.create_runs(facts.of_backfill(stored.id, runs), at)
            for intent in facts.clears_of_backfill(stored.id, clear, at):
                self.add_intent(intent, at)
            return stored

    def backfill(self, backfill_id: int) -> Backfill:
        """Raises NotFound."""
        with self._lock:
            if backfill_id not in self._backfills:
                raise facts.no_backfill(backfill_id)
            return self._backfills[backfill_id]

    def backfills(self, flow_id: FlowId | None = None, *, active: bool = False) -> list[Backfill]:
        """Backfills, newest first; only queued or running ones if `active`."""
        with self._lock:
            newest_first = list(reversed(self._backfills.values()))
        return [
            b
            for b in newest_first
            if (flow_id is None or b.flow_id == flow_id) and not (active and b.state.is_finished)
        ]

    # ── the store itself ─────────────────────────────────────────────────────────────

    def describe(self) -> Mapping[str, Any]:
        """Facts for `doctor`."""
        return {"engine": "memory", "location": "memory://", "version": "", "schema": ""}

    def close(self) -> None:
        """Nothing to release; what is stored stays readable."""
