"""The writes, as functions of one open transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from jupyter_flows.errors import Conflict
from jupyter_flows.model.flow import Flow, flow_to_json
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey
from jupyter_flows.storage import facts, rows, tables
from jupyter_flows.storage.database import Writer
from jupyter_flows.storage.facts import KeyedChange
from jupyter_flows.storage.store import Lease

CHUNK = 500
"""How many values go into one IN: far below every database's limit."""

_ATTEMPT = ("flow_id", "run_id", "task_id", "map_index", "try_number")


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """`values` in pieces that fit into one IN."""
    return (values[i : i + CHUNK] for i in range(0, len(values), CHUNK))


# ── flows ────────────────────────────────────────────────────────────────────────────


def register(writer: Writer, flow: Flow, at: datetime) -> None:
    """Make `flow` the newest version; nothing is written when nothing differs."""
    versions, known = tables.flow_versions, _version(writer, flow)
    paused = writer.connection.execute(sa.select(tables.flows.c.paused).filter_by(flow_id=flow.id)).scalar()
    current = {"version": flow.digest, "registered_at": at}
    if paused is None:
        writer.execute(sa.insert(tables.flows), {"flow_id": flow.id, "paused": False, **current})
    if known is None:
        writer.execute(sa.insert(versions), _new_version(writer, flow, at))
    elif known.flow != flow_to_json(flow):
        same = sa.and_(versions.c.flow_id == flow.id, versions.c.version == flow.digest)
        writer.execute(sa.update(versions).where(same).values(flow=flow_to_json(flow)))
    if known is None or not known.is_newest:
        if paused is not None:
            writer.execute(sa.update(tables.flows).where(tables.flows.c.flow_id == flow.id).values(**current))
        writer.add_events([facts.flow_registered(flow.id, flow.digest, at)])


def _version(writer: Writer, flow: Flow) -> Any:
    versions, flows = tables.flow_versions, tables.flows
    is_newest = (versions.c.version == flows.c.version).label("is_newest")
    query = sa.select(versions.c.flow, is_newest).join(flows, flows.c.flow_id == versions.c.flow_id)
    same = sa.and_(versions.c.flow_id == flow.id, versions.c.version == flow.digest)
    return writer.connection.execute(query.where(same)).one_or_none()


def _new_version(writer: Writer, flow: Flow, at: datetime) -> rows.Values:
    number = sa.func.coalesce(sa.func.max(tables.flow_versions.c.number), 0) + 1
    newest = writer.connection.execute(sa.select(number).where(tables.flow_versions.c.flow_id == flow.id)).scalar_one()
    return {
        "flow_id": flow.id,
        "version": flow.digest,
        "number": newest,
        "created_at": at,
        "flow": flow_to_json(flow),
    }


def set_paused(writer: Writer, flow_id: str, paused: bool, at: datetime) -> None:
    """Pause or unpause."""
    same = tables.flows.c.flow_id == flow_id
    stored = writer.connection.execute(sa.select(tables.flows.c.flow_id, tables.flows.c.paused).where(same)).first()
    if stored is None:
        raise facts.no_flow(flow_id)
    if stored.paused != paused:
        writer.execute(sa.update(tables.flows).where(same).values(paused=paused))
        writer.add_events([facts.flow_paused(stored.flow_id, paused, at)])


# ── runs ─────────────────────────────────────────────────────────────────────────────


def create_runs(writer: Writer, runs: Sequence[FlowRun], at: datetime) -> list[bool]:
    """Insert what does not exist. No other writer can come between the look and the insert."""
    by_flow: dict[str, list[FlowRun]] = defaultdict(list)
    for run in runs:
        by_flow[run.flow_id].append(run)
    ids: set[RunKey] = set()
    dates: set[tuple[str, datetime | None]] = set()
    for flow_id, group in by_flow.items():
        _demand_versions(writer, flow_id, {run.version for run in group})
        for run_id, date in _taken(writer, flow_id, group):
            ids.add(RunKey(group[0].flow_id, run_id))
            dates.add((flow_id, date))
    made: list[bool] = []
    for run in runs:
        is_new = run.key not in ids and (run.flow_id, run.logical_date) not in dates
        ids.add(run.key)
        dates.add((run.flow_id, run.logical_date))
        made.append(is_new)
    new = [run for run, is_new in zip(runs, made, strict=True) if is_new]
    if new:
        writer.execute(sa.insert(tables.runs), [rows.run_values(run) for run in new])
        writer.add_events(facts.run_created(run, at) for run in new)
    return made


