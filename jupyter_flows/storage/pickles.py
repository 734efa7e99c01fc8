"""Pickles of values whose classes were written in the notebook itself, in %%setup or in a task's own cell.

Such a class travels inside the pickle. A kernel that has run the same definition must still get objects of *its* class:
`isinstance`, `==` of dataclasses and `is` of enum members would say no otherwise.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

_MAIN = "__main__"


def write_pickle(path: Path, value: Any) -> None:
    """Store `value` with cloudpickle. Whatever pickling it raises comes out."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc,name-defined,unused-ignore]
        """cloudpickle, but a class of the notebook asks the reader first whether it has the same one."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and obj.__module__ == _MAIN and _resident(obj.__qualname__) is obj:
                return own_class, (obj.__qualname__, fingerprint(obj), cloudpickle.dumps(obj))
            return super().reducer_override(obj)

    with path.open("wb") as file:
        Pickler(file).dump(value)


def own_class(name: str, mark: str, pickled: bytes) -> Any:
    """The class `name` of this process's notebook when it has the same definition, else the one in `pickled`."""
    here = _resident(name)
    if isinstance(here, type) and fingerprint(here) == mark:
        return here
    import pickle

    return pickle.loads(pickled)


def fingerprint(kind: type) -> str:
    """A text that all executions of one class definition have in common: its bases and the code of its methods.

    Other attributes do not count: programs change them, and pickling itself adds some.
    """
    bases = [f"{b.__module__}.{b.__qualname__}" for b in kind.__bases__]
    members = [f"{name} {mark}" for name, member in sorted(vars(kind).items()) if (mark := _mark(member))]
    return hashlib.sha256("\n".join([*bases, *members]).encode("utf-8", "surrogatepass")).hexdigest()


def _resident(name: str) -> Any:
    """What the notebook of this process has under a dotted name, None when nothing."""
    found: Any = sys.modules.get(_MAIN)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _mark(member: Any) -> str:
    if isinstance(member, (staticmethod, classmethod)):
        return _mark(member.__func__)
    if isinstance(member, property):
        return " ".join(_mark(f) for f in (member.fget, member.fset, member.fdel))
    return _code_mark(member.__code__) if isinstance(member, FunctionType) else ""


def _code_mark(code: CodeType) -> str:
    return f"{code.co_code.hex()} {code.co_names} {[_constant_mark(c) for c in code.co_consts]}"


def _constant_mark(constant: Any) -> str:
    if isinstance(constant, CodeType):
        return _code_mark(constant)
    if isinstance(constant, frozenset):  # its order is another one in every process
        return f"{sorted(map(repr, constant))}"
    return repr(constant)
