"""The contests: each workload by us, warm and cold, and by papermill's command and API."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks import notebooks, ours
from benchmarks.figures import Contest, Figure, take_turns
from benchmarks.reference import Api, run_command
from benchmarks.workloads import Files, Workload, build

COMMAND = "papermill command"
WARM, COLD, SHELL = "ours, forge warm", "ours, forge cold", "jupyter flows run"

TARGETS = {
    ("W1", WARM, "api"): 0.15,
    ("W1", COLD, "api"): 1.2,
    ("W2", WARM, COMMAND): 0.12,
    ("W3", WARM, "api"): 0.20,
    ("W4", WARM, "api"): 0.18,
    ("W5", WARM, "api"): 0.07,
}
"""Ratios we mean to reach."""

SLOW_AS_COMMAND = ("W4", "W5")
"""Workloads whose papermill command takes minutes and tells nothing the API does not."""


def measure(workload: Workload, folder: Path, rounds: int) -> tuple[list[Contest], list[Figure]]:
    """All contests of a workload, and the gap between its dependent tasks when it is a chain."""
    files = build(workload, folder / "notebooks")
    warm_up = _warm_up(workload, folder)
    api = f"papermill API, pool of {workload.parallel}" if workload.parallel > 1 else "papermill API"
    seconds: dict[str, list[float]] = {}
    gaps = Figure("gap", f"{workload.name}: from a task's last cell to the first cell of the next", limit=0.1)
    number = count()

    def fresh() -> Path:
        return folder / f"out{next(number)}"

    def warm() -> float:
        took, between = ours.run_warm(workload, files, warm_up, fresh())
        gaps.values.extend(between)
        return took

    with Api(workload.parallel, warm_up.step, fresh()) as pool:
        sides: dict[str, Callable[[], float]] = {
            WARM: warm,
            COLD: lambda: ours.run_cold(workload, files, fresh()),
            api: lambda: pool.run(workload, files, fresh()),
        }
        if workload.name not in SLOW_AS_COMMAND:
            sides[COMMAND] = lambda: run_command(workload, files, fresh())
        if workload.count == 1 and COMMAND in sides:
            sides[SHELL] = lambda: ours.run_command(files, fresh())
        if workload.name == "W6":
            sides["python script"] = lambda: ours.run_script(workload, fresh())
        timed = [_timed(side, seconds.setdefault(name, [])) for name, side in sides.items()]
        take_turns(timed, min(rounds, workload.most_rounds))
    return _contests(workload, api, seconds), [gaps] if gaps.values else []


def _timed(side: Callable[[], float], into: list[float]) -> Callable[[], None]:
    return lambda: into.append(side())


def _warm_up(workload: Workload, folder: Path) -> Files:
    """A notebook for the session to have run before: empty, or with the workload's own imports."""
    cells = [cell for cell in workload.cells if cell.startswith(("import ", "from "))]
    (folder / "warm").mkdir(parents=True, exist_ok=True)
    path = notebooks.write(folder / "warm" / "warm_up.ipynb", cells or ["number"])
    return Files(path, path)


def _contests(workload: Workload, api: str, seconds: dict[str, list[float]]) -> list[Contest]:
    """Which sides are set against which."""
    pairs = [(WARM, api), (WARM, COMMAND), (COLD, api), (SHELL, COMMAND), (WARM, "python script")]
    return [
        Contest(workload.name, workload.words, a, b, _target(workload.name, a, b, api), seconds[a], seconds[b])
        for a, b in pairs
        if a in seconds and b in seconds
    ]


def _target(name: str, a: str, b: str, api: str) -> float | None:
    if (name, b) == ("W6", "python script"):
        return 0.35
    return TARGETS.get((name, a, "api" if b == api else b))