def _demand_versions(writer: Writer, flow_id: str, versions: set[str]) -> None:
    stored = sa.select(tables.flow_versions.c.version).where(tables.flow_versions.c.flow_id == flow_id)
    missing = versions - set(writer.connection.execute(stored).scalars())
    if missing:
        raise facts.no_version(flow_id, min(missing))


def _taken(writer: Writer, flow_id: str, runs: Sequence[FlowRun]) -> Iterable[tuple[Any, datetime]]:
    columns = tables.runs.c
    query = sa.select(columns.run_id, columns.logical_date).where(columns.flow_id == flow_id)
    for some in chunks(runs):
        for condition in (
            columns.run_id.in_([run.run_id for run in some]),
            columns.logical_date.in_([run.logical_date for run in some]),
        ):
            for row in writer.connection.execute(query.where(condition)):
                yield row.run_id, row.logical_date


# ── one turn of the scheduler ────────────────────────────────────────────────────────


def demand_lease(writer: Writer, lease: Lease) -> None:
    """Raise LeaseLost unless `lease` is the current one."""
    current = current_lease(writer.connection)
    if not facts.holds(lease, current):
        raise facts.lease_lost(lease, current)


def current_lease(connection: sa.Connection) -> Lease | None:
    """Who holds the lease."""
    return rows.lease(connection.execute(sa.select(tables.lease)).one())


def apply(writer: Writer, changes: Sequence[KeyedChange]) -> None:
    """Write all changes, each table in one batch."""
    _replace_runs(writer, [c.change.run for c in changes if c.change.run is not None])
    tasks = [rows.task_run_values(c.key, t) for c in changes if c.key is not None for t in c.change.task_runs]
    if tasks:
        writer.execute(_upsert(writer.connection.dialect.name, tables.task_runs), tasks)
    _put_attempts(writer, [a for c in changes for a in c.change.attempts])
    refs = [rows.artifact_values(a, ref) for c in changes for a, rs in c.change.artifacts.items() for ref in rs]
    if refs:
        writer.execute(_upsert(writer.connection.dialect.name, tables.artifacts), refs)
    for c in changes:
        if c.change.backfill is not None:
            _replace_backfill(writer, c.change.backfill)
        writer.add_events(c.change.events)
    _finish_intents(writer, [i for c in changes for i in c.change.intents_done])


def _replace_runs(writer: Writer, runs: Sequence[FlowRun]) -> None:
    if not runs:
        return
    values = [rows.run_values(run) for run in runs]
    for row in values:
        row["at_flow"], row["at_run"] = row.pop("flow_id"), row.pop("run_id")
    columns = tables.runs.c
    same = sa.and_(columns.flow_id == sa.bindparam("at_flow"), columns.run_id == sa.bindparam("at_run"))
    if writer.execute(sa.update(tables.runs).where(same), values).rowcount != len(values):
        raise facts.no_run(_first_missing(writer, [run.key for run in runs]))


def _first_missing(writer: Writer, keys: Sequence[RunKey]) -> RunKey:
    for key in keys:
        same = sa.select(tables.runs.c.run_id).filter_by(flow_id=key.flow_id, run_id=key.run_id)
        if writer.connection.execute(same).first() is None:
            return key
    raise AssertionError("as many runs were updated as were given")


def _put_attempts(writer: Writer, attempts: Sequence[Attempt]) -> None:
    """Insert or replace; where the token differs no row is changed, and the count tells."""
    if not attempts:
        return
    values = [rows.attempt_values(attempt) for attempt in attempts]
    statement = _upsert_attempts(writer.connection.dialect.name)
    if writer.execute(statement, values).rowcount != len(values):
        raise _stale(writer, attempts)


