"""Attempts outlive whoever submitted them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.execution import processes
from jupyter_flows.execution.folder import AttemptFolder, claim_file
from jupyter_flows.execution.local import LocalExecutor
from jupyter_flows.execution.wire import job_to_json
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellStarted
from jupyter_flows.model.run import Cancelled, Succeeded

pytestmark = pytest.mark.kernel

SUBMITTER = """
    import json, sys, threading
    from jupyter_flows.execution.local import LocalExecutor
    from jupyter_flows.execution.wire import job_from_json
    from jupyter_flows.model.progress import CellStarted
    job = job_from_json(json.loads(sys.stdin.read()))
    begun = threading.Event()
    executor = LocalExecutor(forge=sys.argv[1] == 'forked')
    executor.submit(job, lambda p: begun.set() if isinstance(p, CellStarted) else None)
    begun.wait(60)
    print('begun', flush=True)
    threading.Event().wait()
"""


def submit_elsewhere(job: Any, how: str) -> None:
    """Have another process submit `job`, and kill that process when the first cell runs."""
    command = [sys.executable, "-c", textwrap.dedent(SUBMITTER), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(job_to_json(job)))
        process.stdin.close()
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)


WAIT_FOR_GO = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('went on')"


def test_an_attempt_goes_on_after_its_submitter_was_killed_and_is_adopted(bench: Any, waiting: Any) -> None:
    job = bench.make_job(WAIT_FOR_GO, "print('last')")
    submit_elsewhere(job, bench.how)
    adopted = waiting(job)
    assert bench.executor.adopt(job, adopted.emit)
    (job.cwd / "go").touch()
    report = adopted.until(AttemptFinished)
    assert report.outcome == Succeeded()
    assert isinstance(adopted.heard[0], AttemptStarted)
    assert [p.cell for p in adopted.heard if isinstance(p, CellStarted)][-1] == 1
    assert job.log.read_text() == "went on\nlast\n"
    assert adopted.silent


def test_an_adopted_attempt_can_be_cancelled(forked: Any, waiting: Any) -> None:
    job = forked.make_job(WAIT_FOR_GO)
    submit_elsewhere(job, "forked")
    adopted = waiting(job)
    assert forked.executor.adopt(job, adopted.emit)
    forked.executor.cancel(job.attempt)
    assert isinstance(adopted.until(AttemptFinished).outcome, Cancelled)


def test_a_finished_attempt_is_adopted_from_its_evidence(forked: Any, waiting: Any) -> None:
    ended = forked.run("print(1)")
    adopted = waiting(ended.job)
    assert forked.executor.adopt(ended.job, adopted.emit)
    assert adopted.until(AttemptFinished) == ended.report
    assert [type(p) for p in adopted.heard] == [AttemptStarted, AttemptFinished]


def test_an_attempt_whose_supervisor_died_is_ended_and_not_adopted(forked: Any, waiting: Any, eventually: Any) -> None:
    job = forked.make_job(
        "import subprocess, time\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "open('there', 'w').close()\ntime.sleep(1000)"
    )
    submit_elsewhere(job, "forked")
    eventually((job.cwd / "there").exists)
    claim = json.loads(AttemptFolder(job.folder).supervisor.read_text())
    processes.send_signal(claim, signal.SIGKILL)
    eventually(lambda: not processes.is_alive(claim))
    assert processes.marked(job.folder)
    assert not forked.executor.adopt(job, waiting(job).emit)
    assert [pid for pid in processes.marked(job.folder) if processes.start_time(pid)] == []
    assert not Path(claim["sockets"]).exists()


def test_an_attempt_under_another_token_is_fenced_off(forked: Any, waiting: Any) -> None:
    first = forked.start(WAIT_FOR_GO)
    first.until(CellStarted)
    other = LocalExecutor()
    assert not other.adopt(replace(first.job, token="newer"), waiting(first.job).emit)
    other.close()
    assert type(first.until(AttemptFinished).outcome).__name__ == "Lost"


def test_an_attempt_that_never_began_can_never_begin_later(forked: Any, waiting: Any) -> None:
    """Its submitter died between writing the folder and starting the supervisor."""
    from jupyter_flows.execution.starting import write_folder

    job = forked.make_job("1")
    write_folder(job)
    assert not forked.executor.adopt(job, waiting(job).emit)
    assert not claim_file(AttemptFolder(job.folder).supervisor, {})
    assert not forked.executor.adopt(forked.make_job("1"), waiting(job).emit), "nor one without any folder"


def test_closing_leaves_attempts_alone_and_another_executor_takes_over(forked: Any, waiting: Any) -> None:
    first = LocalExecutor()
    one = waiting(forked.make_job(WAIT_FOR_GO))
    first.submit(one.job, one.emit)
    one.until(CellStarted)
    first.close()
    first.close()
    adopted = waiting(one.job)
    assert forked.executor.adopt(one.job, adopted.emit)
    (one.job.cwd / "go").touch()
    assert adopted.until(AttemptFinished).outcome == Succeeded()
    assert one.silent


def test_closing_with_cancel_ends_everything_first(forked: Any, waiting: Any) -> None:
    executor = LocalExecutor(forge=False)
    one = waiting(forked.make_job(WAIT_FOR_GO))
    executor.submit(one.job, one.emit)
    one.until(CellStarted)
    executor.close(cancel=True)
    assert isinstance(one.until(AttemptFinished).outcome, Cancelled)
