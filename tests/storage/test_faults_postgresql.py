"""What can go wrong with a PostgreSQL server, and with its answer to COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from jupyter_flows.errors import StoreError
from jupyter_flows.storage.connect import connect
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.postgresql import PostgresqlDatabase, postgresql_engine
from jupyter_flows.storage.sql import SqlStore

pytestmark = pytest.mark.postgresql


@pytest.fixture
def server_store(postgresql: Any) -> Iterator[SqlStore]:
    store = open_store(postgresql.emptied())
    assert isinstance(store, SqlStore)
    yield store
    store.close()


def lose_the_connection_at_commit(store: SqlStore, monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> list[int]:
    """Once: the server gets the COMMIT or it does not, and its answer never comes."""
    commit, calls = store.database.engine.dialect.do_commit, [0]

    def do_commit(connection: Any) -> None:
        calls[0] += 1
        if calls[0] > 1:
            commit(connection)
            return
        if committed:
            commit(connection)
        connection.dbapi_connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(store.database.engine.dialect, "do_commit", do_commit)
    return calls


def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    server_store: SqlStore, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _flow, (run,), lease = world.started(server_store)
    before = server_store.last_seq()
    calls = lose_the_connection_at_commit(server_store, monkeypatch, committed=True)
    seq = server_store.commit(lease, [world.moved(run)])
    assert calls == [1]
    assert server_store.last_seq() == seq == before + 1


def test_a_commit_that_never_arrived_is_done_again(
    server_store: SqlStore, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _flow, (run,), lease = world.started(server_store)
    before = server_store.last_seq()
    calls = lose_the_connection_at_commit(server_store, monkeypatch, committed=False)
    seq = server_store.commit(lease, [world.moved(run)])
    assert calls == [2]
    assert server_store.last_seq() == seq == before + 1


def test_what_is_created_when_the_answer_is_lost_counts_as_created_here(
    server_store: SqlStore, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = world.flow()
    server_store.register(flow, world.noon)
    lose_the_connection_at_commit(server_store, monkeypatch, committed=True)
    assert server_store.create_runs(world.runs(flow, 3), world.noon) == [True] * 3


def test_ended_sessions_are_replaced_without_a_word(server_store: SqlStore, postgresql: Any, world: Any) -> None:
    flow, (run,), lease = world.started(server_store)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jupyter_flows'"
    assert postgresql.execute(end)
    assert [stored.flow for stored in server_store.flows()] == [flow]
    assert postgresql.execute(end)
    server_store.commit(lease, [world.moved(run)])
    assert server_store.stamp() is not None


def test_a_server_that_crashed_and_came_back_is_used_again(server_store: SqlStore, postgresql: Any, world: Any) -> None:
    _flow, (run,), lease = world.started(server_store)
    postgresql.stop()
    postgresql.start()
    server_store.commit(lease, [world.moved(run)])
    assert len(server_store.attempts(run.key)) == 1


def test_a_server_that_is_gone_is_a_store_error(postgresql: Any, world: Any) -> None:
    url = postgresql.emptied()
    database = PostgresqlDatabase(postgresql_engine(connect(url).engine.url), 1.0, pauses=(0.01, 0.01))
    store = SqlStore(database)
    store.register(world.flow(), world.noon)
    postgresql.stop()
    try:
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            store.register(world.flow("other"), world.noon)
        with pytest.raises(StoreError, match="cannot be reached"):
            store.flows()
        assert "server runs" in caught.value.fix
    finally:
        postgresql.start()
    assert [stored.flow.id for stored in store.flows()] == ["sales"]
    store.close()


def test_a_deadlock_or_serialization_failure_is_done_again_from_the_start(server_store: SqlStore) -> None:
    tries = []

    def work(writer: Any) -> str:
        tries.append(writer)
        if len(tries) < 3:
            code = ("40001", "40P01")[len(tries) - 1]
            writer.connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")
        return "done"

    assert server_store.database.write(work, "trying") == "done"
    assert len(tries) == 3


def test_a_lock_that_lasts_is_a_store_error(postgresql: Any, world: Any) -> None:
    url = postgresql.emptied()
    store = open_store(url, timeout=0.2)
    with psycopg.connect(url) as other:
        other.execute("SELECT * FROM head FOR UPDATE")
        with pytest.raises(StoreError, match=r"locked by another session for more than 0\.2 s"):
            store.register(world.flow(), world.noon)
        assert store.flows() == []  # readers do not wait
        other.rollback()
    store.register(world.flow(), world.noon)
    store.close()


def test_a_wrong_address_is_told_at_once(tmp_path: Any) -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        open_store(f"postgresql://flows@/db?host={tmp_path}")


def test_a_database_that_does_not_exist_is_named(postgresql: Any) -> None:
    with pytest.raises(StoreError, match="does not exist on the server") as caught:
        open_store(postgresql.url("nowhere"))
    assert "nowhere" in caught.value.message
    assert "CREATE DATABASE" in caught.value.fix


def test_passwords_are_told_nobody(postgresql: Any) -> None:
    url = postgresql.url("nowhere").replace("flows@", "flows:hunter2@")
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)
    store = open_store(postgresql.emptied().replace("flows@", "flows:hunter2@"))
    assert "hunter2" not in repr(store.describe())
    store.close()


def test_a_database_without_our_tables_says_how_to_get_them(postgresql: Any) -> None:
    store = SqlStore(postgresql.new_database())
    with pytest.raises(StoreError, match="does not have the tables") as caught:
        store.flows()
    assert "open_store" in caught.value.fix
    store.close()


def test_a_server_that_may_not_be_written_says_so(server_store: SqlStore, postgresql: Any, world: Any) -> None:
    postgresql.execute("ALTER DATABASE prepared SET default_transaction_read_only = on")
    try:
        server_store.database.engine.dispose()
        with pytest.raises(StoreError, match="read-only"):
            server_store.register(world.flow(), world.noon)
    finally:
        postgresql.execute("ALTER DATABASE prepared SET default_transaction_read_only = off")
