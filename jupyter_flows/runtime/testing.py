"""Public fakes: test a flow, or code on top of this package, without kernels, files or waiting."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from jupyter_flows.execution.executor import Emit, Job
from jupyter_flows.model.flow import Edge, Flow, RetryPolicy, Task
from jupyter_flows.model.ids import AttemptId, FlowId, TaskId
from jupyter_flows.model.progress import ArtifactRef, AttemptFinished, AttemptStarted
from jupyter_flows.model.run import Cancelled, Outcome, Succeeded

NOON = datetime(2024, 1, 10, 12, tzinfo=timezone.utc)


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time now."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by

    def monotonic(self) -> float:
        """Seconds, for what measures with a monotonic clock."""
        return self.now.timestamp()


class ScriptedExecutor:
    """Ends every attempt at once, as scripted per task: `{"clean": [Failed("boom"), Succeeded()]}`; else it succeeds.

    A task named in `hang` starts and stays running until it is cancelled or `finish` is called for it. The jobs it was
    given are in `jobs`; `max_running` is the most that ran at one time.
    """

    def __init__(
        self,
        script: Mapping[str, Sequence[Outcome]] | None = None,
        *,
        hang: Sequence[str] = (),
        artifacts: Callable[[Job], tuple[ArtifactRef, ...]] = lambda job: (),  # noqa: ARG005
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._script = {t: list(o) for t, o in (script or {}).items()}
        self._hang = set(hang)
        self._artifacts = artifacts
        self._clock = clock or FakeClock()
        self._running: dict[AttemptId, tuple[Job, Emit]] = {}
        self._ended: dict[AttemptId, AttemptFinished] = {}
        self.jobs: list[Job] = []
        self.tries: dict[str, int] = defaultdict(int)
        self.max_running = 0
        self.closed = False

    def submit(self, job: Job, emit: Emit) -> None:
        """Carry out `job` as scripted."""
        self.jobs.append(job)
        self._running[job.attempt] = (job, emit)
        self.max_running = max(self.max_running, len(self._running))
        emit(AttemptStarted(job.attempt, job.token, self._clock(), how="scripted"))
        task = job.attempt.task_id
        if task not in self._hang:
            outcomes = self._script.get(task)
            self.finish(job.attempt, outcomes.pop(0) if outcomes else Succeeded())

    def finish(self, attempt: AttemptId, outcome: Outcome) -> None:
        """End a hanging attempt."""
        job, emit = self._running.pop(attempt)
        done = isinstance(outcome, Succeeded)
        refs = self._artifacts(job) if done else ()
        now = self._clock()
        self._ended[attempt] = report = AttemptFinished(attempt, job.token, outcome, now, started=now, artifacts=refs)
        emit(report)

    def running(self) -> list[AttemptId]:
        """Attempts that hang."""
        return list(self._running)

    def adopt(self, job: Job, emit: Emit) -> bool:
        """What it still runs can be followed anew, of what has ended the report is told again. `close` forgets both."""
        if job.attempt in self._running:
            self._running[job.attempt] = (self._running[job.attempt][0], emit)
        elif job.attempt in self._ended:
            emit(self._ended[job.attempt])
        return job.attempt in self._running or job.attempt in self._ended

    def cancel(self, attempt: AttemptId, *, grace: float = 5.0) -> None:  # noqa: ARG002
        """End a hanging attempt as cancelled."""
        if attempt in self._running:
            self.finish(attempt, Cancelled("cancelled"))

    def close(self, *, cancel: bool = False) -> None:
        """Stop; hanging attempts are dropped or, with `cancel`, cancelled."""
        for attempt in list(self._running):
            if cancel:
                self.cancel(attempt)
        self._running.clear()
        self._ended.clear()
        self.closed = True


def make_flow(
    wiring: str,
    *,
    name: str = "example",
    retries: int = 0,
    retry_delay: timedelta = timedelta(0),
    tasks: Mapping[str, Mapping[str, Any]] | None = None,
    **fields: Any,
) -> Flow:
    """A flow from a drawing: `"a >> b, c; b >> d"`. `tasks` gives fields of its tasks, `fields` those of the flow."""
    found: dict[str, None] = {}
    edges: list[Edge] = []
    for chain in re.split(r"[;\n]", wiring):
        groups = [[n.strip() for n in part.split(",") if n.strip()] for part in chain.split(">>")]
        for group in groups:
            found.update(dict.fromkeys(group))
        for left, right in pairwise(groups):
            edges += [Edge(TaskId(a), TaskId(b)) for a in left for b in right]
    retry = RetryPolicy(retries, retry_delay)
    made = [Task(**{"id": TaskId(t), "source": "pass", "retry": retry, **(tasks or {}).get(t, {})}) for t in found]
    return Flow(FlowId(name), tasks=tuple(made), edges=tuple(dict.fromkeys(edges)), **fields)
