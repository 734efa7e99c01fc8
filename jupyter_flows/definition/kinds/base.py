"""What a kind is given to render, and the cells every kind shares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_flows.definition.literals import assignments
from jupyter_flows.definition.pages import code_cell
from jupyter_flows.model.flow import Flow, Task

Cells = Sequence[Mapping[str, Any]]
HANDLE = "_flows_task"
"""The name generated code calls the handle by; `task` is the author's to reuse."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All a kind needs: the values to inject by name, the code that loads inputs, the variables to store."""

    flow: Flow
    task: Task
    values: Mapping[str, Any]
    loads: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind by name. `render` gives the cells of the runnable notebook in order, each marked with its role."""

    name: str
    render: Callable[[Parts], Cells]


def role_cell(role: str, source: str, cell_id: str, *, tags: Collection[str] = (), **more: Any) -> Mapping[str, Any]:
    """A code cell marked `{"jupyter_flows": {"role": role}}`."""
    marked: dict[str, Any] = {"jupyter_flows": {"role": role, **more}}
    return code_cell(cell_id, source, {**marked, "tags": list(tags)} if tags else marked)


def opening(parts: Parts) -> list[Mapping[str, Any]]:
    """The injected parameters, as literals only, and the prologue that makes them what the code expects."""
    return [
        role_cell("parameters", assignments(parts.values), "flows-parameters", tags=["injected-parameters"]),
        role_cell(
            "prologue",
            f"from jupyter_flows.task import begin\n\ntask = {HANDLE} = begin(globals())",
            "flows-prologue",
            tags=["jupyter-flows-prologue"],
        ),
    ]


def setup(parts: Parts) -> list[Mapping[str, Any]]:
    """The flow's `%%setup` cells."""
    return [role_cell("setup", source, f"flows-setup-{i}") for i, source in enumerate(parts.flow.setup)]


def inputs(parts: Parts) -> list[Mapping[str, Any]]:
    """The cell that loads what upstream tasks stored, if there is anything to load."""
    return [role_cell("inputs", parts.loads, "flows-inputs")] if parts.loads else []


def epilogue(parts: Parts, *, decides: bool = False) -> Mapping[str, Any]:
    """The cell that stores outputs, acts on the last expression and closes the result."""
    saved = ", ".join(f'"{name}"' for name in parts.outputs)
    lines = [f"{HANDLE}.decide()"] if decides else []
    lines += [f"{HANDLE}.save({saved})"] if saved else []
    return role_cell("epilogue", "\n".join([*lines, f"{HANDLE}.done()"]), "flows-epilogue")
