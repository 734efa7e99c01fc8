"""What can go wrong with a SQLite file: each time a StoreError that says what and where, and nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jupyter_flows.errors import ConfigError, StoreError
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.sql import SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "flows.sqlite"


@pytest.fixture
def sqlite_store(path: Path) -> Iterator[SqlStore]:
    store = open_store(f"sqlite:///{path}", timeout=0.2)
    assert isinstance(store, SqlStore)
    yield store
    store.close()


def pragma_on_every_connection(store: SqlStore, pragma: str) -> Any:
    def set_it(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(pragma)

    sa.event.listen(store.database.engine, "connect", set_it)
    store.database.engine.dispose()
    return set_it


def test_a_new_database_is_for_its_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_store(f"sqlite:///{path}")
        store.flows()
        files = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert files["flows.sqlite"] == 0o600
    assert set(files.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_settings_are_those_that_keep_data(sqlite_store: SqlStore, path: Path) -> None:
    facts = sqlite_store.describe()
    assert (facts["journal_mode"], facts["synchronous"], facts["foreign_keys"]) == ("wal", 2, 1)
    assert facts["busy_timeout"] == 200
    assert facts["location"] == str(path)


def test_an_engine_made_elsewhere_gets_the_same_settings(sqlite_store: SqlStore, path: Path, world: Any) -> None:
    other = SqlStore(sa.create_engine(f"sqlite:///{path}"), timeout=1.5)
    facts = other.describe()
    assert (facts["foreign_keys"], facts["busy_timeout"]) == (1, 1500)
    other.register(world.flow(), world.noon)
    assert sqlite_store.flows() == other.flows()
    other.close()


def test_a_lock_that_ends_in_time_is_only_waited_for(path: Path, world: Any) -> None:
    store = open_store(f"sqlite:///{path}", timeout=30)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = threading.Thread(target=store.register, args=(world.flow(), world.noon))
    writing.start()
    writing.join(0.3)
    assert writing.is_alive()
    assert store.flows() == []  # readers do not wait
    other.execute("ROLLBACK")
    writing.join(30)
    other.close()
    assert [stored.flow for stored in store.flows()] == [world.flow()]
    store.close()


def test_a_lock_that_lasts_is_a_store_error(sqlite_store: SqlStore, path: Path, world: Any) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"flows\.sqlite was locked by another process for more than 0\.2 s") as caught:
        sqlite_store.register(world.flow(), world.noon)
    assert "registering flow 'sales'" in caught.value.message
    assert "End the program" in caught.value.fix
    other.execute("ROLLBACK")
    other.close()
    sqlite_store.register(world.flow(), world.noon)
    assert sqlite_store.describe()["busy_timeout"] == 200


def test_a_thread_that_writes_too_long_is_a_store_error_for_the_next(sqlite_store: SqlStore, world: Any) -> None:
    inside, leave = threading.Event(), threading.Event()

    def dawdle(_writer: object) -> None:
        inside.set()
        leave.wait(30)

    slow = threading.Thread(target=sqlite_store.database.write, args=(dawdle, "dawdling"))
    slow.start()
    assert inside.wait(30)
    with pytest.raises(StoreError, match="other threads"):
        sqlite_store.register(world.flow(), world.noon)
    leave.set()
    slow.join(30)
    sqlite_store.register(world.flow(), world.noon)


def test_a_full_disk_writes_nothing_and_passes_when_space_returns(
    sqlite_store: SqlStore, path: Path, world: Any
) -> None:
    flow = world.flow()
    sqlite_store.register(flow, world.noon)
    pages = path.stat().st_size // 4096 + 10
    listener = pragma_on_every_connection(sqlite_store, f"PRAGMA max_page_count = {pages}")
    runs = world.runs(flow, 2000)
    with pytest.raises(StoreError, match="full") as caught:
        sqlite_store.create_backfill(world.backfill(flow), runs, [], world.noon)
    assert "Free space" in caught.value.fix
    assert (sqlite_store.runs(), sqlite_store.backfills(), sqlite_store.last_seq()) == ([], [], 1)
    sa.event.remove(sqlite_store.database.engine, "connect", listener)
    sqlite_store.database.engine.dispose()
    sqlite_store.create_backfill(world.backfill(flow), runs, [], world.noon)
    assert len(sqlite_store.runs()) == 2000
    check = sqlite_store.database.read(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar(), "checking")
    assert check == "ok"


def test_a_file_this_user_may_not_write_says_so(path: Path, world: Any, actors: Any) -> None:
    store = open_store(f"sqlite:///{path}")
    store.register(world.flow(), world.noon)
    store.close()
    path.chmod(0o444)
    for folder in (path.parent, *path.parent.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(path.parents[3]):
            folder.chmod(0o755)
    (result,) = actors("read_only", f"sqlite:///{path}")
    assert result["error"] == "StoreError"
    assert "flows.sqlite" in result["message"]
    assert "writable for this user" in result["message"]


def test_a_connection_that_may_not_write_says_so(sqlite_store: SqlStore, world: Any) -> None:
    pragma_on_every_connection(sqlite_store, "PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="read-only"):
        sqlite_store.register(world.flow(), world.noon)
    assert sqlite_store.flows() == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is a diary, not a database\n" * 200)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"flows\.sqlite is damaged or is not a SQLite database") as caught:
        open_store(f"sqlite:///{path}")
    assert "another path" in caught.value.fix
    assert path.read_bytes() == before


def test_a_damaged_database_says_so(path: Path, world: Any) -> None:
    store = open_store(f"sqlite:///{path}")
    flow = world.flow()
    store.register(flow, world.noon)
    store.create_runs(world.runs(flow, 500), world.noon)
    store.close()
    with open(path, "r+b") as file:
        for page in range(1, path.stat().st_size // 4096):
            file.seek(4096 * page)
            file.write(b"\xff" * 2048)
    with pytest.raises(StoreError, match="damaged"):
        open_store(f"sqlite:///{path}").runs()


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE runs (distance REAL)")
    other.close()
    with pytest.raises(StoreError, match="another program: runs"):
        open_store(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'flows.sqlite'}")


@pytest.mark.parametrize("act", ["delete", "replace"])
def test_a_file_taken_away_under_an_open_store_is_noticed(
    sqlite_store: SqlStore, path: Path, world: Any, act: str
) -> None:
    sqlite_store.flows()
    path.rename(path.with_name("aside"))
    if act == "replace":
        path.write_bytes(b"")
    with pytest.raises(StoreError, match="deleted or replaced"):
        sqlite_store.register(world.flow(), world.noon)


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    store = open_store(f"sqlite:///{path}")
    assert store.flows() == []
    assert store.describe()["journal_mode"] == "wal"
    store.close()


def test_a_path_with_odd_characters_is_just_a_path(tmp_path: Path, world: Any) -> None:
    path = tmp_path / "a b%20#ü&=" / "fl'ows.sqlite"
    store = open_store(f"sqlite:///{path}")
    store.register(world.flow(), world.noon)
    store.close()
    assert path.stat().st_size > 0


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "nonsense", "sqlite:///x?a=b"])
def test_a_url_that_names_no_store_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError):
        open_store(url)


def test_a_value_that_is_no_json_is_the_callers_mistake_and_nothing_is_written(
    sqlite_store: SqlStore, world: Any
) -> None:
    flow = world.flow()
    sqlite_store.register(flow, world.noon)
    with pytest.raises(TypeError, match="not JSON serializable"):
        sqlite_store.create_runs([*world.runs(flow, 2), world.run(flow, 3, params={"x": object()})], world.noon)
    assert sqlite_store.runs() == []


def test_a_naive_datetime_is_refused(sqlite_store: SqlStore, world: Any) -> None:
    with pytest.raises(ValueError, match="time zone"):
        sqlite_store.register(world.flow(), world.noon.replace(tzinfo=None))
