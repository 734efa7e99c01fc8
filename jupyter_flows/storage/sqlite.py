"""SQLite: one file, many readers, one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from jupyter_flows.errors import StoreError
from jupyter_flows.storage.database import Database, Writer
from jupyter_flows.storage.faults import translated

T = TypeVar("T")
_WRITES = "jupyter_flows_writes"
_TURN_MS = 5
"""SQLite asks for a lock ever more seldom, at last every 100 ms, and so whoever waits longest loses to newcomers.

We let it begin anew after this time. Measured with 4 processes that write without pause, four rounds turn by turn: the
slowest of 1,600 writes took 1.3 to 4.8 s before and 0.1 to 0.8 s since; the price is a 99th percentile up from 20 to
100 ms to 55 to 250 ms.
"""


class SqliteDatabase(Database):
    """SQLite in WAL mode: any number of readers, one writer, each commit synced to disk.

    Measured: with a plain BEGIN, 3 of 4 read-then-write transactions of 4 processes fail at once;
    BEGIN IMMEDIATE waits its turn. Threads of this process queue at a lock of their own, which is fair and cheap.
    """

    def __init__(self, engine: sa.Engine, timeout: float) -> None:
        super().__init__(engine, timeout)
        self.path = Path(engine.url.database or "")
        self._writing = engine.execution_options(**{_WRITES: True})
        self._turn = threading.Lock()
        self._watch_lock = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        sa.event.listen(engine, "connect", self._on_connect)
        sa.event.listen(engine, "begin", self._on_begin)

    def read(self, work: Callable[[sa.Connection], T], doing: str) -> T:
        """In a deferred transaction: it never waits for writers."""
        self.check_usable()
        with self.explaining(doing), self.engine.connect() as connection, connection.begin():
            return work(connection)

    def write(self, work: Callable[[Writer], T], doing: str) -> T:
        """In a BEGIN IMMEDIATE transaction."""
        self.check_usable()
        with self._my_turn(doing), self.explaining(doing):
            with self._writing.connect() as connection, connection.begin():
                writer = Writer(connection, self.locked_seq(connection))
                result = work(writer)
                writer.finish()
            return result

    def alone(self, work: Callable[[sa.Connection], None], lock: int, doing: str) -> None:  # noqa: ARG002
        """In a BEGIN IMMEDIATE transaction, which excludes every other writer of the file."""
        with self._my_turn(doing), self.explaining(doing):
            with self._writing.connect() as connection, connection.begin():
                work(connection)

    def describe(self) -> Mapping[str, Any]:
        """Engine, version, journal mode and size. `wal_reset_race`: SQLite's own fault, mended in 3.51.3."""

        def work(connection: sa.Connection) -> Mapping[str, Any]:
            pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas}

        return {
            "engine": "SQLite",
            "version": sqlite3.sqlite_version,
            "wal_reset_race": sqlite3.sqlite_version_info < (3, 51, 3),
            "bytes": self.path.stat().st_size,
            **self.read(work, "reading its settings"),
        }

    def switch_to_wal(self) -> None:
        """Choose the WAL journal: the file remembers it, so this is done once, when the file is made."""
        with self._explaining_sqlite("creating it"):
            connection = connect_sqlite(self.path, self.timeout)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()

    def stamp(self) -> object:
        """PRAGMA data_version of a connection that never writes: a few microseconds, sees every other connection."""
        self.check_usable()
        with self._watch_lock, self._explaining_sqlite("looking for news"):
            if self._watch is None:
                self._watch = connect_sqlite(self.path, self.timeout)
            version: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
            return version

    def close(self) -> None:
        """Release all connections; the last one to leave the file checkpoints it."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        super().close()

    def check_usable(self) -> None:
        """Also notice a file that was deleted or replaced: what is written then would be lost."""
        super().check_usable()
        if self._identity is not None and _identity(self.path) != self._identity:
            raise StoreError(
                f"The database {self.site.place} was deleted or replaced while it was open.",
                fix="Put the file back, or restart to open the new one.",
            )

    def _on_connect(self, connection: sqlite3.Connection, _record: object) -> None:
        _set_up(connection, self.timeout)
        if self._identity is None:
            self._identity = _identity(self.path)

    def _on_begin(self, connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql("BEGIN")
            return
        deadline = time.monotonic() + self.timeout
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_TURN_MS}")
        try:
            while not _began(connection, is_last_try=time.monotonic() > deadline):
                pass  # SQLite itself has waited
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")

    @contextmanager
    def _explaining_sqlite(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(sa.exc.DBAPIError(None, None, error), self.site, doing) from error

    @contextmanager
    def _my_turn(self, doing: str) -> Iterator[None]:
        if not self._turn.acquire(timeout=self.timeout):
            raise StoreError(
                f"The database {self.site.place} was kept busy by other threads of this process "
                f"for more than {self.timeout:g} s ({doing}).",
                fix="Try again.",
            )
        try:
            yield
        finally:
            self._turn.release()


def _began(connection: sa.Connection, *, is_last_try: bool) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except sa.exc.OperationalError as error:
        if is_last_try or "locked" not in str(error.orig):
            raise
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def connect_sqlite(path: Path, timeout: float) -> sqlite3.Connection:
    """A connection to an existing file, in autocommit mode, usable in any thread."""
    uri = f"file:{quote(path.absolute().as_posix())}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)


def _set_up(connection: sqlite3.Connection, timeout: float) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute(f"PRAGMA busy_timeout = {int(timeout * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # in WAL mode: one sync per commit, durable through power loss


def sqlite_engine(url: sa.URL, timeout: float) -> sa.Engine:
    """An engine for an existing file."""
    path = Path(url.database or "").expanduser().absolute()

    def creator() -> sqlite3.Connection:
        return connect_sqlite(path, timeout)

    # no limit on connections: each thread that asks has one for a moment, and none should wait for another's
    return sa.create_engine(url.set(drivername="sqlite", database=str(path)), creator=creator, max_overflow=-1)
