"""Schedules whose intervals lie between neighbouring ticks, and the rules they share (semantics §4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Protocol, runtime_checkable

from jupyter_flows.errors import UsageError
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction, utc


@runtime_checkable
class Countable(Protocol):
    """What a timetable may offer besides: telling how many runs a stretch holds without making them."""

    def count(self, start: datetime, end: datetime) -> int:
        """How many runs of the schedule have their logical date in [start, end)."""


class Ticks(ABC):
    """A strictly increasing set of instants, endless in both directions as far as dates reach.

    Intervals are neighbours in it, so they touch and never overlap. Methods give UTC; None: dates end there.
    """

    @abstractmethod
    def get_next(self, at: datetime) -> datetime | None:
        """The first tick after `at`."""

    @abstractmethod
    def get_prev(self, at: datetime) -> datetime | None:
        """The last tick before `at`."""

    @abstractmethod
    def align_next(self, at: datetime) -> datetime | None:
        """`at` itself when it is a tick, otherwise the first one after it."""

    @abstractmethod
    def align_prev(self, at: datetime) -> datetime | None:
        """`at` itself when it is a tick, otherwise the last one before it."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:
        """The interval after `last`; see `Timetable.next_run`."""
        start = self._start(last, self._earliest(restriction, utc(now)))
        if start is None or (restriction.latest and start > restriction.latest):
            return None
        end = self.get_next(start)
        return None if end is None else RunPlan(DataInterval(start, end), run_after=end)

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The last interval that had ended at `at`; one that ends at `at` counts."""
        interval = self._complete(utc(at))
        if interval is None:
            raise UsageError(f"No interval of the schedule lies before {at}.", fix="Choose a later moment.")
        return interval

    def _start(self, last: DataInterval | None, earliest: datetime | None) -> datetime | None:
        if last is None:
            return earliest
        start = self.align_prev(last.end)
        if start is None or (earliest is not None and earliest > start):
            start = earliest
        if start is not None and start <= last.start:  # the schedule was finer when `last` ran
            start = self.get_next(start)
        return start

    def _earliest(self, restriction: TimeRestriction, now: datetime) -> datetime | None:
        aligned = self.align_next(restriction.earliest) if restriction.earliest else None
        if restriction.catchup:
            return aligned
        complete = self._complete(now)
        starts = [aligned, complete.start if complete else None]
        return max((t for t in starts if t is not None), default=None)

    def _complete(self, now: datetime) -> DataInterval | None:
        end = self.align_prev(now)
        start = None if end is None else self.get_prev(end)
        return DataInterval(start, end) if start is not None and end is not None else None
