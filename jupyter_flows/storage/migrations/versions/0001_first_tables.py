"""First tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment() -> TypeEngine[Any]:
    return sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """First tables, and the single rows of head and lease."""
    active = sa.text("state IN ('queued', 'running')")
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
    )
    op.create_index("ix_events_flow", "events", ["flow_id", "seq"], unique=False)
    op.create_index("ix_events_run", "events", ["flow_id", "run_id", "seq"], unique=False)

    op.create_table(
        "flows",
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("registered_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("flow_id", name=op.f("pk_flows")),
    )
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("writes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    op.create_table(
        "intents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("done_at", _moment(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_intents_pending",
        "intents",
        ["id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )

    op.create_table(
        "lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )
    op.create_table(
        "backfills",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("range_start", _moment(), nullable=False),
        sa.Column("range_end", _moment(), nullable=False),
        sa.Column("reprocess", sa.Text(), nullable=False),
        sa.Column("parallel", sa.Integer(), nullable=False),
        sa.Column("reverse", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("completed_at", _moment(), nullable=True),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.flow_id"], name=op.f("fk_backfills_flows")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_backfills_flow", "backfills", ["flow_id", "id"], unique=False)
    op.create_index(
        "uq_backfills_active", "backfills", ["flow_id"], unique=True, sqlite_where=active, postgresql_where=active
    )

    op.create_table(
        "flow_versions",
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.flow_id"], name=op.f("fk_flow_versions_flows")),
        sa.PrimaryKeyConstraint("flow_id", "version", name=op.f("pk_flow_versions")),
        sa.UniqueConstraint("flow_id", "number", name=op.f("uq_flow_versions_flow_id_number")),
    )
    op.create_table(
        "runs",
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_type", sa.Text(), nullable=False),
        sa.Column("logical_date", _moment(), nullable=False),
        sa.Column("interval_start", _moment(), nullable=False),
        sa.Column("interval_end", _moment(), nullable=False),
        sa.Column("run_after", _moment(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("queued_at", _moment(), nullable=True),
        sa.Column("start_date", _moment(), nullable=True),
        sa.Column("end_date", _moment(), nullable=True),
        sa.Column("backfill_id", sa.Integer(), nullable=True),
        sa.Column("ordinal", sa.Integer(), nullable=True),
        sa.Column("clear_number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_id", "version"],
            ["flow_versions.flow_id", "flow_versions.version"],
            name=op.f("fk_runs_flow_versions"),
        ),
        sa.PrimaryKeyConstraint("flow_id", "run_id", name=op.f("pk_runs")),
        sa.UniqueConstraint("flow_id", "logical_date", name=op.f("uq_runs_flow_id_logical_date")),
    )
    op.create_index(
        "ix_runs_active",
        "runs",
        ["logical_date", "flow_id"],
        unique=False,
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_index(
        "ix_runs_active_flow",
        "runs",
        ["flow_id", "logical_date"],
        unique=False,
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_index(
        "ix_runs_backfill",
        "runs",
        ["backfill_id"],
        unique=False,
        sqlite_where=sa.text("backfill_id IS NOT NULL"),
        postgresql_where=sa.text("backfill_id IS NOT NULL"),
    )
    op.create_index("ix_runs_recent", "runs", ["logical_date", "flow_id"], unique=False)
    op.create_index("ix_runs_type", "runs", ["flow_id", "run_type", "logical_date"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("queued_at", _moment(), nullable=True),
        sa.Column("start_date", _moment(), nullable=True),
        sa.Column("end_date", _moment(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("notebook", sa.Text(), nullable=True),
        sa.Column("log", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["flow_id", "run_id"], ["runs.flow_id", "runs.run_id"], name=op.f("fk_attempts_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint(
            "flow_id",
            "run_id",
            "task_id",
            "map_index",
            "try_number",
            name=op.f("uq_attempts_flow_id_run_id_task_id_map_index_try_number"),
        ),
    )
    op.create_table(
        "task_runs",
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("max_tries", sa.Integer(), nullable=False),
        sa.Column("start_date", _moment(), nullable=True),
        sa.Column("end_date", _moment(), nullable=True),
        sa.Column("next_try_at", _moment(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["flow_id", "run_id"], ["runs.flow_id", "runs.run_id"], name=op.f("fk_task_runs_runs")),
        sa.PrimaryKeyConstraint("flow_id", "run_id", "task_id", "map_index", name=op.f("pk_task_runs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifacts",
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_id", "run_id", "task_id", "map_index", "try_number"],
            ["attempts.flow_id", "attempts.run_id", "attempts.task_id", "attempts.map_index", "attempts.try_number"],
            name=op.f("fk_artifacts_attempts"),
        ),
        sa.PrimaryKeyConstraint(
            "flow_id", "run_id", "task_id", "map_index", "try_number", "name", name=op.f("pk_artifacts")
        ),
    )
    op.execute("INSERT INTO head (id, seq, writes) VALUES (1, 0, 0)")
    op.execute("INSERT INTO lease (id, epoch, beat) VALUES (1, 0, 0)")
