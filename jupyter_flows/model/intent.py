"""Requests that change what runs. Any door may write one; only the scheduler that holds the lease obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from jupyter_flows.model.ids import FlowId, RunId


class IntentKind(str, Enum):
    """What is asked. `data` by kind:

    CLEAR    tasks: [task ids] | None for all, downstream, upstream, only_failed, latest (version): bool
    MARK     tasks: [task ids] | None for the run itself, state: success | failed | skipped
    CANCEL   tasks: [task ids] | None for the whole run
    YIELD    nothing: a scheduler that fires schedules asks one that does not to hand over the lease
    CANCEL_BACKFILL / PAUSE_BACKFILL / RESUME_BACKFILL   backfill_id
    """

    CLEAR = "clear"
    MARK = "mark"
    CANCEL = "cancel"
    YIELD = "yield"
    CANCEL_BACKFILL = "cancel_backfill"
    PAUSE_BACKFILL = "pause_backfill"
    RESUME_BACKFILL = "resume_backfill"


NO_FLOW = FlowId("")
"""The flow of a request that is about none."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One request. `id` is given by the store; `result` and `done_at` by the scheduler that obeyed or refused it."""

    kind: IntentKind
    flow_id: FlowId
    run_id: RunId | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    created_at: datetime | None = None
    done_at: datetime | None = None
    result: str = ""
