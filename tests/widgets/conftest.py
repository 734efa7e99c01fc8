"""A run to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from jupyter_flows import views
from jupyter_flows.model.flow import Edge, Flow, Task
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.run import FlowRun, TaskRun
from jupyter_flows.model.state import RunState, TaskState


@pytest.fixture
def run_view() -> Callable[..., views.View]:
    """`run_view(a="success", b="running")`: a run of the chain a >> b >> …"""

    def make(**states: str) -> views.View:
        names = [TaskId(n) for n in states]
        edges = tuple(Edge(a, b) for a, b in pairwise(names))
        flow = Flow(FlowId("flights"), tasks=tuple(Task(n) for n in names), edges=edges)
        start = datetime(2013, 1, 7, tzinfo=timezone.utc)
        interval = DataInterval(start, start + timedelta(days=7))
        run = FlowRun(flow.id, RunId("manual__1"), RunType.MANUAL, interval, flow.digest, state=RunState.RUNNING)
        return views.run_view(run, flow, [TaskRun(TaskId(n), state=TaskState(s)) for n, s in states.items()])

    return make
