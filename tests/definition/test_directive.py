from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from jupyter_flows.definition.cells import parse_task
from jupyter_flows.definition.directive import FLOW_OPTIONS, TASK_OPTIONS, parse_directive
from jupyter_flows.definition.flow_line import parse_flow
from jupyter_flows.definition.moments import aware, parse_duration
from jupyter_flows.definition.words import literal, split_words
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import Parameter, RetryPolicy, TriggerRule
from jupyter_flows.model.ids import is_name, task_id
from jupyter_flows.model.problem import Place

PLACE = Place("n.ipynb", "c", 3, 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1m", 60),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("1h30m", 5400),
        ("00:05:00", 300),
        ("26:00:01.5", 93601.5),
        ("45", 45),
        ("0.5", 0.5),
        ("0", 0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1x", "-1s", "1:00", "00:61:00", "s", "1h 30m x", "inf", "9" * 30])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_duration(text)
    assert "1h30m" in error.value.fix


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("clean --after a", ["clean", "--after", "a"]),
        ("clean      # reads a's b", ["clean"]),
        ("clean --doc issue#12", ["clean", "--doc", "issue#12"]),
        ("--param p=data/{{ ds }}.csv x", ["--param", "p=data/{{ ds }}.csv", "x"]),
        ("""--param p={{ macros.ds_add(ds, "1") }}""", ["--param", """p={{ macros.ds_add(ds, "1") }}"""]),
        ('--doc \'two words\' "a \\" b" c\\ d', ["--doc", "two words", 'a " b', "c d"]),
        ("--doc ''", ["--doc", ""]),
        ("", []),
    ],
)
def test_a_line_is_cut_into_words(line: str, words: list[str]) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize("line", ["a 'b", 'a "b', "a {{ ds", "a {% if", "a \\"])
def test_an_open_end_is_one_problem(line: str) -> None:
    found = parse_directive(line, TASK_OPTIONS, PLACE)
    assert [(p.code, p.place) for p in found.problems] == [("bad-line", PLACE)]
    assert found.problems[0].fix


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0.1", 0.1),
        ("true", True),
        ("True", True),
        ("None", None),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("(1, 2)", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ("{'a': 1}", {"a": 1}),
        ("'007'", "007"),
        ("2013-01-01", "2013-01-01"),
        ("abc", "abc"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("{1, 2}", "{1, 2}"),
        ("b'x'", "b'x'"),
        ("__import__('os')", "__import__('os')"),
        ("{1: 2}", "{1: 2}"),
    ],
)
def test_a_word_is_a_literal_or_itself(text: str, value: object) -> None:
    assert literal(text) == value


def test_every_task_option_reaches_its_field() -> None:
    task, problems = parse_task(
        "clean --after a,b --after c --out x,y --no-infer --retries 2 --retry-delay 1m --retry-backoff 2"
        " --max-retry-delay 1h --timeout 2h --trigger-rule all-done --pool big --pool-slots 3 --priority -5"
        " --depends-on-past --wait-for-downstream --kernel py --cwd work --param k=[1] --owner me --doc 'two words'"
        " --group g --executor local --not-idempotent --map i=items",
        "body\n",
        PLACE,
    )
    assert problems == []
    assert task is not None
    assert task.retry == RetryPolicy(2, timedelta(minutes=1), 2.0, timedelta(hours=1))
    assert (task.timeout, task.trigger_rule) == (timedelta(hours=2), TriggerRule.ALL_DONE)
    assert (task.pool, task.pool_slots, task.priority) == ("big", 3, -5)
    assert (task.depends_on_past, task.wait_for_downstream, task.idempotent) == (True, True, False)
    assert (task.kernel, task.cwd, task.owner, task.group, task.executor) == ("py", "work", "me", "g", "local")
    assert (task.params, task.map_over, task.outputs) == ({"k": [1]}, {"i": "items"}, ("x", "y"))
    assert task.options == {"after": ["a", "b", "c"], "no_infer": True}
    assert (task.source, task.doc, task.place) == ("body", "two words", PLACE)


def test_a_sensor_keeps_its_own_options_as_json() -> None:
    task, problems = parse_task("wait_file --kind sensor --poke 5s --mode poke --soft-fail", "x", PLACE)
    assert problems == []
    assert task is not None
    assert (task.kind, task.options) == ("sensor", {"poke": 5.0, "mode": "poke", "soft_fail": True})


def test_all_faults_of_a_line_are_found_at_once() -> None:
    task, problems = parse_task(
        "clean --retires 2 --trigger-rule all_doen --kind brnch --pool-slots 0 --timeout soon --owner", "x", PLACE
    )
    assert task is not None
    assert [(p.code, p.fix.split(".")[0]) for p in problems] == [
        ("unknown-option", "Write --retries"),
        ("bad-value", "Write all_done"),
        ("bad-value", "Write branch"),
        ("bad-value", "Use 1 or more"),
        ("bad-value", "Write it like 90s, 1m, 2h, 1d, 1h30m or 00:05:00"),
        ("missing-value", "Write --owner VALUE"),
    ]
    assert {p.place for p in problems} == {PLACE}


