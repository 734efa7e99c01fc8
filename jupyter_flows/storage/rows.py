"""Rows to values and back. Nothing else knows the names of columns and of fields at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jupyter_flows.model.event import Event
from jupyter_flows.model.flow import flow_from_json
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, RunType, TaskId
from jupyter_flows.model.intent import Intent, IntentKind
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey, TaskRun, outcome_from_json, outcome_to_json
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.storage.store import FlowVersion, Lease, Owner, StoredFlow

Row = Any
"""A SQLAlchemy row: columns as attributes."""
Values = dict[str, Any]


def stored_flow(row: Row) -> StoredFlow:
    """A row of flows joined with its newest version."""
    return StoredFlow(
        flow=flow_from_json(row.flow),
        version=row.version,
        paused=row.paused,
        registered_at=row.registered_at,
        version_number=row.number,
    )


def flow_version(row: Row) -> FlowVersion:
    """A row of flow_versions."""
    return FlowVersion(flow_from_json(row.flow), row.version, row.number, row.created_at)


def run_values(run: FlowRun) -> Values:
    """A run as a row."""
    return {
        "flow_id": run.flow_id,
        "run_id": run.run_id,
        "run_type": run.run_type.value,
        "logical_date": run.logical_date,
        "interval_start": run.interval.start,
        "interval_end": run.interval.end,
        "run_after": run.run_after,
        "version": run.version,
        "state": run.state.value,
        "params": dict(run.params),
        "queued_at": run.queued_at,
        "start_date": run.start_date,
        "end_date": run.end_date,
        "backfill_id": run.backfill_id,
        "ordinal": run.ordinal,
        "clear_number": run.clear_number,
        "reason": run.reason,
    }


def run(row: Row) -> FlowRun:
    """A row of runs."""
    return FlowRun(
        flow_id=row.flow_id,
        run_id=row.run_id,
        run_type=RunType(row.run_type),
        interval=DataInterval(row.interval_start, row.interval_end),
        version=row.version,
        state=RunState(row.state),
        logical_date=row.logical_date,
        run_after=row.run_after,
        params=row.params,
        queued_at=row.queued_at,
        start_date=row.start_date,
        end_date=row.end_date,
        backfill_id=row.backfill_id,
        ordinal=row.ordinal,
        clear_number=row.clear_number,
        reason=row.reason,
    )


def task_run_values(key: RunKey, task: TaskRun) -> Values:
    """A task run of `key` as a row."""
    return {
        "flow_id": key.flow_id,
        "run_id": key.run_id,
        "task_id": task.task_id,
        "map_index": task.map_index,
        "state": task.state.value,
        "try_number": task.try_number,
        "max_tries": task.max_tries,
        "start_date": task.start_date,
        "end_date": task.end_date,
        "next_try_at": task.next_try_at,
        "branch": None if task.branch is None else list(task.branch),
        "reason": task.reason,
    }


def task_run(row: Row) -> TaskRun:
    """A row of task_runs."""
    return TaskRun(
        task_id=TaskId(row.task_id),
        map_index=row.map_index,
        state=TaskState(row.state),
        try_number=row.try_number,
        max_tries=row.max_tries,
        start_date=row.start_date,
        end_date=row.end_date,
        next_try_at=row.next_try_at,
        branch=None if row.branch is None else tuple(row.branch),
        reason=row.reason,
    )


def attempt_values(attempt: Attempt) -> Values:
    """An attempt as a row."""
    return {
        **attempt.id._asdict(),
        "token": attempt.token,
        "state": attempt.state.value,
        "queued_at": attempt.queued_at,
        "start_date": attempt.start_date,
        "end_date": attempt.end_date,
        "outcome": None if attempt.outcome is None else outcome_to_json(attempt.outcome),
        "notebook": attempt.notebook,
        "log": attempt.log,
        "pid": attempt.pid,
        "how": attempt.how,
        "version": attempt.version,
    }


def attempt_id(row: Row) -> AttemptId:
    """The identity in a row of attempts or artifacts."""
    return AttemptId(FlowId(row.flow_id), RunId(row.run_id), TaskId(row.task_id), row.map_index, row.try_number)


def attempt(row: Row) -> Attempt:
    """A row of attempts."""
    return Attempt(
        id=attempt_id(row),
        token=row.token,
        state=TaskState(row.state),
        queued_at=row.queued_at,
        start_date=row.start_date,
        end_date=row.end_date,
        outcome=None if row.outcome is None else outcome_from_json(row.outcome),
        notebook=row.notebook,
        log=row.log,
        pid=row.pid,
        how=row.how,
        version=row.version,
    )


def artifact_values(attempt: AttemptId, ref: ArtifactRef) -> Values:
    """An artifact of `attempt` as a row."""
    return {**attempt._asdict(), **asdict(ref)}


def artifact(row: Row) -> ArtifactRef:
    """A row of artifacts."""
    return ArtifactRef(row.name, row.path, row.format, row.digest, row.size)


def event_values(event: Event, seq: int) -> Values:
    """An event as the row number `seq`."""
    return {
        "seq": seq,
        "kind": event.kind,
        "at": event.at,
        "flow_id": event.flow_id,
        "run_id": event.run_id,
        "data": dict(event.data),
    }


def event(row: Row) -> Event:
    """A row of events."""
    return Event(row.kind, row.at, row.flow_id, row.run_id, row.data, row.seq)


def intent_values(intent: Intent) -> Values:
    """An intent as a row, without its id."""
    return {
        "kind": intent.kind.value,
        "flow_id": intent.flow_id,
        "run_id": intent.run_id,
        "data": dict(intent.data),
        "created_at": intent.created_at,
        "done_at": intent.done_at,
        "result": intent.result,
    }


def intent(row: Row) -> Intent:
    """A row of intents."""
    return Intent(
        kind=IntentKind(row.kind),
        flow_id=row.flow_id,
        run_id=row.run_id,
        data=row.data,
        id=row.id,
        created_at=row.created_at,
        done_at=row.done_at,
        result=row.result,
    )


def backfill_values(backfill: Backfill) -> Values:
    """A backfill as a row, without its id."""
    return {
        "flow_id": backfill.flow_id,
        "range_start": backfill.start,
        "range_end": backfill.end,
        "reprocess": backfill.reprocess,
        "parallel": backfill.parallel,
        "reverse": backfill.reverse,
        "paused": backfill.paused,
        "params": dict(backfill.params),
        "state": backfill.state.value,
        "created_at": backfill.created_at,
        "completed_at": backfill.completed_at,
    }


def backfill(row: Row) -> Backfill:
    """A row of backfills."""
    return Backfill(
        id=row.id,
        flow_id=row.flow_id,
        start=row.range_start,
        end=row.range_end,
        reprocess=row.reprocess,
        parallel=row.parallel,
        reverse=row.reverse,
        paused=row.paused,
        params=row.params,
        state=RunState(row.state),
        created_at=row.created_at,
        completed_at=row.completed_at,
    )


def lease_values(lease: Lease) -> Values:
    """A lease as its single row."""
    return {"owner_id": lease.owner.id, "owner": asdict(lease.owner), "epoch": lease.epoch, "beat": lease.beat}


def lease(row: Row) -> Lease | None:
    """The single row of lease; None when nobody holds it."""
    if row.owner is None:
        return None
    return Lease(owner_from_json(row.owner), row.epoch, row.beat)


def owner_from_json(data: Mapping[str, Any]) -> Owner:
    """An owner; what a newer release added is ignored."""
    return Owner(**{k: v for k, v in data.items() if k in Owner.__dataclass_fields__})
