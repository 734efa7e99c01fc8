"""What people see in JupyterLab: live while the kernel lives, the last picture ever after, trusted or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.ui, pytest.mark.kernel, pytest.mark.timeout(180)]

SHOW = """
from datetime import datetime, timedelta, timezone
from jupyter_flows import views
from jupyter_flows.model.flow import Edge, Flow, Task
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.run import FlowRun, TaskRun
from jupyter_flows.model.ids import RunType
from jupyter_flows.model.state import TaskState
from jupyter_flows.widgets import RunWidget
flow = Flow('flights', tasks=(Task('extract'), Task('join')), edges=(Edge('extract', 'join'),))
start = datetime(2013, 1, 7, tzinfo=timezone.utc)
run = FlowRun(flow.id, 'manual__1', RunType.MANUAL, DataInterval(start, start), flow.digest)
def view(*states):
    return views.run_view(run, flow, [TaskRun(t.id, state=TaskState(s)) for t, s in zip(flow.tasks, states)])
heard = []
widget = RunWidget(view('running', 'no_status'), heard.append)
widget
"""
MOVE = """
import threading, time
def move():
    widget.update(view('success', 'running'))
    widget.append_log('join', 'reading flights')
threading.Thread(target=move).start()
while not heard: time.sleep(0.05)
print('heard', heard[-1]['action'])
"""


def test_a_run_is_live_then_still_and_never_broken(lab: Any, page: Page, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook("run.ipynb", show=SHOW, move=MOVE)
    notebook.run("show")
    live, still = page.locator(".jp-Flows-live"), page.locator(".jp-Flows-still:visible")
    expect(live).to_be_visible(timeout=30_000)
    expect(still).to_have_count(0)
    expect(page.locator("[data-id=extract]")).to_have_attribute("data-state", "running")

    notebook.start("move")  # busy until the click is heard
    expect(page.locator("[data-id=join]")).to_have_attribute("data-state", "running", timeout=10_000)
    page.locator("[data-id=join]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".jfx-log")).to_have_text("reading flights")
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.get_by_text("heard", exact=False).last).to_be_visible(timeout=20_000)

    notebook.save()
    lab.end_kernels()
    notebook.reload()
    expect(still).to_have_count(1, timeout=20_000)
    expect(page.get_by_text("Error displaying widget")).to_have_count(0)
    expect(still.locator("[data-id=extract]")).to_be_visible()
    expect(still.get_by_role("button", name="Cancel this run")).to_have_count(0)

    saved = nbformat.read(lab.root / "run.ipynb", 4)
    nbformat.write(saved, lab.root / "untrusted.ipynb")
    open_notebook("untrusted.ipynb")
    expect(still).to_have_count(1, timeout=20_000)
