"""A JupyterLab server of its own, with our extension as built in this source tree, and a notebook in a browser."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "jupyter_flows" / "labextension"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def chromium() -> str | None:
    """The system's Chromium."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class Lab:
    """A server with its own folders and its own port. Notebooks lie in `root`, runs in `home`."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "root", folder / "home"
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
        env["JUPYTER_FLOWS_HOME"] = str(self.home)
        extensions = folder / "share" / "labextensions"
        extensions.mkdir(parents=True)
        (extensions / "jupyter-flows").symlink_to(EXTENSION)
        env["JUPYTER_PATH"] = str(folder / "share")
        for name, settings in SETTINGS.items():
            file = folder / "lab_settings_dir" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
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


class NotebookPage:
    """A notebook open in JupyterLab. Cells are named by their ids, as the file has them."""

    def __init__(self, lab: Lab, page: Page, path: str) -> None:
        self.page, self.path, self._lab = page, path, lab
        self.reload()

    def reload(self) -> None:
        """Open the notebook again in a fresh page and wait for its kernel."""
        self.page.goto(f"{self._lab.url}/lab/tree/{self.path}?token={self._lab.token}&reset")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        self.page.wait_for_function(
            """path => { const panel = window.jupyterapp?.shell?.currentWidget;
                return panel?.context?.path === path && panel.sessionContext?.isReady; }""",
            arg=self.path,
            timeout=60_000,
        )
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'",
            timeout=60_000,
        )

    def cell(self, cell_id: str) -> Locator:
        """The cell on the screen."""
        index = self.page.evaluate(
            "id => [...window.jupyterapp.shell.currentWidget.content.model.cells].findIndex(c => c.id === id)", cell_id
        )
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, cell_id: str) -> Locator:
        """What stands below the cell."""
        return self.cell(cell_id).locator(".jp-OutputArea")

    def write(self, cell_id: str, source: str) -> None:
        """Replace the cell's text."""
        self.page.evaluate(
            """([id, source]) => [...window.jupyterapp.shell.currentWidget.content.model.cells]
                .find(c => c.id === id).sharedModel.setSource(source)""",
            [cell_id, source],
        )

    def start(self, cell_id: str) -> None:
        """Run a cell, and do not wait for it."""
        self.page.evaluate(
            """id => { const app = window.jupyterapp, content = app.shell.currentWidget.content;
                content.activeCellIndex = [...content.model.cells].findIndex(c => c.id === id);
                void app.commands.execute('notebook:run-cell'); }""",
            cell_id,
        )

    def run(self, cell_id: str) -> None:
        """Run a cell until it is done."""
        prompt = self.cell(cell_id).locator(".jp-InputPrompt")
        before = prompt.text_content() or ""
        self.start(cell_id)
        expect(prompt).not_to_have_text(before, timeout=20_000)
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=60_000)

    def save(self) -> None:
        """Save as with Ctrl+S."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        expect(self.page.locator(".jp-mod-dirty")).to_have_count(0)

    def use_theme(self, name: str) -> None:
        """Change the theme: `JupyterLab Light` or `JupyterLab Dark`."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
        light = str(name != "JupyterLab Dark").lower()
        expect(self.page.locator(f"body[data-jp-theme-light={light}]")).to_have_count(1, timeout=20_000)
