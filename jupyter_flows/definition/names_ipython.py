"""A cell with IPython's own syntax in it (`!ls`, `%time f()`, `obj?`, `%%bash`) as a Python tree whose lines stay true.

Source that is Python already is parsed as it is. Otherwise each line that only IPython understands is replaced, in
its place, by Python that reads and binds the same names. Nothing is imported from IPython and nothing is run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence

MAYBE = "__jupyter_flows_maybe__"
"""Called, in rewritten source, with what `!` and `%` lines put in for `{x}` and `$x`: only if such a name exists."""

HIDDEN = "__jupyter_flows_hidden__"
"""Called, in rewritten source, with the text of a magic that may bind any name (`%run`)."""

BODY = "__jupyter_flows_body__"
"""A class, in rewritten source, whose body runs and reads but binds nothing (`%timeit`)."""

_TIMED = frozenset({"timeit", "memit", "mprun", "lprun"})
_RUNS_PYTHON = frozenset({"time", "prun"}) | _TIMED
_PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "memit", "snakeviz"})
_HIDES = frozenset({"run", "pylab", "load", "macro", "recall", "rerun"})
_OPTION_WITH_VALUE = {"timeit": "nrpN", "prun": "lsTD", "memit": "rti", "lprun": "fmTDsz", "mprun": "fTc"}

_REFERENCE = re.compile(r"\{\{|\}\}|\{(?P<expr>[^{}]+)\}|(?<![$\\\w])\$(?P<name>[A-Za-z_]\w*)")
_HELP = re.compile(r"(\?{1,2}\s*%{0,2}[\w*.]+;?|%{0,2}[A-Za-z_*][^\s=#'\"]*\s*\?{1,2})\s*\Z")
_ASSIGNED = re.compile(r"(?P<target>[^=!<>%#'\"]+?)\s*=\s*(?P<escape>!|%(?=[A-Za-z_]))(?P<rest>.*)\Z", re.DOTALL)
_SHELL_OUTPUT = re.compile(r"--(?:out|err)[= ]\s*([A-Za-z_]\w*)")
_FOREIGN_NAMES = re.compile(r"(?:^|\s)-(?:(?P<put>i)|o|-(?P<input>input)|-output)[= ]\s*(?P<names>[\w,]+)")
_OPENERS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def parse_cell(source: str) -> ast.Module:
    """The cell as a tree, `lineno` counting from 1 in `source`. Raises SyntaxError, whatever is wrong with the text.

    The tree is compiled as well (and thrown away), so that a `return` outside a function is found here.
    """
    try:
        return _parse(source)
    except SyntaxError:
        rewritten = _module(source)
        if rewritten is None:
            raise
        return _checked(rewritten)


def _parse(text: str) -> ast.Module:
    return _checked(_tree(text))


def _tree(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, "<cell>")
    except ValueError as error:  # a null byte
        raise SyntaxError(str(error)) from error


def _checked(tree: ast.Module) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except ValueError as error:
        raise SyntaxError(str(error)) from error
    return tree


def _module(source: str) -> ast.Module | None:
    """The tree of a cell that is not plain Python; None when it holds nothing of IPython's."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    before: list[ast.stmt] = []
    after: list[ast.stmt] = []
    timed = False
    magics = list(_leading_magics(lines))
    for index, name, rest in magics:
        lines[index] = ""
        if name not in _PYTHON_CELLS:
            return ast.Module([*before, *_foreign(name, rest, index + 1), *after], [])
        timed |= name == "timeit"
        before += _refers(rest, index + 1) if name == "capture" else _line_code(name, rest, index + 1)
        if name == "capture" and (target := _capture_target(rest)):
            after += _at(index + 1, f"{target} = None")
    text = "\n".join(_rewritten(_dedented(lines)))
    if text == source and not magics:
        return None
    body = _tree(text).body
    if not timed:
        return ast.Module([*before, *body, *after], [])
    return ast.Module([_unbound([*before, *body], magics[0][0] + 1), *after], [])


