"""The verbs that only look: as text, and as the JSON the documentation promises."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

RUN = {"flow_id", "run_id", "run_type", "state", "logical_date", "data_interval_start", "data_interval_end"}
RUN |= {"start_date", "end_date", "version", "tasks"}
TASK = {"task_id", "map_index", "state", "try_number", "start_date", "end_date", "notebook"}
BAD, GOOD = "backfill__2024-01-02T00:00:00+00:00", "backfill__2024-01-01T00:00:00+00:00"


def test_runs_gives_every_run_with_its_tasks(ask: Any) -> None:
    answer = ask("runs", "daily", "--json")
    assert answer.code == 0
    bad, good = answer.json["runs"]
    assert (bad["run_id"], bad["state"]) == (BAD, "failed")
    assert (good["run_id"], good["state"], good["run_type"]) == (GOOD, "success", "backfill")
    assert set(good) >= RUN
    assert all(set(task) >= TASK for task in good["tasks"])
    assert [t["task_id"] for t in good["tasks"]] == ["fetch", "save"]
    assert good["data_interval_end"] == "2024-01-02T00:00:00+00:00"
    for task in good["tasks"]:
        assert Path(task["notebook"]).is_file()
        assert datetime.fromisoformat(task["start_date"]) <= datetime.fromisoformat(task["end_date"])


def test_runs_in_a_pipe_is_one_line_per_run_with_tabs(ask: Any) -> None:
    title, *lines = ask("runs", "daily").out.splitlines()
    assert title == "Runs of daily"
    cells = [line.split("\t") for line in lines]
    assert [c[:2] for c in cells] == [[BAD, "failed"], [GOOD, "success"]]
    assert cells[1][3] == "2/2"


def test_runs_can_be_limited_and_picked_by_state(ask: Any) -> None:
    assert [r["run_id"] for r in ask("runs", "daily", "--state", "success", "--json").json["runs"]] == [GOOD]
    assert len(ask("runs", "daily", "--limit", "1", "--json").json["runs"]) == 1
    assert ask("runs", "idle").out == "idle has not run yet.\n"
    assert ask("runs", "idle", "--json").json == {"runs": []}
    assert ask("runs", "daily", "--state", "queued").out == "daily has no run that is queued.\n"


def test_status_shows_one_run_and_exits_with_its_success(ask: Any) -> None:
    bad = ask("status", "daily")
    assert bad.code == 1
    lines = [line.split("\t") for line in bad.out.splitlines()]
    assert lines[-3][:2] == ["fetch", "success"]
    assert lines[-2][:3] == ["save", "failed", "1"]
    assert "AssertionError: a bad day" in bad.out
    assert "/save/1.ipynb" in bad.out.splitlines()[-1]
    good = ask("status", "daily", "2024-01-01", "--json")
    assert (good.code, good.json["runs"][0]["run_id"]) == (0, GOOD)


def test_graph_gives_tasks_and_edges_with_their_reasons(ask: Any) -> None:
    graph = ask("graph", "daily", "--json").json
    assert [t["task_id"] for t in graph["tasks"]] == ["fetch", "save"]
    (edge,) = graph["edges"]
    assert (edge["upstream"], edge["downstream"], edge["kind"], edge["names"]) == (
        "fetch",
        "save",
        "inferred",
        ["words"],
    )
    assert "words" in edge["why"]
    assert "fetch" in ask("graph", "daily").out
    assert "words" in ask("graph", "daily", "--why").out


def test_graph_writes_a_file(ask: Any, tmp_path: Path) -> None:
    for name in ("graph.svg", "graph.dot"):
        answer = ask("graph", "daily", "--output", str(tmp_path / name), "--json")
        assert answer.json == {"path": str(tmp_path / name)}
        assert "fetch" in (tmp_path / name).read_text()


def test_logs_prints_all_the_text_of_an_attempt(ask: Any) -> None:
    answer = ask("logs", "daily", "fetch", "--run", "2024-01-01")
    assert answer.code == 0
    assert "got ['hello', '2024-01-01']" in answer.out
    document = ask("logs", "daily", "save", "--json").json
    assert "a bad day" in document["text"]


def test_open_names_the_executed_notebook(ask: Any) -> None:
    path = ask("open", "daily", "save").out.strip()
    assert path.endswith("/save/1.ipynb")
    assert "a bad day" in Path(path).read_text()
    assert ask("open", "daily", "save", "--json").json == {"path": path}


def test_check_is_content_with_a_good_flow(ask: Any) -> None:
    answer = ask("check", "flow.ipynb", "--json")
    assert (answer.code, answer.json) == (0, {"problems": []})
    assert ask("check", ".").out == "2 flows checked: no problems.\n"


def test_next_gives_the_coming_intervals(ask: Any) -> None:
    answer = ask("next", "daily", "--count", "3", "--json")
    assert len(answer.json["intervals"]) == 3
    assert set(answer.json["intervals"][0]) >= {"start", "end", "run_after"}
    assert len(ask("next", "daily", "--count", "2").out.splitlines()) == 3


def test_next_of_a_schedule_that_is_over_tells_whether_the_past_still_comes(place: Any, door: Any) -> None:
    over = "--schedule @daily --start 2024-01-01 --end 2024-01-02"
    place.empty(over, name="over")
    place.empty(f"{over} --catchup", name="late")
    assert door("next", "over.ipynb").out.endswith("No run is coming.\n")
    assert door("next", "late.ipynb").out.endswith("but for those of the past that a scheduler catches up with.\n")


def test_versions_and_list_name_what_is_registered(ask: Any) -> None:
    (version,) = ask("versions", "daily", "--json").json["versions"]
    assert (version["number"], version["tasks"]) == (1, 2)
    line = ask("versions", "daily").out.splitlines()[1].split("\t")
    assert (line[0], line[2][-4:]) == ("1", " UTC"), "a moment as people read it"
    assert [f["flow_id"] for f in ask("list", "--json").json["flows"]] == ["daily", "idle"]
    assert [line.split("\t")[0] for line in ask("list").out.splitlines()] == ["Flows", "daily", "idle"]


def test_doctor_tells_what_it_found(ask: Any) -> None:
    facts = ask("doctor", "--json").json["facts"]
    assert facts["scheduler"] == "none"
    assert facts["engine"] == "SQLite"
    assert "python3" in facts["kernels"]
    assert "home\t" in ask("doctor").out


def test_scheduler_status_and_stop_speak_of_nobody(ask: Any) -> None:
    assert ask("scheduler", "status").out.startswith("No scheduler is running: schedules do not fire.")
    assert ask("scheduler", "status", "--json").json["leader"] is None
    assert ask("scheduler", "stop").out.startswith("No scheduler runs here.")
    assert ask("db", "upgrade").code == 0


def test_a_dry_run_of_a_backfill_is_a_table_of_what_would_happen(ask: Any) -> None:
    words = ("backfill", "daily", "--from", "2024-01-01", "--to", "2024-01-03", "--dry-run")
    plan = ask(*words, "--reprocess", "failed", "--json").json["plan"]
    assert [row["action"] for row in plan] == ["skip", "clear", "create"]
    title, *rows = ask(*words).out.splitlines()
    assert title.startswith("Plan for daily: 1 interval to run, 2 intervals done already, 1 of these failed")
    assert len(rows) == 3
    assert len(ask("runs", "daily", "--json").json["runs"]) == 2


def test_a_dry_run_of_a_clear_names_the_tasks(ask: Any) -> None:
    clear = ("clear", "daily", "--run", "2024-01-01", "--dry-run")
    assert ask(*clear, "--json").json == {"tasks": ["fetch", "save"]}
    assert ask(*clear, "save", "--json").json == {"tasks": ["save"]}
    assert ask(*clear, "save", "--upstream", "--json").json == {"tasks": ["fetch", "save"]}
    assert ask(*clear, "fetch", "--no-downstream", "--json").json == {"tasks": ["fetch"]}
    assert ask(*clear, "--only-failed").out == f"Nothing to run again in {GOOD}: no task failed.\n"
    assert ask("retry", "daily", "2024-01-01", "--json").json == {"tasks": []}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["stauts", "daily"], 2, "Did you mean 'status'?"),
        (["frobnicate"], 2, "Verbs: backfill, "),
        (["runs", "dayly"], 2, "Did you mean daily?"),
        (["runs", "daily", "--limt", "3"], 2, "--limit"),
        (["runs"], 2, "Missing argument 'FLOW'"),
        (["status", "daily", "1999-01-01"], 2, "no run '1999-01-01'"),
        (["logs", "daily", "fetsh"], 2, "Did you mean fetch?"),
        (["logs", "daily", "fetch", "--try", "7"], 2, "no try 7"),
        (["clear", "daily", "sav"], 2, "Did you mean save?"),
        (["run", "nowhere.ipynb"], 2, "There is no notebook"),
        (["run", "daily", "--at", "yesterday-ish"], 2, "yesterday-ish"),
        (["run", "daily", "--at", "2024-01-01T05:00"], 2, "starts at"),
        (["run", "daily", "--param", "alpha"], 2, "NAME=VALUE"),
        (["run", "daily", "--param", "alpha=1"], 3, "alpha"),
        (["backfill", "daily", "--from", "2024-01-03", "--to", "2024-01-01"], 2, "Exchange the two dates"),
        (["backfill", "daily", "--from", "2024-01-01"], 2, "--to"),
        (["backfill", "daily", "--from", "2024-01-01", "--to", "2024-01-02", "--parallel", "0"], 2, "at least 1"),
        (["mark", "daily", "--state", "skipped"], 2, "cannot be marked skipped"),
        (["cancel", "daily", "--backfill"], 2, "no active backfill"),
        (["next", "daily", "--count", "0"], 2, "--count"),
        (["runs", "."], 2, "A shell has no current flow"),
        (["graph", "daily", "--output", "/proc/nowhere/x.svg"], 2, "/proc/nowhere/x.svg"),
        (["scheduler", "--json"], 2, "has no --json"),
        (["runs", "daily", "--home"], 2, "--home needs a folder"),
        (["runs", "daily", "--home", "/proc/nowhere"], 4, "Choose another with --home DIR"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(ask: Any, words: list[str], code: int, message: str) -> None:
    if "--json" not in words:
        answer = ask(*words)
        assert (answer.code, answer.out) == (code, "")
        assert answer.err.startswith("error: ")
        assert message in answer.err
    as_json = ask("--json", *words)
    assert as_json.code == code
    error = as_json.json["error"]
    assert message in error["message"] + error["fix"]


def test_help_is_there_for_all_and_each(ask: Any) -> None:
    everything = ask("--help")
    assert everything.code == 0
    for verb in ("run", "backfill", "clear", "scheduler", "doctor"):
        assert f"\n  {verb} " in everything.out
        answer = ask(verb, "--help")
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith(f"Usage: jupyter flows {verb}")
        assert "--home DIR" in answer.out
    assert ask().out == everything.out
    assert ask("--version").out.startswith("jupyter_flows ")


def test_home_may_stand_anywhere(ask: Any, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    for words in (["--home", other, "list"], ["list", "--home", other], ["list", f"--home={other}"]):
        assert ask(*words, "--json").json == {"flows": []}
