"""The rules a whole flow is held to, one file each: `rule(flow)` yields the faults it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jupyter_flows.definition.rules import clock, constant_path, cycle, empty, not_yet, randomness
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Problem

Rule = Callable[[Flow], Iterator[Problem]]

RULES: tuple[Rule, ...] = (empty.rule, cycle.rule, not_yet.rule, clock.rule, constant_path.rule, randomness.rule)
