"""The forge itself: a process that has everything imported and forks a supervisor for each request.

It is exec'ed, never forked from its owner. At every fork it has one thread, no zmq context and no event loop. It talks
on one socket it was born with, so nobody else can reach it, and ends when the other end is closed; attempts go on.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_flows.execution.folder import encode

KERNEL_MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.iostream",
    "ipykernel.heartbeat",
    "ipykernel.displayhook",
    "ipykernel.debugger",
    "ipykernel.comm.manager",
    "ipykernel.subshell_manager",
    "ipykernel.embed",
    "IPython.core.magics",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.core.ultratb",
    "pygments.lexers.python",
    "pygments.formatters.terminal256",
    "stack_data",
    "asttokens",
    "executing",
    "pure_eval",
    "IPython.extensions.storemagic",
    "jupyter_client.asynchronous.client",
    "zmq.asyncio",
    "sqlite3",
    "pdb",
    "multiprocessing.reduction",
    "jupyter_flows.execution.task_kernel",
    "jupyter_flows.task",
)

LEAVES_TRACES = ("matplotlib.pyplot", "matplotlib_inline.backend_inline", "ipywidgets", "plotly")
"""These look for a running IPython when they are imported, and would look too early here."""


def main(arguments: list[str]) -> None:
    """`forge_server <socket> <json: preload>`."""
    control = socket.socket(fileno=int(arguments[0]))
    preload: list[str] = json.loads(arguments[1])
    try:
        _load_base()
        done = _load(preload, control)
    except Exception:
        control.send(encode({"failed": traceback.format_exc()[-4000:]}))
        return
    control.set_inheritable(False)
    code = Code()
    gc.collect()
    gc.freeze()
    control.send(encode({"ready": True, "preloaded": done}))
    _serve(control, code)


def _load_base() -> None:
    from jupyter_flows.execution.lean import load_engine

    for name in KERNEL_MODULES:
        with suppress(ImportError):
            importlib.import_module(name)
    load_engine()
    importlib.import_module("jupyter_flows.execution.forked")


def _load(preload: list[str], control: socket.socket) -> list[str]:
    """Import what flows asked for. A module that starts a thread or looks for IPython: begin again without it."""
    done = []
    for name in preload:
        try:
            importlib.import_module(name)
        except Exception:
            continue  # the cell that imports it will say why
        if _threads() > 1 or any(trace in sys.modules for trace in LEAVES_TRACES):
            rest = [other for other in preload if other != name]
            control.set_inheritable(True)
            command = [sys.executable, "-m", "jupyter_flows.execution.forge_server", str(control.fileno())]
            os.execv(sys.executable, [*command, json.dumps(rest)])
        done.append(name)
    return done


SAFE_THREADS = frozenset({"jemalloc_bg_thd"})
"""jemalloc (in pyarrow, which pandas imports) stops its own before a fork and starts it again in the child."""


def _threads() -> int:
    """How many threads would be missing in a child, and the one that would not."""
    return sum(1 for task in Path("/proc/self/task").iterdir() if _name(task) not in SAFE_THREADS)


def _name(task: Path) -> str:
    try:
        return (task / "comm").read_text().strip()
    except OSError:
        return ""


class Code:
    """The code this process holds, to tell whether it still is what lies on the disk."""

    def __init__(self) -> None:
        paths = sysconfig.get_paths()
        installed = tuple(paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
        files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        own = {f for f in files if isinstance(f, str) and f.endswith(".py") and not f.startswith(installed)}
        self._times = {path: _time(path) for path in (*own, paths["purelib"], paths["platlib"])}

    def has_changed(self) -> bool:
        """Whether a module that is not installed was edited, or anything was installed or removed."""
        return any(_time(path) != time for path, time in self._times.items())


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _serve(control: socket.socket, code: Code) -> None:
    """Fork for each request, collect the dead, until the owner is gone."""
    wake, wake_in = os.pipe()
    for descriptor in (wake, wake_in):
        os.set_blocking(descriptor, False)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
    owner = os.getppid()
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake, select.POLLIN)
    while os.getppid() == owner:
        for descriptor, _ in poll.poll(5000):
            if descriptor == wake:
                _collect(wake)
            elif not _answer(control, code, (wake, wake_in)):
                return


def _collect(wake: int) -> None:
    with suppress(BlockingIOError):
        os.read(wake, 4096)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(control: socket.socket, code: Code, private: Iterable[int]) -> bool:
    """One request: a folder, and two descriptors beside it. False when the owner has gone."""
    data, descriptors = _receive(control)
    if not data:
        return False
    from jupyter_flows.execution import forked

    folder, (request, nudge) = Path(json.loads(data)["folder"]), descriptors

    def be_supervisor() -> None:
        control.close()
        for descriptor in private:
            os.close(descriptor)
        forked.be_supervisor(folder, request, nudge)

    try:
        answer: dict[str, Any] = {"stale": True} if code.has_changed() else {"pid": forked.fork(be_supervisor)}
    except OSError as error:
        answer = {"failed": str(error)}
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(OSError):
        control.send(encode(answer))
    return True


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    found = array.array("i")
    try:
        data, ancillary, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(2 * found.itemsize))
    except OSError:
        return b"", []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(payload[: len(payload) - len(payload) % found.itemsize])
    for descriptor in found:
        os.set_inheritable(descriptor, False)
    return data, list(found)


if __name__ == "__main__":
    if sys.path[0] == os.getcwd():
        del sys.path[0]
    main(sys.argv[1:])
