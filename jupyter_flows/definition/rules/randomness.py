"""Random numbers without a seed: the same interval gives another result each time it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jupyter_flows.definition.rules.code import Code, all_code
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Problem, Severity

_PYTHON = frozenset(
    {"random", "randint", "randrange", "uniform", "choice", "choices", "sample", "shuffle", "gauss", "normalvariate"}
    | {"betavariate", "expovariate", "gammavariate", "triangular", "lognormvariate", "getrandbits", "randbytes"}
)
_NUMPY_OTHER = frozenset({"seed", "default_rng", "RandomState", "Generator", "get_state", "set_state", "SeedSequence"})
_NUMPY_SOURCES = frozenset({"default_rng", "RandomState"})
_TORCH = frozenset({"torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.normal"})
_SEEDS = {
    "random.seed": "python",
    "numpy.random.seed": "numpy",
    "torch.manual_seed": "torch",
    "torch.random.manual_seed": "torch",
}
_SKLEARN = frozenset(
    {"train_test_split", "ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit", "RandomizedSearchCV"}
    | {"RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor", "TSNE"}
    | {"GradientBoostingClassifier", "GradientBoostingRegressor", "DecisionTreeClassifier", "DecisionTreeRegressor"}
    | {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "BaggingClassifier", "BaggingRegressor"}
    | {"AdaBoostClassifier", "AdaBoostRegressor", "MLPClassifier", "MLPRegressor", "SGDClassifier", "SGDRegressor"}
    | {"KMeans", "MiniBatchKMeans", "IsolationForest", "NMF", "LatentDirichletAllocation", "GaussianMixture"}
    | {"make_classification", "make_regression", "make_blobs", "make_moons", "make_circles", "resample"}
)
_ONLY_WHEN_SHUFFLING = frozenset({"KFold", "StratifiedKFold", "StratifiedGroupKFold"})
_FIX = {
    "python": "Call random.seed(…) first, or use random.Random(seed).",
    "numpy": "Use rng = np.random.default_rng(seed).",
    "torch": "Call torch.manual_seed(…) first.",
    "state": "Pass random_state=….",
}


def rule(flow: Flow) -> Iterator[Problem]:
    """One warning per task and function; a seed set in `%%setup` counts for every task."""
    seeded: set[str] = set()
    for code in all_code(flow):
        calls = sorted(code.calls(), key=lambda pair: (pair[0].lineno, pair[0].col_offset))
        here = seeded | {_SEEDS[name] for call, name in calls if name in _SEEDS and call.args}
        if code.task is None:
            seeded = here
        yield from _of_code(code, calls, here)


def _of_code(code: Code, calls: list[tuple[ast.Call, str]], seeded: set[str]) -> Iterator[Problem]:
    told: set[str] = set()
    for call, name in calls:
        source = random_source(call, name)
        generator = "numpy" if source == "state" else source
        text = ast.unparse(call.func)
        if source is None or generator in seeded or text in told:
            continue
        told.add(text)
        yield Problem(
            "unseeded",
            f"{code.who} draws random numbers without a seed: {text}. Running it again gives another result.",
            code.place_at(call),
            _FIX[source],
            Severity.WARNING,
        )


def random_source(call: ast.Call, name: str) -> str | None:
    """Where a call takes random numbers from: python, numpy, torch, its random `state`; None: nowhere, or seeded."""
    module, _, last = name.rpartition(".")
    if module == "random":
        return "python" if last in _PYTHON or (last == "Random" and not call.args) else None
    if module == "numpy.random":
        if last in _NUMPY_SOURCES:
            return None if call.args or call.keywords else "numpy"
        return None if last in _NUMPY_OTHER or last[:1].isupper() else "numpy"
    if name in _TORCH:
        return None if _given(call, "generator") else "torch"
    if isinstance(call.func, ast.Attribute) and call.func.attr == "sample":
        of_a_frame = bool(call.keywords) or not call.args or _is_number(call.args[0])
        return "state" if of_a_frame and not _is_fixed(call) else None
    if module == "" or module.startswith("sklearn"):
        return "state" if _takes_state(call, last) else None
    return None


def _takes_state(call: ast.Call, last: str) -> bool:
    if last in _ONLY_WHEN_SHUFFLING:
        return _is(call, "shuffle", True) and not _is_fixed(call)
    return last in _SKLEARN and not _is_fixed(call) and not _is(call, "shuffle", False)


def _is_fixed(call: ast.Call) -> bool:
    """Whether the call says which random numbers it wants (`**options` may)."""
    return _given(call, "random_state") or _given(call, "seed") or _given(call, None)


def _given(call: ast.Call, keyword: str | None) -> bool:
    values = [k.value for k in call.keywords if k.arg == keyword]
    return any(keyword is None or not (isinstance(v, ast.Constant) and v.value is None) for v in values)


def _is(call: ast.Call, keyword: str, value: bool) -> bool:
    return any(k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is value for k in call.keywords)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))
