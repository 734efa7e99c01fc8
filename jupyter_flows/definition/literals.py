"""Values as source code: `NAME = literal` lines in Python, R and bash, which can hold nothing but data."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_flows.definition.reading import is_variable
from jupyter_flows.definition.words import as_json
from jupyter_flows.errors import UsageError

_R_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_R_RESERVED = frozenset(
    {"if", "else", "repeat", "while", "function", "for", "next", "break", "in"}
    | {"TRUE", "FALSE", "NULL", "Inf", "NaN", "NA", "T", "F"}
)
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EXACT = 2**53
"""Beyond it R's numbers skip whole ones."""


def assignments(values: Mapping[str, Any], language: str = "python") -> str:
    """One line `NAME = literal` for each of `values`, in `language`.

    Raises UsageError that names the value when its name is no plain identifier there, when JSON cannot hold it (nan,
    dates, sets, …), or when the language has no safe way to write it.
    """
    writer = _WRITERS.get(language)
    if writer is None:
        if not values:
            return ""
        raise UsageError(
            f"Parameters cannot be given to a notebook in {language}: {', '.join(values)}.",
            fix=f"Drop them; parameters are known for {', '.join(_WRITERS)}.",
        )
    is_name, pattern, write = writer
    lines = []
    for name, value in values.items():
        if not is_name(name):
            raise UsageError(f"{name!r} cannot be a variable in {language}.", fix="Use a plain identifier.")
        try:
            lines.append(pattern.format(name, write(as_json(value))))
        except ValueError as error:
            raise UsageError(
                f"The value of '{name}' cannot be written as a literal in {language}: {error}.",
                fix="Give text, numbers, true, false, null, or lists and mappings of them.",
            ) from None
    return "\n".join(lines)


def python_literal(value: Any) -> str:
    """A JSON value as a Python literal. Raises ValueError for anything else."""
    match value:
        case None | bool() | int():
            return repr(value)
        case float():
            return repr(_finite(value))
        case str():
            return repr(value) if value.isprintable() else ascii(value)
        case list():
            return f"[{', '.join(map(python_literal, value))}]"
        case dict():
            return "{" + ", ".join(f"{python_literal(k)}: {python_literal(v)}" for k, v in value.items()) + "}"
    raise ValueError(f"a {type(value).__name__} is no JSON value")


def r_literal(value: Any) -> str:
    """A JSON value as R source: lists and mappings become `list(…)`."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            if abs(value) > _EXACT:
                raise ValueError(f"{value} is too large for a number in R")
            return str(value)
        case float():
            return repr(_finite(value))
        case str():
            return _quoted(value)
        case list():
            return f"list({', '.join(map(r_literal, value))})"
        case dict():
            if not all(value):
                raise ValueError("names in R are not empty")
            return f"list({', '.join(f'{_quoted(k)} = {r_literal(v)}' for k, v in value.items())})"
    raise ValueError(f"a {type(value).__name__} is no JSON value")


def bash_literal(value: Any) -> str:
    """A JSON scalar as a word of bash; lists and mappings have no form there."""
    match value:
        case None:
            return "''"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(_finite(value))
        case str():
            if "\0" in value:
                raise ValueError("bash's text holds no null character")
            return shlex.quote(value)
    raise ValueError(f"bash has no form for a {type(value).__name__}")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    return value


def _quoted(text: str) -> str:
    """Text in double quotes by escapes R shares with JSON; what lies beyond 16 bits, by R's own."""
    if "\0" in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("R's text holds no null character and no half characters")
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(c if " " <= c <= "~" else f"\\U{ord(c):08x}" for c in plain)


def _is_r_name(name: str) -> bool:
    return bool(_R_NAME.match(name)) and name not in _R_RESERVED


def _is_shell_name(name: str) -> bool:
    return bool(_SHELL_NAME.match(name))


_WRITERS: Mapping[str, tuple[Callable[[str], bool], str, Callable[[Any], str]]] = {
    "python": (is_variable, "{} = {}", python_literal),
    "r": (_is_r_name, "{} <- {}", r_literal),
    "bash": (_is_shell_name, "{}={}", bash_literal),
}
LANGUAGES = frozenset(_WRITERS)
"""Languages whose notebooks can be given parameters."""
