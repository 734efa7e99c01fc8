"""The kinds of task. A kind is how a task becomes a runnable notebook: pure, and it sees no scheduler."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_flows.definition.kinds.base import Parts, TaskKind
from jupyter_flows.definition.kinds.cell import render_cell, render_decision, render_empty
from jupyter_flows.definition.kinds.notebook import render_notebook

__all__ = ["BUILT_IN", "Parts", "TaskKind"]

BUILT_IN: Mapping[str, TaskKind] = {
    kind.name: kind
    for kind in (
        TaskKind("cell", render_cell),
        TaskKind("notebook", render_notebook),
        TaskKind("sensor", render_decision),
        TaskKind("branch", render_decision),
        TaskKind("condition", render_decision),
        TaskKind("empty", render_empty),
    )
}
