"""A small static page part: the picture as an image, and the same facts as a table one can unfold.

The picture travels as a data URI: Jupyter's sanitiser drops inline SVG from untrusted notebooks but keeps images.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from jupyter_flows.picture import matrix, svg
from jupyter_flows.picture.markup import Markup, join, tag
from jupyter_flows.picture.scene import Scene
from jupyter_flows.picture.words import duration_text, state_word

_ROWS_MOST = 200


def html(view: Mapping[str, Any], *, picture: str | None = None, of: Scene | None = None) -> str:
    """A flow, run or backfill view as HTML without scripts or links. Pass `picture` (an SVG) when it is at hand."""
    image = picture or picture_of(view, of=of)
    alt = matrix.title_of(view) if view["type"] == "backfill" else svg.title_of(view)
    shown = tag("img", src=data_uri(image), alt=alt, style="max-width:100%;height:auto")
    return tag("div", shown, _details(view), cls="jp-Flows-static")


def picture_of(view: Mapping[str, Any], *, of: Scene | None = None) -> str:
    """The SVG that suits the view's type."""
    return matrix.matrix_svg(view) if view["type"] == "backfill" else svg.svg(view, of=of)


def data_uri(image: str) -> str:
    """An SVG as a `data:` address."""
    return f"data:image/svg+xml;base64,{b64encode(image.encode()).decode()}"


def _details(view: Mapping[str, Any]) -> Markup:
    if view["type"] == "run":
        return _table(
            ("task", "state", "try", "started", "took", "notebook", "why"), [_task_cells(t) for t in view["tasks"]]
        )
    if view["type"] == "backfill":
        return _table(("interval", "state", "took", "run"), [_row_cells(r) for r in view["rows"]])
    return _table(("task", "kind", "runs after", "doc"), [_flow_cells(t) for t in view["tasks"]])


def _task_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    mapped = f"[{row['map_index']}]" if row["map_index"] >= 0 else ""
    return (
        f"{row['task_id']}{mapped}",
        state_word(row["state"]),
        str(row["try_number"] or ""),
        str(row["start_date"] or "")[:19].replace("T", " "),
        duration_text(row.get("duration")),
        str(row["notebook"] or ""),
        str(row.get("reason") or ""),
    )


def _row_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["label"], state_word(row["state"]), duration_text(row.get("duration")), row["run_id"]


def _flow_cells(task: Mapping[str, Any]) -> tuple[str, ...]:
    return task["id"], task["kind"], ", ".join(task["upstream"]), task["doc"]


def _table(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> Markup:
    head = tag("tr", *(tag("th", n, scope="col") for n in names))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows[:_ROWS_MOST]]
    more = len(rows) - _ROWS_MOST
    left_out = tag("p", f"… and {more} more") if more > 0 else Markup("")
    table = tag("table", tag("thead", head), tag("tbody", *body))
    return tag("details", tag("summary", "Details"), join(table, left_out))
