"""A `%%task` or `%%setup` cell by hand is a cell like any other: its magic line becomes a comment and the rest runs.

So tracebacks, last expressions, `await`, line numbers and nested `%%bash` behave as in any cell.
"""

from __future__ import annotations

from jupyter_flows.definition.cut import split_cell

_BY_HAND = frozenset({"task", "setup"})


def as_plain_cell(lines: list[str]) -> list[str]:
    """The cell IPython should run: the same lines, with the magic line as a comment. Other cells stay as they are."""
    if not any(line.lstrip().startswith("%%") for line in lines[:50]):
        return lines
    cell = split_cell("".join(lines))
    if cell is None or cell.magic not in _BY_HAND or not cell.body.strip():
        return lines
    if cell.body.lstrip().startswith("%%"):
        return cell.body.lstrip("\n").splitlines(keepends=True)
    blank = ["\n"] * (cell.body_first_line - 2)
    return [*blank, f"# %%{cell.magic} {cell.line}\n", *cell.body.splitlines(keepends=True)]
