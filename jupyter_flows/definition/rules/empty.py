"""A flow without tasks runs, and does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Place, Problem, Severity


def rule(flow: Flow) -> Iterator[Problem]:
    """One warning for a flow that has no task."""
    if not flow.tasks:
        message = f"Flow '{flow.id}' has no tasks."
        fix = "Write %%task NAME as the first line of a cell."
        yield Problem("empty-flow", message, Place(flow.path), fix, Severity.WARNING)
