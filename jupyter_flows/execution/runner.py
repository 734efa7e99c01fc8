"""The runner: the process that drives one notebook. Killed with its supervisor, and it never outlives it.

It tells its supervisor by lines of JSON on a pipe: `kernel` (who it is), `ready`, cells, and last `report`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_flows.execution.connect import ChildKernel, Kernel, start_kernel
from jupyter_flows.execution.evidence import Evidence
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.folder import AttemptFolder, encode, read_json
from jupyter_flows.execution.lean import load_engine
from jupyter_flows.execution.processes import die_with
from jupyter_flows.execution.wire import job_from_json

KERNEL = "kernel"
REPORT = "report"

Find = Callable[[Job], Coroutine[Any, Any, Kernel]]


def run(job: Job, find: Find, pipe: int) -> None:
    """Drive `job`'s notebook in the kernel `find` comes up with. Everything is told on `pipe`; nothing is raised."""
    try:
        evidence = _run(job, find, pipe)
    except Exception:
        evidence = Evidence(trouble=f"The runner failed:\n{traceback.format_exc()}")
    _tell(pipe, REPORT, {"evidence": evidence.to_json()})


def _run(job: Job, find: Find, pipe: int) -> Evidence:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        kernel = loop.run_until_complete(find(job))
    except Exception as error:
        return Evidence(refused=f"The kernel '{job.kernel}' could not be started: {error}")
    load_engine()
    from jupyter_flows.execution.notebook import Stop, run_notebook
    from jupyter_flows.execution.saving import BadNotebook

    stop = Stop()
    signal.signal(signal.SIGUSR1, lambda *_: loop.call_soon_threadsafe(stop.ask))
    _tell(pipe, KERNEL, {"pid": kernel.pid})
    try:
        return run_notebook(job, kernel, loop, lambda event, data: _tell(pipe, event, data), stop)
    except BadNotebook as error:
        return Evidence(refused=str(error))


def _tell(pipe: int, event: str, data: Mapping[str, Any]) -> None:
    view = memoryview(encode({"event": event, **data}) + b"\n")
    with suppress(BrokenPipeError):
        while view:
            view = view[os.write(pipe, view) :]


def stay_calm() -> None:
    """Let the supervisor decide about ends. Handlers, not SIG_IGN, which the kernel would inherit."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)


def read_request(descriptor: int) -> dict[str, Any]:
    """What travels beside the job because it must not lie on disk: the kernel's environment."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", closefd=False) as file:
        request: dict[str, Any] = json.loads(file.read())
    return request


def main(arguments: list[str]) -> None:
    """`runner <folder> <sockets> <pipe> <parent>`, the request on standard input: a cold start of any kernel."""
    folder, sockets, pipe, parent = Path(arguments[0]), Path(arguments[1]), int(arguments[2]), int(arguments[3])
    die_with(parent)
    stay_calm()
    os.set_inheritable(pipe, False)
    env = read_request(0)["env"]
    job = job_from_json(read_json(AttemptFolder(folder).job))

    async def find(job: Job) -> ChildKernel:
        return await start_kernel(job.kernel, sockets, env, job.cwd)

    run(job, find, pipe)
    os._exit(0)


if __name__ == "__main__":
    if sys.path[0] == os.getcwd():
        del sys.path[0]
    main(sys.argv[1:])
