"""Whole runs at random, next to a simulator that knows the rules only from semantics §15 and recomputes everything."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_flows.engine.machine import RunMachine
from jupyter_flows.engine.retry import MAX_LOSSES
from jupyter_flows.engine.stimuli import Cleared, Dispatched, RunStarted, Step, Stimulus, StopAttempt, Tick, WakeAt
from jupyter_flows.model.event import TASK_RUN_MOVED
from jupyter_flows.model.flow import Edge, Flow, RetryPolicy, Task, TriggerRule
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.progress import AttemptFinished, AttemptStarted
from jupyter_flows.model.run import (
    Cancelled,
    Died,
    Failed,
    FlowRun,
    Lost,
    Outcome,
    SkipAsked,
    Succeeded,
    TaskKey,
    TaskRun,
    TimedOut,
)
from jupyter_flows.model.state import ALLOWED, TaskState

Oracle = Callable[[str, list[str | None]], str]
T0 = datetime(2024, 1, 1, tzinfo=timezone.utc)
DELAY = timedelta(minutes=3)
OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}
UNDER_WAY = {"queued", "running", "restarting"}
RULES = list(TriggerRule)


class Tape:
    """Choices read off a string of bytes, so that a failing run shrinks; past its end every choice is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self.is_over = not data

    def pick(self, n: int) -> int:
        byte = next(self._data, None)
        self.is_over = byte is None
        return (byte or 0) % n


