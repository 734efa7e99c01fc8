"""Reading a timetable: one step on, the run at a date, the intervals near a date."""

from __future__ import annotations

from datetime import datetime, timedelta

from jupyter_flows.errors import PluginError
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.words import moment
from jupyter_flows.timetable.zones import zone

INSTANT = timedelta(microseconds=1)
"""The smallest step of time we know."""


def step(
    flow: Flow, timetable: Timetable, last: DataInterval | None, restriction: TimeRestriction, now: datetime
) -> RunPlan | None:
    """The run after `last`. Raises PluginError when the timetable does not move on: we would ask for ever."""
    plan = timetable.next_run(last, restriction, now)
    if plan is not None and last is not None and plan.interval.start <= last.start:
        raise PluginError(
            f"The timetable of flow '{flow.id}' goes back: after {last} it names {plan.interval}.",
            fix="Correct its next_run: each interval starts after the one before.",
        )
    return plan


def run_at(timetable: Timetable, logical_date: datetime, now: datetime) -> RunPlan | None:
    """The schedule's run with exactly this logical date, if there is one."""
    plan = timetable.next_run(None, TimeRestriction(logical_date, logical_date, catchup=True), now)
    return plan if plan is not None and plan.interval.start == logical_date else None


def run_from(timetable: Timetable, at: datetime, now: datetime) -> RunPlan | None:
    """The schedule's first run with a logical date of `at` or later."""
    return timetable.next_run(None, TimeRestriction(at, catchup=True), now)


def run_before(timetable: Timetable, following: RunPlan | None, at: datetime) -> RunPlan | None:
    """The schedule's last run with a logical date before `at`, given the one `following` it.

    Asked as "the latest one, had the clock stood just there", which every timetable can answer.
    """
    interval = following.interval if following else DataInterval(at, at)
    clock = interval.start if interval.end > interval.start else interval.start - INSTANT
    plan = timetable.next_run(None, TimeRestriction(), clock)
    return plan if plan is not None and plan.interval.start < at else None


def nearby(flow: Flow, timetable: Timetable, at: datetime, now: datetime) -> str:
    """The intervals on both sides of `at`, in words of the flow's zone."""
    after = run_from(timetable, at, now)
    plans = [p for p in (run_before(timetable, after, at), after) if p is not None]
    words = [f"{_clock(flow, p.interval.start)} (to {_clock(flow, p.interval.end)})" for p in plans]
    return f"{' or '.join(words)} {flow.timezone}" if words else "its schedule has none"


def in_words(flow: Flow, at: datetime) -> str:
    """`2024-01-05 08:00 Europe/Berlin`."""
    return f"{_clock(flow, at)} {flow.timezone}"


def _clock(flow: Flow, at: datetime) -> str:
    return moment(at.astimezone(zone(flow.timezone)))
