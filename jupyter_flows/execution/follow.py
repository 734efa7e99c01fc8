"""Following an attempt by its folder: whoever submitted it, whenever one begins to follow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_flows.execution import processes
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.folder import AttemptFolder, claim_file, read_json
from jupyter_flows.execution.wire import ENDED, STARTED, progress_from_json
from jupyter_flows.model.progress import ArtifactRef, AttemptFinished, Progress
from jupyter_flows.model.run import Lost, Outcome, outcome_from_json


class Reader:
    """Reads events.jsonl from where it stopped the last time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._path = AttemptFolder(job.folder).events
        self._offset = 0
        self._rest = b""
        self.has_ended = False

    def skip_cells_so_far(self) -> list[Progress]:
        """Begin where another follower may have stopped: only the start is told again, cells past are not."""
        return [p for p in map(self._progress, self._lines()) if p is not None and _is_start(p)]

    def read(self) -> list[Progress]:
        """What came since."""
        return [p for p in map(self._progress, self._lines()) if p is not None]

    def _progress(self, line: dict[str, Any]) -> Progress | None:
        self.has_ended = self.has_ended or line.get("event") == ENDED
        return progress_from_json(self._job, line)

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with suppress(ValueError):  # torn by a full disk
                yield json.loads(line)


def _is_start(progress: Progress) -> bool:
    return type(progress).__name__ == "AttemptStarted"


def finished(job: Job, home: Path | None) -> AttemptFinished | None:
    """What the evidence says; None while there is none, or none under this job's token."""
    try:
        document = read_json(AttemptFolder(job.folder).evidence)
    except ValueError as error:
        return ended(job, Lost(f"The attempt's evidence cannot be read: {error}"))
    if not isinstance(document, dict) or document.get("token") != job.token:
        return None
    return AttemptFinished(
        attempt=job.attempt,
        token=job.token,
        outcome=outcome_from_json(document["outcome"]),
        at=datetime.fromisoformat(document["at"]),
        started=datetime.fromisoformat(document["started"]),
        artifacts=tuple(_artifact(entry, home) for entry in document["artifacts"]),
        has_notebook=document["has_notebook"],
    )


def ended(job: Job, outcome: Outcome) -> AttemptFinished:
    """The end of an attempt that left no evidence."""
    return AttemptFinished(
        job.attempt, job.token, outcome, datetime.now(timezone.utc), has_notebook=job.output.is_file()
    )


def _artifact(entry: dict[str, Any], home: Path | None) -> ArtifactRef:
    path = Path(entry["path"])
    root = home.resolve() if home is not None else None
    stored = path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else str(path)
    return ArtifactRef(entry["name"], stored, entry["format"], entry["digest"], entry["size"])


def claim(job: Job) -> dict[str, Any] | None:
    """Who supervises the attempt; None when nobody does yet. A claim that cannot be read is nobody's."""
    try:
        found = read_json(AttemptFolder(job.folder).supervisor)
    except ValueError:
        return {}
    return found if isinstance(found, dict) or found is None else {}


def is_supervised(job: Job) -> bool:
    """Whether its supervisor is alive and works under this job's token."""
    who = claim(job)
    return who is not None and who.get("token") == job.token and processes.is_alive(who)


def bury(job: Job) -> None:
    """End whatever is left of an attempt without a living supervisor, and see to it that none begins later."""
    folder = AttemptFolder(job.folder)
    if folder.path.is_dir() and not claim_file(folder.supervisor, {"token": "", "pid": 0}):
        who = claim(job) or {}
        if who.get("pid"):
            processes.send_signal(who, 9)
        if isinstance(sockets := who.get("sockets"), str) and Path(sockets).name.startswith("jf-"):
            shutil.rmtree(sockets, ignore_errors=True)
    processes.end_marked(job.folder)


__all__ = ["STARTED", "Reader", "bury", "claim", "ended", "finished", "is_supervised"]
