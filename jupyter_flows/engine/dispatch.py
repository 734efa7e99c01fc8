"""Which ready tasks start now, and which queued runs: across runs, within slots, pools and limits (semantics §5–§7)."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId, TaskId
from jupyter_flows.model.run import Backfill, FlowRun, RunKey, TaskKey

DEFAULT_POOL = "default_pool"
DEFAULT_POOL_SLOTS = 128
UNLIMITED = -1
"""As the size of a pool: it is never full."""


class CandidateKey(NamedTuple):
    """Which task of which run."""

    run: RunKey
    task: TaskKey


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scheduled task run that wants to start, with all that admission asks about."""

    run: RunKey
    task: TaskKey
    logical_date: datetime
    weight: int = 1
    is_backfill: bool = False
    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    max_active_tasks: int = 16

    @property
    def key(self) -> CandidateKey:
        """Its identity across runs."""
        return CandidateKey(self.run, self.task)


def candidate(flow: Flow, run: FlowRun, key: TaskKey, weight: int) -> Candidate:
    """The candidate for one task of a run; `weight` is the task's in `weights(flow)`."""
    task = flow.by_id[key.task_id]
    return Candidate(
        run=run.key,
        task=key,
        logical_date=run.logical_date or run.interval.start,
        weight=weight,
        is_backfill=run.backfill_id is not None,
        pool=task.pool,
        pool_slots=task.pool_slots,
        max_active_tasks=flow.max_active_tasks,
    )


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What queued and running tasks hold now: slots of the executor, of each run, of each pool."""

    total: int = 0
    by_run: Mapping[RunKey, int] = field(default_factory=dict)
    by_pool: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, active: Iterable[Candidate]) -> Occupancy:
        """The occupancy of these active tasks."""
        by_run: Counter[RunKey] = Counter()
        by_pool: Counter[str] = Counter()
        total = 0
        for one in active:
            total += 1
            by_run[one.run] += 1
            by_pool[one.pool] += one.pool_slots
        return cls(total, by_run, by_pool)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many attempts may be active at once, and the size of each pool. The default pool is always there."""

    parallelism: int = 32
    pools: Mapping[str, int] = field(default_factory=dict)

    def pool(self, name: str) -> int | None:
        """The size of the pool, None when there is no such pool."""
        return self.pools.get(name, DEFAULT_POOL_SLOTS if name == DEFAULT_POOL else None)


@dataclass(frozen=True, slots=True)
class Selection:
    """Who starts, in order, and why each of the others waits."""

    start: tuple[Candidate, ...] = ()
    waiting: Mapping[CandidateKey, str] = field(default_factory=dict)


def select(candidates: Sequence[Candidate], occupancy: Occupancy, limits: Limits) -> Selection:
    """The candidates that start now, best first, within all limits.

    Backfills after everything else, then by weight (heaviest first), logical date, map index and the given order.
    Who is held up by a pool or a run's limit holds up nobody else.
    """
    by_run, by_pool = Counter(occupancy.by_run), Counter(occupancy.by_pool)
    free = limits.parallelism - occupancy.total
    start: list[Candidate] = []
    waiting: dict[CandidateKey, str] = {}
    queue = [(_rank(one), i) for i, one in enumerate(candidates)] if free > 0 else []
    heapq.heapify(queue)
    while queue and len(start) < free:
        one = candidates[heapq.heappop(queue)[1]]
        if why := _hindrance(one, by_run[one.run], by_pool[one.pool], limits):
            waiting[one.key] = why
            continue
        start.append(one)
        by_run[one.run] += 1
        by_pool[one.pool] += one.pool_slots
    rest = [candidates[i] for _, i in queue] if free > 0 else candidates
    busy = f"all {limits.parallelism} slots are in use"
    return Selection(tuple(start), waiting | dict.fromkeys([one.key for one in rest], busy))


def _rank(one: Candidate) -> tuple[bool, int, datetime, int]:
    return (one.is_backfill, -one.weight, one.logical_date, one.task.map_index)


