"""The runs under way and in the queue, in memory: their machines, their flows, and what can be asked of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jupyter_flows.engine.dispatch import weights
from jupyter_flows.engine.machine import RunMachine
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import AttemptId, FlowId, TaskId
from jupyter_flows.model.run import Attempt, FlowRun, RunKey, TaskKey, TaskRun
from jupyter_flows.model.state import SUCCESS_STATES, TaskState
from jupyter_flows.storage.store import Store


@dataclass
class Active:
    """One running run: its machine and its attempts that have not ended."""

    machine: RunMachine
    flow: Flow
    weights: Mapping[TaskId, int]
    attempts: dict[AttemptId, Attempt] = field(default_factory=dict)


class ActiveRuns:
    """What the store says of runs that are not over, and machines for them. Reads the store, writes nothing.

    `unwritten` gives the task runs a turn has decided about a run and not yet written. `lanes_changed` says that a run
    came, ended or was let go since someone last asked which may start.
    """

    def __init__(self, store: Store, unwritten: Callable[[RunKey], Iterable[TaskRun]]) -> None:
        self._store = store
        self._unwritten = unwritten
        self.running: dict[RunKey, Active] = {}
        self.queued: dict[RunKey, FlowRun] = {}
        self.lanes_changed = True
        self._flows: dict[tuple[FlowId, str], Flow] = {}
        self._weights: dict[tuple[FlowId, str], Mapping[TaskId, int]] = {}

    def enqueue(self, run: FlowRun) -> None:
        """The run waits for a free place."""
        self.queued[run.key] = run
        self.lanes_changed = True

    def activate(
        self,
        run: FlowRun,
        flow: Flow | None = None,
        stored: Iterable[TaskRun] | None = None,
        attempts: Mapping[AttemptId, Attempt] | None = None,
    ) -> Active:
        """A new machine for a run, from the store unless its flow, task runs and attempts are given."""
        flow = flow or self.flow(run.flow_id, run.version)
        if stored is None:
            stored = self._store.task_runs([run.key]).get(run.key, [])
        machine = RunMachine(flow, run, stored, past=lambda key: self._past_allows(run, flow, key))
        active = Active(machine, flow, self._weights_of(run, flow), dict(attempts or {}))
        self.running[run.key] = active
        return active

    def flow(self, flow_id: FlowId, version: str) -> Flow:
        """A version of a flow, read once."""
        if (flow_id, version) not in self._flows:
            self._flows[flow_id, version] = self._store.flow_version(flow_id, version)
        return self._flows[flow_id, version]

    def _weights_of(self, run: FlowRun, flow: Flow) -> Mapping[TaskId, int]:
        key = (run.flow_id, run.version)
        if key not in self._weights:
            self._weights[key] = weights(flow)
        return self._weights[key]

    def has_work(self) -> bool:
        """Whether any run is active or waits to become so."""
        return bool(self.running or self.queued)

    def all_started(self) -> bool:
        """Whether every attempt that was handed out has reported that it runs: then a peer can adopt it."""
        return all(a.state is TaskState.RUNNING for r in self.running.values() for a in r.attempts.values())

    def count_of(self, flow_id: FlowId) -> int:
        """Queued and running runs of a flow that no backfill asked for."""
        runs = [a.machine.run for a in self.running.values()] + list(self.queued.values())
        return sum(1 for r in runs if r.flow_id == flow_id and r.backfill_id is None)

    def producers_of(self, attempt: AttemptId) -> dict[TaskId, AttemptId]:
        """For each task upstream of the attempt's that succeeded: the attempt whose values count."""
        active = self.running[RunKey(attempt.flow_id, attempt.run_id)]
        out: dict[TaskId, AttemptId] = {}
        for task in active.flow.graph.ancestors([attempt.task_id]):
            key = TaskKey(task)
            row = active.machine.task_run(key)
            if row.state is TaskState.SUCCESS and row.try_number:
                out[task] = active.machine.attempt(key)
        return out

    def _past_allows(self, run: FlowRun, flow: Flow, key: TaskKey) -> bool:
        """Whether the task's previous run lets this one go on (semantics §8)."""
        task = flow.by_id[key.task_id]
        if run.ordinal == 1 or run.logical_date is None:
            return True
        earlier = self._store.runs(flow.id, until=run.logical_date, limit=2)
        previous = next((r for r in earlier if r.key != run.key), None)
        if previous is None:
            return True
        if key.task_id not in self.flow(previous.flow_id, previous.version).by_id:
            return True
        needed = {key}
        if task.wait_for_downstream:
            needed |= {TaskKey(t) for t in flow.graph.downstream(key.task_id)}
        states = {k: s for k, s in self._states(previous.key).items() if k in needed}
        return key in states and all(s in SUCCESS_STATES for s in states.values())

    def _states(self, key: RunKey) -> dict[TaskKey, TaskState]:
        """How a run's tasks stand, what this turn has decided and not yet written included."""
        active = self.running.get(key)
        if active is not None:
            return {t.key: t.state for t in active.machine.task_runs}
        rows = self._store.task_runs([key]).get(key, [])
        return {t.key: t.state for t in (*rows, *self._unwritten(key))}
