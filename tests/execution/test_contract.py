"""What every attempt does, however its kernel came up."""

from __future__ import annotations

import copy
import json
import os
import signal
import textwrap
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_flows.execution import processes
from jupyter_flows.execution.executor import Job
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted, CellFinished, CellStarted
from jupyter_flows.model.run import Cancelled, Died, Failed, Lost, NotStarted, SkipAsked, Succeeded, TimedOut

pytestmark = pytest.mark.kernel


def test_a_notebook_runs_to_its_end_and_says_so_in_order(bench: Any, cell: Any) -> None:
    ended = bench.run(
        cell("greeting = 'hello'", "setup", role="setup"),
        cell("print(greeting)", "first", role="body"),
        cell("6 * 7", "second", role="body"),
    )
    assert ended.outcome == Succeeded()
    assert [type(p) for p in ended.heard] == [
        AttemptStarted,
        CellStarted,
        CellFinished,
        CellStarted,
        CellFinished,
        AttemptFinished,
    ]
    assert ended.heard[0].how == bench.how
    assert [(p.cell, p.cells) for p in ended.heard if isinstance(p, CellStarted)] == [(0, 2), (1, 2)]
    assert ended.text(1) == "hello\n"
    assert ended.log == "hello\n42\n"
    assert ended.report.has_notebook
    assert ended.report.started is not None
    assert ended.report.started <= ended.report.at
    nbformat.validate(nbformat.read(ended.job.output, as_version=4))
    assert not (ended.job.folder / "ipython").exists()


def test_the_source_is_never_modified(forked: Any, notebook: Any) -> None:
    source = notebook("x = 1\nx")
    before = copy.deepcopy(source)
    assert forked.run(notebook=source).outcome == Succeeded()
    assert source == before


def test_an_error_names_its_cell_and_the_authors_line(bench: Any) -> None:
    ended = bench.run("ok = 1", "# %%task clean\ndef f():\n    return 1 / 0\n\nf()", "never = 1")
    outcome = ended.outcome
    assert isinstance(outcome, Failed)
    assert (outcome.ename, outcome.cell_id, outcome.line) == ("ZeroDivisionError", "cell-1", 3)
    assert outcome.message == "division by zero"
    assert "\x1b" not in outcome.traceback
    assert "\x1b" in ended.log
    assert [p.ok for p in ended.heard if isinstance(p, CellFinished)] == [True, False]
    assert len(ended.notebook["cells"]) == 3, "no banner cells"
    assert ended.notebook["cells"][2]["execution_count"] is None


def test_a_syntax_error_has_a_line(forked: Any) -> None:
    assert forked.run("a = 1\nb = = 2").outcome.line == 2


@pytest.mark.parametrize(
    ("source", "stopped_early"), [("import sys; sys.exit(0)", True), ("import sys; sys.exit()", True), ("exit()", True)]
)
def test_a_quiet_exit_is_an_early_success(forked: Any, source: str, stopped_early: bool) -> None:
    ended = forked.run(source, "print('later')")
    assert ended.outcome == Succeeded(stopped_early=stopped_early)
    assert "later" not in ended.log


def test_an_exit_with_a_code_is_a_failure(forked: Any) -> None:
    outcome = forked.run("import sys; sys.exit(3)").outcome
    assert isinstance(outcome, Failed)
    assert (outcome.ename, outcome.message) == ("SystemExit", "3")


def test_a_cell_tagged_raises_exception_may_raise(bench: Any, cell: Any) -> None:
    ended = bench.run(cell("1 / 0", "a", tags=("raises-exception",)), cell("print('on')", "b"))
    assert ended.outcome == Succeeded()
    assert ended.text(1) == "on\n"


def test_cells_tagged_skip_execution_and_empty_ones_do_not_run(forked: Any, cell: Any) -> None:
    ended = forked.run(cell("1 / 0", "a", tags=("skip-execution",)), cell("  ", "b"), cell("print(1)", "c"))
    assert ended.outcome == Succeeded()
    assert [(p.cell, p.cells) for p in ended.heard if isinstance(p, CellStarted)] == [(0, 1)]


