"""From a URL to a store that is ready to use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_flows.errors import StoreError
from jupyter_flows.storage.files import locked, make_folder
from jupyter_flows.storage.store import Store

if TYPE_CHECKING:
    import sqlalchemy as sa

    from jupyter_flows.storage.database import Database
    from jupyter_flows.storage.sqlite import SqliteDatabase

_ADVISORY_LOCK = 0x6A66_6C6F_7773  # "jflows": any number all our processes agree on


def open_store(url: str, *, timeout: float = 30.0) -> Store:
    """The store at `memory://`, `sqlite:///path/to/file.db` or `postgresql://user@host/database`.

    A new database gets its tables, an older one is upgraded, a newer one is refused with StoreError. Any number of
    processes may open the same new database at once. `timeout` is the seconds to wait for a lock.
    """
    if url == "memory://":
        from jupyter_flows.storage.memory import MemoryStore

        return MemoryStore()
    from jupyter_flows.storage.connect import connect
    from jupyter_flows.storage.sql import SqlStore
    from jupyter_flows.storage.sqlite import SqliteDatabase

    database = connect(url, timeout=timeout)
    try:
        if isinstance(database, SqliteDatabase):
            _prepare_file(database)
        else:
            _prepare_server(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


def _prepare_file(database: SqliteDatabase) -> None:
    if database.path.exists() and database.path.stat().st_size and _is_current(database):
        return
    try:
        make_folder(database.path.parent)
        with locked(database.path.with_name(f"{database.path.name}.lock"), database.timeout):
            _create_file(database.path)
            database.switch_to_wal()
            _prepare(database)
    except OSError as error:
        raise StoreError(
            f"The database {database.path} cannot be created: {error.strerror or error}.",
            fix=f"Make {database.path.parent} a folder that this user may write.",
        ) from error


def _create_file(path: Path) -> None:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_server(database: Database) -> None:
    if not _is_current(database):
        _prepare(database)


def _is_current(database: Database) -> bool:
    from jupyter_flows.storage.schema import HEAD, revision

    return database.read(revision, "opening it") == HEAD


def _prepare(database: Database) -> None:
    from jupyter_flows.storage.schema import prepare

    def work(connection: sa.Connection) -> None:
        prepare(connection, database.site.place)

    database.alone(work, _ADVISORY_LOCK, "creating or upgrading its tables")
