"""How a value lies in a file: JSON, Arrow, npy, else cloudpickle. Pickles are only ever read inside a task's kernel.

Each format is used only where it gives an equal value back; what it would bend goes the next way. Imports nothing
but the standard library until a value needs more.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from jupyter_flows.errors import FlowsError

EXTENSIONS = {"json": "json", "arrow": "arrow", "npy": "npy", "pickle": "pkl"}
_DEEPEST = 100
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]{0,100}\Z")


class BadValue(FlowsError):
    """A value cannot be stored or read back. The message names the variable."""


def store_value(folder: Path, name: str, value: Any) -> dict[str, Any]:
    """Write `value` below `folder`, all or nothing, and tell `{"name", "file", "format", "digest", "size"}`.

    `file` is relative to `folder`. Raises BadValue when no format can hold the value.
    """
    kind, write = _codec(value)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{file_stem(name)}.{EXTENSIONS[kind]}"
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    os.close(descriptor)
    try:
        try:
            write(Path(temporary))
        except OSError:
            raise
        except Exception as error:  # pickling runs the value's own code, so anything may come out
            raise _cannot_store(name, value, error) from error
        _sync(Path(temporary))
        digest, size = _digest(Path(temporary))
        os.replace(temporary, file)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return {"name": name, "file": file.name, "format": kind, "digest": digest, "size": size}


def load_value(path: Path, kind: str, digest: str = "", *, name: str = "", unpickle: bool = False) -> Any:
    """The value in `path`. Raises BadValue when the file is gone, is not what was stored, or may not be unpickled.

    `unpickle` runs code out of the file: only a task's kernel says so.
    """
    label = f"'{name}'" if name else path.name
    if kind == "pickle" and not unpickle:
        raise BadValue(f"{label} is a pickled Python object: only a task can load it.", fix="Load it in a %%task cell.")
    if kind not in _READERS:
        raise BadValue(f"{label} is stored in the unknown format {kind!r}.", fix="Update jupyter_flows.")
    try:
        if digest and _digest(path)[0] != digest:
            raise BadValue(
                f"The stored value of {label} is not what its task stored: {path} was changed or damaged.",
                fix="Clear the task that makes it, so that it runs again.",
            )
        return _READERS[kind](path)
    except FileNotFoundError:
        raise BadValue(
            f"The stored value of {label} is gone: there is no {path}.",
            fix="Clear the task that makes it, so that it runs again.",
        ) from None
    except ImportError as error:
        raise BadValue(
            f"{label} cannot be loaded here: {error}.", fix=f"Install {error.name or 'what is missing'} in this kernel."
        ) from error


def file_stem(name: str) -> str:
    """A file name for `name` that no other name gives, also where case does not count."""
    if _PLAIN_NAME.match(name):
        return name
    plain = re.sub(r"[^a-z0-9_]+", "_", name.lower())[:60]
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def is_json(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives exactly this value back: plain types only, text keys, finite numbers, no great depth."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return True
    if kind is float:
        return isfinite(value)
    if depth > _DEEPEST:
        return False
    if kind is list:
        return all(is_json(v, depth + 1) for v in value)
    return kind is dict and all(type(k) is str and is_json(v, depth + 1) for k, v in value.items())


Writer = Callable[[Path], None]


def _codec(value: Any) -> tuple[str, Writer]:
    if is_json(value):
        with suppress(ValueError):  # an int of more digits than Python writes
            text = json.dumps(value, allow_nan=False)
            return "json", lambda path: _write_text(path, text)
    package = type(value).__module__.partition(".")[0]
    if package in ("pandas", "polars", "pyarrow"):
        from jupyter_flows.storage.frames import arrow_writer

        if (writer := arrow_writer(value)) is not None:
            return "arrow", writer
    if package == "numpy" and _is_plain_array(value):
        return "npy", lambda path: _write_array(path, value)
    return "pickle", lambda path: _write_pickle(path, value)


def _is_plain_array(value: Any) -> bool:
    import numpy

    return type(value) is numpy.ndarray and not value.dtype.hasobject and value.dtype.metadata is None


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _write_array(path: Path, value: Any) -> None:
    import numpy

    with path.open("wb") as file:
        numpy.save(file, value, allow_pickle=False)


def _write_pickle(path: Path, value: Any) -> None:
    from jupyter_flows.storage.pickles import write_pickle

    write_pickle(path, value)


def _cannot_store(name: str, value: Any, error: Exception) -> BadValue:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return BadValue(
        f"The variable '{name}' ({kind}) cannot be stored for later tasks: {error}",
        fix=f"Keep what `{name}` is made of (a path, its parameters) and make it again in each task or in %%setup, "
        "or name what to store with --out.",
    )


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _read_arrow(path: Path) -> Any:
    from jupyter_flows.storage.frames import read_arrow

    return read_arrow(path)


def _read_array(path: Path) -> Any:
    import numpy

    return numpy.load(path, allow_pickle=False)


def _read_pickle(path: Path) -> Any:
    import pickle

    with path.open("rb") as file:
        return pickle.load(file)


_READERS: Mapping[str, Callable[[Path], Any]] = {
    "json": _read_json,
    "arrow": _read_arrow,
    "npy": _read_array,
    "pickle": _read_pickle,
}


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
