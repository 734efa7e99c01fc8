"""A magic's line cut into words, and a word read as a literal. Nothing is evaluated."""

from __future__ import annotations

import ast
import json
from typing import Any, NoReturn

from jupyter_flows.errors import UsageError

_CLOSING = {"{{": "}}", "{%": "%}"}


def split_words(line: str) -> list[str]:
    """The words of `line` as a shell cuts them, with two differences.

    A template `{{ … }}` is one piece, spaces and quotes included; a `#` after a space starts a comment. Raises
    UsageError for an open quote, an open template, and a lone backslash at the end.
    """
    words: list[str] = []
    word: str | None = None
    i = 0
    while i < len(line):
        char = line[i]
        if char.isspace():
            if word is not None:
                words.append(word)
            word, i = None, i + 1
        elif char == "#" and word is None:
            break
        else:
            piece, i = _piece(line, i)
            word = (word or "") + piece
    return words if word is None else [*words, word]


def _piece(line: str, i: int) -> tuple[str, int]:
    char = line[i]
    if char in "'\"":
        return _quoted(line, i)
    if closing := _CLOSING.get(line[i : i + 2]):
        end = line.find(closing, i + 2)
        if end < 0:
            raise UsageError(f"The template {line[i:]!r} is not closed.", fix=f"End it with {closing}.")
        return line[i : end + 2], end + 2
    if char == "\\":
        if i + 1 >= len(line):
            raise UsageError(
                "The line ends in a backslash, but a magic's options stand on one line.",
                fix="Write all options on the magic's own line.",
            )
        return line[i + 1], i + 2
    return char, i + 1


def _quoted(line: str, start: int) -> tuple[str, int]:
    quote, out, i = line[start], "", start + 1
    while i < len(line):
        if line[i] == quote:
            return out, i + 1
        if line[i] == "\\" and quote == '"' and line[i + 1 : i + 2] in ("\\", '"'):
            i += 1
        out += line[i]
        i += 1
    raise UsageError(f"The quote in {line[start:]!r} is not closed.", fix=f"End the word with {quote}.")


def literal(text: str) -> Any:
    """The JSON value `text` spells, in JSON or as a Python literal; otherwise the text itself.

    Tuples become lists. What JSON cannot hold (nan, bytes, sets, …) stays text.
    """
    for read in (_read_json, ast.literal_eval):
        try:
            return as_json(read(text.strip()))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


def _read_json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON value")


def as_json(value: Any) -> Any:
    """`value` after a strict round trip through JSON, tuples as lists. Raises ValueError when JSON cannot hold it."""
    try:
        return json.loads(json.dumps(_checked(value), allow_nan=False))
    except (RecursionError, OverflowError):
        raise ValueError("it is nested too deeply") from None


def _checked(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_checked(v) for v in value]
        case dict():
            if not all(isinstance(k, str) for k in value):
                raise ValueError("its keys are not all text")
            return {k: _checked(v) for k, v in value.items()}
    raise ValueError(f"a {type(value).__name__} is no JSON value")
