"""The text of a cron expression, checked word by word, so that what is refused is refused with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from jupyter_flows.errors import UsageError
from jupyter_flows.timetable.words import MONTHS, WEEKDAYS


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name, its numbers (Sunday is both 0 and 7), and the names some numbers have."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, {name[:3].lower(): i for i, name in enumerate(MONTHS, 1)}),
    Field("day of week", 0, 7, {name[:3].lower(): i for i, name in enumerate(WEEKDAYS)}),
)
DAY, WEEKDAY = FIELDS[2], FIELDS[4]

_RANDOM = re.compile(r"[hr](\(.*)?(/\d+)?\Z")
_NEAREST = re.compile(r"\d+w\Z|w\d+\Z")
_LAST = re.compile(r"l([0-7])\Z")


def checked_cron(text: str) -> str:
    """`text` with single spaces and in lower case. Raises UsageError, naming the field, when it is no cron of ours."""
    words = text.lower().split()
    if len(words) != len(FIELDS):
        raise UsageError(f"The cron '{text}' has {len(words)} fields, not 5.", fix=_count_fix(words))
    for place, word in zip(FIELDS, words, strict=True):
        for item in word.split(","):
            if fault := _fault(place, item, word):
                raise UsageError(f"The cron '{text}' cannot be used: {fault[0]}.", fix=fault[1])
    return " ".join(words)


def _count_fix(words: list[str]) -> str:
    if len(words) == 6:
        return f"Write minute hour day month weekday, without seconds or years: '{' '.join(words[1:])}'?"
    return "Write minute hour day month weekday, e.g. '30 2 * * mon'."


_Fault = tuple[str, str]
"""What is wrong, and how to mend it."""


def _fault(place: Field, item: str, word: str) -> _Fault | None:
    if _RANDOM.match(item):
        return f"'{item.upper()}' in the {place.name} is random", f"Write a number for the {place.name}."
    if place is DAY and _NEAREST.match(item):
        return f"'{item.upper()}' is not supported (the nearest working day)", "Write a day, or L for the last one."
    if item == "?" and place not in (DAY, WEEKDAY):
        return f"'?' cannot stand for the {place.name}", "Write *."
    if item in ("*", "?") and item != word:
        return f"'{item}' stands in the list '{word}' but means all of it", f"Write {item} alone."
    if item in ("*", "?") or (place is DAY and item == "l"):
        return None
    counted = [_is_counted(i) for i in word.split(",")]
    if place is WEEKDAY and any(counted) and not all(counted):
        return f"'{word}' mixes plain weekdays with counted ones", "Write all of them with # or L, or none."
    return None if place is WEEKDAY and _LAST.match(item) else _numbers_fault(place, item)


def _is_counted(item: str) -> bool:
    return "#" in item or bool(_LAST.match(item))


def _numbers_fault(place: Field, item: str) -> _Fault | None:
    base, hash_sign, nth = item.partition("#")
    if hash_sign:
        if place is not WEEKDAY:
            return f"'{item}' counts weekdays but stands in the {place.name}", "Write it in the fifth field."
        if not re.fullmatch("[1-5]", nth):
            return f"'{item}' names no week of a month", "Write 1 to 5 behind #, as in fri#2; L5 is the last Friday."
        if not base.isalnum():
            return f"'{item}' counts more than one weekday", "Write each with its own #, as in mon#2,fri#2."
    base, slash, step = base.partition("/")
    if slash and not (_is_number(step) and int(step) > 0):
        return f"'{item}' has the step '{step}'", "Write a step of at least 1, as in */5."
    return None if base == "*" else _range_fault(place, item, base)


def _range_fault(place: Field, item: str, base: str) -> _Fault | None:
    low_word, dash, high_word = base.partition("-")
    for word in (low_word, high_word) if dash else (low_word,):
        if _number(place, word) is None:
            return f"'{word or item}' is not {'an' if place.name == 'hour' else 'a'} {place.name}", _value_fix(
                place, word
            )
    if not dash:
        return None
    low, high = _number(place, low_word) or 0, _number(place, high_word) or 0
    if place is WEEKDAY and high_word == "sun":
        high = 7
    if low == high:
        return f"the range '{base}' starts where it ends", f"Write {low_word}."
    if low > high:
        return f"the range '{base}' runs backwards", _backwards_fix(place, low_word, high_word)
    return None


def _backwards_fix(place: Field, low: str, high: str) -> str:
    if place is WEEKDAY and high == "0":
        return f"Write {low}-7: Sunday is 7, too."
    last = "sun" if place is WEEKDAY else place.high
    first = "mon" if place is WEEKDAY else place.low
    if str(last) == low or str(first) == high:
        return f"Write {high}-{low}, or both in a list: {low},{high}."
    return f"Write {high}-{low}, or, to go past the end, {low}-{last},{first}-{high}."


def _number(place: Field, word: str) -> int | None:
    number = int(word) if _is_number(word) else place.names.get(word)
    return number if number is not None and place.low <= number <= place.high else None


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,4}", word))


def _value_fix(place: Field, word: str) -> str:
    close = get_close_matches(word, place.names, n=1, cutoff=0.5) or [n for n in place.names if word.startswith(n)]
    if close:
        return f"Write {close[0]}."
    named = f" or {', '.join(place.names)}" if place.names else ""
    return f"Write {place.low} to {place.high}{named}, *, a list (1,2), a range (1-3) or a step (*/2)."
