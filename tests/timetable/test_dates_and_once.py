"""Schedules that are no rhythm, and the dates people type."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from jupyter_flows.errors import UsageError
from jupyter_flows.model.interval import DataInterval, TimeRestriction
from jupyter_flows.timetable.once import BREATH, Continuous
from jupyter_flows.timetable.parse import parse_schedule
from jupyter_flows.timetable.zones import as_instant

UTC = timezone.utc
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
JAN, FEB, APR = (datetime(2024, m, 5, tzinfo=UTC) for m in (1, 2, 4))
DATES = parse_schedule("dates: 2024-01-05, 2024-02-05, 2024-04-05")


def test_a_list_of_dates_runs_at_each_with_catchup() -> None:
    limits, last, found = TimeRestriction(catchup=True), None, []
    while plan := DATES.next_run(last, limits, NOW):
        assert plan.interval == DataInterval(plan.run_after, plan.run_after)
        found.append(plan.run_after)
        last = plan.interval
    assert found == [JAN, FEB, APR]


@pytest.mark.parametrize(
    ("last", "earliest", "latest", "expected"),
    [
        (None, None, None, FEB),
        (JAN, None, None, FEB),
        (FEB, None, None, APR),
        (APR, None, None, None),
        (None, APR, None, APR),
        (None, FEB + timedelta(seconds=1), None, APR),
        (FEB, None, APR, APR),
        (FEB, None, APR - timedelta(seconds=1), None),
    ],
)
def test_without_catchup_a_list_of_dates_runs_at_the_newest_that_has_come(
    last: datetime | None, earliest: datetime | None, latest: datetime | None, expected: datetime | None
) -> None:
    before = DataInterval(last, last) if last else None
    plan = DATES.next_run(before, TimeRestriction(earliest, latest), NOW)
    assert (plan.run_after if plan else None) == expected


def test_continuous_runs_touch_and_never_spin() -> None:
    limits, last = TimeRestriction(), None
    for _ in range(5):  # the clock stands still, as when a flow has nothing to do
        plan = Continuous().next_run(last, limits, NOW)
        assert plan is not None
        assert plan.interval.end - plan.interval.start >= BREATH
        assert last is None or plan.interval.start == last.end
        last = plan.interval
    assert last is not None
    assert last.end == NOW + 4 * BREATH


def test_a_continuous_flow_waits_for_its_start_and_stops_at_its_end() -> None:
    later = NOW + timedelta(days=1)
    plan = Continuous().next_run(None, TimeRestriction(later), NOW)
    assert plan is not None
    assert plan.run_after > later
    assert Continuous().next_run(DataInterval(JAN, FEB), TimeRestriction(latest=JAN), NOW) is None


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2024-01-31", "UTC", "2024-01-31T00:00:00+00:00"),
        ("2024-01-31", "America/New_York", "2024-01-31T05:00:00+00:00"),
        (" 2024-01-31 08:30 ", "Asia/Kathmandu", "2024-01-31T02:45:00+00:00"),
        ("2024-01-31T08:30:15", "UTC", "2024-01-31T08:30:15+00:00"),
        ("2024-01-31T08:30:15.5", "UTC", "2024-01-31T08:30:15.500000+00:00"),
        ("2024-01-31T08:30Z", "America/New_York", "2024-01-31T08:30:00+00:00"),
        ("2024-01-31 08:30+01:00", "America/New_York", "2024-01-31T07:30:00+00:00"),
        ("2024-01-31t08:30 -0500", "UTC", "2024-01-31T13:30:00+00:00"),
        ("2024-03-10 02:30", "America/New_York", "2024-03-10T07:30:00+00:00"),  # skipped: shifted forward
        ("2024-11-03 01:30", "America/New_York", "2024-11-03T06:30:00+00:00"),  # twice: the second
    ],
)
def test_a_typed_date_is_a_wall_clock_time_of_the_zone_unless_it_says_otherwise(
    text: str, zone: str, expected: str
) -> None:
    found = as_instant(text, zone)
    assert found.isoformat() == expected
    assert found.utcoffset() == timedelta(0)


def test_a_date_can_mean_the_end_of_its_day() -> None:
    end = as_instant("2024-03-10", "America/New_York", end_of_day=True)
    assert end == datetime(2024, 3, 11, 4, tzinfo=UTC) - timedelta(microseconds=1)
    assert as_instant("2024-03-10 08:00", end_of_day=True) == datetime(2024, 3, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2024-1-5", "01/02/2024", "2024-13-01", "2024-02-30", "2024-01-01 25:00", "9999-12-31 23:00-05"],
)
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not a date") as caught:
        as_instant(text)
    assert caught.value.fix