def _hindrance(one: Candidate, in_run: int, in_pool: int, limits: Limits) -> str:
    """Why it cannot start now, or nothing."""
    if in_run >= one.max_active_tasks:
        return f"its run already has {in_run} active tasks (max_active_tasks {one.max_active_tasks})"
    size = limits.pool(one.pool)
    if size is None:
        return f"there is no pool '{one.pool}'"
    if size == UNLIMITED:
        return ""
    if one.pool_slots > size:
        return f"it needs {one.pool_slots} slots of pool '{one.pool}', which has only {size}: it can never start"
    if one.pool_slots > size - in_pool:
        return f"pool '{one.pool}' is full: {in_pool} of {size} slots in use, it needs {one.pool_slots}"
    return ""


class WeightRule(str, Enum):
    """What a task's weight adds to its own priority."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


def weights(flow: Flow, rule: WeightRule = WeightRule.DOWNSTREAM) -> Mapping[TaskId, int]:
    """The weight of every task: its priority plus, by `rule`, those of all tasks below (or above) it, each once.

    Worth keeping per flow version: the cost grows with the square of the flow, over the bits of a word.
    """
    own = {task.id: task.priority for task in flow.tasks}
    if rule is WeightRule.ABSOLUTE:
        return own
    graph = flow.graph
    below = rule is WeightRule.DOWNSTREAM
    step = graph.downstream if below else graph.upstream
    levels = {p: sum(1 << graph.position[t] for t in own if own[t] == p) for p in set(own.values())}
    reach: dict[TaskId, int] = {}
    for task in reversed(graph.order) if below else graph.order:
        reach[task] = 0
        for other in step(task):
            reach[task] |= reach[other] | 1 << graph.position[other]
    return {t: p + sum(q * (reach.get(t, 0) & bits).bit_count() for q, bits in levels.items()) for t, p in own.items()}


@dataclass(frozen=True, slots=True)
class FlowGate:
    """What decides whether more runs of a flow may start."""

    max_active_runs: int = 16
    paused: bool = False


def startable_runs(
    queued: Iterable[FlowRun],
    running: Iterable[FlowRun],
    flows: Mapping[FlowId, FlowGate],
    backfills: Mapping[int, Backfill],
    now: datetime,
) -> tuple[RunKey, ...]:
    """The queued runs that may start now: others by logical date first, then backfills' by ordinal.

    A backfill's runs count against its `parallel` only, all others against their flow's `max_active_runs`. A run whose
    backfill is not in `backfills` (it was cleared long after) counts as any other.
    """
    active = Counter(_lane(run, backfills) for run in running)
    start: list[RunKey] = []
    for run in sorted(queued, key=lambda run: _run_rank(run, backfills)):
        lane = _lane(run, backfills)
        if _is_open(run, flows, backfills, now) and active[lane] < _width(run, flows, backfills):
            active[lane] += 1
            start.append(run.key)
    return tuple(start)


def _lane(run: FlowRun, backfills: Mapping[int, Backfill]) -> tuple[FlowId, int | None]:
    return run.flow_id, run.backfill_id if run.backfill_id in backfills else None


def _run_rank(run: FlowRun, backfills: Mapping[int, Backfill]) -> tuple[bool, int, datetime, str]:
    in_backfill = run.backfill_id in backfills
    date = run.logical_date or run.interval.start
    return in_backfill, (run.ordinal or 0) if in_backfill else 0, date, run.run_id


def _is_open(run: FlowRun, flows: Mapping[FlowId, FlowGate], backfills: Mapping[int, Backfill], now: datetime) -> bool:
    gate = flows.get(run.flow_id)
    backfill = backfills.get(run.backfill_id) if run.backfill_id is not None else None
    is_due = run.run_after is None or run.run_after <= now
    return is_due and gate is not None and not gate.paused and not (backfill is not None and backfill.paused)


def _width(run: FlowRun, flows: Mapping[FlowId, FlowGate], backfills: Mapping[int, Backfill]) -> int:
    if run.backfill_id is not None and run.backfill_id in backfills:
        return backfills[run.backfill_id].parallel
    return flows[run.flow_id].max_active_runs
