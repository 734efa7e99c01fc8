"""Jobs and progress as JSON: what travels between the processes of an attempt and those who follow it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jupyter_flows.execution.executor import Job
from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.progress import AttemptStarted, CellFinished, CellStarted, Progress

STARTED = "attempt_started"
CELL_STARTED = "cell_started"
CELL_FINISHED = "cell_finished"
ENDED = "ended"
"""The last line of events.jsonl: evidence.json is there."""

_PATHS = ("folder", "output", "log", "cwd")


def job_to_json(job: Job) -> dict[str, Any]:
    """The job without its environment, which may hold secrets and travels by another way."""
    data: dict[str, Any] = {name: getattr(job, name) for name in job.__dataclass_fields__ if name != "env"}
    data.update({name: str(data[name]) for name in _PATHS})
    return data | {"attempt": list(job.attempt), "preload": list(job.preload)}


def job_from_json(data: Mapping[str, Any]) -> Job:
    """The job of `job_to_json`; unknown keys (of a newer release) are ignored."""
    known = {name: value for name, value in data.items() if name in Job.__dataclass_fields__}
    known.update({name: Path(known[name]) for name in _PATHS})
    return Job(**known | {"attempt": AttemptId(*known["attempt"]), "preload": tuple(known["preload"])})


def progress_from_json(job: Job, line: Mapping[str, Any]) -> Progress | None:
    """What a line of events.jsonl says; None for lines that are not for the scheduler."""
    kind, attempt = line.get("event"), job.attempt
    if kind not in (STARTED, CELL_STARTED, CELL_FINISHED):
        return None
    at = datetime.fromisoformat(line["at"])
    if kind == STARTED:
        return AttemptStarted(attempt, job.token, at, pid=line["pid"], how=line["how"])
    if kind == CELL_STARTED:
        return CellStarted(attempt, line["cell"], line["cells"], at)
    return CellFinished(attempt, line["cell"], line["cells"], line["ok"], at)
