"""Our cron against an enumeration of every wall-clock minute, where clocks change (semantics §15)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo, available_timezones

import pytest

from jupyter_flows.timetable.cron import Cron

UTC = timezone.utc
SECOND = timedelta(seconds=1)
CRONS = (
    "0 0 * * *",
    "30 2 * * *",
    "30 1 * * *",
    "0 * * * *",
    "0 */2 * * *",
    "*/15 * * * *",
    "0,30 0-3 * * *",
    "*/20 1,2,23 * * *",
    "15 0 * * sun",
    "59 23 L * *",
    "0 2 1 * sun",
    "5 3 * * 0#2",
)
HISTORIES = (
    ("Australia/Lord_Howe", 2024),
    ("America/New_York", 2024),
    ("Europe/London", 2024),
    ("Europe/London", 1968),
    ("Europe/Dublin", 2024),
    ("America/Sao_Paulo", 2018),
    ("Asia/Kathmandu", 1985),
    ("Pacific/Apia", 2011),
    ("Pacific/Kwajalein", 1993),
    ("Africa/Casablanca", 2024),
    ("Africa/El_Aaiun", 2037),
    ("Antarctica/Troll", 2024),
    ("Antarctica/Casey", 2020),
    ("America/St_Johns", 2024),
    ("America/St_Johns", 1988),
    ("Asia/Gaza", 2023),
    ("Asia/Beirut", 2023),
    ("Africa/Cairo", 2014),
    ("Africa/Monrovia", 1972),
    ("America/Caracas", 2016),
    ("America/Havana", 2024),
    ("America/Scoresbysund", 2024),
    ("America/Nuuk", 2023),
    ("America/Metlakatla", 2015),
    ("Asia/Tehran", 2022),
    ("Asia/Pyongyang", 2015),
    ("Europe/Istanbul", 2016),
    ("Pacific/Fiji", 2019),
    ("Pacific/Norfolk", 2024),
    ("Australia/Adelaide", 2008),
    ("America/Asuncion", 2023),
)
CASES = [(zone, year, cron) for zone, year in HISTORIES for cron in CRONS]


def assert_agrees(oracle: SimpleNamespace, zone: str, cron: str, change: datetime, days: int = 3) -> int:
    lo, hi = change - timedelta(days=days), change + timedelta(days=days)
    expected = oracle.ticks(ZoneInfo(zone), cron, lo, hi)
    timetable = Cron(cron, zone)
    where = f"{cron} in {zone} around {change}"

    forward, at = [], timetable.align_next(lo)
    while at is not None and at <= hi:
        forward.append(at)
        at = timetable.get_next(at)
    assert forward == expected, where

    backward, at = [], Cron(cron, zone).align_prev(hi)
    while at is not None and at >= lo:
        backward.append(at)
        at = timetable.get_prev(at)
    assert backward[::-1] == expected, where

    assert timetable.count(lo, hi + SECOND) == len(expected), where
    for tick in expected:
        assert timetable.align_next(tick) == timetable.align_prev(tick) == tick, where
        assert timetable.align_next(tick - SECOND) == timetable.align_prev(tick + SECOND) == tick, where
    return len(expected)


@pytest.mark.parametrize(("zone", "year"), HISTORIES)
def test_the_schedule_is_the_enumerated_set_around_every_change_of_the_year(
    oracle: SimpleNamespace, zone: str, year: int
) -> None:
    changes = oracle.changes(ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    assert changes, "the case is in the table because the clocks changed that year"
    found = sum(assert_agrees(oracle, zone, cron, change) for change in changes for cron in CRONS)
    assert found > 500


def test_the_sample_has_640_cases(oracle: SimpleNamespace) -> None:
    year = timedelta(days=366)
    cases = 0
    for zone, y in HISTORIES:
        start = datetime(y, 1, 1, tzinfo=UTC)
        cases += len(CRONS) * len(oracle.changes(ZoneInfo(zone), start, start + year))
    assert cases >= 640


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Etc/GMT+12", "Pacific/Kiritimati"])
def test_the_schedule_is_the_enumerated_set_where_clocks_never_change(oracle: SimpleNamespace, zone: str) -> None:
    for cron in CRONS:
        assert_agrees(oracle, zone, cron, datetime(2024, 2, 29, 12, tzinfo=UTC), days=10)


@pytest.mark.torture
@pytest.mark.timeout(0)
def test_every_zone_and_every_change_from_2000_to_2037_agrees(oracle: SimpleNamespace) -> None:
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
    hours = [timedelta(hours=h) for h in range(-160, 161)]
    seen: set[tuple[object, ...]] = set()
    for name in sorted(available_timezones() - {"localtime"}):
        zone = ZoneInfo(name)
        for change in oracle.changes(zone, first, last):
            # Zones that agree hour by hour around the change have the same wall clock there: one is enough.
            clock = (change, *((change + h).astimezone(zone).utcoffset() for h in hours))
            if clock not in seen:
                seen.add(clock)
                for cron in CRONS:
                    assert_agrees(oracle, name, cron, change)
    assert len(seen) > 1000
