"""How people write durations and dates in options: `90s`, `1h30m`, `00:05:00`, `2013-01-01`, `2013-01-01T06:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from jupyter_flows.errors import UsageError
from jupyter_flows.timetable.zones import in_utc, zone

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)([wdhms]))", re.IGNORECASE)
_WHOLE = re.compile(rf"(?:{_PARTS.pattern})+", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,6}):([0-5]\d):([0-5]\d(?:\.\d+)?)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_FIX = "Write it like 90s, 1m, 2h, 1d, 1h30m or 00:05:00."


def parse_duration(text: str) -> timedelta:
    """The duration people write as `90s`, `1h30m`, `1d`, `00:05:00` or plain seconds. Raises UsageError otherwise."""
    word = text.strip()
    try:
        if _NUMBER.fullmatch(word):
            return timedelta(seconds=float(word))
        if clock := _CLOCK.fullmatch(word):
            return timedelta(hours=int(clock[1]), minutes=int(clock[2]), seconds=float(clock[3]))
        if _WHOLE.fullmatch(word):
            return timedelta(seconds=sum(float(n) * _UNITS[unit.lower()] for n, unit in _PARTS.findall(word)))
    except OverflowError:
        raise UsageError(f"{text!r} is too long a duration.", fix=_FIX) from None
    raise UsageError(f"{text!r} is not a duration.", fix=_FIX)


def parse_moment(text: str) -> datetime:
    """An ISO date or datetime; naive when no offset is written. Raises UsageError otherwise."""
    word = text.strip()
    try:
        return datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", word))
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date.", fix="Write it like 2013-01-01, 2013-01-01T06:00 or 2013-01-01T06:00+02:00."
        ) from None


def aware(moment: datetime, timezone_name: str) -> datetime:
    """`moment`, read in the zone when naive, as that zone's clocks show it.

    Its offset is fixed, so that it goes through ISO text unchanged. Raises UsageError for an unknown zone.
    """
    local = in_utc(moment, timezone_name).astimezone(zone(timezone_name))
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta(0)))
