"""The verbs that make things run, without kernels where that proves as much."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import Mock

DATES = ("--from", "2024-01-01", "--to", "2024-01-03")


def test_run_says_what_it_does_and_how_it_ended(place: Any, door: Any) -> None:
    place.empty()
    first = door("run", "idle.ipynb", "--at", "2024-01-01")
    assert first.code == 0
    assert first.out.splitlines()[0] == "Running manual__2024-01-01T00:00:00+00:00."
    assert "a  success" in first.out
    again = door("run", "idle", "--at", "2024-01-01")
    assert "ran before: running it again" in again.out
    (run,) = door("run", "idle", "--at", "2024-01-01", "--json").json["runs"]
    assert (run["run_type"], run["state"]) == ("manual", "success")


def test_backfill_tells_each_interval_in_a_line_and_the_sum_at_the_end(place: Any, door: Any) -> None:
    place.empty()
    answer = door("backfill", "idle.ipynb", *DATES)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "Backfill 1 of idle: 3 intervals to run."
    assert [line.split("  ")[:2] for line in lines[1:4]] == [[f"2024-01-0{d}", "success"] for d in (1, 2, 3)]
    assert lines[4].startswith("Backfill 1 of idle: 3 success in ")
    assert answer.err == ""
    nothing = door("backfill", "idle", *DATES)
    assert (nothing.code, "Nothing to do: 3 intervals done already" in nothing.out) == (0, True)
    assert door("backfill", "idle", *DATES, "--json").json == {"runs": []}
    again = door("backfill", "idle", *DATES, "--reprocess", "all", "--json")
    assert [r["state"] for r in again.json["runs"]] == ["success"] * 3
    assert again.err.count("success") >= 3, "progress goes to stderr"


def test_detach_leaves_the_work_to_a_scheduler_and_says_when_there_is_none(place: Any, door: Any) -> None:
    place.empty()
    answer = door("run", "idle.ipynb", "--at", "2024-01-01", "--detach")
    assert (answer.code, "No scheduler is running" in answer.err) == (0, True)
    backfill = door("backfill", "idle", "--from", "2024-01-02", "--to", "2024-01-03", "--detach", "--json")
    assert [r["state"] for r in backfill.json["runs"]] == ["queued", "queued"]
    done = door("run", "idle", "--at", "2024-01-04", "--json")  # whoever works next does it all
    assert done.code == 0
    joined = door("backfill", "idle", "--from", "2024-01-02", "--to", "2024-01-03", "--json")
    assert (joined.code, {r["state"] for r in joined.json["runs"]} <= {"success"}) == (0, True)


def test_clear_mark_retry_and_cancel_act_on_the_run_that_is_meant(place: Any, door: Any) -> None:
    place.empty()
    assert door("run", "idle.ipynb", "--at", "2024-01-01").code == 0
    cleared = door("clear", "idle", "b", "--run", "2024-01-01")
    assert cleared.code == 0
    assert cleared.out.splitlines()[0] == "Running again in manual__2024-01-01T00:00:00+00:00: b."
    marked = door("mark", "idle", "b", "--state", "failed", "--json")
    assert (marked.code, marked.json["runs"][0]["state"]) == (1, "failed")
    retried = door("retry", "idle", "--json")
    assert (retried.code, retried.json["runs"][0]["state"]) == (0, "success")
    assert door("cancel", "idle").out == "manual__2024-01-01T00:00:00+00:00 is over already (success).\n"
    assert door("mark", "idle", "--state", "failed").code == 1


def test_a_task_that_waits_for_its_next_try_says_when_that_is(place: Any, door: Any) -> None:
    place.notebook("%flow f --retries 1 --retry-delay 1s", "%%task a\n1 / 0")
    lines = door("run", "flow.ipynb", "--at", "2024-01-01").out.splitlines()
    (waiting,) = [line for line in lines if "up_for_retry" in line]
    assert re.search(r"ZeroDivisionError: division by zero \(line 2\)  next try at \d\d:\d\d:\d\d$", waiting)


def test_of_a_task_that_could_not_begin_open_says_why(place: Any, door: Any) -> None:
    place.notebook("%flow f", "%%task a --param x={{nothing}}\nprint(x)")
    assert door("run", "flow.ipynb", "--at", "2024-01-01").code == 1
    assert "'nothing' is undefined" in door("open", "f", "a", "--json").json["error"]["fix"]


def test_what_ended_before_is_not_told_again_when_a_run_goes_on(place: Any, door: Any) -> None:
    place.empty()
    assert door("run", "idle.ipynb", "--at", "2024-01-01").code == 0
    told = [line for line in door("clear", "idle", "b").out.splitlines() if "  success" in line]
    assert len(told) == 2, "b ended, and so did the run"
    assert told[0].startswith("b  success")
    assert told[1].startswith("manual__")


def test_cancel_is_carried_out_though_nobody_else_leads(place: Any, door: Any) -> None:
    place.empty()
    assert door("run", "idle.ipynb", "--at", "2024-01-01", "--detach").code == 0
    answer = door("cancel", "idle", "--json")
    assert (answer.code, answer.json["run_id"]) == (0, "manual__2024-01-01T00:00:00+00:00")
    assert door("status", "idle", "--json").json["runs"][0]["state"] == "failed"


def test_a_backfill_can_be_paused_unpaused_and_cancelled_from_outside(place: Any, door: Any) -> None:
    place.empty()
    assert door("backfill", "idle.ipynb", *DATES, "--detach").code == 0
    assert door("pause", "idle", "--backfill").out == "Backfill 1 of idle is paused.\n"
    other = door("run", "idle", "--at", "2024-02-01", "--json")
    assert other.code == 0
    states = {r["run_id"][:8]: r["state"] for r in door("runs", "idle", "--json").json["runs"]}
    assert states == {"backfill": "queued", "manual__": "success"}
    assert door("cancel", "idle", "--backfill", "--json").json == {"backfill_id": 1}
    runs = door("runs", "idle", "--state", "failed", "--json").json["runs"]
    assert [r["reason"] for r in runs] == ["cancelled"] * 3
    assert door("cancel", "idle", "--backfill").code == 2


def test_pause_unpause_and_deploy_speak_of_the_schedule(place: Any, door: Any) -> None:
    place.empty()
    deployed = door("deploy", "idle.ipynb")
    assert deployed.out.startswith("idle is registered as version 1: ")
    assert "No scheduler is running" in deployed.err
    assert door("deploy", "idle", "--json").json["version_number"] == 1
    assert door("pause", "idle", "--json").json == {"flow_id": "idle", "paused": True}
    assert "\tpaused\t" in door("list").out
    assert door("unpause", "idle").out == "idle is unpaused.\n"


def test_trying_a_notebook_does_not_put_it_on_its_schedule_and_deploying_does(place: Any, door: Any) -> None:
    place.empty()
    assert door("run", "idle.ipynb", "--at", "2024-01-01").code == 0
    assert door("list", "--json").json["flows"][0]["paused"] is True
    assert door("deploy", "idle.ipynb").code == 0
    assert door("list", "--json").json["flows"][0]["paused"] is False
    assert door("run", "idle.ipynb", "--at", "2024-01-02").code == 0
    assert door("list", "--json").json["flows"][0]["paused"] is False


def test_a_request_that_is_refused_is_an_error_with_its_reason(place: Any, door: Any, monkeypatch: Any) -> None:
    from jupyter_flows.engine.machine import RunMachine
    from jupyter_flows.errors import Conflict

    refuse = Mock(side_effect=Conflict("The run is under way.", fix="Cancel it first."))
    place.empty()
    assert door("run", "idle.ipynb", "--at", "2024-01-01").code == 0
    monkeypatch.setattr(RunMachine, "handle", refuse)
    answer = door("clear", "idle", "--json")
    assert answer.code == 2
    assert "Cancel it first." in answer.json["error"]["message"]


# ── real processes ───────────────────────────────────────────────────────────────────────


def test_every_way_to_call_it_is_the_same_program(place: Any) -> None:
    place.empty()
    assert place.shell("deploy", "idle.ipynb").code == 0
    listed = place.shell("list", "--json")
    assert (listed.code, listed.err, listed.json["flows"][0]["flow_id"]) == (0, "", "idle")
    assert place.shell("flows", "list", "--json", program=("jupyter",)).json == listed.json
    assert place.shell("list", "--json", program=("python", "-m", "jupyter_flows")).json == listed.json


def test_a_reader_that_goes_away_is_no_crash(place: Any) -> None:
    place.empty()
    answer = place.shell("-c", "jupyter-flows check idle.ipynb | true; jupyter-flows --help | head -1", program=("sh",))
    assert answer.err == ""


def test_a_run_with_no_terminal_prints_plain_lines(place: Any) -> None:
    place.empty()
    answer = place.shell("run", "idle.ipynb", "--at", "2024-01-01")
    assert answer.code == 0
    assert "\x1b" not in answer.out + answer.err
    assert answer.out.splitlines()[-1] == "b\tsuccess\t0\t0.0 s"
