"""One job, to its end, while the caller waits: for tests, for `%flows test`, for a notebook run by hand."""

from __future__ import annotations

import queue
from pathlib import Path

from jupyter_flows.execution.executor import Emit, Job
from jupyter_flows.execution.local import LocalExecutor
from jupyter_flows.model.progress import AttemptFinished, Progress


def run_job(job: Job, *, home: Path | None = None, emit: Emit | None = None, grace: float = 5.0) -> AttemptFinished:
    """Run `job` as the scheduler would, in the same process tree, and return its end.

    `emit` hears of all progress, in the caller's thread. Ctrl-C cancels the attempt, waits for its end and goes on up.
    """
    heard: queue.SimpleQueue[Progress] = queue.SimpleQueue()
    executor = LocalExecutor(home=home, forge=False)
    executor.submit(job, heard.put)
    try:
        return _wait(heard, emit)
    except KeyboardInterrupt:
        executor.cancel(job.attempt, grace=grace, reason="interrupted")
        _wait(heard, emit)
        raise
    finally:
        executor.close()


def _wait(heard: queue.SimpleQueue[Progress], emit: Emit | None) -> AttemptFinished:
    while True:
        progress = heard.get()
        if emit is not None:
            emit(progress)
        if isinstance(progress, AttemptFinished):
            return progress
