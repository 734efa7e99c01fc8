"""Where a cell's magics begin and end: cut exactly where IPython's transformer cuts (a parity test feeds both)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

_CELL_HELP = re.compile(r"%%\w+\?")
_LEXEME = re.compile(
    r"""(?P<comment>\#.*)
    | (?P<triple>(?:[rR]?[bBfFtT]?|[bBfFtT][rR]|[uU])(?:\"{3}|'{3}))
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<other>\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_ASSIGNED = re.compile(r"(?P<lhs>\s*[A-Za-z_][^=#'\"%()!<>]*=\s*)%\s*[A-Za-z_]")
_TRANSPARENT = frozenset({"time", "timeit", "capture", "prun"})
"""Cell magics whose body is this kernel's Python."""


@dataclass(frozen=True, slots=True)
class MagicCell:
    """One magic: `%name line`, or `%%name line` with the rest of the cell as `body`.

    `first_line` and `body_first_line` count from 1 in the author's cell. `indent` is what stands before a line magic.
    """

    magic: str
    line: str
    body: str = ""
    first_line: int = 1
    body_first_line: int = 1
    is_cell: bool = False
    indent: str = ""


def split_cell(source: str) -> MagicCell | None:
    """The `%%magic` a cell is, or None for any other cell. Comments before it make it no cell magic, as in IPython."""
    lines, dropped = _cleaned(source)
    if not lines or not lines[0].startswith("%%") or _CELL_HELP.match(lines[0]):
        return None
    magic, _, line = lines[0][2:].rstrip().partition(" ")
    return MagicCell(magic, line, "".join(lines[1:]), dropped + 1, dropped + 2, is_cell=True)


def line_magics(source: str) -> tuple[MagicCell, ...]:
    """Every `%magic` of a cell in order; for a `%%magic` cell none, because its body is text to IPython."""
    if split_cell(source) is not None:
        return ()
    lines, dropped = _cleaned(source)
    return tuple(m for _, _, m in _escaped(lines, dropped) if m is not None)


def python_of(source: str) -> str:
    """The Python of a cell, line for line: magics, shell lines and help become `pass`, foreign cell magics blanks.

    `%%time`, `%%capture` and their like keep their body, as it runs in this kernel; so do `%%task` and `%%setup`.
    """
    cell = split_cell(source)
    if cell is not None:
        keeps = cell.magic in _TRANSPARENT or cell.magic in ("task", "setup")
        return "\n" * (cell.body_first_line - 1) + (python_of(cell.body) if keeps else "")
    lines, dropped = _cleaned(source)
    for start, end, magic in _escaped(lines, dropped):
        indent = magic.indent if magic else lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        lines[start : end + 1] = [f"{indent}pass\n", *["\n"] * (end - start)]
    return "\n" * dropped + "".join(lines)


def _cleaned(source: str) -> tuple[list[str], int]:
    """The lines IPython looks at, and how many blank ones it dropped from the top."""
    lines = source.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    return dedent("".join(lines[first:])).splitlines(keepends=True), first


def _escaped(lines: list[str], dropped: int) -> Iterator[tuple[int, int, MagicCell | None]]:
    """First and last index of every line that is not Python, with its magic if it is one."""
    scanner, i = _Scanner(), 0
    while i < len(lines):
        if not scanner.is_fresh:
            scanner.read(lines[i])
            i += 1
            continue
        start, prefix = i, _prefix(lines[i])
        if prefix is None:
            scanner.read(lines[i])
            i += 1
            continue
        end = _end_of_continued(lines, i)
        i = end + 1
        text = _assembled(lines, start, end, len(prefix))
        if _asks_for_help(text) or not text.startswith("%"):
            yield start, end, None
            continue
        magic, _, line = text[1:].partition(" ")
        yield start, end, MagicCell(magic, line, "", dropped + start + 1, dropped + end + 2, indent=prefix)


def _prefix(line: str) -> str | None:
    """What stands before the escape character of a line that is not Python, or None when it is Python."""
    text = line.lstrip(" \t\f")
    if text[:1] and text[0] in "%!?,;/":
        return line[: len(line) - len(text)]
    if assigned := _ASSIGNED.match(line):
        return assigned["lhs"]
    return None


def _end_of_continued(lines: list[str], i: int) -> int:
    while lines[i].endswith("\\\n") and i + 1 < len(lines):
        i += 1
    return i


def _assembled(lines: list[str], start: int, end: int, column: int) -> str:
    parts = [lines[start][column:], *lines[start + 1 : end + 1]]
    return " ".join([*(p.rstrip()[:-1] for p in parts[:-1]), parts[-1].rstrip()])


def _asks_for_help(text: str) -> bool:
    lexemes = list(_LEXEME.finditer(text.rstrip()))
    return bool(lexemes) and lexemes[-1].lastgroup == "other" and lexemes[-1][0] == "?"


class _Scanner:
    """Whether the next line starts a new logical line of Python: outside brackets, strings and continuations."""

    def __init__(self) -> None:
        self._depth = 0
        self._triple = ""
        self._continued = False

    @property
    def is_fresh(self) -> bool:
        return not (self._depth or self._triple or self._continued)

    def read(self, line: str) -> None:
        at = self._close_triple(line, 0) if self._triple else 0
        self._continued = False
        while at < len(line) and (found := _LEXEME.match(line, at)):
            at = found.end()
            match found.lastgroup:
                case "triple":
                    self._triple = found[0][-3:]
                    at = self._close_triple(line, at)
                case "open":
                    self._depth += 1
                case "close":
                    self._depth = max(0, self._depth - 1)
                case "other":
                    self._continued = found[0] == "\\\n"

    def _close_triple(self, line: str, at: int) -> int:
        end = re.compile(rf"(?:\\.|(?!{self._triple})[^\\])*{self._triple}", re.DOTALL).match(line, at)
        if end is None:
            return len(line)
        self._triple = ""
        return end.end()
