"""A notebook task run by hand: the same rendering and the same executor as in a run, but nothing is recorded."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_flows.definition.context import RunContext, StoredValue, sample
from jupyter_flows.definition.render import render
from jupyter_flows.execution.executor import Job
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import UNMAPPED, AttemptId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Succeeded, outcome_text
from jupyter_flows.runtime.config import Config
from jupyter_flows.runtime.jobs import job_timeout, working_folder
from jupyter_flows.storage.values import load_value, store_value

FOLDER = "by_hand"


@dataclass(frozen=True, slots=True)
class HandRun:
    """What came of it: the values the task declares as outputs, or the trouble it had."""

    name: str
    notebook: Path
    seconds: float
    values: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""


def run_by_hand(
    flow: Flow, task: Task, interval: DataInterval, namespace: Mapping[str, Any], config: Config
) -> HandRun:
    """Run `task` over `interval` in a fresh kernel, with its inputs taken from `namespace`.

    Raises FlowsError when it cannot begin. Only call it in the author's kernel: outputs may be unpickled.
    """
    from jupyter_flows.execution.inline import run_job

    place = config.home / FOLDER / flow.id
    folder = place / f"{task.id}-{uuid.uuid4().hex[:8]}"
    context = _context(flow, task, interval, folder / "inputs", namespace)
    rendered = render(flow, task, context)
    output = place / f"{task.id}.ipynb"
    job = Job(
        attempt=AttemptId(flow.id, context.run_id, task.id, UNMAPPED, 1),
        token=uuid.uuid4().hex,
        notebook=rendered.notebook,
        folder=folder,
        output=output,
        log=place / f"{task.id}.log",
        cwd=working_folder(flow, task),
        kernel=rendered.kernel or flow.kernel or "python3",
        context=rendered.context,
        timeout=job_timeout(task),
        start_timeout=config.start_timeout,
        preload=rendered.preload,
    )
    began = time.monotonic()
    finished = run_job(job)
    seconds = time.monotonic() - began
    if not isinstance(finished.outcome, Succeeded):
        return HandRun(task.id, output, seconds, trouble=outcome_text(finished.outcome) or "it did not succeed")
    values = {a.name: _load(config.home, a) for a in finished.artifacts if a.name in task.outputs}
    return HandRun(task.id, output, seconds, values)


def _context(flow: Flow, task: Task, interval: DataInterval, folder: Path, namespace: Mapping[str, Any]) -> RunContext:
    """A run's context whose inputs are copies of what the namespace holds now."""
    base = sample(flow, interval, task)
    inputs = {}
    for given in task.inputs:
        if given.name in namespace:
            stored = store_value(folder, given.name, namespace[given.name])
            inputs[given.name] = StoredValue(str(folder / stored["file"]), stored["format"], stored["digest"])
    return RunContext(
        flow_id=base.flow_id,
        run_id=base.run_id,
        run_type=base.run_type,
        task_id=task.id,
        interval=interval,
        logical_date=interval.start,
        timezone=flow.timezone,
        inputs=inputs,
    )


def _load(home: Path, ref: ArtifactRef) -> Any:
    return load_value(home / ref.path, ref.format, ref.digest, name=ref.name, unpickle=True)
