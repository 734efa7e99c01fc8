"""A kernel dies in the middle of a backfill: the same cell, run again in the next kernel, finishes it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect

from jupyter_flows import open_flows

pytestmark = [pytest.mark.ui, pytest.mark.kernel, pytest.mark.timeout(180)]


def test_a_backfill_survives_the_death_of_its_kernel(lab: Any, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(
        "mortal.ipynb",
        flow="%load_ext jupyter_flows\n%flow mortal --schedule @daily --start 2024-01-01 --retries 0",
        count="%%task count\nrows = list(range(data_interval_start.day))",
        total="%%task total\nprint('total is', sum(rows))",
        go="%flows backfill --from 2024-01-01 --to 2024-01-06 --parallel 2",
        pid="import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))",
    )
    for cell in ("flow", "count", "total", "pid"):
        notebook.run(cell)
    notebook.save()
    notebook.run("go")
    matrix = notebook.output("go").locator(".jp-Flows:visible")
    expect(matrix.locator(".jfx-cell.jfx-success").first).to_be_visible(timeout=40_000)
    expect(matrix.locator(".jfx-cell.jfx-no_status").first).to_be_visible()
    os.kill(int((lab.root / "pid").read_text()), signal.SIGKILL)

    dialog = notebook.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("restart", ignore_case=True, timeout=30_000)
    dialog.get_by_role("button", name="Ok").click()
    notebook.wait_idle()
    notebook.run("flow")
    notebook.run("go")
    expect(matrix.locator(".jfx-rowLabel .jfx-icon.jfx-success")).to_have_count(6, timeout=90_000)
    expect(matrix.locator(".jfx-standing")).to_have_text("success")

    with closing(open_flows(home=lab.home)) as flows:
        runs = [r for r in flows.store.runs() if r.flow_id == "mortal"]
    assert len(runs) == len({r.interval for r in runs}) == 6
    assert {r.state.value for r in runs} == {"success"}
