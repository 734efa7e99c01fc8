"""What an error reply of a kernel says to the author: which cell, which line, in plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_flows.execution.evidence import CellError

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_FRAME = re.compile(r"Cell In\s*\[(\d+)\],? line:? ?(\d+)")
_MESSAGE_LIMIT = 10_000
_TRACEBACK_LIMIT = 100_000


def plain(text: str) -> str:
    """`text` without terminal colours, links and cursor moves."""
    return _ANSI.sub("", text)


def exits_quietly(reply: Mapping[str, Any]) -> bool:
    """Whether the cell called `sys.exit()` or `sys.exit(0)`: an early end, not a failure."""
    return reply.get("ename") == "SystemExit" and str(reply.get("evalue", "")) in ("", "0", "None", "False")


def cell_error(reply: Mapping[str, Any], cell: Mapping[str, Any], *, number: int | None) -> CellError:
    """The error of an execute reply. The line is the deepest one that lies in the cell itself, if the author wrote it.

    `number` is None for a cell the author did not write.
    """
    traceback = plain("\n".join(map(str, reply.get("traceback") or [])))
    ename, message = str(reply.get("ename", "")), plain(str(reply.get("evalue", "")))
    if reply.get("status") == "aborted":
        ename, message = "Aborted", "the kernel aborted the cell"
    return CellError(
        message=_shortened(message, _MESSAGE_LIMIT),
        ename=ename,
        cell_id=cell.get("id"),
        cell=number,
        line=None if number is None else _line(traceback, cell.get("execution_count")),
        traceback=_shortened(traceback, _TRACEBACK_LIMIT),
    )


def _line(traceback: str, execution_count: Any) -> int | None:
    lines = [int(line) for count, line in _FRAME.findall(traceback) if int(count) == execution_count]
    return lines[-1] if lines else None


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}\n[…]\n{text[-limit // 2 :]}"
