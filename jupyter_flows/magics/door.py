"""The magics: words in, values to the verbs, results to the screen. No rule about runs lives here."""

from __future__ import annotations

import atexit
import shlex
import threading
from typing import Any
from zoneinfo import ZoneInfo

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from jupyter_flows.definition.cut import split_cell
from jupyter_flows.errors import DefinitionError, FlowsError, UsageError
from jupyter_flows.magics.live import LiveNotebook, notebook_path
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import TaskId
from jupyter_flows.model.interval import DataInterval

_DECLARING = ("%flow ", "%%task", "%task ", "%%setup", "%%wire")


class FlowsMagicError(Exception):
    """A clear sentence instead of a traceback through our own code."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31merror:\x1b[0m {self}"]


@magics_class
class FlowsMagics(Magics):
    """`%flow`, `%%setup`, `%%task`, `%task`, `%%wire` declare; `%flows VERB` acts and shows."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._live: LiveNotebook | None = None
        self._flows: Any = None
        self._cell: tuple[str, str] | None = None
        self._interval: DataInterval | None = None

    # ── what the verbs need of a door (commands.session.Session) ────────────────────────

    @property
    def flows(self) -> Any:
        """The facade, opened at the first verb: `%load_ext` must feel instant."""
        if self._flows is None:
            from jupyter_flows.runtime.open import open_flows

            self._flows = open_flows(label=f"kernel of {self.live.path.name}")
            atexit.register(self._flows.close)
        return self._flows

    def current(self) -> Any:
        """The flow of this notebook, registered as it is now. Raises DefinitionError with all its problems."""
        flow, problems = self.live.flow()
        return self.flows.register(flow, problems, deploy=False)

    @property
    def live(self) -> LiveNotebook:
        """The cells of this notebook so far."""
        if self._live is None:
            self._live = LiveNotebook(notebook_path(self.shell.user_ns))
        return self._live

    # ── around every cell ───────────────────────────────────────────────────────────────

    def before_cell(self, info: Any) -> None:
        """Remember the cell. Widget callbacks may run on another thread: they are no cells."""
        if threading.current_thread() is not threading.main_thread() or info.silent or not info.raw_cell:
            return
        self._begin(getattr(info, "cell_id", None), info.raw_cell, self._cells_so_far())

    def catch_up(self) -> None:
        """The cell that loads the extension may declare a flow, too: it began before anyone listened."""
        parent = self.shell.get_parent() if hasattr(self.shell, "get_parent") else {}
        if parent.get("header", {}).get("msg_type") == "execute_request":
            code = parent["content"]["code"]
            self._begin(parent.get("metadata", {}).get("cellId"), code, self._cells_so_far() - 1)

    def _cells_so_far(self) -> int:
        """The number of the cell about to run. `execution_count` has moved on by then, or not: releases differ."""
        return len(self.shell.history_manager.input_hist_raw)

    def _begin(self, cell_id: str | None, source: str, number: int) -> None:
        key = cell_id or f"In[{number}]"
        self._cell = (key, source)
        self.live.add(key, source)
        cell = split_cell(source)
        if cell is not None and cell.magic == "task" and self._interval is not None:
            self._enter(cell.line.partition(" ")[0])

    def _enter(self, name: str) -> None:
        """The names of a run say which task this is."""
        flow, _ = self.live.flow()
        task = flow.by_id.get(TaskId(name))
        if task is not None and self._interval is not None:
            self._move_to(flow, self._interval, task)

    def after_cell(self, result: Any) -> None:  # noqa: ARG002
        """Show the problems of the cell that ran, below what it printed."""
        if threading.current_thread() is not threading.main_thread() or self._cell is None:
            return
        key, source = self._cell
        self._cell = None
        if not source.lstrip().startswith(_DECLARING) and "\n%flow " not in f"\n{source}":
            return
        _, problems = self.live.flow()
        here = [p for p in problems if p.place.cell_id == key]
        if here:
            from jupyter_flows.magics.present import show_problems

            show_problems(here)

    # ── declaring ───────────────────────────────────────────────────────────────────────

    @no_var_expand
    @line_magic
    def flow(self, line: str) -> None:  # noqa: ARG002
        """%flow NAME [--schedule @weekly] [--start DATE] [--end DATE] [--tz ZONE] [--retries N] …

        Declare this notebook's flow and its defaults. Cells find a sample run in the namespace: data_interval_start,
        data_interval_end, logical_date, ds, … of the latest complete interval; `%flows at DATE` moves it.
        """
        flow, problems = self.live.flow()
        if not any(p.is_error and p.code in ("bad-schedule", "bad-timezone", "no-flow") for p in problems):
            self._move_to(flow, self._interval or _latest(flow))

    @no_var_expand
    @cell_magic
    def setup(self, line: str, cell: str) -> None:
        """%%setup — imports and helpers every task needs: run first in every task's kernel, and here."""

    @no_var_expand
    @line_magic("task")
    def task_line(self, line: str) -> None:
        """%task NAME notebook.ipynb [options] — a whole notebook is a task.

        By hand it runs in a fresh kernel with this namespace's values as its inputs; what it declares with --out
        comes back here.
        """
        flow, problems = self.live.flow()
        name = line.split()[0] if line.split() else ""
        task = flow.by_id.get(TaskId(name))
        errors = [p for p in problems if p.is_error and self._cell and p.place.cell_id == self._cell[0]]
        if task is None or errors or task.kind != "notebook":
            return
        from jupyter_flows.magics.present import show_hand_run
        from jupyter_flows.runtime.by_hand import run_by_hand

        try:
            done = run_by_hand(flow, task, self._interval or _latest(flow), self.shell.user_ns, self.flows.config)
        except FlowsError as error:
            raise FlowsMagicError(str(error)) from None
        show_hand_run(done)
        if done.trouble:
            raise FlowsMagicError(f"{task.path}: {done.trouble}")
        self.shell.user_ns.update(done.values)

    @no_var_expand
    @cell_magic("task")
    def task_cell(self, line: str, cell: str) -> None:
        """%%task NAME [--after A,B] [--kind branch] [--retries N] … — this cell is a task.

        By hand it runs in your kernel like any cell; scheduled, it runs alone in a fresh kernel.
        """

    @no_var_expand
    @cell_magic
    def wire(self, line: str, cell: str) -> None:
        """%%wire — explicit edges, one chain a line: a >> [b, c] >> d"""

    # ── acting ──────────────────────────────────────────────────────────────────────────

    @no_var_expand
    @line_magic("flows")
    def flows_line(self, line: str) -> None:
        """%flows VERB … — the same words as `jupyter flows VERB …`, about this notebook's flow. `%flows --help`."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise FlowsMagicError(f"The line cannot be split into words: {error}.") from None
        try:
            self._act(words)
        except DefinitionError as error:
            from jupyter_flows.magics.present import show_problems

            show_problems(error.problems)
            count = len(error.problems)
            raise FlowsMagicError(f"The flow cannot be used: {count} problem{'s' if count != 1 else ''}.") from None
        except FlowsError as error:
            raise FlowsMagicError(str(error)) from None

    def _act(self, words: list[str]) -> None:
        if words[:1] == ["at"]:
            self._at(words[1:])
            return
        if words[:1] == ["check"] and len(words) == 1:
            self._check()
            return
        from jupyter_flows.commands.group import run_words
        from jupyter_flows.magics.present import Notebook

        result = run_words(_with_flow(words) or ["--help"], self)
        if result is not None:
            Notebook(self.flows).show(result)

    def _at(self, words: list[str]) -> None:
        """Move the sample run to the interval that starts at a date."""
        if len(words) != 1:
            raise UsageError("%flows at takes one date.", fix="Write %flows at 2013-02-03.")
        from jupyter_flows.commands.showing import local
        from jupyter_flows.engine.planner import as_instant, manual_run
        from jupyter_flows.runtime.scheduler import utc_now
        from jupyter_flows.timetable.parse import parse_schedule

        flow, _ = self.live.flow()
        timetable = parse_schedule(flow.schedule, flow.timezone, flow.start)
        run = manual_run(flow, timetable, utc_now(), logical_date=as_instant(words[0], flow.timezone))
        self._move_to(flow, run.interval)
        zone = ZoneInfo(flow.timezone)
        print(f"Cells now run for {local(run.interval.start, zone)} to {local(run.interval.end, zone)}.")

    def _check(self) -> None:
        """The problems of this notebook as it is now."""
        from jupyter_flows.commands.results import ProblemsFound
        from jupyter_flows.magics.present import Notebook

        flow, problems = self.live.flow()
        Notebook(self.flows).show(ProblemsFound(problems, [flow.id]))

    def _move_to(self, flow: Flow, interval: DataInterval, task: Task | None = None) -> None:
        """Put the run's names into the namespace, as every task finds them."""
        from jupyter_flows.definition.render import hand_context
        from jupyter_flows.task import hand, names_of

        self._interval = interval
        context = hand_context(flow, interval, task)
        names = self.shell.user_ns
        names.update(names_of(context))
        names["task"] = hand(context, names)


def _with_flow(words: list[str]) -> list[str]:
    """The words as the shell would have them: with the flow's name first, `.` for this notebook's own."""
    from jupyter_flows.commands.group import takes_flow, verbs
    from jupyter_flows.commands.session import HERE

    verb = verbs().commands.get(words[0]) if words else None
    if verb is None or not takes_flow(verb) or "--help" in words:
        return words
    name, rest = HERE, list(words[1:])
    if "--flow" in rest:
        at = rest.index("--flow")
        if at + 1 >= len(rest):
            raise UsageError("--flow needs a name.")
        name = rest[at + 1]
        del rest[at : at + 2]
    return [words[0], name, *rest]


def _latest(flow: Flow) -> DataInterval:
    """The latest interval of the flow that is complete, within its start and end."""
    from jupyter_flows.runtime.scheduler import utc_now
    from jupyter_flows.timetable.parse import parse_schedule

    now = utc_now()
    moment = min(now, flow.end) if flow.end else now
    return parse_schedule(flow.schedule, flow.timezone, flow.start).infer_manual_interval(moment)
