"""semantics §4 as one table, and §14.1: where the schedule of time differs from Airflow's on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from jupyter_flows.model.interval import DataInterval, TimeRestriction
from jupyter_flows.timetable.base import intervals
from jupyter_flows.timetable.parse import parse_schedule

UTC = timezone.utc
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    """`01-10 12:00` of 2024, or `2024-03-10 07:00`; in UTC."""
    day, _, time = text.partition(" ")
    year = "" if day.count("-") == 2 else "2024-"
    return datetime.fromisoformat(f"{year}{day}T{time or '00:00'}").replace(tzinfo=UTC)


def interval(text: str | None) -> DataInterval | None:
    return DataInterval(*map(at, text.split(", "))) if text else None


@dataclass
class Vector:
    """Airflow's answer, or ours where §14 says so."""

    case: str
    schedule: str
    expected: str | None
    start: str | None = None
    end: str | None = None
    catchup: bool = True
    last: str | None = None
    now: str = "01-10 12:00"


DAILY, LAST_2, LAST_3 = "0 0 * * *", "01-02, 01-03", "01-03, 01-04"
VECTORS = [
    Vector("daily, first", DAILY, "01-01, 01-02", start="01-01"),
    Vector("daily, start aligned up", DAILY, "01-02, 01-03", start="01-01 05:00"),
    Vector("delta, first", "1d", "01-01 05:00, 01-02 05:00", start="01-01 05:00"),
    Vector("the end is inclusive", DAILY, LAST_3, start="01-01", end="01-03", last=LAST_2),
    Vector("after the end", DAILY, None, start="01-01", end="01-03", last=LAST_3),
    Vector("no catchup, noon", DAILY, "01-09, 01-10", start="01-01", catchup=False),
    Vector("no catchup, ends now", DAILY, "01-09, 01-10", start="01-01", catchup=False, now="01-10"),
    Vector("no catchup, just ended", DAILY, "01-09, 01-10", start="01-01", catchup=False, now="01-10 00:00:01"),
    Vector("no catchup, behind", DAILY, "01-09, 01-10", start="01-01", catchup=False, last=LAST_2),
    Vector("no catchup, future start", DAILY, "02-01, 02-02", start="02-01", catchup=False),
    Vector("no start, catchup", DAILY, None),
    Vector("no start, no catchup", DAILY, "01-09, 01-10", catchup=False),
    Vector("delta, no start, catchup", "1d", None),
    Vector("hourly to daily", DAILY, "01-04, 01-05", start="01-01", last="01-03 05:00, 01-03 06:00"),
    Vector("daily to hourly", "0 * * * *", "01-04, 01-04 01:00", start="01-01", last=LAST_3),
    Vector("midnight to six", "0 6 * * *", "01-03 06:00, 01-04 06:00", start="01-01", last=LAST_3),
    Vector("once", "@once", "01-01, 01-01", start="01-01", catchup=False),
    Vector("once, again", "@once", None, start="01-01", last="01-01, 01-01"),
    Vector("once, without a start", "@once", "01-10 12:00, 01-10 12:00"),
    Vector("once, after the end", "@once", None, start="01-05", end="01-04"),
    Vector("none", "none", None, start="01-01"),
    Vector("continuous, first", "@continuous", "01-01, 01-10 12:00", start="01-01"),
    Vector("continuous, next", "@continuous", "01-03, 01-10 12:00", start="01-01", last=LAST_2),
    # §14.1: a fixed spacing keeps its grid without catchup (Airflow: 01-09 00:00 and 01-10 03:00)
    Vector("delta 1 day, no catchup", "1d", "01-09 05:00, 01-10 05:00", start="01-01 05:00", catchup=False),
    Vector("delta 7 h, no catchup", "7h", "01-09 23:00, 01-10 06:00", start="01-01 05:00", catchup=False),
    Vector("delta, no catchup, no start: epoch grid", "1d", "01-09, 01-10", catchup=False),
]


@pytest.mark.parametrize("v", VECTORS, ids=lambda v: v.case)
def test_the_next_interval_is_that_of_the_table(v: Vector) -> None:
    start, end = (at(x) if x else None for x in (v.start, v.end))
    timetable = parse_schedule(v.schedule, "UTC", start)
    plan = timetable.next_run(interval(v.last), TimeRestriction(start, end, v.catchup), at(v.now))
    assert (plan.interval if plan else None) == interval(v.expected)
    assert plan is None or plan.run_after == plan.interval.end


def starts(schedule: str, zone: str, first: str, last: str) -> list[str]:
    plans = intervals(parse_schedule(schedule, zone), at(first), at(last), at("2040-01-01"))
    return [p.interval.start.strftime("%m-%d %H:%M") for p in plans]


def test_day_of_month_or_day_of_week_matches_when_both_are_restricted() -> None:
    assert starts("0 0 13 * 5", "UTC", "01-01", "01-19") == ["01-05 00:00", "01-12 00:00", "01-13 00:00", "01-19 00:00"]


