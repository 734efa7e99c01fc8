"""What would be ignored is refused."""

from __future__ import annotations

import pytest

from jupyter_flows.definition.check import check
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import FlowId, TaskId


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"map_over": {"x": "xs"}}, "--map"), ({"pool": "db"}, "--pool db"), ({"executor": "dask"}, "--executor dask")],
)
def test_an_option_without_effect_is_an_error_that_names_it(fields: dict[str, object], said: str) -> None:
    task = Task(TaskId("a"), source="x = 1", **fields)  # type: ignore[arg-type]
    (problem,) = check(Flow(FlowId("f"), tasks=(task,)))
    assert (problem.code, problem.is_error) == ("not-yet", True)
    assert said in problem.message
    assert problem.fix


def test_the_defaults_are_no_fault() -> None:
    assert check(Flow(FlowId("f"), tasks=(Task(TaskId("a"), source="x = 1", executor="local"),))) == []
