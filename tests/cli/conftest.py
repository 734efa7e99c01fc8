"""Notebooks in a folder of their own, and the command line over a home of its own: in this process or in a real one."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.cli.door import run

BIN = Path(sys.executable).parent
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@dataclass
class Place:
    """A folder with notebooks and a home beside it."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def notebook(self, *sources: str, name: str = "flow.ipynb", kernel: str | None = None) -> str:
        """Write a notebook of these cells; returns its path."""
        cells = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": s}
            for i, s in enumerate(sources)
        ]
        metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}} if kernel else {}
        path = self.root / name
        path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
        return str(path)

    def empty(self, options: str = "--schedule @daily --start 2024-01-01", *, name: str = "idle") -> str:
        """A flow of two tasks that need no kernel."""
        first, second = "%%task a --kind empty\n", "%%task b --kind empty --after a\n"
        return self.notebook(f"%flow {name} {options}", first, second, name=f"{name}.ipynb")

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER_FLOWS_", "COLUMNS"))}
        return {**kept, "JUPYTER_FLOWS_HOME": str(self.home), "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", **self.env}

    def start(self, *words: str, program: tuple[str, ...] = ("jupyter-flows",)) -> subprocess.Popen[str]:
        """Start a command in a process of its own, and return at once."""
        child = subprocess.Popen(
            [str(BIN / program[0]) if (BIN / program[0]).exists() else program[0], *program[1:], *words],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children.append(child)
        return child

    def end(self, child: subprocess.Popen[str]) -> Answer:
        """Wait for a command that was started."""
        out, err = child.communicate(timeout=PATIENCE)
        return Answer(child.returncode, out, err)

    def shell(self, *words: str, program: tuple[str, ...] = ("jupyter-flows",)) -> Answer:
        """Run a command in a process of its own."""
        return self.end(self.start(*words, program=program))

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition; fail when it does not come true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"did not happen: {what or condition}"
            time.sleep(0.02)

    def interrupt(self, child: subprocess.Popen[str], number: int = signal.SIGINT) -> Answer:
        """Signal a command and wait for its end."""
        child.send_signal(number)
        return self.end(child)

    def close(self) -> None:
        (self.root / "go").touch()  # tasks that still wait, because their test failed, end
        for child in self.children:
            if child.poll() is None:
                child.kill()
            with child:  # closes its pipes and collects it
                pass


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def door(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a command in this process."""
    monkeypatch.setenv("JUPYTER_FLOWS_HOME", str(place.home))
    monkeypatch.chdir(place.root)
    yield from _door(capsys)


def _door(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    logger = logging.getLogger("jupyter_flows")
    before, handlers = logger.propagate, list(logger.handlers)

    def ask(*words: str) -> Answer:
        code = run(words)
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    yield ask
    logger.propagate, logger.handlers[:] = before, handlers


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where a flow has run with real kernels: one day well, one day not, and `idle` never."""
    made = Place(tmp_path_factory.mktemp("done"))
    made.notebook(
        "%flow daily --schedule @daily --start 2024-01-01",
        "%%task fetch\nwords = ['hello', ds]\nprint('got', words)",
        "%%task save\nassert not ds.endswith('02'), 'a bad day'\nprint(words)",
    )
    made.empty()
    answer = made.shell("backfill", "flow.ipynb", "--from", "2024-01-01", "--to", "2024-01-02", "--json")
    assert answer.code == 1, answer
    assert made.shell("deploy", "idle.ipynb").code == 0
    return made


@pytest.fixture
def ask(done: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a command in this process, over the place where a flow has run."""
    monkeypatch.setenv("JUPYTER_FLOWS_HOME", str(done.home))
    monkeypatch.chdir(done.root)
    yield from _door(capsys)
