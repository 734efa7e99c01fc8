"""The oracle of semantics §15: every wall-clock minute is looked at, one by one. Shares no code with the product."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

UTC = timezone.utc
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {n: i for i, n in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])} | {
    n: i for i, n in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}


def numbers(item: str, low: int, high: int) -> set[int]:
    base, _, step = item.partition("/")
    first, _, last = base.partition("-")
    if base == "*":
        first, last = str(low), str(high)
    start = NAMES.get(first, first)
    stop = NAMES.get(last, last) if last else (high if step else start)
    if last == "sun":
        stop = 7
    return set(range(int(start), int(stop) + 1, int(step or 1)))


def length(n: datetime) -> int:
    return calendar.monthrange(n.year, n.month)[1]


def day_test(text: str) -> Callable[[datetime], bool]:
    items = text.split(",")
    plain = {x for i in items if i != "L" for x in numbers(i, 1, 31)}
    return lambda n: n.day in plain or ("L" in items and n.day == length(n))


def weekday_test(text: str) -> Callable[[datetime], bool]:
    def one(item: str) -> Callable[[datetime], bool]:
        if item.startswith("L"):
            return lambda n: n.isoweekday() % 7 == int(item[1:]) % 7 and n.day + 7 > length(n)
        base, _, nth = item.partition("#")
        days = {x % 7 for x in numbers(base, 0, 7 if "-" in base else 6)}
        return lambda n: n.isoweekday() % 7 in days and (not nth or (n.day - 1) // 7 + 1 == int(nth))

    tests = [one(i) for i in text.split(",")]
    return lambda n: any(t(n) for t in tests)


def matcher(cron: str) -> Callable[[datetime], bool]:
    words = cron.split()
    minutes, hours, _, months, _ = (
        {x for i in w.split(",") for x in numbers(i, *limit)} if k in (0, 1, 3) else set()
        for k, (w, limit) in enumerate(zip(words, LIMITS, strict=True))
    )
    tests = [make(w) for make, w in ((day_test, words[2]), (weekday_test, words[4])) if w != "*"]

    def matches(n: datetime) -> bool:
        if n.minute not in minutes or n.hour not in hours or n.month not in months:
            return False
        return not tests or any(t(n) for t in tests)

    return matches


def ticks(zone: ZoneInfo, cron: str, lo: datetime, hi: datetime) -> list[datetime]:
    """All instants of the cron in [lo, hi]."""
    matches, every_hour = matcher(cron), cron.split()[1] == "*"
    out: set[datetime] = set()
    n = (lo.astimezone(zone) - timedelta(hours=30)).replace(tzinfo=None, second=0, microsecond=0)
    last = (hi.astimezone(zone) + timedelta(hours=30)).replace(tzinfo=None)
    while n <= last:
        if matches(n):
            a, b = (n.replace(tzinfo=zone, fold=x).astimezone(UTC) for x in (0, 1))
            real = [x for x in (a, b) if x.astimezone(zone).replace(tzinfo=None) == n]
            if not real:
                out |= set() if every_hour else {a}
            else:
                out |= {a, b} if every_hour else {b}
        n += timedelta(minutes=1)
    return sorted(x for x in out if lo <= x <= hi)


def changes(zone: ZoneInfo, first: datetime, last: datetime) -> list[datetime]:
    """The hours in [first, last) before which the zone's offset changed."""
    found, at = [], first
    while at < last:
        after = at + timedelta(days=1)
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            hour = at
            while hour.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset():
                hour += timedelta(hours=1)
            found.append(hour)
        at = after
    return found


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    return SimpleNamespace(ticks=ticks, matcher=matcher, changes=changes)
