"""Verbs that make things run: run, backfill, clear, retry, mark, cancel, pause, unpause, deploy."""

from __future__ import annotations

from collections import Counter

import click

from jupyter_flows.commands.results import BackfillFollowed, Result, RunAsked, Said, Table
from jupyter_flows.commands.session import Session, find_flow, parse_params
from jupyter_flows.engine.planner import BackfillPlan, PlanAction
from jupyter_flows.errors import UsageError
from jupyter_flows.model.intent import IntentKind
from jupyter_flows.model.state import RunState
from jupyter_flows.runtime.flows import BackfillAsked
from jupyter_flows.storage.store import StoredFlow
from jupyter_flows.views import iso

flow_argument = click.argument("flow")
param_option = click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the flow."
)
run_option = click.option("--run", "run", metavar="RUN", help="Run id, part of it, or its date. Default: the newest.")
wait_option = click.option("--wait", is_flag=True, help="In a notebook: return when it is over. A shell waits anyway.")
detach_option = click.option("--detach", is_flag=True, help="Return at once; whichever scheduler is running does it.")


@click.command()
@flow_argument
@click.option("--at", metavar="DATE", help="The interval that starts then. Default: the latest complete one.")
@param_option
@wait_option
@detach_option
@click.pass_obj
def run(session: Session, flow: str, at: str | None, params: tuple[str, ...], wait: bool, detach: bool) -> Result:
    """Run the flow once."""
    stored = find_flow(session, flow)
    asked = session.flows.trigger(stored, at=at, params=parse_params(params))
    _host(session, detach)
    if asked.joined:
        text = f"{asked.key.run_id} is under way already."
    elif asked.again:
        text = f"{asked.key.run_id} ran before: running it again with the flow as it is now. Earlier attempts are kept."
    else:
        text = f"Running {asked.key.run_id}."
    return RunAsked(asked.key, text, detach, asked.request, wait)


@click.command()
@flow_argument
@click.option("--from", "start", required=True, metavar="DATE", help="First logical date, inclusive.")
@click.option("--to", "end", required=True, metavar="DATE", help="Last logical date, inclusive.")
@click.option("--parallel", type=int, default=2, show_default=True, help="Runs at once.")
@click.option(
    "--reprocess",
    type=click.Choice(["missing", "failed", "all"]),
    default="missing",
    show_default=True,
    help="Which intervals: those never run, also failed ones, or all.",
)
@click.option("--reverse", is_flag=True, help="Newest interval first.")
@click.option("--dry-run", is_flag=True, help="Show the plan and do nothing.")
@param_option
@wait_option
@detach_option
@click.pass_obj
def backfill(
    session: Session,
    flow: str,
    start: str,
    end: str,
    parallel: int,
    reprocess: str,
    reverse: bool,
    dry_run: bool,
    params: tuple[str, ...],
    wait: bool,
    detach: bool,
) -> Result:
    """Run the flow for every interval of a range."""
    stored = find_flow(session, flow)
    asked = session.flows.backfill(
        stored,
        start,
        end,
        parallel=parallel,
        reprocess=reprocess,
        reverse=reverse,
        dry_run=dry_run,
        params=parse_params(params),
    )
    if dry_run:
        return plan_table(stored, asked.plan)
    if asked.backfill is None:
        text = f"Nothing to do: {_census(asked.plan)}. Use --reprocess failed or all to repeat."
        return Said(text, {"runs": []})
    _host(session, detach)
    return BackfillFollowed(asked.backfill.id, _opening(stored, asked), detach, wait)


def _opening(stored: StoredFlow, asked: BackfillAsked) -> str:
    assert asked.backfill is not None
    name = f"Backfill {asked.backfill.id} of {stored.flow.id}"
    if asked.joined and asked.backfill.paused:
        return f"{name} is paused: `unpause --backfill` lets it go on."
    if asked.joined:
        return f"{name} is under way already: following it."
    return f"{name}: {_census(asked.plan)}."


