"""What is wrong with a notebook is told with its place and the way out, and stops nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FLOW = "%flow broken --schedule @daily --start 2024-01-01"
GOOD = ("%flow good --schedule @daily --start 2024-01-01", "%%task a --kind empty\n")


@pytest.fixture
def beside(place: Any) -> Any:
    """A place with a good flow that has run."""
    place.notebook(*GOOD, name="good.ipynb")
    assert place.ask("run", "good.ipynb", "--at", "2024-01-01").code == 0
    return place


FAULTS = {
    "a cycle": (["%%task a --after b\n1", "%%task b --after a\n2"], "cycle", "cell 2", "a"),
    "an unknown upstream": (["%%task a\n1", "%%task b --after aa\n2"], "unknown-upstream", "cell 3", "--after a"),
    "an unknown option": (["%%task a --retires 3\n1"], "unknown-option", "cell 2", "--retries"),
    "two tasks of one name": (["%%task a\n1", "%%task a\n2"], "duplicate-task", "cell 3", "a"),
    "a syntax error": (["%%task a\nx = = 1"], "syntax", "cell 2, line 2", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_cell_names_the_cell_and_the_way_out(beside: Any, fault: str) -> None:
    cells, code, where, fix = FAULTS[fault]
    beside.notebook(FLOW, *cells, name="broken.ipynb")
    answer = beside.ask("run", "broken.ipynb", "--json")
    assert answer.code == 3
    (problem,) = [p for p in answer.json["error"]["problems"] if p["severity"] == "error"]
    assert code in problem["code"]
    assert f"broken.ipynb, {where}" in answer.err
    assert fix in problem["fix"] + problem["message"]
    nothing_else_stops(beside)


@pytest.mark.parametrize("schedule", ["@dayly", "'61 * * * *'", "every-full-moon"])
def test_an_unknown_schedule_names_the_cell_and_what_could_be_meant(beside: Any, schedule: str) -> None:
    beside.notebook(f"%flow broken --schedule {schedule}", "%%task a\n1", name="broken.ipynb")
    answer = beside.ask("deploy", "broken.ipynb", "--json")
    assert answer.code == 3
    (problem,) = answer.json["error"]["problems"]
    assert schedule.strip("'") in problem["message"]
    assert problem["fix"]
    assert "broken.ipynb, cell 1" in answer.err
    nothing_else_stops(beside)


def test_a_name_that_no_cell_defines_fails_its_task_with_the_line(beside: Any) -> None:
    beside.notebook(FLOW, "%%task a\nx = 1\nprint(undefined_name)", name="broken.ipynb")
    answer = beside.ask("run", "broken.ipynb", "--at", "2024-01-01", "--json")
    told = answer.json["error"]["problems"] if answer.code == 3 else answer.json["runs"][0]["tasks"]
    assert answer.code in (1, 3)
    assert "undefined_name" in str(told)
    nothing_else_stops(beside)


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', "[]"])
def test_a_broken_file_is_named_and_the_others_are_checked_all_the_same(beside: Any, text: str) -> None:
    (beside.root / "broken.ipynb").write_text(text)
    answer = beside.ask("run", "broken.ipynb")
    assert answer.code == 3
    assert "broken.ipynb" in answer.err
    assert "Traceback" not in answer.err
    checked = beside.ask("check", "broken.ipynb", "good.ipynb", "--json")
    assert (checked.code, {Path(p["path"]).name for p in checked.json["problems"]}) == (3, {"broken.ipynb"})
    nothing_else_stops(beside)


def test_a_registered_flow_whose_file_is_broken_by_now_runs_as_it_was_registered(beside: Any) -> None:
    (beside.root / "good.ipynb").write_text("{")
    assert beside.ask("run", "good.ipynb").code == 3
    nothing_else_stops(beside)


@pytest.mark.kernel
def test_a_missing_kernel_fails_the_attempt_with_the_kernels_there_are(beside: Any) -> None:
    beside.notebook(FLOW, "%%task a --kernel pyhton3\n1", "%%task b\nprint('b ran')", name="broken.ipynb")
    answer = beside.ask("run", "broken.ipynb", "--at", "2024-01-01", "--json")
    assert answer.code == 1
    tasks = {t["task_id"]: t for t in answer.json["runs"][0]["tasks"]}
    assert (tasks["a"]["state"], tasks["b"]["state"]) == ("failed", "success")
    assert "pyhton3" in tasks["a"]["reason"]
    assert "Use 'python3'" in tasks["a"]["reason"]
    assert sorted(beside.attempts()) == [("2024-01-01", "a", 1, "not_started"), ("2024-01-01", "b", 1, "succeeded")]
    nothing_else_stops(beside)


def nothing_else_stops(beside: Any) -> None:
    """The good flow has its history and runs again."""
    runs = beside.ask("runs", "good", "--json").json["runs"]
    assert [r["state"] for r in runs] == ["success"]
    assert beside.ask("run", "good", "--at", "2024-01-01").code == 0
