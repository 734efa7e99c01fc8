from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows import open_flows
from jupyter_flows.cli.door import about_to_run
from jupyter_flows.execution.local import LocalExecutor
from jupyter_flows.runtime.config import Config
from jupyter_flows.runtime.executors import Executors


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What executors were told to have imported."""
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(LocalExecutor, "warm", lambda _self, names: told.append(tuple(names)))
    monkeypatch.setattr("jupyter_flows.execution.forge.is_possible", lambda: True)
    return told


@pytest.fixture
def notebook(tmp_path: Path) -> Any:
    def write(*sources: str) -> Path:
        cells = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
            for i, s in enumerate(sources)
        ]
        path = tmp_path / "flow.ipynb"
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        return path

    return write


def test_what_all_tasks_import_gets_ready_at_once(warmed: list[tuple[str, ...]], notebook: Any, tmp_path: Path) -> None:
    path = notebook(
        "%flow f",
        "%%setup\nimport numpy as np",
        "%%task a\nfrom sklearn.linear_model import Ridge\nx = 1",
        "%%task b\nimport os.path, numpy\nx",
    )
    executors = Executors(Config(tmp_path))
    executors.get_ready(path)
    assert warmed == [("numpy", "sklearn.linear_model", "os.path")]
    first = executors.take()
    assert executors.take() is not first


def test_without_a_forge_nothing_gets_ready(warmed: list[tuple[str, ...]], notebook: Any, tmp_path: Path) -> None:
    Executors(Config(tmp_path, forge=False)).get_ready(notebook("x = 1"))
    assert warmed == []


def test_a_notebook_that_cannot_be_read_starts_nothing_and_stops_nothing(
    warmed: list[tuple[str, ...]], tmp_path: Path
) -> None:
    flows = open_flows(tmp_path / "home", ahead=tmp_path / "missing.ipynb")
    flows.close()
    assert warmed == []


def test_what_was_got_ready_and_not_needed_is_ended(
    warmed: list[tuple[str, ...]], notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(LocalExecutor, "close", lambda _self, *, cancel=False: closed.append(cancel))
    open_flows(tmp_path / "home", ahead=notebook("x = 1")).close()
    assert (warmed, closed) == ([()], [False])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["run", "a/flow.ipynb"], "a/flow.ipynb"),
        (["backfill", "--from", "2024-01-01", "flow.ipynb", "--to", "2024-01-02"], "flow.ipynb"),
        (["run", "hello"], None),
        (["run", "flow.ipynb", "--detach"], None),
        (["backfill", "flow.ipynb", "--dry-run"], None),
        (["graph", "flow.ipynb"], None),
        ([], None),
    ],
)
def test_a_command_tells_which_notebook_it_will_run(words: list[str], named: str | None) -> None:
    assert about_to_run(words) == named