def test_a_time_in_the_spring_gap_runs_shifted_forward() -> None:
    assert starts("30 2 * * *", "America/New_York", "03-09", "03-12") == ["03-09 07:30", "03-10 07:30", "03-11 06:30"]


def test_a_time_in_the_autumn_overlap_runs_once_at_the_second_occurrence() -> None:
    # trap T15: croniter fires a daily 01:30 twice
    assert starts("30 1 * * *", "America/New_York", "11-02", "11-05") == ["11-02 05:30", "11-03 06:30", "11-04 06:30"]


@pytest.mark.parametrize(("day", "hours"), [("03-10", 23), ("11-03", 25), ("07-01", 24)])
def test_an_hourly_schedule_runs_every_real_hour_once_on_a_change_day(day: str, hours: int) -> None:
    zone = "America/New_York"
    (midnight,) = (p.interval for p in intervals(parse_schedule("@daily", zone), at(day), at(f"{day} 23:59"), at(day)))
    hourly = list(intervals(parse_schedule("@hourly", zone), midnight.start, midnight.end - HOUR, at(day)))
    assert [p.interval.start for p in hourly] == [midnight.start + n * HOUR for n in range(hours)]
    assert all(p.interval.end - p.interval.start == HOUR for p in hourly)


def test_every_second_hour_keeps_the_wall_clock_with_one_interval_of_three_hours_in_autumn() -> None:
    zone = "America/New_York"
    spring = starts("0 */2 * * *", zone, "2024-03-10 05:00", "2024-03-10 10:00")
    assert spring == ["03-10 05:00", "03-10 07:00", "03-10 08:00", "03-10 10:00"]  # 00, 02 (shown as 03), 04, 06
    autumn = starts("0 */2 * * *", zone, "2024-11-03 04:00", "2024-11-03 09:00")
    assert autumn == ["11-03 04:00", "11-03 07:00", "11-03 09:00"]


def test_the_schedule_leaves_no_hole_in_spring_where_airflow_loses_half_an_hour() -> None:
    plans = list(intervals(parse_schedule("0,30 0-3 * * *", "America/New_York"), at("03-09"), at("03-12"), at("03-20")))
    assert all(a.interval.end == b.interval.start for a, b in pairwise(plans))
    covered = DataInterval(at("2024-03-10 07:00"), at("2024-03-10 07:30"))
    assert [p.interval for p in plans if p.interval.covers(covered)] == [covered]


def test_a_start_at_a_shifted_instant_is_not_skipped() -> None:
    start = at("2024-03-10 07:30")
    plan = parse_schedule("30 2 * * *", "America/New_York").next_run(None, TimeRestriction(start, None, True), start)
    assert plan is not None
    assert plan.interval.start == start


def test_an_hourly_schedule_survives_a_change_of_half_an_hour() -> None:
    found = starts("0 * * * *", "Australia/Lord_Howe", "2024-04-06 13:00", "2024-04-06 16:30")
    assert found == ["04-06 13:00", "04-06 14:00", "04-06 15:30", "04-06 16:30"]
    found = starts("0 * * * *", "Australia/Lord_Howe", "2024-10-05 14:30", "2024-10-05 17:00")
    assert found == ["10-05 14:30", "10-05 16:00", "10-05 17:00"]


def test_a_day_that_a_zone_left_out_is_no_day_of_its_own() -> None:
    found = starts("@daily", "Pacific/Apia", "2011-12-28 00:00", "2012-01-01 12:00")
    assert found == ["12-28 10:00", "12-29 10:00", "12-30 10:00", "12-31 10:00", "01-01 10:00"]


@pytest.mark.parametrize("now", ["01-25 00:00", "01-25 01:00", "01-25 23:59"])
def test_a_manual_run_of_a_cron_covers_the_last_complete_interval(now: str) -> None:
    assert parse_schedule("@daily").infer_manual_interval(at(now)) == interval("01-24, 01-25")


def test_a_manual_run_of_a_fixed_interval_covers_the_stretch_before_it() -> None:
    assert parse_schedule("6h").infer_manual_interval(at("01-25 07:13")) == interval("01-25 01:13, 01-25 07:13")


@pytest.mark.parametrize("schedule", ["none", "@once", "@continuous", "dates: 2024-01-05"])
def test_a_manual_run_without_intervals_covers_its_moment(schedule: str) -> None:
    assert parse_schedule(schedule).infer_manual_interval(at("01-25")) == interval("01-25, 01-25")


def test_a_monthly_schedule_does_not_drift_as_airflows_relativedelta_does() -> None:
    found = starts("0 0 L * *", "UTC", "01-31", "04-30")
    assert found == ["01-31 00:00", "02-29 00:00", "03-31 00:00", "04-30 00:00"]
