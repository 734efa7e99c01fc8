"""A fixed spacing in real time: `6h` is six hours whatever the clocks do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from jupyter_flows.errors import UsageError
from jupyter_flows.model.interval import DataInterval, utc
from jupyter_flows.timetable.ticks import Ticks
from jupyter_flows.timetable.words import spacing

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Delta(Ticks):
    """Every `step`, counted from `anchor`: the flow's start or, without one, the Unix epoch.

    The grid stays where it is with and without catchup (in Airflow it does not).
    """

    step: timedelta
    anchor: datetime = EPOCH

    def __post_init__(self) -> None:
        if self.step <= timedelta(0):
            raise UsageError(f"An interval is longer than nothing, not {self.step}.", fix="Write e.g. 6h.")
        object.__setattr__(self, "anchor", utc(self.anchor))

    def align_prev(self, at: datetime) -> datetime | None:
        """`at` itself when it is on the grid, otherwise the last point before it."""
        return self._point((utc(at) - self.anchor) // self.step)

    def align_next(self, at: datetime) -> datetime | None:
        """`at` itself when it is on the grid, otherwise the first point after it."""
        return self._point(-((self.anchor - utc(at)) // self.step))

    def get_next(self, at: datetime) -> datetime | None:
        """The first point after `at`."""
        return self._point((utc(at) - self.anchor) // self.step + 1)

    def get_prev(self, at: datetime) -> datetime | None:
        """The last point before `at`."""
        return self._point(-((self.anchor - utc(at)) // self.step) - 1)

    def _point(self, number: int) -> datetime | None:
        try:
            return self.anchor + number * self.step
        except OverflowError:
            return None

    def count(self, start: datetime, end: datetime) -> int:
        """How many points lie in [start, end)."""
        if end <= start:
            return 0
        return -((self.anchor - utc(end)) // self.step) + (self.anchor - utc(start)) // self.step

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The `step` just before `at`: a run by hand does not wait for the grid."""
        return DataInterval(utc(at) - self.step, at)

    def describe(self) -> str:
        """As `every 6 hours`."""
        return f"every {spacing(self.step)}"

    def to_json(self) -> Mapping[str, Any]:
        """See `parse.timetable_from_json`."""
        micros = self.step // timedelta(microseconds=1)
        return {"kind": "delta", "microseconds": micros, "anchor": self.anchor.isoformat()}
