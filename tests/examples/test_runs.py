"""Each example by hand and scheduled: the same cells, the same numbers."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.kernel


def states(run: dict[str, Any]) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in run["tasks"]}


def executed(run: dict[str, Any], task_id: str) -> Any:
    path = next(task["notebook"] for task in run["tasks"] if task["task_id"] == task_id)
    return nbformat.read(path, as_version=4)


def test_hello_by_hand_writes_one_file(by_hand: Callable[[str], Any]) -> None:
    hello = by_hand("hello")
    loud = hello.shown("%%task shout").strip("'")
    (written,) = (hello.folder / "out").iterdir()
    assert written.read_text(encoding="utf-8") == loud
    assert loud.startswith("HELLO ")


def test_hello_backfills_its_three_days(copy_of: Callable[..., Any]) -> None:
    hello = copy_of("hello")
    words = ("backfill", "flow.ipynb", "--from", "2024-01-01", "--to", "2024-01-03")
    runs = hello.flows(*words)["runs"]
    assert sorted(run["state"] for run in runs) == ["success"] * 3
    written = {path.name: path.read_text(encoding="utf-8") for path in (hello.folder / "out").iterdir()}
    assert written == {
        "2024-01-01.txt": "HELLO MONDAY!",
        "2024-01-02.txt": "HELLO TUESDAY!",
        "2024-01-03.txt": "HELLO WEDNESDAY!",
    }


def test_what_failed_runs_again_with_the_repaired_notebook(copy_of: Callable[[str], Any]) -> None:
    hello = copy_of("hello")
    hello.edit("loud = ", "raise ValueError(); loud = ")
    (failed,) = hello.flows("run", "flow.ipynb", "--at", "2024-01-04", code=1)["runs"]
    assert states(failed) == {"fetch": "success", "shout": "failed", "save": "upstream_failed"}

    hello.edit("raise ValueError(); ", "")
    (repaired,) = hello.flows("retry", "flow.ipynb", "--latest")["runs"]
    assert repaired["run_id"] == failed["run_id"]
    assert {task["task_id"]: task["try_number"] for task in repaired["tasks"]} == {"fetch": 1, "shout": 2, "save": 1}
    assert set(states(repaired).values()) == {"success"}
    assert (hello.folder / "out" / "2024-01-04.txt").read_text(encoding="utf-8") == "HELLO THURSDAY!"


def test_flight_delays_gives_by_hand_and_scheduled_the_same_numbers(
    by_hand: Callable[[str], Any], copy_of: Callable[[str], Any], shown: Callable[[Any, str], str]
) -> None:
    hand, scheduled = by_hand("flight_delays"), copy_of("flight_delays")
    runs = scheduled.flows("backfill", "flow.ipynb", "--from", "2013-02-03", "--to", "2013-02-10", "--parallel", "2")
    storm, week_after = sorted(runs["runs"], key=lambda run: str(run["logical_date"]))

    assert storm["state"] == week_after["state"] == "success"
    assert storm["data_interval_start"] == "2013-02-03T05:00:00+00:00"
    assert states(storm)["deploy"] == "skipped", "the model of the week of the storm lost"
    assert set(states(storm).values()) == {"success", "skipped"}
    assert set(states(week_after).values()) == {"success"}

    scores = hand.shown("%%task evaluate")
    assert shown(executed(storm, "evaluate"), "%%task evaluate") == scores
    assert ast.literal_eval(scores)["model"] > ast.literal_eval(scores)["baseline"]
    assert shown(executed(week_after, "evaluate"), "%%task evaluate") != scores

    report = Path("out/reports/2013-02-03/index.html")
    assert (scheduled.folder / report).read_bytes() == (hand.folder / report).read_bytes()
    assert (scheduled.folder / "out/models/2013-02-10/scores.json").exists()
    assert not (scheduled.folder / "out/models/2013-02-03").exists()
    assert (scheduled.folder / "out/reports/2013-02-10/delays.png").stat().st_size > 10_000


def test_the_training_notebook_runs_by_itself(copy_of: Callable[..., Any]) -> None:
    flights = copy_of("flight_delays")
    flights.run(
        "jupyter-nbconvert", "--to", "notebook", "--execute", "--output", "executed.ipynb", "notebooks/train.ipynb"
    )
    notebook = nbformat.read(flights.folder / "notebooks" / "executed.ipynb", as_version=4)
    assert notebook.cells[-1].outputs


def test_the_demo_says_where_its_results_are(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "scripts" / "show-demo"
    attempt = tmp_path / "runs" / "flight_delays" / "backfill__x" / "train" / "1.ipynb"
    attempt.parent.mkdir(parents=True)
    attempt.touch()
    shown = subprocess.run(["bash", str(script), str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert str(attempt) in shown
    assert "examples/flight_delays/out/reports/" in shown
