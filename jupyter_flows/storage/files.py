"""Files of the home: where each lies, how it is written so that nobody sees half of it, how a growing log is read.

runs/<flow>/<run>/<task or task@map_index>/<try>.ipynb    the executed notebook
                                           <try>.log      the text of all its output
                                           <try>/         the attempt's own working folder
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_flows.errors import StoreError, UsageError
from jupyter_flows.model.ids import UNMAPPED, AttemptId, is_name, run_folder
from jupyter_flows.model.run import RunKey

RUNS = "runs"
_FOLDER = re.compile(r"[A-Za-z0-9_.~+-]{1,200}\Z")


# ── where things lie ─────────────────────────────────────────────────────────────────


def run_path(home: Path, run: RunKey) -> Path:
    """The folder of a run. Raises UsageError for an id that could name a place elsewhere."""
    return home / RUNS / _name(run.flow_id, "flow") / _run_name(run.run_id)


def task_path(home: Path, attempt: AttemptId) -> Path:
    """The folder of all tries of the attempt's task."""
    if attempt.map_index < UNMAPPED:
        raise UsageError(f"{attempt.map_index} cannot be a map index.")
    mapped = "" if attempt.map_index == UNMAPPED else f"@{attempt.map_index}"
    return run_path(home, RunKey(attempt.flow_id, attempt.run_id)) / f"{_name(attempt.task_id, 'task')}{mapped}"


def attempt_folder(home: Path, attempt: AttemptId) -> Path:
    """The attempt's own working folder."""
    return task_path(home, attempt) / _try(attempt)


def attempt_notebook(home: Path, attempt: AttemptId) -> Path:
    """Where the attempt's executed notebook lies."""
    return task_path(home, attempt) / f"{_try(attempt)}.ipynb"


def attempt_log(home: Path, attempt: AttemptId) -> Path:
    """Where the text of all the attempt's output lies."""
    return task_path(home, attempt) / f"{_try(attempt)}.log"


def relative(home: Path, path: Path) -> str:
    """`path` as the store keeps it: relative to the home, with forward slashes."""
    return path.relative_to(home).as_posix()


def inside(home: Path, stored: str) -> Path:
    """The file a stored relative path names. Raises UsageError when it lies, or links, outside the home."""
    root = home.resolve()
    try:
        path = (root / stored).resolve()
    except (OSError, ValueError) as error:
        raise UsageError(f"{stored!r} is not a path.") from error
    if not path.is_relative_to(root):
        raise UsageError(f"{stored!r} lies outside {home}.", fix="Give a path inside the home.")
    return path


def _name(text: str, what: str) -> str:
    if not is_name(text):
        raise UsageError(f"{text!r} cannot be the folder of a {what}.")
    return text


def _run_name(run: str) -> str:
    folder = run_folder(run)  # type: ignore[arg-type]
    if not _FOLDER.match(folder) or ".." in folder or folder == ".":
        raise UsageError(f"{run!r} cannot be the folder of a run.")
    return folder


def _try(attempt: AttemptId) -> str:
    if attempt.try_number < 1:
        raise UsageError(f"{attempt.try_number} cannot be a try: tries count from 1.")
    return str(int(attempt.try_number))


# ── writing ──────────────────────────────────────────────────────────────────────────


def make_folder(path: Path) -> Path:
    """Create the folder and its parents, those made here for the owner only; return it."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    return path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`: whoever looks sees the old file or the whole new one, also after a crash.

    Missing folders are made. Raises StoreError, with the old file intact, when it cannot be written.
    """
    temporary = None
    try:
        make_folder(path.parent)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}.", fix=_write_fix(error, path)
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def _write_fix(error: OSError, path: Path) -> str:
    if isinstance(error, PermissionError):
        return f"Make {path.parent} writable for this user."
    return f"Free space on the disk of {path.parent}, or check that it is mounted."


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows opens no folders; NTFS journals the rename itself
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock file `path` against other processes. The system frees it when its holder dies.

    Raises StoreError when it cannot be had within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise StoreError(f"{path} is locked by another process for more than {timeout:g} s.", fix="Try again.")
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def disk_free(path: Path) -> int:
    """Bytes a user may still write on the disk of `path`, which need not exist yet."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


# ── reading a log that grows ─────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class LogPart:
    """Text from byte `start` of a log to byte `end`, where to read on. `size` is the log's length when it was read."""

    text: str
    start: int
    end: int
    size: int


def read_from(path: Path, offset: int = 0, limit: int = 1 << 16) -> LogPart:
    """At most `limit` bytes of a log as text, from byte `offset`; an empty part when there is nothing new or no log.

    Characters are not torn: one only half written yet is left for the next call. A log that became shorter than
    `offset` is read from its start.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = offset if 0 <= offset <= size else 0
            file.seek(start)
            data = file.read(max(limit, 4))
    except FileNotFoundError:
        return LogPart("", 0, 0, 0)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)
    held_back = len(decoder.getstate()[0])
    return LogPart(text, start, start + len(data) - held_back, size)


def tail(path: Path, limit: int = 1 << 16) -> LogPart:
    """The last `limit` bytes of a log as text, beginning with a whole line unless one line is longer than that."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return LogPart("", 0, 0, 0)
    start = max(0, size - limit)
    part = read_from(path, start, limit)
    if start == 0:
        return part
    _, newline, rest = part.text.partition("\n")
    text = rest if newline and rest else part.text.lstrip("\ufffd")
    return LogPart(text, part.end - len(text.encode()), part.end, part.size)