class Simulator:
    """One run as plain dictionaries, everything recomputed from scratch after every action."""

    def __init__(self, flow: Flow, oracle: Oracle) -> None:
        self.flow, self.oracle = flow, oracle
        self.tasks = {str(t.id): t for t in flow.tasks}
        self.ups = {t: [str(e.upstream) for e in flow.edges if e.downstream == t] for t in self.tasks}
        self.downs = {t: [str(e.downstream) for e in flow.edges if e.upstream == t] for t in self.tasks}
        self.state = dict.fromkeys(self.tasks, "no_status")
        self.tries = dict.fromkeys(self.tasks, 0)
        self.last_try = {t: task.retry.retries + 1 for t, task in self.tasks.items()}
        self.lost = dict.fromkeys(self.tasks, 0)
        self.choice: dict[str, tuple[str, ...]] = {}
        self.due: dict[str, datetime] = {}
        self.run = "queued"

    def below(self, task: str) -> set[str]:
        return set(self.downs[task]).union(*(self.below(d) for d in self.downs[task]))

    def passed_by(self, task: str) -> bool:
        for brancher, chosen in self.choice.items():
            if self.state[brancher] != "success":
                continue
            if self.tasks[brancher].kind == "condition" and not chosen:
                only_direct = self.tasks[brancher].options.get("ignore_downstream_trigger_rules", True) is False
                if task in (self.downs[brancher] if only_direct else self.below(brancher)):
                    return True
            if self.tasks[brancher].kind == "branch" and task in self.downs[brancher]:
                followed = {*chosen, *(t for c in chosen for t in self.below(c))}
                if task not in followed:
                    return True
        return False

    def verdict(self, task: str) -> str:
        ends = [self.state[u] if self.state[u] in OVER else None for u in self.ups[task]]
        return self.oracle(self.tasks[task].trigger_rule.value, ends)

    def settle(self, now: datetime, just_failed: bool = False) -> None:
        if self.run != "running":
            return
        for task in self.tasks:  # edges point forward in this order
            self.settle_one(task, now)
        if just_failed and self.flow.fail_fast:
            for task, state in self.state.items():
                if state not in OVER:
                    self.tries[task] -= state == "scheduled"
                    self.state[task] = "failed" if state in UNDER_WAY else "skipped"
            self.run = "failed"
            return
        unfinished = [t for t in self.tasks if self.state[t] not in OVER]
        if not unfinished:
            leaves = [self.state[t] for t in self.tasks if not self.downs[t]]
            self.run = "failed" if {"failed", "upstream_failed"} & set(leaves) else "success"
        elif not any(self.state[t] in UNDER_WAY | {"scheduled"} or self.verdict(t) != "WAIT" for t in unfinished):
            self.run = "failed"

    def settle_one(self, task: str, now: datetime) -> None:
        state = self.state[task]
        if state not in ("no_status", "up_for_retry", "scheduled"):
            return
        if self.passed_by(task):
            self.tries[task] -= state == "scheduled"
            self.state[task] = "skipped"
        elif state != "scheduled":
            verdict = self.verdict(task)
            if verdict == "SKIP":
                self.state[task] = "skipped"
            elif verdict == "UF":
                self.state[task] = "upstream_failed"
            elif verdict == "RUN" and not (state == "up_for_retry" and self.due[task] > now):
                empty = self.tasks[task].kind == "empty"
                self.tries[task] += not empty
                self.state[task] = "success" if empty else "scheduled"

    def finish(self, task: str, outcome: Outcome, now: datetime) -> None:
        if self.state[task] == "restarting":
            self.state[task] = "no_status"
            self.lost[task] = 0
            self.choice.pop(task, None)
            self.settle(now)
            return
        if isinstance(outcome, Succeeded) and self.tasks[task].kind == "branch":
            right = outcome.branch is not None and all(c in self.downs[task] for c in outcome.branch)
            outcome = outcome if right else Failed("a wrong choice")
        failing = isinstance(outcome, (Failed, Died, TimedOut)) and not getattr(outcome, "final", False)
        if isinstance(outcome, Lost):
            self.lost[task] += 1
            again = self.tasks[task].idempotent and self.lost[task] < MAX_LOSSES
            self.state[task] = "no_status" if again else "failed"
            self.last_try[task] += again
        else:
            self.lost[task] = 0
            if isinstance(outcome, Succeeded):
                self.state[task] = "success"
                if outcome.branch is not None:
                    self.choice[task] = outcome.branch
            elif isinstance(outcome, SkipAsked):
                self.state[task] = "skipped"
            elif failing and self.tries[task] < self.last_try[task]:
                self.state[task] = "up_for_retry"
                self.due[task] = now + DELAY
            else:
                self.state[task] = "failed"
        self.settle(now, just_failed=self.state[task] == "failed")

    def clear(self, tasks: list[str], now: datetime) -> None:
        for task in tasks:
            self.tries[task] -= self.state[task] == "scheduled"
            self.last_try[task] = self.tries[task] + self.tasks[task].retry.retries + 1
            if self.state[task] in UNDER_WAY:
                self.state[task] = "restarting"
            elif self.state[task] != "no_status":
                self.state[task] = "no_status"
                self.choice.pop(task, None)
                self.lost[task] = 0
        if tasks and self.run in ("success", "failed"):
            self.run = "queued"
        self.settle(now)


