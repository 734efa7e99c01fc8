"""What holds for every timetable: neighbours touch, time moves on, next and prev are inverse, JSON loses nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from time import perf_counter
from types import SimpleNamespace

import pytest
from croniter import croniter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_flows.model.interval import DataInterval, RunPlan, TimeRestriction
from jupyter_flows.timetable.base import Timetable, intervals
from jupyter_flows.timetable.calendar import Calendar
from jupyter_flows.timetable.cron import Cron
from jupyter_flows.timetable.delta import Delta
from jupyter_flows.timetable.once import Continuous, Never, Once
from jupyter_flows.timetable.parse import timetable_from_json
from jupyter_flows.timetable.ticks import Countable, Ticks

UTC = timezone.utc
MICRO = timedelta(microseconds=1)
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Antarctica/Troll")
quick = settings(max_examples=60, deadline=None, database=None)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    two = st.tuples(number, number).filter(lambda p: p[0] != p[1]).map(sorted)
    return st.one_of(
        st.just("*"),
        st.just("*"),
        number.map(str),
        st.integers(2, high).map(lambda n: f"*/{n}"),
        two.map(lambda p: f"{p[0]}-{p[1]}"),
        two.map(lambda p: f"{p[0]},{p[1]}"),
        st.tuples(two, st.integers(1, 5)).map(lambda t: f"{t[0][0]}-{t[0][1]}/{t[1]}"),
        st.tuples(number, st.integers(1, 5)).map(lambda t: f"{t[0]}/{t[1]}"),
    )


days = st.one_of(field(1, 28), st.sampled_from(["L", "15,L", "29", "30", "31"]))
months = st.one_of(st.just("*"), st.just("*"), st.sampled_from(["1-11", "1,3,5", "jan-mar", "*/2", "7,8"]))
weekdays = st.one_of(
    field(0, 6), st.sampled_from(["7", "5-7", "fri-sun", "mon#1", "5#2,1#4", "L5", "mon,wed", "1-7/2"])
)
expressions = st.tuples(field(0, 59), field(0, 23), days, months, weekdays).map(" ".join)
crons = st.builds(Cron, expressions, st.sampled_from(ZONES))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
deltas = st.builds(Delta, st.timedeltas(timedelta(seconds=1), timedelta(days=40)), moments)
calendars = st.builds(Calendar, st.lists(moments, min_size=1, max_size=8).map(tuple), st.sampled_from(ZONES))
trivial = st.sampled_from([Never(), Once(), Continuous()])
grids = st.one_of(crons, deltas)
anything = st.one_of(grids, calendars, trivial)


@quick
@given(grids, moments)
def test_next_and_prev_are_inverse_and_strict(ticks: Ticks, at: datetime) -> None:
    after, before = ticks.get_next(at), ticks.get_prev(at)
    assert after is not None
    assert before is not None
    assert before < at < after
    assert ticks.get_next(before) in (at, after)
    assert ticks.get_prev(after) in (at, before)
    for tick in (before, after):
        assert ticks.align_next(tick) == ticks.align_prev(tick) == tick
        assert ticks.get_prev(ticks.get_next(tick) or tick) == tick
        assert ticks.get_next(ticks.get_prev(tick) or tick) == tick
    assert ticks.align_next(at) in (at, after)
    assert (ticks.align_next(at) == at) == (ticks.align_prev(at) == at)


@quick
@given(grids, moments, st.booleans())
def test_intervals_touch_and_move_on(timetable: Timetable, start: datetime, catchup: bool) -> None:
    limits, now = TimeRestriction(start, None, catchup), start + timedelta(days=400)
    plans, last = [], None
    for _ in range(30):
        plan = timetable.next_run(last, limits, now)
        assert plan is not None
        plans.append(plan)
        last = plan.interval
    assert all(p.interval.start < p.interval.end == p.run_after for p in plans)
    assert all(a.interval.end == b.interval.start for a, b in pairwise(plans))
    assert plans[0].interval.start >= start


@quick
@given(anything, moments, moments, st.booleans())
def test_a_run_lies_within_its_limits_and_after_the_last(
    timetable: Timetable, start: datetime, now: datetime, catchup: bool
) -> None:
    limits = TimeRestriction(start, start + timedelta(days=30), catchup)
    last = DataInterval(start, start + timedelta(hours=5))
    for before in (None, last):
        plan = timetable.next_run(before, limits, now)
        if plan is not None:
            assert limits.allows(plan.interval)
            assert before is None or plan.interval.start > before.start


@quick
@given(grids, moments)
def test_without_catchup_the_run_is_the_newest_that_has_ended(timetable: Ticks, now: datetime) -> None:
    plan = timetable.next_run(None, TimeRestriction(), now)
    assert plan is not None
    assert plan.interval.end <= now
    following = timetable.get_next(plan.interval.end)
    assert following is not None
    assert following > now


@quick
@given(anything, moments)
def test_json_builds_an_equal_timetable(timetable: Timetable, now: datetime) -> None:
    again = timetable_from_json(timetable.to_json())
    assert again == timetable
    assert hash(again) == hash(timetable)
    assert again.describe() == timetable.describe()
    assert again.to_json() == timetable.to_json()
    limits = TimeRestriction(now - timedelta(days=9), None, True)
    assert again.next_run(None, limits, now) == timetable.next_run(None, limits, now)


@quick
@given(crons, st.lists(moments, min_size=2, max_size=5))
def test_the_answer_does_not_depend_on_what_was_asked_before(cron: Cron, asked: list[datetime]) -> None:
    walked = [(cron.get_next(m), cron.get_prev(m)) for m in asked]
    fresh = [
        (Cron(cron.expression, cron.timezone).get_next(m), Cron(cron.expression, cron.timezone).get_prev(m))
        for m in asked
    ]
    assert walked == fresh


@quick
@given(st.one_of(grids, calendars), moments, st.timedeltas(timedelta(0), timedelta(hours=60)))
def test_counting_equals_making(timetable: Timetable, start: datetime, length: timedelta) -> None:
    assert isinstance(timetable, Countable)
    end = start + length
    step = timetable.step if isinstance(timetable, Delta) else None
    if step is not None and length // step > 3000:
        end = start + 3000 * step
    made = sum(1 for p in _walk(timetable, start, end))
    assert timetable.count(start, end) == made


def _walk(timetable: Timetable, start: datetime, end: datetime) -> list[RunPlan]:
    return list(intervals(timetable, start, end - MICRO, end)) if end > start else []


@settings(quick, max_examples=200)
@given(expressions, st.dates(date(1995, 1, 1), date(2035, 1, 1)))
@example(expression="0 12 */2 * 0/1", day=date(2024, 1, 1))
@example(expression="0 12 1 * 0-6", day=date(2024, 1, 1))
def test_the_fields_mean_what_the_oracle_reads(oracle: SimpleNamespace, expression: str, day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    days_only = "0 12 " + " ".join(expression.split()[2:])
    noons, is_noon = Cron(days_only), oracle.matcher(days_only)
    for n in range(400):
        noon = midnight + timedelta(days=n, hours=12)
        assert (noons.align_next(noon) == noon) == is_noon(noon.replace(tzinfo=None)), noon

    cron, matches = Cron(expression), oracle.matcher(expression)
    first = cron.align_next(midnight)
    assert first is not None
    start = first.replace(hour=0, minute=0)
    minutes = [start + timedelta(minutes=m) for m in range(1440)]
    made = [p.interval.start for p in _walk(cron, start, start + timedelta(days=1))]
    assert made == [t for t in minutes if matches(t.replace(tzinfo=None))]


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 * * *",
        "*/17 */5 * * *",
        "0 0 13 * 5",
        "5 4 L * *",
        "0 0 29 2 *",
        "0 9 * * 5#2",
        "0 0 31 * mon",
        "0 0 * * L1",
    ],
)
def test_in_utc_the_schedule_is_croniters_on_the_wall_clock(expression: str) -> None:
    start = datetime(2023, 1, 1)  # noqa: DTZ001
    theirs = croniter(expression, start - timedelta(minutes=1), ret_type=datetime)
    ours, at = Cron(expression), start.replace(tzinfo=UTC) - MICRO
    for _ in range(300 if "29 2" not in expression else 4):
        at = ours.get_next(at) or at
        assert at.replace(tzinfo=None) == theirs.get_next()


def test_the_first_or_the_second_friday_is_a_schedule_where_croniter_finds_no_date() -> None:
    ours = intervals(
        Cron("0 0 1 * 5#2"),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    )
    assert [p.interval.start.strftime("%m-%d") for p in ours] == ["01-01", "01-12", "02-01", "02-09", "03-01"]


@pytest.mark.parametrize("expression", ["0 0 * * *", "*/5 * * * *", "* * * * *"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_ten_thousand_intervals_are_planned_in_well_under_a_second_and_a_half(expression: str, zone: str) -> None:
    timetable, start = Cron(expression, zone), datetime(1999, 1, 1, tzinfo=UTC)
    began = perf_counter()
    plans = intervals(timetable, start, datetime(2037, 1, 1, tzinfo=UTC), start)
    assert sum(1 for _ in zip(range(10_000), plans, strict=False)) == 10_000
    assert perf_counter() - began < 1.5


def test_a_schedule_ends_where_dates_end_instead_of_raising() -> None:
    end, begin = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    for ticks in (Cron("0 0 * * *", "Pacific/Apia"), Delta(timedelta(days=1))):
        assert ticks.get_next(end) is None
        assert ticks.get_prev(begin) is None
        assert ticks.next_run(None, TimeRestriction(end, None, True), end) is None
    assert Cron("0 0 29 2 *").get_next(datetime(9997, 1, 1, tzinfo=UTC)) is None
