"""From the text of a schedule, or from its JSON, to a timetable. Whatever cannot run is refused here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from jupyter_flows.errors import UsageError
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.calendar import Calendar
from jupyter_flows.timetable.cron import Cron
from jupyter_flows.timetable.delta import EPOCH, Delta
from jupyter_flows.timetable.once import Continuous, Never, Once
from jupyter_flows.timetable.zones import as_instant, in_utc, zone

PRESETS: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_WORDS = (*PRESETS, "@once", "@continuous", "none")
_SPACING = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\Z", re.ASCII)
_ISO = re.compile(r"p(?:(\d+)w)?(?:(\d+)d)?(?:t(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?\Z", re.ASCII)
_ENGLISH = re.compile(r"(?:every\s+)?(?:(\d+)\s*)?(week|day|hour|minute|min|second|sec)s?\Z", re.ASCII)
_HOW = "Write a preset (@daily), a cron ('30 2 * * mon'), an interval (6h), 'dates: 2024-01-05, …' or none."


def parse_schedule(schedule: str | None, timezone: str = "UTC", start: datetime | None = None) -> Timetable:
    """The timetable of a schedule's text: None, '' or `none`; a preset; a cron of five fields; `6h`; `dates: …`.

    `timezone` is where a cron and dates are read; a fixed interval counts from `start` (naive: of that zone) or the
    Unix epoch. Raises UsageError for anything that is wrong or could never run.
    """
    zone(timezone)
    text = (schedule or "").strip()
    word = text.lower()
    if word in ("", "none"):
        return Never()
    if word == "@once":
        return Once()
    if word == "@continuous":
        return Continuous()
    if word in PRESETS:
        return Cron(PRESETS[word], timezone)
    if word.startswith("dates:"):
        return _calendar(text[len("dates:") :], timezone)
    if (step := _spacing(text)) is not None:
        return _delta(text, step, in_utc(start, timezone) if start else EPOCH)
    if len(word.split()) >= 4 and not _ENGLISH.match(word) and re.match(r"[\d*?-]|[rh]\b", word):
        return Cron(text, timezone)
    raise UsageError(f"The schedule '{text}' cannot be understood.", fix=_nearest(text))


def timetable_from_json(data: Mapping[str, Any]) -> Timetable:
    """The timetable of `to_json`. Raises UsageError for a kind this release does not know."""
    kinds: Mapping[str, Callable[[Mapping[str, Any]], Timetable]] = {
        "none": lambda _: Never(),
        "once": lambda _: Once(),
        "continuous": lambda _: Continuous(),
        "cron": lambda d: Cron(d["expression"], d["timezone"]),
        "delta": lambda d: Delta(timedelta(microseconds=d["microseconds"]), datetime.fromisoformat(d["anchor"])),
        "calendar": lambda d: Calendar(tuple(map(datetime.fromisoformat, d["dates"])), d["timezone"]),
    }
    kind = str(data.get("kind"))
    if kind not in kinds:
        raise UsageError(f"There is no timetable of kind {kind!r}.", fix=f"Use one of {', '.join(kinds)}.")
    return kinds[kind](data)


def _calendar(text: str, timezone: str) -> Calendar:
    return Calendar(tuple(as_instant(item, timezone) for item in text.split(",") if item.strip()), timezone)


def _spacing(text: str) -> timedelta | None:
    """None when `text` is no interval at all."""
    word = text.lower()
    match = _SPACING.match(word) or (_ISO.match(word) if len(word) > 1 else None)
    if match is None or not any(match.groups()) or (re.search(r"\dM", text) and not word.startswith("p")):
        return None
    weeks, days, hours, minutes, seconds = (int(n or 0) for n in match.groups())
    try:
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise UsageError(f"The interval '{text}' is too long.", fix="Write a shorter one, e.g. 6h.") from None


def _delta(text: str, step: timedelta, anchor: datetime) -> Delta:
    if step <= timedelta(0):
        raise UsageError(f"The interval '{text}' is not longer than nothing.", fix="Write e.g. 6h.")
    return Delta(step, anchor)


def _nearest(text: str) -> str:
    word = text.lower()
    if re.search(r"\dM\Z", text) or re.fullmatch(r"(\d+mo|p\d+[my])", word):
        return "Write minutes as in 30m; for months write @monthly or a cron."
    if re.match(r"-\s*\d", word):
        return "An interval is longer than nothing: write e.g. 6h."
    if match := _ENGLISH.match(word):
        number, unit = match.groups()
        preset = {"hour": "@hourly", "day": "@daily", "week": "@weekly"}.get(unit)
        return f"Write {preset if preset and number in (None, '1') else f'{number or 1}{unit[0]}'}."
    close = get_close_matches(word if word.startswith("@") else f"@{word}", _WORDS, n=1, cutoff=0.7)
    return f"Write {close[0]}." if close else _HOW
