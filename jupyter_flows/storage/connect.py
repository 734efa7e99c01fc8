"""From a URL to a database."""

from __future__ import annotations

import sqlalchemy as sa

from jupyter_flows.errors import ConfigError
from jupyter_flows.storage.database import Database, place_of
from jupyter_flows.storage.postgresql import PostgresqlDatabase, postgresql_engine
from jupyter_flows.storage.sqlite import SqliteDatabase, sqlite_engine


def connect(target: str | sa.URL | sa.Engine, *, timeout: float = 30.0) -> Database:
    """The database of a URL, or of an engine made elsewhere, not yet touched. `timeout` bounds each wait for a lock."""
    if isinstance(target, sa.Engine):
        target.dispose()  # connections made before our settings are not ours
        return _kind(target.url)(target, timeout)
    url = _parsed(target)
    kind = _kind(url)
    engine = sqlite_engine(url, timeout) if kind is SqliteDatabase else postgresql_engine(url)
    return kind(engine, timeout)


_FILE = "sqlite:///"
_URL_FIX = "Write memory://, sqlite:///path/to/file.db or postgresql://user@host/database."


def _parsed(target: str | sa.URL) -> sa.URL:
    if isinstance(target, str) and target.startswith(_FILE) and "?" not in target:
        # a path is taken as it is written: SQLAlchemy 2.1 would read a % in it as an escape, 2.0 would not
        return sa.URL.create("sqlite", database=target.removeprefix(_FILE))
    try:
        return sa.make_url(target)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise ConfigError("This is not a database URL.", fix=_URL_FIX) from error


def _kind(url: sa.URL) -> type[SqliteDatabase] | type[PostgresqlDatabase]:
    name = url.get_backend_name()
    if name == "sqlite":
        if url.database in (None, "", ":memory:") or url.query:
            raise ConfigError(f"{place_of(url)} names no file.", fix=_URL_FIX)
        return SqliteDatabase
    if name in ("postgresql", "postgres"):
        return PostgresqlDatabase
    raise ConfigError(f"A store cannot be kept in {name!r}.", fix=_URL_FIX)
