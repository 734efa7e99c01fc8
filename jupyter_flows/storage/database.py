"""Transactions, on whichever database.

Every writer first locks the one row of `head` (on SQLite: the file). So events get their seq in the order of commits,
and what a transaction has read stays true until it commits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError

from jupyter_flows.errors import StoreError
from jupyter_flows.model.event import Event
from jupyter_flows.storage import rows, tables
from jupyter_flows.storage.faults import Site, translated

T = TypeVar("T")


class Writer:
    """One writing transaction. Events added to it are numbered at once and written when it finishes."""

    def __init__(self, connection: sa.Connection, seq: int) -> None:
        self.connection = connection
        self.seq = seq
        self._events: list[rows.Values] = []
        self._touched = False

    def execute(self, statement: sa.Executable, values: Any = None) -> sa.CursorResult[Any]:
        """Run a statement that writes."""
        self._touched = True
        return self.connection.execute(statement, values)

    def add_events(self, events: Iterable[Event]) -> None:
        """Give the events the next numbers."""
        for event in events:
            self.seq += 1
            self._events.append(rows.event_values(event, self.seq))

    def finish(self) -> None:
        """Write what is left, just before the commit. A transaction that wrote nothing leaves no trace."""
        if self._events:
            self.execute(sa.insert(tables.events), self._events)
        if self._touched:
            writes = tables.head.c.writes + 1
            self.connection.execute(sa.update(tables.head).values(seq=self.seq, writes=writes))


class Database:
    """Runs functions in transactions, in any thread, and turns the driver's errors into ours."""

    def __init__(self, engine: sa.Engine, timeout: float) -> None:
        self.engine = engine
        self.timeout = timeout
        self.dialect = engine.dialect.name
        self.site = Site(self.dialect, place_of(engine.url), timeout)
        self._process = os.getpid()
        self._closed = False

    def read(self, work: Callable[[sa.Connection], T], doing: str) -> T:
        """The result of `work`, which sees one state of the database."""
        raise NotImplementedError

    def write(self, work: Callable[[Writer], T], doing: str) -> T:
        """The result of `work`, committed. `work` may be called again when the database undid its transaction."""
        raise NotImplementedError

    def alone(self, work: Callable[[sa.Connection], None], lock: int, doing: str) -> None:
        """Run `work` in a transaction, when there may be no tables yet, while no other process does the same.

        `lock` is the number our processes agree on where a database has numbered locks.
        """
        raise NotImplementedError

    def describe(self) -> Mapping[str, Any]:
        """Engine, version, and how it is set up."""
        raise NotImplementedError

    def stamp(self) -> object:
        """A value that differs after any commit of any process."""
        raise NotImplementedError

    def close(self) -> None:
        """Release all connections."""
        self._closed = True
        self.engine.dispose()

    def check_usable(self) -> None:
        """Raise StoreError after `close`, or in a process forked from the one that opened it."""
        if self._closed:
            raise StoreError(f"The store {self.site.place} is closed.", fix="Open it again.")
        if os.getpid() != self._process:
            raise StoreError(
                f"The store {self.site.place} was opened in another process; connections do not survive a fork.",
                fix="Open the store anew in this process.",
            )

    @contextmanager
    def explaining(self, doing: str) -> Iterator[None]:
        """Within it, a driver's error becomes one of ours."""
        try:
            yield
        except DBAPIError as error:
            raise translated(error, self.site, doing) from error
        except StatementError as error:
            if isinstance(error.orig, (TypeError, ValueError)):
                raise error.orig from None  # a value that cannot be stored: the caller's mistake, said plainly
            raise

    def locked_seq(self, connection: sa.Connection) -> int:
        """The newest seq, after locking out other writers."""
        seq: int = connection.execute(sa.select(tables.head.c.seq).with_for_update()).scalar_one()
        return seq


def place_of(url: sa.URL) -> str:
    """The database as people know it: a path, or host and name, never a password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "(memory)"
    host = url.host or url.query.get("host") or "localhost"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}/{url.database or ''}"
