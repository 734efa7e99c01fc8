"""Cell source → names, as tables."""

from __future__ import annotations

import pytest

from jupyter_flows.definition.names import CellNames, cell_names


def words(text: str) -> set[str]:
    return set(text.split())


READS_AND_WRITES = [
    # source, reads, writes
    ("x = 1", "", "x"),
    ("x = x + 1", "x", "x"),
    ("x += 1", "x", "x"),
    ("x: int = y", "y", "x"),
    ("x: int", "", ""),
    ("x: Kind = 1", "Kind", "x"),
    ("a, (b, *c) = xs", "xs", "a b c"),
    ("a = b = c", "c", "a b"),
    ("a.b.c[d].e(f)", "a d f", ""),
    ("print(len(x))", "x", ""),
    ("if c:\n    y = 1\nprint(y)", "c y", "y"),
    ("if c:\n    y = 1\nelse:\n    y = 2\nprint(y)", "c", "y"),
    ("if c:\n    raise E\nelse:\n    y = 2\nprint(y)", "c E", "y"),
    ("for i in xs:\n    last = i\nprint(last, i)", "xs last", "i last"),
    ("for i in xs:\n    continue\nelse:\n    z = 1\nprint(z)", "xs", "i z"),
    ("for i in xs:\n    if i: break\n    t = 1\nelse:\n    t = 2\nt", "xs t", "i t"),
    ("while True:\n    t = f()\n    if t: break\nprint(t)", "f", "t"),
    ("while c:\n    c = step(c)", "c step", "c"),
    ("async for i in xs:\n    await f(i)", "xs f", "i"),
    ("with open(p) as f, lock:\n    d = f.read()", "p lock", "f d"),
    ("async with a as b:\n    pass", "a", "b"),
    ("try:\n    x = f()\nexcept E as e:\n    x = e\nprint(x)", "f E", "x"),
    ("try:\n    x = f()\nexcept E:\n    pass\nprint(x)", "f E x", "x"),
    ("try:\n    x = f()\nexcept E:\n    raise\nprint(x)", "f E", "x"),
    ("try:\n    x = 1\nfinally:\n    y = 2\nx, y", "", "x y"),
    ("try:\n    f = g()\nfinally:\n    del f", "g f", ""),
    ("match p:\n    case {'a': A(q), **r}: pass\n    case _: q = r = 1\nq, r", "p A", "q r"),
    ("match p:\n    case [h, *t] if h > lim: pass\n    case M.K: z = 1", "p lim M", "h t z"),
    ("[x for x in xs if x > y]", "xs y", ""),
    ("[x for x in x]", "x", ""),
    ("{k: v for k, v in d.items() for w in v if w(k)}", "d", ""),
    ("sum(a * b for a in xs for b in ys[a])", "xs ys", ""),
    ("[last := v for v in xs]", "xs", "last"),
    ("if (n := len(xs)) > 1: print(n)", "xs", "n"),
    ("c and (z := 1)\nz", "c z", "z"),
    ("(p := 1) if c else (p := 2)\np", "c", "p"),
    ("lambda a, b=d: a + b + e", "d e", ""),
    ("f'{x!r:>{w}} {y.z}'", "x w y", ""),
    ("def f(a, b=d, *args, k: K = 1, **kw) -> R:\n    return a + inner", "d K R", "f"),
    ("def f():\n    return inner\nf()", "inner", "f"),
    ("def f():\n    return g()\ndef g():\n    return deep\nf()", "deep", "f g"),
    ("def f():\n    return later\nlater = 1\nf()", "", "f later"),
    ("def f():\n    return inner\nxs.map(f)", "inner xs", "f"),
    ("def f(n):\n    return f(n - 1)\nf(3)", "", "f"),
    ("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += y\n    return g\nf()", "y", "f"),
    ("def f():\n    global cfg\n    cfg = 1\nf()\ncfg", "", "f cfg"),
    ("async def f():\n    return await g()\nawait f()", "g", "f"),
    ("@dec(arg)\ndef f(): pass", "dec arg", "f"),
    ("class A(B, metaclass=M):\n    x = y\n    z = x\n    def m(self): return cfg", "B M y", "A"),
    ("class A:\n    def m(self): return cfg\nA().m()", "cfg", "A"),
    ("class A:\n    n = 3\n    xs = [n for _ in range(n)]", "n", "A"),
    ("class A:\n    x = x", "x", "A"),
    ("f = lambda: k\nprint(1)", "", "f"),
    ("f = lambda: k\nf()", "k", "f"),
    ("handlers = {'a': lambda: k}", "", "handlers"),
    ("df.apply(lambda r: r * k)", "df k", ""),
    ("del a, b[0]", "a b", ""),
    ("x = 1\ndel x", "", ""),
    ("x = 1\ndel x\nx = 2", "", "x"),
    ("df.query('a > @lim and b == @df2')", "df lim df2", ""),
    ("global x\nx = 1", "", "x"),
    ("for _ in range(3): pass", "", "_"),
    ("a.b = c\nd[e] = f", "a c d e f", ""),
    ("from __future__ import annotations\ndef f(x: K): pass", "", "f"),
    ("", "", ""),
    ("# only a comment", "", ""),
]


