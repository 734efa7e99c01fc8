"""Notebook files: where they are read, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_flows.errors import DefinitionError, NotFound
from jupyter_flows.model.problem import Place, Problem


def read_notebook(path: Path) -> Mapping[str, Any]:
    """The JSON of a notebook file. Raises NotFound, or DefinitionError when it is no JSON object."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"There is no notebook {path}.", fix="Check the path, relative to where you are.") from None
    except IsADirectoryError:
        raise NotFound(f"{path} is a folder, not a notebook.", fix="Name the .ipynb file in it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, f"cannot be read: {error}") from None
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _bad(path, "is empty" if not text.strip() else f"is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise _bad(path, "is JSON, but not a notebook")
    return data


def _bad(path: Path, what: str) -> DefinitionError:
    problem = Problem(
        code="bad-notebook",
        message=f"The notebook {path} {what}.",
        place=Place(notebook=str(path)),
        fix="Open it in Jupyter and save it again, or restore it from a copy.",
    )
    return DefinitionError([problem])


def reader_beside(notebook: Path | None) -> Any:
    """A function that reads a notebook named relative to the folder of `notebook` (or to the working folder)."""
    folder = notebook.parent if notebook else Path.cwd()

    def read(relative: str) -> Mapping[str, Any]:
        return read_notebook((folder / relative).resolve())

    return read
