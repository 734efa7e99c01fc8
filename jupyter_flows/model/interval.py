"""Stretches of time, and what a schedule is limited to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone


def utc(moment: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for a naive datetime: it names no instant."""
    if moment.tzinfo is None:
        raise ValueError(f"a datetime needs a time zone: {moment}")
    return moment.astimezone(timezone.utc)


@dataclass(frozen=True, slots=True, order=True)
class DataInterval:
    """The stretch of time a run is about: start <= t < end, both aware, kept in UTC.

    A run without a schedule covers the empty interval [t, t].
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.end < self.start:
            raise ValueError(f"a data interval ends before it starts: {self.start} .. {self.end}")

    def covers(self, other: DataInterval) -> bool:
        """Whether every instant of `other` lies in this interval."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"


@dataclass(frozen=True, slots=True)
class TimeRestriction:
    """Which intervals a schedule may produce: `earliest` and `latest` are both inclusive and compared to the start."""

    earliest: datetime | None = None
    latest: datetime | None = None
    catchup: bool = False

    def __post_init__(self) -> None:
        for name in ("earliest", "latest"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, utc(value))

    def allows(self, interval: DataInterval) -> bool:
        """Whether `interval` starts within the limits."""
        return not (
            (self.earliest and interval.start < self.earliest) or (self.latest and interval.start > self.latest)
        )


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run that should exist: its interval and the moment from which it may start."""

    interval: DataInterval
    run_after: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "run_after", utc(self.run_after))


def merged(intervals: Iterable[DataInterval]) -> list[DataInterval]:
    """The same instants as few, sorted, disjoint intervals: neighbours that touch become one."""
    out: list[DataInterval] = []
    for it in sorted(intervals):
        if out and it.start <= out[-1].end:
            out[-1] = DataInterval(out[-1].start, max(out[-1].end, it.end))
        else:
            out.append(it)
    return out
