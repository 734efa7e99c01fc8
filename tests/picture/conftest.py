"""Flows and runs to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from jupyter_flows import views
from jupyter_flows.model.flow import Edge, EdgeKind, Flow, Task
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.run import FlowRun, TaskRun
from jupyter_flows.model.state import RunState, TaskState

START = datetime(2013, 1, 7, 5, tzinfo=timezone.utc)  # midnight in New York


@pytest.fixture
def make_flow() -> Callable[..., Flow]:
    """`make_flow("a >> b", "b >> c")`; `groups` by task id."""

    def make(*chains: str, groups: Mapping[str, str] | None = None, names: tuple[str, ...] = (), **more: Any) -> Flow:
        split = [[part.strip() for part in chain.split(">>")] for chain in chains]
        ids = list(dict.fromkeys(name for chain in split for name in chain))
        kind = EdgeKind.INFERRED if names else EdgeKind.EXPLICIT
        edges = [Edge(TaskId(a), TaskId(b), kind, names, "because") for chain in split for a, b in pairwise(chain)]
        tasks = tuple(Task(TaskId(i), group=(groups or {}).get(i)) for i in ids)
        return Flow(FlowId("flights"), timezone="America/New_York", tasks=tasks, edges=tuple(edges), **more)

    return make


@pytest.fixture
def make_run() -> Callable[..., FlowRun]:
    """A weekly run; keyword arguments replace its fields."""

    def make(flow: Flow, *, start: datetime = START, length: timedelta = timedelta(days=7), **more: Any) -> FlowRun:
        interval = DataInterval(start, start + length)
        run_id = RunId(f"scheduled__{start.isoformat()}")
        return FlowRun(flow.id, run_id, RunType.SCHEDULED, interval, flow.digest, **more)

    return make


@pytest.fixture
def a_run(make_flow: Callable[..., Flow], make_run: Callable[..., FlowRun]) -> views.View:
    """A run in which one task failed, with hostile text in its reason."""
    flow = make_flow("extract >> join >> report", names=("table",))
    took = {"start_date": START, "end_date": START + timedelta(seconds=12)}
    rows = [
        TaskRun(TaskId("extract"), state=TaskState.SUCCESS, try_number=1, **took),
        TaskRun(TaskId("join"), state=TaskState.FAILED, try_number=2, reason="<script>alert(1)</script>", **took),
        TaskRun(TaskId("report"), state=TaskState.UPSTREAM_FAILED),
    ]
    return views.run_view(make_run(flow, state=RunState.FAILED), flow, rows)
