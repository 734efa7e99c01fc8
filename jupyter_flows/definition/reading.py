"""How one option's text becomes a value. Each raises UsageError, with the fix, for text it cannot read."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import NamedTuple

from jupyter_flows.definition.moments import parse_duration
from jupyter_flows.errors import UsageError
from jupyter_flows.model.ids import task_id

TYPES = ("str", "int", "float", "bool", "date", "datetime", "timedelta", "list", "dict", "any")
"""The types a parameter may declare."""


class Declared(NamedTuple):
    """`name[:type][=default]` as written; `default` None means required."""

    name: str
    type: str
    default: str | None


def is_variable(name: str) -> bool:
    """Whether `name` may become a variable of a notebook: a plain identifier, no keyword, nothing Python reserves."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and not name.startswith("__")
        and unicodedata.normalize("NFKC", name) == name
    )


def variable(name: str) -> str:
    """`name`, when it may become a variable."""
    if not is_variable(name):
        raise UsageError(
            f"{name!r} cannot be the name of a variable.",
            fix="Use a Python identifier that is no keyword and does not start with two underscores.",
        )
    return name


def word(text: str) -> str:
    """Text that is not empty."""
    if not text.strip():
        raise UsageError("the value is empty.", fix="Give it a value or drop the option.")
    return text


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a whole number.", fix="Write digits, e.g. 2.") from None


def count(text: str) -> int:
    """A whole number from 0."""
    if (number := whole(text)) < 0:
        raise UsageError(f"{text} is negative.", fix="Use 0 or more.")
    return number


def positive(text: str) -> int:
    """A whole number from 1."""
    if (number := whole(text)) < 1:
        raise UsageError(f"{text} is less than 1.", fix="Use 1 or more.")
    return number


def backoff(text: str) -> float:
    """A factor of at least 1."""
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 1 <= factor < float("inf"):
        raise UsageError(f"{text!r} is not a factor of at least 1.", fix="Write e.g. 2 to double each delay.")
    return factor


def positive_duration(text: str) -> timedelta:
    """A duration longer than nothing."""
    if (duration := parse_duration(text)) <= timedelta(0):
        raise UsageError(f"{text!r} is no time at all.", fix="Use a duration above 0.")
    return duration


def schedule(text: str) -> str | None:
    """A schedule as written; `none` means runs only on request."""
    return None if word(text).strip().lower() in ("none", "@none") else text.strip()


def choice(what: str, known: Sequence[str]) -> Callable[[str], str]:
    """One of the `known` words, spelt with `-` or `_`."""

    def read(text: str) -> str:
        plain = text.lower().replace("-", "_")
        if plain in known:
            return plain
        close = get_close_matches(plain, known, n=1, cutoff=0.5)
        fix = f"Write {close[0]}." if close else f"Use one of {', '.join(known)}."
        raise UsageError(f"there is no {what} {text!r}.", fix=fix)

    return read


def task_ids(text: str) -> tuple[str, ...]:
    """Task ids with commas between."""
    return tuple(task_id(part) for part in _parts(text))


def names(text: str) -> tuple[str, ...]:
    """Variable names with commas between."""
    return tuple(variable(part) for part in _parts(text))


def _parts(text: str) -> list[str]:
    parts = [p.strip() for p in text.split(",") if p.strip()]
    if not parts:
        raise UsageError("the value is empty.", fix="Give it a value or drop the option.")
    return parts


def mapping(text: str) -> tuple[str, str]:
    """`x=xs`: both are variables."""
    name, equals, over = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} does not say what to map over.", fix="Write --map x=xs.")
    return variable(name.strip()), variable(over.strip())


def assignment(text: str) -> tuple[str, str]:
    """`name=value`, the value still as text: what it means depends on the contract."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} gives no value.", fix="Write --param name=value.")
    return variable(name.strip()), value


def parameter(text: str) -> Declared:
    """`name[:type][=default]`."""
    head, equals, default = text.partition("=")
    name, colon, kind = (part.strip() for part in head.partition(":"))
    return Declared(variable(name), choice("type", TYPES)(kind) if colon else "any", default if equals else None)
