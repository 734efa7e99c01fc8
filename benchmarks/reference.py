"""The references: papermill's command and papermill's API, over the same notebooks in the same order."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import Pool
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from benchmarks.workloads import Files, Workload

TIMEOUT = 900.0
"""Seconds after which a notebook counts as hung."""

Chain = Sequence[tuple[str, str, int]]
"""Notebooks to run one after another: input, output, and the value of the parameter `number`."""


def chains(workload: Workload, files: Files, out: Path) -> list[list[Chain]]:
    """The workload as rounds of chains: chains of one round may run at once, the next round waits for all of them."""
    out.mkdir(parents=True, exist_ok=True)

    def one(name: str, number: int) -> tuple[str, str, int]:
        return str(files.step), str(out / f"{name}.ipynb"), number

    if workload.days:
        days = range(workload.days)
        return [[[one(f"{day}-{t}", day) for stage in workload.task_ids() for t in stage] for day in days]]
    return [[[one(task, n)] for n, task in enumerate(stage)] for stage in workload.task_ids()]


def run_command(workload: Workload, files: Files, out: Path) -> float:
    """Seconds with the `papermill` command: a process for each notebook, as in a shell script or in cron."""
    began = perf_counter()
    with ThreadPoolExecutor(workload.parallel) as pool:
        for stage in chains(workload, files, out):
            list(pool.map(_command_chain, stage))
    return perf_counter() - began


def _command_chain(chain: Chain) -> None:
    for source, target, number in chain:
        command = [sys.executable, "-m", "papermill", source, target, "-p", "number", str(number), "--no-progress-bar"]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT, cwd=Path(source).parent)


class Api:
    """papermill's API in processes that have it imported and have run a notebook already. Close it."""

    def __init__(self, workers: int, warm_up: Path, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        folder.mkdir(parents=True, exist_ok=True)
        self._pool: Pool = context.Pool(workers, _begin, (context.Barrier(workers), str(folder)))
        self._pool.map(_warm_up, [str(warm_up)] * workers, chunksize=1)

    def run(self, workload: Workload, files: Files, out: Path) -> float:
        """Seconds with as many notebooks at once as there are workers."""
        began = perf_counter()
        for stage in chains(workload, files, out):
            self._pool.map_async(_api_chain, stage, chunksize=1).get(TIMEOUT)
        return perf_counter() - began

    def __enter__(self) -> Api:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.terminate()
        self._pool.join()


_worker: dict[str, Any] = {}
"""What a worker process was given at its start."""


def _begin(barrier: Any, folder: str) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # kernels warn there, and would print into the table
    _worker.update(barrier=barrier, folder=folder)


def _warm_up(notebook: str) -> None:
    """Each worker waits for the others, so that none gets two and none gets none."""
    _worker["barrier"].wait(TIMEOUT)
    _api_chain([(notebook, str(Path(_worker["folder"], f"warm-{os.getpid()}.ipynb")), 0)])


def _api_chain(chain: Chain) -> None:
    execute = _execute()
    for source, target, number in chain:
        execute(source, target, parameters={"number": number}, progress_bar=False, cwd=str(Path(source).parent))


def _execute() -> Callable[..., Any]:
    from papermill import execute_notebook

    execute: Callable[..., Any] = execute_notebook
    return execute
