"""Large flows: what a report costs depends on its dependents, not on the flow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_flows.engine.dispatch import Limits, Occupancy, candidate, select, weights
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.run import Failed, FlowRun, TaskKey
from jupyter_flows.model.state import RunState

N = 10_000
Tell = Callable[..., Any]


def chain(n: int) -> str:
    return " >> ".join(f"t{i}" for i in range(n))


def fan(n: int) -> str:
    return f"first >> {', '.join(f't{i}' for i in range(n))} >> last"


@pytest.fixture
def within() -> Callable[[float], None]:
    """Processor time since the test began, so that a busy machine does not fail it."""
    began = time.process_time()

    def check(seconds: float) -> None:
        assert time.process_time() - began < seconds

    return check


def test_a_chain_of_ten_thousand_tasks_runs_to_its_end(started: Tell, within: Callable[[float], None]) -> None:
    run = started(chain(N))
    for i in range(N):
        run.do(f"t{i}")
    assert run.run_state is RunState.SUCCESS
    within(3)


def test_ten_thousand_tasks_between_two_run_to_their_end(started: Tell, within: Callable[[float], None]) -> None:
    run = started(fan(N))
    run.do("first")
    for i in range(N):
        run.do(f"t{i}")
    assert run.ready == ["last"]
    run.do("last")
    assert run.run_state is RunState.SUCCESS
    within(3)


@pytest.mark.parametrize("graph", [chain(N), fan(N)], ids=["chain", "fan"])
def test_one_failure_cascades_through_ten_thousand_tasks_in_one_step(
    started: Tell, within: Callable[[float], None], graph: str
) -> None:
    run = started(graph)
    step = run.do(run.ready[0], Failed("boom"))
    assert len(step.task_runs) == len(run.flow.tasks)
    assert set(run.states.values()) == {"failed", "upstream_failed"}
    assert run.run_state is RunState.FAILED
    within(2)


def test_ten_thousand_empty_tasks_need_no_attempt(started: Tell, within: Callable[[float], None]) -> None:
    run = started(chain(N), {f"t{i}": {"kind": "empty"} for i in range(N)})
    assert run.run_state is RunState.SUCCESS
    within(2)


def test_a_dense_flow_of_ninety_thousand_edges_runs_to_its_end(started: Tell, within: Callable[[float], None]) -> None:
    layers = [[f"l{i}_{j}" for j in range(100)] for i in range(10)]
    run = started(" >> ".join(", ".join(layer) for layer in layers))
    assert len(run.flow.graph.edges) == 90_000
    for layer in layers:
        assert run.ready == layer
        for name in layer:
            run.do(name)
    assert run.run_state is RunState.SUCCESS
    within(3)


def test_choosing_among_ten_thousand_candidates_is_quick(
    make_flow: Tell, make_run: Callable[..., FlowRun], within: Callable[[float], None]
) -> None:
    flow, run = make_flow(chain(N)), make_run()
    weight = weights(flow)
    assert weight[TaskId("t0")] == N
    everyone = [candidate(flow, run, TaskKey(t.id), weight[t.id]) for t in flow.tasks]
    chosen = select(everyone, Occupancy(), Limits(parallelism=8))
    assert [c.task.task_id for c in chosen.start] == [f"t{i}" for i in range(8)]
    assert len(chosen.waiting) == N - 8
    within(3)
