from __future__ import annotations

import math
import subprocess
import sys
from collections import OrderedDict
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_flows.storage.values import BadValue, file_stem, is_json, load_value, store_value


class Colour(IntEnum):
    RED = 1


def trip(folder: Path, value: Any) -> tuple[str, Any]:
    stored = store_value(folder, "x", value)
    path = folder / stored["file"]
    assert path.stat().st_size == stored["size"]
    return stored["format"], load_value(path, stored["format"], stored["digest"], name="x", unpickle=True)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "json"),
        (True, "json"),
        (2**70, "json"),
        (0.1, "json"),
        ("é\ud800\u2028", "json"),
        ([1, {"a": [None]}], "json"),
        ((1, 2), "pickle"),
        ({1, 2}, "pickle"),
        ({1: 2}, "pickle"),
        ([(1,)], "pickle"),
        (float("inf"), "pickle"),
        (Colour.RED, "pickle"),
        (OrderedDict(a=1), "pickle"),
        (date(2013, 1, 1), "pickle"),
        (Decimal("1.5"), "pickle"),
        pytest.param(10**5000, "pickle", id="more digits than Python writes"),
        (np.float64(0.5), "pickle"),
        (b"x", "pickle"),
    ],
)
def test_a_value_comes_back_equal_and_of_its_type(tmp_path: Path, value: Any, kind: str) -> None:
    found, back = trip(tmp_path, value)
    assert (found, type(back)) == (kind, type(value))
    assert back == value


NOTEBOOK = """
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from jupyter_flows.storage.values import load_value, store_value

class Level(Enum):
    LOW = "low"

@dataclass
class Row:
    n: int
    count = 0

    def is_known(self):
        return self.n in {1, "one", "eins"}

folder = Path(sys.argv[1])
"""
WRITE = """
Row.count += 1
store_value(folder, "x", [Row(1), Level.LOW, lambda r: isinstance(r, Row)])
"""
READ = """
row, level, is_row = load_value(folder / "x.pkl", "pickle", unpickle=True)
assert isinstance(row, Row) and row == Row(1)
assert level is Level.LOW
assert is_row(Row(2))
"""
READ_CHANGED = """
Known = Row

class Row:
    def is_known(self):
        return False

row, *_ = load_value(folder / "x.pkl", "pickle", unpickle=True)
assert row.is_known() and not isinstance(row, Row)
"""
READ_ELSEWHERE = """
del Row, Level
row, level, is_row = load_value(folder / "x.pkl", "pickle", unpickle=True)
assert row.is_known() and level.value == "low" and is_row(row)
"""


@pytest.mark.parametrize("reading", [READ, READ_CHANGED, READ_ELSEWHERE])
def test_an_object_of_a_class_in_setup_is_of_the_readers_class_where_it_has_the_same_one(
    tmp_path: Path, reading: str
) -> None:
    for code in (WRITE, reading):
        subprocess.run([sys.executable, "-c", NOTEBOOK + code, str(tmp_path)], check=True, timeout=60)


def test_nan_comes_back_as_nan(tmp_path: Path) -> None:
    kind, back = trip(tmp_path, [float("nan")])
    assert kind == "pickle"
    assert math.isnan(back[0])


def test_a_value_that_holds_itself_or_is_very_deep_is_stored_or_refused_but_never_bent(tmp_path: Path) -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert not is_json(ring)
    kind, back = trip(tmp_path, ring)
    assert kind == "pickle"
    assert back[0] is back
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadValue, match="'x'"):
        store_value(tmp_path, "x", deep)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates()


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(PLAIN, lambda v: st.lists(v, max_size=3) | st.tuples(v) | st.dictionaries(st.text(), v, max_size=3))
)
def test_whatever_is_stored_comes_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    _, back = trip(tmp_path_factory.mktemp("v"), value)
    assert repr(back) == repr(value)


