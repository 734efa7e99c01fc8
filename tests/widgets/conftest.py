"""A run to show, and a private JupyterLab in Debian's Chromium for the tests marked `ui`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows import views
from jupyter_flows.model.flow import Edge, Flow, Task
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.run import FlowRun, TaskRun
from jupyter_flows.model.state import RunState, TaskState

SOURCE = Path(__file__).parents[2] / "jupyter_flows" / "labextension"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def run_view() -> Callable[..., views.View]:
    """`run_view(a="success", b="running")`: a run of the chain a >> b >> …"""

    def make(**states: str) -> views.View:
        names = [TaskId(n) for n in states]
        edges = tuple(Edge(a, b) for a, b in pairwise(names))
        flow = Flow(FlowId("flights"), tasks=tuple(Task(n) for n in names), edges=edges)
        start = datetime(2013, 1, 7, tzinfo=timezone.utc)
        interval = DataInterval(start, start + timedelta(days=7))
        run = FlowRun(flow.id, RunId("manual__1"), RunType.MANUAL, interval, flow.digest, state=RunState.RUNNING)
        return views.run_view(run, flow, [TaskRun(TaskId(n), state=TaskState(s)) for n, s in states.items()])

    return make


class Lab:
    """A JupyterLab server of its own: own folders, own port, and our extension as built in the source tree."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.token = secrets.token_hex(8)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        self.log = folder / "lab.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self._command(),
                env=self._environment(folder),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()

    def _command(self) -> list[str]:
        return [
            sys.executable, "-m", "jupyter", "lab", "--allow-root", "--no-browser", "--ip=127.0.0.1",
            f"--port={self.url.rsplit(':', 1)[1]}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}",
            "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip

    def _environment(self, folder: Path) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER_", "JPY_"))}
        for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR"):
            key = f"JUPYTER{name}" if name.startswith("LAB") else f"JUPYTER_{name}"
            env[key] = str(folder / name.lower())
            Path(env[key]).mkdir()
        env["IPYTHONDIR"] = str(folder / "ipython")
        extensions = folder / "share" / "labextensions"
        extensions.mkdir(parents=True)
        (extensions / "jupyter-flows").symlink_to(SOURCE)
        env["JUPYTER_PATH"] = str(folder / "share")
        quiet = folder / "lab_settings_dir" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True)
        settings = {"fetchNews": "false", "checkForUpdates": False}
        (quiet / "notification.jupyterlab-settings").write_text(json.dumps(settings))
        return env

    def api(self, path: str, method: str = "GET") -> Any:
        """One call of the server's REST API."""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                self.api("/api/status")
                return
            except urllib.error.URLError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"jupyter lab did not start:\n{self.log.read_text()[-3000:]}") from None
                time.sleep(0.1)

    def end_kernels(self) -> None:
        """Shut every kernel down."""
        for session in self.api("/api/sessions"):
            self.api(f"/api/sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """End the server and whatever it started."""
        self.end_kernels()
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(15)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no chromium on this machine")
    return {**browser_type_launch_args, "executable_path": chromium, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1300, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if not (SOURCE / "package.json").is_file():
        pytest.skip("the browser side is not built: pip install -e .")
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()
