"""Verbs in a notebook: the cell returns at once, a scheduler thread does the work, the picture is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from IPython.utils.capture import capture_output

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]


@pytest.fixture
def flow(notebook: Any) -> Any:
    cells = {
        "a": "%flow daily --schedule @daily --start 2024-01-01 --retries 0",
        "b": "%%task first\nrows = [1, 2, data_interval_start.day]",
        "c": "%%task second\ntotal = sum(rows)\nprint('total is', total)",
    }
    notebook.write(cells)
    notebook.run_all(cells)
    return notebook


def _shown(notebook: Any, line: str) -> Any:
    with capture_output() as captured:
        result = notebook.run(line)
    assert result.success, captured.stdout
    return captured


def test_a_backfill_returns_at_once_and_shows_a_widget_with_its_picture(flow: Any) -> None:
    shown = _shown(flow, "%flows backfill --from 2024-01-01 --to 2024-01-03 --parallel 2")
    assert "3 intervals to run" in shown.stdout
    bundle = next(o.data for o in shown.outputs if "image/svg+xml" in o.data)
    assert {"application/vnd.jupyter-flows.run+json", "text/html", "text/plain"} <= set(bundle)
    flows = flow.magics.flows
    assert flows.wait(lambda: not flows.store.backfills(active=True), timeout=90)
    runs = flows.store.runs(oldest_first=True)
    assert [r.state.value for r in runs] == ["success"] * 3
    text = _shown(flow, "%flows logs second --run 2024-01-02").stdout
    assert "total is 5" in text


def test_where_nobody_watches_the_picture_stands_alone(flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = "application/vnd.jupyter.widget-view+json"
    assert widget in next(o.data for o in _shown(flow, "%flows graph").outputs if "image/svg+xml" in o.data)
    monkeypatch.delenv("JPY_SESSION_NAME")
    bundle = next(o.data for o in _shown(flow, "%flows graph").outputs if "image/svg+xml" in o.data)
    assert widget not in bundle
    assert "text/html" in bundle


def test_history_logs_and_notebooks_are_there_in_another_session(flow: Any, open_notebook: Any) -> None:
    _shown(flow, "%flows run --at 2024-01-05")
    flows = flow.magics.flows
    assert flows.wait(lambda: flows.is_run_over(flows.store.runs()[0].key), timeout=90)
    flows.close()
    flow.magics._flows = None
    again = open_notebook(flow.path)
    listed = _shown(again, "%flows runs --flow daily")
    html = next(o.data["text/html"] for o in listed.outputs if "text/html" in o.data)
    assert "2024-01-05" in html
    assert "success" in html
    assert "total is 8" in _shown(again, "%flows logs second --flow daily").stdout
    path = _shown(again, "%flows open second --flow daily").stdout.strip()
    assert re.search(r"daily/manual__2024-01-05T000000\+0000/second/1\.ipynb$", path)


def test_running_an_interval_again_repeats_it_with_the_notebook_as_it_is_now(flow: Any) -> None:
    flows = flow.magics.flows
    _shown(flow, "%flows run --at 2024-01-05")
    key = flows.store.runs()[0].key
    assert flows.wait(lambda: flows.is_run_over(key), timeout=90)
    flow.run("%%task second\nprint('changed', rows)", "c")
    assert "ran before" in _shown(flow, "%flows run --at 2024-01-05").stdout
    assert flows.wait(lambda: flows.is_run_over(key), timeout=90)
    assert "changed [1, 2, 5]" in _shown(flow, "%flows logs second").stdout
    assert [a.id.try_number for a in flows.store.attempts(key) if a.id.task_id == "second"] == [1, 2]


def test_a_cell_may_wait_and_fails_when_the_run_does(flow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _shown(flow, "%flows backfill --from 2024-01-01 --to 2024-01-02 --wait")
    assert [r.state.value for r in flow.magics.flows.store.runs()] == ["success"] * 2
    flow.run("%%task second\nraise ValueError('not today')", "c")
    result = flow.run("%flows run --at 2024-01-08 --wait")
    assert not result.success
    assert "failed: second" in capsys.readouterr().out


def test_graph_status_next_and_check_show_something(flow: Any) -> None:
    bundle = next(o.data for o in _shown(flow, "%flows graph --why").outputs if "image/svg+xml" in o.data)
    assert "first" in bundle["text/plain"]
    assert "No problems" in _shown(flow, "%flows check").stdout
    html = next(o.data["text/html"] for o in _shown(flow, "%flows next --count 3").outputs)
    assert html.count("<tr>") == 4
    assert "No scheduler" in _shown(flow, "%flows scheduler status").stdout


def test_the_scheduler_starts_and_stops_in_the_kernel(flow: Any) -> None:
    _shown(flow, "%flows graph")
    flows = flow.magics.flows
    assert flows.store.flow("daily").paused
    assert "runs in this kernel" in _shown(flow, "%flows scheduler start").stdout
    assert not flows.store.flow("daily").paused
    assert flows.wait(lambda: flows.host.status().leader is not None, timeout=20)
    assert "The scheduler runs in process" in _shown(flow, "%flows scheduler status").stdout
    assert "stopped" in _shown(flow, "%flows scheduler stop").stdout
    assert flows.host.status().leader is None


def test_help_names_the_verbs(flow: Any) -> None:
    assert "backfill" in _shown(flow, "%flows --help").stdout
