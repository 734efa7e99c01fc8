"""Tasks that wait for each other never start."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from jupyter_flows.model.flow import EdgeKind, Flow
from jupyter_flows.model.problem import Problem

_LONG = 12


def rule(flow: Flow) -> Iterator[Problem]:
    """One problem with one cycle drawn; mending it may show the next."""
    path = flow.graph.cycle()
    if path is None:
        return
    first = min(path[:-1], key=flow.graph.position.__getitem__)
    turn = path.index(first)
    path = [*path[turn:-1], *path[:turn], first]
    shown = path if len(path) <= _LONG else [*path[: _LONG - 2], "…", path[-1]]
    message = f"These tasks wait for each other: {' → '.join(shown)}."
    yield Problem("cycle", message, flow.by_id[first].place, _fix(flow, list(pairwise(path))))


def _fix(flow: Flow, steps: list[tuple[str, str]]) -> str:
    on_cycle = [e for e in flow.edges if (e.upstream, e.downstream) in set(steps)]
    said = [e for e in on_cycle if e.kind is EdgeKind.EXPLICIT and not e.names]
    chosen = next(iter(said or on_cycle))
    if chosen.kind is EdgeKind.EXPLICIT:
        return f"Drop the edge {chosen.upstream} → {chosen.downstream} from --after or %%wire."
    return f"Rename `{chosen.names[0]}` in one of the two tasks {chosen.upstream} and {chosen.downstream}."
