"""Every exception this package raises on purpose, as one tree.

FlowsError                 anything a caller may want to catch
├── DefinitionError        a flow has problems (all of them, not the first)
├── NotFound               no such flow, run, task, attempt
├── Conflict               the request contradicts what is stored
│   └── LeaseLost          another scheduler acts now; step down, never retry
├── UsageError             the caller's words are off (an option, a date, a name)
├── ConfigError            a setting cannot be used
├── PluginError            a named plug-in cannot be loaded
├── StoreError             the database cannot be used (locked, full, unreachable, too new)
└── ExecutionError         a job cannot be started or followed

A *task* that fails is an `Outcome`, never an exception that crosses a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class FlowsError(Exception):
    """What happened, where, and what to do about it.

    `fix` is one imperative sentence, or empty when the message already says it.
    """

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class DefinitionError(FlowsError):
    """A flow cannot be used as it is written. `problems` holds every fault found, as `model.problem.Problem`s."""

    def __init__(self, problems: Sequence[Any]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems) or "the definition has problems")


class NotFound(FlowsError):
    """The named thing is not in the store."""


class Conflict(FlowsError):
    """The request contradicts what is stored, e.g. a second active backfill of one flow."""


class LeaseLost(Conflict):
    """This scheduler no longer holds the lease: whatever it wanted to write was not written."""


class UsageError(FlowsError):
    """A word of the caller cannot be understood: an option, a date, a name."""


class ConfigError(FlowsError):
    """A setting has a value that cannot be used."""


class PluginError(FlowsError):
    """A plug-in was named but cannot be loaded."""


class StoreError(FlowsError):
    """The database cannot be used now. Nothing was half-written."""


class ExecutionError(FlowsError):
    """A job cannot be started, stopped or followed."""
