"""The same pictures in plain text: for terminals, logs, and readers that show nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_flows.picture import matrix, svg
from jupyter_flows.picture.glyphs import STATE_LETTERS
from jupyter_flows.picture.scene import graph_of
from jupyter_flows.picture.words import counts_words, state_word, task_words
from jupyter_flows.views import together

_ROWS_MOST = 60


def text(view: Mapping[str, Any], *, why: bool = False) -> str:
    """A flow, run or backfill view as lines. With `why`, every edge is explained below."""
    if view["type"] == "backfill":
        return "\n".join(_backfill_lines(view))
    head = [f"{view['flow_id']}  {svg.flow_words(view) if view['type'] == 'flow' else _run_head(view)}"]
    return "\n".join(head + _graph_lines(view) + (_why_lines(view) if why else []))


def _run_head(view: Mapping[str, Any]) -> str:
    return f"{svg.run_words(view)}  {letter(view['state'])} {', '.join(svg.right_words(view))}"


def letter(state: str) -> str:
    """One character for a state."""
    return STATE_LETTERS.get(state, STATE_LETTERS["no_status"])


def _graph_lines(view: Mapping[str, Any]) -> list[str]:
    """A line per task, upstreams first: how it stands and what it reads from whom."""
    graph = graph_of(view)
    names = _in_order(graph)
    rows = _rows_by_task(view)
    words = {n: _words(n, rows, graph) for n in names}
    reads = _reads(graph)
    wide = [max((len(t) for t in column), default=0) for column in (names, list(words.values()))]
    lines = []
    for name in names:
        mark = letter(together(r["state"] for r in rows[name])) if name in rows else "·"
        line = f"  {mark} {name:<{wide[0]}}  {words[name]:<{wide[1]}}"
        lines.append(f"{line}  ← {', '.join(reads[name])}" if reads.get(name) else line.rstrip())
    return lines


def _rows_by_task(view: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in view["tasks"] if view["type"] == "run" else ():
        rows.setdefault(row["task_id"], []).append(row)
    return rows


def _words(name: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], graph: Mapping[str, Any]) -> str:
    if name not in rows:
        return next(str(t.get("kind", "")) for t in graph["tasks"] if t["id"] == name)
    state = together(r["state"] for r in rows[name])
    words = task_words(rows[name], state)
    return words if words.startswith(state_word(state)) else f"{state_word(state)} · {words}"


def _reads(graph: Mapping[str, Any]) -> dict[str, list[str]]:
    reads: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        names = f" ({', '.join(edge['names'])})" if edge.get("names") else ""
        reads.setdefault(edge["downstream"], []).append(f"{edge['upstream']}{names}")
    return reads


def _in_order(graph: Mapping[str, Any]) -> list[str]:
    """Upstreams first, ties in notebook order; tasks on a cycle last."""
    names = [t["id"] for t in graph["tasks"]]
    left = dict.fromkeys(names, 0)
    after: dict[str, list[str]] = {n: [] for n in names}
    for edge in graph["edges"]:
        if edge["upstream"] in after and edge["downstream"] in left:
            left[edge["downstream"]] += 1
            after[edge["upstream"]].append(edge["downstream"])
    out = [n for n in names if not left[n]]
    for name in out:
        for following in after[name]:
            left[following] -= 1
            if not left[following]:
                out.append(following)
    return out + [n for n in names if left[n]]


def _why_lines(view: Mapping[str, Any]) -> list[str]:
    edges = graph_of(view)["edges"]
    return ["", *(f"  {e['upstream']} → {e['downstream']} ({e['kind']}): {e['why'] or 'as written'}" for e in edges)]


def _backfill_lines(view: Mapping[str, Any]) -> list[str]:
    """A line per interval: its state, then one letter per task."""
    rows = view["rows"]
    wide = max((len(r["label"]) for r in rows), default=0)
    lines = [f"{view['flow_id']}  {matrix.words(view)}  {letter(view['state'])} {', '.join(matrix.right_words(view))}"]
    lines += [f"  {i + 1}. {name}" for i, name in enumerate(view["columns"])]
    lines += [
        f"  {letter(r['state'])} {r['label']:<{wide}}  {' '.join(letter(s) for s in r['cells'])}  {r['state']}"
        for r in rows[:_ROWS_MOST]
    ]
    if len(rows) > _ROWS_MOST:
        lines.append(f"  … and {len(rows) - _ROWS_MOST} more")
    counts = ", ".join(words for _, words in counts_words(view["counts"]["tasks"]))
    return [*lines, f"  tasks: {counts}"] if counts else lines