def _census(plan: BackfillPlan) -> str:
    words = {"create": "to run", "clear": "to repeat", "skip": "done already", "in_flight": "under way"}
    counts = Counter(words[r.action.value] for r in plan.rows)
    failed = sum(1 for r in plan.rows if r.action is PlanAction.SKIP and r.run and r.run.state is RunState.FAILED)
    parts = [f"{n} interval{'s' if n != 1 else ''} {word}" for word in words.values() if (n := counts[word])]
    return ", ".join(parts + ([f"{failed} of these failed"] if failed else [])) or "no interval"


def plan_table(stored: StoredFlow, plan: BackfillPlan) -> Table:
    """What a backfill would do, row by row."""
    rows = [(r, r.action.value) for r in plan.rows]
    return Table(
        ["interval", "run", "action", "why"],
        [[str(r.interval), r.run_id, action, r.reason] for r, action in rows],
        {
            "plan": [
                {
                    "start": iso(r.interval.start),
                    "end": iso(r.interval.end),
                    "run_id": r.run_id,
                    "action": action,
                    "reason": r.reason,
                }
                for r, action in rows
            ]
        },
        title=f"Plan for {stored.flow.id}: {_census(plan)}",
    )


@click.command()
@flow_argument
@click.argument("tasks", nargs=-1)
@run_option
@click.option("--upstream", is_flag=True, help="Also everything before the named tasks.")
@click.option("--downstream/--no-downstream", default=True, show_default=True, help="Also everything after them.")
@click.option("--only-failed", is_flag=True, help="Only tasks that failed, or could not run because of one that did.")
@click.option("--latest", is_flag=True, help="With the flow as it is now, instead of the version the run is pinned to.")
@click.option("--dry-run", is_flag=True, help="Show what would run again and do nothing.")
@detach_option
@click.pass_obj
def clear(
    session: Session,
    flow: str,
    tasks: tuple[str, ...],
    run: str | None,
    upstream: bool,
    downstream: bool,
    only_failed: bool,
    latest: bool,
    dry_run: bool,
    detach: bool,
) -> Result:
    """Let tasks of a run run again (all of them unless some are named)."""
    stored = find_flow(session, flow)
    found = session.flows.find_run(stored.flow.id, run)
    words = {"upstream": upstream, "downstream": downstream, "only_failed": only_failed, "latest": latest}
    names = [k.task_id for k in session.flows.would_clear(found.key, tasks or None, **words)]
    if dry_run or not names:
        text = f"Would run again in {found.run_id}: {', '.join(names)}."
        nothing = f"Nothing to run again in {found.run_id}: {'no task failed' if only_failed else 'no task matches'}."
        return Said(text if names else nothing, {"tasks": names})
    request = session.flows.clear(found.key, tasks or None, **words)
    _host(session, detach)
    return RunAsked(found.key, f"Running again in {found.run_id}: {', '.join(names)}.", detach, request)


@click.command()
@flow_argument
@click.argument("run", required=False)
@click.option("--latest", is_flag=True, help="With the flow as it is now.")
@detach_option
@click.pass_context
def retry(context: click.Context, flow: str, run: str | None, latest: bool, detach: bool) -> Result:
    """Run the failed tasks of a run again, and what depends on them."""
    result: Result = context.invoke(
        clear,
        flow=flow,
        tasks=(),
        run=run,
        upstream=False,
        downstream=True,
        only_failed=True,
        latest=latest,
        dry_run=False,
        detach=detach,
    )
    return result


@click.command()
@flow_argument
@click.argument("tasks", nargs=-1)
@run_option
@click.option("--state", type=click.Choice(["success", "failed", "skipped"]), default="success", show_default=True)
@detach_option
@click.pass_obj
def mark(session: Session, flow: str, tasks: tuple[str, ...], run: str | None, state: str, detach: bool) -> Result:
    """Say how tasks ended; without tasks, the whole run."""
    stored = find_flow(session, flow)
    found = session.flows.find_run(stored.flow.id, run)
    request = session.flows.mark(found.key, state, tasks or None)
    _host(session, detach)
    what = ", ".join(tasks) or "the run"
    return RunAsked(found.key, f"Marking {what} of {found.run_id} as {state}.", detach, request)


