"""Everything but kernels and disks: schedulers over a store in memory, with a clock that is moved by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.errors import StoreError
from jupyter_flows.model.event import Event
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId
from jupyter_flows.model.run import FlowRun, RunKey, TaskKey
from jupyter_flows.runtime.config import Config
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.runtime.host import SchedulerHost
from jupyter_flows.runtime.identity import this_process
from jupyter_flows.runtime.jobs import Workshop
from jupyter_flows.runtime.scheduler import Scheduler, SchedulerState, Timing
from jupyter_flows.runtime.testing import FakeClock, ScriptedExecutor
from jupyter_flows.storage.memory import MemoryStore
from jupyter_flows.storage.store import Owner, StoredFlow

PATIENCE = 20.0


class FaultyStore(MemoryStore):
    """A store whose writes or reads fail while `broken` names them."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self.failures = 0

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in super().__getattribute__("__dict__").get("broken", ()):
            self.failures += 1
            raise StoreError("The database is full.", fix="Free space.")
        return value


class World:
    """A store, and the processes on it: each `process()` is a Flows with a scheduler of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = FakeClock()
        self.store = FaultyStore()
        self.hosts: list[SchedulerHost] = []
        self.flows, self.executor = self.process()

    def process(
        self,
        executor: ScriptedExecutor | None = None,
        *,
        slots: int = 4,
        owner: Owner | None = None,
        monotonic: Callable[[], float] | None = None,
        ttl: float = 10.0,
    ) -> tuple[Flows, ScriptedExecutor]:
        """A process that has opened the store. Its scheduler starts with `flows.host.ensure()`."""
        executor = executor or ScriptedExecutor(clock=self.clock)

        def build() -> tuple[Scheduler, ScriptedExecutor]:
            made = Scheduler(
                self.store,
                executor,
                Workshop(self.home, self.store),
                owner or this_process("test"),
                slots=slots,
                fire_schedules=False,
                timing=Timing(poll=0.02, ttl=ttl, retry=0.02),
                clock=self.clock,
                monotonic=monotonic or self.clock.monotonic,
            )
            return made, executor

        host = SchedulerHost(self.store, build)
        self.hosts.append(host)
        config = Config(home=self.home, lock_timeout=0.5)
        return Flows(config, self.store, host, self.clock), executor

    def script(self, **outcomes: Any) -> ScriptedExecutor:
        """Have the first process run its tasks like this."""
        return self._use(ScriptedExecutor({t: list(o) for t, o in outcomes.items()}, clock=self.clock))

    def hang(self, *tasks: str, **outcomes: Any) -> ScriptedExecutor:
        """Have these tasks of the first process run until they are told to finish."""
        script = {t: list(o) for t, o in outcomes.items()}
        return self._use(ScriptedExecutor(script, hang=tasks, clock=self.clock))

    def _use(self, executor: ScriptedExecutor) -> ScriptedExecutor:
        self.flows, self.executor = self.process(executor)
        return executor

    def deploy(self, flow: Flow) -> StoredFlow:
        """Register a flow whose tasks run in the home."""
        return self.flows.register(replace(flow, path=str(self.home / "flow.ipynb")))

    def go(self, *, schedules: bool = False) -> Scheduler:
        """Start the first process's scheduler."""
        return self.flows.host.ensure(fire_schedules=schedules)

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition; fail when it does not come true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"did not happen: {what or condition}"
            time.sleep(0.002)

    def finish(self, key: RunKey) -> FlowRun:
        """Wait for a run to be over."""
        self.until(lambda: self.flows.is_run_over(key), f"the end of {key}")
        return self.store.run(key)

    def states(self, key: RunKey) -> dict[str, str]:
        """How the tasks of a run stand."""
        return {t.task_id: t.state.value for t in self.store.task_runs([key])[key]}

    def tries(self, key: RunKey, task: str) -> list[str]:
        """What became of each attempt of a task."""
        found = self.store.attempts(key, TaskKey(task))  # type: ignore[arg-type]
        return [type(a.outcome).__name__ for a in found]

    def leads(self, flows: Flows) -> bool:
        """Whether that process's scheduler acts."""
        return flows.host.status().here is SchedulerState.LEADING

    def events(self, kind: str, flow_id: str | None = None) -> list[Event]:
        """All facts of a kind."""
        return [e for e in self.store.events(limit=100_000) if e.kind == kind and flow_id in (None, e.flow_id)]

    def runs(self, flow_id: str = "example") -> list[FlowRun]:
        """All runs of a flow, oldest first."""
        return self.store.runs(FlowId(flow_id), oldest_first=True)

    def restart(self) -> None:
        """The first process's scheduler ends and another takes its place."""
        self.flows.host.stop()
        self.go()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.broken.clear()
    for host in made.hosts:
        host.stop()
