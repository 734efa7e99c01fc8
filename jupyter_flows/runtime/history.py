"""What has run: runs, attempts, logs and executed notebooks, found by the words people use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path

from jupyter_flows.engine.planner import as_instant
from jupyter_flows.errors import NotFound, UsageError
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import UNMAPPED, FlowId, TaskId
from jupyter_flows.model.run import Attempt, FlowRun, RunKey, TaskKey, outcome_text
from jupyter_flows.runtime.config import Config
from jupyter_flows.runtime.screens import BackfillScreen, RunScreen
from jupyter_flows.storage.files import LogPart, inside, read_from, tail
from jupyter_flows.storage.store import Store
from jupyter_flows.views import View, run_view


class History:
    """The part of the facade that only reads."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store

    def find_run(self, flow_id: FlowId, text: str | None = None) -> FlowRun:
        """A run by its id, an unambiguous beginning of it, its date, or (None) the newest. Raises NotFound."""
        runs = self.store.runs(flow_id, limit=1) if text is None else self._matching(flow_id, text)
        if len(runs) == 1 or (runs and text is None):
            return runs[0]
        if runs:
            some = ", ".join(r.run_id for r in runs[:5])
            raise NotFound(
                f"'{text}' could be {len(runs)} runs of {flow_id}: {some}.",
                fix="Give the run id, or its date with the time, e.g. 2024-01-31T08:00.",
            )
        what = f"no run '{text}'" if text else "no run yet"
        raise NotFound(f"Flow {flow_id} has {what}.", fix=f"List them: jupyter flows runs {flow_id}")

    def _matching(self, flow_id: FlowId, text: str) -> list[FlowRun]:
        runs = self.store.runs(flow_id)
        exact = [r for r in runs if r.run_id == text]
        timezone = self.store.flow(flow_id).flow.timezone
        try:
            moment = as_instant(text, timezone)
        except UsageError:
            moment = None
        at = [r for r in runs if moment is not None and r.logical_date == moment]
        return exact or at or [r for r in runs if r.run_id.startswith(text) or text in r.run_id]

    def flow_of(self, key: RunKey) -> Flow:
        """The version a run is pinned to."""
        return self.store.flow_version(key.flow_id, self.store.run(key).version)

    def run_view(self, key: RunKey, *, graph: bool = True) -> View:
        """One run as screens show it."""
        return self.screen(key).view(graph=graph)

    def screen(self, key: RunKey) -> RunScreen:
        """A run to look at again and again; notebook paths are absolute."""
        return RunScreen(self.store, key, home=str(self.config.home))

    def backfill_screen(self, backfill_id: int) -> BackfillScreen:
        """A backfill to look at again and again."""
        return BackfillScreen(self.store, backfill_id)

    def run_views(self, runs: Sequence[FlowRun]) -> list[View]:
        """Several runs with their tasks, without graphs."""
        rows = self.store.task_runs([r.key for r in runs])
        flows: dict[tuple[FlowId, str], Flow] = {}
        views = []
        for run in runs:
            version = (run.flow_id, run.version)
            if version not in flows:
                flows[version] = self.store.flow_version(*version)
            attempts = self.store.attempts(run.key)
            home = str(self.config.home)
            views.append(
                run_view(run, flows[version], rows.get(run.key, []), attempts=attempts, graph=False, home=home)
            )
        return views

    def attempt(self, key: RunKey, task: str, try_number: int | None = None, map_index: int = UNMAPPED) -> Attempt:
        """A try of a task, the newest unless told otherwise. Raises NotFound."""
        self.known_tasks(self.flow_of(key), [task])
        attempts = self.store.attempts(key, TaskKey(TaskId(task), map_index))
        wanted = [a for a in attempts if try_number in (None, a.id.try_number)]
        if not wanted:
            what = f"no try {try_number}" if try_number else "not run yet"
            raise NotFound(f"Task {task} of {key.run_id} has {what}.")
        return wanted[-1]

    def log(self, attempt: Attempt, offset: int | None = None, limit: int = 1 << 16) -> LogPart:
        """Text of an attempt's output from byte `offset`, or its last `limit` bytes."""
        from jupyter_flows.storage.files import attempt_log

        path = attempt_log(self.config.home, attempt.id)
        return tail(path, limit) if offset is None else read_from(path, offset, limit)

    def notebook(self, attempt: Attempt) -> Path:
        """The executed notebook of an attempt. Raises NotFound while there is none."""
        from jupyter_flows.storage.files import attempt_notebook

        path = (
            inside(self.config.home, attempt.notebook)
            if attempt.notebook
            else attempt_notebook(self.config.home, attempt.id)
        )
        if not path.exists():
            why = outcome_text(attempt.outcome) if attempt.outcome else ""
            raise NotFound(f"Attempt {attempt.id} has no executed notebook.", fix=why or "Its log may say why.")
        return path

    def known_tasks(self, flow: Flow, tasks: Collection[str] | None) -> tuple[TaskId, ...] | None:
        """Task ids of `flow`; None stays None. Raises NotFound with the nearest name."""
        if tasks is None:
            return None
        for name in tasks:
            if name not in flow.by_id:
                near = get_close_matches(name, flow.by_id, n=1)
                raise NotFound(
                    f"Flow {flow.id} has no task '{name}'.",
                    fix=f"Did you mean {near[0]}?" if near else f"Its tasks: {', '.join(flow.by_id)}.",
                )
        return tuple(TaskId(t) for t in tasks)
