"""Facts that happened. Few and small; every screen is a reading of them.

The store gives each a `seq` when it is committed: who has read up to `seq` misses nothing by asking for what follows.
Output of cells is not an event: it is a stream in the attempt's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jupyter_flows.model.ids import FlowId, RunId

RUN_CREATED = "run_created"
RUN_MOVED = "run_moved"  # data: state, reason
TASK_RUN_MOVED = "task_run_moved"  # data: task_id, map_index, state, try_number, reason
CELL_STARTED = "cell_started"  # data: task_id, map_index, try_number, cell, cells
CELL_FINISHED = "cell_finished"  # data: as above and ok
SLOTS_MISSED = "slots_missed"  # data: count, first, last, policy
FLOW_REGISTERED = "flow_registered"  # data: version
FLOW_PAUSED = "flow_paused"  # data: paused
BACKFILL_MOVED = "backfill_moved"  # data: backfill_id, state, paused
SCHEDULER_MOVED = "scheduler_moved"  # data: state (leading | standing_by | stopped), owner

KINDS = frozenset(
    {
        RUN_CREATED,
        RUN_MOVED,
        TASK_RUN_MOVED,
        CELL_STARTED,
        CELL_FINISHED,
        SLOTS_MISSED,
        FLOW_REGISTERED,
        FLOW_PAUSED,
        BACKFILL_MOVED,
        SCHEDULER_MOVED,
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `data` holds JSON values, by `kind` as listed above. `seq` is 0 until the store has committed it."""

    kind: str
    at: datetime
    flow_id: FlowId | None = None
    run_id: RunId | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown event kind {self.kind!r}")

    def to_json(self) -> dict[str, Any]:
        """The shape every stream carries."""
        return {
            "seq": self.seq,
            "kind": self.kind,
            "at": self.at.isoformat(),
            "flow_id": self.flow_id,
            "run_id": self.run_id,
            "data": dict(self.data),
        }
