from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from jupyter_flows.definition.render import RunContext
from jupyter_flows.definition.template import render_params
from jupyter_flows.errors import UsageError
from jupyter_flows.model.ids import FlowId, RunId, RunType, TaskId
from jupyter_flows.model.interval import DataInterval

UTC = timezone.utc
CONTEXT = RunContext(
    FlowId("f"),
    RunId("scheduled__x"),
    RunType.SCHEDULED,
    TaskId("t"),
    DataInterval(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 1, 2, 5, tzinfo=UTC)),
    try_number=2,
    params={"city": "Paris"},
    timezone="America/New_York",
)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("data/{{ ds }}.csv", "data/2013-01-01.csv"),
        ("{{ ds_nodash }}", "20130101"),
        ("{{ ts }}", "2013-01-01T00:00:00-05:00"),
        ("{{ ts_nodash }}", "20130101T000000"),
        ("{{ data_interval_end | ds }}", "2013-01-02"),
        ("{{ data_interval_end | ts_nodash }}", "20130102T000000"),
        ("{{ logical_date.year }}", "2013"),
        ("{{ macros.ds_add(ds, -1) }}", "2012-12-31"),
        ("{{ (logical_date - macros.timedelta(days=1)) | ds_nodash }}", "20121231"),
        ("{{ run_id }}/{{ flow_id }}/{{ task_id }}/{{ try_number }}", "scheduled__x/f/t/2"),
        ("{{ params.city }}", "Paris"),
        ("{{ city }}", "Paris"),
        ("{% if try_number > 1 %}again{% endif %}", "again"),
    ],
)
def test_a_template_sees_the_run(template: str, text: str) -> None:
    assert render_params({"p": template}, CONTEXT) == {"p": text}


@pytest.mark.parametrize("value", ["plain", "{ds}", "50%", 5, None, True, [1, "a"], {"k": "v"}])
def test_what_is_no_template_stays_as_it_is(value: Any) -> None:
    assert render_params({"p": value}, CONTEXT) == {"p": value}


def test_templates_inside_lists_and_mappings_are_rendered() -> None:
    assert render_params({"p": ["{{ ds }}", {"k": "{{ ds }}"}]}, CONTEXT) == {"p": ["2013-01-01", {"k": "2013-01-01"}]}


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing }}",
        "{{ params.nothing }}",
        "{{ ds",
        "{% for %}",
        "{{ 1 / 0 }}",
        "{{ ds.__class__.__mro__ }}",
        "{{ macros.ds_add.__globals__ }}",
        "{{ params.update({'a': 1}) }}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
    ],
)
def test_what_cannot_be_rendered_names_the_parameter(template: str) -> None:
    with pytest.raises(UsageError, match="'path'") as error:
        render_params({"path": template}, CONTEXT)
    assert "ds" in error.value.fix
