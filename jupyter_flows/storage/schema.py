"""Which tables a database has: create them, upgrade older ones, refuse newer ones.

Alembic is imported only when there is something to upgrade; a new database gets its tables at once, and a test proves
that both ways end in the same schema.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from jupyter_flows.errors import StoreError
from jupyter_flows.storage import tables

HEAD = "0001"
"""The newest revision in `migrations/versions`."""

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "jupyter_flows_version"


def revision(connection: sa.Connection) -> str | None:
    """The revision of the database, None when it has no tables of ours."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def prepare(connection: sa.Connection, place: str) -> None:
    """Bring the database to HEAD, inside the caller's transaction, which must exclude others who do the same."""
    found = revision(connection)
    if found is None:
        _demand_room(connection, place)
        create(connection)
    elif found != HEAD:
        upgrade(connection, place)


def create(connection: sa.Connection) -> None:
    """All tables at once, marked as HEAD."""
    tables.metadata.create_all(connection)
    first_rows(connection)
    name = sa.Column("version_num", sa.String(32), nullable=False)
    key = sa.PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc")
    version = sa.Table(VERSION_TABLE, sa.MetaData(), name, key)
    version.create(connection)
    connection.execute(sa.insert(version), {"version_num": HEAD})


def first_rows(connection: sa.Connection) -> None:
    """The single rows of `head` and `lease`."""
    connection.execute(sa.insert(tables.head), {"id": 1, "seq": 0, "writes": 0})
    connection.execute(sa.insert(tables.lease), {"id": 1, "epoch": 0, "beat": 0})


def upgrade(connection: sa.Connection, place: str, *, migrations: Path = MIGRATIONS, to: str = "head") -> None:
    """Run the migrations that are missing. Raises StoreError for a database made by a newer release."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    found = revision(connection)
    try:
        ScriptDirectory.from_config(config).get_revision(found or "base")
    except CommandError as error:
        raise StoreError(
            f"The database {place} has schema {found}, made by a newer release; this one knows up to {HEAD}.",
            fix="Upgrade the package: pip install -U jupyter_flows",
        ) from error
    command.upgrade(config, to)


def _demand_room(connection: sa.Connection, place: str) -> None:
    strangers = set(sa.inspect(connection).get_table_names()) & set(tables.metadata.tables)
    if strangers:
        raise StoreError(
            f"The database {place} already has tables of another program: {', '.join(sorted(strangers))}.",
            fix="Give a database (or, on PostgreSQL, a schema) of its own.",
        )
