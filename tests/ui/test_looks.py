"""What people look at: readable in both themes and in narrow columns, and within reach of the keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from jupyter_flows.picture.colours import contrast

pytestmark = [pytest.mark.ui, pytest.mark.kernel, pytest.mark.timeout(180)]

CHAIN = ("extract_flights", "clean_flights", "join_weather", "train_model", "evaluate_model", "publish_report")


def tasks() -> dict[str, str]:
    """A chain of tasks, each of which reads what the one before made."""
    cells = {"flow": "%load_ext jupyter_flows\n%flow looks --schedule @daily --start 2024-01-01 --retries 0"}
    before = "[0]"
    for name in CHAIN:
        cells[name] = f"%%task {name}\ntable_of_{name} = {before} + [1]"
        before = f"table_of_{name}"
    return cells


def test_names_can_be_read_in_both_themes_and_in_a_narrow_window(
    page: Page, tmp_path: Path, open_notebook: Callable[..., Any]
) -> None:
    notebook = open_notebook("looks.ipynb", **tasks(), graph="%flows graph")
    for name in ("flow", *CHAIN, "graph"):
        notebook.run(name.replace("_", "-"))
    graph = notebook.output("graph").locator(".jp-Flows-live")
    expect(graph.locator(".jfx-node")).to_have_count(len(CHAIN))
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        notebook.use_theme(theme)
        name, card = colours(graph, ".jfx-nodeName", "fill", ".jfx-card", "fill")
        assert is_light(card) == (theme == "JupyterLab Light")
        assert contrast(name, card) >= 7
        assert contrast(*colours(graph, ".jfx-nodeWords", "fill", ".jfx-card", "fill")) >= 4.5
        graph.screenshot(path=tmp_path / f"{theme}.png")

    page.set_viewport_size({"width": 760, "height": 1000})
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    expect(graph).to_be_visible()
    page.wait_for_function(
        """() => { const tops = [...document.querySelectorAll('.jp-Flows-live .jfx-node')]
                .map(node => Math.round(node.getBoundingClientRect().top));
            return tops.length > 0 && new Set(tops).size === tops.length; }"""
    )  # one below the other now
    graph.screenshot(path=tmp_path / "narrow.png")
    for node in graph.locator(".jfx-node").all():
        box = node.bounding_box()
        assert box is not None
        assert box["height"] >= 28
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 760


def test_all_is_within_reach_of_the_keyboard(page: Page, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(
        "keys.ipynb",
        flow="%load_ext jupyter_flows\n%flow keys --schedule @daily --start 2024-01-01 --retries 0",
        one="%%task one\nrows = [1]",
        two="%%task two\nprint('rows', rows)",
        run="%flows run --at 2024-01-02",
        backfill="%flows backfill --from 2024-01-03 --to 2024-01-04",
    )
    for name in ("flow", "one", "two"):
        notebook.run(name)
    notebook.save()
    notebook.run("run")
    run = notebook.output("run").locator(".jp-Flows-live")
    expect(run.locator(".jfx-node.jfx-success")).to_have_count(2, timeout=40_000)
    tab_to(page, run.locator("[data-id=one]"))
    page.keyboard.press("ArrowRight")
    expect(run.locator("[data-id=two]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(run.locator(".jfx-detail .jfx-name")).to_have_text("two")
    expect(run.locator(".jfx-log")).to_contain_text("rows [1]")
    tab_to(page, run.get_by_role("button", name=re.compile("^Open ")))
    page.keyboard.press("Enter")
    expect(run.locator(".jfx-notice")).to_contain_text(".ipynb")
    tab_to(page, run.get_by_role("button", name="Close"))
    page.keyboard.press("Enter")
    expect(run.locator(".jfx-detail")).to_be_hidden()

    notebook.run("backfill")
    matrix = notebook.output("backfill").locator(".jp-Flows-live")
    expect(matrix.locator(".jfx-cell.jfx-success")).to_have_count(4, timeout=40_000)
    tab_to(page, matrix.locator(".jfx-cell").first)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(matrix.locator(".jfx-detail .jfx-name")).to_have_text("2024-01-04")
    expect(matrix.locator(".jfx-log")).to_contain_text("rows [1]")
    page.keyboard.press("Escape")
    expect(matrix.locator(".jfx-detail")).to_be_hidden()


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab, from where the keyboard is or from the picture's top, until `wanted` has it."""
    if not wanted.evaluate("(e) => e.closest('.jp-Flows').contains(document.activeElement)"):
        wanted.evaluate(
            """e => { const top = e.closest('.jp-Flows');
                top.tabIndex = -1; top.focus(); top.removeAttribute('tabindex'); }"""
        )
    for _ in range(12):
        if wanted.evaluate("(e) => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")


def colours(within: Locator, one: str, its: str, two: str, other: str) -> tuple[str, str]:
    """Two computed colours, as #rrggbb."""
    found = [
        within.locator(selector).first.evaluate("(e, name) => getComputedStyle(e)[name]", name)
        for selector, name in ((one, its), (two, other))
    ]
    numbers = [re.findall(r"\d+", colour)[:3] for colour in found]
    first, second = ("#" + "".join(f"{int(n):02x}" for n in rgb) for rgb in numbers)
    return first, second


def is_light(colour: str) -> bool:
    """Whether black is easier to read on it than white."""
    return contrast(colour, "#000000") > contrast(colour, "#ffffff")
