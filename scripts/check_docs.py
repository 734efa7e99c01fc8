"""Checks the documentation: links lead somewhere, code blocks parse, magic lines and commands are real.

Run it as `python scripts/check_docs.py [ROOT]`: it prints every fault with its file and line; 1 is its exit code then.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from jupyter_flows.commands.group import takes_flow, verbs
from jupyter_flows.commands.session import HERE
from jupyter_flows.definition.check import check
from jupyter_flows.definition.directive import FLOW_OPTIONS, TASK_OPTIONS, parse_directive
from jupyter_flows.definition.notebook import read_flow
from jupyter_flows.definition.wire import parse_wire

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "changes/*.md", "examples/**/*.md")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, at which line of which page."""

    page: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block: its language, the text, and the line of the page its first line stands on."""

    language: str
    text: str
    line: int


def check_all(root: Path) -> list[Fault]:
    """All faults of all pages below `root`."""
    pages = sorted({page for pattern in PAGES for page in root.glob(pattern)})
    return [fault for page in pages for fault in check_page(page, root)]


def check_page(page: Path, root: Path) -> list[Fault]:
    """The faults of one page: first its links, then its code blocks."""
    text = page.read_text(encoding="utf-8")
    found = [*link_faults(text, page, root)]
    for block in blocks(text):
        found += [(block.line + line, message) for line, message in CHECKS.get(block.language, nothing)(block.text)]
    return [Fault(page.relative_to(root).as_posix(), line, message) for line, message in dict.fromkeys(found)]


# links

_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})\s*(\S*)[^\n]*\n(.*?)^\1\2\s*$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def link_faults(text: str, page: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Relative links that lead to no file below `root`, or to no heading of the page they name."""
    prose = _FENCE.sub(lambda fence: "\n" * fence.group().count("\n"), text)
    for match in _LINK.finditer(prose):
        target = match.group(1)
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        where = prose.count("\n", 0, match.start()) + 1
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page.resolve()
        if not file.exists() or not file.is_relative_to(root.resolve()):
            yield where, f"the link to {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield where, f"{name or page.name} has no heading #{anchor}"


def anchors(text: str) -> set[str]:
    """The names by which the headings of a page can be linked, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# code blocks


def blocks(text: str) -> Iterator[Block]:
    """The fenced code blocks of a page."""
    for match in _FENCE.finditer(text):
        yield Block(match.group(3).lower(), match.group(4), text.count("\n", 0, match.start()) + 2)


def nothing(_text: str) -> Iterator[tuple[int, str]]:
    """For languages that are not checked."""
    return iter(())


def json_faults(text: str) -> Iterator[tuple[int, str]]:
    """A block that is no JSON document."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        yield error.lineno - 1, f"no JSON: {error.msg}"


def python_faults(text: str) -> Iterator[tuple[int, str]]:
    """Cells that do not parse, and magic lines the product would refuse. One block may show several cells."""
    yield from flow_faults(text)
    for line, cell in cells(text):
        first, _, body = cell.partition("\n")
        if is_magic(first):
            message = magic_fault(first, body)
            if message:
                yield line, message
        if first.startswith("%%bash"):
            continue
        if first.startswith("%%"):
            cell = "\n" + body
        plain = "\n".join("" if is_magic(row) else row for row in cell.split("\n"))
        try:
            ast.parse(plain)
        except SyntaxError as error:
            yield line + (error.lineno or 1) - 1, f"no Python: {error.msg}"


def flow_faults(text: str) -> Iterator[tuple[int, str]]:
    """The problems of a block that shows a whole flow: a `%flow` line and tasks."""
    shown = list(cells(text))
    if not all(any(cell.startswith(magic) for _, cell in shown) for magic in ("%flow ", "%%task ")):
        return
    code = [{"cell_type": "code", "id": f"cell-{line}", "metadata": {}, "source": cell} for line, cell in shown]
    empty = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    flow, problems = read_flow({**empty, "cells": code}, path=None, read_notebook=lambda _: empty)
    for problem in check(flow, problems):
        begun = shown[problem.place.cell or 0][0]
        yield begun + (problem.place.line or 1) - 1, problem.message


def is_magic(line: str) -> bool:
    """Whether IPython reads this line, and not Python."""
    return bool(re.match(r"%%?[a-z]", line))


def cells(text: str) -> Iterator[tuple[int, str]]:
    """The cells a block shows, each with its first line's number: a magic line begins one, and a line magic is one."""
    begun, rows = 0, list[str]()
    for number, row in enumerate(text.split("\n")):
        if is_magic(row) or (rows and re.match(r"%[a-z]", rows[0])):
            if rows:
                yield begun, "\n".join(rows)
            begun, rows = number, []
        rows.append(row)
    if rows:
        yield begun, "\n".join(rows)


def console_faults(text: str) -> Iterator[tuple[int, str]]:
    """Commands of `jupyter flows` and of make that do not exist."""
    for number, row in enumerate(text.split("\n")):
        command = row.strip().removeprefix("$ ")
        flows = re.match(r"jupyter[ -]flows\b(.*)", command)
        message = flows and command_fault(shlex.split(flows.group(1), comments=True))
        if message:
            yield number, message
        target = re.match(r"make ([a-z]+)", command)
        if target and target.group(1) not in make_targets():
            yield number, f"the Makefile has no target {target.group(1)}"


CHECKS: dict[str, Callable[[str], Iterator[tuple[int, str]]]] = {
    "json": json_faults,
    "python": python_faults,
    "console": console_faults,
    "bash": console_faults,
}


def magic_fault(line: str, body: str) -> str:
    """Why the product would refuse this magic line, or nothing. Magics of others are not judged."""
    magic, _, words = line.lstrip("%").partition(" ")
    match magic:
        case "flow":
            problems = parse_directive(words, FLOW_OPTIONS).problems
        case "task":
            problems = parse_directive(words, TASK_OPTIONS).problems
        case "wire":
            problems = parse_wire(body)[1]
        case "flows":
            typed = shlex.split(words, comments=True)
            return "" if typed[:1] == ["at"] else command_fault(typed, in_notebook=True)
        case _:
            return ""
    return "; ".join(problem.message for problem in problems)


def command_fault(words: list[str], group: click.Group | None = None, *, in_notebook: bool = False) -> str:
    """Why `jupyter flows WORDS` (or `%flows WORDS`) would be refused, or nothing. Nothing is carried out."""
    words = [word for word in words if word not in ("--json", "--help")]
    if not words:
        return ""
    name, *rest = words
    command = (group or verbs()).commands.get(name)
    if command is None:
        return f"there is no verb {name}"
    if isinstance(command, click.Group):
        return command_fault(rest, command)
    try:
        command.make_context(name, [HERE, *rest] if in_notebook and takes_flow(command) else rest)
    except click.UsageError as error:
        return f"{name}: {error.format_message()}"
    return ""


@cache
def make_targets() -> frozenset[str]:
    """What `make` can make."""
    makefile = Path(__file__).parent.parent / "Makefile"
    return frozenset(re.findall(r"^([a-z-]+):", makefile.read_text(encoding="utf-8"), re.MULTILINE))


def main(arguments: list[str]) -> int:
    """Print the faults below the folder given, or below this repository; 1 if there are any."""
    root = Path(arguments[0]) if arguments else Path(__file__).parent.parent
    faults = check_all(root.resolve())
    for fault in faults:
        print(fault)
    print(f"{len(faults)} fault(s) in the documentation" if faults else "the documentation is sound")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
