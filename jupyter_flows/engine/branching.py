"""What a branch or a condition decides: which tasks below it are passed by."""

from __future__ import annotations

from collections.abc import Collection

from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.run import Failed, Outcome, Succeeded

BRANCH = "branch"
CONDITION = "condition"
IGNORE_RULES = "ignore_downstream_trigger_rules"


def barred_by(flow: Flow, task: Task, chosen: Collection[str]) -> list[TaskId]:
    """The tasks that are skipped because `task` succeeded and chose `chosen`.

    Of a branch: its direct downstreams that were not chosen, except those also reachable from a chosen one. Of a
    condition that chose nothing: everything downstream, or only the direct ones when the trigger rules shall decide
    about the rest.
    """
    direct = flow.graph.downstream(task.id)
    if task.kind == CONDITION:
        if chosen:
            return []
        return sorted(flow.graph.descendants([task.id])) if task.options.get(IGNORE_RULES, True) else list(direct)
    followed = [down for down in direct if down in chosen]
    reachable = flow.graph.descendants(followed) if followed else set()
    return [down for down in direct if down not in chosen and down not in reachable]


def judged(flow: Flow, task: Task, outcome: Outcome) -> Outcome:
    """`outcome`, or a failure when a branch succeeded without naming tasks that run directly after it."""
    if task.kind != BRANCH or not isinstance(outcome, Succeeded):
        return outcome
    direct = flow.graph.downstream(task.id)
    valid = f"It may choose: {', '.join(direct)}." if direct else "No task runs directly after it."
    if outcome.branch is None:
        return Failed(f"Branch '{task.id}' did not say which tasks to follow. {valid}")
    wrong = [f"'{name}'" for name in outcome.branch if name not in direct]
    if wrong:
        return Failed(f"Branch '{task.id}' chose {', '.join(wrong)}: not among the tasks directly after it. {valid}")
    return outcome