@pytest.mark.parametrize(
    ("death", "code"), [("os.kill(os.getpid(), 9)", -9), ("os._exit(0)", 0), ("os.kill(os.getpid(), 11)", -11)]
)
def test_a_dead_kernel_is_noticed_at_once_and_never_a_success(forked: Any, death: str, code: int) -> None:
    began = time.monotonic()
    ended = forked.run(f"import os\nprint('last words', flush=True)\n{death}", "print('later')")
    assert isinstance(ended.outcome, Died)
    assert ended.outcome.exit_code == code
    assert time.monotonic() - began < 10
    assert "later" not in ended.log
    states = [c["metadata"]["papermill"]["status"] for c in ended.notebook["cells"]]
    assert states == ["failed", "pending"]


def test_a_kernel_killed_from_outside_says_by_which_signal(bench: Any, eventually: Any) -> None:
    waiting = bench.start("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(100)")
    waiting.until(CellStarted)
    eventually(lambda: waiting.job.log.exists() and waiting.job.log.read_text().endswith("\n"))
    began = time.monotonic()
    os.kill(int(waiting.job.log.read_text()), signal.SIGKILL)
    outcome = waiting.until(AttemptFinished).outcome
    assert time.monotonic() - began < 3
    assert isinstance(outcome, Died)
    assert "killed by signal 9 (out of memory" in outcome.message


def test_a_timeout_ends_even_a_kernel_that_ignores_everything(bench: Any) -> None:
    source = """
        import signal, time
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print('on and on', flush=True)
        while True:
            try:
                while True: time.sleep(0.1)
            except KeyboardInterrupt:
                pass
    """
    began = time.monotonic()
    ended = bench.run(textwrap.dedent(source), timeout=1.0)
    assert isinstance(ended.outcome, TimedOut)
    assert ended.outcome.after.total_seconds() == 1.0
    assert time.monotonic() - began < 15
    assert ended.text(0) == "on and on\n", "what was printed is kept"


def test_a_timeout_interrupts_first(forked: Any) -> None:
    ended = forked.run(
        "import time\ntry:\n    time.sleep(100)\nfinally:\n    print('tidied')", "print('later')", timeout=0.5
    )
    assert isinstance(ended.outcome, TimedOut)
    assert "tidied" in ended.log
    assert "later" not in ended.log


def test_a_cancel_lets_the_cell_tidy_up(bench: Any) -> None:
    waiting = bench.start("import time\ntry:\n    time.sleep(100)\nfinally:\n    print('tidied')")
    waiting.until(CellStarted)
    began = time.monotonic()
    bench.executor.cancel(waiting.job.attempt)
    assert isinstance(waiting.until(AttemptFinished).outcome, Cancelled)
    assert time.monotonic() - began < 4, "no need to use up the grace"
    assert waiting.silent
    bench.executor.cancel(waiting.job.attempt)  # no error when it is over


def test_a_cancel_stops_a_notebook_that_swallows_interrupts_between_cells(forked: Any, cell: Any) -> None:
    waiting = forked.start(
        cell("import time; time.sleep(100)", "a", tags=("raises-exception",)), cell("print('later')", "b")
    )
    waiting.until(CellStarted)
    forked.executor.cancel(waiting.job.attempt)
    assert isinstance(waiting.until(AttemptFinished).outcome, Cancelled)
    assert "later" not in waiting.job.log.read_text()


def test_a_cancel_before_the_kernel_answers_reports_once(forked: Any) -> None:
    waiting = forked.start("1")
    forked.executor.cancel(waiting.job.attempt, grace=0.1)
    assert isinstance(waiting.until(AttemptFinished).outcome, Cancelled | Succeeded)
    assert waiting.silent


def test_children_of_every_kind_are_gone_with_the_attempt(bench: Any) -> None:
    source = """
        import os, subprocess, sys
        sleep = [sys.executable, '-c', 'import time; time.sleep(1000)']
        pids = [subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid]
        read, write = os.pipe()
        if os.fork() == 0:                     # a daemon: forks twice, its own session, no parent
            os.setsid()
            if os.fork() == 0:
                os.write(write, str(os.getpid()).encode())
                import time
                time.sleep(1000)
            os._exit(0)
        pids.append(int(os.read(read, 100)))
        print(*pids)
    """
    ended = bench.run(textwrap.dedent(source))
    assert ended.outcome == Succeeded()
    pids = [int(word) for word in ended.text(0).split()]
    assert len(pids) == 3
    assert [pid for pid in pids if processes.start_time(pid)] == []


