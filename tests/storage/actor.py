"""Run by the tests in a process of its own: forks children before anything is opened, lets them act, prints JSON.

python actor.py '{"verb": "race", "url": …, "processes": 4, …}'
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa

from jupyter_flows.errors import FlowsError
from jupyter_flows.model.event import TASK_RUN_MOVED, Event
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import AttemptId, FlowId, RunType, TaskId, run_id
from jupyter_flows.model.intent import Intent, IntentKind
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, TaskRun
from jupyter_flows.model.state import RunState
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.sql import SqlStore
from jupyter_flows.storage.store import Change, Owner

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def make_flow(name: str) -> Flow:
    return Flow(FlowId(name), tasks=(Task(TaskId("load"), source="x = 1"),))


def make_run(flow: Flow, index: int) -> FlowRun:
    start = NOON + index * HOUR
    interval = DataInterval(start, start + HOUR)
    return FlowRun(flow.id, run_id(RunType.SCHEDULED, start), RunType.SCHEDULED, interval, flow.digest)


# ── verbs: what one child does; what it returns is printed ───────────────────────────


def race(url: str, index: int, spec: dict[str, Any]) -> Any:
    """Read-then-write transactions, all children about the same runs. Tells which were made here, and the slowest."""
    store = open_store(url)
    flow, made, slowest = make_flow("sales"), [], 0.0
    for number in range(spec["count"]):
        begun = time.monotonic()
        if store.create_runs([make_run(flow, number)], NOON)[0]:
            made.append(number)
        store.add_intent(Intent(IntentKind.CLEAR, flow.id, data={"from": index}), NOON)
        slowest = max(slowest, time.monotonic() - begun)
    store.close()
    return {"made": made, "slowest": slowest}


def open_new(url: str, index: int, _spec: dict[str, Any]) -> Any:
    """Open a database that does not exist yet."""
    store = open_store(url)
    store.register(make_flow(f"flow_{index}"), NOON)
    facts = store.describe()
    store.close()
    return facts


def lead(url: str, index: int, spec: dict[str, Any]) -> Any:
    """Fight for the lease: whoever watched a holder takes over from it. Tells the epochs in which it wrote."""
    store = open_store(url)
    owner = Owner(f"scheduler {index}", "host", "boot", os.getpid(), 1.0)
    wrote: list[int] = []
    refused = 0
    for _ in range(spec["count"]):
        lease = store.acquire_lease(owner, after=store.lease())
        if lease is None:
            continue
        try:
            data = {"epoch": lease.epoch, "owner": owner.id}
            store.commit(lease, [Change(events=(Event("scheduler_moved", NOON, data=data),))])
            wrote.append(lease.epoch)
        except FlowsError:
            refused += 1
    store.close()
    return {"wrote": wrote, "refused": refused}


def read_only(url: str, _index: int, _spec: dict[str, Any]) -> Any:
    """Open and write as a user who may only read."""
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        open_store(url).register(make_flow("new"), NOON)
    except FlowsError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": None, "message": ""}


# ── crash points ─────────────────────────────────────────────────────────────────────


def kill_at(store: SqlStore, point: int, counted: list[int]) -> None:
    """SIGKILL this process just before its point-th statement, or just before or after its COMMIT."""
    engine = store.database.engine

    def step(*_: object) -> None:
        counted[0] += 1
        if counted[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        step()
        commit(connection)
        step()

    sa.event.listen(engine, "before_cursor_execute", step)
    engine.dialect.do_commit = do_commit  # type: ignore[method-assign]


def act(store: SqlStore, operation: str, flow: Flow) -> None:
    runs = [make_run(flow, index) for index in range(5)]
    if operation == "create_runs":
        store.create_runs(runs, NOON)
    elif operation == "create_backfill":
        backfill = Backfill(0, flow.id, NOON, NOON + 4 * HOUR)
        clear = [Intent(IntentKind.CLEAR, flow.id, run.run_id) for run in runs[:2]]
        store.create_backfill(backfill, runs, clear, NOON)
    elif operation == "commit":
        lease = store.lease()
        assert lease is not None
        store.commit(lease, [change(store, run) for run in runs])


def change(store: SqlStore, run: FlowRun) -> Change:
    attempt = AttemptId(*run.key, TaskId("load"), -1, 1)
    return Change(
        run=replace(run, state=RunState.RUNNING),
        task_runs=(TaskRun(TaskId("load")),),
        attempts=(Attempt(attempt, "token"),),
        artifacts={attempt: (ArtifactRef("x", "x.json", "json", "d", 1),)},
        events=(Event(TASK_RUN_MOVED, NOON, *run.key),),
        intents_done=tuple(replace(i, done_at=NOON, result="ok") for i in store.intents() if i.run_id == run.run_id),
    )


def prepare(store: SqlStore, operation: str, flow: Flow) -> None:
    store.register(flow, NOON)
    if operation == "commit":
        runs = [make_run(flow, index) for index in range(5)]
        store.create_runs(runs, NOON)
        store.add_intent(Intent(IntentKind.CANCEL, flow.id, runs[0].run_id), NOON)
        store.acquire_lease(Owner("x", "h", "b", 1, 1.0))


def picture(store: SqlStore, flow: Flow) -> Any:
    """All that is stored about the flow, comparable over flows."""
    runs = store.runs(flow.id)
    keys = [run.key for run in runs]
    attempts = [attempt for key in keys for attempt in store.attempts(key)]
    return {
        "runs": [[run.run_id, run.state, run.backfill_id is not None] for run in runs],
        "task_runs": [len(tasks) for tasks in store.task_runs(keys).values()],
        "attempts": [str(a.id).partition("/")[2] for a in attempts],
        "artifacts": [len(store.artifacts(a.id)) for a in attempts],
        "events": [event.kind for event in store.events(flow_id=flow.id)],
        "intents": [i.result for i in store.intents(pending=False) if i.flow_id == flow.id],
        "backfills": [b.state for b in store.backfills(flow.id)],
    }


def crash(spec: dict[str, Any]) -> Any:
    """For each point: prepare a flow, act on it in a child that is killed there, and look at what is left."""
    url, operation, points = spec["url"], spec["operation"], spec["points"]

    def undisturbed() -> Any:
        store, flow, counted = open_store(url), make_flow("undisturbed"), [0]
        assert isinstance(store, SqlStore)
        prepare(store, operation, flow)
        before = picture(store, flow)
        kill_at(store, -1, counted)
        act(store, operation, flow)
        steps = counted[0]
        return {"before": before, "after": picture(store, flow), "steps": steps}

    facts = in_child(undisturbed)
    steps = facts["steps"]
    chosen = range(1, steps + 1) if points is None else sorted({max(1, round(p * steps)) for p in points})

    def disturbed(flow: Flow, point: int) -> Any:
        store = open_store(url)
        assert isinstance(store, SqlStore)
        prepare(store, operation, flow)
        kill_at(store, point, [0])
        act(store, operation, flow)

    def left(flow: Flow) -> Any:
        store = open_store(url)
        assert isinstance(store, SqlStore)
        events = store.events(limit=100_000)
        is_dense = [event.seq for event in events] == list(range(1, store.last_seq() + 1))
        return {"picture": picture(store, flow), "dense": is_dense}

    results = []
    for point in chosen:
        flow = make_flow(f"killed_{point}")
        killed = in_child(lambda flow=flow, point=point: disturbed(flow, point)) == -signal.SIGKILL
        results.append({"point": point, "killed": killed, **in_child(lambda flow=flow: left(flow))})
    return {**facts, "results": results}


# ── children ─────────────────────────────────────────────────────────────────────────


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` returns in a forked child, or minus the signal that killed it."""
    return finished(start(work))


def start(work: Callable[[], Any], gate: int | None = None) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        os.close(reading)
        if gate is not None:
            os.read(gate, 1)  # until the parent opens it
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def finished(child: tuple[int, int]) -> Any:
    pid, reading = child
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code > 0:
        raise SystemExit(f"a child failed with {code}")
    return code if code < 0 else json.loads(text)


VERBS = {"race": race, "open_new": open_new, "lead": lead, "read_only": read_only}


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec["verb"] == "crash":
        print(json.dumps(crash(spec)))
        return
    verb = VERBS[spec["verb"]]
    gate, opener = os.pipe()
    children = []
    for index in range(spec.get("processes", 1)):

        def work(index: int = index) -> Any:
            return verb(spec["url"], index, spec)

        children.append(start(work, gate))
    os.write(opener, b"x" * len(children))
    print(json.dumps([finished(child) for child in children]))


if __name__ == "__main__":
    main()
