"""A cell as a task. THE parser: a notebook read from disk and a cell run by hand come through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any

from jupyter_flows.definition.cut import MagicCell, line_magics, python_of, split_cell
from jupyter_flows.definition.directive import TASK_OPTIONS, Directive, parse_directive
from jupyter_flows.definition.words import literal
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import RetryPolicy, Task, TriggerRule
from jupyter_flows.model.ids import TaskId, task_id
from jupyter_flows.model.problem import NOWHERE, Place, Problem, Severity

__all__ = ["MagicCell", "after", "infers", "is_template", "line_magics", "parse_task", "python_of", "split_cell"]

_PLAIN = frozenset({"pool", "executor", "owner", "kernel", "timeout", "pool_slots", "priority", "cwd", "doc", "group"})
_SWITCHES = frozenset({"depends_on_past", "wait_for_downstream", "idempotent"})
_INHERITED = frozenset({"pool", "executor", "timeout"})
_RETRY = {"retries": "retries", "retry_delay": "delay", "retry_backoff": "backoff", "max_retry_delay": "max_delay"}
_OF_KIND = ("after", "no_infer", "poke", "mode", "soft_fail")
"""Options without a field of their own: they are kept in `Task.options`."""


def parse_task(
    line: str, body: str | None, place: Place = NOWHERE, defaults: Mapping[str, Any] | None = None
) -> tuple[Task | None, list[Problem]]:
    """The task a `%%task` cell (or, with `body` None, a `%task` line) declares, and everything wrong with it.

    No task comes back only when it has no usable name. `defaults` are the options of `%flow`. A notebook task's
    params stay text until its contract is known; `read_notebook` is the caller's. `options["after"]` and
    `options["no_infer"]` say what the edges need.
    """
    given = parse_directive(line, TASK_OPTIONS, place)
    problems = list(given.problems)
    name = _name(given, place, problems)
    if name is None:
        return None, problems
    path = _path(given, body, place, problems)
    kind = given.options.get("kind") or ("notebook" if path else "cell")
    problems += _kind_problems(name, kind, path, body, given, place)
    inherited = {**(defaults or {}), **given.options}
    task = Task(
        id=name,
        kind=kind,
        source=_source(body),
        line=line,
        path=path,
        outputs=tuple(chain.from_iterable(given.options.get("outputs", ()))),
        params=_params(given.options.get("params", ()), kind, place, problems),
        retry=RetryPolicy(**{_RETRY[k]: v for k, v in inherited.items() if k in _RETRY}),
        trigger_rule=TriggerRule(given.options.get("trigger_rule", TriggerRule.ALL_SUCCESS)),
        map_over=dict(given.options.get("map_over", ())),
        options=_options(given.options),
        place=place,
    )
    fields = {k: v for k, v in inherited.items() if k in (_PLAIN | _SWITCHES if k in given.options else _INHERITED)}
    return replace(task, **fields), problems


def after(task: Task) -> tuple[TaskId, ...]:
    """The tasks its line says it runs after."""
    return tuple(TaskId(t) for t in task.options.get("after", ()))


def infers(task: Task) -> bool:
    """Whether its inputs and outputs are to be read from its variables."""
    return not task.options.get("no_infer", False)


def is_template(value: Any) -> bool:
    """Whether `value` is text to be rendered at run time."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _name(given: Directive, place: Place, problems: list[Problem]) -> TaskId | None:
    if not given.words:
        problems.append(Problem("missing-name", "This task has no name.", place, "Write its name first: %%task NAME."))
        return None
    try:
        return task_id(given.words[0])
    except UsageError as error:
        problems.append(Problem("bad-name", error.message, place, error.fix))
        return None


def _path(given: Directive, body: str | None, place: Place, problems: list[Problem]) -> str | None:
    words = list(given.words[1:])
    path = words.pop(0) if body is None and words and words[0].endswith(".ipynb") else None
    for word in words:
        hint = "Drop it" if body is not None else "Name a file that ends in .ipynb"
        fix = f"{hint}, or put quotes around a value that holds spaces."
        problems.append(Problem("stray-word", f"{word!r} belongs to no option of task '{given.words[0]}'.", place, fix))
    return path


def _kind_problems(
    name: TaskId, kind: str, path: str | None, body: str | None, given: Directive, place: Place
) -> list[Problem]:
    found: list[Problem] = []
    if (kind == "notebook") != (path is not None) and not (kind == "notebook" and len(given.words) > 1):
        message = f"Task '{name}' is of kind {kind}" + (
            f" but names the file {path}." if path else " but names no file."
        )
        found.append(Problem("bad-kind", message, place, f"Write %task {name} file.ipynb for a whole notebook."))
    elif path is None and kind != "empty" and not (body or "").strip() and len(given.words) == 1:
        fix = "Write its code below the magic line, name a notebook (%task NAME file.ipynb), or use --kind empty."
        found.append(Problem("empty-task", f"Task '{name}' has nothing to run.", place, fix))
    if kind == "empty" and (body or "").strip():
        message = f"Task '{name}' is of kind empty, so its code would never run."
        found.append(Problem("bad-kind", message, place, "Drop --kind empty, or the code."))
    for option in TASK_OPTIONS:
        if option.kinds and option.name in given.options and kind not in option.kinds:
            message = f"{option.flag} is for tasks of kind {', '.join(option.kinds)}, but '{name}' is of kind {kind}."
            found.append(Problem("option-of-other-kind", message, place, f"Drop {option.flag}."))
    if given.options.get("mode") == "reschedule":
        message = f"Sensor '{name}' asks for --mode reschedule, but keeps its slot while it waits."
        fix = "Drop --mode, and give sensors a --pool of their own."
        found.append(Problem("reschedule-holds-slot", message, place, fix, Severity.WARNING))
    return found


def _source(body: str | None) -> str:
    return (body or "").removesuffix("\n")


def _params(pairs: Sequence[tuple[str, str]], kind: str, place: Place, problems: list[Problem]) -> Mapping[str, Any]:
    params: dict[str, Any] = {}
    for name, text in pairs:
        if name in params:
            problems.append(Problem("repeated-option", f"--param {name} is given twice.", place, "Keep one of them."))
        params[name] = text if kind == "notebook" or is_template(text) else literal(text)
    return params


def _options(given: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {k: v for k, v in given.items() if k in _OF_KIND}
    if "after" in kept:
        kept["after"] = list(dict.fromkeys(chain.from_iterable(kept["after"])))
    return {k: v.total_seconds() if isinstance(v, timedelta) else v for k, v in kept.items()}
