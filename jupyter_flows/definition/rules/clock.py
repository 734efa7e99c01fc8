"""Code that asks what time it is gives another result when the same interval is run again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jupyter_flows.definition.rules.code import Code, all_code
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Problem, Severity

_CLOCKS = frozenset(
    {"datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"}
    | {"datetime.now", "datetime.today", "datetime.utcnow", "date.today", "time.time", "time.time_ns"}
    | {"pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow", "pendulum.now", "arrow.now"}
    | {"Timestamp.now", "Timestamp.today", "pendulum.today", "arrow.utcnow"}
)
_CLOCKS_WITHOUT_ARGUMENTS = frozenset({"time.localtime", "time.gmtime", "time.ctime"})
_NOW_AS_TEXT = frozenset({"pandas.Timestamp", "pandas.to_datetime", "numpy.datetime64"})
_WATCHING = frozenset({"sensor", "wait", "trigger"})


def rule(flow: Flow) -> Iterator[Problem]:
    """One warning per clock a task or `%%setup` reads; measuring a duration and watching sensors are left alone."""
    for code in all_code(flow):
        if code.task is None or code.task.kind not in _WATCHING:
            yield from _of_code(code)


def _of_code(code: Code) -> Iterator[Problem]:
    readings = [call for call, name in code.calls() if is_clock(call, name)]
    measured = _durations(code.tree, {id(call) for call in readings})
    told: set[str] = set()
    for call in sorted(readings, key=lambda c: (c.lineno, c.col_offset)):
        text = ast.unparse(call)
        if id(call) in measured or text in told:
            continue
        told.add(text)
        yield Problem(
            "reads-clock",
            f"{code.who} reads the clock: {text}. A run for a past interval would see today.",
            code.place_at(call),
            "Use data_interval_start, data_interval_end or logical_date instead.",
            Severity.WARNING,
        )


def is_clock(call: ast.Call, name: str) -> bool:
    """Whether a call of `name` tells what time it is now."""
    if name in _CLOCKS:
        return True
    if name in _CLOCKS_WITHOUT_ARGUMENTS:
        return not call.args
    if name == "time.strftime":
        return len(call.args) == 1
    first = call.args[0] if call.args else None
    return name in _NOW_AS_TEXT and isinstance(first, ast.Constant) and first.value in ("now", "today")


def _durations(tree: ast.Module, readings: set[int]) -> set[int]:
    """The readings that only serve to tell how long something took: `t = time()` … `time() - t`."""
    marks: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and id(node.value) in readings and isinstance(node.targets[0], ast.Name):
            marks[node.targets[0].id] = id(node.value)
    found: set[int] = set()
    subtracted: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            sides = [node.left, node.right]
            if all(id(s) in readings or (isinstance(s, ast.Name) and s.id in marks) for s in sides):
                found |= {id(s) for s in sides if id(s) in readings}
                subtracted |= {id(s) for s in sides if isinstance(s, ast.Name)}
    loads = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    used_otherwise = {n.id for n in loads if n.id in marks and id(n) not in subtracted}
    used = {n.id for n in loads if id(n) in subtracted}
    return found | {reading for name, reading in marks.items() if name in used - used_otherwise}
