"""On PostgreSQL too, tables made at once are those of the migrations."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from jupyter_flows.errors import StoreError
from jupyter_flows.storage import schema
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.sql import SqlStore

pytestmark = pytest.mark.postgresql


def dumped(server: Any, url: str) -> list[str]:
    command = [str(server.binaries / "pg_dump"), "--schema-only", "--dbname", url]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return sorted(line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\")))


def test_tables_made_at_once_are_those_of_the_migrations(postgresql: Any) -> None:
    migrated = postgresql.new_database()
    store = SqlStore(migrated)
    store.database.alone(lambda connection: schema.upgrade(connection, "migrated"), 1, "migrating")
    store.close()
    fresh = dumped(postgresql, postgresql.url("prepared"))
    assert any("ix_runs_active" in line for line in fresh)
    assert dumped(postgresql, migrated) == fresh
    opened = open_store(migrated)
    assert (opened.flows(), opened.lease(), opened.last_seq()) == ([], None, 0)
    opened.close()


def test_a_newer_database_is_refused(postgresql: Any) -> None:
    url = postgresql.new_database()
    open_store(url).close()
    postgresql.execute("UPDATE jupyter_flows_version SET version_num = '9999'", url.split("/")[3].partition("?")[0])
    with pytest.raises(StoreError, match="schema 9999, made by a newer release"):
        open_store(url)


def test_a_schema_of_its_own_makes_room_beside_another_program(postgresql: Any) -> None:
    url = postgresql.new_database()
    database = url.split("/")[3].partition("?")[0]
    postgresql.execute("CREATE TABLE runs (distance REAL); CREATE SCHEMA flows", database)
    with pytest.raises(StoreError, match="another program: runs"):
        open_store(url)
    store = open_store(f"{url}&options=-csearch_path%3Dflows")
    assert store.runs() == []
    store.close()
