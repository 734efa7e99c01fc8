"""Cron by our own rule: a set of instants, so that no change of the clocks leaves a hole or an overlap.

Matching wall-clock minutes are enumerated and mapped to UTC one by one (semantics §4). croniter only expands the
fields: asked for times itself it fires twice in autumn, and it finds no date at all for `0 0 1 * 5#2` (croniter 7.0).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from jupyter_flows.errors import UsageError
from jupyter_flows.model.interval import utc
from jupyter_flows.timetable.fields import checked_cron
from jupyter_flows.timetable.ticks import Ticks
from jupyter_flows.timetable.wallclock import LAST, WallClock
from jupyter_flows.timetable.zones import instants, zone

_DAY = timedelta(days=1)
_FIRST = date.min + 3 * _DAY
_LAST_DAY = date.max - 3 * _DAY
_KEPT = 64
"""How many days of ticks a timetable remembers."""


@dataclass(frozen=True, slots=True)
class Cron(Ticks):
    """The instants at which the clocks of `timezone` show a minute that `expression` (five fields) matches.

    In UTC-day windows, remembered, so that a walk along the schedule computes each day once.
    """

    expression: str
    timezone: str = "UTC"
    _clock: WallClock = field(init=False, repr=False, compare=False)
    _minutes: tuple[timedelta, ...] = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _seen: dict[date, tuple[datetime, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        expression = checked_cron(self.expression)
        clock = _expanded(expression)
        if not clock.is_possible:
            raise UsageError(
                f"The cron '{expression}' never comes: no such day exists.", fix="Correct the day or the month."
            )
        object.__setattr__(self, "expression", expression)
        object.__setattr__(self, "_clock", clock)
        object.__setattr__(self, "_minutes", tuple(timedelta(minutes=m) for m in clock.minutes_of_day))
        object.__setattr__(self, "_zone", zone(self.timezone))

    def get_next(self, at: datetime) -> datetime | None:
        """The first tick after `at`."""
        return self._forward(utc(at), inclusive=False)

    def align_next(self, at: datetime) -> datetime | None:
        """`at` itself when it is a tick, otherwise the first one after it."""
        return self._forward(utc(at), inclusive=True)

    def get_prev(self, at: datetime) -> datetime | None:
        """The last tick before `at`."""
        return self._backward(utc(at), inclusive=False)

    def align_prev(self, at: datetime) -> datetime | None:
        """`at` itself when it is a tick, otherwise the last one before it."""
        return self._backward(utc(at), inclusive=True)

    def count(self, start: datetime, end: datetime) -> int:
        """How many ticks lie in [start, end): a few microseconds a day, however dense they are."""
        start, end = utc(start), utc(end)
        if end <= start:
            return 0
        first, last = start.date(), end.date()
        between = sum(self._size(date.fromordinal(n)) for n in range(first.toordinal(), last.toordinal()))
        return between - bisect_left(self._ticks(first), start) + bisect_left(self._ticks(last), end)

    def describe(self) -> str:
        """As `every Sunday at 00:00 America/New_York`."""
        is_everywhere, words = self._clock.describe()
        return words if is_everywhere else f"{words} {self.timezone}"

    def to_json(self) -> Mapping[str, Any]:
        """See `parse.timetable_from_json`."""
        return {"kind": "cron", "expression": self.expression, "timezone": self.timezone}

    def _forward(self, at: datetime, *, inclusive: bool) -> datetime | None:
        find = bisect_left if inclusive else bisect_right
        day = at.date()
        while _FIRST <= day <= _LAST_DAY:
            ticks = self._ticks(day)
            if (index := find(ticks, at)) < len(ticks):
                return ticks[index]
            local = next(self._clock.days_from(day), None)  # a tick of a later UTC day belongs to this local day or on
            if local is None:
                return None
            day = max(day + _DAY, local - _DAY)
        return None

    def _backward(self, at: datetime, *, inclusive: bool) -> datetime | None:
        find = bisect_right if inclusive else bisect_left
        day = at.date()
        while _FIRST <= day <= _LAST_DAY:
            ticks = self._ticks(day)
            if index := find(ticks, at):
                return ticks[index - 1]
            local = next(self._clock.days_from(day, backwards=True), None)
            if local is None:
                return None
            day = min(day - _DAY, local + _DAY)
        return None

    def _ticks(self, day: date) -> tuple[datetime, ...]:
        """All ticks of a day of UTC, sorted."""
        ticks = self._seen.get(day)
        if ticks is None:
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            ticks = self._seen[day] = self._enumerated(day)
        return ticks

    def _enumerated(self, day: date) -> tuple[datetime, ...]:
        """Offsets are less than a day: what falls into a day of UTC stands on one of three days of the wall clock."""
        low = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
        high = low + _DAY
        found: set[datetime] = set()
        offset = self._steady_offset(low)
        for local in (day - _DAY, day, day + _DAY):
            if not self._clock.has_day(local):
                continue
            midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001
            if offset is not None:
                start = midnight.replace(tzinfo=timezone.utc) - offset
                found.update(start + m for m in self._minutes)
            else:
                every = self._clock.is_every_hour
                found.update(t for m in self._minutes for t in instants(midnight + m, self._zone, both=every))
        return tuple(sorted(t for t in found if low <= t < high))

    def _size(self, day: date) -> int:
        """How many ticks a day of UTC has."""
        low = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
        offset = self._steady_offset(low)
        if offset is None:
            return len(self._ticks(day))
        local = (low + offset).date()
        into = (low + offset).replace(tzinfo=None) - datetime(local.year, local.month, local.day)  # noqa: DTZ001
        before = bisect_left(self._minutes, into)
        first = len(self._minutes) - before if self._clock.has_day(local) else 0
        return first + (before if self._clock.has_day(local + _DAY) else 0)

    def _steady_offset(self, low: datetime) -> timedelta | None:
        """The zone's offset if no change can touch the day of UTC that starts at `low`, else None.

        A change before it can shift skipped times into it; one after it makes a time in it the first of two.
        Neither reaches further than a day. Looking once a day finds every change: in all of the database no two of a
        zone are less than two days apart.
        """
        offset, *others = ((low + n * _DAY).astimezone(self._zone).utcoffset() for n in (-1, 0, 1, 2))
        return offset if all(o == offset for o in others) else None


_ANY = ("*", "?")
"""Only these words leave a day field open; croniter says `*` of some other words that name every day, too."""


def _expanded(expression: str) -> WallClock:
    from croniter import CroniterError, croniter

    try:
        (minutes, hours, days, months, weekdays), nth = croniter.expand(expression)
    except CroniterError as error:
        raise UsageError(f"The cron '{expression}' cannot be used: {error}.", fix="Write it more simply.") from None
    _, _, day_word, _, weekday_word = expression.split()
    return WallClock(
        minutes=_numbers(minutes) or frozenset(range(60)),
        hours=_numbers(hours) or frozenset(range(24)),
        days=None if day_word in _ANY else _numbers(days) or frozenset(range(1, 32)),
        months=_numbers(months) or frozenset(range(1, 13)),
        weekdays=None if weekday_word in _ANY else _numbers(weekdays) or frozenset(range(7)),
        nth={int(day): _numbers(list(weeks)) or frozenset() for day, weeks in nth.items()},
    )


def _numbers(values: list[Any]) -> frozenset[int] | None:
    return None if "*" in values else frozenset(LAST if v == "l" else int(v) for v in values)
