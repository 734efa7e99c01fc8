"""What the task's code left in result.json, checked: the code may have written anything there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_flows.execution.folder import AttemptFolder, read_json

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "file": str,
    "format": str,
    "digest": str,
    "size": int,
}


def read_result(folder: AttemptFolder) -> tuple[dict[str, Any] | None, list[dict[str, Any]], str]:
    """The record, its artifacts with `path` made absolute, and why it cannot be used ("" when it can)."""
    try:
        record = read_json(folder.result)
        if record is None:
            return None, [], ""
        _check_record(record)
        artifacts = [_artifact(folder, entry) for entry in record.get("artifacts") or []]
    except ValueError as error:
        return None, [], f"What the task stored cannot be used: {error}"
    return {key: record.get(key) for key in ("branch", "skip", "fail")}, artifacts, ""


def _check_record(record: Any) -> None:
    if not isinstance(record, dict):
        raise ValueError("result.json does not hold an object.")
    if not isinstance(record.get("artifacts") or [], list):
        raise ValueError("the artifacts of result.json are not a list.")
    branch = record.get("branch")
    if branch is not None and not (isinstance(branch, list) and all(isinstance(b, str) for b in branch)):
        raise ValueError("the branch of result.json is not a list of names.")
    for key in ("skip", "fail"):
        if not isinstance(record.get(key), str | None):
            raise ValueError(f"'{key}' of result.json is not text.")


def _artifact(folder: AttemptFolder, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), kind) for name, kind in _FIELDS.items()):
        raise ValueError("an artifact of result.json lacks its name, file, format, digest or size.")
    root = folder.path.resolve()
    path = (root / entry["file"]).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"'{entry['name']}' lies outside the attempt's folder.")
    if not path.is_file() or path.stat().st_size != entry["size"]:
        raise ValueError(f"the file of '{entry['name']}' is missing or has another size than recorded.")
    return {"name": entry["name"], "path": str(path), **{k: entry[k] for k in ("format", "digest", "size")}}
