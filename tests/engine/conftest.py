"""A flow from a line of text, and a run of it that is told what happens in few words."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from jupyter_flows.engine.machine import RunMachine
from jupyter_flows.engine.stimuli import Dispatched, RunStarted, Step, Stimulus, Tick
from jupyter_flows.model.flow import Edge, Flow, Task
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted
from jupyter_flows.model.run import FlowRun, Outcome, Succeeded, TaskKey, TaskRun
from jupyter_flows.model.state import RunState, TaskState

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
DAY = DataInterval(datetime(2023, 12, 31, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone.utc))


def build_flow(graph: str, tasks: dict[str, dict[str, Any]] | None = None, **options: Any) -> Flow:
    """`a >> b, c >> d`: a before b and c, b and c before d. `;` separates chains. `tasks` holds options by name."""
    names: dict[str, None] = {}
    edges: list[Edge] = []
    for chain in graph.split(";"):
        groups = [[n.strip() for n in group.split(",") if n.strip()] for group in chain.split(">>")]
        names.update(dict.fromkeys(n for group in groups for n in group))
        for ups, downs in itertools.pairwise(groups):
            edges += [Edge(TaskId(a), TaskId(b)) for a in ups for b in downs]
    settings = tasks or {}
    made = tuple(Task(TaskId(n), **settings.get(n, {})) for n in names)
    return Flow(FlowId("f"), tasks=made, edges=tuple(edges), **options)


def new_run(**changes: Any) -> FlowRun:
    """A queued run of flow `f`."""
    return FlowRun(
        **{
            **{
                "flow_id": FlowId("f"),
                "run_id": RunId("r"),
                "run_type": RunType.MANUAL,
                "interval": DAY,
                "version": "v",
            },
            **changes,
        }
    )


class Story:
    """A machine with a clock, driven by task names."""

    def __init__(self, flow: Flow, *, run: FlowRun | None = None, rows: Iterable[TaskRun] = (), **options: Any) -> None:
        self.flow = flow
        self.machine = RunMachine(flow, run or new_run(), rows, **options)
        self.now = NOON
        self.steps: list[Step] = []
        self.stored: dict[TaskKey, TaskRun] = {}

    def tell(self, stimulus: Stimulus) -> Step:
        step = self.machine.handle(stimulus, self.now)
        self.steps.append(step)
        self.stored.update({row.key: row for row in step.task_runs})
        return step

    def start(self) -> Story:
        self.tell(RunStarted())
        return self

    def begin(self, *names: str) -> Step:
        """The tasks get their slots and their attempts start."""
        self.tell(Dispatched(tuple(TaskKey(TaskId(n)) for n in names)))
        step = Step()
        for name in names:
            step = self.tell(AttemptStarted(self.machine.attempt(TaskKey(TaskId(name))), "token", self.now))
        return step

    def end(self, name: str, outcome: Outcome | None = None) -> Step:
        """The newest attempt of the task ends, as a success unless said otherwise."""
        attempt = self.machine.attempt(TaskKey(TaskId(name)))
        return self.tell(AttemptFinished(attempt, "token", outcome or Succeeded(), self.now, self.now))

    def do(self, name: str, outcome: Outcome | None = None) -> Step:
        """Begin and end a task."""
        self.begin(name)
        return self.end(name, outcome)

    def wait(self, duration: timedelta) -> Step:
        """Time goes by, then a tick."""
        self.now += duration
        return self.tell(Tick())

    def rebuilt(self, **options: Any) -> Story:
        """The same run in a machine built from what was stored."""
        other = Story(self.flow, run=self.machine.run, rows=self.stored.values(), **options)
        other.now, other.stored = self.now, dict(self.stored)
        return other

    def task(self, name: str) -> TaskRun:
        return self.machine.task_run(TaskKey(TaskId(name)))

    def state(self, name: str) -> TaskState:
        return self.task(name).state

    @property
    def ready(self) -> list[str]:
        return [key.task_id for key in self.machine.ready]

    @property
    def states(self) -> dict[str, str]:
        return {row.task_id: row.state.value for row in self.machine.task_runs}

    @property
    def run_state(self) -> RunState:
        return self.machine.run.state


@pytest.fixture
def make_flow() -> Callable[..., Flow]:
    return build_flow


@pytest.fixture
def make_run() -> Callable[..., FlowRun]:
    return new_run


@pytest.fixture
def story() -> Callable[..., Story]:
    """`story("a >> b", {"a": {...}}, fail_fast=True)`: a run that was not started yet."""

    def tell(graph: str, tasks: dict[str, dict[str, Any]] | None = None, **options: Any) -> Story:
        own = {name: options.pop(name) for name in ("run", "rows", "past") if name in options}
        return Story(build_flow(graph, tasks, **options), **own)

    return tell


@pytest.fixture
def started(story: Callable[..., Story]) -> Callable[..., Story]:
    """The same, started."""

    def tell(graph: str, tasks: dict[str, dict[str, Any]] | None = None, **options: Any) -> Story:
        return story(graph, tasks, **options).start()

    return tell


def verdict_of(rule: str, st: list[str | None]) -> str:
    """semantics §15: `st` holds the upstreams' states, None for an unfinished one. Checked against Airflow."""
    c = collections.Counter(st)
    n = len(st)
    s, k, f, u, r = (c[x] for x in ("success", "skipped", "failed", "upstream_failed", "removed"))
    bad, done = f + u, n - c[None]
    D = done >= n
    if n == 0 or rule == "always":
        return "RUN"
    table = {
        "all_success": [(bad, "UF"), (k, "SKIP"), (s + r == n, "RUN")],
        "all_failed": [(s or k, "SKIP"), (bad + r == n, "RUN")],
        "all_done": [(D, "RUN")],
        "all_done_setup_success": [(D, "RUN")],
        "all_skipped": [(s or bad, "SKIP"), (k == n, "RUN")],
        "one_success": [(s, "RUN"), (D and k == done, "SKIP"), (D, "UF")],
        "one_failed": [(bad, "RUN"), (D, "SKIP")],
        "one_done": [(s + f, "RUN"), (D, "SKIP")],
        "none_failed": [(bad, "UF"), (s + k + r == n, "RUN")],
        "none_failed_min_one_success": [(bad, "UF"), (k == n, "SKIP"), (D and not s, "UF"), (s + k + r == n, "RUN")],
        "none_skipped": [(k, "SKIP"), (D, "RUN")],
        "all_done_min_one_success": [(k, "SKIP"), (D and not s, "UF"), (D, "RUN")],
    }
    return next((d for cond, d in table[rule] if cond), "WAIT")


@pytest.fixture(scope="session")
def oracle() -> Callable[[str, list[str | None]], str]:
    return verdict_of