def test_a_killed_runner_takes_everything_with_it(bench: Any, eventually: Any) -> None:
    """T14: the kernel sits in a C call that holds the interpreter's lock, and has a child."""
    source = "import subprocess, os\nprint(os.getpid(), subprocess.Popen(['sleep', '1000']).pid, flush=True)\n"
    waiting = bench.start(source + "import time\ntime.sleep(0.5)\nsum(range(10**12))")
    supervisor = waiting.until(AttemptStarted).pid
    eventually(lambda: waiting.job.log.exists() and waiting.job.log.read_text().endswith("\n"))
    kernel, child = map(int, waiting.job.log.read_text().split())
    below = processes.descendants(supervisor)
    runner = next(p for p in below if p != kernel and _parent(p) == supervisor)
    os.kill(runner, signal.SIGKILL)
    outcome = waiting.until(AttemptFinished).outcome
    assert isinstance(outcome, Lost)
    assert "signal 9" in outcome.message
    assert not processes.start_time(kernel)
    assert not processes.start_time(child)
    assert not list(waiting.job.output.parent.glob(".*.tmp"))


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def test_a_killed_supervisor_leaves_nothing_behind(bench: Any, eventually: Any) -> None:
    source = """
        import multiprocessing, subprocess, time, os
        def forever(): time.sleep(1000)
        child = multiprocessing.get_context('fork').Process(target=forever)
        child.start()
        daemon = subprocess.Popen(['sleep', '1000'], start_new_session=True)
        print(os.getpid(), child.pid, daemon.pid, flush=True)
        time.sleep(1000)
    """
    waiting = bench.start(textwrap.dedent(source))
    supervisor = waiting.until(AttemptStarted).pid
    eventually(lambda: waiting.job.log.exists() and waiting.job.log.read_text().endswith("\n"))
    pids = [int(word) for word in waiting.job.log.read_text().split()]
    os.kill(supervisor, signal.SIGKILL)
    assert isinstance(waiting.until(AttemptFinished).outcome, Lost)
    eventually(lambda: not any(processes.start_time(pid) for pid in pids))


def test_endless_output_is_bounded_and_the_attempt_goes_on(bench: Any) -> None:
    """T12."""
    ended = bench.run("while True: print('x' * 1000)", timeout=3.0)
    assert isinstance(ended.outcome, TimedOut)
    assert ended.job.output.stat().st_size < 5_000_000
    assert "characters left out" in json.dumps(ended.notebook)
    assert ended.job.log.stat().st_size < 110_000_000


def test_a_runner_stays_small_under_endless_output(cold: Any, eventually: Any) -> None:
    waiting = cold.start("while True: print('x' * 1000)")
    supervisor = waiting.until(AttemptStarted).pid
    eventually(lambda: waiting.job.log.exists() and waiting.job.log.stat().st_size > 60_000_000, 30)
    [runner] = [p for p in processes.descendants(supervisor) if _parent(p) == supervisor]
    status = dict(line.split(":", 1) for line in Path(f"/proc/{runner}/status").read_text().splitlines())
    assert int(status["VmHWM"].split()[0]) < 200_000
    cold.executor.cancel(waiting.job.attempt, grace=0.1)
    waiting.until(AttemptFinished)


def test_what_the_code_left_in_its_result_counts(forked: Any) -> None:
    source = """
        import json, os, pathlib
        folder = pathlib.Path(os.environ['JUPYTER_FLOWS_ATTEMPT'])
        (folder / 'values').mkdir()
        (folder / 'values' / 'tidy.json').write_text('[1]')
        entry = {'name': 'tidy', 'file': 'values/tidy.json', 'format': 'json', 'digest': 'd', 'size': 3}
        (folder / 'result.json').write_text(json.dumps({'artifacts': [entry], 'branch': ['left']}))
        print(json.loads((folder / 'context.json').read_text())['who'])
    """
    ended = forked.run(textwrap.dedent(source), context={"who": "me"})
    assert ended.outcome == Succeeded(branch=("left",))
    assert ended.text(0) == "me\n"
    [artifact] = ended.report.artifacts
    assert (artifact.name, artifact.format, artifact.size) == ("tidy", "json", 3)
    assert artifact.path == str((ended.job.folder / "values" / "tidy.json").resolve())


