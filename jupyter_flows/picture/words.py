"""The words beside the drawings, the same in every form: durations, states, how a task stands, how wide text is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jupyter_flows.picture.colours import STATES, look

_NARROW = frozenset("ijlItfr.,:;'|!()[]{}-/ ")
_WIDE = frozenset("mwMW@%—…")


def text_width(text: str, size: float) -> float:
    """About how wide `text` is in a usual sans-serif of `size` pixels: that of the widest usual font, DejaVu bold."""
    return size * sum(0.4 if c in _NARROW else 1.0 if c in _WIDE else 0.76 if c.isupper() else 0.65 for c in text)


def shortened(text: str, most: int) -> str:
    """`text`, its middle cut out when it is longer than `most` characters."""
    keep = most - 1
    return text if len(text) <= most else f"{text[: keep - keep // 3]}…{text[-(keep // 3) :]}"


def cut_to(words: str, room: float) -> str:
    """`words` with as many of its parts (`failed · 12 s · try 2`) as fit into `room` at 11 pixels; at least one."""
    parts = words.split(" · ")
    while len(parts) > 1 and _small_width(" · ".join(parts)) > room:
        parts.pop()
    return " · ".join(parts)


def _small_width(text: str) -> float:
    return 11 * sum(0.34 if c in _NARROW or c == "·" else 0.95 if c in _WIDE else 0.62 for c in text)


def duration_text(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 m 05 s`, `2 h 10 m`, `3 d 4 h`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def state_word(state: str) -> str:
    """The state as people say it."""
    return look(state).label


def tasks_word(count: int) -> str:
    """`1 task`, `3 tasks`."""
    return f"{count} task{'' if count == 1 else 's'}"


def task_words(rows: Sequence[Mapping[str, Any]], state: str) -> str:
    """The line under a task's name: how its task runs stand, how far, how long."""
    if len(rows) != 1:
        done = sum(r["state"] in ("success", "skipped") for r in rows)
        return f"{state_word(state)} · {done} of {len(rows)}"
    row = rows[0]
    if state == "running" and row.get("cells"):
        return f"cell {min((row.get('cell') or 0) + 1, row['cells'])} of {row['cells']}"
    took = duration_text(row.get("duration")) if state in ("success", "failed", "skipped") else ""
    tries = f"try {row['try_number']}" if (row.get("try_number") or 0) > 1 else ""
    word = "" if took and state == "success" else state_word(state)
    return " · ".join(w for w in (word, took, tries) if w)


def counts_words(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """`[(state, "3 success"), …]` in the order of the legend, without the zeros."""
    return [(s, f"{counts[s]} {state_word(s)}") for s in STATES if counts.get(s)]


def progress_share(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """How much of a task's cells (or of its mapped runs) is done, between 0 and 1; None when nothing can be said."""
    rows = list(rows)
    if len(rows) > 1:
        return sum(r["state"] in ("success", "skipped", "failed", "upstream_failed") for r in rows) / len(rows)
    cells = rows[0].get("cells") if rows else None
    return (rows[0].get("cell") or 0) / cells if cells else None
