"""Time zones by name, and what people type as a date: the one place where wall-clock time becomes an instant."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from jupyter_flows.errors import UsageError
from jupyter_flows.model.interval import utc

_HERE_ONLY = frozenset({"localtime", "posixrules", "Factory"})
"""Names the machine gives a meaning: the same flow would run at other times elsewhere."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?(Z|[+-]\d{2}:?\d{2})?\Z", re.ASCII | re.IGNORECASE
)


def zone(name: str) -> ZoneInfo:
    """The IANA zone called `name`. Raises UsageError, with the nearest name, for anything else."""
    try:
        if name not in _HERE_ONLY:
            return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # an odd key, a folder of the database, an unknown name
        pass
    raise UsageError(f"There is no time zone {name!r}.", fix=_zone_fix(name))


def _zone_fix(name: str) -> str:
    known = {z.casefold(): z for z in available_timezones() - _HERE_ONLY}
    wanted = name.strip().replace(" ", "_").casefold()
    close = get_close_matches(wanted, known, n=1, cutoff=0.75)
    cities = {z.rsplit("/", 1)[-1]: z for z in sorted(known)}
    city = get_close_matches(wanted, cities, n=1, cutoff=0.8)
    if wanted not in known and city:
        return f"Write {known[cities[city[0]]]}."
    return f"Write {known[close[0]]}." if close else "Use an IANA name such as Europe/Berlin, or UTC."


def instants(wall: datetime, where: tzinfo, *, both: bool = False) -> tuple[datetime, ...]:
    """The instants in UTC, oldest first, at which the clocks of `where` show `wall` (naive).

    Our rule (semantics §4): a time the clocks skip counts with the offset before the change, i.e. shifted forward; of a
    time they show twice only the second counts. With `both`, both count, and a skipped time is none.
    """
    first = wall.replace(tzinfo=where)
    second = wall.replace(tzinfo=where, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before is None or after is None or before == after:
        return (first.astimezone(timezone.utc),)
    if before < after:  # skipped
        return () if both else (first.astimezone(timezone.utc),)
    twice = (first.astimezone(timezone.utc), second.astimezone(timezone.utc))
    return twice if both else twice[1:]


def in_utc(moment: datetime, zone_name: str) -> datetime:
    """`moment` in UTC; a naive one is a wall-clock time of the zone."""
    return utc(moment) if moment.tzinfo is not None else instants(moment, zone(zone_name))[0]


def as_instant(text: str, zone_name: str = "UTC", *, end_of_day: bool = False) -> datetime:
    """The instant in UTC that `text` names: `2024-01-31`, `2024-01-31 08:00` or ISO 8601 with an offset.

    Without an offset it is a wall-clock time of the zone, mapped as a schedule's times are. A bare date is its midnight
    or, with `end_of_day`, the last microsecond of that day. Raises UsageError.
    """
    text = text.strip()
    try:
        if _DATE.match(text):
            return _of_date(datetime.strptime(text, "%Y-%m-%d"), zone_name, end_of_day)  # noqa: DTZ007
        if match := _MOMENT.match(text):
            return in_utc(datetime.fromisoformat(_iso(*match.groups())), zone_name)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a date: {error}.", fix="Correct the date.") from None
    raise UsageError(f"{text!r} is not a date.", fix="Write it as 2024-01-31 or 2024-01-31T08:00.")


def _of_date(midnight: datetime, zone_name: str, end_of_day: bool) -> datetime:
    if not end_of_day:
        return in_utc(midnight, zone_name)
    return in_utc(midnight + timedelta(days=1), zone_name) - timedelta(microseconds=1)


def _iso(day: str, time: str, offset: str | None) -> str:
    """In the one form Python 3.10 reads: six digits of a second's fraction, an offset with a colon."""
    if "." in time:
        time = f"{time:0<15}"
    offset = "+00:00" if offset in ("Z", "z") else offset or ""
    if offset and ":" not in offset:
        offset = f"{offset[:3]}:{offset[3:]}"
    return f"{day}T{time}{offset}"
