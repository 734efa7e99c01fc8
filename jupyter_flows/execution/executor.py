"""What is to be executed, and who can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.progress import Progress

Emit = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt, self-contained: everything in it is JSON or a path, so any process on any host can carry it.

    `notebook` is the runnable notebook: parameters, prologue, setup, inputs, the author's cells, outputs.
    `folder` is the attempt's own working folder: job, events, heartbeat, result and values live there.
    `output` is where the executed notebook must end up, success or not; `log` receives the text of all output.
    `context` is what `jupyter_flows.task` tells the code: ids, interval, params, and where each input lies.
    `timeout` and `start_timeout` are seconds; `timeout` None means no limit.
    `preload` are modules worth having imported before the kernel starts. `token` fences the attempt.
    """

    attempt: AttemptId
    token: str
    notebook: Mapping[str, Any]
    folder: Path
    output: Path
    log: Path
    cwd: Path
    kernel: str
    context: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    start_timeout: float = 60.0
    preload: tuple[str, ...] = ()


class Executor(Protocol):
    """Carries out jobs. Knows kernels; knows nothing of runs, stores or schedules."""

    def submit(self, job: Job, emit: Emit) -> None:
        """Start `job` soon and return at once.

        `emit` is called from any thread; last comes exactly one `AttemptFinished`, even after `cancel`.
        """

    def adopt(self, job: Job, emit: Emit) -> bool:
        """Follow an attempt another process submitted, from its folder: True when it is alive or left a result.

        Then `emit` gets what is still to come (at least the one `AttemptFinished`). False: nothing is left of it,
        and nothing of it will ever report.
        """

    def cancel(self, attempt: AttemptId, *, grace: float = 5.0) -> None:
        """End the attempt's whole process tree: interrupt, then after `grace` seconds terminate, then kill.

        Returns at once; its `AttemptFinished` follows. An unknown or finished attempt is no error.
        """

    def close(self, *, cancel: bool = False) -> None:
        """Stop following. Attempts go on by themselves and can be adopted, unless `cancel`."""
