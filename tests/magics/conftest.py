"""A shell that behaves like a kernel's, in this process, with a home and a notebook of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class Notebook:
    """Cells run one after the other, as a person would."""

    def __init__(self, path: Path) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        InteractiveShell.clear_instance()  # display() asks for the one shell of the process
        self.shell = InteractiveShell.instance(config=config)
        self.path = path
        self.run("%load_ext jupyter_flows")

    def run(self, source: str, cell_id: str | None = None) -> Any:
        """Run one cell; its error, if any, is in the result."""
        return self.shell.run_cell(source, store_history=True, cell_id=cell_id)

    @property
    def names(self) -> dict[str, Any]:
        return self.shell.user_ns

    @property
    def magics(self) -> Any:
        return self.shell.magics_manager.registry["FlowsMagics"]

    def write(self, cells: dict[str, str]) -> None:
        """Save the notebook with these cells."""
        made = [
            {"cell_type": "code", "id": i, "source": s, "metadata": {}, "outputs": [], "execution_count": None}
            for i, s in cells.items()
        ]
        spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        self.path.write_text(json.dumps({"cells": made, "metadata": spec, "nbformat": 4, "nbformat_minor": 5}))

    def run_all(self, cells: dict[str, str]) -> None:
        for cell_id, source in cells.items():
            result = self.run(source, cell_id)
            assert result.success, (source, result.error_before_exec or result.error_in_exec)


@pytest.fixture
def open_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path | None], Notebook]]:
    opened: list[Notebook] = []
    monkeypatch.setenv("JUPYTER_FLOWS_HOME", str(tmp_path / "home"))

    def make(path: Path | None = None) -> Notebook:
        where = path or tmp_path / "work.ipynb"
        monkeypatch.setenv("JPY_SESSION_NAME", str(where))
        monkeypatch.chdir(where.parent)
        opened.append(Notebook(where))
        return opened[-1]

    yield make
    InteractiveShell.clear_instance()
    for notebook in opened:
        if notebook.magics._flows is not None:
            notebook.magics._flows.close()


@pytest.fixture
def notebook(open_notebook: Callable[[Path | None], Notebook]) -> Notebook:
    return open_notebook(None)
