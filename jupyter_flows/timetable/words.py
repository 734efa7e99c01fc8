"""Times and cron fields in plain English."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_UNITS = (("week", 7 * 86_400), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_MANY = 6
"""Up to so many times of day are listed one by one."""


def and_list(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `13th`."""
    tail = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"


def moment(at: datetime) -> str:
    """`2024-01-05 08:00`, with seconds only when there are any."""
    return at.strftime("%Y-%m-%d %H:%M:%S" if at.second else "%Y-%m-%d %H:%M")


def spacing(step: timedelta) -> str:
    """What follows `every`: `hour`, `6 hours`, `1 hour and 30 minutes`."""
    seconds, micros = divmod(step // timedelta(microseconds=1), 1_000_000)
    if micros:
        return f"{step.total_seconds():g} seconds"
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        number, left = divmod(seconds, size)
        if number and not (unit == "week" and left):  # 10 days, not 1 week and 3 days
            parts.append((number, unit))
            seconds = left
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    return and_list([f"{n} {unit}{'s' if n > 1 else ''}" for n, unit in parts])


def runs_of(numbers: Collection[int], names: Sequence[str]) -> str:
    """Numbers by name, three or more neighbours as a range: `Monday to Friday and Sunday`. `names[n]` names n."""
    groups: list[list[int]] = []
    for number in sorted(numbers):
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    words: list[str] = []
    for group in groups:
        if len(group) > 2:
            words.append(f"{names[group[0]]} to {names[group[-1]]}")
        else:
            words.extend(names[n] for n in group)
    return and_list(words)


def step_of(numbers: Collection[int], size: int) -> int | None:
    """n when `numbers` are all multiples of n below `size`, n > 1 divides `size`, and there are at least two."""
    if len(numbers) < 2 or size % len(numbers):
        return None
    step = size // len(numbers)
    return step if step > 1 and sorted(numbers) == list(range(0, size, step)) else None


def times_of_day(minutes: Collection[int], hours: Collection[int]) -> tuple[bool, str]:
    """Whether it is a rhythm through the whole day (`every 5 minutes`) rather than times of day, and the words."""
    if len(hours) == 24:
        return True, _within_hours(minutes)
    if len(minutes) * len(hours) <= _MANY:
        return False, "at " + and_list([f"{h:02}:{m:02}" for h in sorted(hours) for m in sorted(minutes)])
    step = step_of(hours, 24)
    which = f"every {ordinal(step)} hour from 00" if step else "hours " + runs_of(hours, [f"{h:02}" for h in range(24)])
    return False, f"{_within_hours(minutes)} in {which}"


def _within_hours(minutes: Collection[int]) -> str:
    if len(minutes) == 60:
        return "every minute"
    if step := step_of(minutes, 60):
        return f"every {step} minutes"
    if set(minutes) == {0}:
        return "every hour"
    word = "minute" if len(minutes) == 1 else "minutes"
    return f"every hour at {word} {runs_of(minutes, [str(m) for m in range(60)])}"
