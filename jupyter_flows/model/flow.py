"""What the author wrote: a flow, its tasks, its edges. Nothing here knows of runs.

Times inside are JSON-able: a flow goes to the store and back without loss, and its digest is its version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import Any

from jupyter_flows.model.graph import Graph
from jupyter_flows.model.ids import FlowId, TaskId
from jupyter_flows.model.interval import TimeRestriction
from jupyter_flows.model.problem import NOWHERE, Place


class TriggerRule(str, Enum):
    """When a task may run, given its direct upstreams (semantics §3)."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a failed attempt is repeated.

    `backoff` 1 keeps `delay` fixed; b > 1 multiplies it by b for every further try. `max_delay` caps the wait.
    """

    retries: int = 0
    delay: timedelta = timedelta(minutes=5)
    backoff: float = 1.0
    max_delay: timedelta | None = None

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise ValueError("retries cannot be negative")
        if self.delay < timedelta(0):
            raise ValueError("a retry delay cannot be negative")
        if self.backoff < 1:
            raise ValueError("a retry backoff is at least 1")


@dataclass(frozen=True, slots=True)
class Input:
    """A variable a task reads that another task makes."""

    name: str
    upstream: TaskId


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of the typed contract: what `--param` may set and what it must be.

    `type` is one of str, int, float, bool, date, datetime, timedelta, list, dict, any. `default` is a JSON value
    (dates as ISO text, timedeltas as seconds); a parameter without default is `required`.
    """

    name: str
    type: str = "any"
    default: Any = None
    required: bool = False
    choices: tuple[Any, ...] = ()
    optional: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One node of the graph.

    `source` is the body of the cell without its magic line; `line` is the magic line's arguments as written, so that
    the executed cell can carry it as a comment. For `kind="notebook"`, `path` names the file relative to the flow's
    notebook and `notebook` is its JSON as it was when the flow was read, so that a version is self-contained.
    `inputs` are the variables loaded before the body, `outputs` the names stored after it.
    `params` maps names to JSON values or template text; `contract` is what the notebook declares.
    """

    id: TaskId
    kind: str = "cell"
    source: str = ""
    line: str = ""
    path: str | None = None
    notebook: Mapping[str, Any] | None = None
    inputs: tuple[Input, ...] = ()
    outputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    contract: tuple[Parameter, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    timeout: timedelta | None = None
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    idempotent: bool = True
    pool: str = "default_pool"
    pool_slots: int = 1
    priority: int = 1
    kernel: str | None = None
    cwd: str | None = None
    executor: str | None = None
    group: str | None = None
    owner: str | None = None
    doc: str = ""
    map_over: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What only this kind understands (a sensor's poke interval, …), JSON values."""
    place: Place = NOWHERE


class EdgeKind(str, Enum):
    """Whether variables say it or the author did."""

    INFERRED = "inferred"
    EXPLICIT = "explicit"


