"""Many attempts: none disturbs another, and none leaves anything behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_flows.execution.folder import AttemptFolder
from jupyter_flows.model.progress import AttemptFinished
from jupyter_flows.model.run import Succeeded

pytestmark = pytest.mark.kernel


def test_many_at_once_do_not_share_a_socket(forked: Any) -> None:
    """T13: of kernels started in parallel by port numbers, 3 % shared one."""
    runs = [forked.start(f"print({number})") for number in range(16)]
    for number, waiting in enumerate(runs):
        assert waiting.until(AttemptFinished).outcome == Succeeded()
        assert waiting.job.log.read_text() == f"{number}\n"


def test_thirty_attempts_leave_no_descriptor_no_zombie_no_folder(forked: Any, cold: Any, eventually: Any) -> None:
    forked.run("1")
    cold.run("1")
    before, threads, folders = _open_files(), psutil.Process().num_threads(), []
    for _ in range(3):
        runs = [forked.start("import subprocess; p = subprocess.Popen(['sleep', '100'])") for _ in range(9)]
        runs.append(cold.start("import os; os._exit(3)"))
        for waiting in runs:
            waiting.until(AttemptFinished)
            folders.append(Path(json.loads(AttemptFolder(waiting.job.folder).supervisor.read_text())["sockets"]))
    eventually(lambda: _open_files() == before)
    assert len(set(folders)) == 30
    assert not [folder for folder in folders if folder.exists()]
    eventually(lambda: psutil.Process().num_threads() <= threads + 1)
    eventually(lambda: not [c for c in psutil.Process().children(recursive=True) if _is_zombie(c)])


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
