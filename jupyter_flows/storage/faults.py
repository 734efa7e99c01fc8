"""What a driver's error means: one table per database, each line saying what happened and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, IntegrityError

from jupyter_flows.errors import Conflict, FlowsError, NotFound, StoreError


@dataclass(frozen=True, slots=True)
class Site:
    """Where an error happened: kind and place of the database as people know it, how long a lock was waited for."""

    dialect: str
    place: str
    timeout: float


_SQLITE = (
    # sqlite_errorcode came with Python 3.11, so the messages (fixed texts of the SQLite library) decide
    (
        r"database (table |schema )?is locked",
        "was locked by another process for more than {timeout:g} s",
        "End the program that holds it open for writing, then try again.",
    ),
    (
        r"database or disk is full",
        "cannot grow: the disk or the quota is full",
        "Free space on the disk of {place}; what was being written was not written.",
    ),
    (
        r"readonly database",
        "is read-only",
        "Make the file and its folder writable for this user.",
    ),
    (
        r"unable to open database file",
        "cannot be opened",
        "Check that its folder exists and is writable for this user.",
    ),
    (
        r"file is not a database|malformed|database corrupt",
        "is damaged or is not a SQLite database",
        "Move the file away and restore a copy, or give another path.",
    ),
    (
        r"disk I/O error",
        "cannot be read or written: the disk reports an error",
        "Check the disk; a network file system cannot hold this database.",
    ),
    (
        r"no such (table|column)",
        "does not have the tables of this release",
        "Open it with jupyter_flows.storage.open.open_store, which creates or upgrades them.",
    ),
)

_POSTGRESQL = (
    ("40001|40P01", "kept refusing the transaction because of others", "Try again; if it lasts, look at pg_locks."),
    ("55P03|57014", "was locked by another session for more than {timeout:g} s", "Look at pg_stat_activity for it."),
    ("53100", "has no disk space left", "Free space on the server's disk; nothing was written."),
    ("53", "has no room for another connection or more memory", "Raise max_connections, or close other clients."),
    ("25006", "is read-only", "Connect to the primary server, not to a standby."),
    ("28", "refused the user or password", "Check user and password in the URL."),
    ("3D000", "does not exist on the server", "Create it (CREATE DATABASE), or correct its name in the URL."),
    ("42501", "denies this user the right to do that", "GRANT the user rights on the schema, or use its owner."),
    (
        "42P01|42703",
        "does not have the tables of this release",
        "Open it with jupyter_flows.storage.open.open_store, which creates or upgrades them.",
    ),
)

_REFUSALS = (
    # libpq tells why a connection was refused in words only
    (r"password authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist", "28000"),
    (r"database .* does not exist", "3D000"),
    (r"too many (clients|connections)|remaining connection slots", "53300"),
)

_LOST = re.compile(r"08|57P0[123]|25P03")  # connection failure, server shutting down or starting, idle too long
_AGAIN = re.compile(r"40001|40P01")


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five letters, or nothing."""
    return getattr(error.orig, "sqlstate", None) or ""


def must_repeat(error: DBAPIError) -> bool:
    """Whether the server undid the whole transaction because of another one (serialization failure, deadlock)."""
    return bool(_AGAIN.match(sqlstate(error)))


def is_lost(error: DBAPIError) -> bool:
    """Whether the connection is gone, or could not be had."""
    state = sqlstate(error) or _refusal(error)
    if state:
        return bool(_LOST.match(state))
    return error.connection_invalidated or type(error.orig).__name__ in ("OperationalError", "InterfaceError")


def _refusal(error: DBAPIError) -> str:
    reason = str(error.orig)
    return next((state for pattern, state in _REFUSALS if re.search(pattern, reason)), "")


def translated(error: DBAPIError, site: Site, doing: str) -> FlowsError:
    """The driver's error as one of ours: what, where, and what to do."""
    if isinstance(error, IntegrityError):
        return _contradiction(error, doing)
    reason = str(error.orig).strip()
    if site.dialect == "sqlite":
        found = next((line for line in _SQLITE if re.search(line[0], reason)), None)
    else:
        found = next((line for line in _POSTGRESQL if re.match(line[0], sqlstate(error) or _refusal(error))), None)
        if found is None and is_lost(error):
            found = ("", "cannot be reached", "Check that the server runs and that host and port in the URL are right.")
    if found is None:
        found = ("", "cannot be used", "")
    _, what, fix = (text.format(place=site.place, timeout=site.timeout) for text in found)
    return StoreError(f"The database {site.place} {what} ({doing}: {reason}).", fix=fix)


def _contradiction(error: IntegrityError, doing: str) -> FlowsError:
    reason = str(error.orig).strip()
    if sqlstate(error) == "23503" or "FOREIGN KEY" in reason:
        return NotFound(f"Nothing was written, because it refers to something that is not stored ({doing}: {reason}).")
    return Conflict(f"Nothing was written, because it contradicts what is stored ({doing}: {reason}).")
