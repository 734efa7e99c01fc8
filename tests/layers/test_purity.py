"""What decides is pure: no clock, no disk, no environment, no threads, no printing below the runtime."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jupyter_flows"
PURE = ("model", "timetable", "definition", "engine", "views.py", "errors.py")
FORBIDDEN_MODULES = frozenset(
    {"os", "random", "secrets", "threading", "socket", "subprocess", "sqlite3", "time", "uuid"}
)
FORBIDDEN_CALLS = frozenset({"open", "print", "input", "eval", "exec"})
FORBIDDEN_METHODS = frozenset({"now", "today", "utcnow", "read_text", "write_text", "read_bytes", "write_bytes"})
HOUSES = {
    "sqlalchemy": "storage",
    "alembic": "storage",
    "papermill": "execution",
    "nbclient": "execution",
    "jupyter_client": "execution",
    "IPython": "magics",
    "ipywidgets": "widgets",
    "anywidget": "widgets",
    "click": "commands",
    "rich": "cli",
    "croniter": "timetable",
    "graphviz": "picture",
    "jinja2": "definition",
}
"""Each library has one house. Only code that runs inside task kernels may use IPython elsewhere."""
INSIDE_KERNELS = ("task.py", "execution/")


def _files(*parts: str) -> list[Path]:
    return [f for p in parts for f in ([PACKAGE / p] if p.endswith(".py") else sorted((PACKAGE / p).rglob("*.py")))]


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((a.name.partition(".")[0], node.lineno) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


def _impure(tree: ast.AST) -> Iterator[tuple[str, int]]:
    yield from ((name, line) for name, line in _imports(tree) if name in FORBIDDEN_MODULES)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in FORBIDDEN_CALLS:
                    yield name, node.lineno
                case ast.Attribute(attr=name) if name in FORBIDDEN_METHODS:
                    yield name, node.lineno


@pytest.mark.parametrize("file", _files(*PURE), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_pure_module_touches_nothing_outside(file: Path) -> None:
    assert list(_impure(ast.parse(file.read_text(encoding="utf-8")))) == []


def test_the_check_sees_what_it_forbids() -> None:
    seen = [
        name for name, _ in _impure(ast.parse("import os\nfrom time import time\nx = datetime.now()\nprint(open('f'))"))
    ]
    assert sorted(seen) == ["now", "open", "os", "print", "time"]


def test_each_library_is_used_in_its_house_only() -> None:
    strangers = []
    for file in sorted(PACKAGE.rglob("*.py")):
        where = file.relative_to(PACKAGE).as_posix()
        for name, line in _imports(ast.parse(file.read_text(encoding="utf-8"))):
            house = HOUSES.get(name)
            allowed = (
                house is None
                or where.startswith(f"{house}/")
                or (name == "IPython" and where.startswith(INSIDE_KERNELS))
            )
            if not allowed:
                strangers.append(f"{where}:{line} imports {name}, which belongs to {house}/")
    assert strangers == []