@click.command()
@flow_argument
@click.argument("run", required=False)
@click.option("--task", "tasks", multiple=True, help="Only this task (may be repeated).")
@click.option("--backfill", "whole", is_flag=True, help="The flow's active backfill: its queued runs are dropped.")
@click.pass_obj
def cancel(session: Session, flow: str, run: str | None, tasks: tuple[str, ...], whole: bool) -> Result:
    """Stop a run, some of its tasks, or the active backfill."""
    stored = find_flow(session, flow)
    if whole:
        backfill_id = _active_backfill(session, stored)
        request = session.flows.steer_backfill(backfill_id, IntentKind.CANCEL_BACKFILL)
        _host(session, False)
        text = f"Cancelling backfill {backfill_id}: queued runs are dropped, running ones finish."
        return Said(text, {"backfill_id": backfill_id}, request=request)
    found = session.flows.find_run(stored.flow.id, run)
    if found.state.is_finished:
        json = {"run_id": found.run_id, "state": found.state.value}
        return Said(f"{found.run_id} is over already ({found.state.value}).", json)
    request = session.flows.cancel(found.key, tasks or None)
    _host(session, False)
    text = f"Cancelling {', '.join(tasks) or found.run_id}."
    return Said(text, {"run_id": found.run_id, "tasks": list(tasks)}, request=request)


@click.command()
@flow_argument
@click.option("--backfill", "whole", is_flag=True, help="Its active backfill instead of its schedule.")
@click.pass_obj
def pause(session: Session, flow: str, whole: bool) -> Result:
    """Stop the schedule from starting runs; what runs goes on."""
    return _pause(session, flow, whole, True)


@click.command()
@flow_argument
@click.option("--backfill", "whole", is_flag=True, help="Its active backfill instead of its schedule.")
@click.pass_obj
def unpause(session: Session, flow: str, whole: bool) -> Result:
    """Let the schedule start runs again."""
    return _pause(session, flow, whole, False)


def _pause(session: Session, flow: str, whole: bool, paused: bool) -> Result:
    stored = find_flow(session, flow)
    word = "paused" if paused else "unpaused"
    if whole:
        backfill_id = _active_backfill(session, stored)
        kind = IntentKind.PAUSE_BACKFILL if paused else IntentKind.RESUME_BACKFILL
        request = session.flows.steer_backfill(backfill_id, kind)
        _host(session, False)
        json = {"backfill_id": backfill_id, "paused": paused}
        return Said(f"Backfill {backfill_id} of {stored.flow.id} is {word}.", json, request=request)
    session.flows.set_paused(stored, paused)
    return Said(f"{stored.flow.id} is {word}.", {"flow_id": stored.flow.id, "paused": paused})


@click.command()
@flow_argument
@click.pass_obj
def deploy(session: Session, flow: str) -> Result:
    """Register the flow as it is now and turn its schedule on: a running scheduler takes it up."""
    stored = find_flow(session, flow)
    session.flows.set_paused(stored, False)
    when = session.flows.timetable(stored.flow).describe()
    json = {"flow_id": stored.flow.id, "version": stored.version, "version_number": stored.version_number}
    leads = session.flows.host.is_anyone_leading()
    warning = "" if leads else "No scheduler is running: start one with `scheduler start`."
    return Said(f"{stored.flow.id} is registered as version {stored.version_number}: {when}.", json, warning)


def _active_backfill(session: Session, stored: StoredFlow) -> int:
    active = session.flows.store.backfills(stored.flow.id, active=True)
    if not active:
        raise UsageError(f"{stored.flow.id} has no active backfill.")
    return active[0].id


def _host(session: Session, detach: bool) -> None:
    """Somebody must do the work: unless told to return at once, this process does, if no other one leads."""
    if not detach:
        session.flows.host.ensure()
