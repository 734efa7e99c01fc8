"""Results of verbs on a terminal, in a pipe, or as one JSON document."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from jupyter_flows.cli.progress import follow_backfill, follow_run
from jupyter_flows.commands.results import (
    BackfillFollowed,
    FileShown,
    GraphShown,
    LogShown,
    ProblemsFound,
    Result,
    RunAsked,
    RunShown,
    Said,
    SchedulerAsked,
    Table,
)
from jupyter_flows.commands.session import Session
from jupyter_flows.commands.showing import took
from jupyter_flows.errors import UsageError
from jupyter_flows.model.run import Attempt, RunKey
from jupyter_flows.views import View, problem_view

STYLES = {
    "success": "green",
    "failed": "bold red",
    "running": "bright_green",
    "queued": "bright_black",
    "scheduled": "yellow",
    "skipped": "magenta",
    "up_for_retry": "yellow",
    "upstream_failed": "dark_orange",
}


class Terminal:
    """Shows results and returns the exit code they mean. With `as_json`, stdout holds one document and nothing else."""

    def __init__(self, session: Session, *, as_json: bool) -> None:
        self._session = session
        self._json = as_json
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def show(self, result: Result) -> int:
        """Present `result`; 0 unless it says that something failed (1) or has problems (3)."""
        match result:
            case Said():
                self._said(result)
            case Table():
                self._table(result)
            case GraphShown():
                self._graph(result)
            case RunShown():
                return self._run(result.view)
            case RunAsked():
                return self._run_asked(result)
            case BackfillFollowed():
                return self._backfill(result)
            case ProblemsFound():
                return self._problems(result)
            case LogShown():
                self._log(result)
            case FileShown():
                self._json_or({"path": str(result.path)}, result.text)
            case SchedulerAsked():
                self._scheduler()
        return 0

    def _print_json(self, document: Any) -> None:
        print(json.dumps(document, indent=2 if sys.stdout.isatty() else None))

    def _json_or(self, document: Any, text: str) -> None:
        if self._json:
            self._print_json(document)
        else:
            self._out.print(text, markup=False)

    def _said(self, result: Said) -> None:
        flows, request = self._session.flows, result.request
        if request is not None:
            flows.wait(lambda: flows.is_settled(request))
        self._json_or(dict(result.json) or {"message": result.text}, result.text)
        if result.warning:
            self._err.print(result.warning, style="yellow", markup=False)

    def _table(self, result: Table) -> None:
        if self._json:
            self._print_json(dict(result.json))
            return
        if not result.rows:
            self._out.print(result.empty, markup=False)
            return
        if result.title:
            self._out.print(Text(result.title, style="bold"))
        self._rows(result.columns, result.rows)

    def _rows(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on a terminal; in a pipe one line per row, its cells separated by tabs."""
        if not self._out.is_terminal:
            for row in rows:
                print("\t".join(" ".join(cell.split()) for cell in row).rstrip())  # Rich would expand the tabs
            return
        table = RichTable(box=None, pad_edge=False, header_style="dim")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*[Text(cell, style=STYLES.get(cell, "")) for cell in row])
        self._out.print(table)

    def _graph(self, result: GraphShown) -> None:
        view = result.view
        if self._json:
            self._print_json({"tasks": view["tasks"], "edges": view["edges"]})
            return
        from jupyter_flows.picture.text import text

        self._out.print(text(view, why=result.why), markup=False)

    def _run(self, view: View) -> int:
        if self._json:
            self._print_json({"runs": [view]})
        else:
            self._out.print(Text(f"{view['run_id']}  ", style="bold"), state_text(view["state"]), view["label"])
            if view["reason"]:
                self._out.print(f"  {view['reason']}", markup=False)
            self._tasks(view)
        return 1 if view["state"] == "failed" else 0

    def _tasks(self, view: View) -> None:
        rows = []
        for task in view["tasks"]:
            name = task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else "")
            rows.append([name, task["state"], str(task["try_number"]), took(task["duration"]), task["reason"]])
        self._rows(["task", "state", "try", "took", "why"], rows)
        failed = next((t for t in view["tasks"] if t["state"] == "failed" and t["notebook"]), None)
        if failed:
            self._out.print(f"The executed notebook of {failed['task_id']}: {failed['notebook']}", markup=False)

    def _run_asked(self, asked: RunAsked) -> int:
        flows = self._session.flows
        if not self._json:
            self._out.print(asked.text, markup=False)
        if asked.detach:
            self._warn_if_nobody_works()
        else:
            since = asked.request.created_at if asked.request else None
            follow_run(flows, asked.key, self._console_for_progress(), since=since)
            if asked.request is not None:
                flows.answer(asked.request)  # one that was refused ran nothing
        view = flows.run_view(asked.key, graph=False)
        if asked.detach and not self._json:
            return 0
        return self._run(view)

    def _backfill(self, asked: BackfillFollowed) -> int:
        flows = self._session.flows
        if not self._json:
            self._out.print(asked.text, markup=False)
        if asked.detach:
            self._warn_if_nobody_works()
        else:
            follow_backfill(flows, asked.backfill_id, self._console_for_progress())
        runs = flows.store.runs(backfill_id=asked.backfill_id, oldest_first=True)
        if self._json:
            self._print_json({"runs": flows.run_views(runs)})
        elif not asked.detach:
            self._summary(asked.backfill_id)
        return 1 if any(r.state.value == "failed" for r in runs) else 0

    def _summary(self, backfill_id: int) -> None:
        flows = self._session.flows
        view = flows.backfill_screen(backfill_id).view()
        words = ", ".join(f"{n} {state}" for state, n in sorted(view["counts"]["runs"].items()))
        self._out.print(
            f"Backfill {backfill_id} of {view['flow_id']}: {words} in {took(view['duration'])}.", markup=False
        )
        for row in view["rows"]:
            if row["state"] == "failed":
                key = RunKey(view["flow_id"], row["run_id"])
                bad = next((t for t in flows.run_view(key)["tasks"] if t["state"] == "failed"), None)
                what = f"{bad['task_id']}: {bad['reason']}" if bad else row["reason"]
                self._out.print(f"  {row['label']}  failed  {what}", markup=False)
        self._out.print(f"Executed notebooks: {flows.config.home / 'runs' / view['flow_id']}", markup=False)

    def _console_for_progress(self) -> Console:
        """Progress goes to stderr with --json, so that stdout holds the document alone."""
        return self._err if self._json else self._out

    def _warn_if_nobody_works(self) -> None:
        if not self._session.flows.host.is_anyone_leading():
            self._err.print("No scheduler is running: start one with `jupyter flows scheduler`.", style="yellow")

    def _problems(self, result: ProblemsFound) -> int:
        if self._json:
            self._print_json({"problems": [problem_view(p) for p in result.problems]})
        else:
            for problem in result.problems:
                self._out.print(
                    Text("error " if problem.is_error else "warning ", style="red" if problem.is_error else "yellow"),
                    end="",
                )
                self._out.print(str(problem), markup=False)
            count = len(result.problems)
            flows = f"{len(result.flows)} flow{'s' if len(result.flows) != 1 else ''}"
            self._out.print(f"{flows} checked: {count or 'no'} problem{'s' if count != 1 else ''}.")
        return 3 if result.has_errors else 0

    def _log(self, result: LogShown) -> None:
        parts = self._log_parts(result.attempt, follow=result.follow)
        if self._json:
            self._print_json({"attempt": str(result.attempt.id), "text": "".join(parts)})
            return
        is_empty = True
        for text in parts:
            sys.stdout.write(text)
            sys.stdout.flush()
            is_empty = False
        if is_empty:
            self._err.print("The log is empty.", style="dim")

    def _log_parts(self, attempt: Attempt, *, follow: bool) -> Iterator[str]:
        """The whole log from its beginning; with `follow`, until the attempt has ended."""
        flows, at = self._session.flows, attempt.id
        offset, is_over = 0, False
        while not is_over:
            now = flows.attempt(RunKey(at.flow_id, at.run_id), at.task_id, at.try_number, at.map_index)
            is_over = not follow or now.outcome is not None  # asked before reading: what came until then is read
            while (part := flows.log(attempt, offset)).end > offset:
                offset = part.end
                yield part.text
            if not is_over:
                time.sleep(0.3)

    def _scheduler(self) -> None:
        """In the foreground until interrupted."""
        if self._json:
            raise UsageError("The scheduler runs until it is stopped: it has no --json.", fix="Leave out --json.")
        from jupyter_flows.cli.serve import serve

        serve(self._session.flows, self._out)


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=STYLES.get(state, ""))
