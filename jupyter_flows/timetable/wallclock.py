"""Which days and minutes of a wall clock a cron matches: sets of numbers, no time zone."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from jupyter_flows.timetable.words import MONTHS, WEEKDAYS, and_list, ordinal, runs_of, times_of_day

LAST = 0
"""Stands for the last one among a month's days or weeks."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """The five fields, expanded. None: the field is `*`. `nth`: of a weekday (Sunday is 0), which ones in the month."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    nth: Mapping[int, frozenset[int]] = field(default_factory=dict)

    @property
    def is_every_hour(self) -> bool:
        """Whether each hour of the day matches: such a schedule follows real time through a change of the clocks."""
        return len(self.hours) == 24

    @property
    def minutes_of_day(self) -> tuple[int, ...]:
        """The matching minutes of a matching day, counted from midnight."""
        return tuple(sorted(h * 60 + m for h in self.hours for m in self.minutes))

    def has_day(self, day: date) -> bool:
        """Whether `day` matches: day of month OR day of week when both are restricted."""
        if day.month not in self.months:
            return False
        if self.days is None:
            return self.weekdays is None or self._has_weekday(day, self.weekdays)
        if day.day in self.days or (LAST in self.days and day.day == _length(day)):
            return True
        return self.weekdays is not None and self._has_weekday(day, self.weekdays)

    def _has_weekday(self, day: date, weekdays: frozenset[int]) -> bool:
        weekday = day.isoweekday() % 7
        if weekday not in weekdays or weekday not in self.nth:
            return weekday in weekdays
        weeks = self.nth[weekday]
        return (day.day + 6) // 7 in weeks or (LAST in weeks and day.day + 7 > _length(day))

    def days_from(self, day: date, *, backwards: bool = False) -> Iterator[date]:
        """Matching days, `day` first if it matches, as far as dates reach."""
        step = timedelta(days=-1 if backwards else 1)
        try:
            while True:
                if day.month not in self.months:
                    day = (day.replace(day=1) if backwards else day.replace(day=_length(day))) + step
                    continue
                if self.has_day(day):
                    yield day
                day += step
        except OverflowError:
            return

    @property
    def is_possible(self) -> bool:
        """Whether any day ever matches; the calendar repeats after 400 years."""
        first = next(self.days_from(date(2000, 1, 1)), None)
        return first is not None and first.year < 2400

    def describe(self) -> tuple[bool, str]:
        """Whether the time zone makes no difference to the words, and the words."""
        is_rhythm, times = times_of_day(self.minutes, self.hours)
        days = self._days_in_words()
        if is_rhythm:
            return not days, f"{times} {days}".strip()
        if not days:
            return False, f"every day {times}" if times.startswith("at ") else times
        single = self.days is None and self.weekdays is not None and len(self.weekdays) == 1 and not self.nth
        if single and len(self.months) == 12:
            return False, f"{days.replace('on', 'every', 1)} {times}"
        return False, f"{times} {days}"

    def _days_in_words(self) -> str:
        months = "" if len(self.months) == 12 else runs_of(self.months, ("", *MONTHS))
        parts = [p for p in (self._month_days_in_words(months), self._weekdays_in_words()) if p]
        if not parts:
            return f"every day in {months}" if months else ""
        words = "on " + " and ".join(parts)
        return f"{words} in {months}" if months and not (self.days and self.weekdays is None) else words

    def _month_days_in_words(self, months: str) -> str:
        if self.days is None:
            return ""
        numbers = self.days - {LAST}
        words = [f"the {runs_of(numbers, [ordinal(n) if n else '' for n in range(32)])}"] if numbers else []
        words += ["the last day"] * (LAST in self.days)
        whose = months if months and self.weekdays is None else "every month" if not months else "the month"
        return f"{and_list(words)} of {whose}"

    def _weekdays_in_words(self) -> str:
        if self.weekdays is None:
            return ""
        if not self.nth:
            ordered = {(w or 7) for w in self.weekdays} if self.weekdays > {6} else set(self.weekdays)
            words = runs_of(ordered, (*WEEKDAYS, WEEKDAYS[0]))
            return words if self.days is None else f"every {words}"
        named = [
            f"the {'last' if week == LAST else ordinal(week)} {WEEKDAYS[day]}"
            for day, weeks in sorted(self.nth.items())
            for week in sorted(weeks, key=lambda w: w or 9)
        ]
        return f"{and_list(named)} of the month"


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
