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
        self._definition = Definition(path=str(path))
        self._keys: list[str] = []

    def add(self, key: str, source: str) -> None:
        """A cell runs: a new one, or an edited one that takes the place of what it was."""
        if key not in self._keys:
            self._keys.append(key)
        self._definition = self._definition.with_cell(key, source, Place(str(self.path), key, self._keys.index(key)))

    def flow(self) -> tuple[Flow, list[Problem]]:
        """The flow of the cells so far, and all its problems."""
        from jupyter_flows.definition.check import check
        from jupyter_flows.runtime.sources import reader_beside

        ordered = self._definition.in_order(self._order_on_disk())
        flow, problems = ordered.flow(reader_beside(self.path))
        return flow, check(flow, problems)

    def _order_on_disk(self) -> list[str]:
        """Cell ids as the saved notebook orders them: cells may have been run in any order."""
        try:
            cells = json.loads(self.path.read_text(encoding="utf-8")).get("cells", [])
            return [c["id"] for c in cells if isinstance(c, dict) and isinstance(c.get("id"), str)]
        except (OSError, ValueError, AttributeError):
            return []
