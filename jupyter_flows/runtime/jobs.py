"""From an attempt to a job: which inputs, which notebook, which folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jupyter_flows.definition.context import RunContext, StoredValue
from jupyter_flows.definition.render import preload_of, render
from jupyter_flows.errors import NotFound
from jupyter_flows.execution.executor import Job
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import AttemptId, FlowId, TaskId
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, FlowRun
from jupyter_flows.storage.files import attempt_folder, attempt_log, attempt_notebook
from jupyter_flows.storage.store import Store

Producers = Mapping[TaskId, AttemptId]
"""For each task upstream that succeeded in this run: the attempt whose values count."""


class Workshop:
    """Prepares jobs. Reads values' whereabouts from the store and renders notebooks; starts nothing."""

    def __init__(self, home: Path, store: Store, start_timeout: float = 60.0) -> None:
        self.home = home
        self._store = store
        self._start_timeout = start_timeout
        self._artifacts = lru_cache(maxsize=4096)(self._read_artifacts)
        self._preload: dict[tuple[FlowId, str], tuple[str, ...]] = {}

    def job(self, flow: Flow, run: FlowRun, attempt: Attempt, producers: Producers) -> Job:
        """The job of a new attempt. Raises FlowsError when its options cannot be rendered or its folder is missing."""
        task = flow.by_id[attempt.id.task_id]
        stored = {t: self._artifacts(a) for t, a in producers.items()}
        rendered = render(flow, task, self._context(flow, run, attempt, task, stored))
        return Job(
            attempt=attempt.id,
            token=attempt.token,
            notebook=rendered.notebook,
            folder=attempt_folder(self.home, attempt.id),
            output=attempt_notebook(self.home, attempt.id),
            log=attempt_log(self.home, attempt.id),
            cwd=working_folder(flow, task),
            kernel=rendered.kernel or flow.kernel or "python3",
            context=rendered.context,
            timeout=job_timeout(task),
            start_timeout=self._start_timeout,
            preload=self._modules(flow, run.version),
        )

    def left_behind(self, attempt: Attempt) -> Job:
        """Enough of a job to adopt an attempt another scheduler started."""
        return Job(
            attempt=attempt.id,
            token=attempt.token,
            notebook={},
            folder=attempt_folder(self.home, attempt.id),
            output=attempt_notebook(self.home, attempt.id),
            log=attempt_log(self.home, attempt.id),
            cwd=self.home,
            kernel="",
        )

    def _modules(self, flow: Flow, version: str) -> tuple[str, ...]:
        """What the whole flow imports: were each job to name only its own, each new name would make a new forge."""
        if (flow.id, version) not in self._preload:
            self._preload[flow.id, version] = preload_of(flow)
        return self._preload[flow.id, version]

    def _context(
        self, flow: Flow, run: FlowRun, attempt: Attempt, task: Task, stored: Mapping[TaskId, Mapping[str, StoredValue]]
    ) -> RunContext:
        inputs = {i.name: stored[i.upstream][i.name] for i in task.inputs if i.name in stored.get(i.upstream, {})}
        return RunContext(
            flow_id=flow.id,
            run_id=run.run_id,
            run_type=run.run_type,
            task_id=task.id,
            interval=run.interval,
            logical_date=run.logical_date,
            map_index=attempt.id.map_index,
            try_number=attempt.id.try_number,
            params=run.params,
            timezone=flow.timezone,
            inputs=inputs,
            artifacts={str(t): values for t, values in stored.items()},
        )

    def _read_artifacts(self, attempt: AttemptId) -> Mapping[str, StoredValue]:
        return {ref.name: self._located(ref) for ref in self._store.artifacts(attempt)}

    def _located(self, ref: ArtifactRef) -> StoredValue:
        return StoredValue(str(self.home / ref.path), ref.format, ref.digest)


def job_timeout(task: Task) -> float | None:
    """Seconds until the attempt is ended. A sensor watches its own clock: it may end as skipped instead."""
    return task.timeout.total_seconds() if task.timeout and task.kind != "sensor" else None


def working_folder(flow: Flow, task: Task) -> Path:
    """Where the task's code runs: `--cwd`, relative to the notebook's folder, else that folder. Raises NotFound."""
    base = Path(flow.path).parent if flow.path else Path.home()
    folder = base / Path(task.cwd).expanduser() if task.cwd else base
    if not folder.is_dir():
        raise NotFound(
            f"Task '{task.id}' of flow '{flow.id}' should run in {folder}, which is no folder.",
            fix="Create it, or correct --cwd."
            if task.cwd
            else "Move the notebook back, or run it from where it is now.",
        )
    return folder
