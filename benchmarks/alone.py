"""Figures that start no kernel: imports, the extension, empty tasks, a large backfill, a large picture."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Contest, Figure, take_turns
from benchmarks.notebooks import write
from benchmarks.ours import carry_out
from benchmarks.reference import TIMEOUT
from benchmarks.workloads import Files, Workload
from jupyter_flows import open_flows

EXTENSION = """
import sys, time
import ipykernel.zmqshell
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
began = time.perf_counter()
shell.extension_manager.load_extension(sys.argv[1])
print(time.perf_counter() - began)
"""

EMPTY = "def load_ipython_extension(shell):\n    pass\n"


def imports(rounds: int) -> Contest:
    """A process that imports us against one that imports `json`: whole processes."""
    contest = Contest("import", "a process that only imports", "import jupyter_flows", "import json")
    sides = (
        lambda: contest.ours.append(_process("import jupyter_flows")),
        lambda: contest.reference.append(_process("import json")),
    )
    take_turns(sides, rounds)
    return contest


def _process(code: str) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIMEOUT)
    return perf_counter() - began


def extension(folder: Path, rounds: int) -> list[Figure]:
    """`%load_ext` in a shell that has nothing of ours, and the same for an extension that does nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty_extension.py").write_text(EMPTY, encoding="utf-8")
    loaded = Figure("load_ext", "%load_ext jupyter_flows, the first in a kernel", limit=0.15)
    empty = Figure("load_ext", "%load_ext of an extension that does nothing")
    sides = (
        lambda: loaded.values.append(_load("jupyter_flows", folder)),
        lambda: empty.values.append(_load("empty_extension", folder)),
    )
    take_turns(sides, rounds)
    return [loaded, empty]


def _load(name: str, folder: Path) -> float:
    command = [sys.executable, "-c", EXTENSION, name]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, timeout=TIMEOUT)
    return float(ran.stdout)


def empty_tasks(folder: Path, size: int, rounds: int) -> list[Figure]:
    """A flow of `size` tasks of kind `empty`, ten side by side: read and checked, then carried out."""
    folder.mkdir(parents=True, exist_ok=True)
    flow = write(folder / "empty.ipynb", _empty_cells(size), parameters=False)
    read = Figure("empty", f"{size:,} empty tasks: the notebook read and checked")
    done = Figure("empty", f"{size:,} empty tasks: the whole run, with reading", limit=3.0)
    number = count()

    def side() -> None:
        flows = open_flows(folder / f"home{next(number)}")
        try:
            began = perf_counter()
            flows.read(flow)
            middle = perf_counter()
            carry_out(flows, Workload("empty", ""), Files(flow, flow))
            read.values.append(middle - began)
            done.values.append(perf_counter() - middle)
        finally:
            flows.close()

    take_turns([side], rounds)
    return [read, done]


def _empty_cells(size: int) -> list[str]:
    cells = ["%flow empty"]
    for n in range(size):
        above = [f"t{m}" for m in (n - 10, n - 9 if n % 10 < 9 else n - 19) if m >= 0]
        after = f" --after {','.join(above)}" if n >= 10 else ""
        cells.append(f"%%task t{n} --kind empty{after}\n")
    return cells


def backfill(folder: Path, size: int, rounds: int) -> list[Figure]:
    """A backfill of `size` hourly intervals planned and stored; nothing of it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = ["%flow hourly --schedule @hourly --start 2000-01-01", "%%task only\nvalue = 1"]
    flow = write(folder / "hourly.ipynb", cells, parameters=False)
    planned = Figure("backfill", f"{size:,} hourly intervals: planned and stored", limit=3.0 * size / 10_000)
    number = count()

    def side() -> None:
        flows = open_flows(folder / f"home{next(number)}")
        try:
            stored = flows.resolve(str(flow))
            began = perf_counter()
            asked = flows.backfill(stored, "2000-01-01", _hour(size - 1))
            planned.values.append(perf_counter() - began)
            if len(asked.plan.rows) != size:
                raise RuntimeError(f"{len(asked.plan.rows)} intervals were planned, not {size}")
        finally:
            flows.close()

    take_turns([side], rounds)
    return [planned]


def _hour(number: int) -> str:
    from datetime import datetime, timedelta

    return (datetime(2000, 1, 1) + timedelta(hours=number)).isoformat()  # noqa: DTZ001


def picture(folder: Path, size: int, rounds: int) -> list[Figure]:
    """The graph of a flow of `size` tasks laid out and drawn: as screens show it, and with every task in it."""
    from jupyter_flows.picture.svg import svg
    from jupyter_flows.views import flow_view

    folder.mkdir(parents=True, exist_ok=True)
    path = write(folder / "picture.ipynb", _empty_cells(size), parameters=False)
    flows = open_flows(folder / "home")
    try:
        flow, _ = flows.read(path)
    finally:
        flows.close()
    view = flow_view(flow)
    drawn = Figure("picture", f"graph of {size:,} tasks: layout and SVG", limit=0.2)

    def side() -> None:
        began = perf_counter()
        image = svg(view)
        drawn.values.append(perf_counter() - began)
        if "</svg>" not in image:
            raise RuntimeError("no picture was drawn")

    take_turns([side], rounds)
    return [drawn]
