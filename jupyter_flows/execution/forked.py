"""What becomes of a process forked from the forge: a supervisor, its runner, or a real ipykernel."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from jupyter_flows.execution.connect import TASK_KERNEL, SiblingKernel, ipc_connection
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.folder import encode
from jupyter_flows.execution.forked_env import INLINE
from jupyter_flows.execution.lean import forget_runner_modules
from jupyter_flows.execution.processes import die_with, write_cookie
from jupyter_flows.execution.runner import read_request, run, stay_calm
from jupyter_flows.execution.stage import Family, Stage
from jupyter_flows.execution.supervisor import supervise

_DEFAULTS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class ForkedStart:
    """Runner and kernel as two children of the supervisor; the kernel first, it has the longer way."""

    how = "forked"

    def __call__(self, stage: Stage) -> Family:
        """Fork them."""
        supervisor = os.getpid()
        env = read_request(stage.request)["env"]
        connection = ipc_connection(stage.sockets, stage.job.kernel)
        file = stage.sockets / "kernel.json"
        file.write_bytes(encode(connection))
        kernel = fork(lambda: _be_kernel(stage, supervisor, file, env))
        handle = os.pidfd_open(kernel)
        runner = fork(lambda: _be_runner(stage, supervisor, SiblingKernel(kernel, handle, connection)))
        os.close(handle)
        return Family(runner, kernel)


def fork(body: Callable[[], int | None]) -> int:
    """A child that does `body` and never returns here; its pid."""
    pid = os.fork()
    if pid == 0:
        _leave_with(body)
    return pid


def _leave_with(body: Callable[[], int | None]) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in _DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = body() or 0
    except BaseException:
        with suppress(OSError):
            os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(code)


def be_supervisor(folder: Path, request: int, nudge: int) -> None:
    """The child the forge makes for each request."""
    os.setsid()
    write_cookie(folder)
    supervise(folder, start=ForkedStart(), request=request, nudge=nudge)


def _plumb(stage: Stage, *unwanted: int) -> None:
    for descriptor in (*stage.private, *unwanted):
        os.close(descriptor)
    os.dup2(stage.raw, 1)
    os.dup2(stage.raw, 2)
    os.close(stage.raw)


def _be_runner(stage: Stage, supervisor: int, kernel: SiblingKernel) -> None:
    die_with(supervisor)
    stay_calm()
    _plumb(stage, stage.request)

    async def find(_: Job) -> SiblingKernel:
        return kernel

    run(stage.job, find, stage.report)


# ── the kernel ───────────────────────────────────────────────────────────────────────


def _be_kernel(stage: Stage, supervisor: int, connection_file: Path, env: Mapping[str, str]) -> None:
    os.setsid()
    die_with(supervisor)
    _plumb(stage, stage.request, stage.report)
    _settle_in(env, stage.job.cwd)
    from ipykernel.kernelapp import IPKernelApp

    arguments = [
        "-f",
        str(connection_file),
        "--IPKernelApp.parent_handle=1",
        "--HistoryManager.enabled=False",
        "--HistoryManager.hist_file=:memory:",
        *TASK_KERNEL,
    ]
    sys.argv = [_launcher(), *arguments]
    app = IPKernelApp.instance()
    app.initialize(arguments)
    app.start()
    _exit_hooks()


def _settle_in(env: Mapping[str, str], cwd: Path) -> None:
    """Make up for what a fresh process would have got when it was exec'ed."""
    os.environ.clear()
    os.environ.update(env)
    os.environ.setdefault("MPLBACKEND", INLINE)
    time.tzset()
    os.chdir(cwd)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcParams["backend"] = os.environ["MPLBACKEND"]
    widen_pools(env)
    forget_runner_modules()


def _launcher() -> str:
    """What sys.argv[0] is in a kernel that was started by its kernelspec."""
    import ipykernel

    return str(Path(ipykernel.__file__).parent.parent / "ipykernel_launcher.py")


def _exit_hooks() -> None:
    """End as an interpreter does (threads joined, exit hooks called), but without tearing down every module."""
    import atexit

    for finish in (getattr(threading, "_shutdown", None), getattr(atexit, "_run_exitfuncs", None)):
        if finish is not None:
            finish()
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]


def widen_pools(env: Mapping[str, str]) -> None:
    """Give the linear algebra its threads back: while the forge loaded it, it was kept to one."""
    for path in _libraries("openblas", "libgomp", "libomp", "libiomp"):
        library = ctypes.CDLL(path)
        blas = "openblas" in path
        variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS") if blas else ("OMP_NUM_THREADS",)
        count = next((int(env[v]) for v in variables if env.get(v, "").isdigit()), len(os.sched_getaffinity(0)))
        for name in _BLAS_SETTERS if blas else ("omp_set_num_threads",):
            if hasattr(library, name):
                getattr(library, name)(count)
                break


_BLAS_SETTERS = tuple(
    f"{prefix}openblas_set_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "", "_64")
)


def _libraries(*words: str) -> list[str]:
    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
    return sorted(path for path in paths if any(word in os.path.basename(path) for word in words))
