"""Cells run by hand: they behave as cells do, and the flow they make is the flow in the file."""

from __future__ import annotations

import json
import shutil
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.definition.notebook import read_flow
from jupyter_flows.runtime.sources import read_notebook, reader_beside

EXAMPLES = Path(__file__).parents[2] / "examples"

CELLS = {
    "a": "%flow week --schedule @daily --start 2024-01-01 --tz Europe/Paris --retries 1 --param depth:int=3",
    "b": "%%setup\nimport math\n\ndef double(x):\n    return 2 * x",
    "c": "%%task load --retries 2\nrows = [1, 2, 3]",
    "d": "%%task total --param bonus=10\nsum_ = sum(double(x) for x in rows) + bonus",
    "e": "%%task choose --kind branch --after total\n'good' if sum_ > 3 else 'bad'",
    "f": "%%task good --after choose\nprint(sum_)",
    "g": "%%task bad --after choose\npass",
    "h": "%%wire\nload >> [bad, good]",
}


def _static(path: Path) -> tuple[Any, Any]:
    return read_flow(read_notebook(path), path=str(path), read_notebook=reader_beside(path))


def test_cells_run_by_hand_make_the_flow_that_is_in_the_file(notebook: Any) -> None:
    notebook.write(CELLS)
    notebook.run_all(CELLS)
    live, live_problems = notebook.magics.live.flow()
    flow, problems = _static(notebook.path)
    assert live.digest == flow.digest
    assert [(t.id, t.inputs, t.outputs) for t in live.tasks] == [(t.id, t.inputs, t.outputs) for t in flow.tasks]
    assert live.edges == flow.edges
    assert not [p for p in (*problems, *live_problems) if p.is_error]


def test_the_order_is_that_of_the_saved_notebook_not_of_running(notebook: Any) -> None:
    notebook.write(CELLS)
    for cell_id in ("a", "b", "c", "e", "d", "h", "g", "f", "d"):
        notebook.run(CELLS[cell_id], cell_id)
    live, _ = notebook.magics.live.flow()
    assert [t.id for t in live.tasks] == ["load", "total", "choose", "good", "bad"]
    assert live.digest == _static(notebook.path)[0].digest


@pytest.mark.kernel
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["hello", "flight_delays"])
def test_every_example_is_equal_by_both_doors(name: str, open_notebook: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("out"))
    notebook = open_notebook(folder / "flow.ipynb")
    cells = [c for c in json.loads(notebook.path.read_text())["cells"] if c["cell_type"] == "code"]
    notebook.run_all({c["id"]: "".join(c["source"]) for c in cells})
    live, _ = notebook.magics.live.flow()
    flow, _ = _static(notebook.path)
    assert live.digest == flow.digest
    assert live.edges == flow.edges


def test_a_task_cell_runs_in_this_kernel_with_a_sample_interval(notebook: Any) -> None:
    notebook.run("%flow daily --schedule @daily --start 2024-01-01 --end 2024-01-10")
    result = notebook.run("%%task first\nday = ds\nday")
    assert result.result == notebook.names["day"] == "2024-01-09"
    assert notebook.names["data_interval_end"] == datetime(2024, 1, 10, tzinfo=timezone.utc)
    assert notebook.names["task"].task_id == "first"


def test_at_moves_the_sample_interval(notebook: Any, capsys: pytest.CaptureFixture[str]) -> None:
    notebook.run("%flow daily --schedule @daily --start 2024-01-01 --end 2024-01-10")
    notebook.run("%flows at 2024-01-03")
    assert notebook.names["ds"] == "2024-01-03"
    assert "Wed 2024-01-03 00:00 UTC" in capsys.readouterr().out
    notebook.run("%flow daily --schedule @daily --start 2024-01-01 --end 2024-01-10 --retries 1")
    assert notebook.names["ds"] == "2024-01-03"


def test_parameters_of_the_flow_and_of_the_task_have_their_values_by_hand(notebook: Any) -> None:
    notebook.run("%flow daily --schedule @daily --start 2024-01-01 --param depth:int=3")
    assert notebook.run("%%task one --param bonus=10\nanswer = depth + bonus").success
    assert notebook.names["answer"] == 13


