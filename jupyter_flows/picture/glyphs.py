"""Small drawings: one per state and per kind of task, as SVG paths in a box of 12 × 12 around (0, 0).

Every path is stroked, never filled, in the colour of its text; shapes differ without any colour.
"""

from __future__ import annotations

from collections.abc import Mapping

STATE_PATHS: Mapping[str, str] = {
    "success": "M-3.4 .2 -1 2.7 3.6 -2.7",
    "running": "M-1.8 -3.2 3.2 0 -1.8 3.2z",
    "failed": "M-2.7 -2.7 2.7 2.7M2.7 -2.7 -2.7 2.7",
    "upstream_failed": "M0 3.4V-3M-2.8 -.3 0 -3.2 2.8 -.3",
    "skipped": "M-3.4 -2.8 -.6 0 -3.4 2.8M.4 -2.8 3.2 0 .4 2.8",
    "queued": "M-3.2 0h.01M0 0h.01M3.2 0h.01",
    "scheduled": "M0 -3.3V.3L2.4 1.9",
    "up_for_retry": "M3.2 -.6A3.3 3.3 0 1 0 2.6 2M3.5 -3.5 3.3 -.5 .5 -.9",
    "up_for_reschedule": "M-2.6 -3.2H2.6L-2.6 3.2H2.6z",
    "deferred": "M-1.6 -2.8V2.8M1.6 -2.8V2.8",
    "restarting": "M0 -3.6V-.4M-2.3 -2.2A3.3 3.3 0 1 0 2.3 -2.2",
    "removed": "M-3 0H3",
    "no_status": "M-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0",
}

STATE_LETTERS: Mapping[str, str] = {
    "success": "✓",
    "running": "▶",
    "failed": "✗",
    "upstream_failed": "↑",
    "skipped": "»",
    "queued": "…",
    "scheduled": "◷",
    "up_for_retry": "↻",
    "up_for_reschedule": "⧖",
    "deferred": "‖",
    "restarting": "⟲",
    "removed": "−",
    "no_status": "○",
}

KIND_PATHS: Mapping[str, str] = {
    "cell": "M-1.6 -2.8 -4 0 -1.6 2.8M1.6 -2.8 4 0 1.6 2.8",
    "notebook": "M-2.8 -3.6H3.2V3.6H-2.8zM-1 -3.6V3.6",
    "sensor": "M-4 0Q0 -4.6 4 0Q0 4.6 -4 0zM-.9 0a.9 .9 0 1 0 1.8 0a.9 .9 0 1 0 -1.8 0",
    "branch": "M-3.6 0H-.8L2.8 -2.8M-.8 0 2.8 2.8M.9 -3.2 3.2 -3 2.7 -.9M.9 3.2 3.2 3 2.7 .9",
    "condition": "M0 -3.8 3.8 0 0 3.8 -3.8 0z",
    "trigger": "M.8 -4 -2.6 .6H.2L-.6 4 2.8 -.8H0z",
    "wait": "M0 -2.4V.2L1.8 1.3M-3.9 0a3.9 3.9 0 1 0 7.8 0a3.9 3.9 0 1 0 -7.8 0",
    "empty": "M-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0",
    "stack": "M-3.6 -1.6 0 -3.6 3.6 -1.6 0 .4zM-3.6 1 0 3 3.6 1",
}


def kind_path(kind: str) -> str:
    """The drawing of a task kind; a plug-in's kind looks like a cell."""
    return KIND_PATHS.get(kind, KIND_PATHS["cell"])
