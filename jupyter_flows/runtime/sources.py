"""Notebook files: where they are read, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_flows.definition.notebook import flow_of_notebook, read_flow
from jupyter_flows.errors import DefinitionError, NotFound
from jupyter_flows.model.flow import Flow
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


def read_definition(file: Path) -> tuple[Flow, list[Problem]]:
    """The flow a notebook defines, and what is wrong with it before any rule is asked.

    A notebook without any `%flow` line is a flow of one task: itself. Raises NotFound, DefinitionError.
    """
    notebook = read_notebook(file)
    flow, problems = read_flow(notebook, path=str(file), read_notebook=reader_beside(file))
    if any(p.code == "no-flow" for p in problems) and not flow.tasks:
        flow, problems = flow_of_notebook(notebook, str(file), _name_of(file))
    return flow, problems


def _name_of(path: Path) -> str:
    word = re.sub(r"[^A-Za-z0-9_.-]+", "_", path.stem).strip("._-") or "notebook"
    return word if word[0].isalpha() or word[0] == "_" else f"_{word}"
