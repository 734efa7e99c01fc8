"""A full disk, a locked database, a database that is gone: one clear error each, and nothing lost."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jupyter_flows.runtime.open import open_flows

WAITS = """%%task wait
import time
from pathlib import Path
with open('ledger', 'a') as file:
    file.write(f'{ds}\\n')
while not Path('go').exists():
    time.sleep(0.05)
"""
BACKFILL = ("backfill", "flow.ipynb", "--from", "2024-01-01", "--to", "2024-01-03", "--json")
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


@pytest.fixture
def quick(place: Any) -> Any:
    """A flow that needs no kernel, in a place where one waits little for a database."""
    place.env["JUPYTER_FLOWS_LOCK_TIMEOUT"] = "1"
    place.notebook("%flow idle --schedule @daily --start 2024-01-01", "%%task a --kind empty\n")
    assert place.ask("deploy", "flow.ipynb").code == 0
    return place


@contextmanager
def locked(place: Any) -> Iterator[None]:
    """Another program has the database open for writing."""
    holder = sqlite3.connect(place.home / "flows.sqlite", isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")
    finally:
        holder.close()


def test_a_database_locked_for_too_long_is_one_error_with_its_place(quick: Any) -> None:
    with locked(quick):
        answer = quick.shell("run", "idle", "--at", "2024-01-01")
    assert (answer.code, answer.out) == (4, "")
    assert f"{quick.home}/flows.sqlite was locked by another process for more than 1 s" in answer.err
    assert "End the program that holds it" in answer.err
    assert "Traceback" not in answer.err
    assert quick.ask("run", "idle", "--at", "2024-01-01").code == 0


def test_a_database_locked_for_a_moment_is_waited_for(quick: Any) -> None:
    quick.env["JUPYTER_FLOWS_LOCK_TIMEOUT"] = "50"
    with locked(quick):
        child = quick.start("run", "idle", "--at", "2024-01-01", "--json")
        quick.until(lambda: "flows.sqlite" in quick.open_files(child), "the command has opened the database")
        assert child.poll() is None
    answer = quick.end(child)
    assert (answer.code, answer.json["runs"][0]["state"]) == (0, "success")


def test_looking_never_waits_for_who_writes(quick: Any) -> None:
    with locked(quick):
        assert quick.ask("runs", "idle", "--json").json == {"runs": []}
        assert quick.ask("list").code == 0


def test_a_full_disk_is_one_error_with_its_place_and_the_same_command_goes_on_later(quick: Any) -> None:
    words = "backfill idle --from 2023-01-01 --to 2023-03-31 --parallel 1"
    answer = quick.shell("-c", f"ulimit -f 400; exec jupyter-flows {words}", program=("bash",))
    assert answer.code == 4, answer
    assert f"The database {quick.home}/flows.sqlite " in answer.err
    assert "disk" in answer.err
    assert "Traceback" not in answer.err
    done = quick.ask("runs", "idle", "--state", "success", "--limit", "1000", "--json").json["runs"]
    assert 0 < len(done) < 90, "it was to fail on the way"
    again = quick.ask(*words.split(), "--json")
    assert again.code == 0
    runs = again.json["runs"]
    assert len(runs) == 90
    assert {r["state"] for r in runs} == {"success"}
    kept = {r["run_id"]: r["end_date"] for r in runs}
    assert all(kept[r["run_id"]] == r["end_date"] for r in done), "what had succeeded was done again"


def test_a_disk_that_is_full_from_the_start_is_told_at_once(quick: Any) -> None:
    answer = quick.shell("-c", "ulimit -f 4; exec jupyter-flows run idle --at 2024-01-01", program=("bash",))
    assert answer.code == 4, answer
    assert str(quick.home) in answer.err
    assert "Traceback" not in answer.err
    assert quick.ask("runs", "idle", "--json").json == {"runs": []}


def test_a_home_that_cannot_be_written_is_named(place: Any) -> None:
    place.env["JUPYTER_FLOWS_HOME"] = "/proc/nowhere"
    answer = place.ask("list")
    assert answer.code == 4
    assert "The home folder /proc/nowhere cannot be used" in answer.err
    assert "--home DIR" in answer.err


def test_a_file_that_is_no_database_is_named(place: Any) -> None:
    place.home.mkdir()
    (place.home / "flows.sqlite").write_text("This is a diary, and no database.\n" * 200)
    answer = place.ask("list")
    assert answer.code == 4
    assert "is damaged or is not a SQLite database" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.kernel
def test_tasks_go_on_while_the_database_is_locked_and_none_is_repeated(place: Any) -> None:
    place.env["JUPYTER_FLOWS_LOCK_TIMEOUT"] = "1"
    place.notebook("%flow slow --schedule @daily --start 2024-01-01", WAITS)
    child = place.start(*BACKFILL)
    place.until(lambda: len(place.ledger()) == 2, "two tasks under way")
    with locked(place):
        (place.root / "go").touch()
        answer = place.end(child)
    assert answer.code == 4
    assert "The scheduler of this process cannot go on" in answer.json["error"]["message"]
    assert "was locked by another process" in answer.err
    again = place.shell(*BACKFILL)
    assert (again.code, [r["state"] for r in again.json["runs"]]) == (0, ["success"] * 3)
    assert sorted(place.ledger()) == DAYS
    assert sorted(place.attempts()) == [(day, "wait", 1, "succeeded") for day in DAYS]


@pytest.mark.kernel
def test_a_database_deleted_under_a_running_backfill_is_one_clear_error(place: Any) -> None:
    place.env["JUPYTER_FLOWS_LOCK_TIMEOUT"] = "1"
    place.notebook("%flow slow --schedule @daily --start 2024-01-01", WAITS)
    child = place.start(*BACKFILL)
    place.until(lambda: len(place.ledger()) == 2, "two tasks under way")
    for file in place.home.glob("flows.sqlite*"):
        file.unlink()
    answer = place.end(child)
    assert answer.code == 4
    assert "was deleted or replaced while it was open" in answer.err
    assert answer.err.count("error:") == 1
    assert "Traceback" not in answer.err
    (place.root / "go").touch()
    place.until(lambda: not place.alive(), "all processes have ended")


def test_the_scheduler_in_the_foreground_says_that_its_database_is_gone_and_can_still_be_stopped(quick: Any) -> None:
    child = quick.start("scheduler")
    quick.until(lambda: quick.ask("scheduler", "status", "--json").json["leader_pid"] == child.pid)
    for file in quick.home.glob("flows.sqlite*"):
        file.unlink()
    told = next(line for line in child.stdout if "was deleted or replaced while it was open" in line)
    assert str(quick.home) in told
    child.send_signal(signal.SIGTERM)
    answer = quick.end(child)
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "Stopped.")
    assert "Traceback" not in answer.err


@pytest.mark.kernel
def test_a_scheduler_that_reads_everything_anew_follows_its_own_running_tasks_again(place: Any) -> None:
    """It used to be refused by its own executor, and stood still until the last of them had ended."""
    place.notebook("%flow slow --schedule @daily --start 2024-01-01", WAITS)
    flows = open_flows(place.home, lock_timeout=0.5, lease_ttl=1.5, poll=0.1)
    try:
        key = flows.trigger(flows.resolve(str(place.root / "flow.ipynb")), at="2024-01-01").key
        flows.host.ensure()
        place.until(place.ledger, "the task is under way")
        with locked(place):
            place.until(lambda: flows.host.trouble, "the lease could not be renewed")
        place.until(lambda: not flows.host.trouble, "it leads again while the task still runs")
        (place.root / "go").touch()
        assert flows.wait(lambda: flows.is_run_over(key), timeout=30)
    finally:
        flows.close()
    assert place.ledger() == ["2024-01-01"]
    assert place.attempts() == [("2024-01-01", "wait", 1, "succeeded")]