@dataclass(frozen=True, slots=True)
class Edge:
    """`downstream` runs after `upstream`. `names` are the variables that travel; `why` is one sentence for people."""

    upstream: TaskId
    downstream: TaskId
    kind: EdgeKind = EdgeKind.EXPLICIT
    names: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Flow:
    """A graph of tasks, when it runs, and within which limits.

    `schedule` is the text the author wrote (`@weekly`, a cron, `6h`, None); `timetable.parse` gives it meaning.
    `tasks` stand in notebook order. `setup` are the bodies of the `%%setup` cells, run first in every task's kernel.
    `path` is the notebook it came from, if known; `kernel` the kernelspec its cells were written for.
    """

    id: FlowId
    schedule: str | None = None
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    catchup: bool = False
    tasks: tuple[Task, ...] = ()
    edges: tuple[Edge, ...] = ()
    setup: tuple[str, ...] = ()
    params: tuple[Parameter, ...] = ()
    max_active_runs: int = 16
    max_active_tasks: int = 16
    run_timeout: timedelta | None = None
    fail_fast: bool = False
    tags: tuple[str, ...] = ()
    owner: str | None = None
    doc: str = ""
    kernel: str | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        if self.max_active_runs < 1 or self.max_active_tasks < 1:
            raise ValueError("max_active_runs and max_active_tasks are at least 1")
        ids = [t.id for t in self.tasks]
        if len(set(ids)) != len(ids):
            raise ValueError(f"two tasks share an id in flow {self.id}")

    @cached_property
    def by_id(self) -> Mapping[TaskId, Task]:
        """Tasks by their id."""
        return {t.id: t for t in self.tasks}

    @cached_property
    def graph(self) -> Graph:
        """The tasks' order and neighbourhoods; ties keep notebook order."""
        return Graph([t.id for t in self.tasks], [(e.upstream, e.downstream) for e in self.edges])

    @property
    def restriction(self) -> TimeRestriction:
        """Which intervals its schedule may produce."""
        return TimeRestriction(self.start, self.end, self.catchup)

    @cached_property
    def digest(self) -> str:
        """Names this version: equal digests run the same. Where the flow lies and at which lines does not count."""
        data = _to_json(self, skip=_NOT_IN_DIGEST)
        del data["path"]
        canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


_NOT_IN_DIGEST = frozenset({"place", "line", "why"})


def flow_to_json(flow: Flow) -> dict[str, Any]:
    """`flow` as JSON values; `flow_from_json` gives an equal flow back."""
    data: dict[str, Any] = _to_json(flow, skip=frozenset())
    return data


def flow_from_json(data: Mapping[str, Any]) -> Flow:
    """The flow of `flow_to_json`. Unknown keys (of a newer release) are ignored."""
    known = _known(Flow, data)
    known["tasks"] = tuple(task_from_json(t) for t in data.get("tasks", ()))
    known["edges"] = tuple(_edge_from_json(e) for e in data.get("edges", ()))
    known["params"] = tuple(_parameter_from_json(p) for p in data.get("params", ()))
    for name in ("start", "end"):
        known[name] = datetime.fromisoformat(known[name]) if known.get(name) else None
    _timedeltas(known, "run_timeout")
    _tuples(known, "setup", "tags")
    return Flow(**known)


def task_from_json(data: Mapping[str, Any]) -> Task:
    """One task of `flow_to_json`."""
    known = _known(Task, data)
    known["inputs"] = tuple(Input(**i) for i in data.get("inputs", ()))
    known["contract"] = tuple(_parameter_from_json(p) for p in data.get("contract", ()))
    known["place"] = Place(**data["place"]) if data.get("place") else NOWHERE
    known["trigger_rule"] = TriggerRule(data.get("trigger_rule", TriggerRule.ALL_SUCCESS))
    if "retry" in data:
        retry = dict(data["retry"])
        _timedeltas(retry, "delay", "max_delay")
        known["retry"] = RetryPolicy(**retry)
    _timedeltas(known, "timeout")
    _tuples(known, "outputs")
    return Task(**known)


def _edge_from_json(data: Mapping[str, Any]) -> Edge:
    known = _known(Edge, data)
    known["kind"] = EdgeKind(known.get("kind", EdgeKind.EXPLICIT))
    _tuples(known, "names")
    return Edge(**known)


def _parameter_from_json(data: Mapping[str, Any]) -> Parameter:
    known = _known(Parameter, data)
    _tuples(known, "choices")
    return Parameter(**known)


def _known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    return {k: v for k, v in data.items() if k in names}


def _timedeltas(data: dict[str, Any], *names: str) -> None:
    for name in names:
        if data.get(name) is not None:
            data[name] = timedelta(seconds=data[name])


def _tuples(data: dict[str, Any], *names: str) -> None:
    for name in names:
        if name in data:
            data[name] = tuple(data[name])


def _to_json(value: Any, skip: Iterable[str]) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _to_json(getattr(value, f.name), skip) for f in fields(value) if f.name not in skip}
    if isinstance(value, Mapping):
        return {str(k): _to_json(v, skip) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(v, skip) for v in value]
    return value
