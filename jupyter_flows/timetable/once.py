"""Schedules without a rhythm: never, once, and as soon as the last run is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction, utc

BREATH = timedelta(seconds=1)
"""The shortest interval of a continuous flow: one that finds nothing to do must not spin."""


@dataclass(frozen=True, slots=True)
class Never:
    """No schedule: the flow runs when someone asks."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:  # noqa: ARG002
        """None."""
        return None

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The empty interval [at, at]."""
        return DataInterval(at, at)

    def count(self, start: datetime, end: datetime) -> int:  # noqa: ARG002
        """0."""
        return 0

    def describe(self) -> str:
        """`when asked`."""
        return "when asked"

    def to_json(self) -> Mapping[str, Any]:
        """See `parse.timetable_from_json`."""
        return {"kind": "none"}


@dataclass(frozen=True, slots=True)
class Once:
    """One run at the flow's start, or at once when it has none, over the empty interval. Ignores catchup."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:
        """The one run, unless there was a `last`."""
        at = restriction.earliest or utc(now)
        if last is not None or (restriction.latest and at > restriction.latest):
            return None
        return RunPlan(DataInterval(at, at), run_after=at)

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The empty interval [at, at]."""
        return DataInterval(at, at)

    def describe(self) -> str:
        """`once`."""
        return "once"

    def to_json(self) -> Mapping[str, Any]:
        """See `parse.timetable_from_json`."""
        return {"kind": "once"}


@dataclass(frozen=True, slots=True)
class Continuous:
    """Run after run, one at a time: each covers what passed since the one before ended, at least a second."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:
        """[last.end, now); the first from the flow's start or, without one, from a second ago. Ignores catchup."""
        now = utc(now)
        start = restriction.earliest or now - BREATH
        if last is not None:
            start = max(last.end, last.start + BREATH)
        if restriction.latest and start > restriction.latest:
            return None
        end = max(now, start + BREATH)
        return RunPlan(DataInterval(start, end), run_after=end)

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The empty interval [at, at]."""
        return DataInterval(at, at)

    def count(self, start: datetime, end: datetime) -> int:  # noqa: ARG002
        """0: nothing is missed, the next run covers it."""
        return 0

    def describe(self) -> str:
        """`continuously, one run after the other`."""
        return "continuously, one run after the other"

    def to_json(self) -> Mapping[str, Any]:
        """See `parse.timetable_from_json`."""
        return {"kind": "continuous"}
