"""Writes the tables of the reference pages from the code, between `<!-- table: NAME -->` and `<!-- end -->`.

Run it as `python scripts/write_reference.py` after changing an option or a setting; a test fails until you do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

from jupyter_flows.definition.directive import FLOW_OPTIONS, TASK_OPTIONS, Option
from jupyter_flows.runtime.config import ENV_PREFIX, Config

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
_TABLE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The page with every table written anew."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}", text)


def options_table(options: Iterable[Option]) -> str:
    """One row for each option of a magic, in the order of the code."""
    rows = [(f"`{option.flag}{' …' if option.read else ''}`", _meaning(option)) for option in options]
    return _rows(("option", "meaning"), rows)


def _meaning(option: Option) -> str:
    kinds = f" ({', '.join(option.kinds)} only)" if option.kinds else ""
    return f"{option.doc}{kinds}{'; may be repeated' if option.many else ''}"


def settings_table() -> str:
    """One row for each field of the settings."""
    rows = []
    for field in fields(Config):
        default = "`flows` in Jupyter's data folder" if field.name == "home" else f"`{field.default!r}`"
        rows.append((f"`{field.name}`", f"`{ENV_PREFIX}{field.name.upper()}`", default, str(field.metadata["doc"])))
    return _rows(("setting", "environment variable", "default", "meaning"), rows)


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


TABLES: dict[str, Callable[[], str]] = {
    "flow-options": lambda: options_table(FLOW_OPTIONS),
    "task-options": lambda: options_table(TASK_OPTIONS),
    "settings": settings_table,
}


def main() -> None:
    """Fill the tables of every reference page."""
    for page in sorted(REFERENCE.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
