"""The notebook as papermill takes it, and as it is written: atomically, not too often, always at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict
from papermill.engines import NotebookExecutionManager

from jupyter_flows.execution.folder import replace_file

SAVE_EVERY = 1.0


class BadNotebook(ValueError):
    """The job's notebook is not one."""


def as_notebook(data: Mapping[str, Any]) -> NotebookNode:
    """The job's notebook for papermill. Raises BadNotebook instead of whatever a malformed one would cause later."""
    cells = data.get("cells") if isinstance(data, Mapping) else None
    if not isinstance(cells, list):
        raise BadNotebook("The notebook has no list of cells.")
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
            raise BadNotebook(f"Cell {number} of the notebook is not a cell.")
        if not isinstance(cell.get("metadata", {}), dict):
            raise BadNotebook(f"Cell {number} of the notebook has metadata that is not an object.")
    try:
        notebook = from_dict(json.loads(json.dumps(data)))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadNotebook(f"The notebook is not JSON: {error}") from error
    if not isinstance(notebook.setdefault("metadata", NotebookNode()), dict):
        raise BadNotebook("The notebook has metadata that is not an object.")
    for cell in notebook["cells"]:
        _complete(cell)
    notebook["metadata"]["papermill"] = NotebookNode()
    return notebook


def _complete(cell: NotebookNode) -> None:
    source = cell.get("source", "")
    cell["source"] = "".join(map(str, source)) if isinstance(source, list) else str(source)
    cell.setdefault("metadata", NotebookNode())
    if not isinstance(cell["metadata"].get("tags", []), list):
        cell["metadata"]["tags"] = []


def notebook_bytes(notebook: Mapping[str, Any]) -> bytes:
    """The notebook as a file, texts split into lines as every tool writes them."""
    data = dict(notebook)
    data["cells"] = [_written_cell(cell) for cell in notebook["cells"]]
    return json.dumps(data, indent=1, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _written_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    written = dict(cell)
    written["source"] = cell["source"].splitlines(True)
    if cell["cell_type"] == "code":
        written["outputs"] = [_written_output(output) for output in cell.get("outputs", [])]
        written.setdefault("execution_count", None)
    return written


def _written_output(output: Mapping[str, Any]) -> dict[str, Any]:
    written = dict(output)
    if isinstance(written.get("text"), str):
        written["text"] = written["text"].splitlines(True)
    if isinstance(written.get("data"), dict):
        written["data"] = {
            mime: value.splitlines(True) if isinstance(value, str) and mime.startswith("text/") else value
            for mime, value in written["data"].items()
        }
    return written


class Manager(NotebookExecutionManager):  # type: ignore[misc]
    """papermill's record of the run in the notebook, saved at most once a second, atomically, and always at the end."""

    def __init__(self, notebook: NotebookNode, output: Path) -> None:
        super().__init__(notebook, output_path=None, progress_bar=False)
        self._output = output
        self._every = SAVE_EVERY
        self._saved = time.monotonic()
        self._settle: Callable[[], None] = lambda: None
        self._is_dirty = True
        self.is_complete = False

    def settle_with(self, settle: Callable[[], None]) -> None:
        """Call `settle` before each save: it brings the outputs up to date."""
        self._settle = settle

    def save(self, **_: Any) -> None:
        """Write the notebook as it stands, unless that was done just now. A failure waits for the last save to tell."""
        self._is_dirty = True
        self.save_if_due()

    def save_if_due(self) -> None:
        """Write what was asked to be saved too soon after the last time."""
        began = time.monotonic()
        if not self._is_dirty or self.is_complete or began - self._saved < self._every:
            return
        self._is_dirty = False
        try:
            self._write(durable=False)
        except OSError:
            self._every *= 2
        self._saved = time.monotonic()
        self._every = max(self._every, 20 * (self._saved - began))

    def autosave_cell(self) -> None:
        """papermill asks after each message; `save` knows when it is time."""
        self.save()

    def notebook_complete(self, **_: Any) -> None:
        """Close the record and save for good. Cells that never ran stay `pending`. Raises OSError on a full disk."""
        self.is_complete = True
        self.end_time = self.now()
        record = self.nb.metadata["papermill"]
        record["end_time"] = self.end_time.isoformat()
        if self.start_time is not None:
            record["duration"] = (self.end_time - self.start_time).total_seconds()
        self._write(durable=True)

    def _write(self, *, durable: bool) -> None:
        self._settle()
        self._output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._output, notebook_bytes(self.nb), durable=durable)
