"""Small notebooks, jobs around them, and executors to run them."""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.execution import processes
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.local import LocalExecutor
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, TaskId
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, Progress

PATIENCE = 60.0
_numbers = count(1)


def code_cell(source: str, name: str, *, tags: tuple[str, ...] = (), role: str | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
    if role:
        metadata["jupyter_flows"] = {"role": role}
    return {
        "cell_type": "code",
        "id": name,
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
    }


def as_notebook(*cells: str | dict[str, Any]) -> dict[str, Any]:
    made = [code_cell(c, f"cell-{i}") if isinstance(c, str) else c for i, c in enumerate(cells)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


class Waiting:
    """Everything one attempt reports."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._queue: queue.SimpleQueue[Progress] = queue.SimpleQueue()
        self.heard: list[Progress] = []

    def emit(self, progress: Progress) -> None:
        self._queue.put(progress)

    def until(self, kind: type[Any], patience: float = PATIENCE) -> Any:
        while True:
            progress = self._queue.get(timeout=patience)
            self.heard.append(progress)
            if isinstance(progress, kind):
                return progress

    @property
    def how(self) -> str:
        return next(p.how for p in self.heard if isinstance(p, AttemptStarted))

    @property
    def silent(self) -> bool:
        return self._queue.empty()


@dataclass
class Ended:
    """An attempt that is over, with what it left."""

    job: Job
    report: AttemptFinished
    heard: list[Progress] = field(default_factory=list)

    @property
    def outcome(self) -> Any:
        return self.report.outcome

    @property
    def notebook(self) -> dict[str, Any]:
        return json.loads(self.job.output.read_text())

    @property
    def log(self) -> str:
        return self.job.log.read_text()

    def text(self, cell: int) -> str:
        outputs = self.notebook["cells"][cell]["outputs"]
        return "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")


class Bench:
    """An executor and the jobs run on it."""

    def __init__(self, executor: LocalExecutor, how: str, make_job: Callable[..., Job]) -> None:
        self.executor = executor
        self.how = how
        self.make_job = make_job

    def start(self, *cells: Any, **options: Any) -> Waiting:
        waiting = Waiting(self.make_job(*cells, **options))
        self.executor.submit(waiting.job, waiting.emit)
        return waiting

    def run(self, *cells: Any, **options: Any) -> Ended:
        waiting = self.start(*cells, **options)
        report = waiting.until(AttemptFinished)
        return Ended(waiting.job, report, waiting.heard)


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    def make(*cells: Any, **options: Any) -> Job:
        number = next(_numbers)
        attempt = AttemptId(FlowId("flow"), RunId("manual__x"), TaskId(f"task_{number}"), -1, 1)
        folder = tmp_path / f"attempt {number}"
        options.setdefault("notebook", as_notebook(*cells))
        options.setdefault("cwd", tmp_path)
        options.setdefault("kernel", "python3")
        return Job(
            attempt=attempt,
            token=f"token-{number}",
            folder=folder / "1",
            output=folder / "1.ipynb",
            log=folder / "1.log",
            **options,
        )

    return make


@pytest.fixture(scope="session")
def executors() -> Iterator[dict[str, LocalExecutor]]:
    made = {"cold": LocalExecutor(forge=False), "forked": LocalExecutor()}
    yield made
    for executor in made.values():
        executor.close(cancel=True)


@pytest.fixture(params=["cold", "forked"])
def bench(request: pytest.FixtureRequest, executors: dict[str, LocalExecutor], make_job: Any) -> Bench:
    return Bench(executors[request.param], request.param, make_job)


@pytest.fixture
def forked(executors: dict[str, LocalExecutor], make_job: Any) -> Bench:
    return Bench(executors["forked"], "forked", make_job)


@pytest.fixture
def cold(executors: dict[str, LocalExecutor], make_job: Any) -> Bench:
    return Bench(executors["cold"], "cold", make_job)


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[None]:
    """After every test with kernels: no process whose environment names its folder ."""
    yield
    if request.node.get_closest_marker("kernel"):
        mark = f"{processes.COOKIE}={tmp_path}".encode()
        eventually(lambda: not [p for p in _pids() if any(e.startswith(mark) for e in _environ(p)) and _lives(p)], 2.0)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _lives(pid: int) -> bool:
    return processes.start_time(pid) is not None


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition, with a deadline."""

    def wait(condition: Callable[[], Any], patience: float = 10.0) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.005)

    return wait


@pytest.fixture
def cell() -> Callable[..., dict[str, Any]]:
    return code_cell


@pytest.fixture
def notebook() -> Callable[..., dict[str, Any]]:
    return as_notebook


@pytest.fixture
def waiting() -> type[Waiting]:
    return Waiting
