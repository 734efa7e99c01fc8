"""Bringing up a supervisor: the folder it works from, what it is handed, and the cold way to start it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_flows.errors import ExecutionError
from jupyter_flows.execution.environment import base_environment
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.folder import AttemptFolder, encode, replace_file
from jupyter_flows.execution.processes import COOKIE
from jupyter_flows.execution.wire import job_to_json


@dataclass(frozen=True, slots=True)
class Begun:
    """A supervisor on its way. `pipe` says when there is news and ends with it; `process` is ours to reap."""

    pipe: int
    process: subprocess.Popen[bytes] | None = None


def write_folder(job: Job) -> None:
    """Lay out the attempt's folder. Raises ExecutionError when another attempt used it or it cannot be written."""
    folder = AttemptFolder(job.folder)
    try:
        folder.make()
        if folder.supervisor.exists():
            raise ExecutionError(
                f"The folder {job.folder} belongs to an attempt already.", fix="Give each attempt a folder of its own."
            )
        if not job.cwd.is_dir():
            raise ExecutionError(f"The working folder {job.cwd} does not exist.", fix="Create it, or change --cwd.")
        replace_file(folder.job, encode(job_to_json(job)), durable=False)
        replace_file(folder.context, encode(dict(job.context)), durable=False)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise ExecutionError(f"The attempt's folder {job.folder} cannot be written: {error}") from error


def request_file(env: Mapping[str, str]) -> int:
    """A nameless file with what must not lie on disk under any name: the kernel's environment. The caller closes it."""
    data = encode({"env": dict(env)})
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("jupyter-flows-request", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def start_cold(folder: Path, env: Mapping[str, str]) -> Begun:
    """A supervisor in a fresh Python. Raises OSError when no process can be started."""
    request = request_file(env)
    pipe, nudge = os.pipe()
    try:
        raw = os.open(AttemptFolder(folder).raw, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_flows.execution.supervisor", str(folder), str(nudge)],
                stdin=request,
                stdout=raw,
                stderr=raw,
                pass_fds=(nudge,),
                cwd=folder,
                env=base_environment(os.environ) | {COOKIE: str(folder)},
                start_new_session=True,
            )
        finally:
            os.close(raw)
    except OSError:
        os.close(pipe)
        raise
    finally:
        os.close(nudge)
        os.close(request)
    return Begun(pipe, process)
