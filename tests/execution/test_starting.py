"""Attempts that cannot begin, and what happens to a forge that fails."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.execution.inline import run_job
from jupyter_flows.execution.local import LocalExecutor
from jupyter_flows.model.progress import AttemptFinished
from jupyter_flows.model.run import Failed, NotStarted, Succeeded

pytestmark = pytest.mark.kernel


@pytest.fixture
def kernelspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    def install(name: str, argv: list[str], **more: Any) -> str:
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": "python", **more}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return name

    return install


def test_a_missing_kernelspec_starts_nothing(forked: Any) -> None:
    ended = forked.run("1", kernel="pythn3")
    assert isinstance(ended.outcome, NotStarted)
    assert "pythn3" in ended.outcome.message
    assert "Use 'python3'." in ended.outcome.message
    assert [type(p) for p in ended.heard] == [AttemptFinished]
    assert not ended.job.folder.exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('no licence found')"], "no licence found"),
        (["false"], "exit code 1"),
        (["/no/such/interpreter"], "could not be started"),
    ],
)
def test_a_kernel_that_dies_at_once_is_refused_with_its_last_words(
    forked: Any, kernelspec: Any, command: list[str], words: str
) -> None:
    began = time.monotonic()
    outcome = forked.run("1", kernel=kernelspec("broken", command)).outcome
    assert isinstance(outcome, NotStarted)
    assert words in outcome.message
    assert time.monotonic() - began < 10


def test_a_kernel_that_never_answers_is_refused_in_time(forked: Any, kernelspec: Any) -> None:
    began = time.monotonic()
    ended = forked.run("1", kernel=kernelspec("mute", ["sleep", "1000"]), start_timeout=1.0)
    assert isinstance(ended.outcome, NotStarted)
    assert "did not answer within 1 s (silent: shell and iopub channel)" in ended.outcome.message
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "notebook",
    [
        {},
        {"cells": {}},
        {"cells": [1]},
        {"cells": [{"cell_type": 1}]},
        {"cells": [{"cell_type": "code", "metadata": 1}]},
    ],
)
def test_a_bad_notebook_is_refused(forked: Any, notebook: Any) -> None:
    outcome = forked.run(notebook=notebook).outcome
    assert isinstance(outcome, NotStarted)
    assert "notebook" in outcome.message


def test_a_meagre_notebook_is_run(forked: Any) -> None:
    ended = forked.run(notebook={"cells": [{"cell_type": "code", "source": ["print(", "1)"]}]})
    assert ended.outcome == Succeeded()


def test_a_missing_working_folder_is_refused(forked: Any, tmp_path: Path) -> None:
    outcome = forked.run("1", cwd=tmp_path / "gone").outcome
    assert isinstance(outcome, NotStarted)
    assert "gone does not exist" in outcome.message


def test_an_output_that_cannot_be_written_fails_the_attempt_with_the_reason(make_job: Any) -> None:
    """A file stands where its folder should be."""
    job = make_job("1")
    job.folder.parent.mkdir()
    (job.folder.parent / "file").touch()
    report = run_job(replace(job, output=job.folder.parent / "file" / "x.ipynb"))
    assert isinstance(report.outcome, Failed)
    assert "could not be written" in report.outcome.message
    assert str(job.folder.parent) in report.outcome.message
    assert not report.has_notebook


def test_another_ipykernel_starts_cold_and_says_so(forked: Any, kernelspec: Any) -> None:
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--quiet"]
    waiting = forked.start("print(1)", kernel=kernelspec("other", command))
    assert waiting.until(AttemptFinished).outcome == Succeeded()
    assert waiting.how == "cold"


def test_a_job_with_its_own_python_path_starts_cold(forked: Any, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "only_here.py").write_text("found = True")
    waiting = forked.start("import only_here", env={"PYTHONPATH": str(tmp_path / "lib")})
    assert waiting.until(AttemptFinished).outcome == Succeeded()
    assert waiting.how == "cold"


@pytest.fixture
def own_executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor()
    yield executor
    executor.close(cancel=True)


def test_a_forge_that_cannot_start_is_done_without(
    own_executor: LocalExecutor, make_job: Any, waiting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_flows.execution.forge.SERVER", "no_such_module")
    one = waiting(make_job("1"))
    own_executor.submit(one.job, one.emit)
    assert one.until(AttemptFinished).outcome == Succeeded()
    assert one.how == "cold"


def test_a_killed_forge_is_replaced_and_attempts_go_on(
    own_executor: LocalExecutor, make_job: Any, waiting: Any
) -> None:
    source = "import os\nprint(os.getppid(), flush=True)\nimport time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    first = waiting(make_job(source))
    own_executor.submit(first.job, first.emit)
    from jupyter_flows.model.progress import AttemptStarted, CellStarted

    supervisor = first.until(AttemptStarted).pid
    first.until(CellStarted)
    with open(f"/proc/{supervisor}/stat") as file:
        forge = int(file.read().rpartition(")")[2].split()[1])
    os.kill(forge, 9)
    second = waiting(make_job("1"))
    own_executor.submit(second.job, second.emit)
    assert second.until(AttemptFinished).outcome == Succeeded()
    (first.job.cwd / "go").touch()
    assert first.until(AttemptFinished).outcome == Succeeded()
    third = waiting(make_job("1"))
    own_executor.submit(third.job, third.emit)
    third.until(AttemptFinished)
    assert third.how == "forked"


def test_asking_for_more_modules_makes_a_new_forge_that_has_them(
    own_executor: LocalExecutor, make_job: Any, waiting: Any, eventually: Any
) -> None:
    seen = "import sys\nprint('sqlalchemy' in sys.modules)"

    def loaded(*preload: str) -> str:
        one = waiting(make_job(seen, preload=preload))
        own_executor.submit(one.job, one.emit)
        assert one.until(AttemptFinished).outcome == Succeeded()
        assert one.how == "forked"
        return str(one.job.log.read_text().strip())

    assert loaded() == "False"
    eventually(lambda: loaded("sqlalchemy", "no_such_module") == "True", 30)


def test_code_that_changed_is_not_served_stale(
    tmp_path: Path, make_job: Any, waiting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lib" / "tabulate"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("value = 'old'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    executor = LocalExecutor()

    def value() -> tuple[str, str]:
        one = waiting(
            make_job(
                "import sys\nloaded = 'tabulate' in sys.modules\nimport tabulate\nprint(loaded, tabulate.value)",
                preload=("tabulate",),
            )
        )
        executor.submit(one.job, one.emit)
        assert one.until(AttemptFinished).outcome == Succeeded()
        return one.how, one.job.log.read_text().strip()

    try:
        assert value() == ("forked", "True old")
        (package / "__init__.py").write_text("value = 'new and longer'")
        assert value() == ("forked", "True new and longer")
    finally:
        executor.close()
