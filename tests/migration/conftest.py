"""Databases as releases left them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def shipped(tmp_path: Path) -> Callable[[str], Path]:
    """`shipped("0001_sample")` is a database file as that revision wrote it."""

    def restore(name: str) -> Path:
        path = tmp_path / f"{name}.sqlite"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript((DATA / f"{name}.sql").read_text())
        connection.close()
        return path

    return restore


@pytest.fixture
def schema_of() -> Callable[[Path], Any]:
    """All that SQLite knows of a file's tables, in an order that does not depend on how they came to be."""

    def schema(path: Path) -> Any:
        connection = sqlite3.connect(path)
        found = {}
        for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall():
            words = " ".join((sql or "").replace('"', "").split())
            if kind == "table":
                parts = sorted(part.strip() for part in words.split(", "))
                columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
                found[name] = ("WITHOUT ROWID" in words, "AUTOINCREMENT" in words, columns, parts)
            else:
                found[name] = (words, connection.execute(f"PRAGMA index_xinfo({name})").fetchall())
        connection.close()
        return found

    return schema
