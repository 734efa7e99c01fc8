"""The path of a new user, in a real browser: look, run, watch, read, break, repair, leave and come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.ui, pytest.mark.kernel, pytest.mark.timeout(180)]

BACKFILL = "%flows backfill --from 2024-01-01 --to 2024-01-03"
LOAD = "%load_ext jupyter_flows\n%flow {name} --schedule @daily --start 2024-01-01 --retries 0"


def test_hello_runs_fills_its_matrix_and_is_there_the_day_after(
    lab: Any, page: Page, hello: str, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook(hello)
    for cell in ("flow", "fetch", "shout", "save", "graph"):
        notebook.run(cell)
    graph = notebook.output("graph")
    expect(graph.locator(".jfx-node")).to_have_count(3)
    expect(graph.locator(".jfx-arrowLabel:visible")).to_have_text(["words", "loud"])

    notebook.write("run", f"{BACKFILL}\nstarted_here = True")
    notebook.run("run")
    matrix = notebook.output("run").locator(".jp-Flows-live")
    expect(matrix.locator(".jfx-cell")).to_have_count(9)
    expect(matrix.locator(".jfx-cell.jfx-success")).not_to_have_count(9)  # the cell has returned before its runs have
    notebook.wait_idle()
    notebook.run("fetch")  # meanwhile the kernel is free
    expect(matrix.locator(".jfx-cell.jfx-success")).to_have_count(9, timeout=60_000)
    expect(matrix.locator(".jfx-standing")).to_have_text("success")
    assert sorted(p.name for p in (lab.root / "hello" / "out").glob("2024*")) == [
        f"2024-01-0{day}.txt" for day in (1, 2, 3)
    ]

    cell = matrix.get_by_role("gridcell", name="shout, 2024-01-02: success")
    cell.click()
    expect(matrix.locator(".jfx-detail .jfx-name")).to_have_text("2024-01-02")
    expect(matrix.locator(".jfx-log")).to_contain_text("HELLO TUESDAY!")

    notebook.save()
    lab.end_kernels()
    saved = json.loads((lab.root / hello).read_text())
    shown = next(c for c in saved["cells"] if c["id"] == "run")["outputs"]
    picture = next(o["data"] for o in shown if "image/svg+xml" in o.get("data", {}))
    assert "3 of 3 runs" in "".join(picture["image/svg+xml"])
    notebook.reload()
    still = notebook.output("run").locator(".jp-Flows-still")
    expect(still.locator(".jfx-cell.jfx-success")).to_have_count(9, timeout=20_000)
    expect(notebook.output("graph").locator(".jp-Flows-still .jfx-node")).to_have_count(3)
    for trouble in ("Error displaying widget", "model not found", "saved by another version"):
        expect(page.get_by_text(trouble)).to_have_count(0)

    notebook.write("fetch", "%load_ext jupyter_flows\n%flows runs --flow hello")
    notebook.run("fetch")
    expect(notebook.output("fetch").locator("tbody tr")).to_have_count(3)
    notebook.write("shout", "%flows logs shout --flow hello")
    notebook.run("shout")
    expect(notebook.output("shout")).to_contain_text("HELLO WEDNESDAY!")


def test_a_failed_task_says_why_and_runs_again_once_its_cell_is_repaired(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(
        "broken.ipynb",
        flow=LOAD.format(name="broken"),
        good="%%task good\nrows = [1, 2]",
        bad="%%task bad\nprint('looking at', rows)\nraise ValueError('no rows for this day')",
        last="%%task last --after bad\nprint('done')",
        go="%flows run --at 2024-01-04",
        again="%flows run --at 2024-01-04",
    )
    for cell in ("flow", "good", "bad", "last"):
        notebook.run(cell)
    notebook.save()
    notebook.run("go")
    run = notebook.output("go").locator(".jp-Flows-live")
    expect(run.locator("[data-id=bad]")).to_have_attribute("data-state", "failed", timeout=40_000)
    expect(run.locator("[data-id=last]")).to_have_attribute("data-state", "upstream_failed")
    run.locator("[data-id=bad]").click()
    expect(run.locator(".jfx-reason")).to_contain_text("no rows for this day")
    expect(run.locator(".jfx-log")).to_contain_text("looking at [1, 2]")
    expect(run.get_by_role("button", name="Run the failed tasks again")).to_be_visible()

    run.get_by_role("button", name="Run the failed tasks again").click()  # as they were: it fails a second time
    expect(run.locator(".jfx-attempts li")).to_have_count(2, timeout=40_000)
    expect(run.locator("[data-id=bad]")).to_have_attribute("data-state", "failed", timeout=40_000)

    notebook.write("bad", "%%task bad\nprint('looking at', rows)")
    notebook.run("bad")
    notebook.run("again")
    second = notebook.output("again").locator(".jp-Flows-live")
    expect(second.locator(".jfx-standing")).to_contain_text("success", timeout=40_000)
    expect(second.locator(".jfx-node.jfx-success")).to_have_count(3)


def test_the_failed_days_of_a_backfill_are_retried_by_one_button(lab: Any, open_notebook: Callable[..., Any]) -> None:
    check = "if ds == '2024-01-02' and not Path('arrived').exists(): raise ValueError('not here yet')"
    notebook = open_notebook(
        "late.ipynb",
        flow=LOAD.format(name="late"),
        look=f"%%task look\nfrom pathlib import Path\n{check}",
        go="%flows backfill --from 2024-01-01 --to 2024-01-02",
    )
    for cell in ("flow", "look"):
        notebook.run(cell)
    notebook.save()
    notebook.run("go")
    matrix = notebook.output("go").locator(".jp-Flows-live")
    expect(matrix.locator(".jfx-standing")).to_have_text("failed", timeout=40_000)
    matrix.get_by_role("rowheader", name="2024-01-02").click()
    expect(matrix.locator(".jfx-log")).to_contain_text("ValueError: not here yet")
    (lab.root / "arrived").touch()
    matrix.locator(".jfx-heading").first.get_by_role("button", name="Run the failed tasks again").click()
    expect(matrix.locator(".jfx-cell.jfx-success")).to_have_count(2, timeout=40_000)
    expect(matrix.locator(".jfx-standing")).to_have_text("success")


def test_a_long_run_is_cancelled_while_the_kernel_is_busy(lab: Any, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(
        "long.ipynb",
        flow=LOAD.format(name="long"),
        forever="%%task forever\nimport time\nwhile ds == '2024-01-04': time.sleep(0.1)",
        go="%flows run --at 2024-01-04",
        busy="import pathlib, time\nwhile not pathlib.Path('enough').exists(): time.sleep(0.05)",
    )
    for cell in ("flow", "forever"):
        notebook.run(cell)
    notebook.save()
    notebook.run("go")
    run = notebook.output("go").locator(".jp-Flows-live")
    expect(run.locator("[data-id=forever]")).to_have_attribute("data-state", "running", timeout=40_000)
    notebook.start("busy")
    busy = notebook.cell("busy").locator(".jp-InputPrompt")
    expect(busy).to_have_text("[*]:")
    run.get_by_role("button", name="Cancel this run").click()
    expect(run.locator(".jfx-standing")).to_contain_text("failed", timeout=40_000)
    expect(busy).to_have_text("[*]:")
    expect(run.get_by_text("kernel is busy")).to_have_count(0)
    (lab.root / "enough").touch()
    expect(busy).not_to_have_text("[*]:")


def test_a_misspelt_option_is_explained_below_its_cell(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(
        "typo.ipynb", flow=LOAD.format(name="typo"), first="%%task first --retrys 2\nx = 1", graph="%flows check"
    )
    notebook.run("flow")
    notebook.start("first")
    problem = notebook.output("first")
    expect(problem).to_contain_text("retrys", timeout=20_000)
    expect(problem).to_contain_text("--retries")
    expect(problem.get_by_text("Traceback")).to_have_count(0)
