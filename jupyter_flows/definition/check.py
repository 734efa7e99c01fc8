"""A flow held against every rule: what is wrong with it, and what is unwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jupyter_flows.definition.rules import RULES
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Problem

CODES: Mapping[str, str] = {
    "ambiguous-producer": "several tasks make a name a task reads, and nothing says which comes last",
    "constant-path": "a scheduled task writes the same file in every run and never reads its interval",
    "cycle": "tasks wait for each other",
    "dynamic-code": "exec() or eval() runs text whose names cannot be seen",
    "dynamic-names": "names are set in ways that cannot be seen: globals()[…], %run",
    "empty-flow": "the flow has no tasks",
    "not-yet": "an option is understood, but this release cannot do what it asks",
    "import-in-task": "a task uses a module that another task imports",
    "late-closure": "a function made in one task is used where a name it reads has another value",
    "plain-cell-name": "a task reads a name that only a plain cell defines",
    "read-before-written": "a task reads a name that is only made further down",
    "reads-clock": "code asks what time it is instead of which interval it runs for",
    "star-import": "from module import * brings in names that cannot be seen",
    "syntax-error": "a cell is not valid Python",
    "too-deep": "an expression is nested too deeply to be read",
    "unknown-name": "a task reads a name that nothing defines",
    "unknown-output": "--out names something the task does not set",
    "unknown-upstream": "--after or %%wire names a task that does not exist",
    "unseeded": "random numbers are drawn without a seed",
    "unseen-change": "a task reads a value without a change another task makes to it in place",
}
"""Every code that names, edges and rules give, with what it means; the documentation's table is made from it."""


def check(flow: Flow, problems: Sequence[Problem] = ()) -> list[Problem]:
    """`problems` and what every rule finds in `flow`, each once, in the order of the notebook."""
    found = dict.fromkeys([*problems, *(problem for rule in RULES for problem in rule(flow))])
    return sorted(found, key=_order)


def _order(problem: Problem) -> tuple[str, int, int, bool]:
    """Problems of the flow as a whole first, then by cell and line; at one line errors before warnings."""
    place = problem.place
    cell = -1 if place.cell is None else place.cell
    return (place.notebook or "", cell, place.line or 0, not problem.is_error)
