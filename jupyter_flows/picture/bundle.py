"""What a notebook cell is given: the picture in every form a front end may want, the best one first.

No form needs a kernel, a server or a script: a saved notebook shows the last picture wherever it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_flows.picture.html import html, picture_of
from jupyter_flows.picture.scene import Scene, scene
from jupyter_flows.picture.text import text

MIME = "application/vnd.jupyter-flows.run+json"
VERSION = 1
_NOT_IN_BUNDLE = frozenset({"graph", "doc", "params", "problems"})
_NOT_IN_TASK = frozenset({"inputs", "outputs", "trigger_rule", "pool", "owner", "upstream", "downstream"})


def mimebundle(view: Mapping[str, Any]) -> dict[str, Any]:
    """Our own type, HTML, SVG and plain text of a flow, run or backfill view."""
    drawn = scene(view) if view["type"] != "backfill" else None
    picture = picture_of(view, of=drawn)
    return {
        MIME: payload(view, drawn),
        "text/html": html(view, picture=picture),
        "image/svg+xml": picture,
        "text/plain": text(view),
    }


def payload(view: Mapping[str, Any], drawn: Scene | None) -> dict[str, Any]:
    """What our own MIME type carries."""
    return {"version": VERSION, "view": small(view), "scene": drawn.to_json() if drawn else None}


def small(view: Mapping[str, Any]) -> dict[str, Any]:
    """The view without what no picture shows."""
    kept = {k: v for k, v in view.items() if k not in _NOT_IN_BUNDLE}
    if "tasks" in kept:
        kept["tasks"] = [{k: v for k, v in t.items() if k not in _NOT_IN_TASK} for t in kept["tasks"]]
    return kept
