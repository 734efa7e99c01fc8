"""What one turn of the scheduler decided, gathered so that it is written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from jupyter_flows.model.event import Event
from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.intent import Intent
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey, TaskKey, TaskRun
from jupyter_flows.storage.store import Change


@dataclass
class _RunChange:
    run: FlowRun | None = None
    task_runs: dict[TaskKey, TaskRun] = field(default_factory=dict)
    attempts: dict[AttemptId, Attempt] = field(default_factory=dict)
    artifacts: dict[AttemptId, tuple[ArtifactRef, ...]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


class Batch:
    """Collects moves; a row changed twice in a turn is written once, as it is last."""

    def __init__(self) -> None:
        self._runs: dict[RunKey, _RunChange] = {}
        self._events: list[Event] = []
        self._backfills: dict[int, Backfill] = {}
        self._intents: list[Intent] = []

    def add_step(self, key: RunKey, run: FlowRun | None, task_runs: Iterable[TaskRun], events: Iterable[Event]) -> None:
        """What the run machine answered."""
        change = self._of(key)
        change.run = run or change.run
        change.task_runs.update((t.key, t) for t in task_runs)
        change.events.extend(events)

    def add_attempt(self, attempt: Attempt, artifacts: tuple[ArtifactRef, ...] = ()) -> None:
        """A new or changed attempt, with what it stored."""
        change = self._of(RunKey(attempt.id.flow_id, attempt.id.run_id))
        change.attempts[attempt.id] = attempt
        if artifacts:
            change.artifacts[attempt.id] = artifacts

    def task_runs(self, key: RunKey) -> tuple[TaskRun, ...]:
        """The task runs of a run that are to be written."""
        return tuple(self._runs[key].task_runs.values()) if key in self._runs else ()

    def add_event(self, event: Event) -> None:
        """A fact about a run, or about none."""
        if event.flow_id is not None and event.run_id is not None:
            self._of(RunKey(event.flow_id, event.run_id)).events.append(event)
        else:
            self._events.append(event)

    def add_backfill(self, backfill: Backfill) -> None:
        """A backfill that moved."""
        self._backfills[backfill.id] = backfill

    def add_done(self, intent: Intent) -> None:
        """A request obeyed or refused."""
        self._intents.append(intent)

    def changes(self) -> list[Change]:
        """All of it, ready to commit; empty when nothing happened."""
        changes = [
            Change(
                key=key,
                run=c.run,
                task_runs=tuple(c.task_runs.values()),
                attempts=tuple(c.attempts.values()),
                artifacts=c.artifacts,
                events=tuple(c.events),
            )
            for key, c in self._runs.items()
        ]
        changes += [Change(backfill=b) for b in self._backfills.values()]
        if self._events or self._intents:
            changes.append(Change(events=tuple(self._events), intents_done=tuple(self._intents)))
        return changes

    def _of(self, key: RunKey) -> _RunChange:
        return self._runs.setdefault(key, _RunChange())
