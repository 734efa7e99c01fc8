"""How people write durations and dates in options: `90s`, `1h30m`, `00:05:00`, `2013-01-01`, `2013-01-01T06:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from jupyter_flows.errors import UsageError

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


def parse_zone(name: str) -> tzinfo:
    """The time zone called `name`. Raises UsageError when there is none."""
    if name.upper() == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"{name!r} is not a time zone.", fix="Use a name such as UTC, Europe/Paris or America/New_York."
        ) from None


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """`moment`, read in `zone` when it is naive, with a fixed offset so that it survives ISO text unchanged."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    offset = aware.utcoffset()
    return aware.replace(tzinfo=timezone(offset)) if offset else aware.replace(tzinfo=timezone.utc)
