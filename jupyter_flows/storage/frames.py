"""Tables as Arrow files, where pyarrow is installed and gives the same table back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

_KEY = b"jupyter_flows"
_COLUMN = "value"


def arrow_writer(value: Any) -> Callable[[Path], None] | None:
    """What writes `value` to a path, or None when Arrow would not give an equal value back (or is not installed)."""
    try:
        import pyarrow
    except ImportError:
        return None
    try:
        made = _table(value)
    except (pyarrow.ArrowException, ValueError, TypeError, AttributeError, KeyError, NotImplementedError):
        return None
    if made is None:
        return None
    kind, table = made
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: kind.encode()})
    return lambda path: _write(path, marked)


def read_arrow(path: Path) -> Any:
    """The table in `path`, as what it was stored from."""
    import pyarrow.ipc

    with pyarrow.ipc.open_file(path.read_bytes()) as reader:
        table = reader.read_all()
    metadata = dict(table.schema.metadata or {})
    kind = metadata.pop(_KEY, b"pyarrow.Table").decode()
    return _from_table(kind, table.replace_schema_metadata(metadata or None))


def _write(path: Path, table: Any) -> None:
    import pyarrow.ipc

    options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
    with path.open("wb") as file, pyarrow.ipc.new_file(file, table.schema, options=options) as writer:
        writer.write_table(table)


def _table(value: Any) -> tuple[str, Any] | None:
    import pyarrow

    package, name = type(value).__module__.partition(".")[0], type(value).__name__
    kind = f"{package}.{name}"
    if type(value) is pyarrow.Table:
        return kind, value
    if kind in ("pandas.DataFrame", "pandas.Series"):
        return _from_pandas(kind, value)
    if kind in ("polars.DataFrame", "polars.Series"):
        return _from_polars(kind, value)
    return None


def _from_table(kind: str, table: Any) -> Any:
    match kind:
        case "pandas.DataFrame":
            return _to_frame(table)
        case "pandas.Series":
            return _to_frame(table).iloc[:, 0]
        case "pandas.Series?":  # one without a name
            return _to_frame(table).iloc[:, 0].rename(None)
        case "polars.DataFrame" | "polars.Series":
            import polars  # type: ignore[import-not-found,unused-ignore]

            frame: Any = polars.from_arrow(table)
            return frame if kind == "polars.DataFrame" else frame.to_series(0)
    return table


# ── pandas ───────────────────────────────────────────────────────────────────────────


def _from_pandas(kind: str, value: Any) -> tuple[str, Any] | None:
    """Types are compared after a trip without rows; only columns whose type Arrow could bend are compared in full."""
    import pandas
    import pyarrow

    if type(value) not in (pandas.DataFrame, pandas.Series) or value.attrs or not value.flags.allows_duplicate_labels:
        return None
    if kind == "pandas.Series":
        if value.name is not None and not isinstance(value.name, str):
            return None
        frame = value.to_frame(name=_COLUMN if value.name is None else value.name)
        kind = "pandas.Series" if value.name is not None else "pandas.Series?"
    else:
        frame = value
    if not _has_plain_labels(frame, pandas) or getattr(frame.index, "freq", None) is not None:
        return None
    bendable = [i for i, dtype in enumerate(frame.dtypes) if not _is_plain(dtype, pandas)]
    if any(frame.dtypes.iloc[i].kind != "O" for i in bendable) or not _is_plain_index(frame.index, pandas):
        return None
    table = pyarrow.Table.from_pandas(frame, preserve_index=None)
    back = _to_frame(table if bendable else table.slice(0, 0))
    want = frame if bendable else frame.iloc[:0]
    if not _same_types(back, want):
        return None
    if any(not _same_objects(back.iloc[:, i], frame.iloc[:, i]) for i in bendable):
        return None
    return kind, table


def _to_frame(table: Any) -> Any:
    return table.to_pandas()


def _has_plain_labels(frame: Any, pandas: Any) -> bool:
    columns = frame.columns
    return (
        not isinstance(columns, pandas.MultiIndex)
        and columns.is_unique
        and all(type(c) is str for c in columns)
        and (columns.name is None or type(columns.name) is str)
        and all(n is None or type(n) is str for n in frame.index.names)
        and not set(frame.index.names) & set(columns)
    )


def _is_plain(dtype: Any, pandas: Any) -> bool:
    if isinstance(dtype, pandas.CategoricalDtype):
        return _is_plain(dtype.categories.dtype, pandas)
    if isinstance(dtype, (pandas.StringDtype, pandas.DatetimeTZDtype)):
        return True
    return getattr(dtype, "kind", "") in "biufmM" and not pandas.api.types.is_extension_array_dtype(dtype)


def _is_plain_index(index: Any, pandas: Any) -> bool:
    if isinstance(index, pandas.MultiIndex):
        return all(_is_plain(level.dtype, pandas) for level in index.levels)
    return _is_plain(index.dtype, pandas) or (index.dtype == object and all(type(v) is str for v in index))


def _same_types(back: Any, want: Any) -> bool:
    return bool(
        list(back.dtypes) == list(want.dtypes)
        and type(back.index) is type(want.index)
        and back.index.names == want.index.names
        and back.index.dtype == want.index.dtype
        and back.columns.dtype == want.columns.dtype
        and back.columns.equals(want.columns)
        and back.columns.name == want.columns.name
    )


def _same_objects(back: Any, want: Any) -> bool:
    """Whether an object column holds only text and None, the same on both sides: lists and mixtures come back bent."""
    return all(
        (a is None and b is None) or (type(a) is str and type(b) is str and a == b)
        for a, b in zip(back, want, strict=True)
    )


# ── polars ───────────────────────────────────────────────────────────────────────────


def _from_polars(kind: str, value: Any) -> tuple[str, Any] | None:
    import polars

    frame = value.to_frame() if kind == "polars.Series" else value
    if type(frame) is not polars.DataFrame:
        return None
    table = frame.to_arrow()
    back = polars.from_arrow(table.slice(0, 0))
    if not isinstance(back, polars.DataFrame) or back.schema != frame.schema:
        return None
    return kind, table
