"""The picture in docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.contests import WARM
from benchmarks.figures import Contest

INK, OURS, THEIRS = "#4d5156", "#e8710a", "#dfe1e5"


def draw(contests: Sequence[Contest], path: Path) -> None:
    """For each workload, our share of the time of papermill's API in the same round; a line shows all rounds."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = [c for c in contests if c.ours_is == WARM and c.reference_is.startswith("papermill API")]
    figure = Figure(figsize=(7.6, 0.9 + 0.42 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for row, contest in enumerate(shown):
        share = contest.ratio
        axes.barh(row, 1, 0.6, color=THEIRS)
        axes.barh(row, share.middle, 0.6, color=OURS)
        axes.plot([share.least, share.most], [row, row], color=INK, linewidth=1.2)
        words = f"{median(contest.ours):.2f} s, not {median(contest.reference):.1f} s"
        axes.text(0.99, row, words, va="center", ha="right", fontsize=8, color=INK)
    axes.set_yticks(range(len(shown)), [f"{c.name}: {c.words}" for c in shown])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the time papermill takes (line: from the least to the most)", size=8, color=INK)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.tick_params(colors=INK, labelsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None, dpi=110)
