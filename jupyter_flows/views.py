"""Values as JSON-able shapes: what every screen, `--json` and the REST doors show. Pure; no clock, no store.

Times are ISO 8601 text in UTC, durations are seconds. `type` tells screens apart (`flow`, `run`, `backfill`).
A key here is a promise: add, do not rename.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jupyter_flows.model.event import Event
from jupyter_flows.model.flow import Edge, Flow, Parameter, Task
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.interval import DataInterval, RunPlan
from jupyter_flows.model.problem import Problem
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, TaskKey, TaskRun, outcome_text
from jupyter_flows.model.state import FINISHED, RunState, TaskState

View = dict[str, Any]
Cells = Mapping[TaskKey, tuple[int, int]]
"""Of a running task: how many of its cells are done, and how many it has."""

_LOUDEST_FIRST = (
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.RUNNING,
    TaskState.RESTARTING,
    TaskState.UP_FOR_RETRY,
    TaskState.UP_FOR_RESCHEDULE,
    TaskState.DEFERRED,
    TaskState.QUEUED,
    TaskState.SCHEDULED,
    TaskState.NO_STATUS,
    TaskState.SUCCESS,
    TaskState.SKIPPED,
    TaskState.REMOVED,
)


def iso(moment: datetime | None) -> str | None:
    """`moment` as ISO 8601 text, None for None."""
    return None if moment is None else moment.isoformat()


def seconds(start: datetime | None, end: datetime | None) -> float | None:
    """How long it took; None unless both ends are known."""
    return (end - start).total_seconds() if start is not None and end is not None else None


def together(states: Iterable[str]) -> str:
    """One state for many: what a mapped task, a group or a row of a matrix shows (the loudest wins)."""
    present = {TaskState(s) for s in states}
    return next((s.value for s in _LOUDEST_FIRST if s in present), TaskState.NO_STATUS.value)


# ── flows ────────────────────────────────────────────────────────────────────────────


def flow_view(
    flow: Flow,
    *,
    version: str | None = None,
    paused: bool | None = None,
    problems: Sequence[Problem] = (),
    next_run: RunPlan | None = None,
) -> View:
    """A flow with its graph. `version` is computed from the flow unless given."""
    return {
        "type": "flow",
        "flow_id": flow.id,
        "version": version or flow.digest,
        "schedule": flow.schedule,
        "timezone": flow.timezone,
        "start": iso(flow.start),
        "end": iso(flow.end),
        "catchup": flow.catchup,
        "paused": paused,
        "tags": list(flow.tags),
        "owner": flow.owner,
        "doc": flow.doc,
        "path": flow.path,
        "params": [parameter_view(p) for p in flow.params],
        "next_run": None if next_run is None else interval_view(next_run),
        "problems": [problem_view(p) for p in problems],
        **graph_view(flow),
    }


def graph_view(flow: Flow) -> View:
    """`{"tasks": […], "edges": […]}` in notebook order."""
    return {"tasks": [task_view(t, flow) for t in flow.tasks], "edges": [edge_view(e) for e in flow.edges]}


def task_view(task: Task, flow: Flow) -> View:
    """One task and its neighbours, without its source."""
    return {
        "id": task.id,
        "task_id": task.id,
        "kind": task.kind,
        "group": task.group,
        "doc": task.doc,
        "owner": task.owner,
        "upstream": list(flow.graph.upstream(task.id)),
        "downstream": list(flow.graph.downstream(task.id)),
        "trigger_rule": task.trigger_rule.value,
        "retries": task.retry.retries,
        "pool": task.pool,
        "mapped": bool(task.map_over),
        "inputs": [{"name": i.name, "upstream": i.upstream} for i in task.inputs],
        "outputs": list(task.outputs),
        "path": task.path,
        "cell": task.place.cell,
        "cell_id": task.place.cell_id,
    }


def edge_view(edge: Edge) -> View:
    """Who runs after whom, by which variables, and why."""
    return {
        "upstream": edge.upstream,
        "downstream": edge.downstream,
        "kind": edge.kind.value,
        "names": list(edge.names),
        "why": edge.why,
    }


def parameter_view(parameter: Parameter) -> View:
    """One line of a contract, as a form needs it."""
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": parameter.default,
        "required": parameter.required,
        "choices": list(parameter.choices),
        "optional": parameter.optional,
        "doc": parameter.doc,
    }


def problem_view(problem: Problem) -> View:
    """A fault in a definition and where it is."""
    return dict(problem.to_json())


def interval_view(plan: RunPlan) -> View:
    """A planned run: `{"start", "end", "run_after"}`."""
    return {"start": iso(plan.interval.start), "end": iso(plan.interval.end), "run_after": iso(plan.run_after)}


def event_view(event: Event) -> View:
    """A fact as every stream carries it."""
    return event.to_json()


# ── runs ─────────────────────────────────────────────────────────────────────────────


def run_view(
    run: FlowRun,
    flow: Flow,
    task_runs: Sequence[TaskRun],
    *,
    attempts: Sequence[Attempt] = (),
    cells: Cells | None = None,
    graph: bool = True,
    home: str | None = None,
) -> View:
    """A run and every task of its version; a task nothing has touched yet shows as no_status.

    `attempts` give each task its history and its newest executed notebook, whose path is relative to the home unless
    `home` is given. Lists of many runs pass `graph=False`: only pictures need the edges.
    """
    history = _by_task(attempts)
    rows = [
        _task_run_view(t, history.get(t.key, []), (cells or {}).get(t.key), home)
        for t in all_task_runs(flow, task_runs)
    ]
    view: View = {
        "type": "run",
        "flow_id": run.flow_id,
        "run_id": run.run_id,
        "run_type": run.run_type.value,
        "state": run.state.value,
        "logical_date": iso(run.logical_date),
        "data_interval_start": iso(run.interval.start),
        "data_interval_end": iso(run.interval.end),
        "start_date": iso(run.start_date),
        "end_date": iso(run.end_date),
        "version": run.version,
        "tasks": rows,
        "run_after": iso(run.run_after),
        "duration": seconds(run.start_date, run.end_date),
        "reason": run.reason,
        "params": dict(run.params),
        "backfill_id": run.backfill_id,
        "timezone": flow.timezone,
        "label": interval_label(run.interval, flow.timezone),
        "counts": dict(Counter(t["state"] for t in rows)),
        "done": sum(TaskState(t["state"]) in FINISHED for t in rows),
        "total": len(rows),
    }
    return {**view, "graph": graph_view(flow)} if graph else view


def all_task_runs(flow: Flow, task_runs: Sequence[TaskRun]) -> list[TaskRun]:
    """The task runs in notebook order, with a no_status one for every task that has none; strangers come last."""
    stored: dict[TaskId, list[TaskRun]] = {}
    for task_run in sorted(task_runs, key=lambda t: t.map_index):
        stored.setdefault(task_run.task_id, []).append(task_run)
    known = [t for task in flow.tasks for t in stored.pop(task.id, [TaskRun(task.id)])]
    return known + [t for rest in stored.values() for t in rest]


def attempt_view(attempt: Attempt, *, home: str | None = None) -> View:
    """One try: its state, its times, where its notebook and log lie, how it ended."""
    return {
        "try_number": attempt.id.try_number,
        "state": attempt.state.value,
        "queued_at": iso(attempt.queued_at),
        "start_date": iso(attempt.start_date),
        "end_date": iso(attempt.end_date),
        "duration": seconds(attempt.start_date, attempt.end_date),
        "outcome": "" if attempt.outcome is None else outcome_text(attempt.outcome),
        "notebook": _at(home, attempt.notebook),
        "log": _at(home, attempt.log),
        "how": attempt.how,
        "version": attempt.version,
    }


def _task_run_view(
    task_run: TaskRun, attempts: Sequence[Attempt], cells: tuple[int, int] | None, home: str | None
) -> View:
    tries = [attempt_view(a, home=home) for a in attempts]
    done, total = cells or (None, None)
    return {
        "task_id": task_run.task_id,
        "map_index": task_run.map_index,
        "state": task_run.state.value,
        "try_number": task_run.try_number,
        "start_date": iso(task_run.start_date),
        "end_date": iso(task_run.end_date),
        "notebook": next((t["notebook"] for t in reversed(tries) if t["notebook"]), None),
        "duration": seconds(task_run.start_date, task_run.end_date),
        "max_tries": task_run.max_tries,
        "next_try_at": iso(task_run.next_try_at),
        "reason": task_run.reason,
        "cell": done,
        "cells": total,
        "attempts": tries,
    }


def _by_task(attempts: Sequence[Attempt]) -> dict[TaskKey, list[Attempt]]:
    out: dict[TaskKey, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda a: a.id.try_number):
        out.setdefault(TaskKey(attempt.id.task_id, attempt.id.map_index), []).append(attempt)
    return out


def _at(home: str | None, path: str | None) -> str | None:
    return f"{home.rstrip('/')}/{path}" if home and path else path


# ── backfills ────────────────────────────────────────────────────────────────────────


def backfill_view(
    backfill: Backfill, flow: Flow, runs: Sequence[FlowRun], task_runs: Mapping[Any, Sequence[TaskRun]]
) -> View:
    """The matrix of a backfill: a row per run (oldest interval first), a column per task, a state in every cell.

    `task_runs` is keyed by run key, as the store gives it; a run that is missing there shows no_status throughout.
    For a plan that is not stored yet, pass the runs it would create.
    """
    columns = [t.id for t in flow.tasks]
    ordered = sorted(runs, key=lambda r: r.interval)
    rows = [_matrix_row(r, flow, task_runs.get(r.key, ())) for r in ordered]
    run_states = Counter(r["state"] for r in rows)
    task_states = Counter(s for r in rows for s in r["cells"])
    return {
        "type": "backfill",
        "backfill_id": backfill.id,
        "flow_id": backfill.flow_id,
        "state": _backfill_state(backfill, rows).value,
        "paused": backfill.paused,
        "start": iso(backfill.start),
        "end": iso(backfill.end),
        "reprocess": backfill.reprocess,
        "parallel": backfill.parallel,
        "reverse": backfill.reverse,
        "params": dict(backfill.params),
        "created_at": iso(backfill.created_at),
        "completed_at": iso(backfill.completed_at),
        "duration": seconds(backfill.created_at, backfill.completed_at),
        "timezone": flow.timezone,
        "columns": columns,
        "rows": rows,
        "counts": {"runs": dict(run_states), "tasks": dict(task_states)},
        "done": sum(r["state"] in ("success", "failed") for r in rows),
        "total": len(rows),
    }


def _backfill_state(backfill: Backfill, rows: Sequence[View]) -> RunState:
    """A backfill that is over stands as its runs do now: some may have been cleared, and run again, since."""
    states = {RunState(r["state"]) for r in rows}
    if not backfill.state.is_finished or not states:
        return backfill.state
    if not all(s.is_finished for s in states):
        return RunState.RUNNING
    return RunState.FAILED if RunState.FAILED in states else RunState.SUCCESS


def _matrix_row(run: FlowRun, flow: Flow, task_runs: Sequence[TaskRun]) -> View:
    states: dict[TaskId, list[str]] = {}
    for task_run in task_runs:
        states.setdefault(task_run.task_id, []).append(task_run.state.value)
    return {
        "run_id": run.run_id,
        "run_type": run.run_type.value,
        "label": _start_label(run.interval, flow.timezone),
        "logical_date": iso(run.logical_date),
        "data_interval_start": iso(run.interval.start),
        "data_interval_end": iso(run.interval.end),
        "state": run.state.value,
        "start_date": iso(run.start_date),
        "end_date": iso(run.end_date),
        "duration": seconds(run.start_date, run.end_date),
        "reason": run.reason,
        "cells": [together(states.get(t.id, ())) for t in flow.tasks],
    }


def interval_label(interval: DataInterval, timezone: str) -> str:
    """The interval as people say it: days when both ends are midnights where the flow lives, else times of day."""
    zone = ZoneInfo(timezone)
    start, end = interval.start.astimezone(zone), interval.end.astimezone(zone)
    if start != end and _is_midnight(start) and _is_midnight(end):
        is_one_day = end.date() - start.date() == timedelta(days=1)
        return f"{start:%Y-%m-%d}" if is_one_day else f"{start:%Y-%m-%d} → {end:%Y-%m-%d}"
    clock = _clock(start, end)
    if interval.start == interval.end:
        return f"{start:%Y-%m-%d} {start:{clock}}"
    last = f"{end:{clock}}" if start.date() == end.date() else f"{end:%Y-%m-%d} {end:{clock}}"
    return f"{start:%Y-%m-%d} {start:{clock}} → {last}"


def _start_label(interval: DataInterval, timezone: str) -> str:
    """The start of the interval where the flow lives; without the time when the interval is made of days."""
    zone = ZoneInfo(timezone)
    start, end = interval.start.astimezone(zone), interval.end.astimezone(zone)
    is_days = start != end and _is_midnight(start) and _is_midnight(end)
    return f"{start:%Y-%m-%d}" if is_days else f"{start:%Y-%m-%d} {start:{_clock(start, end)}}"


def _clock(start: datetime, end: datetime) -> str:
    """The format of a time of day: with seconds where there are some, with the zone around a clock change."""
    seconds = ":%S" if start.second or end.second else ""
    changes = start.utcoffset() != end.utcoffset() or any(_comes_twice(moment) for moment in (start, end))
    return f"%H:%M{seconds}{' %Z' if changes else ''}"


def _comes_twice(moment: datetime) -> bool:
    return moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)
