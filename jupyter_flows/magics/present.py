"""Results of verbs in a notebook: widgets that live, pictures that stay."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from IPython.display import display

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
from jupyter_flows.commands.showing import local
from jupyter_flows.errors import FlowsError
from jupyter_flows.model.problem import Problem
from jupyter_flows.model.run import RunKey
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.by_hand import HandRun
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.views import View, problem_view


class Notebook:
    """Shows results below the cell. Nothing here waits: what goes on is followed by a thread that never prints."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def show(self, result: Result) -> None:
        """Display `result`."""
        match result:
            case Said(text=text, warning=warning):
                print(text)
                if warning:
                    print(f"warning: {warning}")
            case Table():
                show_table(result)
            case GraphShown(view=view, why=why):
                self._graph(view, why)
            case RunShown(view=view):
                show_bundle(view)
            case RunAsked(key=key, text=text, wait=wait):
                print(text)
                self._follow_run(key)
                if wait:
                    self._wait_for_run(key)
            case BackfillFollowed(backfill_id=backfill_id, text=text, wait=wait):
                print(text)
                self._follow_backfill(backfill_id)
                if wait:
                    self._wait_for_backfill(backfill_id)
            case ProblemsFound(problems=problems):
                show_problems(problems) if problems else print("No problems.")
            case LogShown(text=text):
                print(text or "The log is empty.", end="" if text.endswith("\n") else "\n")
            case FileShown(path=path):
                print(path)
            case SchedulerAsked():
                self._scheduler()

    def _graph(self, view: View, why: bool) -> None:
        from jupyter_flows.magics.following import show_live
        from jupyter_flows.widgets import FlowWidget

        show_live(FlowWidget(view))
        if why:
            rows = [[e["upstream"], e["downstream"], e["why"]] for e in view["edges"]]
            show_table(Table(["from", "to", "why"], rows, {}, "", "The graph has no edges."))

    def _follow_run(self, key: RunKey) -> None:
        from jupyter_flows.magics.following import LiveRun

        LiveRun(self._flows, key).follow()

    def _follow_backfill(self, backfill_id: int) -> None:
        from jupyter_flows.magics.following import LiveBackfill

        LiveBackfill(self._flows, backfill_id).follow()

    def _wait_for_run(self, key: RunKey) -> None:
        """Until it is over, so that the next cell can count on it. Raises FlowsError when it failed."""
        self._flows.wait(lambda: self._flows.is_run_over(key))
        run = self._flows.store.run(key)
        if run.state is RunState.FAILED:
            raise FlowsError(f"{run.run_id} failed: {run.reason}", fix="%flows status tells more.")

    def _wait_for_backfill(self, backfill_id: int) -> None:
        self._flows.wait(lambda: self._flows.is_backfill_over(backfill_id))
        failed = self._flows.store.runs(backfill_id=backfill_id, states={RunState.FAILED})
        if failed:
            count = f"{len(failed)} run{'s' if len(failed) != 1 else ''}"
            raise FlowsError(f"{count} of backfill {backfill_id} failed.", fix="%flows runs --state failed lists them.")

    def _scheduler(self) -> None:
        self._flows.host.ensure(fire_schedules=True)
        print("The scheduler runs in this kernel: runs fire when their interval ends. `%flows scheduler stop` ends it.")
        for stored in self._flows.flows():
            if stored.flow.schedule and not stored.paused:
                plan = next(iter(self._flows.next_runs(stored.flow, 1)), None)
                zone = ZoneInfo(stored.flow.timezone)
                when = f"next run after {local(plan.run_after, zone)}" if plan else "no run is coming"
                print(f"  {stored.flow.id}: {self._flows.timetable(stored.flow).describe()}; {when}")


def show_bundle(view: View) -> None:
    """Display the static picture of a view."""
    from jupyter_flows.picture.bundle import mimebundle

    display(mimebundle(view), raw=True)


def show_table(table: Table) -> None:
    """Display rows as an HTML table, with a text form."""
    if not table.rows:
        print(table.empty)
        return
    head = "".join(f"<th style='text-align:left'>{escape(c)}</th>" for c in table.columns)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(str(c))}</td>" for c in row) + "</tr>"
        for row in table.rows
    )
    title = f"<p><b>{escape(table.title)}</b></p>" if table.title else ""
    html = f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    text = "\n".join([table.title, *("  ".join(map(str, row)) for row in table.rows)]).strip()
    display({"text/html": html, "text/plain": text}, raw=True)


def show_problems(problems: Sequence[Problem]) -> None:
    """Display problems: what, where, and what to do."""
    items = "".join(_problem_html(p) for p in problems)
    text = "\n".join(f"{p.severity.value}: {p}" for p in problems)
    mime = {"text/html": f"<div role='alert'>{items}</div>", "text/plain": text}
    display(mime, raw=True, metadata={"jupyter_flows": {"problems": [dict(problem_view(p)) for p in problems]}})


def _problem_html(problem: Problem) -> str:
    colour = "--jp-error-color1, #c62828" if problem.is_error else "--jp-warn-color1, #a15c00"
    line = f" line {problem.place.line}:" if problem.place.line else ""
    fix = f"<br><span style='opacity:.85'>→ {escape(problem.fix)}</span>" if problem.fix else ""
    return (
        f"<div style='border-left:3px solid var({colour});padding:2px 10px;margin:4px 0'>"
        f"<b>{problem.severity.value}</b>{line} {escape(problem.message)} "
        f"<code>{escape(problem.code)}</code>{fix}</div>"
    )


def show_hand_run(done: HandRun) -> None:
    """What a notebook task did by hand."""
    brought = f" It brought back {', '.join(done.values)}." if done.values else ""
    print(f"Ran {done.name} in a fresh kernel in {done.seconds:.1f} s.{brought} Executed notebook: {done.notebook}")
