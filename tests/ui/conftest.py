"""A private JupyterLab in Debian's Chromium. A page error, or an error of ours on the console, fails the test."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]


def _driver() -> Any:
    """`scripts/private_lab.py`: the scripts are files, not a package."""
    spec = importlib.util.spec_from_file_location("private_lab", ROOT / "scripts" / "private_lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["private_lab"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    driver = _driver()
    if not driver.chromium():
        pytest.fail("These tests need a browser: install Debian's package chromium, or set CHROMIUM.")
    return {**browser_type_launch_args, "executable_path": driver.chromium(), "args": driver.FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1400, "height": 1000}, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = _driver()
    if not (driver.EXTENSION / "package.json").is_file():
        pytest.fail("The browser side is not built: pip install -e .")
    server = driver.Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What went wrong in the browser; there must be nothing of it at the end of a test."""
    heard: list[str] = []

    def on_console(message: Any) -> None:
        where = str(message.location.get("url", ""))
        is_ours = "jupyter-flows" in where or where.startswith("blob:") or "flows" in message.text.lower()
        if message.type == "error" and is_ours:
            heard.append(f"{message.text} ({where})")

    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", on_console)
    yield heard
    assert heard == []


@pytest.fixture
def open_notebook(lab: Any, page: Page) -> Iterator[Callable[..., Any]]:
    """`open_notebook("a.ipynb", one="x = 1", two="…")`: cells by id; without cells an existing file is opened."""

    def make(name: str, **cells: str) -> Any:
        if cells:
            made = [nbformat.v4.new_code_cell(source, id=i.replace("_", "-")) for i, source in cells.items()]
            kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
            nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), lab.root / name)
        return _driver().NotebookPage(lab, page, name)

    yield make
    lab.end_kernels()


@pytest.fixture
def hello(lab: Any) -> Iterator[str]:
    """The first example, in a folder of its own: its path."""
    folder = lab.root / "hello"
    shutil.copytree(ROOT / "examples" / "hello", folder, ignore=shutil.ignore_patterns("out"))
    yield "hello/flow.ipynb"
    shutil.rmtree(folder)
