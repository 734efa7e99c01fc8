"""A backfill as a static SVG: a row per interval, a column per task, a state in every cell.

Long backfills go on in further blocks at the right, so that a year of days still fits a screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from jupyter_flows.picture.document import (
    HEADING,
    LEAST_WIDTH,
    LEGEND,
    MARGIN,
    badge,
    document,
    heading,
    legend,
    legend_width,
    share_bar,
)
from jupyter_flows.picture.glyphs import STATE_PATHS
from jupyter_flows.picture.markup import Markup, join, label, tag
from jupyter_flows.picture.words import counts_words, duration_text, shortened, state_word, text_width

Row = Mapping[str, Any]

_BLOCK_ROWS = 32
_WIDEST = 1300.0
_NAME_MOST = 24
_SLANT = 0.72
"""How much of a column's name is above it: names stand at 45 degrees."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The measures of a matrix: the size of a cell, of the labels before it, and of the times after it."""

    cell: float
    labels: float
    times: float
    names: float
    columns: int
    rows: int

    @property
    def block(self) -> float:
        """How wide one block is."""
        return self.labels + self.columns * self.cell + self.times


def matrix_svg(view: Mapping[str, Any]) -> str:
    """The picture of a backfill view."""
    rows: Sequence[Row] = view["rows"]
    grid, blocks = _measured(view)
    per_block = max(ceil(len(rows) / blocks), 1)
    gap = 34.0
    slant = text_width(str(view["columns"][-1]), 11) * 0.4 if view["columns"] else 0.0
    counts = view["counts"]["tasks"]
    grids = 2 * MARGIN + blocks * grid.block + (blocks - 1) * gap + max(0.0, slant - grid.times)
    width = max(grids, legend_width(counts), LEAST_WIDTH + 100)
    top = HEADING + 14 + grid.names
    height = top + per_block * grid.cell + MARGIN + LEGEND
    parts = [
        _block(view["columns"], rows[i * per_block : (i + 1) * per_block], grid, MARGIN + i * (grid.block + gap), top)
        for i in range(blocks)
    ]
    return document(
        width,
        height,
        heading(
            shortened(str(view["flow_id"]), 50), words(view), width=width, state=view["state"], right=right_words(view)
        ),
        share_bar(view["counts"]["runs"], MARGIN, HEADING - 4, width - 2 * MARGIN),
        *parts,
        legend(counts, height - LEGEND),
        title=title_of(view),
        about=about(view),
        states=set(counts) | set(view["counts"]["runs"]) | {view["state"], "no_status"},
    )


def _measured(view: Mapping[str, Any]) -> tuple[Grid, int]:
    """The measures that suit the number of rows and columns, and how many blocks there are."""
    rows, columns = view["rows"], view["columns"]
    cell = 22.0 if len(rows) <= _BLOCK_ROWS and len(columns) <= 40 else 18.0
    labels = max((text_width(r["label"], 11) for r in rows), default=60.0) + 30
    times = 72.0 if len(rows) <= _BLOCK_ROWS else 8.0
    names = max((text_width(shortened(c, _NAME_MOST), 11) for c in columns), default=0.0) * _SLANT + 8
    grid = Grid(cell, labels, times, names, len(columns), len(rows))
    room = max(floor(_WIDEST / (grid.block + 34)), 1)
    return grid, max(min(ceil(len(rows) / _BLOCK_ROWS), room), 1)


def _block(columns: Sequence[str], rows: Sequence[Row], grid: Grid, x: float, y: float) -> Markup:
    names = [_name(name, x + grid.labels + (i + 0.5) * grid.cell, y - 5) for i, name in enumerate(columns)]
    lines = [_line(columns, row, grid, x, y + i * grid.cell) for i, row in enumerate(rows)]
    return join(*names, *lines)


def _name(name: str, x: float, y: float) -> Markup:
    text = label(shortened(name, _NAME_MOST), 0, 0, "so s", transform=f"translate({x:.1f} {y:.1f}) rotate(-45)")
    return text


def _line(columns: Sequence[str], row: Row, grid: Grid, x: float, y: float) -> Markup:
    middle = y + grid.cell / 2
    took = duration_text(row.get("duration"))
    cells = [
        _cell(state, f"{name} {row['label']}: {state_word(state)}", x + grid.labels + i * grid.cell, y, grid.cell)
        for i, (name, state) in enumerate(zip(columns, row["cells"], strict=True))
    ]
    return join(
        badge(row["state"], x + 7, middle, min(6.5, grid.cell * 0.36)),
        label(row["label"], x + 19, middle + 4, "tx s"),
        *cells,
        label(took, x + grid.block, middle + 4, "so s e") if grid.times > 40 and took else Markup(""),
    )


def _cell(state: str, said: str, x: float, y: float, size: float) -> Markup:
    """A small square in the state's colour with the state's shape on it."""
    room = size - 4
    middle = f"translate({x + size / 2:.1f} {y + size / 2:.1f}) scale({room / 17:.2f})"
    return tag(
        "g",
        tag("title", said),
        tag("rect", cls="bd", x=x + 2, y=y + 2, width=room, height=room, rx=room / 4.5),
        tag("path", cls="gl", transform=middle, d=STATE_PATHS.get(state, STATE_PATHS["no_status"])),
        cls=state,
    )


def words(view: Mapping[str, Any]) -> str:
    """Which range, what of it, how many at once."""
    rows = view["rows"]
    span = f"{rows[0]['label']} … {rows[-1]['label']}" if rows else "no intervals"
    return f"backfill {span} · {view['reprocess']} · {view['parallel']} at once" + (
        " · paused" if view["paused"] else ""
    )


def right_words(view: Mapping[str, Any]) -> tuple[str, str]:
    """How the backfill stands, and how many of its runs are done."""
    state = "paused" if view["paused"] else state_word(view["state"])
    return state, f"{view['done']} of {view['total']} runs"


def title_of(view: Mapping[str, Any]) -> str:
    """One line that names the picture."""
    return f"Backfill of {view['flow_id']}: {view['done']} of {view['total']} runs done, {state_word(view['state'])}"


def about(view: Mapping[str, Any]) -> str:
    """What the picture says, for those who do not see it."""
    runs = ", ".join(text for _, text in counts_words(view["counts"]["runs"]))
    return f"Runs: {runs or 'none'}."
