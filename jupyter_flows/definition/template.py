"""Templates in parameters: `--param path=data/{{ ds }}.csv`, rendered at run time in Jinja's sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_flows.definition.cells import is_template
from jupyter_flows.definition.context import MOMENTS, RunContext, run_values
from jupyter_flows.errors import UsageError

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

LONGEST = 1_000_000
"""Characters a rendered value may have: a loop in a template must not fill the memory."""


def render_params(
    params: Mapping[str, Any], context: RunContext, run: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`params` with every template in them rendered; other values, and text without `{{` or `{%`, stay as they are.

    Templates see ds, ds_nodash, ts, ts_nodash, the interval and the logical date (datetimes in the flow's zone), the
    ids, `params` (`run`, by default the context's own) and each of them by its own name as code does, and
    `macros.ds_add(ds, n)`. A rendered value is text: the
    contract gives it its type. Raises UsageError that names the parameter.
    """
    if not any(_has_template(v) for v in params.values()):
        return dict(params)
    environment = _environment()
    variables = _variables(context, context.params if run is None else run)
    return {name: _rendered(value, name, environment, variables) for name, value in params.items()}


def _has_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    return any(map(_has_template, value)) if isinstance(value, (list, tuple)) else is_template(value)


def _rendered(value: Any, name: str, environment: SandboxedEnvironment, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {k: _rendered(v, name, environment, variables) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rendered(v, name, environment, variables) for v in value]
    if not is_template(value):
        return value
    try:
        return _bounded(environment.from_string(value).generate(variables))
    except Exception as error:  # a template may call anything on its values, so anything may come out
        known = ", ".join(sorted(variables))
        raise UsageError(
            f"Parameter '{name}': the template {value!r} cannot be rendered: {error}",
            fix=f"Use the names a template knows: {known}.",
        ) from error


def _bounded(pieces: Any) -> str:
    out: list[str] = []
    size = 0
    for piece in pieces:
        out.append(piece)
        size += len(piece)
        if size > LONGEST:
            raise ValueError(f"it grows beyond {LONGEST:,} characters")
    return "".join(out)


def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.filters.update(ds=_ds, ds_nodash=_ds_nodash, ts=_ts, ts_nodash=_ts_nodash)
    return environment


def _variables(context: RunContext, params: Mapping[str, Any]) -> dict[str, Any]:
    values = run_values(context, params)
    values.update({name: datetime.fromisoformat(values[name]) for name in MOMENTS})
    return {**params, **values, "macros": {"ds_add": _ds_add, "timedelta": timedelta}}


def _ds(moment: date) -> str:
    return f"{moment:%Y-%m-%d}"


def _ds_nodash(moment: date) -> str:
    return f"{moment:%Y%m%d}"


def _ts(moment: datetime) -> str:
    return moment.isoformat()


def _ts_nodash(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}"


def _ds_add(ds: str, days: int) -> str:
    return (date.fromisoformat(ds) + timedelta(days=days)).isoformat()