_RESULT = "import json, os\nopen(os.environ['JUPYTER_FLOWS_ATTEMPT'] + '/result.json', 'w').write(json.dumps({}))\n"


@pytest.mark.parametrize("tags", [(), ("raises-exception",)])
def test_skip_and_fail_end_the_notebook(forked: Any, cell: Any, tags: tuple[str, ...]) -> None:
    skip = _RESULT.format({"skip": "no data"}).replace("dumps({})", "dumps({'skip': 'no data'})") + "raise Exception"
    ended = forked.run(cell(skip, "a", tags=tags), cell("print('later')", "b"))
    assert ended.outcome == SkipAsked("no data")
    assert "later" not in ended.log
    fail = _RESULT.replace("dumps({})", "dumps({'fail': 'hopeless'})") + "raise Exception"
    outcome = forked.run(cell(fail, "a", tags=tags)).outcome
    assert isinstance(outcome, Failed)
    assert (outcome.message, outcome.final) == ("hopeless", True)


def test_a_result_that_lies_is_a_failure(forked: Any) -> None:
    lie = "{'artifacts': [{'name': 'a', 'file': '../../x', 'format': 'json', 'digest': '', 'size': 1}]}"
    outcome = forked.run(_RESULT.replace("dumps({})", f"dumps({lie})")).outcome
    assert isinstance(outcome, Failed)
    assert "outside the attempt's folder" in outcome.message


def test_a_folder_serves_one_attempt_only(forked: Any, waiting: Any) -> None:
    ended = forked.run("1")
    again = waiting(ended.job)
    forked.executor.submit(again.job, again.emit)
    assert isinstance(again.until(AttemptFinished).outcome, NotStarted)


def test_each_runs_in_its_own_working_folder(bench: Any, tmp_path: Any) -> None:
    """T9."""
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    runs = [bench.start("open('here', 'w').write('x')\nimport os\nprint(os.getcwd())", cwd=f) for f in folders]
    for folder, waiting in zip(folders, runs, strict=True):
        assert waiting.until(AttemptFinished).outcome == Succeeded()
        assert waiting.job.log.read_text() == f"{folder}\n"
        assert (folder / "here").exists()


def test_files_of_the_attempt_are_for_the_owner_only(forked: Any) -> None:
    ended = forked.run("open('made', 'w').write('x')")
    for path in (ended.job.output, ended.job.log, *ended.job.folder.rglob("*"), ended.job.cwd / "made"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert ended.job.folder.stat().st_mode & 0o777 == 0o700


def test_the_environment_is_the_jobs_own_and_no_secret_of_the_server(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_API_TOKEN", "canary-1")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "canary-2")
    ended = bench.run(
        "import os\nprint(os.environ['MINE'], os.environ['JUPYTER_FLOWS_ATTEMPT'])\nprint(dict(os.environ))",
        env={"MINE": "canary-3"},
    )
    assert ended.text(0).startswith(f"canary-3 {ended.job.folder}\n")
    assert "canary-1" not in ended.log
    assert "canary-2" not in ended.log
    kept = [p for p in ended.job.folder.rglob("*") if p.is_file() and b"canary-3" in p.read_bytes()]
    assert kept == [], "the job's environment stays off the disk"


def test_a_start_up_file_of_the_user_is_not_run(bench: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("ran_at_startup = True")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    assert bench.run("assert 'ran_at_startup' not in globals()").outcome == Succeeded()


def test_a_job_is_not_silently_run_twice(forked: Any) -> None:
    from jupyter_flows.errors import ExecutionError

    waiting = forked.start("1")
    with pytest.raises(ExecutionError, match="under way"):
        forked.executor.submit(waiting.job, waiting.emit)
    waiting.until(AttemptFinished)


def test_a_listener_that_raises_harms_nobody(forked: Any, make_job: Any, waiting: Any) -> None:
    good = waiting(make_job("1"))

    def bad(progress: Any) -> None:
        good.emit(progress)
        raise RuntimeError("no")

    forked.executor.submit(good.job, bad)
    assert good.until(AttemptFinished).outcome == Succeeded()


def test_run_job_runs_while_the_caller_waits(make_job: Any) -> None:
    from jupyter_flows.execution.inline import run_job

    job: Job = make_job("print(1)")
    heard: list[Any] = []
    report = run_job(job, emit=heard.append)
    assert report.outcome == Succeeded()
    assert heard[-1] == report
