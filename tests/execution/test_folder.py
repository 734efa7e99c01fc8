"""Files of an attempt, and what travels as JSON."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.execution.folder import MAX_JSON, claim_file, read_json, replace_file, sweep_temporaries
from jupyter_flows.execution.results import read_result
from jupyter_flows.execution.wire import job_from_json, job_to_json, progress_from_json
from jupyter_flows.model.progress import AttemptStarted, CellFinished, CellStarted


def test_a_job_goes_to_json_and_back_without_its_environment(make_job: Any) -> None:
    job = make_job("1", env={"PASSWORD": "canary"}, timeout=3.0, preload=("numpy",), context={"a": [1]})
    text = json.dumps(job_to_json(job))
    assert "canary" not in text
    back = job_from_json(json.loads(text) | {"of_a_newer_release": 1})
    assert {n: getattr(back, n) for n in job.__dataclass_fields__ if n != "env"} == {
        n: getattr(job, n) for n in job.__dataclass_fields__ if n != "env"
    }


def test_lines_of_events_are_progress(make_job: Any) -> None:
    job, at = make_job("1"), datetime(2024, 1, 1, tzinfo=timezone.utc)
    line = {"at": at.isoformat(), "cell": 0, "cells": 2, "ok": True, "pid": 7, "how": "cold"}
    assert progress_from_json(job, line | {"event": "attempt_started"}) == AttemptStarted(
        job.attempt, job.token, at, 7, "cold"
    )
    assert progress_from_json(job, line | {"event": "cell_started"}) == CellStarted(job.attempt, 0, 2, at)
    assert progress_from_json(job, line | {"event": "cell_finished"}) == CellFinished(job.attempt, 0, 2, True, at)
    assert progress_from_json(job, {"event": "ended"}) is None


def test_a_failed_replacement_keeps_the_old_file_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    replace_file(path, b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        replace_file(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"old"


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    for name in (".1.ipynb.abc.tmp", ".1.ipynb.d[ef.tmp", ".2.ipynb.abc.tmp", "1.ipynb"):
        (tmp_path / name).touch()
    sweep_temporaries(tmp_path / "1.ipynb")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".2.ipynb.abc.tmp", "1.ipynb"]


def _claim(path: Path, number: int) -> bool:
    return claim_file(path, {"number": number})


def test_a_claim_is_won_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(_claim, [(tmp_path / "claim", n) for n in range(40)])
    assert sum(won) == 1
    assert read_json(tmp_path / "claim") == {"number": won.index(True)}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "x" * (MAX_JSON + 1)])
def test_json_that_cannot_be_read_is_one_kind_of_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(ValueError, match="x "):
        read_json(tmp_path / "x")
    assert read_json(tmp_path / "missing") is None


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"artifacts": 1},
        {"artifacts": [1]},
        {"artifacts": [{"name": "a"}]},
        {"artifacts": [{"name": "a", "file": "/etc/passwd", "format": "json", "digest": "", "size": 1}]},
        {"artifacts": [{"name": "a", "file": "gone", "format": "json", "digest": "", "size": 1}]},
        {"branch": "left"},
        {"branch": [1]},
        {"skip": 1},
        {"fail": []},
    ],
)
def test_a_result_is_not_believed(tmp_path: Path, record: Any) -> None:
    from jupyter_flows.execution.folder import AttemptFolder

    (tmp_path / "result.json").write_text(json.dumps(record))
    result, artifacts, fault = read_result(AttemptFolder(tmp_path))
    assert (result, artifacts) == (None, [])
    assert fault.startswith("What the task stored cannot be used: ")


def test_no_result_is_no_fault(tmp_path: Path) -> None:
    from jupyter_flows.execution.folder import AttemptFolder

    assert read_result(AttemptFolder(tmp_path)) == (None, [], "")


def test_a_kill_while_saving_leaves_a_whole_notebook(tmp_path: Path) -> None:
    """T11: 25 kills at random moments; papermill left 7 of 25 unreadable."""
    script = """
        import json, os, random, signal, sys, time
        from pathlib import Path
        from jupyter_flows.execution.lean import load_engine
        load_engine()
        from jupyter_flows.execution.saving import Manager, as_notebook
        cell = {'cell_type': 'code', 'id': 'a', 'metadata': {}, 'source': '1', 'execution_count': 1}
        output = {'output_type': 'stream', 'name': 'stdout', 'text': 'x' * 6_000_000}
        cells = [{**cell, 'outputs': [output]}]
        notebook = as_notebook({'nbformat': 4, 'nbformat_minor': 5, 'metadata': {}, 'cells': cells})
        path, seen = Path(sys.argv[1]), set()
        random.seed(11)
        for number in range(25):
            pid = os.fork()
            if pid == 0:
                manager = Manager(notebook, path)
                while True:
                    manager._every = 0
                    manager.save()
            before = path.stat().st_mtime_ns if path.exists() else 0
            while not path.exists() or path.stat().st_mtime_ns == before:
                time.sleep(0.001)                      # it has saved once,
            time.sleep(random.uniform(0, 0.05))        # and is saving again, somewhere
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            seen.add(len(json.loads(path.read_text())['cells'][0]['outputs'][0]['text'][0]))
        assert seen == {6_000_000}, seen
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "a.ipynb")], check=True, timeout=60)
