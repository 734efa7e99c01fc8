"""The `parameters` cell of a notebook in R or bash: names and plain literals, line by line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_flows.definition.reading import is_variable
from jupyter_flows.definition.words import literal
from jupyter_flows.model.flow import Parameter

_LINES: Mapping[str, re.Pattern[str]] = {
    "r": re.compile(r"^(?P<name>[A-Za-z][A-Za-z0-9_]*)\s*(?:<-|=)\s*(?P<value>[^#\n]*?)\s*(?:#\s*(?P<doc>.*))?$", re.M),
    "bash": re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>[^#\n]*?)\s*(?:#\s*(?P<doc>.*))?$", re.M),
}
_WORDS: Mapping[str, Any] = {"TRUE": True, "FALSE": False, "NULL": None, "NA": None, "true": True, "false": False}


def foreign_contract(source: str, language: str) -> tuple[Parameter, ...]:
    """The names a `parameters` cell sets in a language that is not Python, untyped; none where we cannot read it."""
    pattern = _LINES.get(language)
    if pattern is None:
        return ()
    found = {m["name"]: _parameter(m) for m in pattern.finditer(source) if is_variable(m["name"])}
    return tuple(found.values())


def _parameter(match: re.Match[str]) -> Parameter:
    text = match["value"]
    default = _WORDS[text] if text in _WORDS else literal(text)
    return Parameter(match["name"], "any", default, optional=True, doc=(match["doc"] or "").strip())
