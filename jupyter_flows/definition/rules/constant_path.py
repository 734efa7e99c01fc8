"""A scheduled task that writes one file in every run, and never asks for which interval, overwrites itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from jupyter_flows.definition.edges_known import Known
from jupyter_flows.definition.names import cell_names
from jupyter_flows.definition.rules.code import Code, all_code
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Problem, Severity

INTERVAL = frozenset(
    {"data_interval_start", "data_interval_end", "logical_date", "ds", "ds_nodash", "ts", "ts_nodash", "run_id"}
    | {"params", "task", "try_number", "map_index"}
)
"""Names that can tell one run from another."""

_WRITERS = {
    **dict.fromkeys(
        ("to_csv", "to_excel", "to_feather", "to_file", "to_hdf", "to_html", "to_json", "to_markdown", "to_netcdf"), 0
    ),
    **dict.fromkeys(("to_parquet", "to_pickle", "to_stata", "to_xml", "to_zarr", "write_csv", "write_parquet"), 0),
    **dict.fromkeys(("savefig", "write_html", "write_image", "save_model", "save_weights", "imsave"), 0),
}
"""Methods that write a file, and which argument is its path."""

_FUNCTIONS = {
    **dict.fromkeys(("joblib.dump", "torch.save", "cloudpickle.dump"), 1),
    **dict.fromkeys(("numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.savetxt"), 0),
}
_PATH_KEYWORDS = frozenset({"path", "path_or_buf", "fname", "filename", "file", "f", "excel_writer", "buf"})
_JOINERS = frozenset({"os.path.join", "os.path.expanduser", "pathlib.Path", "Path", "str"})


def rule(flow: Flow) -> Iterator[Problem]:
    """One warning per task and path."""
    if flow.schedule is None:
        return
    setup_constants: dict[str, ast.expr] = {}
    for code in all_code(flow):
        if code.task is None:
            setup_constants |= _assigned_once(code.tree)
        elif not _knows_its_interval(code):
            yield from _of_code(code, {**setup_constants, **_assigned_once(code.tree)})


def _knows_its_interval(code: Code) -> bool:
    """Whether the task, or a function of `%%setup` it uses, can tell which run it is in."""
    if code.task is not None and any("{{" in str(value) for value in code.task.params.values()):
        return True
    effects = Known([cell_names(source) for source in code.flow.setup], (), ()).effects
    todo = list(code.names.reads)
    seen = set(todo)
    while todo:
        name = todo.pop()
        if name in INTERVAL:
            return True
        inner = effects[name].reads - seen if name in effects else set()
        seen |= inner
        todo += inner
    return False


def _of_code(code: Code, constants: Mapping[str, ast.expr]) -> Iterator[Problem]:
    told: set[str] = set()
    for call, name in sorted(code.calls(), key=lambda pair: (pair[0].lineno, pair[0].col_offset)):
        path = written_path(call, name)
        if path is None or not _is_constant(path, code, constants):
            continue
        text = ast.unparse(path)
        if text in told:
            continue
        told.add(text)
        yield Problem(
            "constant-path",
            f"{code.who} writes {text} in every run and never reads its interval: a backfill would overwrite it.",
            code.place_at(call),
            "Put the interval into the path, e.g. f'out/{ds}.csv'.",
            Severity.WARNING,
        )


def written_path(call: ast.Call, name: str) -> ast.expr | None:
    """The path a call writes to, as far as known; None when it writes no file."""
    if name in _FUNCTIONS:
        return _argument(call, _FUNCTIONS[name])
    if name == "open":
        return _argument(call, 0) if _writes(call, 1) else None
    if isinstance(call.func, ast.Attribute):
        method = call.func.attr
        if method in ("write_text", "write_bytes") or (method == "open" and _writes(call, 0)):
            return call.func.value
        if method in _WRITERS:
            return _argument(call, _WRITERS[method])
    return None


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((k.value for k in call.keywords if k.arg in _PATH_KEYWORDS), None)


def _writes(call: ast.Call, position: int) -> bool:
    given = call.args[position] if len(call.args) > position else None
    mode = given or next((k.value for k in call.keywords if k.arg == "mode"), None)
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))


def _assigned_once(tree: ast.Module) -> dict[str, ast.expr]:
    """Names the cell binds exactly once, by a plain assignment, with their values."""
    values: dict[str, ast.expr] = {}
    times: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            times[node.id] = times.get(node.id, 0) + 1
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            values[statement.targets[0].id] = statement.value
    return {name: value for name, value in values.items() if times[name] == 1}


def _is_constant(path: ast.expr, code: Code, constants: Mapping[str, ast.expr]) -> bool:
    """Whether a path is text that no run can change; what is not understood counts as changing."""
    todo: list[ast.expr] = [path]
    followed: set[str] = set()
    found_text = False
    while todo:
        node = todo.pop()
        match node:
            case ast.Constant(value=str()):
                found_text = True
            case ast.Name(id=name) if name in constants:
                if name not in followed:
                    todo.append(constants[name])
                followed.add(name)
            case ast.JoinedStr(values=parts):
                todo += parts
            case ast.FormattedValue(value=inner):
                todo.append(inner)
            case ast.BinOp(op=ast.Div() | ast.Add(), left=left, right=right):
                todo += [left, right]
            case ast.Call(args=parts, keywords=[]) if code.full_name(node.func) in _JOINERS:
                todo += parts
            case ast.Call(func=ast.Attribute(attr="with_suffix" | "joinpath", value=inner), args=parts):
                todo += [inner, *parts]
            case _:
                return False
    return found_text
