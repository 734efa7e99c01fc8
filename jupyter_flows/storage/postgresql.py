"""PostgreSQL: a server, through psycopg 3."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from jupyter_flows.errors import ConfigError, StoreError
from jupyter_flows.storage import tables
from jupyter_flows.storage.database import Database, Writer
from jupyter_flows.storage.faults import is_lost, must_repeat

T = TypeVar("T")


class PostgresqlDatabase(Database):
    """PostgreSQL through psycopg 3.

    Writers queue at the row of `head`. A transaction the server undid (serialization failure, deadlock, connection
    lost before COMMIT) is done again from its first read. When the connection breaks *at* the COMMIT, the server is
    asked by transaction id whether it committed: nothing is ever repeated blindly.
    """

    def __init__(self, engine: sa.Engine, timeout: float, pauses: Sequence[float] = (0.05, 0.2, 0.5, 1, 2, 4)) -> None:
        super().__init__(engine, timeout)
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._pauses = tuple(pauses)
        self._was_reached = False
        sa.event.listen(engine, "connect", self._on_connect)

    def read(self, work: Callable[[sa.Connection], T], doing: str) -> T:
        """In a read-only snapshot; once more after a lost connection."""
        self.check_usable()

        def attempt() -> T:
            with self._reading.connect() as connection, connection.begin():
                return work(connection)

        return self._persistently(attempt, doing)

    def write(self, work: Callable[[Writer], T], doing: str) -> T:
        """In a transaction that holds the lock of all writers."""
        self.check_usable()

        def attempt() -> T:
            with self.engine.connect() as connection:
                transaction = connection.begin()
                writer, transaction_id = self._locked(connection)
                result = work(writer)
                writer.finish()
                try:
                    transaction.commit()
                except DBAPIError as error:
                    if not is_lost(error) or not self._was_committed(transaction_id, doing):
                        raise
                return result

        return self._persistently(attempt, doing)

    def alone(self, work: Callable[[sa.Connection], None], lock: int, doing: str) -> None:
        """In a transaction that holds the advisory lock of that number."""

        def attempt() -> None:
            with self.engine.connect() as connection, connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
                work(connection)

        self._persistently(attempt, doing)

    def describe(self) -> Mapping[str, Any]:
        """Engine and version."""

        def work(connection: sa.Connection) -> Mapping[str, Any]:
            settings = ("server_version", "synchronous_commit")
            found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in settings}
            return {"engine": "PostgreSQL", "version": found.pop("server_version"), **found}

        return self.read(work, "reading its settings")

    def stamp(self) -> object:
        """The number of commits so far."""
        count: int = self.read(lambda c: c.execute(sa.select(tables.head.c.writes)).scalar_one(), "looking for news")
        return count

    def _locked(self, connection: sa.Connection) -> tuple[Writer, int]:
        head = sa.select(tables.head.c.seq, sa.func.txid_current()).with_for_update()
        seq, transaction_id = connection.execute(head).one()
        return Writer(connection, seq), transaction_id

    def _was_committed(self, transaction_id: int, doing: str) -> bool:
        """What became of a transaction whose COMMIT was not answered."""
        deadline = time.monotonic() + self.timeout
        while True:
            status = None
            try:
                with self.engine.connect() as connection:
                    status = connection.execute(sa.select(sa.func.txid_status(transaction_id))).scalar()
            except DBAPIError as error:
                if not is_lost(error):
                    raise
            if status in ("committed", "aborted"):
                return bool(status == "committed")
            if time.monotonic() > deadline:
                raise StoreError(
                    f"The database {self.site.place} was lost while it committed ({doing}): "
                    "all of it was written, or nothing.",
                    fix="Look at what is stored before asking again.",
                )
            time.sleep(0.1)

    def _persistently(self, attempt: Callable[[], T], doing: str) -> T:
        pauses = self._pauses if self._was_reached else ()  # a wrong address is told at once
        for pause in (*pauses, None):
            with self.explaining(doing):
                try:
                    return attempt()
                except DBAPIError as error:
                    if pause is None or not (is_lost(error) or must_repeat(error)):
                        raise
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _on_connect(self, connection: Any, _record: object) -> None:
        milliseconds = int(self.timeout * 1000)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute(f"SET lock_timeout = {milliseconds}")
            cursor.execute(f"SET statement_timeout = {4 * milliseconds}")
            # a scheduler stopped in mid-transaction must not hold up the others for ever
            cursor.execute(f"SET idle_in_transaction_session_timeout = {milliseconds // 2}")
        connection.autocommit = False
        self._was_reached = True


def postgresql_engine(url: sa.URL) -> sa.Engine:
    """An engine that speaks through psycopg 3. Raises ConfigError when that is not installed."""
    options: dict[str, Any] = {
        "application_name": "jupyter_flows",
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    given = {k: v for k, v in options.items() if k not in url.query}
    try:
        return sa.create_engine(url.set(drivername="postgresql+psycopg"), connect_args=given, max_overflow=-1)
    except ModuleNotFoundError as error:
        raise ConfigError(
            "PostgreSQL needs the package psycopg.", fix="pip install 'jupyter_flows[postgresql]'"
        ) from error
