"""A list of moments someone wrote down."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyter_flows.errors import UsageError
from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction, utc
from jupyter_flows.timetable.words import and_list, moment
from jupyter_flows.timetable.zones import zone


@dataclass(frozen=True, slots=True)
class Calendar:
    """One run at each of `dates` (sorted, no two equal), over the empty interval: a lone date has no neighbour.

    `timezone` is that of the words in `describe`.
    """

    dates: tuple[datetime, ...]
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if not self.dates:
            raise UsageError("The list of dates is empty.", fix="Write e.g. dates: 2024-01-05, 2024-02-09 08:00")
        zone(self.timezone)
        object.__setattr__(self, "dates", tuple(sorted({utc(d) for d in self.dates})))

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:
        """The date after `last`; without catchup the newest one that has come, if it lies ahead of `last`."""
        index = 0 if last is None else bisect_right(self.dates, last.start)
        if restriction.earliest:
            index = max(index, bisect_left(self.dates, restriction.earliest))
        if not restriction.catchup:
            index = max(index, bisect_right(self.dates, utc(now)) - 1)
        if index >= len(self.dates) or (restriction.latest and self.dates[index] > restriction.latest):
            return None
        at = self.dates[index]
        return RunPlan(DataInterval(at, at), run_after=at)

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The empty interval [at, at]."""
        return DataInterval(at, at)

    def count(self, start: datetime, end: datetime) -> int:
        """How many dates lie in [start, end)."""
        return max(0, bisect_left(self.dates, utc(end)) - bisect_left(self.dates, utc(start)))

    def describe(self) -> str:
        """As `on 2024-01-05 00:00 and 2024-02-09 08:00 UTC`."""
        where = zone(self.timezone)
        shown = [moment(d.astimezone(where)) for d in self.dates[:3]]
        if len(self.dates) > 4:
            shown.append(f"{len(self.dates) - 3} more dates")
        elif len(self.dates) == 4:
            shown.append(moment(self.dates[3].astimezone(where)))
        return f"on {and_list(shown)} {self.timezone}"

    def to_json(self) -> Mapping[str, Any]:
        """See `parse.timetable_from_json`."""
        return {"kind": "calendar", "dates": [d.isoformat() for d in self.dates], "timezone": self.timezone}