@pytest.mark.parametrize(("source", "reads", "writes"), READS_AND_WRITES, ids=[row[0] for row in READS_AND_WRITES])
def test_a_cell_reads_and_writes_names(source: str, reads: str, writes: str) -> None:
    names = cell_names(source)
    assert names.problems == ()
    assert set(names.reads) == words(reads)
    assert set(names.writes) == words(writes)


IPYTHON = [
    ("!ls {folder} $name $$HOME {print $1}", "folder name", ""),
    ("files = !ls {folder}\nprint(files)", "folder", "files"),
    ("x = %sql select {y}", "y", "x"),
    ("x = %time f(y)", "f y", "x"),
    ("%time z = f(y)", "f y", "z"),
    ("%timeit -n 10 -r3 f(y)", "f y", ""),
    ("%timeit z = f(y)", "f y", ""),
    ("r = %timeit -o f(y)", "f y", "r"),
    ("%prun -l 10 z = f(y)", "f y", "z"),
    ("%%time\nz = y", "y", "z"),
    ("%%timeit a = b\nc = a + d", "b d", ""),
    ("%%timeit\ndef f():\n    return k\nf()", "k", ""),
    ("%%capture\nz = y", "y", "z"),
    ("%%capture out --no-stderr\nz = y", "y", "z out"),
    ("%%capture out\n%%time\nz = y", "y", "z out"),
    ("%%bash\necho $x {y}", "", ""),
    ('%%bash -s {x} "$y" --out text\necho 1', "x y", "text"),
    ("%%html\n<b>{x}</b>", "", ""),
    ("%%R -i df,lim -o fit\nfit <- lm(df)", "df lim", "fit"),
    ("df?\n?df.x\ndf.head??\nz = 1", "", "z"),
    ("%matplotlib inline\nimport os\nos.x", "", ""),
    ("if c:\n    !rm {p}\n    %cd {q}\nz = 1", "c p q", "z"),
    ("!ls \\\n  {p}\nz = y", "p y", "z"),
    ("  a = b\n  !ls", "b", "a"),
    ("a = (b\n% c)\n!ls", "b c", "a"),
    ("s = '''\n!ls {p}\n%time x\n'''\n!ls {q}", "q", "s"),
    ("s = 'it is # no comment \\\n!ls'\n!ls", "", "s"),
    ("x = a != b\n!ls", "a b", "x"),
    ("here = 1\n!ls {here}", "", "here"),
    ("def f():\n    !ls {k}\nf()", "k", "f"),
    ("\n\n%%time\n\nz = y", "y", "z"),
]


