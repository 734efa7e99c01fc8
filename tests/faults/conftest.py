"""Notebooks in a folder of their own, commands in real processes over a home of their own, and ways to harm them."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

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

    def ask(self, *words: str) -> Answer:
        """Run a command in this process: quicker, where no process is to be harmed."""
        out, err = StringIO(), StringIO()
        logger, before = logging.getLogger("jupyter_flows"), Path.cwd()
        os.chdir(self.root)
        try:
            with patch.dict(os.environ, self.environment(), clear=True), redirect_stdout(out), redirect_stderr(err):
                code = run(words)
        finally:
            os.chdir(before)
            logger.propagate, logger.handlers[:] = True, []
        return Answer(code, out.getvalue(), err.getvalue())

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition; fail when it does not come true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"did not happen: {what or condition}"
            time.sleep(0.02)

    def alive(self) -> dict[int, str]:
        """Processes that belong to an attempt under this home, or are a command over it: pid and command line."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    if str(self.home).encode() in (folder / "environ").read_bytes():
                        found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        return found

    def ledger(self) -> list[str]:
        """What the tasks have written, a line each, in order."""
        path = self.root / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def attempts(self) -> list[tuple[str, str, int, str]]:
        """Every attempt in the store: the day of its run, task, try and how it ended."""
        with closing(sqlite3.connect(self.home / "flows.sqlite")) as database:
            rows = database.execute("SELECT run_id, task_id, try_number, outcome FROM attempts ORDER BY id").fetchall()
        return [(r.split("__")[1][:10], t, n, json.loads(o)["kind"] if o else "open") for r, t, n, o in rows]

    def open_files(self, child: subprocess.Popen[str]) -> set[str]:
        """The names of the files a command has open."""
        with suppress(OSError):
            return {file.readlink().name for file in Path(f"/proc/{child.pid}/fd").iterdir()}
        return set()

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
