"""Whether a failed attempt is repeated, and when (semantics §9). The jitter is drawn from the attempt's name."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime, timedelta

from jupyter_flows.model.flow import RetryPolicy
from jupyter_flows.model.ids import UNMAPPED, AttemptId
from jupyter_flows.model.run import Died, Failed, NotStarted, Outcome, TaskRun, TimedOut

LONGEST_BACKOFF = 86_400
"""No exponential delay grows beyond a day, in seconds."""

MAX_LOSSES = 5
"""After so many attempts lost in a row something is wrong with the task or the host: it fails instead of looping."""

_LOSSES = re.compile(r"lost (\d+) in a row(?::|\Z)")


def may_retry(task_run: TaskRun, outcome: Outcome) -> bool:
    """Whether the attempt that ended with `outcome` is followed by another. `max_tries` counts the first try too."""
    match outcome:
        case Failed(final=final):
            return not final and task_run.try_number < task_run.max_tries
        case Died() | TimedOut() | NotStarted():
            return task_run.try_number < task_run.max_tries
    return False


def retry_delay(policy: RetryPolicy, attempt: AttemptId, logical_date: datetime) -> timedelta:
    """How long after its end `attempt` is followed by the next one.

    A backoff above 1 draws from [m, 2m), m being delay * backoff ** (try - 1) but at least a second: the same attempt
    always waits equally long, and tasks that failed together do not come back together.
    """
    delay = policy.delay if policy.backoff == 1 else _spread(_grown(policy, attempt.try_number), attempt, logical_date)
    return delay if policy.max_delay is None else min(delay, policy.max_delay)


def _grown(policy: RetryPolicy, try_number: int) -> int:
    try:
        seconds = math.ceil(policy.delay.total_seconds() * policy.backoff ** (try_number - 1))
    except OverflowError:
        return LONGEST_BACKOFF
    return min(max(1, seconds), LONGEST_BACKOFF)


def _spread(seconds: int, attempt: AttemptId, logical_date: datetime) -> timedelta:
    mapped = f"#{attempt.map_index}" if attempt.map_index != UNMAPPED else ""
    name = f"{attempt.flow_id}#{attempt.task_id}{mapped}#{logical_date.isoformat()}#{attempt.try_number}"
    # sha1 names the attempt here, it protects nothing
    jitter = int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16) % seconds
    return timedelta(seconds=min(seconds + jitter, LONGEST_BACKOFF))


def losses(task_run: TaskRun) -> int:
    """How many attempts of it were lost in a row until now, as its reason tells."""
    found = _LOSSES.match(task_run.reason)
    return int(found[1]) if found else 0


def loss_reason(number: int, message: str) -> str:
    """The reason of a task run whose newest attempt was lost; `losses` reads the number back."""
    return f"lost {number} in a row: {message}" if message else f"lost {number} in a row"