@pytest.mark.parametrize(
    ("line", "body", "codes"),
    [
        ("", "x", ["missing-name"]),
        ("1st", "x", ["bad-name"]),
        ("a b", "x", ["stray-word"]),
        ("a", "  \n", ["empty-task"]),
        ("a", None, ["empty-task"]),
        ("a file.ipynb", "x", ["stray-word"]),
        ("a train.py", None, ["stray-word"]),
        ("a --kind notebook", "x", ["bad-kind"]),
        ("a n.ipynb --kind branch", None, ["bad-kind"]),
        ("a --kind empty", "x", ["bad-kind"]),
        ("a --kind empty", None, []),
        ("a --poke 5", "x", ["option-of-other-kind"]),
        ("a --kind sensor --mode reschedule", "x", ["reschedule-holds-slot"]),
        ("a --retries 1 --retries 2", "x", ["repeated-option"]),
        ("a --param x", "x", ["bad-value"]),
        ("a --param 1x=2", "x", ["bad-value"]),
        ("a --param class=2", "x", ["bad-value"]),
        ("a --param __x__=2", "x", ["bad-value"]),
        ("a --param x=1 --param x=2", "x", ["repeated-option"]),
        ("a --map xs", "x", ["bad-value"]),
        ("a --out 1x", "x", ["bad-value"]),
        ("a --after ,", "x", ["bad-value"]),
        ("a --depends-on-past=yes", "x", ["bad-value"]),
        ("a --retry-backoff 0.5", "x", ["bad-value"]),
        ("a --kind trigger", "x", ["bad-value"]),
    ],
)
def test_each_fault_of_a_task_has_its_code(line: str, body: str | None, codes: list[str]) -> None:
    _, problems = parse_task(line, body, PLACE)
    assert [p.code for p in problems] == codes
    assert all(p.fix and p.message for p in problems)


def test_a_task_takes_defaults_of_the_flow_unless_it_says_otherwise() -> None:
    line = parse_flow("f --retries 3 --retry-delay 1m --timeout 1h --pool p --executor local --owner me")
    task, _ = parse_task("a --retries 0 --pool q", "x", PLACE, line.defaults)
    assert task is not None
    assert task.retry == RetryPolicy(0, timedelta(minutes=1))
    assert (task.timeout, task.pool, task.executor, task.owner) == (timedelta(hours=1), "q", "local", None)


def test_every_flow_option_reaches_its_field() -> None:
    line = parse_flow(
        "f --schedule '30 2 * * mon' --start 2013-01-01 --end 2013-12-31T06:00+00:00 --tz America/New_York --catchup"
        " --max-active-runs 2 --max-active-tasks 3 --run-timeout 1d --fail-fast --tag a --tag b --owner me --doc d"
        " --kernel k --param alpha:float=0.1 --param day:date --param plain=x"
    )
    assert line.problems == ()
    assert line.id == "f"
    assert line.fields == {
        "schedule": "30 2 * * mon",
        "start": datetime(2013, 1, 1, 5, tzinfo=timezone.utc),
        "end": datetime(2013, 12, 31, 6, tzinfo=timezone.utc),
        "timezone": "America/New_York",
        "catchup": True,
        "max_active_runs": 2,
        "max_active_tasks": 3,
        "run_timeout": timedelta(days=1),
        "fail_fast": True,
        "tags": ("a", "b"),
        "owner": "me",
        "doc": "d",
        "kernel": "k",
    }
    assert line.params == (
        Parameter("alpha", "float", 0.1),
        Parameter("day", "date", required=True),
        Parameter("plain", "any", "x"),
    )


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("", ["missing-name"]),
        ("a b", ["stray-word"]),
        ("1", ["bad-name"]),
        ("f --tz Mars/Base", ["bad-timezone"]),
        ("f --schedule @dayly", ["bad-schedule"]),
        ("f --schedule '0 0 30 2 *'", ["bad-schedule"]),
        ("f --start yesterday", ["bad-value"]),
        ("f --start 2014-01-01 --end 2013-01-01", ["end-before-start"]),
        ("f --catchup --no-catchup", ["repeated-option"]),
        ("f --max-active-runs 0", ["bad-value"]),
        ("f --run-timeout 0", ["bad-value"]),
        ("f --param ds=1", ["reserved-parameter"]),
        ("f --param a:flaot=1", ["bad-value"]),
        ("f --param a:int=x", ["bad-parameter"]),
        ("f --param a --param a", ["repeated-option"]),
        (
            "f --tz Mars/Base --schedule nonsense --retries x --start never",
            ["bad-value"] * 2 + ["bad-timezone", "bad-schedule"],
        ),
        ("f --start 0001-01-01 --tz Asia/Tokyo", ["bad-value"]),
    ],
)
def test_each_fault_of_a_flow_line_has_its_code(line: str, codes: list[str]) -> None:
    found = parse_flow(line, PLACE)
    assert [p.code for p in found.problems] == codes
    assert all(p.place == PLACE and p.fix for p in found.problems)


def test_schedule_none_means_on_request_only() -> None:
    assert parse_flow("f --schedule none").fields["schedule"] is None


def test_a_time_in_the_flows_zone_keeps_its_clock_and_survives_iso_text() -> None:
    moment = aware(datetime(2013, 7, 1), "America/New_York")  # noqa: DTZ001
    assert moment.isoformat() == "2013-07-01T00:00:00-04:00"
    assert datetime.fromisoformat(moment.isoformat()) == moment


@pytest.mark.parametrize("options", [FLOW_OPTIONS, TASK_OPTIONS])
def test_every_option_is_documented_and_named_once(options: tuple[object, ...]) -> None:
    flags = [getattr(o, "flag", "") for o in options]
    assert len(set(flags)) == len(flags)
    assert all(getattr(o, "doc", "") for o in options)


@pytest.mark.parametrize("text", ["9bad", "1st try", "über", "a b", "!", "x" * 500])
def test_the_name_a_bad_name_is_to_be_replaced_with_is_a_good_one(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        task_id(text)
    assert is_name(caught.value.fix.removeprefix("Rename the task, e.g. ").removesuffix("."))