def _leading_magics(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """(line index, name, arguments) of the cell magics the cell begins with: the next one is the body of the last."""
    for index, line in enumerate(lines):
        text = line.strip()
        if not text:
            continue
        match = re.match(r"%%([A-Za-z_!][\w.]*)\s*(.*)\Z", text)
        if not match:
            return
        yield index, match[1], match[2]
        if match[1] not in _PYTHON_CELLS:
            return


def _capture_target(rest: str) -> str | None:
    words = [w for w in rest.split() if not w.startswith("-")]
    return words[0] if words and words[0].isidentifier() else None


def _foreign(name: str, rest: str, line: int) -> list[ast.stmt]:
    """What a cell in another language reads and binds by the arguments of its magic (`%%bash --out x`, `%%R -i df`)."""
    out = _refers(rest, line)
    bound = _SHELL_OUTPUT.findall(rest)
    if name in ("R", "octave", "julia"):
        for match in _FOREIGN_NAMES.finditer(rest):
            names = [n for n in match["names"].split(",") if n.isidentifier()]
            if match["put"] or match["input"]:
                out += [s for n in names for s in _at(line, n)]
            else:
                bound += names
    return out + [s for n in bound for s in _at(line, f"{n} = None")]


def _line_code(name: str, rest: str, line: int) -> list[ast.stmt]:
    """The statement that stands behind `%%timeit` or `%%time` on its own line."""
    return _at(line, _without_options(name, rest) or _references(rest)) if rest else []


def _refers(rest: str, line: int) -> list[ast.stmt]:
    return _at(line, _references(rest)) if _REFERENCE.search(rest) else []


def _at(line: int, text: str) -> list[ast.stmt]:
    tree = ast.parse(text)
    ast.increment_lineno(tree, line - 1)
    return tree.body


def _unbound(body: list[ast.stmt], line: int) -> ast.stmt:
    (shell,) = _at(line, f"class {BODY}: pass")
    assert isinstance(shell, ast.ClassDef)
    shell.body = body or shell.body
    return shell


def _dedented(lines: Sequence[str]) -> list[str]:
    """Lines without the indentation of the first, which IPython forgives."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return [line.removeprefix(indent) for line in lines]


def _rewritten(lines: Sequence[str]) -> Iterator[str]:
    """As many lines as came in; those that begin a statement and are IPython's replaced."""
    scan = _Scan()
    index = 0
    while index < len(lines):
        end = index
        if scan.at_statement:
            while lines[end].endswith("\\") and end + 1 < len(lines):
                end += 1
            text = " ".join(line.removesuffix("\\") for line in lines[index : end + 1])
            python = _replaced(text)
            if python is not None:
                yield python
                yield from [""] * (end - index)
                index = end + 1
                continue
        scan.line(lines[index])
        yield lines[index]
        index += 1


def _replaced(text: str) -> str | None:
    """A logical line of IPython's as Python on one line; None when it is no such line."""
    bare = text.strip()
    indent = text[: len(text) - len(text.lstrip())]
    if bare.startswith("!"):
        return indent + _references(bare)
    if _HELP.match(bare):
        return indent + "pass"
    if bare.startswith("%"):
        return indent + _magic(bare)
    assigned = _ASSIGNED.match(bare)
    if assigned is None or _is_python(bare):
        return None
    value = _references(assigned["rest"])
    if assigned["escape"] == "%":
        name, _, rest = assigned["rest"].partition(" ")
        python = _python_argument(name, rest) if name in _RUNS_PYTHON else ""
        value = f"({python})" if _is_expression(python) else value
    return f"{indent}{assigned['target']} = {value}"


def _magic(text: str) -> str:
    name, _, rest = text.lstrip("%").partition(" ")
    if name in _RUNS_PYTHON:
        return _python_argument(name, rest)
    if name in _HIDES or (name == "store" and rest.split()[:1] == ["-r"]):
        return f"{HIDDEN}({'%' + name!r}, {_references(rest)})"
    return _references(rest)


def _python_argument(name: str, rest: str) -> str:
    """The code behind `%time` or `%timeit`, without the magic's options; what only measures binds nothing."""
    code = _without_options(name, rest)
    if not code:
        return _references(rest)
    if name in _TIMED and not _is_expression(code):
        return f"class {BODY}: {code}"
    return code


def _without_options(name: str, rest: str) -> str:
    """The code in a magic's arguments; empty when there is none, or none that can be read."""
    letters = _OPTION_WITH_VALUE.get(name, "")
    code = re.sub(rf"\A(?:\s*-(?:[{letters or '-'}]\s*\S+|[A-Za-z]+)(?=\s|\Z))+", "", rest).strip()
    return code if _is_python(code) else ""


def _is_python(code: str) -> bool:
    try:
        _tree(code)
    except (SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _is_expression(code: str) -> bool:
    return _is_python(f"({code})") if code else False


def _references(text: str) -> str:
    """A call that reads what IPython would put in for `{expression}` and `$name`."""
    values = [m["name"] or f'f"""{{{m["expr"]}}}"""' for m in _REFERENCE.finditer(text) if m["name"] or m["expr"]]
    return f"{MAYBE}({', '.join(v for v in values if _is_expression(v))})"


class _Scan:
    """Follows strings, brackets and continuations, to know whether a line begins a statement."""

    def __init__(self) -> None:
        self.depth = 0
        self.quote = ""
        self.continued = False

    @property
    def at_statement(self) -> bool:
        return not (self.depth or self.quote or self.continued)

    def line(self, text: str) -> None:
        """Take one line in."""
        i = 0
        self.continued = False
        while i < len(text):
            i += self._string(text, i) if self.quote else self._code(text, i)
        if len(self.quote) == 1:
            self.quote = self.quote if text.endswith("\\") else ""

    def _string(self, text: str, i: int) -> int:
        if text[i] == "\\":
            return 2
        if text.startswith(self.quote, i):
            width, self.quote = len(self.quote), ""
            return width
        return 1

    def _code(self, text: str, i: int) -> int:
        char = text[i]
        if char == "#":
            return len(text) - i
        if char in "'\"":
            self.quote = char * 3 if text.startswith(char * 3, i) else char
            return len(self.quote)
        if char == "\\" and i == len(text) - 1:
            self.continued = True
        self.depth = max(0, self.depth + _OPENERS.get(char, 0))
        return 1
