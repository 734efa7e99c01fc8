"""The workloads W1 to W6, as values: which notebooks run, in which order, how many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from benchmarks import notebooks

FIRST_DAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Workload:
    """`stages` runs of one notebook after another; those of one stage are independent. `days` repeats it all.

    `parallel` is how many notebooks may run at once. `quick` gives the small variant that only shows that it works.
    """

    name: str
    words: str
    cells: tuple[str, ...] = notebooks.TRIVIAL
    stages: tuple[int, ...] = (1,)
    days: int = 0
    parallel: int = 1
    most_rounds: int = 9

    @property
    def count(self) -> int:
        """How many notebooks run in all."""
        return sum(self.stages) * max(1, self.days)

    def quick(self) -> Workload:
        """The same shape, small."""
        stages = tuple(min(s, 3) for s in self.stages[:3])
        return replace(self, cells=self.cells[:20], stages=stages, days=min(self.days, 2))

    def task_ids(self) -> list[list[str]]:
        """The tasks, by stage."""
        return [[f"s{i}_{j}" for j in range(width)] for i, width in enumerate(self.stages)]

    def dates(self) -> list[date]:
        """The intervals' days."""
        return [FIRST_DAY + timedelta(days=n) for n in range(self.days)]


def workloads() -> list[Workload]:
    """All of them."""
    many = tuple(f"value_{n} = {n}" for n in range(500))
    return [
        Workload("W1", "one notebook: parameters and 10 cells"),
        Workload("W2", "a chain of 10 such notebooks", stages=(1,) * 10, most_rounds=5),
        Workload("W3", "1, then 20, then 1, two at a time", stages=(1, 20, 1), parallel=2, most_rounds=5),
        Workload(
            "W4",
            "30 daily intervals of a chain of 3, two at a time",
            stages=(1, 1, 1),
            days=30,
            parallel=2,
            most_rounds=3,
        ),
        Workload("W5", "one notebook of 500 cells", cells=many, most_rounds=3),
        Workload("W6", "one notebook: numpy, pandas, scikit-learn, a small fit", cells=notebooks.LIBRARIES),
    ]


@dataclass(frozen=True, slots=True)
class Files:
    """A workload on disk: `step` is the notebook that runs, `flow` the notebook that says in which order."""

    step: Path
    flow: Path


def build(workload: Workload, folder: Path) -> Files:
    """Write the notebooks of a workload into `folder`. A workload of one notebook is its own flow."""
    folder.mkdir(parents=True, exist_ok=True)
    step = notebooks.write(folder / "step.ipynb", workload.cells)
    if workload.count == 1:
        return Files(step, step)
    return Files(step, notebooks.write(folder / "flow.ipynb", flow_cells(workload), parameters=False))


def flow_cells(workload: Workload) -> Sequence[str]:
    """The cells of the flow's notebook: one line for each task."""
    schedule = f" --schedule @daily --start {FIRST_DAY}" if workload.days else ""
    lines = [f"%flow {workload.name.lower()}{schedule}"]
    before: list[str] = []
    for stage in workload.task_ids():
        after = f" --after {','.join(before)}" if before else ""
        lines += [f"%task {task} step.ipynb{after}" for task in stage]
        before = stage
    return lines
