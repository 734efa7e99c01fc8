"""What a task's code may say: `task.load`, `task.push`, `task.skip`, `task.branch`, … The name `task` is set for it.

In a task's kernel the environment variable JUPYTER_FLOWS_ATTEMPT names the attempt's folder. Its `context.json` says
who the task is; values go to `values/`, and `result.json` tells what came of it:
{"artifacts": [{"name", "file", "format", "digest", "size"}], "branch": [ids] | null, "skip": reason | null,
"fail": reason | null}, `file` relative to the folder. By hand there is no folder, and `hand` makes the handle.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, overload

from jupyter_flows.errors import FlowsError
from jupyter_flows.storage.values import BadValue, is_json, load_value, store_value

ATTEMPT = "JUPYTER_FLOWS_ATTEMPT"
RETURN_VALUE = "return_value"
SMALL = 64 * 1024
"""A return value nobody is known to read is stored when its JSON is no longer than this."""
_UNSEEN: Any = object()
"""No cell has ended yet since the handle began to watch."""


class _Ended(FlowsError):
    """The code ended its task on purpose: IPython shows where, without the frames of this module."""

    def _render_traceback_(self) -> list[str]:
        shown: list[str] = _shell().InteractiveTB.structured_traceback(
            type(self), self, _outside(self.__traceback__), 1
        )
        return shown


class TaskSkipped(_Ended):
    """The code said `task.skip(reason)`: the attempt ends as skipped."""


class TaskFailed(_Ended):
    """The code said `task.fail(reason)`: the attempt ends as failed and is not repeated."""


class NotGiven(FlowsError):
    """A value the task is to load, store or decide by is not there."""


def begin(namespace: MutableMapping[str, Any]) -> TaskHandle:
    """The handle of the attempt this kernel runs, after making datetimes of the ISO text in `namespace`.

    Called by the first cell of every runnable notebook. Raises NotGiven outside an attempt.
    """
    folder = os.environ.get(ATTEMPT)
    if not folder:
        raise NotGiven(
            "This kernel runs no attempt of a task.",
            fix="Run the cell in your notebook after %flow, or start the flow.",
        )
    context = json.loads((Path(folder) / "context.json").read_text(encoding="utf-8"))
    _rebuild(namespace, context)
    handle = TaskHandle(context, namespace, Path(folder))
    handle.watch()
    return handle


def hand(context: Mapping[str, Any], namespace: MutableMapping[str, Any] | None = None) -> TaskHandle:
    """A handle for running cells by hand: nothing is written, values are looked up in `namespace`.

    `context` is that of a rendered notebook (`Rendered.context`); it may be sparse.
    """
    return TaskHandle(dict(context), {} if namespace is None else namespace, None)


def names_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """The names code sees, from a rendered `context`: ISO text has become aware datetimes, and so on."""
    names = dict(context.get("values", {}))
    _rebuild(names, context)
    return names


class TaskHandle:
    """One attempt, as its own code sees it. The context's values are attributes: `task.run_id`, `task.ds`, …"""

    def __init__(self, context: Mapping[str, Any], namespace: MutableMapping[str, Any], folder: Path | None) -> None:
        self._context = context
        self._namespace = namespace
        self._folder = folder
        self._artifacts: dict[str, dict[str, Any]] = {}
        self._pushed: dict[str, Any] = {}
        self._signals: dict[str, Any] = {"branch": None, "skip": None, "fail": None}
        self._last: Any = _UNSEEN
        self._is_watching = False

    def __getattr__(self, name: str) -> Any:
        context = self.__dict__.get("_context", {})
        values = context.get("values", {})
        if name in values:
            one = {name: values[name]}
            _rebuild(one, context)
            return one[name]
        raise AttributeError(f"this task knows no {name!r}; it knows {', '.join(sorted(values)) or 'no context'}")

    def __repr__(self) -> str:
        values = self._context.get("values", {})
        return f"<task {values.get('task_id', '?')} of {values.get('flow_id', '?')}, try {values.get('try_number', 1)}>"

    # ── values ───────────────────────────────────────────────────────────────────────

    def load(self, *names: str) -> Any:
        """The upstream values called `names`: one value for one name, otherwise a tuple in the same order."""
        values = tuple(self._input(name) for name in names)
        return values[0] if len(values) == 1 else values

    def item(self, name: str) -> Any:
        """The item of the upstream value `name` that belongs to this `map_index`."""
        value = self._input(name)
        index = self._context.get("values", {}).get("map_index", 0)
        try:
            return list(value)[index]
        except (TypeError, IndexError) as error:
            raise NotGiven(f"'{name}' has no item {index} to map over: {error}.") from error

    def save(self, *names: str, **values: Any) -> None:
        """Store variables for later tasks: by name, or as `name=value`. By hand nothing is written."""
        found: dict[str, Any] = {}
        for name in names:
            if name not in self._namespace:
                raise NotGiven(
                    f"{self._who} is to store '{name}', but its code never set it.",
                    fix=f"Set {name} on every way through the cell, or leave it out with --out.",
                )
            found[name] = self._namespace[name]
        for name, value in {**found, **values}.items():
            self.push(name, value)

    def push(self, key: str, value: Any) -> None:
        """Store `value` as `key`, for `task.pull(…, key=key)` of later tasks."""
        if not isinstance(key, str) or not key:
            raise BadValue(f"{key!r} cannot be the key of a value.", fix="Use a word.")
        if self._folder is None:
            self._pushed[key] = value
            return
        stored = store_value(self._folder / "values", key, value)
        self._artifacts[key] = {**stored, "file": f"values/{stored['file']}"}
        self._write()

    @overload
    def pull(self, tasks: str, key: str = ...) -> Any: ...
    @overload
    def pull(self, tasks: Iterable[str], key: str = ...) -> list[Any]: ...
    def pull(self, tasks: str | Iterable[str], key: str = RETURN_VALUE) -> Any:
        """What upstream tasks stored as `key`: a value for one id, a list in order for several; None where missing."""
        if isinstance(tasks, str):
            return self._stored(tasks, key)
        return [self._stored(task, key) for task in tasks]

    def _input(self, name: str) -> Any:
        place = self._context.get("inputs", {}).get(name)
        if place is not None:
            return load_value(Path(place["path"]), place["format"], place.get("digest", ""), name=name, unpickle=True)
        if self._folder is None and name in self._namespace:
            return self._namespace[name]
        raise NotGiven(
            f"{self._who} needs '{name}', but no upstream task has stored it.",
            fix=f"Run the cell that makes {name} first."
            if self._folder is None
            else f"Check that the task which makes {name} succeeded, or clear it.",
        )

    def _stored(self, task: str, key: str) -> Any:
        place = self._context.get("artifacts", {}).get(task, {}).get(key)
        if place is not None:
            return load_value(Path(place["path"]), place["format"], place.get("digest", ""), name=key, unpickle=True)
        return self._pushed.get(key) if self._folder is None else None

    # ── signals ──────────────────────────────────────────────────────────────────────

    def skip(self, reason: str = "") -> NoReturn:
        """End the task as skipped."""
        self._signal("skip", str(reason))
        raise TaskSkipped(str(reason) or f"{self._who} skips itself.")

    def fail(self, reason: str = "") -> NoReturn:
        """End the task as failed, without a further try."""
        self._signal("fail", str(reason))
        raise TaskFailed(str(reason) or f"{self._who} gave up.")

    def branch(self, ids: str | Iterable[str]) -> None:
        """Follow only these direct downstream tasks. Raises NotGiven for an id that is none of them."""
        chosen = [ids] if isinstance(ids, str) else list(ids)
        known = self._context.get("downstream")
        for task in chosen:
            if not isinstance(task, str) or (known is not None and task not in known):
                raise NotGiven(
                    f"{self._who} chose {task!r}, which is no task that runs after it.",
                    fix=f"Choose among {', '.join(known or ()) or 'its downstream tasks'}.",
                )
        self._signal("branch", chosen)

    def decide(self) -> None:
        """Act on the last expression of the cell, by the task's kind: branch, condition or sensor.

        A sensor whose expression is falsy runs its code again, every `--poke`, until its `--timeout`.
        """
        match self._context.get("kind"):
            case "branch" if self._signals["branch"] is None:
                self.branch(self._choice())
            case "condition":
                self._signal("branch", list(self._context.get("downstream") or ()) if self._value() else [])
            case "sensor":
                self._poke()

    def done(self) -> None:
        """Close the result: the last expression is stored as `return_value` when it is read later or small."""
        value = self._value()
        reserved = RETURN_VALUE in self._artifacts
        if value is not None and not reserved and self._folder is not None and self._is_worth_storing(value):
            self.push(RETURN_VALUE, value)
        self._write()

    def watch(self) -> None:
        """Remember the last expression of each cell from now on, when IPython runs this code."""
        shell = _shell()
        if shell is not None and not self._is_watching:
            self._is_watching, self._last = True, None
            shell.events.register("post_run_cell", self.note)

    def note(self, result: Any) -> None:
        """What IPython says after each cell; also for doors that run cells themselves."""
        self._last = getattr(result, "result", None)

    def _choice(self) -> Any:
        value = self._value()
        if value is None:
            return []
        if not isinstance(value, (str, list, tuple, set, frozenset)):
            raise NotGiven(
                f"{self._who} is of kind branch, but its last expression is {value!r}.",
                fix="End the cell with the id of the task to follow, or a list of ids.",
            )
        return sorted(value) if isinstance(value, (set, frozenset)) else value

    def _poke(self) -> None:
        options = self._context.get("options", {})
        wait, limit = float(options.get("poke", 60.0)), float(options.get("timeout", 7 * 86400.0))
        begun = time.monotonic()
        while not self._value():
            left = limit - (time.monotonic() - begun)
            if left <= 0:
                self._give_up(limit, bool(options.get("soft_fail")))
            time.sleep(min(wait, left))
            self._last = _run_again(self._context.get("source", ""), self._namespace)

    def _give_up(self, limit: float, softly: bool) -> NoReturn:
        reason = f"{self._who} waited {limit:g} s for what did not come"
        if softly:
            self.skip(reason)
        self.fail(reason)

    def _value(self) -> Any:
        if self._last is not _UNSEEN:
            return self._last
        return None if self._folder is None else self._namespace.get("_")

    def _is_worth_storing(self, value: Any) -> bool:
        if self._context.get("returns"):
            return True
        return is_json(value) and len(json.dumps(value)) <= SMALL

    # ── the result ───────────────────────────────────────────────────────────────────

    @property
    def _who(self) -> str:
        return f"Task '{self._context.get('values', {}).get('task_id', 'of this cell')}'"

    @property
    def result(self) -> Mapping[str, Any]:
        """What `result.json` holds, or would hold by hand."""
        return {"artifacts": list(self._artifacts.values()), **self._signals}

    def _signal(self, name: str, value: Any) -> None:
        self._signals[name] = value
        self._write()

    def _write(self) -> None:
        if self._folder is None:
            return
        temporary = self._folder / f".result.{os.getpid()}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(self.result, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._folder / "result.json")


