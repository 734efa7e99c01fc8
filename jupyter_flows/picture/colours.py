"""How states look: Airflow's hue, a shape and a word for each, readable on light and on dark.

This table is the only one: `labextension/src/view/states.json` is written from it (a test compares them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_flows.picture.glyphs import KIND_PATHS, STATE_LETTERS, STATE_PATHS


@dataclass(frozen=True, slots=True)
class Look:
    """One state. `solid` fills the badge under `on_solid`; `ink` is text on `tint` (or paper), per theme."""

    label: str
    solid: str
    on_solid: str
    ink: str
    ink_dark: str

    @property
    def tint(self) -> str:
        """A breath of the state's colour on light paper."""
        return mix(self.solid, PAPER.background, 0.09)

    @property
    def tint_dark(self) -> str:
        """A breath of the state's colour on dark paper."""
        return mix(self.solid_dark, PAPER_DARK.card, 0.16)

    @property
    def solid_dark(self) -> str:
        """The badge on dark paper; only the quiet state changes, or it would shout."""
        return self.solid if self is not STATES["no_status"] else PAPER_DARK.border

    @property
    def on_solid_dark(self) -> str:
        """The glyph on `solid_dark`."""
        return self.on_solid if self is not STATES["no_status"] else "#e8ebf0"


@dataclass(frozen=True, slots=True)
class Paper:
    """What a picture is drawn on, for one theme."""

    background: str
    card: str
    border: str
    ink: str
    soft: str
    line: str
    group: str
    accent: str


PAPER = Paper("#ffffff", "#ffffff", "#d5dae1", "#1b2028", "#5b6472", "#a9b2bf", "#f4f6f9", "#3a5bc7")
PAPER_DARK = Paper("#14171c", "#1c2027", "#3a414c", "#e8ebf0", "#a3adba", "#6b7583", "#1a1e24", "#8fa8f5")

WHITE = "#ffffff"
BLACK = "#16181d"

STATES: Mapping[str, Look] = {
    "success": Look("success", "#15803d", WHITE, "#14652f", "#7fe0a0"),
    "running": Look("running", "#0e7490", WHITE, "#0f5b72", "#62d8f0"),
    "failed": Look("failed", "#d01f2e", WHITE, "#a51521", "#ff9d9d"),
    "upstream_failed": Look("upstream failed", "#f28c1e", BLACK, "#8f4300", "#fdba74"),
    "skipped": Look("skipped", "#ec5fa8", BLACK, "#9d1f5f", "#f9a8d4"),
    "queued": Look("queued", "#78716c", WHITE, "#57534e", "#cfcac6"),
    "scheduled": Look("scheduled", "#cfae80", BLACK, "#6f5125", "#e3cba6"),
    "up_for_retry": Look("up for retry", "#f0bf1a", BLACK, "#79500a", "#fbdc5c"),
    "up_for_reschedule": Look("up for reschedule", "#2fc4b2", BLACK, "#0f5f57", "#63e2d2"),
    "deferred": Look("deferred", "#8250df", WHITE, "#6639ba", "#cbb2fb"),
    "restarting": Look("restarting", "#c26be8", BLACK, "#7c2ba3", "#e2b3f7"),
    "removed": Look("removed", "#c3c9d1", BLACK, "#525b68", "#bcc5d1"),
    "no_status": Look("not started", "#dde2e8", "#4a5360", "#525b68", "#aab4c1"),
}


def look(state: str) -> Look:
    """How `state` looks; an unknown one (of a newer release) looks not started."""
    return STATES.get(state, STATES["no_status"])


def mix(colour: str, paper: str, share: float) -> str:
    """`share` of `colour` on `paper`, as #rrggbb."""
    pairs = zip(_rgb(colour), _rgb(paper), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def contrast(a: str, b: str) -> float:
    """The contrast ratio of WCAG 2, between 1 and 21."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def as_json() -> dict[str, Any]:
    """The whole table, for the browser's side."""
    states = {
        name: {
            "label": one.label,
            "letter": STATE_LETTERS[name],
            "path": STATE_PATHS[name],
            "solid": one.solid,
            "on": one.on_solid,
            "solidDark": one.solid_dark,
            "onDark": one.on_solid_dark,
            "ink": one.ink,
            "inkDark": one.ink_dark,
        }
        for name, one in STATES.items()
    }
    return {"states": states, "kinds": dict(KIND_PATHS)}


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _rgb(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
