"""The attempt's folder: which file is what, and how it is written so that nobody sees half of it.

job.json         the job, written by whoever submits it (without its environment: secrets stay off the disk)
context.json     what `jupyter_flows.task` tells the code
supervisor.json  who supervises the attempt: made exclusively, so only one process ever does
heartbeat        touched about every second by the supervisor
events.jsonl     what happened, one JSON object a line
cancel           a request to stop: {"grace": seconds, "reason": text}
result.json      what the code left: artifacts, branch, skip, fail (written in the kernel)
kernel.log       what the kernel's process wrote past the kernel protocol
evidence.json    the end: the facts, and the outcome they amount to
"""

from __future__ import annotations

import glob
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_JSON = 32 * 1024 * 1024
"""No file the kernel can write is read beyond this."""


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """Paths inside one attempt's folder."""

    path: Path

    @property
    def job(self) -> Path:
        """The job as JSON."""
        return self.path / "job.json"

    @property
    def context(self) -> Path:
        """What the task's code may ask for."""
        return self.path / "context.json"

    @property
    def supervisor(self) -> Path:
        """The claim of the one process that supervises the attempt."""
        return self.path / "supervisor.json"

    @property
    def heartbeat(self) -> Path:
        """Its modification time moves while the supervisor lives."""
        return self.path / "heartbeat"

    @property
    def events(self) -> Path:
        """What happened, a line each."""
        return self.path / "events.jsonl"

    @property
    def cancel(self) -> Path:
        """There when someone asked to stop."""
        return self.path / "cancel"

    @property
    def result(self) -> Path:
        """What the code left."""
        return self.path / "result.json"

    @property
    def raw(self) -> Path:
        """What the kernel's process printed past the protocol."""
        return self.path / "kernel.log"

    @property
    def evidence(self) -> Path:
        """There when the attempt is over."""
        return self.path / "evidence.json"

    @property
    def ipython(self) -> Path:
        """A private IPython folder: no start-up files of the user, no history."""
        return self.path / "ipython"

    def make(self) -> None:
        """Create the folder, for the owner only."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self.path, 0o700)


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put `data` at `path`: readers see the old file or the whole new one.

    `durable` also holds after a power cut; without it the replacement is only atomic (enough for a copy that a
    better one follows). Raises OSError with the old file intact.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync_folder(path.parent)


def sweep_temporaries(path: Path) -> None:
    """Remove what writers of `path` left beside it when they were killed. Call it when none can be at work."""
    for left in path.parent.glob(f".{glob.escape(path.name[:80])}.*.tmp"):
        with suppress(OSError):
            left.unlink()


def claim_file(path: Path, value: Any) -> bool:
    """Write `value` to `path` unless it exists: True for exactly one of all who try, and nobody sees half of it."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode(value))
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def sync_folder(path: Path) -> None:
    """Make a rename in `path` outlive a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def encode(value: Any) -> bytes:
    """`value` as one line of JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def read_json(path: Path) -> Any:
    """The JSON value in `path`, or None when there is no such file. Raises ValueError when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_JSON + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    if len(data) > MAX_JSON:
        raise ValueError(f"{path.name} is larger than {MAX_JSON >> 20} MB")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from error
