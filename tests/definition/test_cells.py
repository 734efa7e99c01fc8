from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from jupyter_flows.definition.cells import line_magics, python_of, split_cell

CELLS = [
    "%%task a --after b\nx = 1\n",
    "%%task a --after b\nx = 1",
    "\n\n  \n%%task a\nx",
    "  %%task a\n  x = 1\n  if x:\n      y\n",
    "# comment\n%%task a\nx",
    "%%task\nx",
    "%%task  a  \n\nx\n\n",
    "%%task a",
    "%%task a\n",
    "%%task? \nx",
    "%%task a?\nx",
    "%%task a \\\n  --after b\nx",
    "%%task a\n%%bash\nls\n",
    "%%task a\n\tx\n",
    "%%bash\n%flow x\n",
    "%flow f --schedule @daily",
    "%load_ext jupyter_flows\n%flow f --schedule @daily \\\n   --retries 2\nx = 1\n",
    "import os\n%flow f\nx = (1\n%task)\ny = 2\n%task t n.ipynb\n",
    's = """\n%flow no\n"""\n%flow yes\n',
    "s = '''a\\'''\n%flow no\n'''\n%flow yes\n",
    "s = 'it'  # isn't\n%flow yes\n",
    "x = [\n  '(',  # )\n  1\n%flow\n]\n%flow yes\n",
    "x = 1 \\\n%flow\n%flow yes",
    "if x:\n    %flow inner\n%flow outer\n",
    "for i in y:\n    %task t n.ipynb\n    z\n",
    "x = %flow f --retries 1\n",
    "a.b[0] = %task t n.ipynb",
    "%flow f?",
    "%flow 'f?'",
    "%flow f # why?",
    "?%flow",
    "!ls -la\n%flow f\n",
    "!echo 'x\n%flow f\n",
    "files = !ls\n%flow f",
    '%flow f --doc "it\'s"\n%task t n.ipynb\n',
    "%flow f --param p={{ ds }}\nx\n",
    "% flow f",
    "%flow",
    "%flow  f   ",
    "",
    "\n",
    "   ",
    "x = 5 %task\n",
    "x = (5\n  %task)\n",
    "def f():\n    '''doc\n    %flow no\n    '''\n    return 1\n%flow f\n",
    "%%setup\nimport x\n",
    "%%wire\na >> b\n",
    "%flow a\n\n\n%%task b\nx",
    "{}\n%flow f",
    "f'{x}'\n%flow f",
    "x = 1;\n%flow f",
    "%time x = 1\n%flow f",
    "%flow f\r\nx = 1\r\n",
    "%%task a\r\nx = 1\r\n",
]


def calls(source: str) -> Iterator[tuple[str, ...]]:
    """What IPython makes of a cell: its calls of magics, in order."""
    tree = ast.parse(TransformerManager().transform_cell(source))
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="run_cell_magic" | "run_line_magic" as how), args=args):
                found.append((node.lineno, how, *(ast.literal_eval(a) for a in args)))
    for _, how, *words in sorted(found):
        if how == "run_cell_magic" or words[0] in ("flow", "task", "%task", "load_ext", "setup", "%setup", "wire"):
            yield (how, *words)


def ours(source: str) -> Iterator[tuple[str, ...]]:
    cell = split_cell(source)
    if cell is not None:
        yield ("run_cell_magic", cell.magic, cell.line, cell.body)
    for magic in line_magics(source):
        if magic.magic in ("flow", "task", "%task", "load_ext", "setup", "%setup", "wire"):
            yield ("run_line_magic", magic.magic, magic.line)


@pytest.mark.parametrize("source", CELLS)
def test_cells_are_cut_exactly_where_ipython_cuts(source: str) -> None:
    assert list(ours(source)) == list(calls(source))


LINES = st.sampled_from(
    [
        "",
        "  ",
        "x = 1",
        "%flow f",
        "%task t n.ipynb --doc 'a'",
        "    y = 2",
        "if x:",
        "    %flow g",
        "# %flow h",
        "z = (",
        ")",
        "'''",
        "s = 'a'",
        "%%task c",
        "%flow \\",
        "  --retries 1",
        "!ls",
        "q = %flow z",
        "t = [1,",
        "]",
        "k = 'b'  # '''",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=8), st.booleans())
def test_any_mixture_of_lines_is_cut_where_ipython_cuts(lines: list[str], ends: bool) -> None:
    source = "\n".join(lines) + ("\n" if ends else "")
    try:
        ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        return  # not Python anyway: what is in it is never run
    assert list(ours(source)) == list(calls(source))


def test_the_line_of_a_magic_and_of_its_body_are_those_of_the_authors_cell() -> None:
    cell = split_cell("\n\n%%task a\nx\n")
    assert cell is not None
    assert (cell.first_line, cell.body_first_line) == (3, 4)
    assert [m.first_line for m in line_magics("\nx = 1\n%flow f \\\n --x\n%task t\n")] == [3, 5]


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = 1\n%flow f\ny = 2\n", "x = 1\npass\ny = 2\n"),
        ("if x:\n    %flow f \\\n      b\n    y\n", "if x:\n    pass\n\n    y\n"),
        ("%%task a\nx = 1\n", "\nx = 1\n"),
        ("%%time\nx = 1\n", "\nx = 1\n"),
        ("%%bash\nls\n", "\n"),
        ("%%task a\n%%bash\nls\n", "\n\n"),
        ("q = %flow z\n", "q = pass\n"),
    ],
)
def test_the_python_of_a_cell_keeps_its_lines(source: str, python: str) -> None:
    assert python_of(source) == python


def test_the_cells_of_the_examples_are_cut_as_ipython_cuts_them() -> None:
    import json

    seen = 0
    for path in (Path(__file__).parents[2] / "examples").rglob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                source = "".join(cell["source"])
                assert list(ours(source)) == list(calls(source))
                seen += 1
    assert seen > 10
