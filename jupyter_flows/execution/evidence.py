"""From what was seen of an attempt to how it ended: one table, pure.

Nothing is ever derived from the executed notebook: papermill calls the cell in which a kernel died "completed".
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta
from typing import Any

from jupyter_flows.model.run import (
    Cancelled,
    Died,
    Failed,
    Lost,
    NotStarted,
    Outcome,
    SkipAsked,
    Succeeded,
    TimedOut,
)


@dataclass(frozen=True, slots=True)
class CellError:
    """The error that ended the notebook. `line` counts in the cell; `cell` counts all cells from 1."""

    message: str
    ename: str = ""
    cell_id: str | None = None
    cell: int | None = None
    line: int | None = None
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen.

    `started`: the kernel answered. `finished`: every cell that should run has run, or one asked to stop early.
    `refused`: why it could not begin. `trouble`: what went wrong on our side of it, in words.
    `kernel_exit` and `runner_exit` are exit codes, minus the signal's number for a killed process; None: not known.
    `result` is what the code left; `result_fault` says why that cannot be used.
    """

    started: bool = False
    finished: bool = False
    stopped_early: bool = False
    refused: str = ""
    error: CellError | None = None
    kernel_died: bool = False
    kernel_exit: int | None = None
    cell: int | None = None
    out_of_memory: bool = False
    runner_exit: int | None = None
    cancelled: str | None = None
    timed_out: float | None = None
    trouble: str = ""
    last_words: str = ""
    result: Mapping[str, Any] | None = None
    result_fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def evidence_from_json(data: Mapping[str, Any]) -> Evidence:
    """The evidence of `Evidence.to_json`; unknown keys are ignored."""
    known = {f.name: data[f.name] for f in fields(Evidence) if f.name in data}
    evidence = Evidence(**known)
    error = known.get("error")
    return replace(evidence, error=CellError(**error)) if isinstance(error, Mapping) else evidence


def judge(evidence: Evidence) -> Outcome:
    """How the attempt ended. The first row of the table that applies decides; without any, it is lost."""
    for applies, outcome in _TABLE:
        if applies(evidence):
            return outcome(evidence)
    return Lost(_lost_message(evidence))


def _result(evidence: Evidence, name: str) -> Any:
    return (evidence.result or {}).get(name)


def _ended_itself(evidence: Evidence) -> bool:
    """The code came to an end of its own: by its last cell, or by an error."""
    return evidence.finished or evidence.error is not None


def _succeeded(evidence: Evidence) -> Outcome:
    branch = _result(evidence, "branch")
    chosen = tuple(str(name) for name in branch) if branch is not None else None
    return Succeeded(branch=chosen, stopped_early=evidence.stopped_early)


def _failed(evidence: Evidence) -> Outcome:
    error = evidence.error or CellError("")
    return Failed(error.message, error.ename, error.cell_id, error.line, error.traceback)


def _fail_asked(evidence: Evidence) -> Outcome:
    error = evidence.error or CellError("")
    return Failed(str(_result(evidence, "fail")), cell_id=error.cell_id, line=error.line, final=True)


def _not_started(evidence: Evidence) -> Outcome:
    words = evidence.last_words.strip()
    return NotStarted(f"{evidence.refused}\n{words}" if words else evidence.refused)


def _died(evidence: Evidence) -> Outcome:
    words = f"\n{evidence.last_words.strip()}" if evidence.last_words.strip() else ""
    where = f" in cell {evidence.cell}" if evidence.cell is not None else ""
    return Died(f"The kernel {_way_out(evidence)}{where}.{words}", evidence.kernel_exit)


def _way_out(evidence: Evidence) -> str:
    code = evidence.kernel_exit
    if code is None:
        return "died"
    if code >= 0:
        return f"ended by itself with exit code {code}"
    if evidence.out_of_memory:
        return f"was killed by signal {-code} (out of memory)"
    if -code == signal.SIGTERM.value:
        return f"was ended by signal {-code} (SIGTERM)"
    hint = "out of memory?" if code == -9 else _signal_name(-code)
    return f"was killed by signal {-code} ({hint})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _lost_message(evidence: Evidence) -> str:
    if evidence.trouble:
        return evidence.trouble
    if evidence.runner_exit is not None and evidence.runner_exit < 0:
        return f"The process that drove the notebook was killed by signal {-evidence.runner_exit}."
    return f"The process that drove the notebook ended with exit code {evidence.runner_exit} and left no report."


_TABLE: tuple[tuple[Callable[[Evidence], bool], Callable[[Evidence], Outcome]], ...] = (
    (lambda e: e.cancelled is not None, lambda e: Cancelled(e.cancelled or "")),
    (lambda e: e.timed_out is not None, lambda e: TimedOut(timedelta(seconds=e.timed_out or 0.0))),
    (lambda e: bool(e.refused), _not_started),
    (lambda e: _ended_itself(e) and isinstance(_result(e, "skip"), str), lambda e: SkipAsked(_result(e, "skip"))),
    (lambda e: _ended_itself(e) and isinstance(_result(e, "fail"), str), _fail_asked),
    (lambda e: e.error is not None, _failed),
    (lambda e: e.kernel_died, _died),
    (lambda e: e.finished and bool(e.result_fault), lambda e: Failed(e.result_fault)),
    (lambda e: e.finished and bool(e.trouble), lambda e: Failed(e.trouble)),
    (lambda e: e.finished, _succeeded),
)
