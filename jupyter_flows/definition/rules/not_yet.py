"""Options that are understood but have no effect in this release are refused: a run must not pretend."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.problem import Problem


def rule(flow: Flow) -> Iterator[Problem]:
    """One fault for each option that would be ignored, or would keep its task waiting for ever."""
    for task in flow.tasks:
        for option, instead in _ignored(task):
            message = f"Task '{task.id}' asks for {option}, which this release cannot do."
            yield Problem("not-yet", message, task.place.at_line(1), instead)


def _ignored(task: Task) -> Iterator[tuple[str, str]]:
    if task.map_over:
        yield "--map", "Loop over the values inside the task, or backfill over dates."
    if task.pool != "default_pool":
        yield f"--pool {task.pool}", "Drop it; max_active_tasks of the flow limits what runs at once."
    if task.executor not in (None, "local"):
        yield f"--executor {task.executor}", "Drop it: tasks run on this machine."
