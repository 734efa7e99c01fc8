"""From the shell's words to an exit code.

Exit codes: 0 done and successful, 1 a run failed or was cancelled, 2 wrong usage, 3 the definition has problems,
4 the store or the scheduler could not be used.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from jupyter_flows.commands.group import run_words
from jupyter_flows.commands.session import Session
from jupyter_flows.errors import (
    ConfigError,
    Conflict,
    DefinitionError,
    ExecutionError,
    FlowsError,
    NotFound,
    PluginError,
    StoreError,
    UsageError,
)
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.storage.store import StoredFlow

EXIT_CODES: tuple[tuple[type[FlowsError], int], ...] = (
    (DefinitionError, 3),
    (StoreError, 4),
    (ConfigError, 4),
    (PluginError, 4),
    (ExecutionError, 4),
    (UsageError, 2),
    (NotFound, 2),
    (Conflict, 2),
    (FlowsError, 4),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What may stand anywhere in the line: `--home DIR`, `--json`."""

    home: str | None
    json: bool
    words: tuple[str, ...]


class ShellSession(Session):
    """A shell has no current notebook; the facade opens at first use."""

    def __init__(self, home: str | None, ahead: str | None = None) -> None:
        self._home = home
        self._ahead = ahead
        self._flows: Flows | None = None

    @property
    def flows(self) -> Flows:
        """The facade over the chosen home."""
        if self._flows is None:
            from jupyter_flows.runtime.open import open_flows

            self._flows = open_flows(self._home, label="jupyter flows", ahead=self._ahead)
        return self._flows

    def current(self) -> StoredFlow:
        """There is none. Raises UsageError."""
        raise UsageError("A shell has no current flow.", fix="Name a registered flow or a notebook's path.")

    def close(self) -> None:
        """Stop what this command started; attempts go on."""
        if self._flows is not None:
            self._flows.close()


def run(words: Sequence[str]) -> int:
    """Carry out one command line and return its exit code."""
    _quiet_logging()
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        options = split_options(words)
    except UsageError as error:
        return _report(error, errors, as_json="--json" in words)
    session = ShellSession(options.home, about_to_run(options.words))
    try:
        code = _carry_out(options, session)
        sys.stdout.flush()
        return code
    except FlowsError as error:
        return _report(error, errors, as_json=options.json)
    except KeyboardInterrupt:
        errors.print("Interrupted. What runs goes on; the next `jupyter flows` command picks it up.", style="yellow")
        return 1
    except BrokenPipeError:
        _forget_stdout()
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _report(UsageError(f"{where}{error.strerror or error}."), errors, as_json=options.json)
    finally:
        session.close()


def about_to_run(words: Sequence[str]) -> str | None:
    """The notebook whose tasks this command will surely want to run here, if it names one."""
    if not words or words[0] not in ("run", "backfill") or {"--detach", "--dry-run", "--help"} & set(words):
        return None
    return next((word for word in words[1:] if word.endswith(".ipynb")), None)


def _forget_stdout() -> None:
    """Whoever read it is gone: what is left in the buffer must not raise again when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def split_options(words: Sequence[str]) -> Options:
    """Take `--home` and `--json` out of the line, wherever they stand. Raises UsageError when a folder is missing."""
    rest: list[str] = []
    home: str | None = None
    json = False
    left = iter(words)
    for word in left:
        if word == "--json":
            json = True
        elif word == "--home":
            home = _folder(next(left, ""))
        elif word.startswith("--home="):
            home = _folder(word.partition("=")[2])
        elif word == "--version":
            rest = ["--version"]
            break
        else:
            rest.append(word)
    return Options(home, json, tuple(rest))


def _folder(word: str) -> str:
    if not word or word.startswith("--"):
        raise UsageError("--home needs a folder.", fix="Write --home DIR.")
    return word


def _carry_out(options: Options, session: ShellSession) -> int:
    from jupyter_flows.cli.present import Terminal

    if options.words[:1] == ("--version",):
        from importlib.metadata import version

        print(f"jupyter_flows {version('jupyter_flows')}")
        return 0
    result = run_words(options.words or ("--help",), session, program="jupyter flows")
    return 0 if result is None else Terminal(session, as_json=options.json).show(result)


def _report(error: FlowsError, console: Console, *, as_json: bool = False) -> int:
    console.print("error:", style="bold red", end=" ")
    console.print(error.message, markup=False)
    if error.fix:
        console.print(f"  {error.fix}", markup=False, style="dim" if error.fix.startswith("Usage") else "")
    if as_json:
        print(json.dumps({"error": _as_json(error)}))
    return next(code for cls, code in EXIT_CODES if isinstance(error, cls))


def _as_json(error: FlowsError) -> dict[str, Any]:
    found: dict[str, Any] = {"message": error.message, "fix": error.fix}
    if isinstance(error, DefinitionError):
        found["problems"] = [problem.to_json() for problem in error.problems]
    return found


def _quiet_logging() -> None:
    handler: Any = logging.NullHandler()
    logging.getLogger("jupyter_flows").addHandler(handler)
    logging.getLogger("jupyter_flows").propagate = False
