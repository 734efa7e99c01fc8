"""What signals do to commands, and the scheduler in the foreground. Real processes, real kernels."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

WAITS = """%%task wait
import os, time
from pathlib import Path
with open('ledger', 'a') as file:
    file.write(f'{data_interval_start.isoformat()} {try_number}\\n')
while not Path('go').exists():
    time.sleep(0.05)
"""
BACKFILL = ("backfill", "flow.ipynb", "--from", "2024-01-01", "--to", "2024-01-04", "--parallel", "2")


@pytest.fixture
def waiting(place: Any) -> Any:
    """A flow whose tasks wait for a file named `go`, each having written a line."""
    place.notebook("%flow slow --schedule @daily --start 2024-01-01", WAITS)
    return place


def ledger(place: Any) -> list[str]:
    path: Path = place.root / "ledger"
    return path.read_text().splitlines() if path.exists() else []


def test_an_interrupted_backfill_says_so_and_the_same_command_goes_on_where_it_was(waiting: Any) -> None:
    first = waiting.start(*BACKFILL)
    waiting.until(lambda: len(ledger(waiting)) == 2, "two tasks under way")
    answer = waiting.interrupt(first)
    assert answer.code == 1
    assert "Interrupted. What runs goes on" in answer.err
    assert "Traceback" not in answer.err
    assert waiting.shell("scheduler", "status", "--json").json["leader"] is None, "the lease was not given up"
    (waiting.root / "go").touch()
    again = waiting.shell(*BACKFILL, "--json")
    assert again.code == 0, again
    assert [len(r["tasks"]) for r in again.json["runs"]] == [1] * 4
    assert {t["try_number"] for r in again.json["runs"] for t in r["tasks"]} == {1}
    assert sorted(ledger(waiting)) == [f"2024-01-0{d}T00:00:00+00:00 1" for d in range(1, 5)]


def test_another_command_follows_while_the_first_one_leads(waiting: Any) -> None:
    first = waiting.start(*BACKFILL, "--json")
    waiting.until(lambda: len(ledger(waiting)) == 2)
    second = waiting.start(*BACKFILL, "--json")
    assert waiting.shell("scheduler", "status", "--json").json["leader_pid"] == first.pid
    (waiting.root / "go").touch()
    answers = [waiting.end(first), waiting.end(second)]
    assert [a.code for a in answers] == [0, 0]
    assert answers[0].json["runs"] == answers[1].json["runs"]
    assert sorted(ledger(waiting)) == [f"2024-01-0{d}T00:00:00+00:00 1" for d in range(1, 5)]


def test_a_running_task_is_cancelled_and_its_log_followed(waiting: Any) -> None:
    run = waiting.start("run", "flow.ipynb", "--at", "2024-01-01", "--json")
    waiting.until(lambda: ledger(waiting))
    follow = waiting.start("logs", "slow", "wait", "--follow")
    cancelled = waiting.shell("cancel", "slow", "--json")
    assert (cancelled.code, cancelled.json["tasks"]) == (0, [])
    answer = waiting.end(run)
    assert (answer.code, answer.json["runs"][0]["state"]) == (1, "failed")
    assert answer.json["runs"][0]["reason"] == "cancelled"
    assert waiting.end(follow).code == 0


def test_the_scheduler_in_the_foreground_fires_runs_and_hands_over_when_it_is_told_to_stop(place: Any) -> None:
    place.notebook("%flow often --schedule 2s --start 2024-01-01", WAITS)
    assert place.shell("deploy", "flow.ipynb").code == 0
    first = place.start("scheduler")
    place.until(lambda: ledger(place), "the first scheduled run")
    assert place.shell("scheduler", "status", "--json").json["leader_pid"] == first.pid
    second = place.start("scheduler")
    said = place.interrupt(first, signal.SIGTERM)
    assert said.code == 0
    assert said.out.splitlines()[0].startswith("Scheduler started over ")
    assert "often: " in said.out.splitlines()[1]
    assert said.out.splitlines()[-1] == "Stopped."
    assert " created" in said.out
    place.until(lambda: place.shell("scheduler", "status", "--json").json["leader_pid"] == second.pid)
    (place.root / "go").touch()
    place.until(lambda: len(place.shell("runs", "often", "--state", "success", "--json").json["runs"]) >= 2)
    said = place.interrupt(second, signal.SIGINT)
    assert (said.code, said.err) == (0, "")
    lines = ledger(place)
    assert len(lines) == len(set(lines)), "a task ran twice"
    assert all(line.endswith(" 1") for line in lines)
    runs = place.shell("runs", "often", "--json").json["runs"]
    assert all(t["try_number"] == 1 for r in runs for t in r["tasks"] if t["state"] == "success")
