"""The tables, once, for SQLite and PostgreSQL. A change here needs a migration; a test compares the two."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from jupyter_flows.model.interval import utc


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC with microseconds; a naive one raises ValueError.

    SQLite has no such type: there it is ISO text of fixed width, so that texts sort as the instants do.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text on SQLite, timestamptz elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(32))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None:
            return None
        moment = utc(value)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if dialect.name == "sqlite" else value
        return moment.astimezone(timezone.utc)


class Json(TypeDecorator[Any]):
    """A JSON value as ASCII text: NaN, NUL and lone surrogates, as in some tracebacks, survive on every database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database; None is NULL."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else json.loads(value)


class FreeText(TypeDecorator[str]):
    """Text from anywhere. NUL and lone surrogates, which databases refuse, become their escapes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database."""
        if value is None or (value.isascii() and "\x00" not in value):
            return value
        return value.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _required(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **options)


flows = sa.Table(
    "flows",
    metadata,
    _required("flow_id", sa.Text, primary_key=True),
    _required("version", sa.Text),
    _required("paused", sa.Boolean),
    _required("registered_at", Moment),
)

flow_versions = sa.Table(
    "flow_versions",
    metadata,
    _required("flow_id", sa.Text, primary_key=True),
    _required("version", sa.Text, primary_key=True),
    _required("number", sa.Integer),
    _required("created_at", Moment),
    _required("flow", Json),
    sa.ForeignKeyConstraint(["flow_id"], ["flows.flow_id"]),
    sa.UniqueConstraint("flow_id", "number"),
)

runs = sa.Table(
    "runs",
    metadata,
    _required("flow_id", sa.Text, primary_key=True),
    _required("run_id", sa.Text, primary_key=True),
    _required("run_type", sa.Text),
    _required("logical_date", Moment),
    _required("interval_start", Moment),
    _required("interval_end", Moment),
    _required("run_after", Moment),
    _required("version", sa.Text),
    _required("state", sa.Text),
    _required("params", Json),
    sa.Column("queued_at", Moment),
    sa.Column("start_date", Moment),
    sa.Column("end_date", Moment),
    sa.Column("backfill_id", sa.Integer),
    sa.Column("ordinal", sa.Integer),
    _required("clear_number", sa.Integer),
    _required("reason", FreeText),
    sa.ForeignKeyConstraint(["flow_id", "version"], ["flow_versions.flow_id", "flow_versions.version"]),
    sa.UniqueConstraint("flow_id", "logical_date"),
)

ACTIVE = sa.text("state IN ('queued', 'running')")
"""As the partial indexes say it: a query must contain these very words for SQLite to use one."""

_backfilled = runs.c.backfill_id.is_not(None)
sa.Index("ix_runs_recent", runs.c.logical_date, runs.c.flow_id)
sa.Index("ix_runs_type", runs.c.flow_id, runs.c.run_type, runs.c.logical_date)
sa.Index("ix_runs_active", runs.c.logical_date, runs.c.flow_id, sqlite_where=ACTIVE, postgresql_where=ACTIVE)
sa.Index("ix_runs_active_flow", runs.c.flow_id, runs.c.logical_date, sqlite_where=ACTIVE, postgresql_where=ACTIVE)
sa.Index("ix_runs_backfill", runs.c.backfill_id, sqlite_where=_backfilled, postgresql_where=_backfilled)

task_runs = sa.Table(
    "task_runs",
    metadata,
    _required("flow_id", sa.Text, primary_key=True),
    _required("run_id", sa.Text, primary_key=True),
    _required("task_id", sa.Text, primary_key=True),
    _required("map_index", sa.Integer, primary_key=True),
    _required("state", sa.Text),
    _required("try_number", sa.Integer),
    _required("max_tries", sa.Integer),
    sa.Column("start_date", Moment),
    sa.Column("end_date", Moment),
    sa.Column("next_try_at", Moment),
    sa.Column("branch", Json),
    _required("reason", FreeText),
    sa.ForeignKeyConstraint(["flow_id", "run_id"], ["runs.flow_id", "runs.run_id"]),
    sqlite_with_rowid=False,
)

