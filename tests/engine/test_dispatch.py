"""Who starts now: tables of candidates, limits and what comes of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_flows.engine.dispatch import (
    Candidate,
    FlowGate,
    Limits,
    Occupancy,
    Selection,
    WeightRule,
    candidate,
    select,
    startable_runs,
    weights,
)
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId, RunId, TaskId
from jupyter_flows.model.run import Backfill, FlowRun, RunKey, TaskKey

NOW = datetime(2024, 1, 10, tzinfo=timezone.utc)
DAY = timedelta(days=1)
F = FlowId("f")


def one(name: str, run: str = "r", day: int = 0, **changes: Any) -> Candidate:
    return Candidate(RunKey(F, RunId(run)), TaskKey(TaskId(name)), NOW + day * DAY, **changes)


def started(selection: Selection) -> list[str]:
    return [c.task.task_id for c in selection.start]


def why(selection: Selection) -> dict[str, str]:
    return {key.task.task_id: reason for key, reason in selection.waiting.items()}


# order


@pytest.mark.parametrize(
    ("candidates", "order"),
    [
        ([one("a", weight=1), one("b", weight=5)], ["b", "a"]),
        ([one("a", day=1), one("b", day=0)], ["b", "a"]),
        ([one("a", day=0, weight=1), one("b", day=1, weight=2)], ["b", "a"]),
        ([one("a", is_backfill=True, weight=99), one("b")], ["b", "a"]),
        ([one("b"), one("a"), one("c")], ["b", "a", "c"]),
    ],
)
def test_candidates_start_in_their_order(candidates: list[Candidate], order: list[str]) -> None:
    assert started(select(candidates, Occupancy(), Limits())) == order
    best = select(candidates, Occupancy(total=31), Limits())
    assert started(best) == order[:1]
    assert set(why(best).values()) == {"all 32 slots are in use"}


def test_map_indexes_start_in_order() -> None:
    mapped = [Candidate(RunKey(F, RunId("r")), TaskKey(TaskId("a"), i), NOW) for i in (2, 0, 1)]
    assert [c.task.map_index for c in select(mapped, Occupancy(), Limits()).start] == [0, 1, 2]


# limits


def test_no_more_start_than_there_are_slots() -> None:
    chosen = select([one(f"t{i}") for i in range(9)], Occupancy(total=1), Limits(parallelism=4))
    assert started(chosen) == ["t0", "t1", "t2"]
    assert len(chosen.waiting) == 6


@pytest.mark.parametrize("total", [4, 5])
def test_nothing_starts_when_all_slots_are_in_use(total: int) -> None:
    chosen = select([one("a")], Occupancy(total=total), Limits(parallelism=4))
    assert (started(chosen), why(chosen)) == ([], {"a": "all 4 slots are in use"})


def test_a_run_has_no_more_active_tasks_than_its_flow_allows_and_holds_up_no_other() -> None:
    full = [one(f"a{i}", "full", max_active_tasks=2, weight=9) for i in range(3)]
    chosen = select([*full, one("b", "other")], Occupancy(by_run={RunKey(F, RunId("full")): 1}, total=1), Limits())
    assert started(chosen) == ["a0", "b"]
    assert why(chosen)["a1"] == "its run already has 2 active tasks (max_active_tasks 2)"


def test_a_smaller_task_passes_a_bigger_one_that_does_not_fit_its_pool() -> None:
    big, small = one("big", pool="gpu", pool_slots=2, weight=9), one("small", pool="gpu")
    chosen = select([big, small, one("free")], Occupancy(by_pool={"gpu": 1}, total=1), Limits(pools={"gpu": 2}))
    assert started(chosen) == ["small", "free"]
    assert why(chosen) == {"big": "pool 'gpu' is full: 1 of 2 slots in use, it needs 2"}


@pytest.mark.parametrize(
    ("changes", "pools", "reason"),
    [
        ({"pool": "gpu"}, {}, "there is no pool 'gpu'"),
        ({"pool": "gpu", "pool_slots": 3}, {"gpu": 2}, "it can never start"),
        ({"pool": "gpu"}, {"gpu": 0}, "it can never start"),
        ({"pool_slots": 129}, {}, "it can never start"),
        ({}, {"default_pool": 0}, "it can never start"),
    ],
)
def test_a_task_its_pool_cannot_hold_says_so(changes: dict[str, Any], pools: dict[str, int], reason: str) -> None:
    chosen = select([one("a", **changes)], Occupancy(), Limits(pools=pools))
    assert reason in why(chosen)["a"]


def test_a_pool_without_limit_is_never_full() -> None:
    chosen = select(
        [one("a", pool="wide", pool_slots=500)], Occupancy(by_pool={"wide": 999}), Limits(pools={"wide": -1})
    )
    assert started(chosen) == ["a"]


def test_the_default_pool_has_128_slots() -> None:
    many = [one(f"t{i}", max_active_tasks=999) for i in range(200)]
    assert len(select(many, Occupancy(), Limits(parallelism=999)).start) == 128


def test_occupancy_counts_slots_by_run_and_pool() -> None:
    held = Occupancy.of([one("a", pool_slots=3), one("b", "s"), one("c", "s", pool="gpu")])
    assert held.total == 3
    assert dict(held.by_run) == {RunKey(F, RunId("r")): 1, RunKey(F, RunId("s")): 2}
    assert dict(held.by_pool) == {"default_pool": 4, "gpu": 1}


@given(seed=st.integers(0, 10_000))
def test_a_selection_keeps_all_limits_and_leaves_no_one_waiting_who_would_fit(seed: int) -> None:
    rng = random.Random(seed)
    pools = {"p": rng.randrange(5), "q": rng.randrange(5), "w": -1}
    limits = Limits(parallelism=rng.randrange(1, 12), pools=pools)
    everyone = [
        one(
            f"t{i}",
            f"r{rng.randrange(4)}",
            rng.randrange(3),
            weight=rng.randrange(3),
            pool=rng.choice(["p", "q", "w", "default_pool", "none"]),
            pool_slots=rng.randrange(1, 4),
            max_active_tasks=3,
        )
        for i in range(30)
    ]
    chosen = select(everyone, Occupancy(), limits)
    held = Occupancy.of(chosen.start)
    assert held.total <= limits.parallelism
    assert all(number <= 3 for number in held.by_run.values())
    assert all(held.by_pool.get(p, 0) <= size for p, size in pools.items() if size != -1)
    assert Counter([*(c.key for c in chosen.start), *chosen.waiting]) == Counter(c.key for c in everyone)
    for other in everyone:
        if other.key in chosen.waiting and held.total < limits.parallelism:
            fits = other.pool in ("w", "default_pool") or other.pool_slots <= pools.get(
                other.pool, 0
            ) - held.by_pool.get(other.pool, 0)
            assert not (fits and held.by_run.get(other.run, 0) < 3)


def test_a_candidate_takes_its_facts_from_flow_and_run(
    make_flow: Callable[..., Flow], make_run: Callable[..., FlowRun]
) -> None:
    flow = make_flow("a", {"a": {"pool": "gpu", "pool_slots": 2}}, max_active_tasks=3)
    run = make_run(backfill_id=7, logical_date=NOW)
    made = candidate(flow, run, TaskKey(TaskId("a")), 5)
    assert made == Candidate(run.key, TaskKey(TaskId("a")), NOW, 5, True, "gpu", 2, 3)


# weights


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (WeightRule.DOWNSTREAM, {"a": 20, "b": 14, "c": 15, "d": 10, "e": 100}),
        (WeightRule.UPSTREAM, {"a": 1, "b": 5, "c": 6, "d": 20, "e": 100}),
        (WeightRule.ABSOLUTE, {"a": 1, "b": 4, "c": 5, "d": 10, "e": 100}),
    ],
)
def test_weights_add_each_task_below_once(
    make_flow: Callable[..., Flow], rule: WeightRule, expected: dict[str, int]
) -> None:
    own = {"a": 1, "b": 4, "c": 5, "d": 10, "e": 100}
    flow = make_flow("a >> b, c >> d ; e", {n: {"priority": p} for n, p in own.items()})
    assert dict(weights(flow, rule)) == expected


def test_weights_are_the_sums_over_all_that_is_reachable(make_flow: Callable[..., Flow]) -> None:
    rng = random.Random(3)
    names = [f"t{i}" for i in range(40)]
    chains = [f"{names[i]} >> {names[j]}" for j in range(40) for i in range(j) if rng.random() < 0.1]
    flow = make_flow(";".join([*names, *chains]), {n: {"priority": rng.randrange(-2, 4)} for n in names})
    own = {t.id: t.priority for t in flow.tasks}
    assert dict(weights(flow)) == {
        t: own[t] + sum(own[d] for d in flow.graph.descendants([t])) for t in flow.graph.tasks
    }


# runs


def runs(make_run: Callable[..., FlowRun], *days: int, flow: str = "f", **changes: Any) -> list[FlowRun]:
    return [
        make_run(flow_id=FlowId(flow), run_id=RunId(f"{flow}{d}"), logical_date=NOW + d * DAY, run_after=NOW, **changes)
        for d in days
    ]


def backfill(**changes: Any) -> dict[int, Backfill]:
    return {7: Backfill(7, F, NOW - 9 * DAY, NOW, **changes)}


GATES = {F: FlowGate(max_active_runs=2), FlowId("g"): FlowGate(max_active_runs=1)}


def ids(keys: tuple[RunKey, ...]) -> list[str]:
    return [key.run_id for key in keys]


def test_runs_start_oldest_first_up_to_the_limit_of_their_flow(make_run: Callable[..., FlowRun]) -> None:
    queued = [*runs(make_run, 3, 1, 2), *runs(make_run, 9, flow="g")]
    assert ids(startable_runs(queued, [], GATES, {}, NOW)) == ["f1", "f2", "g9"]
    assert ids(startable_runs(queued, runs(make_run, 0), GATES, {}, NOW)) == ["f1", "g9"]


def test_a_run_does_not_start_before_its_time_and_holds_up_no_later_one(make_run: Callable[..., FlowRun]) -> None:
    early = make_run(run_id=RunId("early"), logical_date=NOW - DAY, run_after=NOW + timedelta(seconds=1))
    assert ids(startable_runs([early, *runs(make_run, 1)], [], GATES, {}, NOW)) == ["f1"]
    assert ids(startable_runs([early], [], GATES, {}, NOW + timedelta(seconds=1))) == ["early"]


def test_runs_of_a_paused_or_unknown_flow_do_not_start(make_run: Callable[..., FlowRun]) -> None:
    paused = {F: FlowGate(paused=True)}
    assert startable_runs(runs(make_run, 1), [], paused, {}, NOW) == ()
    assert startable_runs(runs(make_run, 1, flow="gone"), [], GATES, {}, NOW) == ()
    assert startable_runs(runs(make_run, 1, backfill_id=7, ordinal=1), [], paused, backfill(), NOW) == ()


def test_backfill_runs_start_by_ordinal_after_all_others_and_count_for_themselves(
    make_run: Callable[..., FlowRun],
) -> None:
    past = [run for n, d in enumerate((-1, -2, -3), 1) for run in runs(make_run, d, backfill_id=7, ordinal=n)]
    started = startable_runs([*reversed(past), *runs(make_run, 1, 2, 3)], [], GATES, backfill(parallel=2), NOW)
    assert ids(started) == ["f1", "f2", "f-1", "f-2"]
    assert ids(startable_runs(past[1:], past[:1], GATES, backfill(parallel=2), NOW)) == ["f-2"]


def test_a_paused_backfill_holds_up_only_its_own_runs(make_run: Callable[..., FlowRun]) -> None:
    queued = [*runs(make_run, -1, backfill_id=7, ordinal=1), *runs(make_run, 1)]
    assert ids(startable_runs(queued, [], GATES, backfill(paused=True), NOW)) == ["f1"]


def test_a_run_of_a_backfill_long_gone_counts_as_any_other(make_run: Callable[..., FlowRun]) -> None:
    old = runs(make_run, -1, -2, -3, backfill_id=3, ordinal=1)
    assert ids(startable_runs(old, [], GATES, backfill(), NOW)) == ["f-3", "f-2"]
