"""One suite for every store. What a store promises stands in storage/store.py; here each promise is tried."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from jupyter_flows.errors import Conflict, LeaseLost, NotFound
from jupyter_flows.model.event import (
    BACKFILL_MOVED,
    FLOW_PAUSED,
    FLOW_REGISTERED,
    RUN_CREATED,
    SCHEDULER_MOVED,
    TASK_RUN_MOVED,
    Event,
)
from jupyter_flows.model.flow import Edge, Flow, Parameter, RetryPolicy, Task
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, RunType, TaskId
from jupyter_flows.model.intent import Intent, IntentKind
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.problem import Place
from jupyter_flows.model.progress import ArtifactRef
from jupyter_flows.model.run import (
    Backfill,
    Cancelled,
    Died,
    Failed,
    FlowRun,
    Lost,
    NotStarted,
    RunKey,
    SkipAsked,
    Succeeded,
    TaskKey,
    TaskRun,
    TimedOut,
)
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.storage.store import Change, Store

NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
ODD = datetime(2024, 3, 31, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def kinds(store: Store, after: int = 0) -> list[str]:
    return [event.kind for event in store.events(after)]


def everything(store: Store, keys: list[RunKey]) -> Any:
    """All that a refused write must leave as it was."""
    return (
        store.runs(),
        store.task_runs(keys),
        [store.attempts(key) for key in keys],
        store.events(),
        store.intents(pending=False),
        store.backfills(),
        store.last_seq(),
    )


# ── flows ────────────────────────────────────────────────────────────────────────────


def test_a_flow_comes_back_as_it_was_registered(store: Store) -> None:
    flow = Flow(
        FlowId("sales"),
        schedule="@daily",
        timezone="Europe/Berlin",
        start=ODD,
        catchup=True,
        tasks=(
            Task(
                TaskId("load"),
                source="x = 'ü \\ud83d'",
                retry=RetryPolicy(2, HOUR),
                params={"a": [1, None]},
                place=Place("a.ipynb", "c1", 3, 1),
            ),
            Task(TaskId("clean"), outputs=("tidy",), notebook={"cells": []}),
        ),
        edges=(Edge(TaskId("load"), TaskId("clean")),),
        params=(Parameter("day", "date", "2024-01-01", choices=("a", "b")),),
        tags=("one", "two"),
    )
    stored = store.register(flow, NOON)
    assert (stored.flow, stored.version, stored.version_number) == (flow, flow.digest, 1)
    assert (stored.paused, stored.registered_at) == (False, NOON)
    assert store.flow(flow.id) == stored
    assert store.flow_version(flow.id, flow.digest) == flow


def test_registering_an_unchanged_flow_writes_nothing(store: Store, world: Any) -> None:
    first = store.register(world.flow(), NOON)
    assert store.register(world.flow(), NOON + HOUR) == first
    assert kinds(store) == [FLOW_REGISTERED]


def test_a_flow_that_only_moved_keeps_its_version_and_learns_its_path(store: Store, world: Any) -> None:
    store.register(world.flow(path="old.ipynb"), NOON)
    moved = store.register(world.flow(path="new.ipynb"), NOON + HOUR)
    assert (moved.flow.path, moved.version_number, moved.registered_at) == ("new.ipynb", 1, NOON)
    assert store.flow(moved.flow.id).flow.path == "new.ipynb"
    assert kinds(store) == [FLOW_REGISTERED]


def test_a_changed_flow_is_a_new_version_beside_the_old(store: Store, world: Any) -> None:
    old, new = world.flow(source="x = 1"), world.flow(source="x = 2")
    store.register(old, NOON)
    assert store.register(new, NOON + HOUR).version_number == 2
    assert store.flow(new.id).flow == new
    assert store.flow_version(old.id, old.digest) == old
    listed = [(v.number, v.version, v.created_at) for v in store.versions(old.id)]
    assert listed == [(2, new.digest, NOON + HOUR), (1, old.digest, NOON)]


def test_going_back_to_an_old_version_makes_it_the_newest_under_its_number(store: Store, world: Any) -> None:
    old, new = world.flow(source="x = 1"), world.flow(source="x = 2")
    for moment, flow in enumerate((old, new, old)):
        store.register(flow, NOON + moment * HOUR)
    stored = store.flow(old.id)
    assert (stored.version, stored.version_number, stored.registered_at) == (old.digest, 1, NOON + 2 * HOUR)
    assert len(store.versions(old.id)) == 2
    assert kinds(store) == [FLOW_REGISTERED] * 3


def test_flows_are_listed_by_id(store: Store, world: Any) -> None:
    for name in ("b", "_a", "B", "a"):
        store.register(world.flow(name), NOON)
    assert [stored.flow.id for stored in store.flows()] == ["B", "_a", "a", "b"]


def test_pausing_survives_a_new_version_and_is_told_once(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    for paused in (True, True):
        store.set_paused(flow.id, paused, NOON)
    store.register(world.flow(source="x = 2"), NOON)
    assert store.flow(flow.id).paused
    store.set_paused(flow.id, False, NOON)
    assert not store.flow(flow.id).paused
    told = [event.data["paused"] for event in store.events() if event.kind == FLOW_PAUSED]
    assert told == [True, False]


def test_unknown_things_are_not_found(store: Store, world: Any) -> None:
    store.register(world.flow(), NOON)
    nobody = FlowId("nobody")
    with pytest.raises(NotFound, match="nobody"):
        store.flow(nobody)
    with pytest.raises(NotFound, match="nobody"):
        store.set_paused(nobody, True, NOON)
    with pytest.raises(NotFound, match="no stored version beef"):
        store.flow_version(FlowId("sales"), "beef")
    with pytest.raises(NotFound, match="no run 'manual'"):
        store.run(RunKey(FlowId("sales"), RunId("manual")))
    with pytest.raises(NotFound, match="no backfill 7"):
        store.backfill(7)
    assert store.versions(nobody) == store.runs(nobody) == store.backfills(nobody) == []
    assert store.last_interval(nobody) is None


# ── runs ─────────────────────────────────────────────────────────────────────────────


def test_a_run_comes_back_whole(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    run = FlowRun(
        flow.id,
        RunId("by-hand"),
        RunType.MANUAL,
        DataInterval(ODD, ODD + HOUR),
        flow.digest,
        RunState.FAILED,
        logical_date=ODD,
        run_after=ODD + HOUR,
        params={"city": "Zürich", "n": None, "deep": [{"x": 1.5}]},
        queued_at=ODD,
        start_date=ODD + timedelta(microseconds=1),
        end_date=ODD + HOUR,
        ordinal=3,
        clear_number=2,
        reason="because ü",
    )
    assert store.create_runs([run], NOON) == [True]
    assert store.run(run.key) == run
    assert store.run_at(flow.id, ODD.astimezone(timezone.utc)) == run
    assert store.run_at(flow.id, NOON) is None


def test_runs_are_created_once_and_told_once(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    runs = world.runs(flow, 3)
    assert store.create_runs(runs[:2], NOON) == [True, True]
    assert store.create_runs([*runs, runs[2]], NOON) == [False, False, True, False]
    assert store.create_runs([], NOON) == []
    created = [(event.flow_id, event.run_id) for event in store.events() if event.kind == RUN_CREATED]
    assert created == [run.key for run in runs]


def test_a_logical_date_is_taken_once_whatever_the_run_id(store: Store, world: Any) -> None:
    flow, other = world.flow(), world.flow("other")
    store.register(flow, NOON)
    store.register(other, NOON)
    scheduled, manual = world.run(flow), world.run(flow, run_type=RunType.MANUAL)
    assert store.create_runs([scheduled, manual, world.run(other)], NOON) == [True, False, True]
    assert store.create_runs([manual], NOON) == [False]
    assert store.run_at(flow.id, NOON) == scheduled


def test_an_existing_run_is_left_as_it_is(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    store.create_runs([world.run(flow, reason="first")], NOON)
    store.create_runs([world.run(flow, reason="second")], NOON)
    assert store.run(world.run(flow).key).reason == "first"


def test_a_run_of_an_unregistered_version_is_refused_with_all_others(store: Store, world: Any) -> None:
    known, unknown = world.flow(), world.flow("unknown")
    store.register(known, NOON)
    with pytest.raises(NotFound, match="unknown"):
        store.create_runs([world.run(known), world.run(unknown)], NOON)
    with pytest.raises(NotFound, match="no stored version"):
        store.create_runs([replace(world.run(known), version="beef")], NOON)
    assert store.runs() == []


def test_runs_are_listed_newest_first_and_filtered(store: Store, world: Any) -> None:
    flow, other = world.flow("a"), world.flow("b")
    for one in (flow, other):
        store.register(one, NOON)
    runs = world.runs(flow, 6)
    runs[1] = replace(runs[1], state=RunState.RUNNING)
    runs[2] = replace(runs[2], state=RunState.SUCCESS)
    runs[3] = world.run(flow, 3, RunType.MANUAL)
    runs[4] = replace(runs[4], backfill_id=7)
    store.create_runs([*runs, world.run(other, 2)], NOON)

    def listed(*args: Any, **kwargs: Any) -> list[int]:
        return [int((run.logical_date - NOON) / HOUR) for run in store.runs(*args, **kwargs)]

    assert listed(flow.id) == [5, 4, 3, 2, 1, 0]
    assert listed(flow.id, oldest_first=True, limit=2) == [0, 1]
    assert listed(flow.id, limit=2) == [5, 4]
    assert listed(flow.id, limit=0) == []
    assert listed(flow.id, since=NOON + HOUR, until=NOON + 3 * HOUR) == [3, 2, 1]
    assert listed(flow.id, states=[RunState.SUCCESS]) == [2]
    assert listed(flow.id, states={RunState.RUNNING, RunState.SUCCESS}) == [2, 1]
    assert listed(flow.id, states=[RunState.RUNNING]) == [1]
    assert listed(flow.id, states=[]) == []
    assert listed(flow.id, run_types=[RunType.MANUAL]) == [3]
    assert listed(flow.id, backfill_id=7) == [4]
    assert [run.flow_id for run in store.runs(since=NOON + 2 * HOUR, until=NOON + 2 * HOUR)] == ["b", "a"]
    assert [run.flow_id for run in store.runs(oldest_first=True)] == ["a", "a", "a", "b", "a", "a", "a"]
    assert len(store.runs(states=[RunState.QUEUED, RunState.RUNNING])) == 6


def test_the_last_interval_is_the_newest_scheduled_runs(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    assert store.last_interval(flow.id) is None
    store.create_runs([*world.runs(flow, 3), world.run(flow, 9, RunType.MANUAL)], NOON)
    assert store.last_interval(flow.id) == DataInterval(NOON + 2 * HOUR, NOON + 3 * HOUR)


# ── commit ───────────────────────────────────────────────────────────────────────────


def test_a_turn_of_the_scheduler_is_written_whole(store: Store, world: Any) -> None:
    _flow, (run, other), lease = world.started(store, 2)
    intent = store.add_intent(Intent(IntentKind.CANCEL, run.flow_id, run.run_id), NOON)
    before = store.last_seq()
    change = replace(world.moved(run), intents_done=(replace(intent, done_at=NOON + HOUR, result="ok"),))
    nothing_but_events = Change(events=(Event(SCHEDULER_MOVED, NOON, data={"state": "leading"}),))
    seq = store.commit(lease, [change, nothing_but_events])
    assert store.run(run.key) == change.run
    assert store.task_runs([run.key, other.key]) == {run.key: list(change.task_runs), other.key: []}
    assert store.attempts(run.key) == list(change.attempts)
    assert store.intents() == []
    assert store.intents(pending=False) == [replace(intent, done_at=NOON + HOUR, result="ok")]
    assert [(e.kind, e.seq) for e in store.events(before)] == [(TASK_RUN_MOVED, seq - 1), (SCHEDULER_MOVED, seq)]
    assert store.last_seq() == seq


def test_rows_are_replaced_by_their_key(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    store.commit(lease, [world.moved(run)])
    second = replace(
        world.moved(run, TaskState.SUCCESS),
        run=replace(run, state=RunState.SUCCESS, end_date=NOON + HOUR, clear_number=1, reason="done"),
    )
    store.commit(lease, [second])
    assert store.run(run.key) == second.run
    assert store.task_runs([run.key])[run.key] == list(second.task_runs)
    assert store.attempts(run.key) == list(second.attempts)


def test_task_runs_come_back_whole_by_task_and_map_index(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    full = TaskRun(
        TaskId("b"), 2, TaskState.UP_FOR_RETRY, 3, 4, ODD, ODD + HOUR, ODD + 2 * HOUR, ("x", "y"), "why ü \x00 \ud800"
    )
    plain = [TaskRun(TaskId("b"), 10), TaskRun(TaskId("b"), -1, branch=()), TaskRun(TaskId("a")), TaskRun(TaskId("B"))]
    store.commit(lease, [Change(run.key, task_runs=(full, *plain))])
    found = store.task_runs([run.key])[run.key]
    order = [("B", -1), ("a", -1), ("b", -1), ("b", 2), ("b", 10)]
    assert [task.key for task in found] == order
    assert replace(found[3], reason="") == replace(full, reason="")
    assert found[3].reason.startswith("why ü ")
    assert found[2].branch == ()


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        Succeeded(branch=("a", "b")),
        Succeeded(stopped_early=True),
        Failed("boom", "ValueError", "cell", 3, "Traceback \x1b[0m \x00 \ud800", final=True),
        Died("killed", -9),
        Lost("we died"),
        TimedOut(timedelta(seconds=1.5)),
        NotStarted("no kernel"),
        SkipAsked("no data"),
        Cancelled("by hand"),
    ],
    ids=repr,
)
def test_attempts_come_back_with_their_outcome(store: Store, world: Any, outcome: Any) -> None:
    _flow, (run,), lease = world.started(store)
    full = world.attempt(
        run.key,
        state=TaskState.FAILED,
        queued_at=ODD,
        start_date=ODD,
        end_date=ODD + HOUR,
        outcome=outcome,
        notebook="runs/sales/x/load/1.ipynb",
        log="runs/sales/x/load/1.log",
        pid=4_000_000_000,
        how="forked",
        version="v",
    )
    store.commit(lease, [Change(run.key, attempts=(full,))])
    assert store.attempts(run.key) == [full]


def test_attempts_are_kept_for_ever_oldest_first(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    tries = [world.attempt(run.key, number, f"token {number}") for number in (1, 2, 3)]
    other = replace(tries[0], id=tries[0].id._replace(task_id=TaskId("clean"), map_index=4))
    for attempt in (tries[0], other, tries[1], tries[2]):
        store.commit(lease, [Change(run.key, attempts=(attempt,))])
    store.commit(lease, [Change(run.key, attempts=(replace(tries[0], state=TaskState.FAILED),))])
    assert [a.id for a in store.attempts(run.key)] == [tries[0].id, other.id, tries[1].id, tries[2].id]
    assert [a.id.try_number for a in store.attempts(run.key, TaskKey(TaskId("load")))] == [1, 2, 3]
    assert store.attempts(run.key, TaskKey(TaskId("clean"), 4)) == [other]
    assert store.attempts(run.key, TaskKey(TaskId("clean"))) == []


def test_attempts_that_have_not_ended_are_found_whatever_their_run(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    tries = [world.attempt(run.key, number, f"token {number}") for number in (1, 2, 3)]
    states = [TaskState.FAILED, TaskState.QUEUED, TaskState.RUNNING]
    stored = [replace(a, state=s, queued_at=NOON) for a, s in zip(tries, states, strict=True)]
    for attempt in stored:
        store.commit(lease, [Change(run.key, attempts=(attempt,))])
    store.commit(lease, [Change(run.key, run=replace(run, state=RunState.FAILED))])
    assert store.open_attempts() == stored[1:]


def test_artifacts_are_listed_by_name(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    attempt = world.attempt(run.key)
    refs = tuple(ArtifactRef(name, f"{name}.json", "json", "d" * 64, 3 << 40) for name in ("tidy", "Raw", "raw"))
    store.commit(lease, [Change(run.key, attempts=(attempt,), artifacts={attempt.id: refs})])
    again = replace(refs[0], digest="e" * 64)
    store.commit(lease, [Change(run.key, artifacts={attempt.id: (again,)})])
    assert store.artifacts(attempt.id) == [refs[1], refs[2], again]
    assert store.artifacts(attempt.id._replace(try_number=2)) == []


def test_a_stale_token_is_refused_and_nothing_is_written(store: Store, world: Any) -> None:
    _flow, (run, other), lease = world.started(store, 2)
    store.commit(lease, [world.moved(run, token="new")])
    before = everything(store, [run.key, other.key])
    with pytest.raises(Conflict, match="sales/scheduled__2024-01-01T12:00:00"):
        store.commit(lease, [world.moved(other), world.moved(run, TaskState.SUCCESS, token="old")])
    assert everything(store, [run.key, other.key]) == before


def test_two_tokens_for_one_attempt_in_one_turn_are_refused(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    before = everything(store, [run.key])
    with pytest.raises(Conflict, match="stale"):
        store.commit(lease, [world.moved(run, token="one"), world.moved(run, token="two")])
    assert everything(store, [run.key]) == before


@pytest.mark.parametrize("what", ["run", "task run", "attempt", "artifact", "backfill", "version"])
def test_a_change_about_something_unknown_is_refused_and_nothing_is_written(
    store: Store, world: Any, what: str
) -> None:
    flow, (run,), lease = world.started(store)
    missing = world.run(flow, 99)
    attempt = world.attempt(run.key, 9)
    change = {
        "run": Change(run=missing),
        "task run": Change(missing.key, task_runs=(TaskRun(TaskId("load")),)),
        "attempt": Change(missing.key, attempts=(world.attempt(missing.key),)),
        "artifact": Change(run.key, artifacts={attempt.id: (ArtifactRef("x", "x", "json", "d", 1),)}),
        "backfill": Change(backfill=replace(world.backfill(flow), id=9)),
        "version": Change(run=replace(run, version="beef")),
    }[what]
    before = everything(store, [run.key])
    with pytest.raises(NotFound):
        store.commit(lease, [world.moved(run), change])
    assert everything(store, [run.key]) == before


def test_a_change_that_contradicts_itself_is_a_fault_of_the_caller(store: Store, world: Any) -> None:
    _flow, (run, other), lease = world.started(store, 2)
    with pytest.raises(ValueError, match="key"):
        store.commit(lease, [Change(task_runs=(TaskRun(TaskId("load")),))])
    with pytest.raises(ValueError, match="holds the run"):
        store.commit(lease, [Change(run.key, run=other)])
    with pytest.raises(ValueError, match="holds the attempt"):
        store.commit(lease, [Change(run.key, attempts=(world.attempt(other.key),))])
    with pytest.raises(ValueError, match="done_at"):
        store.commit(lease, [Change(intents_done=(Intent(IntentKind.CLEAR, run.flow_id, id=1),))])


def test_an_intent_is_answered_once(store: Store, world: Any) -> None:
    _flow, _runs, lease = world.started(store)
    intent = store.add_intent(Intent(IntentKind.CLEAR, FlowId("sales")), NOON)
    for result in ("first", "second"):
        store.commit(lease, [Change(intents_done=(replace(intent, done_at=NOON, result=result),))])
    assert [i.result for i in store.intents(pending=False)] == ["first"]


# ── leadership ───────────────────────────────────────────────────────────────────────


def test_a_free_lease_is_taken_and_a_held_one_is_not(store: Store, world: Any) -> None:
    assert store.lease() is None
    lease = world.lease(store)
    assert store.lease() == lease
    assert store.acquire_lease(world.owner("second")) is None
    assert store.acquire_lease(world.owner("first")) == lease
    assert store.lease() == lease


def test_a_renewed_lease_beats_and_keeps_its_epoch(store: Store, world: Any) -> None:
    lease = world.lease(store)
    renewed = store.renew_lease(lease)
    assert (renewed.owner, renewed.epoch, renewed.beat) == (lease.owner, lease.epoch, lease.beat + 1)
    assert store.lease() == renewed
    store.commit(lease, [])  # an older beat of the same epoch still leads


def test_a_silent_holder_is_replaced_only_if_it_is_exactly_as_watched(store: Store, world: Any) -> None:
    watched = world.lease(store)
    beating = store.renew_lease(watched)
    assert store.acquire_lease(world.owner("second"), after=watched) is None
    taken = store.acquire_lease(world.owner("second"), after=beating)
    assert taken is not None
    assert taken.epoch > beating.epoch
    assert store.acquire_lease(world.owner("third"), after=beating) is None


def test_the_epoch_grows_through_release(store: Store, world: Any) -> None:
    first = world.lease(store)
    store.release_lease(first)
    assert store.lease() is None
    second = world.lease(store)
    assert second.epoch > first.epoch
    store.release_lease(first)  # of an older epoch: no error, no effect
    assert store.lease() == second


def test_the_old_leader_can_write_nothing_any_more(store: Store, world: Any) -> None:
    _flow, (run,), old = world.started(store)
    new = store.acquire_lease(world.owner("second"), after=old)
    assert new is not None
    before = everything(store, [run.key])
    with pytest.raises(LeaseLost, match="scheduler second"):
        store.commit(old, [world.moved(run)])
    with pytest.raises(LeaseLost):
        store.commit(replace(old, owner=new.owner), [world.moved(run)])  # the right owner of a past epoch
    with pytest.raises(LeaseLost):
        store.renew_lease(old)
    assert everything(store, [run.key]) == before
    store.release_lease(old)
    assert store.lease() == new
    store.commit(new, [world.moved(run)])


def test_without_a_lease_nothing_is_committed(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    store.release_lease(lease)
    with pytest.raises(LeaseLost, match="nobody"):
        store.commit(lease, [world.moved(run)])


# ── events ───────────────────────────────────────────────────────────────────────────


def test_events_are_numbered_from_one_without_gaps(store: Store, world: Any) -> None:
    assert (store.last_seq(), store.events()) == (0, [])
    world.started(store, 3)
    events = store.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert store.last_seq() == events[-1].seq
    assert store.events(2) == events[2:]
    assert store.events(limit=2) == events[:2]
    assert store.events(after=99) == []


def test_events_are_read_by_flow_and_run(store: Store, world: Any) -> None:
    flow, (run, _other), lease = world.started(store, 2)
    store.register(world.flow("other"), NOON)
    store.commit(lease, [world.moved(run)])
    assert {event.flow_id for event in store.events(flow_id=flow.id)} == {flow.id}
    of_run = store.events(flow_id=flow.id, run_id=run.run_id)
    assert [event.kind for event in of_run] == [RUN_CREATED, TASK_RUN_MOVED]
    assert store.events(of_run[0].seq, flow_id=flow.id, run_id=run.run_id) == of_run[1:]
    assert [event.flow_id for event in store.events(flow_id=FlowId("other"))] == ["other"]


def test_an_event_comes_back_whole(store: Store, world: Any) -> None:
    lease = world.lease(store)
    event = Event(SCHEDULER_MOVED, ODD, data={"owner": "ü\x00\ud800", "n": [1, {"x": None}]})
    seq = store.commit(lease, [Change(events=(event,))])
    assert store.events() == [replace(event, seq=seq)]


def test_the_stamp_differs_after_every_write_and_only_then(store: Store, world: Any) -> None:
    flow = world.flow()
    stamps = [store.stamp()]

    def differs() -> bool:
        stamps.append(store.stamp())
        return stamps[-1] != stamps[-2]

    store.register(flow, NOON)
    assert differs()
    store.create_runs([world.run(flow)], NOON)
    assert differs()
    lease = world.lease(store)
    assert differs()
    store.commit(lease, [world.moved(world.run(flow))])
    assert differs()
    store.renew_lease(lease)
    assert differs()
    store.add_intent(Intent(IntentKind.CLEAR, flow.id), NOON)
    assert differs()
    store.set_paused(flow.id, True, NOON)
    assert differs()
    store.create_backfill(world.backfill(flow), [], [], NOON)
    assert differs()
    store.runs()
    store.events()
    assert not differs()


# ── requests and backfills ───────────────────────────────────────────────────────────


def test_intents_wait_in_order_until_they_are_done(store: Store) -> None:
    data = {"tasks": ["load"], "downstream": True, "note": "ü"}
    asked = Intent(IntentKind.CLEAR, FlowId("sales"), RunId("r"), data)
    first = store.add_intent(asked, ODD)
    second = store.add_intent(Intent(IntentKind.PAUSE_BACKFILL, FlowId("sales"), data={"backfill_id": 1}), NOON)
    assert first == replace(asked, id=first.id, created_at=ODD)
    assert second.id > first.id > 0
    assert store.intents() == [first, second]


def test_a_backfill_is_stored_with_its_runs_and_requests(store: Store, world: Any) -> None:
    flow, (existing,), _lease = world.started(store)
    before = store.last_seq()
    asked = world.backfill(
        flow, reprocess="failed", parallel=4, reverse=True, paused=True, params={"a": [1]}, created_at=ODD
    )
    runs = [world.run(flow, index, RunType.BACKFILL, ordinal=index) for index in (1, 2)]
    clear = Intent(IntentKind.CLEAR, flow.id, existing.run_id, {"only_failed": True})
    backfill = store.create_backfill(asked, runs, [clear], NOON)
    assert backfill == replace(asked, id=backfill.id)
    assert backfill.id > 0
    assert store.backfill(backfill.id) == backfill
    found = store.runs(backfill_id=backfill.id, oldest_first=True)
    assert found == [replace(run, backfill_id=backfill.id) for run in runs]
    (intent,) = store.intents()
    assert (intent.run_id, intent.created_at) == (existing.run_id, NOON)
    assert intent.data == {"only_failed": True, "backfill_id": backfill.id}
    assert kinds(store, before) == [BACKFILL_MOVED, RUN_CREATED, RUN_CREATED]
    told = store.events(before, limit=1)[0].data
    assert told == {"backfill_id": backfill.id, "state": "queued", "paused": True}


def test_a_run_someone_made_meanwhile_does_not_spoil_the_backfill(store: Store, world: Any) -> None:
    flow, (existing,), _lease = world.started(store)
    runs = [world.run(flow, index, RunType.BACKFILL) for index in (0, 1)]
    backfill = store.create_backfill(world.backfill(flow), runs, [], NOON)
    assert store.run(existing.key) == existing
    assert [run.run_id for run in store.runs(backfill_id=backfill.id)] == [runs[1].run_id]


def test_a_flow_has_one_active_backfill(store: Store, world: Any) -> None:
    flow, _runs, lease = world.started(store)
    store.register(world.flow("other"), NOON)
    first = store.create_backfill(world.backfill(flow), [], [], NOON)
    before = everything(store, [])
    with pytest.raises(Conflict, match=f"active backfill \\({first.id}\\)"):
        store.create_backfill(world.backfill(flow), [world.run(flow, 5)], [], NOON)
    with pytest.raises(NotFound):
        store.create_backfill(world.backfill(world.flow("unknown")), [], [], NOON)
    assert everything(store, []) == before
    store.create_backfill(world.backfill(world.flow("other")), [], [], NOON)
    done = replace(first, state=RunState.SUCCESS, completed_at=NOON + HOUR)
    store.commit(lease, [Change(backfill=done)])
    second = store.create_backfill(world.backfill(flow), [], [], NOON)
    assert second.id > first.id
    assert store.backfills(flow.id) == [second, done]
    assert store.backfills(flow.id, active=True) == [second]
    assert len(store.backfills()) == 3
    assert len(store.backfills(active=True)) == 2


def test_a_backfill_changes_by_commit(store: Store, world: Any) -> None:
    flow, _runs, lease = world.started(store)
    backfill: Backfill = store.create_backfill(world.backfill(flow), [], [], NOON)
    running = replace(backfill, state=RunState.RUNNING, paused=True)
    store.commit(lease, [Change(backfill=running)])
    assert store.backfill(backfill.id) == running


# ── many at once ─────────────────────────────────────────────────────────────────────


def test_threads_that_create_the_same_runs_create_each_once(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    runs, start = world.runs(flow, 20), threading.Barrier(8)

    def create(_: int) -> list[bool]:
        start.wait(30)
        return [store.create_runs([run], NOON)[0] for run in runs]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(8)))
    assert [sum(column) for column in zip(*made, strict=True)] == [1] * 20
    assert len(store.runs(flow.id)) == 20
    assert kinds(store).count(RUN_CREATED) == 20


def test_a_reader_of_events_misses_none_while_many_write(store: Store, world: Any) -> None:
    flow = world.flow()
    store.register(flow, NOON)
    seen: list[int] = []

    def write(thread: int) -> None:
        for index in range(25):
            store.create_runs([world.run(flow, 25 * thread + index)], NOON)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, thread) for thread in range(4)]
        while len(seen) < 101 and not any(w.done() and w.exception() for w in writers):
            seen.extend(event.seq for event in store.events(seen[-1] if seen else 0))
        for writer in writers:
            writer.result()
    assert seen == list(range(1, 102))


def test_one_of_many_threads_gets_the_lease(store: Store, world: Any) -> None:
    start = threading.Barrier(8)

    def acquire(index: int) -> object:
        start.wait(30)
        return store.acquire_lease(world.owner(f"scheduler {index}"))

    with ThreadPoolExecutor(8) as pool:
        taken = [lease for lease in pool.map(acquire, range(8)) if lease is not None]
    assert taken == [store.lease()]


def test_an_attempt_of_a_mapped_task_is_its_own(store: Store, world: Any) -> None:
    _flow, (run,), lease = world.started(store)
    ids = [AttemptId(*run.key, TaskId("load"), index, 1) for index in (-1, 0, 1)]
    attempts = tuple(replace(world.attempt(run.key), id=one, token=str(one)) for one in ids)
    store.commit(lease, [Change(run.key, attempts=attempts)])
    assert store.attempts(run.key, TaskKey(TaskId("load"), 0)) == [attempts[1]]


def test_a_store_describes_itself_without_secrets(store: Store) -> None:
    facts = store.describe()
    assert {"engine", "version", "location", "schema"} <= set(facts)
    assert facts["engine"] in ("memory", "SQLite", "PostgreSQL")
