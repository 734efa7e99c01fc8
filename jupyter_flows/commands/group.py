"""All verbs as one click group, and how a door runs a line of words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import click

from jupyter_flows.commands import asking, serving, showing
from jupyter_flows.commands.results import Result
from jupyter_flows.commands.session import Session
from jupyter_flows.errors import UsageError

ANYWHERE = "--home DIR (where runs are kept) and --json (one document on stdout) may stand anywhere in the line."

HERE_TOO = "%flows at DATE moves the sample run that cells work on by hand."


class _Verbs(click.Group):
    """Names the nearest verb when one is misspelt."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Verbs: {', '.join(sorted(self.commands))}."
            raise click.UsageError(f"There is no verb '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


def verbs() -> click.Group:
    """The group of all verbs."""
    group = _Verbs("flows", help="Notebook cells as flows: run, backfill, schedule and look at them.")
    found = [*vars(asking).values(), *vars(showing).values(), serving.scheduler, serving.db]
    for command in dict.fromkeys(c for c in found if isinstance(c, click.Command)):
        group.add_command(command)
    return group


def takes_flow(verb: click.Command) -> bool:
    """Whether the verb's first argument names a flow."""
    return bool(verb.params) and any(p.name == "flow" for p in verb.params if isinstance(p, click.Argument))


def run_words(words: Sequence[str], session: Session, *, program: str = "%flows") -> Result | None:
    """Parse and carry out a line; None when it asked for help (already shown by click).

    Raises UsageError with click's own words for a bad line.
    """
    group = verbs()
    if program == "%flows":
        group.epilog = HERE_TOO
    else:
        for command in (group, *group.commands.values()):
            command.epilog = ANYWHERE
    try:
        result: Any = group.main(args=list(words), prog_name=program, obj=session, standalone_mode=False)
    except click.UsageError as error:
        usage = error.ctx.get_usage() if error.ctx else ""
        text, typed = error.format_message(), usage.replace(" FLOW", "", 1) if program == "%flows" else usage
        raise UsageError(text, fix=typed) from None
    except click.exceptions.Exit:
        return None
    except click.Abort:
        raise UsageError("Stopped.") from None
    return result if not isinstance(result, int) else None