@pytest.mark.parametrize(("source", "reads", "writes"), IPYTHON, ids=[row[0] for row in IPYTHON])
def test_ipythons_own_syntax_is_understood(source: str, reads: str, writes: str) -> None:
    names = cell_names(source)
    assert names.problems == ()
    assert set(names.reads) == words(reads)
    assert set(names.writes) == words(writes)


MUTATIONS = [
    ("df['a'] = 1", "df"),
    ("df.loc[m, 'a'] = 1", "df"),
    ("df.a.b[0].c = 1", "df"),
    ("df.a, x = 1, 2", "df"),
    ("df['a'] += 1", "df"),
    ("total += 1", "total"),
    ("del df['a']", "df"),
    ("del df.a", "df"),
    ("df.drop(columns='a', inplace=True)", "df"),
    ("df['a'].fillna(0, inplace=True)", "df"),
    ("df2 = df.drop(columns='a', inplace=False)", ""),
    ("xs.append(1)", "xs"),
    ("xs.sort()", "xs"),
    ("ys = xs.sort()", ""),
    ("df2 = df.add(1)", ""),
    ("seen.add(1)", "seen"),
    ("[x for x in [] if x in seen or seen.add(x)]", "seen"),
    ("last = xs.pop()", "xs"),
    ("d.setdefault(k, []).append(1)", "d"),
    ("model.fit(X, y)", "model"),
    ("Xt = scaler.fit_transform(X)", "scaler"),
    ("[m.fit(X) for m in models]", "models"),
    ("for m in models:\n    m.fit(X)", "models"),
    ("for m in models.values():\n    m.fit(X)", "models"),
    ("alias = df\nalias['a'] = 1", "df"),
    ("part = df[df.a > 0]\npart['b'] = 1", ""),
    ("xs = []\nxs.append(1)", ""),
    ("xs = list(xs)\nxs.append(1)", ""),
    ("import random\nrandom.shuffle(xs)", "xs"),
    ("import numpy as np\nnp.add(a, b, out=c)", "c"),
    ("setattr(cfg, 'a', 1)", "cfg"),
    ("def f():\n    xs.append(1)\nf()", "xs"),
    ("def f():\n    xs.append(1)", ""),
    ("def f(xs):\n    xs.append(1)\nf([])", ""),
    ("def f():\n    xs = []\n    xs.append(1)\nf()", ""),
    ("ys.map(lambda y: xs.append(y))", "xs"),
    ("class A:\n    xs = []\n    xs.append(1)", ""),
    ("if c:\n    xs = []\nxs.append(1)", "xs"),
]


@pytest.mark.parametrize(("source", "mutated"), MUTATIONS, ids=[row[0] for row in MUTATIONS])
def test_a_cell_changes_values_from_outside_in_place(source: str, mutated: str) -> None:
    names = cell_names(source)
    assert set(names.mutates) == words(mutated)
    assert set(names.mutates) <= set(names.reads)


EFFECTS = [
    ("def f(a): return a + k", {"f": "k"}),
    ("def f(): return g()\ndef g(): return k", {"f": "g", "g": "k"}),
    ("f = lambda x: x + k", {"f": "k"}),
    ("class A:\n    def m(self): return k\n    def n(self): return A", {"A": "k A"}),
    ("class A:\n    def m(self): return k\na = A()", {"A": "k", "a": "k"}),
    ("class B:\n    def m(self): return k\nclass A(B): pass", {"A": "k", "B": "k"}),
    ("def f(): return k\ng = f", {"f": "k", "g": "k"}),
    ("def f(): return k\nhs = [f, lambda: j]", {"f": "k", "hs": "k j"}),
    ("def f(): return k\nfrom functools import partial\ng = partial(f, 1)", {"f": "k", "g": "k"}),
    ("if c:\n    def f(): return k\nelse:\n    def f(): return j", {"f": "k j"}),
    ("def f(): return k\ndef f(): return j", {"f": "j"}),
    ("def f(): return k\nf = 1", {}),
    ("def f(): return k\ndel f", {}),
    ("def f():\n    k = 1\n    return [k for _ in z]", {"f": "z"}),
    ("def f():\n    import os\n    from a import b as c\n    return os, c, d", {"f": "d"}),
    ("def f():\n    try: pass\n    except E as e: return e", {"f": "E"}),
    ("def f():\n    match p:\n        case [a, *b]: return a, b, c", {"f": "p c"}),
    ("def f(): return print(len(k))", {"f": "k"}),
    ("def filter(x): return k\ndef f(): return filter(1)", {"filter": "k", "f": "filter"}),
    ("def f():\n    x: Kind = 1\n    return x", {"f": ""}),
    ("def f():\n    class C:\n        v = k\n        def m(self): return v\n    return C", {"f": "k v"}),
]


