"""What every verb needs from the door it came through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from jupyter_flows.errors import UsageError
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.storage.store import StoredFlow

HERE = "."
"""In place of a flow's name: the flow of this notebook."""


class Session(Protocol):
    """A door, as the verbs see it."""

    @property
    def flows(self) -> Flows:
        """The facade, opened at first use."""

    def current(self) -> StoredFlow:
        """The flow of the notebook one is in. Raises UsageError where there is none."""


def parse_params(pairs: tuple[str, ...]) -> Mapping[str, Any]:
    """`k=v` words as a mapping of text. Raises UsageError naming the bad word."""
    out: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {pair!r} is not NAME=VALUE.")
        out[name.strip()] = value
    return out


def find_flow(session: Session, name: str) -> StoredFlow:
    """The flow a verb is about."""
    return session.current() if name == HERE else session.flows.resolve(name)
