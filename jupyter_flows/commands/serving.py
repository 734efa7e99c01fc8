"""Verbs about the machinery: the scheduler and the database."""

from __future__ import annotations

import click

from jupyter_flows.commands.results import Result, Said, SchedulerAsked
from jupyter_flows.commands.session import Session
from jupyter_flows.errors import DefinitionError, UsageError


@click.group(invoke_without_command=True)
@click.pass_context
def scheduler(context: click.Context) -> Result | None:
    """Run the scheduler: fire runs when their interval ends. Without a word: `start`."""
    if context.invoked_subcommand is not None:
        return None
    _deploy_here(context.obj)
    return SchedulerAsked()


@scheduler.command()
@click.pass_obj
def start(session: Session) -> Result:
    """Run it: in a notebook in the kernel, for this notebook's flow too; in a shell until Ctrl-C."""
    _deploy_here(session)
    return SchedulerAsked()


def _deploy_here(session: Session) -> None:
    """Whoever starts the scheduler in a notebook means its flow. A shell has none, and a notebook need not."""
    try:
        session.flows.set_paused(session.current(), False)
    except UsageError:
        return
    except DefinitionError as error:
        if any(p.code != "no-flow" for p in error.problems):
            raise


@scheduler.command()
@click.pass_obj
def stop(session: Session) -> Result:
    """End the scheduler of this notebook. Running attempts go on."""
    before = session.flows.host.status()
    session.flows.host.stop()
    if before.here.value == "stopped":
        process = f"process {before.leader_pid} on {before.leader_host}"
        elsewhere = f" One runs in {process}: stop it there, with Ctrl-C in its terminal." if before.leader else ""
        return Said(f"No scheduler runs here.{elsewhere}")
    return Said("The scheduler of this notebook has stopped. Running attempts go on and are picked up later.")


@scheduler.command(name="status")
@click.pass_obj
def status_(session: Session) -> Result:
    """Say whether a scheduler runs, and where."""
    status = session.flows.host.status()
    if status.leader is None:
        text = "No scheduler is running: schedules do not fire. Start one with `scheduler start`."
        return Said(text, status.to_json())
    where = f"process {status.leader_pid} on {status.leader_host} ({status.leader})"
    if status.leader_is_dead:
        return Said(f"The scheduler was {where}, which is gone: the next one takes over at once.", status.to_json())
    return Said(f"The scheduler runs in {where}.", status.to_json(), status.trouble)


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@click.pass_obj
def upgrade(session: Session) -> Result:
    """Bring the database to this release (opening it does so too)."""
    facts = session.flows.store.describe()
    return Said(f"The database is up to date: {facts.get('revision', '')}.", dict(facts))
