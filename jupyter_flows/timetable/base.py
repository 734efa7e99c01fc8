"""When a flow runs, as pure functions of what ran last, the limits and the clock's reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction


class Timetable(Protocol):
    """Pure and serialisable. Manual runs, backfill, clear and every screen use the intervals it computes."""

    def next_run(self, last: DataInterval | None, restriction: TimeRestriction, now: datetime) -> RunPlan | None:
        """The run after `last` (None: the first), or None when there is none.

        With `restriction.catchup` it is the very next interval, even if long past; without, the latest one complete
        at `now` if that lies ahead of `last`. The plan may lie in the future: compare `run_after` with the clock.
        """

    def infer_manual_interval(self, at: datetime) -> DataInterval:
        """The interval of a run someone asks for at `at`: the last complete one."""

    def describe(self) -> str:
        """The schedule in words."""

    def to_json(self) -> Mapping[str, Any]:
        """JSON values from which `parse.timetable_from_json` builds an equal timetable."""


def intervals(timetable: Timetable, start: datetime, end: datetime, now: datetime) -> Iterator[RunPlan]:
    """Every run whose logical date lies in [start, end], both inclusive, oldest first: what a backfill covers."""
    restriction = TimeRestriction(start, end, catchup=True)
    last: DataInterval | None = None
    while (plan := timetable.next_run(last, restriction, now)) is not None:
        yield plan
        last = plan.interval
