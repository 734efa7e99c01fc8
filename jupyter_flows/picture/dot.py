"""DOT text of a flow or run, and export through Graphviz where it is installed. Every other picture does without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_flows.errors import FlowsError, UsageError
from jupyter_flows.picture.colours import look
from jupyter_flows.picture.scene import graph_of
from jupyter_flows.picture.svg import title_of
from jupyter_flows.picture.words import state_word
from jupyter_flows.views import together

FORMATS = ("svg", "pdf", "png")


def dot(view: Mapping[str, Any]) -> str:
    """A flow view or run view in the DOT language: plain quoted labels, groups as clusters."""
    graph = graph_of(view)
    states = _states(view)
    lines = [
        f"digraph {quoted(view['flow_id'])} {{",
        f"  label={quoted(title_of(view))}; labelloc=t; rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif", fontsize=11];',
        '  edge [color="#8a94a3", fontname="sans-serif", fontsize=9];',
        *_groups(graph["tasks"]),
        *(_node(t, states.get(t["id"])) for t in graph["tasks"]),
        *(_edge(e) for e in graph["edges"]),
        "}",
    ]
    return "\n".join(lines) + "\n"


def export(view: Mapping[str, Any], path: Path) -> Path:
    """Write the graph to `path` as its suffix says (.svg, .pdf, .png, .dot).

    Raises FlowsError, with the fix, when Graphviz is missing.
    """
    form = path.suffix.lstrip(".").lower()
    if form == "dot":
        path.write_text(dot(view), encoding="utf-8")
        return path
    if form not in FORMATS:
        raise UsageError(f"cannot write a picture as {path.name!r}.", fix="End the name in .svg, .pdf, .png or .dot.")
    path.write_bytes(_rendered(dot(view), form))
    return path


def quoted(text: object) -> str:
    """A DOT string: quotes and backslashes escaped, line breaks written as breaks."""
    safe = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return f'"{safe}"'


def _rendered(source: str, form: str) -> bytes:
    try:
        import graphviz
    except ImportError as missing:
        raise FlowsError(
            f"Writing {form} needs the Python package graphviz, which is not installed.",
            fix="pip install 'jupyter_flows[graphviz]', and install Graphviz itself for its `dot` program.",
        ) from missing
    try:
        drawn: bytes = graphviz.Source(source).pipe(format=form)
    except graphviz.ExecutableNotFound as missing:
        raise FlowsError(
            f"Writing {form} needs Graphviz's `dot` program, which is not on PATH.",
            fix="Install Graphviz (apt install graphviz, brew install graphviz, conda install graphviz).",
        ) from missing
    return drawn


def _states(view: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for row in view["tasks"] if view.get("type") == "run" else ():
        found.setdefault(row["task_id"], []).append(row["state"])
    return {task: together(states) for task, states in found.items()}


def _node(task: Mapping[str, Any], state: str | None) -> str:
    if state is None:
        return f"  {quoted(task['id'])} [tooltip={quoted(task.get('doc') or task['id'])}];"
    one = look(state)
    label = quoted(f"{task['id']}\n{state_word(state)}")
    return f"  {quoted(task['id'])} [label={label}, color={quoted(one.solid)}, fillcolor={quoted(one.tint)}];"


def _edge(edge: Mapping[str, Any]) -> str:
    label = f" [label={quoted(', '.join(edge['names']))}]" if edge.get("names") else " [style=dashed]"
    return f"  {quoted(edge['upstream'])} -> {quoted(edge['downstream'])}{label};"


def _groups(tasks: list[Mapping[str, Any]]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for task in tasks:
        if task.get("group"):
            groups.setdefault(task["group"], []).append(task["id"])
    return [
        f"  subgraph {quoted(f'cluster_{i}')} {{ label={quoted(name)}; style=rounded; color={quoted('#d5dae1')}; "
        + " ".join(f"{quoted(m)};" for m in members)
        + " }"
        for i, (name, members) in enumerate(groups.items())
    ]
