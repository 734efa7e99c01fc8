"""The figures as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Contest, Figure, Spread


def table(contests: Sequence[Contest], figures: Sequence[Figure]) -> str:
    """Both tables, as plain text that is Markdown too."""
    lines: list[str] = []
    if contests:
        lines += _lines(
            ["", "ours", "reference", "ours, s", "reference, s", "ratio", "least – most", "target", "rounds"],
            [_contest(c) for c in contests],
        )
    if figures:
        lines += ["", *_lines(["", "what", "median", "least – most", "target", "times"], [_figure(f) for f in figures])]
    return "\n".join(lines)


def _contest(c: Contest) -> list[str]:
    ours, reference = Spread.of(c.ours), Spread.of(c.reference)
    target = "" if c.target is None else f"≤ {c.target:g}{_verdict(c.ratio.middle, c.target)}"
    return [
        c.name,
        c.ours_is,
        c.reference_is,
        f"{ours.middle:.3f}",
        f"{reference.middle:.3f}",
        f"{c.ratio.middle:.3f}",
        f"{c.ratio.least:.3f} – {c.ratio.most:.3f}",
        target,
        str(len(c.ours)),
    ]


def _figure(f: Figure) -> list[str]:
    spread = Spread.of(f.values)
    limit = "" if f.limit is None else f"≤ {f.limit:g} {f.unit}{_verdict(spread.middle, f.limit)}"
    return [
        f.name,
        f.words,
        f"{spread.middle:.3f} {f.unit}",
        f"{spread.least:.3f} – {spread.most:.3f}",
        limit,
        str(len(f.values)),
    ]


def _verdict(value: float, limit: float) -> str:
    return "" if value <= limit else " (missed)"


def _lines(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    return [line(head), line(["-" * w for w in widths]), *map(line, rows)]


def document(machine: dict[str, Any], contests: Sequence[Contest], figures: Sequence[Figure]) -> dict[str, Any]:
    """Everything that was measured, round by round."""
    return {
        "machine": machine,
        "contests": [
            {
                "name": c.name,
                "words": c.words,
                "ours_is": c.ours_is,
                "reference_is": c.reference_is,
                "target": c.target,
                "ours": [round(x, 4) for x in c.ours],
                "reference": [round(x, 4) for x in c.reference],
                "ratio": round(c.ratio.middle, 4),
            }
            for c in contests
        ],
        "figures": [
            {
                "name": f.name,
                "words": f.words,
                "unit": f.unit,
                "limit": f.limit,
                "values": [round(x, 4) for x in f.values],
            }
            for f in figures
        ],
    }
