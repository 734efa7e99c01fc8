"""What people may write as a schedule, what it is called, and what is refused with a way out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from jupyter_flows.errors import UsageError
from jupyter_flows.timetable.calendar import Calendar
from jupyter_flows.timetable.cron import Cron
from jupyter_flows.timetable.delta import EPOCH, Delta
from jupyter_flows.timetable.once import Continuous, Never, Once
from jupyter_flows.timetable.parse import PRESETS, parse_schedule, timetable_from_json

UTC = timezone.utc
NEW_YORK = "America/New_York"


@pytest.mark.parametrize("text", [None, "", "  ", "none", "None"])
def test_no_schedule_means_never(text: str | None) -> None:
    assert parse_schedule(text) == Never()


@pytest.mark.parametrize(("preset", "cron"), PRESETS.items())
def test_a_preset_is_its_cron(preset: str, cron: str) -> None:
    assert parse_schedule(preset, NEW_YORK) == Cron(cron, NEW_YORK)
    assert parse_schedule(f" {preset.upper()} ") == Cron(cron, "UTC")


def test_presets_without_a_rhythm_have_their_own_timetables() -> None:
    assert parse_schedule("@once") == Once()
    assert parse_schedule("@continuous") == Continuous()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6h", 6 * 3600),
        ("30m", 1800),
        ("1d", 86_400),
        ("1h30m", 5400),
        ("90s", 90),
        ("2w", 14 * 86_400),
        ("1w2d", 9 * 86_400),
        ("6H", 6 * 3600),
        ("PT6H", 6 * 3600),
        ("PT1H30M", 5400),
        ("P1D", 86_400),
        ("P1DT12H", 36 * 3600),
        ("p2w", 14 * 86_400),
    ],
)
def test_a_fixed_interval_counts_from_the_epoch_or_the_start(text: str, seconds: int) -> None:
    start = datetime(2024, 1, 1, 5, tzinfo=UTC)
    assert parse_schedule(text) == Delta(timedelta(seconds=seconds), EPOCH)
    assert parse_schedule(text, "UTC", start) == Delta(timedelta(seconds=seconds), start)


def test_a_naive_start_is_a_time_of_the_zone() -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    assert parse_schedule("6h", NEW_YORK, naive) == Delta(timedelta(hours=6), datetime(2024, 1, 1, 5, tzinfo=UTC))


def test_a_list_of_dates_is_read_in_the_zone_sorted_and_without_doubles() -> None:
    timetable = parse_schedule("dates: 2024-02-09 08:00, 2024-01-05, 2024-01-05T00:00, 2024-03-01T12:00Z,", NEW_YORK)
    assert timetable == Calendar(
        (
            datetime(2024, 1, 5, 5, tzinfo=UTC),
            datetime(2024, 2, 9, 13, tzinfo=UTC),
            datetime(2024, 3, 1, 12, tzinfo=UTC),
        ),
        NEW_YORK,
    )


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0  0   * * SUN", "0 0 * * sun"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 ? * 1", "0 0 * * 1"),
        ("0 0 * * fri-sun", "0 0 * * 5,6,0"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0 0 * JAN-mar *", "0 0 * 1-3 *"),
        ("0 0-23 * * *", "0 * * * *"),
        ("5/15 * * * *", "5,20,35,50 * * * *"),
        ("*/90 * * * *", "0 * * * *"),
    ],
)
def test_two_spellings_of_a_cron_have_the_same_ticks(text: str, same: str) -> None:
    one, other = parse_schedule(text, NEW_YORK), parse_schedule(same, NEW_YORK)
    assert isinstance(one, Cron)
    assert isinstance(other, Cron)
    at = datetime(2024, 11, 1, tzinfo=UTC)
    for _ in range(80):
        assert one.get_next(at) == other.get_next(at)
        at = one.get_next(at) or at


REFUSED = [
    # crons that Airflow accepts and fails on later
    ("0 0 31 2 *", "never comes", "day or the month"),
    ("0 0 30 feb *", "never comes", ""),
    ("0 0 31 4,6,9,11 *", "never comes", ""),
    ("R * * * *", "'R' in the minute is random", "number"),
    ("H H * * *", "random", "number"),
    ("r(0-5) * * * *", "random", "number"),
    ("0 0 h/2 * *", "'H/2' in the day of month is random", "number"),
    ("0 0 0 1 1 *", "6 fields, not 5", "without seconds or years"),
    ("0 0 1 1 * * 2024", "7 fields, not 5", "minute hour day month weekday"),
    ("* * * *", "4 fields, not 5", "minute hour day month weekday"),
    ("1-0 * * * *", "'1-0' runs backwards", "0-1"),
    ("0 22-2 * * *", "'22-2' runs backwards", "22-23,0-2"),
    ("0 0 * * sat-mon", "'sat-mon' runs backwards", "sat,mon"),
    ("0 0 * * 5-0", "'5-0' runs backwards", "5-7"),
    ("0 0 * nov-feb *", "'nov-feb' runs backwards", "nov-12,1-feb"),
    ("5-5 * * * *", "starts where it ends", "Write 5."),
    ("*/0 * * * *", "the step '0'", "*/5"),
    ("1-9/0 * * * *", "the step '0'", "*/5"),
    ("*/x * * * *", "the step 'x'", "*/5"),
    # crons that are simply wrong
    ("60 * * * *", "'60' is not a minute", "0 to 59"),
    ("0 24 * * *", "'24' is not an hour", "0 to 23"),
    ("0 0 0 * *", "'0' is not a day of month", "1 to 31"),
    ("0 0 * 13 *", "'13' is not a month", "1 to 12"),
    ("0 0 * * 8", "'8' is not a day of week", "0 to 7"),
    ("0 0 * * frid", "'frid' is not a day of week", "Write fri."),
    ("0 0 * * Monday", "'monday' is not a day of week", "Write mon."),
    ("0 0 * janury *", "'janury' is not a month", "Write jan."),
    ("0 0 15w * *", "nearest working day", "L"),
    ("0 0 5#2 * *", "counts weekdays but stands in the day of month", "fifth field"),
    ("0 0 * * 5#6", "names no week of a month", "1 to 5"),
    ("0 0 * * 1-5#2", "more than one weekday", "mon#2,fri#2"),
    ("0 0 * * 5,6#2", "mixes", "all of them"),
    ("0 0 *,5 * *", "stands in the list", "alone"),
    ("? * * * *", "cannot stand for the minute", "*"),
    ("0,,5 * * * *", "is not a minute", "0 to 59"),
    ("-5 * * * *", "is not a minute", "0 to 59"),
    # intervals
    ("0h", "not longer than nothing", "6h"),
    ("PT0S", "not longer than nothing", "6h"),
    ("-6h", "cannot be understood", "longer than nothing"),
    ("99999999999d", "too long", "shorter"),
    ("1M", "cannot be understood", "30m"),
    ("1mo", "cannot be understood", "@monthly"),
    ("P1M", "cannot be understood", "@monthly"),
    ("30m1h", "cannot be understood", "6h"),
    # words near to something
    ("daily", "cannot be understood", "Write @daily."),
    ("@dayly", "cannot be understood", "Write @daily."),
    ("@houly", "cannot be understood", "Write @hourly."),
    ("@reboot", "cannot be understood", ""),
    ("6 hours", "cannot be understood", "Write 6h."),
    ("every 90 minutes", "cannot be understood", "Write 90m."),
    ("every day", "cannot be understood", "Write @daily."),
    ("every 2 weeks", "cannot be understood", "Write 2w."),
    ("@continous", "cannot be understood", "Write @continuous."),
    ("banana", "cannot be understood", "a preset (@daily)"),
    ("run at six every single day", "cannot be understood", "a preset (@daily)"),
    # dates
    ("dates:", "is empty", "dates: 2024-01-05"),
    ("dates: 2024-01-05, soon", "'soon' is not a date", "2024-01-31"),
    ("dates: 2024-02-30", "'2024-02-30' is not a date", "Correct"),
]


@pytest.mark.parametrize(("text", "says", "fix"), REFUSED)
def test_a_schedule_that_cannot_run_is_refused_when_it_is_defined(text: str, says: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_schedule(text)
    assert says in caught.value.message
    assert fix in caught.value.fix
    assert caught.value.fix


@pytest.mark.parametrize(
    ("zone", "fix"),
    [
        ("Europe/Berln", "Write Europe/Berlin."),
        ("europe/berlin", "Write Europe/Berlin."),
        ("Berlin", "Write Europe/Berlin."),
        ("New York", "Write America/New_York."),
        ("America", "IANA"),
        ("../etc/passwd", ""),
        ("", "IANA"),
        ("localtime", "IANA"),
    ],
)
@pytest.mark.parametrize("schedule", [None, "@daily", "6h", "dates: 2024-01-05"])
def test_an_unknown_zone_is_refused_with_the_nearest_name(schedule: str | None, zone: str, fix: str) -> None:
    with pytest.raises(UsageError, match="no time zone") as caught:
        parse_schedule(schedule, zone)
    assert fix in caught.value.fix


def test_an_interval_of_nothing_is_refused_however_it_is_built() -> None:
    for step in (timedelta(0), timedelta(hours=-1)):
        with pytest.raises(UsageError, match="longer than nothing"):
            Delta(step)


def test_the_json_of_a_timetable_of_a_newer_release_is_refused_by_its_kind() -> None:
    with pytest.raises(UsageError, match="kind 'lunar'"):
        timetable_from_json({"kind": "lunar"})
    with pytest.raises(UsageError, match="kind 'None'"):
        timetable_from_json({})


WORDS = [
    ("none", "when asked"),
    ("@once", "once"),
    ("@continuous", "continuously, one run after the other"),
    ("@weekly", "every Sunday at 00:00 America/New_York"),
    ("@daily", "every day at 00:00 America/New_York"),
    ("@hourly", "every hour"),
    ("@monthly", "at 00:00 on the 1st of every month America/New_York"),
    ("@quarterly", "at 00:00 on the 1st of January, April, July and October America/New_York"),
    ("@yearly", "at 00:00 on the 1st of January America/New_York"),
    ("6h", "every 6 hours"),
    ("1h", "every hour"),
    ("1d", "every day"),
    ("10d", "every 10 days"),
    ("2w", "every 2 weeks"),
    ("90m", "every 1 hour and 30 minutes"),
    ("30 2 * * mon,fri", "at 02:30 on Monday and Friday America/New_York"),
    ("0 6,18 * * *", "every day at 06:00 and 18:00 America/New_York"),
    ("0 */6 * * *", "every day at 00:00, 06:00, 12:00 and 18:00 America/New_York"),
    ("0 0 * * mon-fri", "at 00:00 on Monday to Friday America/New_York"),
    ("0 0 * * fri-sun", "at 00:00 on Friday to Sunday America/New_York"),
    ("* * * * *", "every minute"),
    ("*/5 * * * *", "every 5 minutes"),
    ("15 * * * *", "every hour at minute 15"),
    ("0,20,25 * * * *", "every hour at minutes 0, 20 and 25"),
    ("*/5 * * * 6", "every 5 minutes on Saturday America/New_York"),
    ("*/10 9-17 * * 1-5", "every 10 minutes in hours 09 to 17 on Monday to Friday America/New_York"),
    ("0 0 L * *", "at 00:00 on the last day of every month America/New_York"),
    ("0 0 1-7,15,L 6 *", "at 00:00 on the 1st to 7th and 15th and the last day of June America/New_York"),
    ("0 0 22 * *", "at 00:00 on the 22nd of every month America/New_York"),
    ("0 0 * * fri#2", "at 00:00 on the 2nd Friday of the month America/New_York"),
    ("0 0 * * L5", "at 00:00 on the last Friday of the month America/New_York"),
    ("0 0 13 * 5", "at 00:00 on the 13th of every month and every Friday America/New_York"),
    ("0 0 * jun-aug *", "at 00:00 every day in June to August America/New_York"),
    ("0 0 * 6 mon", "at 00:00 on Monday in June America/New_York"),
    ("dates: 2024-01-05, 2024-02-09 08:00", "on 2024-01-05 00:00 and 2024-02-09 08:00 America/New_York"),
    (
        "dates: 2024-01-01,2024-01-02,2024-01-03,2024-01-04,2024-01-05",
        "on 2024-01-01 00:00, 2024-01-02 00:00, 2024-01-03 00:00 and 2 more dates America/New_York",
    ),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_a_schedule_is_described_in_plain_words(text: str, words: str) -> None:
    assert parse_schedule(text, NEW_YORK).describe() == words
