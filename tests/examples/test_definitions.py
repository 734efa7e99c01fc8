from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_flows.definition.check import check
from jupyter_flows.definition.notebook import read_flow
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.problem import Problem
from jupyter_flows.runtime.sources import read_notebook, reader_beside

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.rglob("*.ipynb"))
FLOWS = [path for path in NOTEBOOKS if path.name == "flow.ipynb"]


def read(path: Path) -> tuple[Flow, list[Problem]]:
    flow, problems = read_flow(read_notebook(path), path=str(path), read_notebook=reader_beside(path))
    return flow, check(flow, problems)


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.parent.name)
def test_an_example_is_read_without_any_problem(path: Path) -> None:
    flow, problems = read(path)
    assert [str(problem) for problem in problems] == []
    assert flow.id == path.parent.name


def test_hello_is_a_chain_of_three() -> None:
    flow, _ = read(EXAMPLES / "hello" / "flow.ipynb")
    assert {(e.upstream, e.downstream): e.names for e in flow.edges} == {
        ("fetch", "shout"): ("words",),
        ("shout", "save"): ("loud",),
    }


def test_the_edges_of_flight_delays_follow_its_variables() -> None:
    flow, _ = read(EXAMPLES / "flight_delays" / "flow.ipynb")
    assert {(e.upstream, e.downstream): set(e.names) for e in flow.edges} == {
        ("extract_flights", "clean_flights"): {"flights"},
        ("extract_weather", "clean_weather"): {"weather"},
        ("clean_flights", "join"): {"departures"},
        ("clean_weather", "join"): {"hourly"},
        ("join", "train"): {"table"},
        ("join", "evaluate"): {"table"},
        ("train", "evaluate"): {"model"},
        ("evaluate", "choose"): {"scores"},
        ("choose", "deploy"): set(),
        ("train", "deploy"): {"model"},
        ("evaluate", "deploy"): {"scores"},
        ("choose", "report"): set(),
        ("deploy", "report"): set(),
        ("train", "report"): {"metrics"},
        ("evaluate", "report"): {"by_hour", "scores"},
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_an_example_is_stored_without_outputs_and_is_valid(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.kernel
@pytest.mark.parametrize("example", ["hello", "flight_delays"])
def test_the_flow_built_by_running_the_cells_is_the_one_read_from_the_file(
    example: str, by_hand: Callable[[str], Any]
) -> None:
    flow, _ = read(EXAMPLES / example / "flow.ipynb")
    assert by_hand(example).digest == flow.digest
