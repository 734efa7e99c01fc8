"""What a supervisor starts, and how: the runner and its kernel, cold here, forked in `forked`."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jupyter_flows.execution.executor import Job


@dataclass(frozen=True, slots=True)
class Family:
    """The processes a start began. `kernel` is None when the runner starts it."""

    runner: int
    kernel: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What a start needs: where things are, and the ends of the pipes for the runner's lines and for raw output."""

    folder: Path
    job: Job
    sockets: Path
    request: int
    report: int
    raw: int
    private: tuple[int, ...] = ()
    """Descriptors of the supervisor that a forked child must close."""


class Start(Protocol):
    """A way to bring up the runner and its kernel."""

    how: str

    def __call__(self, stage: Stage) -> Family:
        """Start them."""


class ColdStart:
    """A fresh Python for the runner; jupyter_client starts the kernel from there."""

    how = "cold"

    def __call__(self, stage: Stage) -> Family:
        """Start them."""
        os.set_inheritable(stage.report, True)
        os.lseek(stage.request, 0, os.SEEK_SET)
        command = [sys.executable, "-m", "jupyter_flows.execution.runner"]
        arguments = [str(stage.folder), str(stage.sockets), str(stage.report), str(os.getpid())]
        plumbing = [
            (os.POSIX_SPAWN_DUP2, stage.request, 0),
            (os.POSIX_SPAWN_DUP2, stage.raw, 1),
            (os.POSIX_SPAWN_DUP2, stage.raw, 2),
        ]
        pid = os.posix_spawn(sys.executable, command + arguments, dict(os.environ), file_actions=plumbing)
        return Family(runner=pid)


def short_folder() -> Path:
    """A new private folder whose path leaves room for socket names (107 bytes in all)."""
    parent = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="jf-", dir=parent if len(parent) <= 60 else "/tmp"))
