"""What a run tells a task: the values a notebook is rendered with, and the names they have in its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import UNMAPPED, FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.timetable.zones import zone

MOMENTS = ("data_interval_start", "data_interval_end", "logical_date")
"""Names whose value is injected as ISO text and rebuilt as an aware datetime."""

CONTEXT_NAMES = frozenset(
    {*MOMENTS, "ds", "ds_nodash", "ts", "ts_nodash", "flow_id", "run_id", "run_type", "task_id", "map_index"}
    | {"try_number", "params", "task"}
)
"""Every name a task's code finds already set."""


@dataclass(frozen=True, slots=True)
class StoredValue:
    """Where a value of an upstream lies: an absolute path, how it is written, and the digest it must have."""

    path: str
    format: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class RunContext:
    """One attempt's circumstances. `params` are the run's own; `inputs` hold a value for each of the task's inputs.

    `mapped` are the values of the mapped names for this `map_index`, as far as JSON holds them. `artifacts` is what
    `task.pull` can see: per upstream task, per name.
    """

    flow_id: FlowId
    run_id: RunId
    run_type: RunType
    task_id: TaskId
    interval: DataInterval
    logical_date: datetime | None = None
    map_index: int = UNMAPPED
    try_number: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    inputs: Mapping[str, StoredValue] = field(default_factory=dict)
    mapped: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, StoredValue]] = field(default_factory=dict)


def run_values(context: RunContext, params: Mapping[str, Any]) -> dict[str, Any]:
    """The context as JSON values by the names code uses; times as ISO text in the flow's zone.

    `ds` is the logical date's day in that zone, so that a daily flow of Paris names Paris days.
    """
    where = zone(context.timezone)
    logical = (context.logical_date or context.interval.start).astimezone(where)
    return {
        "flow_id": context.flow_id,
        "run_id": context.run_id,
        "run_type": RunType(context.run_type).value,
        "task_id": context.task_id,
        "map_index": context.map_index,
        "try_number": context.try_number,
        "data_interval_start": context.interval.start.astimezone(where).isoformat(),
        "data_interval_end": context.interval.end.astimezone(where).isoformat(),
        "logical_date": logical.isoformat(),
        "ds": logical.date().isoformat(),
        "ds_nodash": f"{logical:%Y%m%d}",
        "ts": logical.isoformat(),
        "ts_nodash": f"{logical:%Y%m%dT%H%M%S}",
        "params": dict(params),
    }


def run_params(flow: Flow, context: RunContext) -> dict[str, Any]:
    """The flow's parameters for this run: what the run was given, else their defaults."""
    defaults = {p.name: p.default for p in flow.params if not p.required}
    return {**defaults, **context.params}


def sample(flow: Flow, interval: DataInterval, task: Task | None = None) -> RunContext:
    """A context for running cells by hand: a manual run over `interval` that no store knows."""
    task_id = task.id if task else TaskId("by_hand")
    return RunContext(flow.id, RunId("manual__by_hand"), RunType.MANUAL, task_id, interval, timezone=flow.timezone)