class Pair:
    """The machine and the simulator, told the same and compared after everything."""

    def __init__(self, flow: Flow, oracle: Oracle) -> None:
        self.flow = flow
        self.simulator = Simulator(flow, oracle)
        interval = DataInterval(T0 - timedelta(days=1), T0)
        run = FlowRun(flow.id, RunId("r"), RunType.MANUAL, interval, "v")
        self.machine = RunMachine(flow, run)
        self.now = T0
        self.stored: dict[TaskKey, TaskRun] = {}
        self.seen = dict.fromkeys(self.simulator.tasks, "no_status")
        self.attempts = dict.fromkeys(self.simulator.tasks, 0)

    def tell(self, stimulus: Stimulus) -> Step:
        step = self.machine.handle(stimulus, self.now)
        for event in step.events:
            if event.kind == TASK_RUN_MOVED:
                task, state = event.data["task_id"], event.data["state"]
                assert TaskState(state) in ALLOWED[TaskState(self.seen[task])]
                self.seen[task] = state
        self.stored.update({row.key: row for row in step.task_runs})
        return step

    def compare(self) -> None:
        expected = self.simulator
        rows = {str(row.task_id): row for row in self.machine.task_runs}
        assert {t: row.state.value for t, row in rows.items()} == expected.state
        assert {t: row.try_number for t, row in rows.items()} == expected.tries
        assert {t: row.max_tries for t, row in rows.items()} == expected.last_try
        assert self.seen == expected.state
        assert self.machine.run.state.value == expected.run
        assert set(self.machine.ready) == {key(t) for t, s in expected.state.items() if s == "scheduled"}

    def attempt(self, task: str) -> AttemptId:
        return AttemptId(self.flow.id, RunId("r"), TaskId(task), -1, self.simulator.tries[task])

    def in_state(self, *states: str) -> list[str]:
        return [t for t, s in self.simulator.state.items() if s in states]

    def start(self) -> None:
        if self.simulator.run == "queued":
            self.tell(RunStarted())
            self.simulator.run = "running"
            self.simulator.settle(self.now)
            self.compare()

    def dispatch(self, tasks: list[str]) -> None:
        self.tell(Dispatched(tuple(map(key, tasks))))
        for task in tasks:
            self.simulator.state[task] = "queued"
            self.attempts[task] += 1
            assert self.simulator.tries[task] == self.attempts[task], "attempts are numbered without gaps"
        self.compare()

    def begin(self, task: str) -> None:
        self.tell(AttemptStarted(self.attempt(task), "token", self.now))
        if self.simulator.state[task] == "queued":
            self.simulator.state[task] = "running"
        self.compare()

    def finish(self, task: str, outcome: Outcome) -> None:
        step = self.tell(AttemptFinished(self.attempt(task), "token", outcome, self.now))
        self.simulator.finish(task, outcome, self.now)
        if self.simulator.state[task] == "up_for_retry":
            assert WakeAt(self.now + DELAY) in step.commands
        self.compare()

    def report_late(self, task: str, behind: int) -> None:
        """A report of an older attempt, or of one whose task is not under way (any more)."""
        if behind == 0 and self.simulator.state[task] in UNDER_WAY:
            return
        stale = self.attempt(task)._replace(try_number=self.simulator.tries[task] - behind)
        for report in (AttemptStarted(stale, "old", self.now), AttemptFinished(stale, "old", Succeeded(), self.now)):
            assert self.tell(report).is_empty
        self.compare()

    def wait(self, duration: timedelta) -> None:
        self.now += duration
        self.tell(Tick())
        self.simulator.settle(self.now)
        self.compare()

    def clear(self, tasks: list[str]) -> None:
        under_way = [self.attempt(t) for t in tasks if self.simulator.state[t] in ("queued", "running")]
        step = self.tell(Cleared(tuple(map(key, tasks))))
        self.simulator.clear(tasks, self.now)
        assert [c for c in step.commands if isinstance(c, StopAttempt)] == [StopAttempt(a) for a in under_way]
        self.compare()

    def crash(self) -> None:
        """Another machine goes on from what was stored."""
        self.machine = RunMachine(self.flow, replace(self.machine.run), self.stored.values())
        self.compare()


def key(task: str) -> TaskKey:
    return TaskKey(TaskId(task))


def draw_flow(tape: Tape) -> Flow:
    n = 1 + tape.pick(12)
    names = [f"t{i}" for i in range(n)]
    fast = tape.pick(8) == 7
    tasks = [draw_task(tape, name) for name in names]
    edges = [Edge(TaskId(a), TaskId(b)) for j, b in enumerate(names) for a in names[:j] if tape.pick(10) < 3]
    return Flow(FlowId("f"), tasks=tuple(tasks), edges=tuple(edges), fail_fast=fast)


def draw_task(tape: Tape, name: str) -> Task:
    plain = tape.pick(2) == 0
    return Task(
        TaskId(name),
        kind=["cell", "cell", "cell", "empty", "branch", "branch", "condition"][tape.pick(7)],
        trigger_rule=TriggerRule.ALL_SUCCESS if plain else RULES[tape.pick(len(RULES))],
        retry=RetryPolicy(retries=[0, 0, 1, 2][tape.pick(4)], delay=DELAY),
        idempotent=tape.pick(6) != 5,
        options={"ignore_downstream_trigger_rules": False} if tape.pick(4) == 3 else {},
    )


