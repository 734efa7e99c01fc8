"""The flow of the notebook one is in: built cell by cell as they run, by the same parser that reads files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_flows.definition.notebook import Definition
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Place, Problem


def notebook_path(namespace: Mapping[str, Any]) -> Path:
    """The notebook this kernel belongs to, as far as a kernel can know; else a name in the working folder."""
    named = os.environ.get("JPY_SESSION_NAME") or namespace.get("__vsc_ipynb_file__")
    path = Path(named) if named else Path("notebook.ipynb")
    return path if path.is_absolute() else Path.cwd() / path


class LiveNotebook:
    """Remembers every cell that ran, and turns them into a flow when asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sources: dict[str, str] = {}

    def add(self, key: str, source: str) -> None:
        """A cell runs: a new one, or an edited one that takes the place of what it was."""
        self._sources.pop(key, None)  # the latest to run comes last: it wins where two declare one task
        self._sources[key] = source

    def flow(self) -> tuple[Flow, list[Problem]]:
        """The flow of the cells so far, and all its problems.

        What a kernel cannot know is taken from the saved notebook: the order of cells that were run in another one,
        the kernelspec, and which cell is tagged `parameters`.
        """
        from jupyter_flows.definition.check import check
        from jupyter_flows.runtime.sources import reader_beside

        saved = self._saved()
        cells = {str(c.get("id")): (i, c) for i, c in enumerate(_cells(saved))}
        definition = Definition(str(self.path), _kernel_of(saved))
        for key, source in self._sources.items():
            at, cell = cells.get(key, (None, {}))
            place = Place(str(self.path), key, at)
            definition = definition.with_cell(key, source, place)
            if "parameters" in cell.get("metadata", {}).get("tags", []):
                definition = definition.with_parameters(source, place)
        flow, problems = definition.ordered(list(cells)).flow(reader_beside(self.path))
        return flow, check(flow, problems)

    def _saved(self) -> Mapping[str, Any]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            return data if isinstance(data, dict) else {}
        except (OSError, ValueError):
            return {}


def _cells(saved: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cells = saved.get("cells")
    return [c for c in cells if isinstance(c, dict)] if isinstance(cells, list) else []


def _kernel_of(saved: Mapping[str, Any]) -> str | None:
    try:
        return str(saved["metadata"]["kernelspec"]["name"])
    except (KeyError, TypeError):
        return None
