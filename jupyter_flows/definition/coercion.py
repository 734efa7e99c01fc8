"""Values given for a contract: each becomes what the contract says, or a Problem that names it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from jupyter_flows.definition.directive import nearest
from jupyter_flows.definition.moments import parse_duration, parse_moment
from jupyter_flows.definition.reading import is_variable
from jupyter_flows.definition.words import as_json, literal
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Parameter
from jupyter_flows.model.problem import NOWHERE, Place, Problem

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def coerce(
    contract: Sequence[Parameter],
    given: Mapping[str, Any],
    *,
    where: str,
    place: Place = NOWHERE,
    extra: Collection[str] = (),
    complete: bool = True,
) -> tuple[dict[str, Any], list[Problem]]:
    """The JSON values of `given` by the contract, without defaults, and what cannot be accepted.

    `where` names who is given them ("task 'train'"). Text is read by the type, JSON values are taken as they are,
    tuples become lists, dates ISO text, timedeltas seconds. `extra` are names that are accepted although no contract
    declares them. Unless `complete` is false, a required parameter that is not given is a Problem.
    """
    known = {p.name: p for p in contract}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        parameter = known.get(name) or (Parameter(name) if name in extra else None)
        if not is_variable(str(name)):
            problems.append(_bad_name(name, where, place))
        elif parameter is None:
            problems.append(_unknown(name, list(known), where, place))
        else:
            try:
                values[name] = coerce_value(parameter, value)
            except UsageError as error:
                message = f"Parameter '{name}' of {where}: {error.message}"
                problems.append(Problem("bad-parameter", message, place, error.fix))
    if complete:
        problems += [_missing(p, where, place) for p in contract if p.required and p.name not in given]
    return values, problems


def coerce_value(parameter: Parameter, value: Any) -> Any:
    """`value` as the JSON value `parameter` wants. Raises UsageError that says what it wants instead."""
    if value is None or (parameter.optional and isinstance(value, str) and value.lower() in ("none", "null")):
        if parameter.optional or parameter.type == "any":
            return None
        raise UsageError("it may not be empty.", fix=f"Give it a value of type {parameter.type}.")
    try:
        result = _READ[parameter.type](value)
    except UsageError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        why = f": {error}" if parameter.type in ("any", "list", "dict") and str(error) else ""
        raise UsageError(
            f"{_shown(value)} is not of type {parameter.type}{why}.", fix=_FIX.get(parameter.type, "")
        ) from None
    if parameter.choices and result not in parameter.choices:
        shown = ", ".join(map(repr, parameter.choices))
        close = nearest(str(result), [str(c) for c in parameter.choices])
        raise UsageError(f"{_shown(value)} is none of {shown}.", fix=f"Use {close or shown}.")
    return result


def _text(value: Any) -> str:
    if isinstance(value, (date, timedelta)) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return str(value)
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise UsageError("nan and inf cannot be given to a notebook.", fix="Give a finite number.")
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _date(value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else parse_moment(_only_text(value)).date().isoformat()


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return parse_moment(_only_text(value)).isoformat()


def _only_text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        raise TypeError
    return value


def _duration(value: Any) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str) and value.startswith("-"):
        return -parse_duration(value[1:]).total_seconds()
    return parse_duration(value).total_seconds() if isinstance(value, str) else _number(value)


def _list(value: Any) -> list[Any]:
    items = literal(value) if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        raise TypeError
    result: list[Any] = as_json(items)
    return result


def _dict(value: Any) -> dict[str, Any]:
    items = literal(value) if isinstance(value, str) else value
    if not isinstance(items, dict):
        raise TypeError
    result: dict[str, Any] = as_json(items)
    return result


def _any(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date) else as_json(value)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "date": _date,
    "datetime": _moment,
    "timedelta": _duration,
    "list": _list,
    "dict": _dict,
    "any": _any,
}
_FIX = {
    "str": "Give text.",
    "int": "Give a whole number, e.g. 3.",
    "float": "Give a number, e.g. 0.5.",
    "bool": "Give true or false.",
    "date": "Give a date such as 2013-01-01.",
    "datetime": "Give a date and time such as 2013-01-01T06:00.",
    "timedelta": "Give a duration such as 90s or 1h30m.",
    "list": "Give a list such as [1, 2].",
    "dict": 'Give a mapping such as {"a": 1}.',
    "any": "Give what JSON can hold: text, numbers, true, false, null, lists and mappings with text keys.",
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _bad_name(name: object, where: str, place: Place) -> Problem:
    message = f"{_shown(name)} cannot be a parameter of {where}: it is no plain Python identifier."
    return Problem("bad-parameter-name", message, place, "Use letters, digits and '_'; no keyword, no leading '__'.")


def _unknown(name: str, known: Sequence[str], where: str, place: Place) -> Problem:
    close = nearest(name, known)
    listed = f"It declares {', '.join(known)}." if known else "It declares none."
    fix = f"Write {close}." if close else f"Drop it, or declare it. {listed}"
    return Problem("unknown-parameter", f"There is no parameter '{name}' in {where}.", place, fix)


def _missing(parameter: Parameter, where: str, place: Place) -> Problem:
    message = f"Parameter '{parameter.name}' of {where} has no default and is not given."
    return Problem("missing-parameter", message, place, f"Write --param {parameter.name}=VALUE.")
