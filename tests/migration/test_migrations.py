"""Databases of every revision open with this release, and end with the very tables a new one gets."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jupyter_flows.errors import StoreError
from jupyter_flows.model.ids import AttemptId, TaskId
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.storage import schema
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.sql import SqlStore

REVISIONS = sorted(path.name.partition("_")[0] for path in (schema.MIGRATIONS / "versions").glob("[0-9]*.py"))

Shipped = Callable[[str], Path]
SchemaOf = Callable[[Path], Any]

SECOND = '''"""A later change."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("runs", sa.Column("mood", sa.Text(), nullable=False, server_default="fine"))
'''


def migrated_from_nothing(path: Path) -> None:
    path.touch()
    store = SqlStore(f"sqlite:///{path}")
    store.database.alone(lambda connection: schema.upgrade(connection, str(path)), 0, "migrating")
    store.close()


@pytest.fixture
def later_release(tmp_path: Path) -> Path:
    """The migrations of a release after this one."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "0002_mood.py").write_text(SECOND)
    return folder


def migrate(path: Path, migrations: Path) -> None:
    store = SqlStore(f"sqlite:///{path}")
    try:
        store.database.alone(lambda c: schema.upgrade(c, str(path), migrations=migrations), 0, "migrating")
    finally:
        store.close()


def test_the_newest_revision_is_the_one_new_databases_are_marked_with() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]
    assert REVISIONS[-1] == schema.HEAD


def test_tables_made_at_once_are_those_of_the_migrations(tmp_path: Path, schema_of: SchemaOf) -> None:
    open_store(f"sqlite:///{tmp_path / 'fresh.sqlite'}").close()
    migrated_from_nothing(tmp_path / "migrated.sqlite")
    fresh, migrated = schema_of(tmp_path / "fresh.sqlite"), schema_of(tmp_path / "migrated.sqlite")
    assert fresh.keys() == migrated.keys()
    for name, facts in fresh.items():
        assert migrated[name] == facts, name
    assert {"runs", "events", "ix_runs_active", "jupyter_flows_version"} <= fresh.keys()


def test_a_migrated_database_works(tmp_path: Path) -> None:
    migrated_from_nothing(tmp_path / "migrated.sqlite")
    store = open_store(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    assert (store.flows(), store.lease(), store.last_seq()) == ([], None, 0)
    store.close()


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("content", ["empty", "sample"])
def test_a_database_of_each_revision_ends_with_the_tables_of_a_new_one(
    tmp_path: Path, shipped: Shipped, schema_of: SchemaOf, revision: str, content: str
) -> None:
    path = shipped(f"{revision}_{content}")
    open_store(f"sqlite:///{path}").close()
    open_store(f"sqlite:///{tmp_path / 'fresh.sqlite'}").close()
    assert schema_of(path) == schema_of(tmp_path / "fresh.sqlite")


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_each_revision_stored_is_still_there(shipped: Shipped, revision: str) -> None:
    store = open_store(f"sqlite:///{shipped(f'{revision}_sample')}")
    stored = store.flow("sales")  # type: ignore[arg-type]
    assert (stored.version_number, stored.paused, stored.flow.tasks[0].id) == (2, True, "load")
    runs = store.runs(stored.flow.id, oldest_first=True)
    assert [run.state for run in runs] == [RunState.SUCCESS, RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
    first = runs[0]
    assert first.params == {"city": "Zürich"}
    (task,) = store.task_runs([first.key])[first.key]
    assert (task.task_id, task.state, task.try_number) == ("load", TaskState.SUCCESS, 1)
    (attempt,) = store.attempts(first.key)
    assert (attempt.token, attempt.how, attempt.outcome is not None) == ("token", "forked", True)
    (artifact,) = store.artifacts(AttemptId(*first.key, TaskId("load"), -1, 1))
    assert (artifact.name, artifact.size) == ("tidy", 7)
    assert [event.seq for event in store.events()] == list(range(1, store.last_seq() + 1))
    (backfill,) = store.backfills(active=True)
    assert [run.run_id for run in store.runs(backfill_id=backfill.id)]
    assert len(store.intents()) == 1
    lease = store.lease()
    assert lease is not None
    assert lease.owner.host == "host"
    store.close()


def test_an_older_database_is_upgraded_with_its_content(shipped: Shipped, later_release: Path) -> None:
    path = shipped("0001_sample")
    migrate(path, later_release)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT DISTINCT mood FROM runs").fetchall() == [("fine",)]
    assert connection.execute("SELECT version_num FROM jupyter_flows_version").fetchall() == [("0002",)]
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (4,)
    connection.close()


def test_a_newer_database_is_refused_and_left_alone(shipped: Shipped, later_release: Path) -> None:
    path = shipped("0001_sample")
    migrate(path, later_release)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema 0002, made by a newer release") as caught:
        open_store(f"sqlite:///{path}")
    assert "pip install -U jupyter_flows" in caught.value.fix
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    shipped: Shipped, later_release: Path, schema_of: SchemaOf
) -> None:
    path = shipped("0001_sample")
    before = schema_of(path)
    broken = SECOND + '    op.execute("SELECT * FROM nowhere")\n'
    (later_release / "versions" / "0002_mood.py").write_text(broken)
    with pytest.raises(StoreError):
        migrate(path, later_release)
    assert schema_of(path) == before
    open_store(f"sqlite:///{path}").close()


def test_every_revision_ships_an_empty_and_a_sample_database() -> None:
    data = Path(__file__).parent / "data"
    expected = {f"{revision}_{content}.sql" for revision in REVISIONS for content in ("empty", "sample")}
    assert {path.name for path in data.iterdir()} == expected


def test_alembic_is_imported_only_to_upgrade(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from jupyter_flows.storage.open import open_store\n"
        "early = 'sqlalchemy' in sys.modules\n"
        f"open_store({f'sqlite:///{tmp_path}/new.sqlite'!r}).close()\n"
        f"open_store({f'sqlite:///{tmp_path}/new.sqlite'!r}).close()\n"
        "print(json.dumps([early, 'alembic' in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, False]


def test_the_tables_have_no_changes_without_a_migration(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from jupyter_flows.storage.tables import metadata

    migrated_from_nothing(tmp_path / "migrated.sqlite")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
