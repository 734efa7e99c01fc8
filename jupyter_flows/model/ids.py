"""Names of things and their grammar.

A flow or task id is what people type, so it is also a folder name and a Python-ish word:
letters, digits, `_`, `-` and `.`; it starts with a letter or `_`.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from enum import Enum
from typing import NamedTuple, NewType

from jupyter_flows.errors import UsageError

FlowId = NewType("FlowId", str)
TaskId = NewType("TaskId", str)
RunId = NewType("RunId", str)

UNMAPPED = -1
"""The `map_index` of a task that is not mapped."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}\Z")
_RUN_NAME = re.compile(r"[A-Za-z0-9_.~+-]{1,200}\Z")


class RunType(str, Enum):
    """Why a run exists; also the prefix of its id."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"


class AttemptId(NamedTuple):
    """One try of one task of one run. Unique for ever: tries are never numbered anew."""

    flow_id: FlowId
    run_id: RunId
    task_id: TaskId
    map_index: int
    try_number: int

    def __str__(self) -> str:
        mapped = f"[{self.map_index}]" if self.map_index != UNMAPPED else ""
        return f"{self.flow_id}/{self.run_id}/{self.task_id}{mapped}/{self.try_number}"


def is_name(text: str) -> bool:
    """Whether `text` can name a flow or a task."""
    return bool(_NAME.match(text)) and ".." not in text and not text.endswith(".")


def flow_id(text: str) -> FlowId:
    """`text` as a flow id. Raises UsageError when it is not a name."""
    return FlowId(_checked(text, "flow"))


def task_id(text: str) -> TaskId:
    """`text` as a task id. Raises UsageError when it is not a name."""
    return TaskId(_checked(text, "task"))


def _checked(text: str, what: str) -> str:
    if not is_name(text):
        raise UsageError(
            f"{text!r} cannot name a {what}: use letters, digits, '_', '-' and '.', starting with a letter or '_'.",
            fix=f"Rename the {what}, e.g. {_near_name(text) or what}.",
        )
    return text


def _near_name(text: str) -> str:
    near = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:60]
    return f"_{near}" if near[:1].isdigit() else near


def run_id(run_type: RunType, logical_date: datetime) -> RunId:
    """The id of a run: `<type>__<logical date in UTC>`, as `scheduled__2024-01-01T00:00:00+00:00`."""
    return RunId(f"{run_type.value}__{logical_date.astimezone(timezone.utc).isoformat()}")


def custom_run_id(text: str) -> RunId:
    """A run id chosen by a person. Raises UsageError unless it is a plain word that imitates no other type's ids."""
    imitates = any(text.startswith(f"{t.value}__") for t in RunType)
    if not _RUN_NAME.match(text) or ".." in text or imitates:
        raise UsageError(
            f"{text!r} cannot be a run id.",
            fix="Use letters, digits and any of _.~+- , without '..' and none of the prefixes of scheduled, manual and"
            " backfill runs.",
        )
    return RunId(text)


def run_folder(run: RunId) -> str:
    """The run id as a folder name: without its colons, which some file systems refuse (ids people choose have none)."""
    return run.replace(":", "")
