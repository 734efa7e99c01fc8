"""What all SVG pictures share: the card, the style sheet, heading, bar of states, badges and legend.

Light colours are plain rules and dark ones stand in a media query, without CSS variables: readers that know only simple
style sheets (Inkscape, resvg, GitHub) draw the light picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jupyter_flows.picture.colours import PAPER, PAPER_DARK, Paper, look
from jupyter_flows.picture.glyphs import STATE_PATHS
from jupyter_flows.picture.markup import Markup, join, label, tag
from jupyter_flows.picture.words import counts_words, text_width

_TO_COME = frozenset({"no_status", "scheduled", "queued"})
MARGIN = 20.0
HEADING = 58.0
LEGEND = 30.0
LEAST_WIDTH = 420.0
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',sans-serif"

_SHAPES = (
    ".jfp .gl{fill:none;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}"
    ".jfp .ar{fill:none;stroke-width:1.5}.jfp .ex{stroke-dasharray:5 4}.jfp .cd{stroke-width:1.3}"
    ".jfp .b{font-weight:600}.jfp .s{font-size:11px}.jfp .xs{font-size:10.5px}.jfp .h{font-size:15px;font-weight:600}"
    ".jfp .hl{paint-order:stroke;stroke-width:5px;stroke-linejoin:round}.jfp .kd{stroke-width:1.25}"
    ".jfp .m{text-anchor:middle}.jfp .e{text-anchor:end}"
)


def document(width: float, height: float, *body: Markup, title: str, about: str, states: Iterable[str]) -> str:
    """`body` on a card, with its style sheet and words for screen readers. `states` are those that occur."""
    return tag(
        "svg",
        tag("title", title),
        tag("desc", about),
        tag("style", Markup(style(sorted(set(states))))),
        tag("rect", cls="bg", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=10),
        *body,
        xmlns="http://www.w3.org/2000/svg",
        cls="jfp",
        role="img",
        aria_label=title,
        width=round(width),
        height=round(height),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        style="max-width:100%;height:auto",
        font_family=_FONT,
        font_size="13px",
    )


def style(states: Iterable[str]) -> str:
    """The style sheet for a picture in which `states` occur."""
    names = list(states)
    light = _paper_rules(PAPER) + "".join(_state_rules(s, dark=False) for s in names)
    dark = _paper_rules(PAPER_DARK) + "".join(_state_rules(s, dark=True) for s in names)
    return f"{_SHAPES}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _paper_rules(paper: Paper) -> str:
    return (
        f".jfp .bg{{fill:{paper.background};stroke:{paper.border}}}.jfp .cd{{fill:{paper.card};stroke:{paper.border}}}"
        f".jfp .tx{{fill:{paper.ink}}}.jfp .so{{fill:{paper.soft}}}.jfp .ar{{stroke:{paper.line}}}"
        f".jfp .hd{{fill:{paper.line}}}.jfp .fr{{fill:{paper.group};stroke:{paper.border}}}"
        f".jfp .tr{{fill:{paper.border}}}.jfp .ac{{stroke:{paper.accent}}}.jfp .hl{{stroke:{paper.background}}}"
    )


def _state_rules(state: str, *, dark: bool) -> str:
    one = look(state)
    ink, tint = (one.ink_dark, one.tint_dark) if dark else (one.ink, one.tint)
    solid, on_solid = (one.solid_dark, one.on_solid_dark) if dark else (one.solid, one.on_solid)
    return (
        f".jfp .{state} .cd{{fill:{tint};stroke:{solid}}}.jfp .{state} .bd{{fill:{solid}}}"
        f".jfp .{state} .gl{{stroke:{on_solid}}}.jfp .{state} .wd{{fill:{ink}}}"
    )


def heading(name: str, words: str, *, width: float, state: str | None, right: tuple[str, str] = ("", "")) -> Markup:
    """The name of what is shown and a line about it; with a state, its badge and, at the right, how it stands."""
    x = MARGIN if state is None else MARGIN + 30
    end = width - MARGIN
    return join(
        Markup("") if state is None else badge(state, MARGIN + 10, 28, 10),
        label(name, x, 26, "tx h"),
        label(words, x, 43, "so s"),
        tag("g", label(right[0], end, 26, "wd b e"), cls=state) if right[0] else Markup(""),
        label(right[1], end, 43, "so s e") if right[1] else Markup(""),
    )


def share_bar(counts: Mapping[str, int], x: float, y: float, width: float, height: float = 4.0) -> Markup:
    """A thin bar divided by states, in the order of the legend; nothing without counts."""
    total = sum(counts.values())
    if not total:
        return Markup("")
    parts, at = [tag("rect", cls="tr", x=x, y=y, width=width, height=height, rx=height / 2)], x
    for state, _ in counts_words(counts):
        share = width * counts[state] / total
        if state not in _TO_COME:
            bar = tag("rect", cls="bd", x=at, y=y, width=max(share - 1.5, 1), height=height, rx=height / 2)
            parts.append(tag("g", bar, cls=state))
        at += share
    return join(*parts)


def legend_width(counts: Mapping[str, int]) -> float:
    """How wide a picture must be for its whole legend."""
    return 2 * MARGIN + sum(_legend_step(text) for _, text in counts_words(counts))


def _legend_step(text: str) -> float:
    return 19 + text_width(text, 11) + 16


def legend(counts: Mapping[str, int], y: float) -> Markup:
    """The states that occur and how often, in one row."""
    parts, x = [], MARGIN
    for state, text in counts_words(counts):
        parts += [badge(state, x + 7, y + 8, 7), label(text, x + 19, y + 12, "so s")]
        x += _legend_step(text)
    return join(*parts)


def badge(state: str, x: float, y: float, radius: float) -> Markup:
    """The round badge of a state: its colour and its shape."""
    path = tag("path", cls="gl", d=STATE_PATHS.get(state, STATE_PATHS["no_status"]))
    moved = f"translate({x:.1f} {y:.1f}) scale({radius / 8:.3f})"
    return tag("g", tag("circle", cls="bd", r=8), path, cls=state, transform=moved)
