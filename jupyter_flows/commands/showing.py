"""Verbs that only look: graph, runs, status, logs, open, check, next, versions, list, doctor."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from jupyter_flows.commands.asking import flow_argument, run_option
from jupyter_flows.commands.results import (
    FileShown,
    GraphShown,
    LogShown,
    ProblemsFound,
    Result,
    RunShown,
    Table,
)
from jupyter_flows.commands.session import HERE, Session, find_flow
from jupyter_flows.errors import DefinitionError, NotFound
from jupyter_flows.model.problem import Place, Problem
from jupyter_flows.model.state import RunState
from jupyter_flows.views import flow_view, interval_view, iso


@click.command()
@flow_argument
@click.option("--why", is_flag=True, help="The reason of every edge.")
@click.option("--output", type=click.Path(path_type=Path), help="Write a file: .svg, .dot, .pdf or .png.")
@click.pass_obj
def graph(session: Session, flow: str, why: bool, output: Path | None) -> Result:
    """Draw the flow's graph."""
    stored = find_flow(session, flow)
    view = flow_view(stored.flow, version=stored.version)
    if output is None:
        return GraphShown(view, why)
    from jupyter_flows.picture.dot import export

    export(view, output)
    return FileShown(output, f"Wrote {output}.")


@click.command()
@flow_argument
@click.option("--limit", type=int, default=20, show_default=True, help="How many, newest first.")
@click.option("--state", "states", multiple=True, type=click.Choice([s.value for s in RunState]), help="Only these.")
@click.pass_obj
def runs(session: Session, flow: str, limit: int, states: tuple[str, ...]) -> Result:
    """List the flow's runs, newest first."""
    stored = find_flow(session, flow)
    wanted = {RunState(s) for s in states} or None
    found = session.flows.store.runs(stored.flow.id, states=wanted, limit=limit)
    views = session.flows.run_views(found)
    rows = [
        [
            v["run_id"],
            v["state"],
            v["label"],
            f"{v['done']}/{v['total']}",
            took(v["duration"]),
            v["reason"],
        ]
        for v in views
    ]
    columns = ["run", "state", "interval", "tasks", "took", "why"]
    which = f"{stored.flow.id} has no run that is {' or '.join(states)}." if states else ""
    empty = which or f"{stored.flow.id} has not run yet."
    return Table(columns, rows, {"runs": views}, f"Runs of {stored.flow.id}", empty)


@click.command()
@flow_argument
@click.argument("run", required=False)
@click.pass_obj
def status(session: Session, flow: str, run: str | None) -> Result:
    """Show one run: states, times, tries, reasons. Default: the newest."""
    stored = find_flow(session, flow)
    found = session.flows.find_run(stored.flow.id, run)
    return RunShown(session.flows.run_view(found.key))


@click.command()
@flow_argument
@click.argument("task")
@run_option
@click.option("--try", "try_number", type=int, help="Which try. Default: the newest.")
@click.option("--follow", is_flag=True, help="Go on while it runs.")
@click.pass_obj
def logs(session: Session, flow: str, task: str, run: str | None, try_number: int | None, follow: bool) -> Result:
    """Print the log of a task's attempt: all its output as text."""
    stored = find_flow(session, flow)
    found = session.flows.find_run(stored.flow.id, run)
    attempt = session.flows.attempt(found.key, task, try_number)
    part = session.flows.log(attempt)
    return LogShown(attempt, part.text, part.end, follow)


@click.command(name="open")
@flow_argument
@click.argument("task")
@run_option
@click.option("--try", "try_number", type=int, help="Which try. Default: the newest.")
@click.pass_obj
def open_(session: Session, flow: str, task: str, run: str | None, try_number: int | None) -> Result:
    """Say where the executed notebook of a task's attempt is."""
    stored = find_flow(session, flow)
    found = session.flows.find_run(stored.flow.id, run)
    path = session.flows.notebook(session.flows.attempt(found.key, task, try_number))
    return FileShown(path, str(path))


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.pass_obj
def check(session: Session, paths: tuple[str, ...]) -> Result:
    """Find the problems of notebooks (or of all notebooks in folders) without running them."""
    problems: list[Problem] = []
    flows: list[str] = []
    for path in _notebooks(paths):
        try:
            flow, found = session.flows.read(path)
            flows.append(flow.id)
            problems += found
        except DefinitionError as error:
            problems += error.problems
        except NotFound as error:
            problems.append(Problem("missing-notebook", error.message, Place(str(path)), error.fix))
    return ProblemsFound(problems, flows)