def _outside(trace: TracebackType | None) -> TracebackType | None:
    """`trace` without the frames of this module."""
    if trace is None:
        return None
    rest = _outside(trace.tb_next)
    is_ours = trace.tb_frame.f_code.co_filename == __file__
    return rest if is_ours else TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _rebuild(namespace: MutableMapping[str, Any], context: Mapping[str, Any]) -> None:
    for name, kind in context.get("typed", {}).items():
        value = namespace.get(name)
        if kind == "moment" and isinstance(value, str):
            namespace[name] = _moment(value, context.get("timezone") or "UTC")
        elif kind in ("date", "datetime") and isinstance(value, str):
            namespace[name] = (date if kind == "date" else datetime).fromisoformat(value)
        elif kind == "timedelta" and isinstance(value, (int, float)):
            namespace[name] = timedelta(seconds=value)


def _moment(text: str, zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone))


def _run_again(source: str, namespace: MutableMapping[str, Any]) -> Any:
    """The last expression of `source`, run once more; what it raises is raised."""
    shell = _shell()
    if shell is not None:
        result = shell.run_cell(source, store_history=False)
        result.raise_error()
        return result.result
    return _run_plain(source, namespace)


def _run_plain(source: str, namespace: MutableMapping[str, Any]) -> Any:
    import ast

    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<sensor>", "exec"), dict_of(namespace))
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<sensor>", "eval"), dict_of(namespace))


def dict_of(namespace: MutableMapping[str, Any]) -> dict[str, Any]:
    """`namespace` itself when it is a dict, as `exec` wants."""
    return namespace if isinstance(namespace, dict) else dict(namespace)


def _shell() -> Any:
    """The IPython shell this code runs in, without importing IPython where it is not loaded."""
    import sys

    with suppress(KeyError, AttributeError):
        return sys.modules["IPython"].get_ipython()
    return None
