"""Our side: the whole product through `open_flows`, with its database, supervision, values, events and logs."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from time import perf_counter

from benchmarks import notebooks
from benchmarks.reference import TIMEOUT
from benchmarks.workloads import Files, Workload
from jupyter_flows import open_flows
from jupyter_flows.model.event import CELL_FINISHED, CELL_STARTED
from jupyter_flows.model.run import RunKey
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.flows import Flows


def run_cold(workload: Workload, files: Files, home: Path) -> float:
    """Seconds from `open_flows` over an empty folder to the end of all runs: nothing is up before."""
    began = perf_counter()
    flows = open_flows(home, parallelism=workload.parallel)
    try:
        carry_out(flows, workload, files)
        return perf_counter() - began
    finally:
        flows.close()


def run_warm(workload: Workload, files: Files, warm_up: Files, home: Path) -> tuple[float, list[float]]:
    """Seconds from asking to the end of all runs, after something else has run in this session; and the gaps.

    `warm_up` is what has run: a notebook with the same imports, so the forge has learned the libraries.
    """
    flows = open_flows(home, parallelism=workload.parallel)
    try:
        carry_out(flows, Workload("warm_up", ""), warm_up)
        began = perf_counter()
        keys = carry_out(flows, workload, files)
        seconds = perf_counter() - began
        return seconds, gaps(flows, keys[0]) if len(workload.stages) > 1 and set(workload.stages) == {1} else []
    finally:
        flows.close()


def run_command(files: Files, home: Path) -> float:
    """Seconds of `jupyter flows run NOTEBOOK` in a new process, over an empty folder."""
    command = [sys.executable, "-m", "jupyter_flows", "--home", str(home), "run", str(files.flow)]
    began = perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT, env=dict(os.environ))
    return perf_counter() - began


def run_script(workload: Workload, folder: Path) -> float:
    """Seconds of the workload's cells as a plain Python script: no kernel, no notebook, no product."""
    folder.mkdir(parents=True)
    script = folder / "script.py"
    script.write_text("\n".join([notebooks.PARAMETERS, *workload.cells]), encoding="utf-8")
    began = perf_counter()
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True, timeout=TIMEOUT)
    return perf_counter() - began


def carry_out(flows: Flows, workload: Workload, files: Files) -> list[RunKey]:
    """Run a workload to its end and return its runs. Raises RuntimeError when one of them did not succeed."""
    stored = flows.resolve(str(files.flow))
    if workload.days:
        dates = workload.dates()
        asked = flows.backfill(stored, str(dates[0]), str(dates[-1]), parallel=workload.parallel)
        assert asked.backfill is not None
        number = asked.backfill.id
        flows.host.ensure()
        over = flows.wait(lambda: flows.is_backfill_over(number), timeout=TIMEOUT)
        keys = [run.key for run in flows.store.runs(backfill_id=number)]
    else:
        key = flows.trigger(stored).key
        flows.host.ensure()
        over = flows.wait(lambda: flows.is_run_over(key), timeout=TIMEOUT)
        keys = [key]
    bad = [key.run_id for key in keys if flows.store.run(key).state is not RunState.SUCCESS]
    if not over or bad or len(keys) != max(1, workload.days):
        raise RuntimeError(f"{workload.name} did not succeed: {bad or keys}")
    return keys


def gaps(flows: Flows, key: RunKey) -> list[float]:
    """In a run that is a chain: seconds from the end of each task's last cell to the first cell of the next."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    seq = 0
    while events := flows.store.events(seq, flow_id=key.flow_id, run_id=key.run_id):
        for event in events:
            if event.kind == CELL_STARTED:
                first.setdefault(event.data["task_id"], event.at.timestamp())
            elif event.kind == CELL_FINISHED:
                last[event.data["task_id"]] = event.at.timestamp()
        seq = events[-1].seq
    order = sorted(first, key=lambda task: first[task])
    return [first[b] - last[a] for a, b in pairwise(order)]