attempts = sa.Table(
    "attempts",
    metadata,
    _required("id", sa.Integer, primary_key=True),
    _required("flow_id", sa.Text),
    _required("run_id", sa.Text),
    _required("task_id", sa.Text),
    _required("map_index", sa.Integer),
    _required("try_number", sa.Integer),
    _required("token", sa.Text),
    _required("state", sa.Text),
    sa.Column("queued_at", Moment),
    sa.Column("start_date", Moment),
    sa.Column("end_date", Moment),
    sa.Column("outcome", Json),
    sa.Column("notebook", FreeText),
    sa.Column("log", FreeText),
    sa.Column("pid", sa.BigInteger),
    _required("how", FreeText),
    _required("version", sa.Text),
    sa.ForeignKeyConstraint(["flow_id", "run_id"], ["runs.flow_id", "runs.run_id"]),
    sa.UniqueConstraint("flow_id", "run_id", "task_id", "map_index", "try_number"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    _required("flow_id", sa.Text, primary_key=True),
    _required("run_id", sa.Text, primary_key=True),
    _required("task_id", sa.Text, primary_key=True),
    _required("map_index", sa.Integer, primary_key=True),
    _required("try_number", sa.Integer, primary_key=True),
    _required("name", sa.Text, primary_key=True),
    _required("path", FreeText),
    _required("format", sa.Text),
    _required("digest", sa.Text),
    _required("size", sa.BigInteger),
    sa.ForeignKeyConstraint(
        ["flow_id", "run_id", "task_id", "map_index", "try_number"],
        [f"attempts.{name}" for name in ("flow_id", "run_id", "task_id", "map_index", "try_number")],
    ),
)

events = sa.Table(
    "events",
    metadata,
    _required("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    _required("kind", sa.Text),
    _required("at", Moment),
    sa.Column("flow_id", sa.Text),
    sa.Column("run_id", sa.Text),
    _required("data", Json),
    sa.Index("ix_events_flow", "flow_id", "seq"),
    sa.Index("ix_events_run", "flow_id", "run_id", "seq"),
)

intents = sa.Table(
    "intents",
    metadata,
    _required("id", sa.Integer, primary_key=True),
    _required("kind", sa.Text),
    _required("flow_id", sa.Text),
    sa.Column("run_id", sa.Text),
    _required("data", Json),
    _required("created_at", Moment),
    sa.Column("done_at", Moment),
    _required("result", FreeText),
    sqlite_autoincrement=True,
)
_pending = intents.c.done_at.is_(None)
sa.Index("ix_intents_pending", intents.c.id, sqlite_where=_pending, postgresql_where=_pending)

backfills = sa.Table(
    "backfills",
    metadata,
    _required("id", sa.Integer, primary_key=True),
    _required("flow_id", sa.Text),
    _required("range_start", Moment),
    _required("range_end", Moment),
    _required("reprocess", sa.Text),
    _required("parallel", sa.Integer),
    _required("reverse", sa.Boolean),
    _required("paused", sa.Boolean),
    _required("params", Json),
    _required("state", sa.Text),
    _required("created_at", Moment),
    sa.Column("completed_at", Moment),
    sa.ForeignKeyConstraint(["flow_id"], ["flows.flow_id"]),
    sa.Index("ix_backfills_flow", "flow_id", "id"),
    sqlite_autoincrement=True,
)
sa.Index("uq_backfills_active", backfills.c.flow_id, unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE)

lease = sa.Table(
    "lease",
    metadata,
    _required("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner_id", sa.Text),
    sa.Column("owner", Json),
    _required("epoch", sa.Integer),
    _required("beat", sa.Integer),
)

head = sa.Table(
    "head",
    metadata,
    _required("id", sa.Integer, primary_key=True, autoincrement=False),
    _required("seq", sa.BigInteger),
    _required("writes", sa.BigInteger),
)
"""One row that every writer locks first: so `seq` grows in the order of commits, and `writes` counts them."""
