"""The store in a database: plain reads, and writes in one transaction each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from jupyter_flows.model.event import Event
from jupyter_flows.model.flow import Flow, flow_from_json
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, RunType
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey, TaskKey, TaskRun
from jupyter_flows.model.state import RunState
from jupyter_flows.storage import facts, rows, tables, writing
from jupyter_flows.storage.connect import connect
from jupyter_flows.storage.database import Database, Writer
from jupyter_flows.storage.store import Change, FlowVersion, Lease, Owner, StoredFlow

_ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})


class SqlStore:
    """A Store in SQLite or PostgreSQL. Safe in any thread, not across a fork.

    It expects the tables of this release: `open_store` creates or upgrades them first.
    """

    def __init__(self, target: str | sa.URL | sa.Engine | Database, *, timeout: float = 30.0) -> None:
        self.database = target if isinstance(target, Database) else connect(target, timeout=timeout)

    # ── flows ────────────────────────────────────────────────────────────────────────

    def register(self, flow: Flow, at: datetime) -> StoredFlow:
        """Store `flow` as the newest version; a version seen before becomes the newest again under its old number."""

        def work(writer: Writer) -> StoredFlow:
            writing.register(writer, flow, at)
            return rows.stored_flow(writer.connection.execute(_flows(flow.id)).one())

        return self.database.write(work, f"registering flow '{flow.id}'")

    def flow(self, flow_id: FlowId) -> StoredFlow:
        """The newest version. Raises NotFound."""
        row = self._rows(_flows(flow_id), f"reading flow '{flow_id}'")
        if not row:
            raise facts.no_flow(flow_id)
        return rows.stored_flow(row[0])

    def flows(self) -> list[StoredFlow]:
        """All registered flows, by id."""
        found = [rows.stored_flow(row) for row in self._rows(_flows(), "listing flows")]
        return sorted(found, key=lambda stored: stored.flow.id)  # PostgreSQL would sort by the server's language

    def flow_version(self, flow_id: FlowId, version: str) -> Flow:
        """A version by its digest. Raises NotFound."""
        query = sa.select(tables.flow_versions.c.flow).filter_by(flow_id=flow_id, version=version)
        row = self._rows(query, f"reading flow '{flow_id}'")
        if not row:
            raise facts.no_version(flow_id, version)
        return flow_from_json(row[0].flow)

    def versions(self, flow_id: FlowId) -> list[FlowVersion]:
        """All versions, newest first."""
        table = tables.flow_versions
        query = sa.select(table).where(table.c.flow_id == flow_id).order_by(table.c.number.desc())
        return [rows.flow_version(row) for row in self._rows(query, f"reading flow '{flow_id}'")]

    def set_paused(self, flow_id: FlowId, paused: bool, at: datetime) -> None:
        """Pause or unpause, and say so in an event. Raises NotFound."""
        self.database.write(lambda w: writing.set_paused(w, flow_id, paused, at), f"pausing flow '{flow_id}'")

    # ── runs ─────────────────────────────────────────────────────────────────────────

    def create_runs(self, runs: Sequence[FlowRun], at: datetime) -> list[bool]:
        """Insert runs that do not exist yet; True where this call made it."""
        return self.database.write(lambda w: writing.create_runs(w, runs, at), "creating runs")

    def run(self, key: RunKey) -> FlowRun:
        """Raises NotFound."""
        query = sa.select(tables.runs).filter_by(flow_id=key.flow_id, run_id=key.run_id)
        row = self._rows(query, f"reading run '{key.run_id}'")
        if not row:
            raise facts.no_run(key)
        return rows.run(row[0])

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
        c = tables.runs.c
        query = sa.select(tables.runs).limit(limit)
        if flow_id is not None:
            query = query.where(c.flow_id == flow_id)
        if states is not None:
            query = query.where(c.state.in_([s.value for s in states]))
            if _ACTIVE.issuperset(states):
                query = query.where(tables.ACTIVE)
        if run_types is not None:
            query = query.where(c.run_type.in_([t.value for t in run_types]))
        if backfill_id is not None:
            query = query.where(c.backfill_id == backfill_id)
        if since is not None:
            query = query.where(c.logical_date >= since)
        if until is not None:
            query = query.where(c.logical_date <= until)
        order = (c.logical_date, c.flow_id) if flow_id is None else (c.logical_date,)
        query = query.order_by(*(column if oldest_first else column.desc() for column in order))
        return [rows.run(row) for row in self._rows(query, "listing runs")]

    def last_interval(self, flow_id: FlowId) -> DataInterval | None:
        """The interval of the newest scheduled run."""
        newest = self.runs(flow_id, run_types=[RunType.SCHEDULED], limit=1)
        return newest[0].interval if newest else None

    def run_at(self, flow_id: FlowId, logical_date: datetime) -> FlowRun | None:
        """The run with that logical date, if any."""
        query = sa.select(tables.runs).filter_by(flow_id=flow_id, logical_date=logical_date)
        found = self._rows(query, f"reading runs of flow '{flow_id}'")
        return rows.run(found[0]) if found else None

    def task_runs(self, keys: Sequence[RunKey]) -> dict[RunKey, list[TaskRun]]:
        """Stored task runs of several runs, each by task id and map index; an empty list for a run without any."""
        found: dict[RunKey, list[TaskRun]] = {key: [] for key in keys}
        for row in self.database.read(lambda c: _task_runs(c, list(found)), "reading task runs"):
            found[RunKey(row.flow_id, row.run_id)].append(rows.task_run(row))
        return found

    def attempts(self, key: RunKey, task: TaskKey | None = None) -> list[Attempt]:
        """Attempts of a run (or of one of its tasks), oldest first."""
        query = sa.select(tables.attempts).filter_by(flow_id=key.flow_id, run_id=key.run_id)
        if task is not None:
            query = query.filter_by(task_id=task.task_id, map_index=task.map_index)
        query = query.order_by(tables.attempts.c.id)
        return [rows.attempt(row) for row in self._rows(query, f"reading attempts of run '{key.run_id}'")]

    def open_attempts(self) -> list[Attempt]:
        """Attempts of any run that have not ended, oldest first. Reads the whole table: once per takeover."""
        query = sa.select(tables.attempts).where(tables.ACTIVE).order_by(tables.attempts.c.id)
        return [rows.attempt(row) for row in self._rows(query, "looking for attempts that have not ended")]

    def artifacts(self, attempt: AttemptId) -> list[ArtifactRef]:
        """What the attempt stored, by name."""
        query = sa.select(tables.artifacts).filter_by(**attempt._asdict())
        found = [rows.artifact(row) for row in self._rows(query, f"reading artifacts of {attempt}")]
        return sorted(found, key=lambda ref: ref.name)

    # ── the one fenced write path ────────────────────────────────────────────────────

    def commit(self, lease: Lease, changes: Sequence[Change]) -> int:
        """Write all changes in one transaction and return the newest event seq. Raises LeaseLost or Conflict."""
        keyed = facts.keyed(changes)

        def work(writer: Writer) -> int:
            writing.demand_lease(writer, lease)
            writing.apply(writer, keyed)
            return writer.seq

        return self.database.write(work, "writing what the scheduler decided")

    # ── events ───────────────────────────────────────────────────────────────────────

    def events(
        self, after: int = 0, *, flow_id: FlowId | None = None, run_id: RunId | None = None, limit: int = 1000
    ) -> list[Event]:
        """Events with seq > `after`, oldest first."""
        c = tables.events.c
        query = sa.select(tables.events).where(c.seq > after).order_by(c.seq).limit(limit)
        if flow_id is not None:
            query = query.where(c.flow_id == flow_id)
        if run_id is not None:
            query = query.where(c.run_id == run_id)
        return [rows.event(row) for row in self._rows(query, "reading events")]

    def last_seq(self) -> int:
        """The newest seq, 0 when there is none."""
        seq: int = self._rows(sa.select(tables.head.c.seq), "reading events")[0].seq
        return seq

    def stamp(self) -> object:
        """A cheap value that differs after anyone, in any process, committed."""
        return self.database.stamp()

    # ── leadership ───────────────────────────────────────────────────────────────────

    def acquire_lease(self, owner: Owner, *, after: Lease | None = None) -> Lease | None:
        """Take the lease if it is free, or if its holder is still exactly `after`; who has it already gets it again."""

        def work(writer: Writer) -> Lease | None:
            row = writer.connection.execute(sa.select(tables.lease)).one()
            current = rows.lease(row)
            if current is not None and current.owner.id == owner.id:
                return current
            if current is not None and (after is None or not facts.is_same(after, current)):
                return None
            taken = Lease(owner, row.epoch + 1, 0)
            writer.execute(sa.update(tables.lease).values(**rows.lease_values(taken)))
            return taken

        return self.database.write(work, "taking the lease")

    def renew_lease(self, lease: Lease) -> Lease:
        """The same lease with its next beat. Raises LeaseLost when another holds it."""

        def work(writer: Writer) -> Lease:
            current = writing.current_lease(writer.connection)
            if current is None or not facts.holds(lease, current):
                raise facts.lease_lost(lease, current)
            renewed = Lease(current.owner, current.epoch, current.beat + 1)
            writer.execute(sa.update(tables.lease).values(beat=renewed.beat))
            return renewed

        return self.database.write(work, "renewing the lease")

    def release_lease(self, lease: Lease) -> None:
        """Give it up; no error when it was lost."""

        def work(writer: Writer) -> None:
            if facts.holds(lease, writing.current_lease(writer.connection)):
                writer.execute(sa.update(tables.lease).values(owner_id=None, owner=None))

        self.database.write(work, "releasing the lease")

    def lease(self) -> Lease | None:
        """Who holds it now."""
        return self.database.read(writing.current_lease, "reading the lease")

    # ── requests and backfills ───────────────────────────────────────────────────────

    def add_intent(self, intent: Intent, at: datetime) -> Intent:
        """Store a request and return it with its id."""
        return self.database.write(lambda w: writing.add_intents(w, [intent], at)[0], "storing a request")

    def intents(self, *, pending: bool = True) -> list[Intent]:
        """Requests, oldest first; only those not done unless told otherwise."""
        query = sa.select(tables.intents).order_by(tables.intents.c.id)
        if pending:
            query = query.where(tables.intents.c.done_at.is_(None))
        return [rows.intent(row) for row in self._rows(query, "reading requests")]

    def create_backfill(
        self, backfill: Backfill, runs: Sequence[FlowRun], clear: Sequence[Intent], at: datetime
    ) -> Backfill:
        """Store a backfill, its new runs and requests to clear the runs it repeats. Raises Conflict."""
        doing = f"storing a backfill of flow '{backfill.flow_id}'"
        return self.database.write(lambda w: writing.create_backfill(w, backfill, runs, clear, at), doing)

    def backfill(self, backfill_id: int) -> Backfill:
        """Raises NotFound."""
        row = self._rows(sa.select(tables.backfills).filter_by(id=backfill_id), f"reading backfill {backfill_id}")
        if not row:
            raise facts.no_backfill(backfill_id)
        return rows.backfill(row[0])

    def backfills(self, flow_id: FlowId | None = None, *, active: bool = False) -> list[Backfill]:
        """Backfills, newest first; only queued or running ones if `active`."""
        query = sa.select(tables.backfills).order_by(tables.backfills.c.id.desc())
        if flow_id is not None:
            query = query.where(tables.backfills.c.flow_id == flow_id)
        if active:
            query = query.where(tables.ACTIVE)
        return [rows.backfill(row) for row in self._rows(query, "listing backfills")]

    # ── the store itself ─────────────────────────────────────────────────────────────

    def describe(self) -> Mapping[str, Any]:
        """Facts for `doctor`: engine, version, location (without secrets), schema revision, journal mode."""
        from jupyter_flows.storage.schema import revision

        schema = self.database.read(revision, "reading the schema's revision")
        return {**self.database.describe(), "location": self.database.site.place, "schema": schema}

    def close(self) -> None:
        """Release connections."""
        self.database.close()

    def _rows(self, query: sa.Select[Any], doing: str) -> Sequence[rows.Row]:
        return self.database.read(lambda connection: connection.execute(query).all(), doing)


def _flows(flow_id: FlowId | None = None) -> sa.Select[Any]:
    flows, versions = tables.flows, tables.flow_versions
    newest = sa.and_(versions.c.flow_id == flows.c.flow_id, versions.c.version == flows.c.version)
    query = sa.select(flows, versions.c.number, versions.c.flow).join(versions, newest)
    return query if flow_id is None else query.where(flows.c.flow_id == flow_id)


def _task_runs(connection: sa.Connection, keys: Sequence[RunKey]) -> list[rows.Row]:
    c = tables.task_runs.c
    found: list[rows.Row] = []
    for flow_id in dict.fromkeys(key.flow_id for key in keys):
        for run_ids in writing.chunks([key.run_id for key in keys if key.flow_id == flow_id]):
            query = sa.select(tables.task_runs).where(c.flow_id == flow_id, c.run_id.in_(run_ids))
            found.extend(connection.execute(query))
    return sorted(found, key=lambda row: (row.task_id, row.map_index))
