"""Schedules that fire, schedulers that share a store, and whatever may go wrong within a turn."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import Mock

import pytest

from jupyter_flows.engine.machine import RunMachine
from jupyter_flows.engine.stimuli import Tick
from jupyter_flows.errors import ExecutionError, StoreError
from jupyter_flows.model.event import RUN_MOVED, SLOTS_MISSED
from jupyter_flows.model.ids import RunType
from jupyter_flows.model.progress import AttemptStarted
from jupyter_flows.model.run import Failed, Succeeded
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.identity import this_process
from jupyter_flows.runtime.scheduler import SchedulerState
from jupyter_flows.runtime.testing import NOON, FakeClock, ScriptedExecutor, make_flow

HOUR = timedelta(hours=1)
START = datetime(2024, 1, 10, 10, tzinfo=timezone.utc)  # two hours before NOON


def hourly(wiring: str = "a", **fields: Any) -> Any:
    return make_flow(wiring, schedule="@hourly", start=START, **fields)


def scheduled(world: Any) -> list[str]:
    return [r.run_id for r in world.runs() if r.run_type is RunType.SCHEDULED]


# ── schedules ────────────────────────────────────────────────────────────────────────────


def test_catchup_runs_every_interval_since_the_start(world: Any) -> None:
    world.deploy(hourly(catchup=True))
    world.go(schedules=True)
    world.until(lambda: len(scheduled(world)) == 2)
    world.clock.advance(2 * HOUR)
    world.until(lambda: len(scheduled(world)) == 4)
    assert scheduled(world)[0] == "scheduled__2024-01-10T10:00:00+00:00"
    assert world.events(SLOTS_MISSED) == []
    world.until(lambda: all(r.state is RunState.SUCCESS for r in world.runs()))


def test_without_catchup_only_the_latest_interval_runs_and_what_was_missed_is_told(world: Any) -> None:
    world.deploy(hourly())
    world.go(schedules=True)
    world.until(lambda: scheduled(world) == ["scheduled__2024-01-10T11:00:00+00:00"])
    world.flows.host.stop()
    world.clock.advance(5 * HOUR)
    world.go(schedules=True)
    world.until(lambda: len(scheduled(world)) == 2)
    assert scheduled(world)[1] == "scheduled__2024-01-10T16:00:00+00:00"
    world.until(lambda: world.events(SLOTS_MISSED))
    (missed,) = world.events(SLOTS_MISSED)
    assert missed.data["count"] == 4
    assert missed.data["first"] == "2024-01-10T12:00:00+00:00"
    assert missed.data["last"] == "2024-01-10T15:00:00+00:00"


def test_a_scheduler_that_only_serves_a_command_fires_nothing(world: Any) -> None:
    world.deploy(hourly(catchup=True))
    other = world.deploy(make_flow("a", name="other", schedule="@daily"))
    world.go()
    world.finish(world.flows.trigger(other).key)
    assert scheduled(world) == []


def test_max_active_runs_holds_the_schedule_back_without_spinning(world: Any) -> None:
    executor = world.hang("a")
    world.deploy(hourly(catchup=True, max_active_runs=1))
    looked = []
    last_interval = world.store.last_interval
    world.store.last_interval = lambda flow_id: looked.append(flow_id) or last_interval(flow_id)
    world.go(schedules=True)
    world.until(executor.running)
    rounds = count_turns(world)
    world.until(lambda: rounds() >= 5)
    assert len(scheduled(world)) == 1
    assert len(looked) <= 3, "asked again and again though nothing had ended"
    executor.finish(executor.running()[0], Succeeded())
    world.until(lambda: len(scheduled(world)) == 2)
    world.until(executor.running)
    assert executor.max_running == 1


def count_turns(world: Any) -> Any:
    """How many times the scheduler has looked for news."""
    turns = []
    stamp = world.store.stamp
    world.store.stamp = lambda: turns.append(1) or stamp()
    return lambda: len(turns)


def test_a_slot_a_manual_run_took_is_neither_run_again_nor_counted_as_missed(world: Any) -> None:
    flow = world.deploy(hourly(catchup=True))
    world.flows.trigger(flow, at="2024-01-10T10:00+00:00")
    world.go(schedules=True)
    world.until(lambda: len(world.runs()) == 2)
    assert [r.run_type for r in world.runs()] == [RunType.MANUAL, RunType.SCHEDULED]
    assert world.events(SLOTS_MISSED) == []


def test_a_flow_registered_while_the_scheduler_runs_is_taken_up(world: Any) -> None:
    world.go(schedules=True)
    world.until(lambda: world.leads(world.flows))
    world.deploy(hourly())
    world.until(lambda: scheduled(world))


def test_continuous_goes_on_and_on_one_run_at_a_time(world: Any) -> None:
    executor = world.hang("a")
    world.deploy(make_flow("a", schedule="@continuous", start=START))
    world.go(schedules=True)
    for number in range(1, 4):
        world.until(executor.running)
        assert len(world.runs()) == number
        world.clock.advance(timedelta(seconds=1))
        executor.finish(executor.running()[0], Succeeded())
        world.until(lambda n=number: len(world.runs()) == n + 1)
    assert executor.max_running == 1


def test_a_paused_flow_starts_no_scheduled_runs_but_runs_what_people_ask_for(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(hourly(catchup=True, max_active_runs=1))
    world.go(schedules=True)
    world.until(executor.running)
    world.flows.set_paused(flow, True)
    world.clock.advance(3 * HOUR)
    executor.finish(executor.running()[0], Succeeded())
    asked = world.flows.trigger(flow, at="2024-01-10T05:00+00:00").key
    world.until(lambda: executor.running() and executor.running()[0].run_id == asked.run_id)
    executor.finish(executor.running()[0], Succeeded())
    world.finish(asked)
    assert len([r for r in world.runs() if r.state is RunState.SUCCESS]) == 2
    done = next(r for r in world.runs() if r.run_type is RunType.SCHEDULED and r.state is RunState.SUCCESS)
    world.flows.clear(done.key)
    world.until(lambda: executor.running() and executor.running()[0].run_id == done.run_id)
    executor.finish(executor.running()[0], Succeeded())
    world.flows.set_paused(flow, False)
    world.until(lambda: executor.running() and executor.running()[0].run_id not in (done.run_id, asked.run_id))


def test_a_schedule_that_breaks_stops_no_other(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_flows.runtime import schedules

    due_runs = schedules.due_runs

    def break_one(flow: Any, *rest: Any, **words: Any) -> Any:
        if flow.id == "broken":
            raise RuntimeError("no such hour")
        return due_runs(flow, *rest, **words)

    monkeypatch.setattr(schedules, "due_runs", break_one)
    world.deploy(replace(hourly(), id="broken"))
    world.deploy(hourly())
    world.go(schedules=True)
    world.until(lambda: scheduled(world))
    assert world.flows.host.trouble == ""


def test_a_stored_schedule_that_nobody_understands_stops_no_other(world: Any) -> None:
    world.deploy(make_flow("a", name="broken", schedule="every full moon"))
    world.deploy(hourly())
    world.go(schedules=True)
    world.until(lambda: scheduled(world))


# ── who leads ────────────────────────────────────────────────────────────────────────────


def test_of_two_schedulers_one_leads_and_the_other_takes_over_when_it_leaves(world: Any) -> None:
    second, executor = world.process()
    world.go(schedules=True)
    world.until(lambda: world.leads(world.flows))
    second.host.ensure()
    world.until(lambda: second.host.status().here is SchedulerState.STANDING_BY)
    flow = world.deploy(make_flow("a"))
    world.finish(second.trigger(flow).key)
    assert executor.jobs == []
    world.flows.host.stop()
    world.clock.advance(HOUR)
    world.finish(second.trigger(flow).key)
    assert len(executor.jobs) == 1


def test_one_that_only_carries_out_runs_gives_up_the_lease_when_there_are_none(world: Any) -> None:
    world.go()
    flow = world.deploy(make_flow("a"))
    world.finish(world.flows.trigger(flow).key)
    assert world.leads(world.flows)
    world.until(lambda: world.clock.advance(timedelta(seconds=0.5)) or world.store.lease() is None)
    world.finish(world.flows.trigger(flow).key)
    assert len(world.executor.jobs) == 2


def test_one_that_only_carries_out_runs_hands_over_to_one_that_fires_schedules(world: Any) -> None:
    hanging = world.hang("a")
    daemon, executor = world.process()
    world.go()
    flow = world.deploy(make_flow("a >> b"))
    key = world.flows.trigger(flow).key
    world.until(hanging.running)
    daemon.host.ensure(fire_schedules=True)
    world.until(lambda: world.leads(daemon))
    hanging.finish(hanging.running()[0], Succeeded())
    assert world.finish(key).state is RunState.SUCCESS
    assert [job.attempt.task_id for job in executor.jobs] == ["a", "b"]
    assert world.tries(key, "a") == ["Lost", "Succeeded"]


def test_a_leader_that_shows_no_life_is_replaced_after_the_time_to_live_and_not_before(world: Any) -> None:
    elsewhere = replace(this_process("elsewhere"), host="another-host")
    world.store.acquire_lease(elsewhere)
    ours = FakeClock()
    flows, _ = world.process(monotonic=ours.monotonic, ttl=10)
    rounds = count_leases(world)
    flows.host.ensure(fire_schedules=True)
    world.until(lambda: rounds() >= 3)
    ours.advance(timedelta(seconds=9))
    seen = rounds()
    world.until(lambda: rounds() >= seen + 3)
    assert world.store.lease().owner == elsewhere
    ours.advance(timedelta(seconds=2))
    world.until(lambda: world.leads(flows))


def count_leases(world: Any) -> Any:
    looks = []
    lease = world.store.lease
    world.store.lease = lambda: looks.append(1) or lease()
    return lambda: len(looks)


def test_a_leader_whose_process_is_gone_is_replaced_at_once(world: Any) -> None:
    world.store.acquire_lease(replace(this_process("dead"), pid=2**22 - 1))
    world.go(schedules=True)
    world.until(lambda: world.leads(world.flows))


def test_a_leader_that_lost_the_lease_steps_down_and_comes_back(world: Any) -> None:
    executor = world.hang("a")
    scheduler = world.go()
    flow = world.deploy(make_flow("a >> b"))
    key = world.flows.trigger(flow).key
    world.until(executor.running)
    ours = world.store.lease()
    other = world.store.acquire_lease(this_process("usurper"), after=ours)
    assert other is not None
    world.clock.advance(timedelta(seconds=5))  # more than a third of its life: time to renew
    world.until(lambda: scheduler.state is SchedulerState.STANDING_BY)
    executor.finish(executor.running()[0], Succeeded())
    assert world.states(key)["a"] == "running", "it wrote though it had lost the lease"
    world.store.release_lease(other)
    assert world.finish(key).state is RunState.SUCCESS


def test_a_stopped_scheduler_can_start_again_and_reads_everything_anew(world: Any) -> None:
    scheduler = world.go()
    flow = world.deploy(make_flow("a"))
    world.finish(world.flows.trigger(flow).key)
    scheduler.stop()
    assert scheduler.state is SchedulerState.STOPPED
    assert world.store.lease() is None
    world.clock.advance(HOUR)
    key = world.flows.trigger(flow).key
    scheduler.start()
    assert world.finish(key).state is RunState.SUCCESS


# ── troubles ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["commit", "events", "intents", "runs", "task_runs", "flow_version"])
def test_a_database_that_fails_for_a_while_loses_nothing(world: Any, method: str) -> None:
    flow = world.deploy(make_flow("a >> b >> c", schedule="@daily", max_active_runs=16))
    asked = world.flows.backfill(flow, "2024-01-01", "2024-01-05")
    world.store.broken.add(method)
    world.go()
    world.until(lambda: world.store.failures >= 2)
    world.store.broken.clear()
    world.until(lambda: world.flows.is_backfill_over(asked.backfill.id))
    assert [r.state for r in world.runs()] == [RunState.SUCCESS] * 5
    assert all(world.tries(r.key, t) == ["Succeeded"] for r in world.runs() for t in "abc")
    assert world.flows.host.trouble == ""


def test_attempts_that_were_written_but_not_handed_over_are_handed_over_again(world: Any) -> None:
    flow = world.deploy(make_flow("a >> b", retries=0))
    key = world.flows.trigger(flow).key
    world.store.broken.add("artifacts")
    world.go()
    world.until(lambda: world.store.failures >= 1)
    world.store.broken.clear()
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Succeeded"]
    assert set(world.tries(key, "b")[:-1]) == {"Lost"}


def test_what_ends_while_the_database_fails_is_not_lost(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a"))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(lambda: world.states(key).get("a") == "running")
    world.store.broken.add("commit")
    world.clock.advance(HOUR)
    world.flows.trigger(world.deploy(make_flow("x", name="other")))
    world.until(lambda: world.store.failures >= 2)
    world.store.broken.clear()
    world.until(lambda: world.flows.host.trouble == "")
    executor.finish(executor.running()[0], Succeeded())
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Succeeded"]


def test_a_wait_ends_with_the_reason_when_the_scheduler_can_do_nothing_for_too_long(world: Any) -> None:
    flow = world.deploy(make_flow("a"))
    key = world.flows.trigger(flow).key
    world.store.broken.add("commit")
    world.go()
    with pytest.raises(StoreError, match=r"cannot go on: The database is full\.\n  fix: Free space\."):
        world.flows.wait(lambda: world.flows.is_run_over(key), timeout=20)


def test_a_machine_that_breaks_fails_its_own_run_and_can_be_repeated(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a >> b"))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(executor.running)
    handle = RunMachine.handle

    def break_one(machine: RunMachine, stimulus: Any, now: datetime) -> Any:
        if machine.flow.id == "example" and not isinstance(stimulus, (AttemptStarted, Tick)):
            raise RuntimeError("a bug")
        return handle(machine, stimulus, now)

    monkeypatch.setattr(RunMachine, "handle", break_one)
    executor.finish(executor.running()[0], Succeeded())
    executor._hang.clear()
    good = world.flows.trigger(world.deploy(make_flow("x", name="other"))).key
    assert world.finish(good).state is RunState.SUCCESS
    run = world.finish(key)
    assert run.state is RunState.FAILED
    assert run.reason == "internal error: RuntimeError: a bug"
    assert world.states(key) == {"a": "failed", "b": "skipped"}
    assert run.reason in world.events(RUN_MOVED, "example")[-1].data["reason"]
    monkeypatch.setattr(RunMachine, "handle", handle)
    world.flows.clear(key)
    assert world.finish(key).state is RunState.SUCCESS


def test_a_run_whose_rows_make_no_sense_fails_alone(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Conflict that nobody asked for is a broken machine, too; it must not stop every turn for ever."""
    from jupyter_flows.errors import Conflict

    handle = RunMachine.handle

    def refuse(machine: RunMachine, stimulus: Any, now: datetime) -> Any:
        if machine.flow.id == "example":
            raise Conflict("Task 'a' cannot go from success to running.")
        return handle(machine, stimulus, now)

    monkeypatch.setattr(RunMachine, "handle", refuse)
    world.go()
    bad = world.flows.trigger(world.deploy(make_flow("a"))).key
    good = world.flows.trigger(world.deploy(make_flow("x", name="other"))).key
    assert world.finish(good).state is RunState.SUCCESS
    assert world.finish(bad).state is RunState.FAILED


