"""Evidence to outcome, as a table."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from jupyter_flows.execution.evidence import CellError, Evidence, evidence_from_json, judge
from jupyter_flows.model.run import Cancelled, Died, Failed, Lost, NotStarted, SkipAsked, Succeeded, TimedOut

ERROR = CellError("boom", "ValueError", "cell", 1, 3, "Traceback")


@pytest.mark.parametrize(
    ("evidence", "outcome"),
    [
        (Evidence(started=True, finished=True), Succeeded()),
        (Evidence(finished=True, stopped_early=True), Succeeded(stopped_early=True)),
        (Evidence(finished=True, result={"branch": ["a", "b"]}), Succeeded(branch=("a", "b"))),
        (Evidence(finished=True, result={"branch": []}), Succeeded(branch=())),
        (Evidence(error=ERROR), Failed("boom", "ValueError", "cell", 3, "Traceback")),
        (Evidence(error=ERROR, result={"branch": ["a"]}), Failed("boom", "ValueError", "cell", 3, "Traceback")),
        (Evidence(error=ERROR, result={"skip": ""}), SkipAsked("")),
        (Evidence(finished=True, stopped_early=True, result={"skip": "no data"}), SkipAsked("no data")),
        (Evidence(error=ERROR, result={"fail": "why"}), Failed("why", cell_id="cell", line=3, final=True)),
        (Evidence(kernel_died=True, result={"skip": "x"}, kernel_exit=1), Died),
        (Evidence(finished=True, result_fault="it lies"), Failed("it lies")),
        (Evidence(finished=True, trouble="disk full"), Failed("disk full")),
        (Evidence(refused="no kernel"), NotStarted("no kernel")),
        (Evidence(refused="no kernel", last_words="bash: R: not found\n"), NotStarted),
        (Evidence(started=True, timed_out=1.5, error=ERROR), TimedOut(timedelta(seconds=1.5))),
        (Evidence(started=True, timed_out=1.5, kernel_died=True), TimedOut(timedelta(seconds=1.5))),
        (Evidence(cancelled="", finished=True), Cancelled("")),
        (Evidence(cancelled="by me", timed_out=1.0), Cancelled("by me")),
        (Evidence(started=True, runner_exit=-9), Lost),
        (Evidence(started=True, trouble="the runner failed"), Lost("the runner failed")),
        (Evidence(), Lost),
    ],
)
def test_what_was_seen_decides(evidence: Evidence, outcome: Any) -> None:
    assert judge(evidence) == outcome or type(judge(evidence)) is outcome


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"kernel_exit": -9}, "The kernel was killed by signal 9 (out of memory?) in cell 2."),
        ({"kernel_exit": -9, "out_of_memory": True}, "The kernel was killed by signal 9 (out of memory) in cell 2."),
        ({"kernel_exit": -11}, "The kernel was killed by signal 11 (SIGSEGV) in cell 2."),
        ({"kernel_exit": 0}, "The kernel ended by itself with exit code 0 in cell 2."),
        ({}, "The kernel died in cell 2."),
    ],
)
def test_a_death_says_how(facts: dict[str, Any], text: str) -> None:
    outcome = judge(Evidence(started=True, kernel_died=True, cell=2, **facts))
    assert isinstance(outcome, Died)
    assert outcome.message == text
    assert outcome.exit_code == facts.get("kernel_exit")


def test_evidence_survives_json() -> None:
    evidence = Evidence(started=True, error=ERROR, kernel_exit=-9, result={"branch": None}, timed_out=2.0)
    assert evidence_from_json(json.loads(json.dumps({**evidence.to_json(), "of_a_newer_release": 1}))) == evidence