def test_a_traceback_counts_lines_as_the_author_does(notebook: Any) -> None:
    notebook.run("%flow daily")
    result = notebook.run("%%task broken\nx = 1\n1 / 0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert traceback.extract_tb(result.error_in_exec.__traceback__)[-1].lineno == 3


@pytest.mark.parametrize("code", ["task.skip('no rows')", "task.fail('no rows')"])
def test_the_traceback_of_a_task_that_ends_itself_shows_the_authors_line_and_none_of_ours(
    notebook: Any, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    notebook.run("%flow daily --schedule @daily")
    capsys.readouterr()
    notebook.run(f"%%task one\n{code}")
    shown = capsys.readouterr().out
    assert "no rows" in shown
    assert "line 2" in shown
    assert "jupyter_flows/task.py" not in shown


def test_a_nested_cell_magic_runs(notebook: Any, capfd: pytest.CaptureFixture[str]) -> None:
    notebook.run("%flow daily")
    assert notebook.run("%%task shell\n%%bash\necho from bash").success
    assert "from bash" in capfd.readouterr().out


def test_awaiting_works_in_a_task_cell_as_in_any_other(notebook: Any) -> None:
    notebook.run("%flow daily")
    assert notebook.run("%%task later\nimport asyncio\nvalue = await asyncio.sleep(0, 5)").success
    assert notebook.names["value"] == 5


def test_options_are_literals_never_expanded_from_variables(notebook: Any) -> None:
    notebook.run("%flow daily")
    notebook.names["ds"] = "surprise"
    notebook.run("%%task one --param path=data/{{ ds }}.csv --doc '$ds {ds}'\npass")
    flow, _ = notebook.magics.live.flow()
    assert flow.by_id["one"].doc == "$ds {ds}"


def test_problems_stand_below_the_cell_that_has_them(notebook: Any, capsys: pytest.CaptureFixture[str]) -> None:
    notebook.run("%flow daily --schedule @daily")
    notebook.run("helper = 3", "plain")
    capsys.readouterr()
    notebook.run("%%task one --retires 3\nx = helper", "one")
    shown = capsys.readouterr().out
    assert "unknown-option" in shown
    assert "--retries" in shown
    assert "plain-cell-name" in shown
    notebook.run("%%task two\ny = 1", "two")
    assert "problem" not in capsys.readouterr().out


def test_where_no_front_end_names_the_cells_they_have_the_numbers_people_see(
    notebook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    number = notebook.shell.execution_count
    notebook.run("%flow daily --schedule @daly")
    assert f"cell id In[{number}], line 1" in capsys.readouterr().out
    notebook.run("1")
    notebook.run("%%task one --retires 3\nx = 1")
    assert f"cell id In[{number + 2}], line 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%flows bakfill --from 2024-01-01", ["backfill"]),
        ("%flows backfill", ["--from"]),
        ("%flows status --rum 2024", ["--rum", "%flows status [OPTIONS] [RUN]"]),
        ("%flows backfill --from soon --to 2024-01-02", ["soon"]),
        ("%flows logs nothing", ["no run yet"]),
        ("%flows 'unclosed", ["cannot be split"]),
        ("%flows runs --flow strange", ["strange"]),
    ],
)
def test_a_bad_line_gives_one_clear_error_without_our_own_traceback(
    line: str, words: list[str], notebook: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run("%flow daily --schedule @daily --start 2024-01-01")
    notebook.run("%%task one\nx = 1")
    capsys.readouterr()
    result = notebook.run(line)
    shown = capsys.readouterr().out
    assert not result.success
    assert all(word in shown for word in words), shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) <= 6


def test_a_flow_with_errors_is_refused_with_all_of_them(notebook: Any, capsys: pytest.CaptureFixture[str]) -> None:
    notebook.run("%flow daily --schedule @daily --start 2024-01-01")
    notebook.run("%%task one --after two\nx = 1")
    notebook.run("%%task two --after one\ny = nowhere")
    capsys.readouterr()
    result = notebook.run("%flows run")
    shown = capsys.readouterr().out
    assert not result.success
    assert "cycle" in shown
    assert "nowhere" in shown
    assert not notebook.magics.flows.store.flows()