FRAMES = {
    "plain": (pd.DataFrame({"a": [1, 2], "b": [0.5, float("nan")], "c": ["x", None]}), "arrow"),
    "zone": (pd.DataFrame({"t": pd.to_datetime(["2013-01-01"]).tz_localize("America/New_York")}), "arrow"),
    "category": (pd.DataFrame({"c": pd.Categorical(["a", "b"], ["b", "a", "z"], ordered=True)}), "arrow"),
    "index": (pd.DataFrame({"v": [1, 2]}, index=pd.Index(["p", "q"], name="k")), "arrow"),
    "levels": (pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["x", "y"])), None),
    "slice": (pd.DataFrame({"v": range(9)}).iloc[2:8:2], "arrow"),
    "empty": (pd.DataFrame({"v": pd.Series([], dtype="int32")}), "arrow"),
    "text of objects": (pd.DataFrame({"v": pd.Series(["a", None], dtype=object)}), None),
    "mixture": (pd.DataFrame({"v": pd.Series(["a", 1], dtype=object)}), "pickle"),
    "lists": (pd.DataFrame({"v": [[1], [2, 3]]}), "pickle"),
    "mappings": (pd.DataFrame({"v": [{"a": 1}, {"b": 2}]}), "pickle"),
    "days": (pd.DataFrame({"v": pd.Series([date(2013, 1, 1)], dtype=object)}), "pickle"),
    "whole numbers that may miss": (pd.DataFrame({"v": pd.array([1, None], dtype="Int64")}), "pickle"),
    "numbered columns": (pd.DataFrame([[1, 2]]), "pickle"),
    "columns twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "pickle"),
    "frequency": (pd.DataFrame({"v": [1, 2]}, index=pd.date_range("2013", periods=2)), "pickle"),
    "period": (pd.DataFrame({"v": pd.period_range("2013", periods=1, freq="D")}), "pickle"),
    "index named like a column": (pd.DataFrame({"v": [1]}, index=pd.Index([5], name="v")), "pickle"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_back_with_types_and_index(tmp_path: Path, name: str) -> None:
    frame, kind = FRAMES[name]
    found, back = trip(tmp_path, frame)
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert list(back.dtypes) == list(frame.dtypes)
    assert type(back.index) is type(frame.index)
    assert kind in (None, found)


@pytest.mark.parametrize(
    "series",
    [pd.Series([1, 2], name="v"), pd.Series([1, 2]), pd.Series(["a"], index=[datetime(2013, 1, 1)])],  # noqa: DTZ001
)
def test_a_series_comes_back_with_its_name(tmp_path: Path, series: pd.Series[Any]) -> None:
    _, back = trip(tmp_path, series)
    pd.testing.assert_series_equal(back, series)
    assert back.name == series.name


def test_a_frame_with_attributes_keeps_them(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["unit"] = "km"
    assert trip(tmp_path, frame)[1].attrs == {"unit": "km"}


def test_a_subclass_of_a_frame_stays_what_it_is(tmp_path: Path) -> None:
    kind, back = trip(tmp_path, Table({"a": [1]}))
    assert (kind, type(back).__name__) == ("pickle", "Table")


class Table(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
        np.array(["a", "é"]),
        np.array(5),
        np.zeros((0, 3)),
        np.array(["2013-01-01"], "M8[D]"),
        np.array([(1, 0.5)], [("a", "i4"), ("b", "f8")]),
        np.array([float("nan")]),
    ],
)
def test_an_array_comes_back_as_npy(tmp_path: Path, array: np.ndarray[Any, Any]) -> None:
    kind, back = trip(tmp_path, array)
    assert kind == "npy"
    np.testing.assert_array_equal(back, array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)


@pytest.mark.parametrize("array", [np.array([1, "a"], object), np.ma.masked_array([1, 2], [True, False])])
def test_arrays_npy_would_bend_are_pickled(tmp_path: Path, array: Any) -> None:
    kind, back = trip(tmp_path, array)
    assert (kind, type(back)) == ("pickle", type(array))
    assert repr(back) == repr(array)


def test_an_arrow_table_keeps_its_schema_and_metadata(tmp_path: Path) -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({"unit": "km"})
    kind, back = trip(tmp_path, table)
    assert kind == "arrow"
    assert back.equals(table, check_metadata=True)


def test_polars_frames_come_back(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {"a": [1, None], "l": [[1], [2, 3]], "c": polars.Series(["x", "y"], dtype=polars.Categorical)}
    )
    kind, back = trip(tmp_path, frame)
    assert (kind, back.schema) == ("arrow", frame.schema)
    assert back.equals(frame)
    assert trip(tmp_path, polars.Series("s", [1]))[1].name == "s"


def test_a_changed_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    stored = store_value(tmp_path, "x", {1})
    path = tmp_path / stored["file"]
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(BadValue, match="changed or damaged") as error:
        load_value(path, "pickle", stored["digest"], name="x", unpickle=True)
    assert "Clear" in error.value.fix


def test_a_pickle_is_not_read_outside_a_task(tmp_path: Path) -> None:
    stored = store_value(tmp_path, "x", {1})
    with pytest.raises(BadValue, match="pickled"):
        load_value(tmp_path / stored["file"], "pickle", stored["digest"], name="x")


def test_a_file_that_is_gone_or_of_an_unknown_format_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="gone"):
        load_value(tmp_path / "none.json", "json", "0" * 64, name="x")
    with pytest.raises(BadValue, match="'odd'"):
        load_value(tmp_path / "none.json", "odd")


def test_names_that_differ_only_in_case_do_not_share_a_file() -> None:
    stems = [file_stem(n).lower() for n in ("x", "X", "é", "É", "a/b", "a_b", "a b", "../a", "x" * 300)]
    assert len(set(stems)) == len(stems)
    assert all("/" not in s and len(s) < 120 for s in stems)


def test_storing_again_replaces_the_value_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store_value(tmp_path, "x", 1)
    store_value(tmp_path, "x", 2)
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
