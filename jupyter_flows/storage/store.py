"""The store's contract. One suite of tests holds every implementation to it.

Reads are plain and may run in any thread. What schedulers change goes through `commit`, fenced by a lease; what doors
change (`register`, `create_runs`, `create_backfill`, `add_intent`, `set_paused`) is safe without one, because unique
keys make it happen once. Every method is one transaction. All raise StoreError when the database cannot be used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from jupyter_flows.model.event import Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, RunType
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey, TaskKey, TaskRun
from jupyter_flows.model.state import RunState


@dataclass(frozen=True, slots=True)
class Owner:
    """A scheduler process: `id` is unique per start; host, boot, pid and its start time let a peer see it is dead."""

    id: str
    host: str
    boot_id: str
    pid: int
    pid_started: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change runs. `epoch` grows with every change of holder: the fence. `beat` counts renewals."""

    owner: Owner
    epoch: int
    beat: int


@dataclass(frozen=True, slots=True)
class StoredFlow:
    """A registered flow: its newest version and what people set beside it."""

    flow: Flow
    version: str
    paused: bool
    registered_at: datetime
    version_number: int


@dataclass(frozen=True, slots=True)
class FlowVersion:
    """One version of a flow; `number` counts from 1."""

    flow: Flow
    version: str
    number: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What one turn of the scheduler decided about one run (or about none: then only events and intents).

    `run` replaces the stored row; `task_runs` and `attempts` are inserted or replaced by their key.
    Replacing an attempt demands the stored token to equal the given one.
    """

    key: RunKey | None = None
    run: FlowRun | None = None
    task_runs: tuple[TaskRun, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    artifacts: Mapping[AttemptId, tuple[ArtifactRef, ...]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    backfill: Backfill | None = None
    intents_done: tuple[Intent, ...] = ()


class Store(Protocol):
    """Where flows, runs and events are kept."""

    # flows
    def register(self, flow: Flow, at: datetime) -> StoredFlow:
        """Store `flow` as the newest version of its id; an unchanged digest only updates its path and places."""

    def flow(self, flow_id: FlowId) -> StoredFlow:
        """The newest version. Raises NotFound."""

    def flows(self) -> list[StoredFlow]:
        """All registered flows, by id."""

    def flow_version(self, flow_id: FlowId, version: str) -> Flow:
        """A version by its digest. Raises NotFound."""

    def versions(self, flow_id: FlowId) -> list[FlowVersion]:
        """All versions, newest first."""

    def set_paused(self, flow_id: FlowId, paused: bool, at: datetime) -> None:
        """Pause or unpause, and say so in an event. Raises NotFound."""

    # runs
    def create_runs(self, runs: Sequence[FlowRun], at: datetime) -> list[bool]:
        """Insert runs that do not exist yet; True where this call made it. RUN_CREATED events for those.

        A run exists when its (flow, run_id) or its (flow, logical_date) is taken. Existing rows are left as they are.
        Raises NotFound, and makes none, when the version one of them is to run was never registered.
        """

    def run(self, key: RunKey) -> FlowRun:
        """Raises NotFound."""

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
        """Runs by logical date, newest first unless said otherwise. `since`/`until` are inclusive logical dates."""

    def last_interval(self, flow_id: FlowId) -> DataInterval | None:
        """The interval of the newest scheduled run: where the schedule goes on."""

    def run_at(self, flow_id: FlowId, logical_date: datetime) -> FlowRun | None:
        """The run with that logical date, if any."""

    def task_runs(self, keys: Sequence[RunKey]) -> dict[RunKey, list[TaskRun]]:
        """Stored task runs of several runs. A run that never started has none."""

    def attempts(self, key: RunKey, task: TaskKey | None = None) -> list[Attempt]:
        """Attempts of a run (or of one of its tasks), oldest first."""

    def open_attempts(self) -> list[Attempt]:
        """Attempts of any run that have not ended, oldest first: what a new leader must adopt or end."""

    def artifacts(self, attempt: AttemptId) -> list[ArtifactRef]:
        """What the attempt stored, by name."""

    # the one fenced write path
    def commit(self, lease: Lease, changes: Sequence[Change]) -> int:
        """Write all changes in one transaction and return the newest event seq.

        Raises LeaseLost when `lease` is not the current one (owner and epoch), Conflict when an attempt's token does
        not match, NotFound when a run, attempt or backfill is not stored; then nothing was written.
        """

    # events
    def events(
        self, after: int = 0, *, flow_id: FlowId | None = None, run_id: RunId | None = None, limit: int = 1000
    ) -> list[Event]:
        """Events with seq > `after`, oldest first."""

    def last_seq(self) -> int:
        """The newest seq, 0 when there is none."""

    def stamp(self) -> object:
        """A cheap value that differs after anyone, in any process, committed. Compare for equality only."""

    # leadership
    def acquire_lease(self, owner: Owner, *, after: Lease | None = None) -> Lease | None:
        """Take the lease if it is free, or if its holder is still exactly `after` (owner, epoch and beat).

        The caller passes as `after` a lease it has watched long enough to call its holder dead. None: not taken.
        An owner that holds it already is given it again, so that asking twice does no harm.
        """

    def renew_lease(self, lease: Lease) -> Lease:
        """The same lease with its next beat. Raises LeaseLost when another holds it."""

    def release_lease(self, lease: Lease) -> None:
        """Give it up; no error when it was lost."""

    def lease(self) -> Lease | None:
        """Who holds it now."""

    # requests
    def add_intent(self, intent: Intent, at: datetime) -> Intent:
        """Store a request and return it with its id."""

    def intents(self, *, pending: bool = True) -> list[Intent]:
        """Requests, oldest first; only those not done unless told otherwise."""

    # backfills
    def create_backfill(
        self, backfill: Backfill, runs: Sequence[FlowRun], clear: Sequence[Intent], at: datetime
    ) -> Backfill:
        """Store a backfill, its new runs (with `backfill_id` filled in) and requests to clear the runs it repeats.

        All in one transaction. The requests get `backfill_id` in their data; a run that exists by now is left as it is.
        Raises Conflict when the flow has an active backfill.
        """

    def backfill(self, backfill_id: int) -> Backfill:
        """Raises NotFound."""

    def backfills(self, flow_id: FlowId | None = None, *, active: bool = False) -> list[Backfill]:
        """Backfills, newest first; only queued or running ones if `active`."""

    def describe(self) -> Mapping[str, Any]:
        """Facts for `doctor`: engine, version, location (without secrets), schema revision, journal mode."""

    def close(self) -> None:
        """Release connections."""
