"""A static, self-contained SVG of a flow or a run: no script, no link, light and dark inside, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from jupyter_flows.picture.glyphs import kind_path
from jupyter_flows.picture.layout import DOWN, Frame, Point
from jupyter_flows.picture.markup import Markup, join, label, tag
from jupyter_flows.picture.scene import DENSE, Arrow, Node, Scene, scene
from jupyter_flows.picture.words import (
    counts_words,
    cut_to,
    duration_text,
    progress_share,
    shortened,
    state_word,
    task_words,
    tasks_word,
)
from jupyter_flows.views import together


@dataclass(frozen=True, slots=True)
class Standing:
    """How one node stands: its state, the line under its name, how much of it is done, and why."""

    state: str
    words: str
    share: float | None
    reason: str = ""


def svg(view: Mapping[str, Any], *, of: Scene | None = None) -> str:
    """The picture of a flow view or run view. Pass `of` when the scene is at hand."""
    drawn = of or scene(view)
    stands = standings(view, drawn)
    counts = view.get("counts") or {}
    width = max(drawn.width + 2 * MARGIN, legend_width(counts), LEAST_WIDTH)
    top = HEADING + (MARGIN if counts else 6)
    height = top + drawn.height + MARGIN + (LEGEND if counts else 0)
    moved = f"translate({(width - drawn.width) / 2:.1f} {top:.1f})"
    return document(
        width,
        height,
        _heading(view, width),
        share_bar(counts, MARGIN, HEADING - 4, width - 2 * MARGIN),
        tag("g", graph_markup(drawn, stands), transform=moved),
        legend(counts, height - LEGEND),
        title=title_of(view),
        about=about(view),
        states={s.state for s in stands.values()} | set(counts) | {str(view.get("state", "no_status"))},
    )


def graph_markup(drawn: Scene, stands: Mapping[str, Standing]) -> Markup:
    """Frames, then arrows, then their names, then nodes: later ones lie on top."""
    return join(
        *(_frame(f) for f in drawn.frames),
        *(_arrow(a, drawn.direction) for a in drawn.arrows),
        *(label(a.label, a.label_at[0], a.label_at[1] + 3.5, "so xs hl m") for a in drawn.arrows if a.label_shown),
        *(_node(n, stands.get(n.id)) for n in drawn.nodes),
    )


def standings(view: Mapping[str, Any], of: Scene) -> dict[str, Standing]:
    """How each node of the scene stands in a run view; empty for a flow view."""
    if view.get("type") != "run":
        return {}
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in view["tasks"]:
        rows.setdefault(row["task_id"], []).append(row)
    return {n.id: _standing([r for m in n.members for r in rows.get(m, ())]) for n in of.nodes}


def _standing(rows: Sequence[Mapping[str, Any]]) -> Standing:
    state = together(r["state"] for r in rows)
    share = progress_share(rows) if state == "running" or len(rows) > 1 else None
    return Standing(state, task_words(rows, state), share, next((r["reason"] for r in rows if r.get("reason")), ""))


def title_of(view: Mapping[str, Any]) -> str:
    """One line that names the picture."""
    if view.get("type") == "run":
        return f"Flow {view['flow_id']}, run {view['run_id']}: {state_word(view['state'])}"
    return f"Flow {view['flow_id']}"


def about(view: Mapping[str, Any]) -> str:
    """What the picture says, for those who do not see it."""
    counts = ", ".join(text for _, text in counts_words(view.get("counts") or {}))
    return tasks_word(len(view.get("tasks", ()))) + (f": {counts}." if counts else ".")


def _heading(view: Mapping[str, Any], width: float) -> Markup:
    name = shortened(str(view["flow_id"]), 60)
    if view.get("type") == "flow":
        return heading(name, flow_words(view), width=width, state=None)
    return heading(name, run_words(view), width=width, state=view["state"], right=right_words(view))


def flow_words(view: Mapping[str, Any]) -> str:
    """How many tasks, and when."""
    schedule = f"{view['schedule']} ({view['timezone']})" if view.get("schedule") else "no schedule"
    return f"{tasks_word(len(view['tasks']))} · {schedule}" + (" · paused" if view.get("paused") else "")


def run_words(view: Mapping[str, Any]) -> str:
    """Which interval, and why it ran."""
    return f"{view.get('label') or view['run_id']} · {view['run_type']}"


def right_words(view: Mapping[str, Any]) -> tuple[str, str]:
    """How a run stands, and how many of its tasks are done."""
    took = duration_text(view.get("duration")) if view.get("end_date") else ""
    state = state_word(view["state"]) + (f" in {took}" if took else "")
    return state, f"{view.get('done', 0)} of {tasks_word(view.get('total', 0))}"


def _frame(frame: Frame) -> Markup:
    box = tag("rect", cls="fr", x=frame.x, y=frame.y, width=frame.width, height=frame.height, rx=10)
    return join(box, label(frame.label, frame.x + 11, frame.y + 14, "so xs b"))


def _arrow(arrow: Arrow, direction: str) -> Markup:
    said = arrow.why or (f"passes {', '.join(arrow.names)}" if arrow.names else "")
    return tag(
        "g",
        tag("title", f"{arrow.upstream} → {arrow.downstream}" + (f": {said}" if said else "")),
        tag("path", cls="ar" if arrow.names else "ar ex", d=arrow.path),
        tag("path", cls="hd", d=arrow_head(arrow.tip, direction)),
    )


def arrow_head(tip: Point, direction: str) -> str:
    """A small triangle whose point is `tip`."""
    x, y = tip
    return f"M{x:.1f} {y:.1f}l-4 -7.5h8z" if direction == DOWN else f"M{x:.1f} {y:.1f}l-7.5 -4v8z"


def _node(node: Node, stands: Standing | None) -> Markup:
    left, top = node.x - node.width / 2, node.y - node.height / 2
    words = stands.words if stands else _kind_words(node)
    said = (node.id if len(node.members) == 1 else node.label, words, stands.reason if stands else node.doc)
    return tag(
        "g",
        tag("title", " — ".join(w for w in said if w)),
        _card(node, left + 4, top + 4) if len(node.members) > 1 else Markup(""),
        _card(node, left, top),
        _dense_words(node, stands, left) if node.height <= DENSE else _roomy_words(node, stands, left, words),
        _progress(node, left, top, stands.share) if stands and stands.share is not None else Markup(""),
        cls=stands.state if stands else "plain",
    )


def _dense_words(node: Node, stands: Standing | None, left: float) -> Markup:
    return join(
        _mark(node, stands, left + 14, 6.5), label(node.label, left + 26, node.y + 4.3, "tx b", font_size="12px")
    )


def _roomy_words(node: Node, stands: Standing | None, left: float, words: str) -> Markup:
    second = label(cut_to(words, node.width - 36), left + 32, node.y + 12.5, "wd s" if stands else "so s")
    return join(_mark(node, stands, left + 17, 9), label(node.label, left + 32, node.y - 2.5, "tx b"), second)


def _card(node: Node, x: float, y: float) -> Markup:
    """The card of a node; a second one behind says that the node stands for several tasks."""
    return tag("rect", cls="cd", x=x, y=y, width=node.width, height=node.height, rx=6 if node.height <= DENSE else 8)


def _mark(node: Node, stands: Standing | None, x: float, radius: float) -> Markup:
    if stands:
        return badge(stands.state, x, node.y, radius)
    moved = f"translate({x:.1f} {node.y:.1f}) scale({radius / 7:.2f})"
    return tag("path", cls="gl ac kd", transform=moved, d=kind_path(node.kind))


def _progress(node: Node, left: float, top: float, share: float) -> Markup:
    full, y = node.width - 16, top + node.height - 4
    done = max(full * min(share, 1), 2.5)
    return join(
        tag("rect", cls="tr", x=left + 8, y=y, width=full, height=2.5, rx=1.2),
        tag("rect", cls="bd", x=left + 8, y=y, width=done, height=2.5, rx=1.2),
    )


def _kind_words(node: Node) -> str:
    return tasks_word(len(node.members)) if len(node.members) > 1 else node.kind
