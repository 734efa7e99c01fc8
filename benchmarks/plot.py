"""The picture in docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.contests import WARM
from benchmarks.figures import Contest

INK, OURS, THEIRS = "#4d5156", "#e8710a", "#9aa0a6"


def draw(contests: Sequence[Contest], path: Path) -> None:
    """Bars of seconds per workload: ours with the forge warm, and papermill's API in the same rounds."""
    from statistics import median

    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    shown = [c for c in contests if c.ours_is == WARM and c.reference_is.startswith("papermill API")]
    figure = Figure(figsize=(7.2, 0.7 + 0.62 * len(shown)), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    for row, contest in enumerate(shown):
        ours, theirs = median(contest.ours), median(contest.reference)
        axes.barh(row - 0.19, theirs, 0.34, color=THEIRS, label="papermill API" if row == 0 else None)
        axes.barh(row + 0.19, ours, 0.34, color=OURS, label="jupyter_flows" if row == 0 else None)
        axes.text(theirs, row - 0.19, f" {theirs:.1f} s", va="center", fontsize=8, color=INK)
        words = f" {ours:.2f} s, {1 / contest.ratio.middle:.0f} times as fast"
        axes.text(ours, row + 0.19, words, va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(shown)), [f"{c.name}: {c.words}" for c in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.05, max(median(c.reference) for c in shown) * 4)
    axes.set_xlabel("seconds (logarithmic), medians of interleaved rounds", fontsize=8, color=INK)
    axes.tick_params(colors=INK, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
