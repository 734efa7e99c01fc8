"""Properties of `cell_names` over Python's own library and over text of all sorts."""

from __future__ import annotations

import ast
import builtins
import symtable
import sysconfig
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_flows.definition.names import CellNames, cell_names
from jupyter_flows.definition.names_mutation import dropped_calls
from jupyter_flows.definition.names_scope import effects_of

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SKIPPED = {"site-packages", "lib2to3", "idlelib", "turtledemo", "__pycache__"}


def modules(every: int) -> list[Path]:
    found = [p for p in sorted(LIBRARY.rglob("*.py")) if not SKIPPED & set(p.parts)]
    return found[::every]


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def all_lines(names: CellNames) -> Iterator[int]:
    for found in (names.reads, names.writes, names.mutates, names.deletes, names.imports, names.builtins):
        yield from found.values()
    yield from (p.place.line for p in names.problems if p.place.line is not None)


def test_pythons_own_modules_are_read_in_time_and_within_their_lines() -> None:
    begun = time.process_time()
    sources = [read(path) for path in modules(every=12)]
    assert len(sources) > 50
    for source in sources:
        last = source.count("\n") + 1
        assert all(1 <= line <= last for line in all_lines(cell_names(source)))
    assert time.process_time() - begun < 30


# Names these modules take from nowhere we could see: set by globals().update, exec, or star imports of accelerators.
PLAIN = ["argparse", "ast", "bisect", "cmd", "collections/abc", "configparser", "contextlib", "copy", "csv"]
PLAIN += ["dataclasses", "difflib", "fractions", "functools", "glob", "gzip", "heapq", "inspect", "json/decoder"]
PLAIN += ["json/encoder", "linecache", "mailbox", "numbers", "pathlib", "pdb", "pprint", "queue", "random", "shlex"]
PLAIN += ["shutil", "statistics", "string", "tarfile", "textwrap", "timeit", "tokenize", "urllib/parse", "uuid"]
MODULE_NAMES = {"__builtins__", "__name__", "__file__", "__doc__", "__spec__", "__package__", "__path__"}


@pytest.mark.parametrize("name", [n for n in PLAIN if (LIBRARY / f"{n}.py").exists()])
def test_a_whole_module_surely_needs_nothing_but_what_modules_have(name: str) -> None:
    names = cell_names(read(LIBRARY / f"{name}.py"))
    sure = set(names.reads) - names.maybe
    assert names.opaque or sure <= MODULE_NAMES


def functions_by_line(table: symtable.SymbolTable) -> dict[tuple[str, int], symtable.SymbolTable]:
    found: dict[tuple[str, int], symtable.SymbolTable] = {}
    for child in table.get_children():
        if str(child.get_type()).rpartition(".")[2].lower() == "function":
            found.setdefault((child.get_name(), child.get_lineno()), child)
    return found


def globals_used(table: symtable.SymbolTable) -> set[str]:
    """All but `__class__`, which a table adds wherever `super` is mentioned."""
    used: set[str] = set()
    todo = [table]
    while todo:
        current = todo.pop()
        todo += current.get_children()
        used |= {s.get_name() for s in current.get_symbols() if s.is_global() and s.is_referenced()} - {"__class__"}
    return used