@pytest.mark.parametrize(("source", "expected"), EFFECTS, ids=[row[0] for row in EFFECTS])
def test_functions_tell_which_names_they_use_when_called(source: str, expected: dict[str, str]) -> None:
    functions = cell_names(source).functions
    assert {name: set(reads) for name, reads in functions.items()} == {n: words(text) for n, text in expected.items()}


def test_global_statements_and_changes_are_effects_too() -> None:
    names = cell_names("def f():\n    global cfg\n    cfg = 1\n    xs.append(2)")
    assert names.effects["f"].writes == {"cfg"}
    assert names.effects["f"].mutates == {"xs"}
    assert "cfg" not in names.writes


IMPORTS = [
    ("import os", "os", "os"),
    ("import os.path", "os", "os"),
    ("import a.b.c as d", "d", "a"),
    ("from a.b import c as d, e", "d e", "a"),
    ("from . import x", "x", ""),
    ("from __future__ import annotations", "", ""),
    ("try:\n    import fast\nexcept ImportError:\n    import slow as fast", "fast", "fast slow"),
    ("if c:\n    import x.y", "x", "x"),
    ("def f():\n    import hidden", "", ""),
]


@pytest.mark.parametrize(("source", "imports", "modules"), IMPORTS, ids=[row[0] for row in IMPORTS])
def test_imports_are_not_writes_and_tell_their_packages(source: str, imports: str, modules: str) -> None:
    names = cell_names(source)
    assert set(names.imports) == words(imports)
    assert set(names.modules) == words(modules)
    assert not set(names.writes) & words(imports)


LINES = [
    ("\n\nx = y", "reads", {"y": 3}),
    ("%%time\n\nx = y", "reads", {"y": 3}),
    ("!a\n!b \\\n c\nx = y", "reads", {"y": 4}),
    ("def f():\n    return a\n\nf()", "reads", {"a": 4}),
    ("@dec\ndef f(): pass", "reads", {"dec": 1}),
    ("class A(B):\n    x = y\n", "writes", {"A": 1}),
    ("x = 1\nx = 2", "writes", {"x": 1}),
    ("a\nb\na", "reads", {"a": 1, "b": 2}),
    ('f"""\n{x}\n"""', "reads", {"x": 2}),
    ("x = 1\r\ny = z\r\n!ls", "reads", {"z": 2}),
    ("import os\nfrom a import b", "imports", {"os": 1, "b": 2}),
    ("x = 1\ndel x", "deletes", {"x": 2}),
    ("xs = 1\nys.append(1)", "mutates", {"ys": 2}),
]


@pytest.mark.parametrize(("source", "what", "expected"), LINES, ids=[row[0] for row in LINES])
def test_lines_count_from_one_in_the_authors_text(source: str, what: str, expected: dict[str, int]) -> None:
    assert getattr(cell_names(source), what) == expected


