"""Several processes on one database, and processes that are killed in the middle."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_flows.errors import StoreError
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.store import Store


def test_four_processes_that_read_and_write_are_never_told_locked(
    database_store: Store, url: str, world: Any, actors: Any
) -> None:
    database_store.register(world.flow(), world.noon)
    flow = database_store.flow("sales").flow
    results = actors("race", url, processes=4, count=100)
    made = sorted(number for result in results for number in result["made"])
    assert made == list(range(100))  # each run by exactly one of them
    assert len(database_store.runs(flow.id)) == 100
    assert len(database_store.intents()) == 400
    assert [event.seq for event in database_store.events()] == list(range(1, 102))


@pytest.mark.parametrize("where", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_processes_that_open_a_new_database_at_once_make_one(
    where: str, request: pytest.FixtureRequest, tmp_path: Any, actors: Any
) -> None:
    if where == "sqlite":
        url = f"sqlite:///{tmp_path / 'a' / 'b' / 'flows.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    facts = actors("open_new", url, processes=6)
    assert [fact["schema"] for fact in facts] == ["0001"] * 6
    store = open_store(url)
    assert len(store.flows()) == 6
    store.close()


def test_of_schedulers_that_depose_each_other_only_the_current_one_writes(
    database_store: Store, url: str, actors: Any
) -> None:
    results = actors("lead", url, processes=4, count=40)
    told = [(event.data["epoch"], event.data["owner"]) for event in database_store.events()]
    epochs = [epoch for epoch, _ in told]
    assert epochs == sorted(epochs)  # a write of an old epoch never follows one of a newer
    assert len({epoch for epoch, _ in told}) == len(set(told))  # an epoch has one owner
    assert sorted(epochs) == sorted(epoch for result in results for epoch in result["wrote"])
    assert epochs


@pytest.mark.parametrize("operation", ["create_runs", "commit", "create_backfill"])
def test_a_process_killed_in_the_middle_leaves_all_or_nothing(url: str, actors: Any, operation: str) -> None:
    _check_crashes(actors("crash", url, operation=operation, points=[0, 0.5, 0.8, 0.99, 1]))


@pytest.mark.torture
@pytest.mark.parametrize("operation", ["create_runs", "commit", "create_backfill"])
def test_a_process_killed_at_any_point_leaves_all_or_nothing(url: str, actors: Any, operation: str) -> None:
    _check_crashes(actors("crash", url, operation=operation, points=None))


def _check_crashes(facts: Any) -> None:
    before, after = facts["before"], facts["after"]
    assert before != after
    for result in facts["results"]:
        assert result["killed"], result
        assert result["dense"], result
        committed = result["point"] == facts["steps"]  # the last point lies behind the COMMIT
        assert result["picture"] == (after if committed else before), result
    assert facts["results"][-1]["point"] == facts["steps"]


def test_a_store_is_refused_in_a_forked_process(database_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    database_store.flows()
    monkeypatch.setattr("os.getpid", lambda: 1)
    with pytest.raises(StoreError, match="another process"):
        database_store.flows()


def test_a_closed_store_says_so(url: str) -> None:
    store = open_store(url)
    store.close()
    for ask in (store.flows, store.stamp, store.last_seq):
        with pytest.raises(StoreError, match="closed"):
            ask()