def _notebooks(paths: tuple[str, ...]) -> list[str]:
    out: list[str] = []
    for path in paths:
        folder = Path(path).expanduser()
        if path != HERE and not folder.is_dir():
            out.append(path)
            continue
        files = sorted(folder.rglob("*.ipynb"))
        out += [str(f) for f in files if ".ipynb_checkpoints" not in f.parts and _declares_a_flow(f)]
    return out


def _declares_a_flow(path: Path) -> bool:
    return "%flow " in path.read_text(encoding="utf-8", errors="replace")


@click.command(name="next")
@flow_argument
@click.option("--count", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.pass_obj
def next_(session: Session, flow: str, count: int) -> Result:
    """Show the coming intervals of the schedule, in words and dates."""
    stored = find_flow(session, flow)
    plans = session.flows.next_runs(stored.flow, count)
    zone = ZoneInfo(stored.flow.timezone)
    words = session.flows.timetable(stored.flow).describe()
    past = ", but for those of the past that a scheduler catches up with" if stored.flow.catchup else ""
    rows = [[local(p.interval.start, zone), local(p.interval.end, zone), local(p.run_after, zone)] for p in plans]
    return Table(
        ["from", "to", "runs after"],
        rows,
        {"schedule": words, "intervals": [interval_view(p) for p in plans]},
        f"{stored.flow.id}: {words}",
        f"{stored.flow.id}: {words}. No run is coming{past}.",
    )


@click.command()
@flow_argument
@click.pass_obj
def versions(session: Session, flow: str) -> Result:
    """List the versions of a flow, newest first."""
    stored = find_flow(session, flow)
    found = session.flows.versions(stored)
    zone = ZoneInfo(stored.flow.timezone)
    rows = [
        [str(v.number), v.version[:12], local(v.created_at.replace(second=0), zone), str(len(v.flow.tasks))]
        for v in found
    ]
    json = {
        "versions": [
            {"number": v.number, "version": v.version, "created_at": iso(v.created_at), "tasks": len(v.flow.tasks)}
            for v in found
        ]
    }
    return Table(["version", "digest", "since", "tasks"], rows, json, f"Versions of {stored.flow.id}")


@click.command(name="list")
@click.pass_obj
def list_(session: Session) -> Result:
    """List the registered flows."""
    rows, views = [], []
    for stored in session.flows.flows():
        newest = session.flows.store.runs(stored.flow.id, limit=1)
        views.append(flow_view(stored.flow, version=stored.version, paused=stored.paused))
        rows.append(
            [
                stored.flow.id,
                session.flows.timetable(stored.flow).describe(),
                "paused" if stored.paused else "",
                newest[0].state.value if newest else "",
                stored.flow.path or "",
            ]
        )
    empty = "No flow is registered yet. Run one: jupyter flows run NOTEBOOK.ipynb"
    return Table(["flow", "schedule", "paused", "last run", "notebook"], rows, {"flows": views}, "Flows", empty)


@click.command()
@click.pass_obj
def doctor(session: Session) -> Result:
    """Check the installation: home, database, kernels, scheduler."""
    facts = {"home": str(session.flows.config.home), **session.flows.store.describe(), **_surroundings()}
    status = session.flows.host.status()
    facts["scheduler"] = status.leader or "none"
    return Table(["what", "value"], [[k, str(v)] for k, v in facts.items()], {"facts": facts}, "jupyter_flows doctor")


def _surroundings() -> dict[str, str]:
    import platform
    import shutil
    from importlib.metadata import PackageNotFoundError, version

    from jupyter_flows.execution.kernels import installed

    facts = {"python": platform.python_version(), "kernels": ", ".join(installed()) or "none"}
    for name in ("jupyter_flows", "papermill", "ipykernel", "sqlalchemy", "jupyterlab"):
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    facts["dot"] = shutil.which("dot") or "not installed (only needed to export PDF and PNG)"
    return facts


def local(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as people of that zone read it."""
    clock = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.astimezone(zone).strftime(f"%a %Y-%m-%d {clock} %Z")


def took(duration: float | None) -> str:
    """A duration in a few characters."""
    if duration is None:
        return ""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(int(duration), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
