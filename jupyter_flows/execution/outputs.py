"""Output of cells within bounds: the notebook keeps the beginning and the end of what is too much, the log nearly all.

Bounds, chosen so that a runner stays small and a notebook opens in a browser:

text of one cell         first and last 1 MB; once a notebook holds 50 MB of text, first and last 32 KB
rich output of one cell  20 MB, 2,000 outputs; of a notebook 100 MB
log                      the first 100 MB, and the last 1 MB when the attempt ends

An attempt that prints for ever goes on: its timeout ends it, not its talkativeness.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

KB = 1024
MB = 1024 * KB
CELL_TEXT = 1 * MB
NOTEBOOK_TEXT = 50 * MB
LATE_CELL_TEXT = 32 * KB
CELL_RICH = 20 * MB
NOTEBOOK_RICH = 100 * MB
CELL_OUTPUTS = 2000
LOG_HEAD = 100 * MB
LOG_TAIL = 1 * MB
_SLICE = 1 * MB


class Tail:
    """The last `limit` characters of a text, and how many went before them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: deque[str] = deque()
        self._size = 0
        self.dropped = 0

    def add(self, text: str) -> None:
        """Append, letting go of what no longer fits."""
        if len(text) > self._limit:
            self.dropped += self._size + len(text) - self._limit
            self._parts.clear()
            self._size, text = 0, text[-self._limit :]
        self._parts.append(text)
        self._size += len(text)
        while self._size - len(self._parts[0]) >= self._limit:
            self.dropped += len(self._parts[0])
            self._size -= len(self._parts.popleft())

    def text(self) -> str:
        """What is kept."""
        return "".join(self._parts)


class Log:
    """The text of all output, on disk as it comes. A full disk ends the log, not the attempt; see `fault`."""

    def __init__(self, path: Path, *, head: int = LOG_HEAD, tail: int = LOG_TAIL) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._room = head
        self._tail = Tail(tail)
        self.fault = ""

    def write(self, text: str) -> None:
        """Append now; nothing is buffered here. In slices, since one message may hold tens of MB."""
        for start in range(0, len(text), _SLICE):
            self._write(text[start : start + _SLICE])

    def _write(self, text: str) -> None:
        if self._room <= 0:
            self._tail.add(text)
            return
        data = text.encode("utf-8", "replace")
        self._put(data)
        self._room -= len(data)
        if self._room <= 0:
            self._put(b"\n[the log is full: only its end follows, when the attempt ends]\n")

    def close(self) -> None:
        """Append the end of what did not fit and let go of the file."""
        if rest := self._tail.text():
            self._put(f"[{self._tail.dropped} characters left out]\n{rest}".encode("utf-8", "replace"))
        os.close(self._file)

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view and not self.fault:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self.fault = f"the log could not be written: {error.strerror}"


class Allowance:
    """What a whole notebook may still hold."""

    def __init__(self) -> None:
        self.text = NOTEBOOK_TEXT
        self.rich = NOTEBOOK_RICH


class CellOutputs:
    """One cell's outputs, kept in `outs`, which is the cell's own list. Call `settle` before reading that list."""

    def __init__(self, outs: list[NotebookNode], allowance: Allowance) -> None:
        self._outs = outs
        self._allowance = allowance
        self._text = self._rich = 0
        self.clear()

    def clear(self) -> None:
        """Forget all, as `clear_output` asks; what was used may be used again."""
        self._outs[:] = []
        self._allowance.text += self._text
        self._allowance.rich += self._rich
        self._text = self._rich = 0
        self._limit = CELL_TEXT if self._allowance.text > 0 else LATE_CELL_TEXT
        self._stream: NotebookNode | None = None
        self._parts: list[str] = []
        self._overflow: NotebookNode | None = None
        self._tail = Tail(self._limit)
        self._marker: NotebookNode | None = None
        self._refused: list[int] = []

    def add_text(self, name: str, text: str) -> None:
        """Text on a stream: joined to what stands before it on the same stream, as a front end shows it."""
        room = self._limit - self._text
        if self._overflow is None and room > 0 and len(self._outs) < CELL_OUTPUTS:
            self._append(name, text[:room])
            text = text[room:]
        if text:
            self._spill(name, text)

    def add_rich(self, output: NotebookNode) -> bool:
        """Any other output. False when there is no room for it: a marker says so. An error always has room."""
        size = _size(output)
        room = min(CELL_RICH - self._rich, self._allowance.rich)
        if output["output_type"] != "error" and (size > room or len(self._outs) >= CELL_OUTPUTS):
            self._refuse(size)
            return False
        self._rich += size
        self._allowance.rich -= size
        self._close_stream()
        self._outs.append(output)
        return True

    def settle(self) -> None:
        """Bring the list up to date."""
        if self._stream is not None:
            self._parts = ["".join(self._parts)]
            self._stream["text"] = self._parts[0]
        if self._overflow is not None:
            left_out = f"\n[{self._tail.dropped} characters left out; see the log]\n" if self._tail.dropped else ""
            self._overflow["text"] = left_out + self._tail.text()

    def _append(self, name: str, text: str) -> None:
        if self._stream is None or self._stream["name"] != name or self._outs[-1] is not self._stream:
            self._close_stream()
            self._stream = NotebookNode(output_type="stream", name=name, text="")
            self._outs.append(self._stream)
        self._parts.append(text)
        self._count_text(len(text))

    def _count_text(self, size: int) -> None:
        self._text += size
        self._allowance.text -= size

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream["text"] = "".join(self._parts)
        self._stream, self._parts = None, []

    def _spill(self, name: str, text: str) -> None:
        if self._overflow is None:
            self._close_stream()
            self._count_text(self._limit)
            self._overflow = NotebookNode(output_type="stream", name=name, text="")
            self._outs.append(self._overflow)
        self._tail.add(text)

    def _refuse(self, size: int) -> None:
        self._refused.append(size)
        if self._marker is None:
            self._close_stream()
            self._marker = NotebookNode(output_type="stream", name="stderr", text="")
            self._outs.append(self._marker)
        what = f"{len(self._refused)} outputs" if len(self._refused) > 1 else f"an output of {size / MB:.1f} MB"
        self._marker["text"] = f"[{what} left out: more than this notebook may hold]\n"


def _size(value: Any) -> int:
    """About how many bytes of JSON a value makes."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(k) + _size(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return sum(_size(v) for v in value)
    return 8
