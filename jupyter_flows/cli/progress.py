"""Following a run or a backfill: live bars on a terminal, one line per change elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from jupyter_flows.commands.showing import took
from jupyter_flows.model.run import RunKey
from jupyter_flows.model.state import FINISHED, TaskState
from jupyter_flows.picture.glyphs import STATE_LETTERS
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.views import View

COLOURS = {
    "success": "green",
    "failed": "red",
    "running": "bright_green",
    "up_for_retry": "yellow",
    "scheduled": "yellow",
    "queued": "bright_black",
    "skipped": "magenta",
    "upstream_failed": "dark_orange",
    "no_status": "bright_black",
}
VISIBLE_ROWS = 12


def follow_run(flows: Flows, key: RunKey, console: Console, *, since: datetime | None = None) -> None:
    """Show a run until it is over; of a run that goes on, in lines only what ended after `since`."""
    screen = flows.screen(key)
    _follow(flows, lambda: screen.view(graph=False), lambda: flows.is_run_over(key), console, _run_rows, since)


def follow_backfill(flows: Flows, backfill_id: int, console: Console) -> None:
    """Show a backfill until none of its runs is active."""
    screen = flows.backfill_screen(backfill_id)
    _follow(flows, screen.view, lambda: flows.is_backfill_over(backfill_id), console, _backfill_rows)


def _follow(
    flows: Flows,
    view: Callable[[], View],
    is_over: Callable[[], bool],
    console: Console,
    rows: Callable[[View], list[Text]],
    since: datetime | None = None,
) -> None:
    if console.is_terminal:
        _follow_live(flows, view, is_over, console, rows)
    else:
        lines = _Lines(console, since)
        flows.wait(is_over, on_change=lambda: lines.tell(view()))
        lines.tell(view())


def _follow_live(
    flows: Flows,
    view: Callable[[], View],
    is_over: Callable[[], bool],
    console: Console,
    rows: Callable[[View], list[Text]],
) -> None:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        console=console,
        expand=True,
    )
    task = bar.add_task("", total=None, words="")
    with Live(bar, console=console, refresh_per_second=8, transient=False) as live:

        def paint() -> None:
            now = view()
            name = now.get("run_id") or f"{now['flow_id']}, backfill {now['backfill_id']}"
            done, total = _tasks(now)
            words = f"{now['done']}/{now['total']} {'tasks' if now['type'] == 'run' else 'intervals'}"
            bar.update(task, description=name, completed=done, total=total, words=words)
            live.update(Group(bar, *rows(now)))

        flows.wait(is_over, on_change=paint)
        paint()


def _tasks(view: View) -> tuple[int, int]:
    """How many tasks are over, and how many there are: what the bar shows, also within an interval."""
    if view["type"] == "run":
        return view["done"], view["total"]
    counts = view["counts"]["tasks"]
    over = sum(n for state, n in counts.items() if TaskState(state) in FINISHED)
    return over, sum(counts.values())


def _run_rows(view: View) -> list[Text]:
    rows = []
    for task in view["tasks"]:
        cells = f" cell {task['cell']}/{task['cells']}" if task["state"] == "running" and task["cells"] else ""
        line = Text("  ").append_text(_glyph(task["state"])).append(f" {task['task_id']:<28}")
        line.append(f"{task['state']:<16}", style=COLOURS.get(task["state"], ""))
        then = f" {_next_try(task)}" if task["state"] == "up_for_retry" and task["next_try_at"] else ""
        rows.append(line.append(f"{took(task['duration'])}{cells} {task['reason']}{then}".rstrip()))
    return rows


def _backfill_rows(view: View) -> list[Text]:
    """The rows around what is happening, one glyph per task."""
    rows = view["rows"]
    active = next((i for i, r in enumerate(rows) if r["state"] not in ("success", "failed")), len(rows))
    first = max(0, min(active - VISIBLE_ROWS // 3, len(rows) - VISIBLE_ROWS))
    lines = []
    for row in rows[first : first + VISIBLE_ROWS]:
        line = Text(f"  {row['label']:<26}")
        for cell in row["cells"]:
            line.append_text(_glyph(cell)).append(" ")
        lines.append(line.append(f" {took(row['duration'])}"))
    hidden = len(rows) - len(lines)
    if hidden > 0:
        lines.append(Text(f"  … and {hidden} more intervals", style="dim"))
    return lines


def _next_try(task: View) -> str:
    """When a task that waits will be tried again, on the clock of the one who looks."""
    return f"next try at {datetime.fromisoformat(task['next_try_at']).astimezone():%H:%M:%S}"


def _glyph(state: str) -> Text:
    return Text(STATE_LETTERS.get(state, "?"), style=COLOURS.get(state, ""))


class _Lines:
    """One line per finished task (a run) or finished interval (a backfill), each once."""

    def __init__(self, console: Console, since: datetime | None = None) -> None:
        self._console = console
        self._since = since
        self._told: dict[Any, Any] = {}

    def tell(self, view: View) -> None:
        """Print what changed since the last view."""
        if view["type"] == "run":
            for task in view["tasks"]:
                which = (task["try_number"], task["end_date"])
                self._line((task["task_id"], task["map_index"]), task["task_id"], task, which)
        else:
            for row in view["rows"]:
                self._line(row["run_id"], row["label"], row, row["start_date"])

    def _line(self, key: Any, name: str, item: View, which: Any) -> None:
        state = item["state"]
        news = (state, which)
        if self._told.get(key) == news:
            return
        self._told[key] = news
        if self._since and item["end_date"] and datetime.fromisoformat(item["end_date"]) < self._since:
            return
        if state in ("success", "failed", "skipped", "upstream_failed", "up_for_retry"):
            why = f"  {item['reason']}" if item.get("reason") else ""
            why += f"  {_next_try(item)}" if state == "up_for_retry" and item.get("next_try_at") else ""
            self._console.print(f"{name}  {state}  {took(item['duration'])}{why}", markup=False)
