"""Processes killed while they work: whatever is hit, the work ends as if nothing had happened, and once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

WAITS = """%%task wait
import os, time
from pathlib import Path
ledger = os.open('ledger', os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(ledger, f'{ds} {os.getpid()}\\n'.encode())
os.fsync(ledger)
while not Path('go').exists():
    time.sleep(0.05)
"""
DAYS = [f"2024-01-0{day}" for day in range(1, 6)]
BACKFILL = ("backfill", "flow.ipynb", "--from", DAYS[0], "--to", DAYS[-1], "--parallel", "2", "--json")


@pytest.fixture
def slow(place: Any) -> Any:
    """A flow whose tasks write that they began, and then wait for a file named `go`."""
    place.notebook("%flow slow --schedule @daily --start 2024-01-01 --retry-delay 0s", WAITS)
    return place


def days(place: Any) -> list[str]:
    return sorted(line.split()[0] for line in place.ledger())


def finish(place: Any) -> None:
    """The same command again ends the work, and leaves no process behind."""
    (place.root / "go").touch()
    answer = place.shell(*BACKFILL)
    assert answer.code == 0, answer
    assert [(r["state"], r["logical_date"][:10]) for r in answer.json["runs"]] == [("success", day) for day in DAYS]
    place.until(lambda: not place.alive(), "no process is left behind")


def test_the_scheduler_is_killed_in_the_middle_of_a_backfill_and_nothing_runs_twice(slow: Any) -> None:
    child = slow.start(*BACKFILL)
    slow.until(lambda: len(slow.ledger()) == 2, "two tasks under way")
    assert {child.pid, *map(kernel_pid, slow.ledger())} <= set(slow.alive()), "they can be found"
    child.kill()
    assert slow.end(child).code == -signal.SIGKILL
    finish(slow)
    assert days(slow) == DAYS
    assert sorted(slow.attempts()) == [(day, "wait", 1, "succeeded") for day in DAYS]


def test_the_scheduler_is_killed_twice_and_attempts_that_ended_meanwhile_count(slow: Any) -> None:
    for begun in (2, 4):
        child = slow.start(*BACKFILL)
        slow.until(lambda n=begun: len(slow.ledger()) == n, f"{begun} tasks have begun")
        child.kill()
        slow.end(child)
        (slow.root / "go").touch()  # those under way end while nobody looks
        slow.until(lambda: not slow.alive(), "they have ended")
        (slow.root / "go").unlink()
    finish(slow)
    assert days(slow) == DAYS
    assert sorted(slow.attempts()) == [(day, "wait", 1, "succeeded") for day in DAYS]


def test_the_scheduler_is_killed_again_and_again_at_any_moment(slow: Any) -> None:
    """Also before anything was handed over, and while attempts start: those are lost, and repeated."""
    (slow.root / "go").touch()
    for size in (1, 4096, 20_000, 60_000):
        child = slow.start(*BACKFILL)
        slow.until(lambda n=size: written(slow) >= n)
        child.kill()
        slow.end(child)
    finish(slow)
    attempts = slow.attempts()
    assert sorted(d for d, _, _, how in attempts if how == "succeeded") == DAYS
    assert {how for *_, how in attempts} <= {"succeeded", "lost"}
    assert all(n <= 1 + lost(attempts, day) for day, n in Counter(days(slow)).items()), "a task ran twice"


def written(place: Any) -> int:
    """How much there is in the database by now, and in the ledger."""
    files = [place.home / "flows.sqlite", place.home / "flows.sqlite-wal"]
    return sum(f.stat().st_size for f in files if f.exists()) // 16 + 10_000 * len(place.ledger())


def lost(attempts: list[tuple[str, str, int, str]], day: str) -> int:
    return sum(1 for d, *_, how in attempts if d == day and how == "lost")


def kernel_pid(line: str) -> int:
    return int(line.split()[1])


def kernel_of(place: Any, day: str) -> int:
    return next(kernel_pid(line) for line in reversed(place.ledger()) if line.startswith(day))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def runner_of(kernel: int) -> int:
    """The process that speaks with the kernel: the other child of their supervisor."""
    supervisor = parent(kernel)
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return next(int(c) for c in children if int(c) != kernel)


VICTIMS = {"kernel": (lambda kernel: kernel, "died"), "supervisor": (parent, "lost"), "runner": (runner_of, "lost")}


@pytest.mark.parametrize("victim", VICTIMS)
def test_one_process_of_an_attempt_is_killed_and_the_task_runs_again(slow: Any, victim: str) -> None:
    who, how = VICTIMS[victim]
    slow.notebook("%flow slow --schedule @daily --start 2024-01-01 --retries 1 --retry-delay 0s", WAITS)
    child = slow.start(*BACKFILL)
    slow.until(lambda: len(slow.ledger()) == 2, "two tasks under way")
    os.kill(who(kernel_of(slow, DAYS[0])), signal.SIGKILL)
    slow.until(lambda: len(slow.ledger()) == 3, "the killed one has begun again")
    (slow.root / "go").touch()
    answer = slow.end(child)
    assert answer.code == 0, answer
    assert days(slow) == sorted([*DAYS, DAYS[0]])
    first, second = [a for a in slow.attempts() if a[0] == DAYS[0]]
    assert (first[2], second[2:]) == (1, (2, "succeeded"))
    assert first[3] in (how, "died")
    slow.until(lambda: not slow.alive(), "no process is left behind")


def test_a_kernel_that_dies_too_often_fails_its_run_and_no_other(slow: Any) -> None:
    child = slow.start(*BACKFILL)
    slow.until(lambda: len(slow.ledger()) == 2, "two tasks under way")
    os.kill(kernel_of(slow, DAYS[0]), signal.SIGKILL)
    (slow.root / "go").touch()
    answer = slow.end(child)
    assert answer.code == 1
    assert [r["state"] for r in answer.json["runs"]] == ["failed"] + ["success"] * 4
    (bad,) = answer.json["runs"][0]["tasks"]
    assert "kernel" in bad["reason"].lower()
    again = slow.shell(*BACKFILL[:-1], "--reprocess", "failed", "--json")
    assert (again.code, len(again.json["runs"])) == (0, 1)


def test_two_commands_for_the_same_range_at_the_same_moment_do_the_work_once(slow: Any) -> None:
    (slow.root / "go").touch()
    answers = [slow.end(child) for child in [slow.start(*BACKFILL), slow.start(*BACKFILL)]]
    assert [a.code for a in answers] == [0, 0], answers
    assert days(slow) == DAYS
    assert sorted(slow.attempts()) == [(day, "wait", 1, "succeeded") for day in DAYS]


def test_the_leader_of_two_commands_is_killed_and_the_other_finishes(slow: Any) -> None:
    first = slow.start(*BACKFILL)
    slow.until(lambda: len(slow.ledger()) == 2, "two tasks under way")
    second = slow.start(*BACKFILL)
    slow.until(lambda: "flows.sqlite" in slow.open_files(second), "the second command has opened the database")
    first.kill()
    slow.end(first)
    (slow.root / "go").touch()
    answer = slow.end(second)
    assert answer.code == 0, answer
    assert days(slow) == DAYS
    assert sorted(slow.attempts()) == [(day, "wait", 1, "succeeded") for day in DAYS]


def test_a_flow_edited_while_a_run_is_under_way_is_finished_as_it_was(place: Any) -> None:
    after = "%%task after --after wait\nopen('said', 'a').write('{}\\n')"
    head = "%flow slow --schedule @daily --start 2024-01-01"
    place.notebook(head, WAITS, after.format("old"))
    child = place.start("run", "flow.ipynb", "--at", "2024-01-01", "--json")
    place.until(place.ledger)
    place.notebook(head, WAITS, after.format("new"), "%%task more --after after\n1")
    assert place.shell("deploy", "flow.ipynb", "--json").json["version_number"] == 2
    (place.root / "go").touch()
    answer = place.end(child)
    assert (answer.code, [t["task_id"] for t in answer.json["runs"][0]["tasks"]]) == (0, ["wait", "after"])
    assert (place.root / "said").read_text() == "old\n"
    assert place.shell("run", "slow", "--at", "2024-01-02").code == 0
    assert (place.root / "said").read_text() == "old\nnew\n"
    again = place.shell("clear", "slow", "after", "--run", "2024-01-01", "--json")
    assert again.code == 0
    assert (place.root / "said").read_text() == "old\nnew\nold\n"