def draw_outcome(tape: Tape, pair: Pair, task: str) -> Outcome:
    match tape.pick(12):
        case 0 | 1 | 2 | 3 | 4:
            return good(tape, pair, task)
        case 5 | 6:
            return Failed("boom")
        case 7:
            return Failed("no use", final=True)
        case 8:
            return SkipAsked("nothing new")
        case 9:
            return Died("the kernel died") if tape.pick(2) else TimedOut(timedelta(minutes=1))
        case 10:
            return Cancelled()
    return Lost("the host went away")


def good(tape: Tape, pair: Pair, task: str) -> Succeeded:
    downs = pair.simulator.downs[task]
    match pair.simulator.tasks[task].kind:
        case "branch":
            chosen = tuple(d for d in downs if tape.pick(2) == 0)
            return Succeeded(branch=(*chosen, "nowhere") if tape.pick(12) == 11 else chosen)
        case "condition":
            return Succeeded(branch=() if tape.pick(2) else None)
    return Succeeded()


def act(tape: Tape, pair: Pair) -> None:
    """One thing that may happen to a run."""
    tasks = list(pair.simulator.tasks)
    scheduled, queued = pair.in_state("scheduled"), pair.in_state("queued")
    under_way = pair.in_state(*UNDER_WAY)
    match tape.pick(16):
        case 0 | 1 | 2 if scheduled:
            pair.dispatch([t for t in scheduled if tape.pick(3) < 2])
        case 3 | 4 if queued:
            pair.begin(queued[tape.pick(len(queued))])
        case 5 | 6 | 7 | 8 | 9 if under_way:
            task = under_way[tape.pick(len(under_way))]
            pair.finish(task, draw_outcome(tape, pair, task))
        case 10:
            pair.wait(timedelta(minutes=tape.pick(4)))
        case 11:
            pair.clear([t for t in tasks if tape.pick(4) == 3])
        case 12:
            pair.clear([tasks[tape.pick(len(tasks))]])
        case 13:
            pair.crash()
        case 14:
            pair.report_late(tasks[tape.pick(len(tasks))], tape.pick(3))
        case _:
            pair.start()


def finish_all(tape: Tape, pair: Pair) -> None:
    """Let everything that is left come to its end."""
    for _ in range(200):
        pair.start()
        if pair.machine.is_finished:
            return
        if scheduled := pair.in_state("scheduled"):
            pair.dispatch(scheduled)
        for task in pair.in_state("queued", "running", "restarting"):
            if not pair.machine.is_finished and pair.simulator.state[task] in UNDER_WAY:
                pair.finish(task, good(tape, pair, task))
        if pair.in_state("up_for_retry"):
            pair.wait(DELAY)
    raise AssertionError(f"the run does not end: {pair.simulator.state}")


def live(data: bytes, oracle: Oracle) -> Pair:
    tape = Tape(data)
    pair = Pair(draw_flow(tape), oracle)
    while not tape.is_over:
        act(tape, pair)
    finish_all(tape, pair)
    return pair


@settings(max_examples=2000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=80) | st.binary(min_size=200, max_size=800))
def test_any_run_goes_as_the_simulator_says(data: bytes, oracle: Oracle) -> None:
    live(data, oracle)


@pytest.mark.parametrize("seed", range(300))
def test_long_random_runs_go_as_the_simulator_says(seed: int, oracle: Oracle) -> None:
    live(random.Random(seed).randbytes(600), oracle)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_great_many_random_runs_go_as_the_simulator_says(oracle: Oracle) -> None:
    for seed in range(1000, 51_000):
        live(random.Random(seed).randbytes(600), oracle)


def test_the_random_runs_meet_every_state_and_both_ends(oracle: Oracle) -> None:
    pairs = [live(random.Random(seed).randbytes(400), oracle) for seed in range(60)]
    assert {row.state.value for p in pairs for row in p.machine.task_runs} >= OVER - {"removed"}
    assert {p.machine.run.state.value for p in pairs} == {"success", "failed"}
    assert any(p.machine.run.clear_number for p in pairs)
    assert any(number > 2 for p in pairs for number in p.attempts.values())