def _stale(writer: Writer, attempts: Sequence[Attempt]) -> Conflict:
    for attempt in attempts:
        token = sa.select(tables.attempts.c.token).filter_by(**attempt.id._asdict())
        if writer.connection.execute(token).scalar() != attempt.token:
            return facts.stale_token(attempt.id)
    raise AssertionError("as many attempts were written as were given")


_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@cache
def _upsert(dialect: str, table: sa.Table) -> Any:
    insert = _INSERT[dialect](table)
    keys = list(table.primary_key)
    replaced = {c.name: insert.excluded[c.name] for c in table.c if c not in set(keys)}
    return insert.on_conflict_do_update(index_elements=keys, set_=replaced)


@cache
def _upsert_attempts(dialect: str) -> Any:
    table = tables.attempts
    insert = _INSERT[dialect](table)
    replaced = {c.name: insert.excluded[c.name] for c in table.c if c.name not in ("id", *_ATTEMPT)}
    keys = [table.c[name] for name in _ATTEMPT]
    same = table.c.token == insert.excluded.token
    upsert = insert.on_conflict_do_update(index_elements=keys, set_=replaced, where=same)
    return upsert.execution_options(preserve_rowcount=True)  # SQLAlchemy keeps it for UPDATE only, unless asked


# ── requests and backfills ───────────────────────────────────────────────────────────


def _finish_intents(writer: Writer, intents: Sequence[Intent]) -> None:
    if intents:
        table = tables.intents
        pending = sa.and_(table.c.id == sa.bindparam("at"), table.c.done_at.is_(None))
        values = [{"at": i.id, "done_at": i.done_at, "result": i.result} for i in intents]
        writer.execute(sa.update(table).where(pending), values)


def _insert_one(writer: Writer, table: sa.Table, values: rows.Values) -> int:
    key = writer.execute(sa.insert(table), values).inserted_primary_key
    assert key is not None  # one row was inserted
    number: int = key[0]
    return number


def add_intents(writer: Writer, intents: Sequence[Intent], at: datetime) -> list[Intent]:
    """Store requests; they come back with their ids."""
    stored = []
    for intent in intents:
        dated = replace(intent, created_at=intent.created_at or at)
        stored.append(replace(dated, id=_insert_one(writer, tables.intents, rows.intent_values(dated))))
    return stored


def create_backfill(
    writer: Writer, backfill: Backfill, runs: Sequence[FlowRun], clear: Sequence[Intent], at: datetime
) -> Backfill:
    """Store a backfill and all that belongs to it."""
    columns = tables.backfills.c
    active = sa.select(columns.id).where(columns.flow_id == backfill.flow_id, tables.ACTIVE)
    other = writer.connection.execute(active).scalar()
    if other is not None:
        raise facts.backfill_is_active(backfill.flow_id, other)
    known = sa.select(tables.flows.c.flow_id).where(tables.flows.c.flow_id == backfill.flow_id)
    if writer.connection.execute(known).first() is None:
        raise facts.no_flow(backfill.flow_id)
    dated = replace(backfill, created_at=backfill.created_at or at)
    stored = replace(dated, id=_insert_one(writer, tables.backfills, rows.backfill_values(dated)))
    writer.add_events([facts.backfill_created(stored, at)])
    create_runs(writer, facts.of_backfill(stored.id, runs), at)
    for some in chunks(facts.clears_of_backfill(stored.id, clear, at)):
        writer.execute(sa.insert(tables.intents), [rows.intent_values(intent) for intent in some])
    return stored


def _replace_backfill(writer: Writer, backfill: Backfill) -> None:
    values = {k: v for k, v in rows.backfill_values(backfill).items() if k != "created_at"}
    same = tables.backfills.c.id == backfill.id
    if writer.execute(sa.update(tables.backfills).where(same).values(**values)).rowcount != 1:
        raise facts.no_backfill(backfill.id)
