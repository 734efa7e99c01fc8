from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_flows.engine.retry import loss_reason, losses, may_retry, retry_delay
from jupyter_flows.model.flow import RetryPolicy
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, TaskId
from jupyter_flows.model.run import (
    Cancelled,
    Died,
    Failed,
    Lost,
    NotStarted,
    Outcome,
    SkipAsked,
    Succeeded,
    TaskRun,
    TimedOut,
)

MINUTE = timedelta(minutes=1)
DATE = datetime(2024, 1, 1, tzinfo=timezone.utc)


def attempt(number: int, task: str = "t", map_index: int = -1) -> AttemptId:
    return AttemptId(FlowId("f"), RunId("r"), TaskId(task), map_index, number)


@pytest.mark.parametrize(
    ("outcome", "repeated"),
    [
        (Failed("boom"), True),
        (Failed("boom", final=True), False),
        (Died("the kernel died"), True),
        (TimedOut(MINUTE), True),
        (NotStarted("no such kernel"), True),
        (Lost("our process died"), False),
        (Cancelled(), False),
        (SkipAsked(), False),
        (Succeeded(), False),
    ],
)
def test_only_failures_of_the_task_are_retried(outcome: Outcome, repeated: bool) -> None:
    assert may_retry(TaskRun(TaskId("t"), try_number=1, max_tries=2), outcome) is repeated
    assert not may_retry(TaskRun(TaskId("t"), try_number=2, max_tries=2), outcome)


def test_a_fixed_delay_is_the_same_after_every_try() -> None:
    policy = RetryPolicy(3, delay=timedelta(days=2))
    assert [retry_delay(policy, attempt(n), DATE) for n in (1, 2, 3)] == [timedelta(days=2)] * 3


def test_max_delay_caps_fixed_and_growing_delays() -> None:
    assert retry_delay(RetryPolicy(3, 5 * MINUTE, max_delay=MINUTE), attempt(1), DATE) == MINUTE
    assert retry_delay(RetryPolicy(3, 5 * MINUTE, 2.0, max_delay=7 * MINUTE), attempt(3), DATE) == 7 * MINUTE


def test_a_growing_delay_is_drawn_from_the_name_of_the_attempt() -> None:
    number = int(hashlib.sha1(b"f#t#2024-01-01T00:00:00+00:00#3").hexdigest(), 16)
    expected = timedelta(seconds=240 + number % 240)
    assert retry_delay(RetryPolicy(5, MINUTE, 2.0), attempt(3), DATE) == expected


def test_tasks_and_map_indexes_that_failed_together_do_not_come_back_together() -> None:
    policy = RetryPolicy(5, timedelta(hours=1), 2.0)
    assert len({retry_delay(policy, attempt(1, map_index=i), DATE) for i in range(-1, 20)}) > 15
    assert len({retry_delay(policy, attempt(1, task=f"t{i}"), DATE) for i in range(20)}) > 15


def test_a_growing_delay_of_nothing_is_a_second() -> None:
    assert retry_delay(RetryPolicy(1, timedelta(0), 2.0), attempt(1), DATE) == timedelta(seconds=1)


@given(
    number=st.integers(1, 100_000),
    delay=st.timedeltas(timedelta(0), timedelta(days=30)),
    backoff=st.floats(1.001, 1e6),
)
def test_a_growing_delay_stays_within_its_bounds(number: int, delay: timedelta, backoff: float) -> None:
    wait = retry_delay(RetryPolicy(1, delay, backoff), attempt(number), DATE)
    assert timedelta(seconds=1) <= wait <= timedelta(days=1)
    assert wait >= min(delay, timedelta(days=1))
    assert wait == retry_delay(RetryPolicy(1, delay, backoff), attempt(number), DATE)


@pytest.mark.parametrize("message", ["", "the host went away", "lost 9 in a row: as the other said"])
def test_the_number_of_losses_is_read_back_from_the_reason(message: str) -> None:
    assert losses(TaskRun(TaskId("t"), reason=loss_reason(3, message))) == 3


@pytest.mark.parametrize("reason", ["", "boom", "cleared", "we lost 3 in a row but won", "ValueError: lost 2 in a row"])
def test_other_reasons_are_no_losses(reason: str) -> None:
    assert losses(TaskRun(TaskId("t"), reason=reason)) == 0
