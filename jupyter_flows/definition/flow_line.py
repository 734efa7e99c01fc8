"""What the `%flow` line gives: the flow's own fields, its parameters, and defaults for its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_flows.definition.coercion import coerce_value
from jupyter_flows.definition.context import CONTEXT_NAMES
from jupyter_flows.definition.directive import FLOW_OPTIONS, parse_directive
from jupyter_flows.definition.moments import aware
from jupyter_flows.definition.reading import Declared
from jupyter_flows.definition.words import literal
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Parameter
from jupyter_flows.model.ids import FlowId, flow_id
from jupyter_flows.model.problem import NOWHERE, Place, Problem

_FIELDS = frozenset(
    {"schedule", "start", "end", "timezone", "catchup", "max_active_runs", "max_active_tasks", "run_timeout"}
    | {"fail_fast", "doc", "owner", "kernel"}
)
_DEFAULTS = frozenset({"retries", "retry_delay", "retry_backoff", "max_retry_delay", "timeout", "pool", "executor"})


@dataclass(frozen=True, slots=True)
class FlowLine:
    """`fields` go to Flow, `defaults` to `parse_task`, `params` are what every run may be given."""

    id: FlowId | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    params: tuple[Parameter, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse_flow(line: str, place: Place = NOWHERE) -> FlowLine:
    """What a `%flow` line says, with every fault in it; schedule and zone are tried, too."""
    given = parse_directive(line, FLOW_OPTIONS, place)
    problems = list(given.problems)
    name = _name(given.words, place, problems)
    fields = {k: v for k, v in given.options.items() if k in _FIELDS}
    fields["tags"] = tuple(dict.fromkeys(given.options.get("tag", ())))
    params = _params(given.options.get("param", ()), place, problems)
    problems += _settle_times(fields, place)
    defaults = {k: v for k, v in given.options.items() if k in _DEFAULTS}
    return FlowLine(name, fields, defaults, params, tuple(problems))


def _name(words: Sequence[str], place: Place, problems: list[Problem]) -> FlowId | None:
    for word in words[1:]:
        fix = "Drop it, or put quotes around a value that holds spaces."
        problems.append(Problem("stray-word", f"{word!r} belongs to no option of %flow.", place, fix))
    try:
        if words:
            return flow_id(words[0])
        problems.append(Problem("missing-name", "The flow has no name.", place, "Write its name first: %flow NAME."))
    except UsageError as error:
        problems.append(Problem("bad-name", error.message, place, error.fix))
    return None


def _settle_times(fields: dict[str, Any], place: Place) -> list[Problem]:
    """Read start and end in the flow's zone, and try the schedule. Faulty ones are dropped and told."""
    from jupyter_flows.timetable.parse import parse_schedule
    from jupyter_flows.timetable.zones import zone

    problems: list[Problem] = []
    name = fields.get("timezone", "UTC")
    try:
        zone(name)
    except UsageError as error:
        problems.append(Problem("bad-timezone", error.message, place, error.fix))
        fields["timezone"] = name = "UTC"
    for key in ("start", "end"):
        if fields.get(key) is not None:
            try:
                fields[key] = aware(fields[key], name)
            except (OverflowError, ValueError):
                problems.append(Problem("bad-value", f"--{key} is out of range.", place, "Use a date people live in."))
                fields[key] = None
    start, end = fields.get("start"), fields.get("end")
    if start is not None and end is not None and end < start:
        problems.append(Problem("end-before-start", "--end lies before --start.", place, "Swap them."))
    try:
        parse_schedule(fields.get("schedule"), name, start)
    except UsageError as error:
        problems.append(Problem("bad-schedule", error.message, place, error.fix))
        fields["schedule"] = None
    return problems


def _params(given: Sequence[Declared], place: Place, problems: list[Problem]) -> tuple[Parameter, ...]:
    found: dict[str, Parameter] = {}
    for name, kind, default in given:
        if name in found:
            problems.append(Problem("repeated-option", f"--param {name} is given twice.", place, "Keep one of them."))
        elif (parameter := _param(name, kind, default, place, problems)) is not None:
            found[name] = parameter
    return tuple(found.values())


def _param(name: str, kind: str, default: str | None, place: Place, problems: list[Problem]) -> Parameter | None:
    if name in CONTEXT_NAMES:
        problems.append(reserved(name, place))
        return None
    bare = Parameter(name, kind, required=default is None)
    if default is None:
        return bare
    try:
        value = coerce_value(bare, literal(default) if kind == "any" else default)
    except UsageError as error:
        problems.append(Problem("bad-parameter", f"--param {name}: {error.message}", place, error.fix))
        return bare
    return Parameter(name, kind, value, optional=value is None)


def reserved(name: str, place: Place) -> Problem:
    """A parameter may not be called like something every task is told."""
    message = f"A parameter cannot be called '{name}': every task finds that name set by its run."
    return Problem("reserved-parameter", message, place, "Choose another name.")
