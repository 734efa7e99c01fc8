"""Fewer nodes for large flows: groups and look-alikes become one node each, until the picture can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_flows.picture.groups import is_convex

LIMIT = 200
"""Above this many tasks a picture folds."""

_LEAST = 3
"""Fewer look-alikes than this are left as they are."""


@dataclass(frozen=True, slots=True)
class Knot:
    """One node of a picture: a task, or several folded into one."""

    id: str
    label: str
    kind: str
    group: str | None
    members: tuple[str, ...]
    doc: str = ""

    @property
    def is_stack(self) -> bool:
        """Whether it stands for several tasks."""
        return len(self.members) > 1


Links = list[tuple[str, str]]


def knots(tasks: Sequence[Mapping[str, Any]]) -> list[Knot]:
    """A node for each task view."""
    return [Knot(t["id"], t["id"], t.get("kind", "cell"), t.get("group"), (t["id"],), t.get("doc", "")) for t in tasks]


def folded(nodes: list[Knot], links: Links, limit: int = LIMIT) -> tuple[list[Knot], Links]:
    """`nodes` and `links` as they are if few, else with groups and then look-alikes folded."""
    if len(nodes) <= limit:
        return nodes, links
    for step in (_fold_groups, _fold_lookalikes, _fold_chains, _fold_lookalikes):
        nodes, links = _contract(nodes, links, step(nodes, links))
        if len(nodes) <= limit:
            break
    return nodes, links


def _fold_groups(nodes: list[Knot], links: Links) -> list[list[Knot]]:
    """Each group whose folding makes no cycle."""
    groups: dict[str, list[Knot]] = {}
    for node in nodes:
        if node.group:
            groups.setdefault(node.group, []).append(node)
    place = {n.id: i for i, n in enumerate(nodes)}
    edges = [(place[a], place[b]) for a, b in links]
    return [m for m in groups.values() if len(m) > 1 and is_convex([place[n.id] for n in m], edges)]


def _fold_lookalikes(nodes: list[Knot], links: Links) -> list[list[Knot]]:
    """Nodes with the same upstreams and the same downstreams."""
    before: dict[str, set[str]] = {n.id: set() for n in nodes}
    after: dict[str, set[str]] = {n.id: set() for n in nodes}
    for a, b in links:
        after[a].add(b)
        before[b].add(a)
    alike: dict[object, list[Knot]] = {}
    for n in nodes:
        alike.setdefault((frozenset(before[n.id]), frozenset(after[n.id]), n.group), []).append(n)
    return [members for members in alike.values() if len(members) >= _LEAST]


def _fold_chains(nodes: list[Knot], links: Links) -> list[list[Knot]]:
    """Runs of nodes that follow one another without any branch."""
    after: dict[str, list[str]] = {n.id: [] for n in nodes}
    before: dict[str, list[str]] = {n.id: [] for n in nodes}
    for a, b in links:
        after[a].append(b)
        before[b].append(a)
    by_id = {n.id: n for n in nodes}

    def only_next(id: str) -> str | None:
        nexts = after[id]
        return nexts[0] if len(nexts) == 1 and len(before[nexts[0]]) == 1 else None

    followers = {only_next(n.id) for n in nodes}
    chains = []
    for head in (n.id for n in nodes if n.id not in followers):
        chain, here = [head], only_next(head)
        while here is not None and here not in chain:
            chain.append(here)
            here = only_next(here)
        if len(chain) >= _LEAST:
            chains.append([by_id[i] for i in chain])
    return chains


def _contract(nodes: list[Knot], links: Links, folds: list[list[Knot]]) -> tuple[list[Knot], Links]:
    """Each list of `folds` as one node at the place of its first member."""
    into: dict[str, Knot] = {}
    for members in folds:
        knot = _joined(members)
        into.update({m.id: knot for m in members})
    kept = list(dict.fromkeys(into.get(n.id, n) for n in nodes))
    names = {id: knot.id for id, knot in into.items()}
    joined = dict.fromkeys((names.get(a, a), names.get(b, b)) for a, b in links)
    return kept, [(a, b) for a, b in joined if a != b]


def _joined(members: list[Knot]) -> Knot:
    tasks = tuple(t for m in members for t in m.members)
    group = members[0].group if len({m.group for m in members}) == 1 else None
    whole_group = group is not None and len(members) > 1 and all(m.group == group for m in members)
    stem = _stem([m.label for m in members]).rstrip("_-.0123456789")
    name = group if whole_group and group else f"{stem}…" if len(stem) > 1 else f"{members[0].label} …"
    return Knot(f"{members[0].id}+{len(tasks) - 1}", f"{name} × {len(tasks)}", "stack", None, tasks)


def _stem(names: Sequence[str]) -> str:
    """How all of `names` begin."""
    low, high = min(names), max(names)
    return low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))]
