"""Writes the tables of the documentation that follow from other files: `<!-- table: NAME -->` to `<!-- end -->`.

Run it as `python scripts/write_reference.py` after changing an option, a setting or a decision; a test fails
until you do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

import click

from jupyter_flows.commands.group import verbs
from jupyter_flows.definition.directive import FLOW_OPTIONS, TASK_OPTIONS, Option
from jupyter_flows.runtime.config import ENV_PREFIX, Config

DOCS = Path(__file__).parent.parent / "docs"
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


def verbs_sections() -> str:
    """A section for each verb of the command line: what it does, how it is written, and its options."""
    return "\n\n".join(_verb_section(name, command) for name, command in sorted(verbs().commands.items())) + "\n"


def _verb_section(name: str, command: click.Command) -> str:
    words = [*_arguments(command), *_subcommands(command)]
    rows = [_option_row(p) for p in command.params if isinstance(p, click.Option)]
    parts = [f"## `{' '.join([name, *words])}`", command.get_short_help_str(200)]
    return "\n\n".join([*parts, *([_rows(("option", "meaning"), rows).rstrip()] if rows else [])])


def _arguments(command: click.Command) -> list[str]:
    found = [p for p in command.params if isinstance(p, click.Argument)]
    plain = [p.name.upper() + ("…" if p.nargs != 1 else "") for p in found if p.name]
    return [word if p.required else f"[{word}]" for word, p in zip(plain, found, strict=True)]


def _subcommands(command: click.Command) -> list[str]:
    return ["|".join(sorted(command.commands))] if isinstance(command, click.Group) else []


def _option_row(option: click.Option) -> tuple[str, str]:
    flags = " / ".join([*option.opts, *option.secondary_opts])
    choices = isinstance(option.type, click.Choice) and f" {'|'.join(map(str, option.type.choices))}"
    value = "" if option.is_flag else choices or " …"
    default = f" Default: {option.default}." if option.show_default and not option.is_flag else ""
    return f"`{flags}{value}`", f"{option.help or ''}{default}{' May be repeated.' if option.multiple else ''}".strip()


def decisions_list() -> str:
    """A link to each page of decisions, by its title."""
    pages = sorted(page for page in (DOCS / "decisions").glob("[0-9]*.md") if "template" not in page.name)
    titles = [(page, page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")) for page in pages]
    return "".join(f"- [{title}]({page.name})\n" for page, title in titles)


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


TABLES: dict[str, Callable[[], str]] = {
    "flow-options": lambda: options_table(FLOW_OPTIONS),
    "task-options": lambda: options_table(TASK_OPTIONS),
    "settings": settings_table,
    "verbs": verbs_sections,
    "decisions": decisions_list,
}


def main() -> None:
    """Fill the tables of every page."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if filled(text) != text:
            page.write_text(filled(text), encoding="utf-8")


if __name__ == "__main__":
    main()
