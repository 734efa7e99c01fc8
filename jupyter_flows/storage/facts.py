"""What every store does the same way: the events it writes itself, what it refuses, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jupyter_flows.errors import Conflict, LeaseLost, NotFound
from jupyter_flows.model.event import BACKFILL_MOVED, FLOW_PAUSED, FLOW_REGISTERED, RUN_CREATED, Event
from jupyter_flows.model.ids import AttemptId, FlowId
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.run import Backfill, FlowRun, RunKey
from jupyter_flows.storage.store import Change, Lease


def flow_registered(flow_id: FlowId, version: str, at: datetime) -> Event:
    """A new version of a flow."""
    return Event(FLOW_REGISTERED, at, flow_id, data={"version": version})


def flow_paused(flow_id: FlowId, paused: bool, at: datetime) -> Event:
    """A flow was paused or unpaused."""
    return Event(FLOW_PAUSED, at, flow_id, data={"paused": paused})


def run_created(run: FlowRun, at: datetime) -> Event:
    """A run exists now."""
    data = {"run_type": run.run_type.value, "state": run.state.value}
    return Event(RUN_CREATED, at, run.flow_id, run.run_id, data)


def backfill_created(backfill: Backfill, at: datetime) -> Event:
    """A backfill exists now."""
    data = {"backfill_id": backfill.id, "state": backfill.state.value, "paused": backfill.paused}
    return Event(BACKFILL_MOVED, at, backfill.flow_id, data=data)


def of_backfill(backfill_id: int, runs: Sequence[FlowRun]) -> list[FlowRun]:
    """The runs, marked as the backfill's."""
    return [replace(run, backfill_id=backfill_id) for run in runs]


def clears_of_backfill(backfill_id: int, intents: Sequence[Intent], at: datetime) -> list[Intent]:
    """The requests, marked as the backfill's in their data."""
    return [
        replace(intent, data={**intent.data, "backfill_id": backfill_id}, created_at=intent.created_at or at)
        for intent in intents
    ]


@dataclass(frozen=True, slots=True)
class KeyedChange:
    """A change whose run is known, if it is about one."""

    key: RunKey | None
    change: Change


def keyed(changes: Sequence[Change]) -> list[KeyedChange]:
    """Each change with its run. Raises ValueError for one that contradicts itself: a fault in the caller's code."""
    return [KeyedChange(_key(change), change) for change in changes]


def _key(change: Change) -> RunKey | None:
    key = change.key or (change.run.key if change.run else None)
    if key is None and (change.task_runs or change.attempts or change.artifacts):
        raise ValueError("a change with task runs, attempts or artifacts needs the key of its run")
    if change.run is not None and change.run.key != key:
        raise ValueError(f"a change about {key} holds the run {change.run.key}")
    for attempt in (*(a.id for a in change.attempts), *change.artifacts):
        if (attempt.flow_id, attempt.run_id) != key:
            raise ValueError(f"a change about {key} holds the attempt {attempt}")
    for intent in change.intents_done:
        if intent.done_at is None:
            raise ValueError(f"intent {intent.id} is to be done, but has no done_at")
    return key


# ── refusals ─────────────────────────────────────────────────────────────────────────


def no_flow(flow_id: str) -> NotFound:
    """No such flow."""
    return NotFound(f"No flow '{flow_id}' is registered.", fix="Register it, or check the name.")


def no_version(flow_id: str, version: str) -> NotFound:
    """No such version."""
    return NotFound(
        f"Flow '{flow_id}' has no stored version {version[:12] or '(none)'}.", fix="Register the flow first."
    )


def no_run(key: RunKey) -> NotFound:
    """No such run."""
    return NotFound(f"Flow '{key.flow_id}' has no run '{key.run_id}'.", fix="List its runs to see their ids.")


def no_attempt(attempt: AttemptId) -> NotFound:
    """No such attempt."""
    return NotFound(f"Attempt {attempt} is not stored.")


def no_backfill(backfill_id: int) -> NotFound:
    """No such backfill."""
    return NotFound(f"There is no backfill {backfill_id}.", fix="List the backfills to see their ids.")


def backfill_is_active(flow_id: str, backfill_id: int) -> Conflict:
    """A flow has one active backfill at a time."""
    return Conflict(
        f"Flow '{flow_id}' has an active backfill ({backfill_id}).", fix="Wait until it is done, or cancel it."
    )


def stale_token(attempt: AttemptId) -> Conflict:
    """Another token holds the attempt."""
    return Conflict(f"Attempt {attempt} is held under another token: this one is stale.")


def lease_lost(mine: Lease, current: Lease | None) -> LeaseLost:
    """Someone else leads."""
    holder = "nobody" if current is None else f"{current.owner.label or current.owner.id} (epoch {current.epoch})"
    return LeaseLost(
        f"Scheduler {mine.owner.label or mine.owner.id} (epoch {mine.epoch}) no longer holds the lease; "
        f"{holder} does. Nothing was written."
    )


def holds(mine: Lease, current: Lease | None) -> bool:
    """Whether `mine` is the current lease, whatever its beat."""
    return current is not None and (mine.owner.id, mine.epoch) == (current.owner.id, current.epoch)


def is_same(watched: Lease, current: Lease) -> bool:
    """Whether nothing happened to the lease since it was watched: same owner, epoch and beat."""
    return holds(watched, current) and watched.beat == current.beat