def test_a_job_that_cannot_be_prepared_is_an_attempt_that_did_not_start(world: Any) -> None:
    flow = world.deploy(make_flow("a", tasks={"a": {"cwd": "nowhere"}}))
    world.go()
    key = world.flows.trigger(flow).key
    assert world.finish(key).state is RunState.FAILED
    assert world.tries(key, "a") == ["NotStarted"]
    (attempt,) = world.store.attempts(key)
    assert "nowhere" in attempt.outcome.message
    assert "--cwd" in attempt.outcome.message


# ── taking over ──────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_goes_on_is_adopted_by_the_next_scheduler(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a >> b"))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(lambda: world.states(key).get("a") == "running")
    executor.close = Mock()  # the tasks' processes outlive the scheduler's
    world.restart()
    world.until(lambda: world.leads(world.flows))
    executor.finish(executor.running()[0], Succeeded())
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Succeeded"]


def test_an_attempt_of_which_nothing_is_left_is_lost_and_repeated_without_eating_a_retry(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a", retries=0))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(lambda: world.states(key).get("a") == "running")
    world.flows.host.stop()
    executor._hang.clear()
    world.go()
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Lost", "Succeeded"]


def test_an_attempt_that_cannot_be_followed_holds_up_nobody(world: Any) -> None:
    executor = world.hang("a")
    flow = world.deploy(make_flow("a"))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(lambda: world.states(key).get("a") == "running")
    world.flows.host.stop()
    executor._hang.clear()
    executor.adopt = Mock(side_effect=ExecutionError("Its folder cannot be read."))
    world.go()
    assert world.finish(key).state is RunState.SUCCESS
    assert world.tries(key, "a") == ["Lost", "Succeeded"]


def test_a_retry_delay_survives_a_restart(world: Any) -> None:
    world.script(a=[Failed("boom")])
    flow = world.deploy(make_flow("a", retries=1, retry_delay=HOUR))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(lambda: world.states(key).get("a") == "up_for_retry")
    world.restart()
    world.until(lambda: world.leads(world.flows))
    assert world.states(key)["a"] == "up_for_retry"
    world.clock.advance(HOUR)
    assert world.finish(key).state is RunState.SUCCESS


def test_a_run_timeout_survives_a_restart(world: Any) -> None:
    executor = world.hang("a")
    executor.close = Mock()
    flow = world.deploy(make_flow("a", run_timeout=HOUR))
    world.go()
    key = world.flows.trigger(flow).key
    world.until(lambda: world.states(key).get("a") == "running")
    world.restart()
    world.until(lambda: world.leads(world.flows))
    world.clock.advance(HOUR)
    run = world.finish(key)
    assert run.state is RunState.FAILED
    assert "timed out" in run.reason


def test_requests_made_while_nobody_leads_are_obeyed_by_the_next_that_does(world: Any) -> None:
    flow = world.deploy(make_flow("a"))
    world.go()
    key = world.flows.trigger(flow).key
    world.finish(key)
    world.flows.host.stop()
    world.flows.clear(key)
    assert not world.flows.is_run_over(key)
    world.go()
    world.finish(key)
    assert world.tries(key, "a") == ["Succeeded", "Succeeded"]


def test_a_long_backfill_is_worked_off_in_reasonable_time(world: Any) -> None:
    flow = world.deploy(make_flow("a >> b", schedule="@daily"))
    asked = world.flows.backfill(flow, "2022-01-01", "2023-12-31", parallel=8)
    began = time.monotonic()
    world.go()
    world.until(lambda: world.flows.is_backfill_over(asked.backfill.id))
    assert len(world.executor.jobs) == 2 * 730
    assert time.monotonic() - began < 15
    assert world.executor.max_running <= 8


def test_the_fakes_tell_what_they_were_asked_to() -> None:
    executor = ScriptedExecutor({"a": [Failed("boom")]}, hang=["b"])
    assert (executor.running(), executor.jobs, executor.max_running) == ([], [], 0)
    assert FakeClock().monotonic() == NOON.timestamp()