def has_inner_annotations(node: ast.AST) -> bool:
    """Annotations inside functions are no reads at run time, yet symbol tables list them; nor are those of inner heads
    the same in every Python."""
    inner = [n for n in ast.walk(node) if n is not node]
    heads = [n for n in inner if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(isinstance(n, ast.AnnAssign) for n in inner) or any(
        h.returns or any(isinstance(a, ast.arg) and a.annotation for a in ast.walk(h.args)) for h in heads
    )


def has_class(node: ast.AST) -> bool:
    """A name a class body both binds and reads is "local" to symbol tables, though the read may be a global one."""
    return any(isinstance(n, ast.ClassDef) for n in ast.walk(node))


def test_functions_use_the_globals_that_pythons_symbol_tables_say() -> None:
    compared = 0
    for path in modules(every=10):
        source = read(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(source)
                tables = functions_by_line(symtable.symtable(source, str(path), "exec"))
        except (SyntaxError, ValueError):
            continue
        dropped = dropped_calls(tree)
        for node in tree.body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or getattr(node, "type_params", None):
                continue
            table = tables.get((node.name, node.lineno))
            lines = [d.lineno for d in node.decorator_list]
            table = table or tables.get((node.name, min(lines, default=0)))
            if table is None or has_inner_annotations(node) or has_class(node):
                continue
            ours = effects_of(node, dropped)
            assert set(ours.reads) == globals_used(table), f"{path}:{node.lineno} {node.name}"
            compared += 1
    assert compared > 200


LINES = st.sampled_from(
    [
        "x = y", "def f(a=b):", "    return a + c", "if x:", "    z = 1", "else:", "!ls {x}", "%time y = 2", "%%bash",
        "%%timeit", "df?", "for i in xs:", "    break", "try:", "    pass", "except E as e:", "finally:", "    del e",
        "'''", '"""', "(", ")", "x = [", "]", "\\", "x = !ls \\", "class A(B):", "    v = [v for v in w]", "# ?", "@d",
        "with a as b:", "    b.x = 1", "while True:", "    continue", "lambda: q", "f'{x", "}'", "%run $x", "", "  ",
        "match x:", "    case {'a': 1, **r}:", "        pass", "global g", "x += 1", "\t!x", "{y:", "$z",
        "\x0c", "é = ñ",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_any_heap_of_lines_gives_names_or_problems_within_the_cell(lines: list[str]) -> None:
    source = "\n".join(lines)
    names = cell_names(source)
    last = max(1, len(lines), source.count("\n") + 1)
    assert all(1 <= line <= last for line in all_lines(names))
    assert names.maybe <= set(names.reads)
    assert names.deferred <= set(names.reads)
    assert not set(names.deletes) & set(names.writes)
    assert not set(names.reads) & set(dir(builtins)) - {"_"}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_makes_it_raise(source: str) -> None:
    assert isinstance(cell_names(source), CellNames)


NAMES = st.sampled_from(["a", "b", "c"])
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("{} = 1".format, NAMES),
    st.builds("{} += {}".format, NAMES, NAMES),
    st.builds("{}, {} = {}, 2".format, NAMES, NAMES, NAMES),
    st.builds("if {}:\n    {} = {}\nelse:\n    {} = 3".format, NAMES, NAMES, NAMES, NAMES),
    st.builds("if {}:\n    {} = 4".format, NAMES, NAMES),
    st.builds("for i in range(2):\n    {} = {}".format, NAMES, NAMES),
    st.builds("try:\n    {} = {}\nfinally:\n    {} = 5".format, NAMES, NAMES, NAMES),
    st.builds("[{} for {} in range({} * 0 + 1)]".format, NAMES, NAMES, NAMES),
    st.builds("{} = [f(0) for f in [lambda x: x]][0] or {}".format, NAMES, NAMES),
)


class Outside(dict[str, object]):
    """A namespace that has whatever is asked for, and remembers what was."""

    def __init__(self) -> None:
        super().__init__(__builtins__=builtins)
        self.asked: set[str] = set()

    def __missing__(self, name: str) -> object:
        if hasattr(builtins, name):
            raise KeyError(name)
        self.asked.add(name)
        return 7


@settings(max_examples=300, deadline=None)
@given(st.lists(STATEMENTS, max_size=6))
def test_whatever_a_run_asks_for_from_outside_was_foreseen(statements: list[str]) -> None:
    source = "\n".join(statements)
    space = Outside()
    code = compile(source, "<cell>", "exec")
    exec(code, {"__builtins__": builtins, "a": 7, "b": 7, "c": 7}, space)  # locals see every top-level load
    names = cell_names(source)
    assert space.asked <= set(names.reads)
    assert set(space) - {"__builtins__"} <= set(names.writes)


def test_the_same_names_come_out_twice() -> None:
    source = read(LIBRARY / "shutil.py")
    assert cell_names(source) == cell_names(source)