PROBLEMS = [
    ("from math import *", "star-import", 1, False),
    ("x = 1\nexec(code)", "dynamic-code", 2, False),
    ("eval('1 + x')", "dynamic-code", 1, False),
    ("globals()['x'] = 1", "dynamic-names", 1, False),
    ("locals().update(d)", "dynamic-names", 1, False),
    ("\n%run other.py", "dynamic-names", 2, False),
    ("x = 1\ny = = 2", "syntax-error", 2, True),
    ("return 3", "syntax-error", 1, True),
    ("x = 1\nyield x", "syntax-error", 2, True),
    ("!ls\nx = = 1", "syntax-error", 2, True),
    ("x = '\x00'", "syntax-error", 1, True),
    ("if x:", "syntax-error", 1, True),
    ("%%time\nx = (", "syntax-error", 2, True),
]


@pytest.mark.parametrize(("source", "code", "line", "is_error"), PROBLEMS, ids=[row[0] for row in PROBLEMS])
def test_what_cannot_be_seen_is_a_problem_at_its_line(source: str, code: str, line: int, is_error: bool) -> None:
    (problem,) = cell_names(source).problems
    assert (problem.code, problem.place.line, problem.is_error) == (code, line, is_error)
    assert problem.fix


def test_methods_named_like_exec_and_shadowed_builtins_are_no_problem() -> None:
    assert cell_names("cursor.eval('x')\ncursor.exec('y')").problems == ()
    assert cell_names("def eval(x): return x\neval(1)").problems == ()


def test_a_constant_name_set_through_globals_is_written_all_the_same() -> None:
    names = cell_names("globals()['x'] = 1\nprint(x)")
    assert set(names.writes) == {"x"}
    assert names.reads == {}
    assert names.opaque


def test_an_expression_nested_too_deeply_is_a_problem_and_no_crash() -> None:
    names = cell_names("x = " + " + ".join(["a"] * 20_000))
    assert [p.code for p in names.problems] in (["too-deep"], ["syntax-error"])


MAYBE = [
    ("if c:\n    y = 1\ny", {"y"}),
    ("y\nif c:\n    y = 1", set()),
    ("if c:\n    y = 1\ny\ny = 2", {"y"}),
    ("try:\n    y\nexcept NameError:\n    y = 1", {"y"}),
    ("try:\n    y\nexcept (KeyError, NameError):\n    pass", {"y"}),
    ("try:\n    y\nexcept KeyError:\n    pass", set()),
    ("!echo $HOME {x}", {"HOME", "x"}),
    ("df.query('a > @y')", {"y"}),
    ("xs.map(lambda: later())\ndef later(): pass", {"later"}),
    ("xs.map(lambda: never())", set()),
]


@pytest.mark.parametrize(("source", "maybe"), MAYBE, ids=[row[0] for row in MAYBE])
def test_reads_that_need_no_producer_are_told_apart(source: str, maybe: set[str]) -> None:
    assert cell_names(source).maybe == maybe


def test_what_escaping_functions_read_is_deferred_and_what_called_ones_read_is_not() -> None:
    assert cell_names("xs = map(lambda: k, [])").deferred == {"k"}
    assert cell_names("f = lambda: k\nf()").deferred == set()


def test_reads_know_what_the_cell_had_settled_by_then() -> None:
    names = cell_names("df = 1\nscore()\nk = 2\nscore(k)")
    assert names.ready == {"score": frozenset({"df"})}


def test_builtins_are_no_reads_but_are_noted() -> None:
    names = cell_names("print(sum(xs), id)")
    assert set(names.reads) == {"xs"}
    assert set(names.builtins) == {"print", "sum", "id"}


def test_deleted_names_are_no_outputs() -> None:
    names = cell_names("big = load()\nsmall = big.head()\ndel big")
    assert set(names.writes) == {"small"}
    assert set(names.deletes) == {"big"}


def test_a_name_deleted_in_one_way_only_may_still_be_written() -> None:
    names = cell_names("x = 1\nif c:\n    del x")
    assert set(names.writes) == {"x"}
    assert names.deletes == {}


def test_an_empty_cell_has_no_names() -> None:
    assert cell_names("   \n\n") == CellNames()
