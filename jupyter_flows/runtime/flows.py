"""`Flows`: the one facade behind magics, CLI, widgets and scripts. Its methods are the product's verbs.

All methods may be called from any thread. Whatever changes a run is written to the store as a run, a backfill or an
intent; a scheduler (in this process or another) obeys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jupyter_flows.definition.check import check
from jupyter_flows.definition.contract import coerce
from jupyter_flows.engine.planner import (
    BackfillPlan,
    PlanAction,
    as_instant,
    manual_run,
    plan_backfill,
    plan_clear,
    preview,
)
from jupyter_flows.errors import Conflict, DefinitionError, NotFound, UsageError
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId
from jupyter_flows.model.intent import Intent, IntentKind
from jupyter_flows.model.interval import RunPlan
from jupyter_flows.model.problem import Problem
from jupyter_flows.model.run import Backfill, FlowRun, RunKey, TaskKey
from jupyter_flows.runtime.config import Config
from jupyter_flows.runtime.history import History
from jupyter_flows.runtime.host import SchedulerHost
from jupyter_flows.runtime.patience import Patience
from jupyter_flows.runtime.scheduler import REFUSED
from jupyter_flows.runtime.sources import read_definition
from jupyter_flows.storage.store import FlowVersion, Store, StoredFlow
from jupyter_flows.timetable.base import Timetable
from jupyter_flows.timetable.parse import parse_schedule
from jupyter_flows.views import interval_label


@dataclass(frozen=True, slots=True)
class Triggered:
    """A run somebody asked for. `again`: it had finished; `request` repeats it. `joined`: it was under way already."""

    key: RunKey
    again: bool = False
    joined: bool = False
    request: Intent | None = None


@dataclass(frozen=True, slots=True)
class BackfillAsked:
    """What became of a request to backfill. `backfill` is None when there was nothing to do or it was a dry run."""

    plan: BackfillPlan
    backfill: Backfill | None
    joined: bool = False


class Flows(History):
    """Everything the product can do, over one store."""

    def __init__(self, config: Config, store: Store, host: SchedulerHost, clock: Callable[[], datetime]) -> None:
        super().__init__(config, store)
        self.host = host
        self._clock = clock

    def now(self) -> datetime:
        """The clock's reading, in UTC."""
        return self._clock()

    # ── definitions ─────────────────────────────────────────────────────────────────────

    def read(self, path: str | Path) -> tuple[Flow, list[Problem]]:
        """The flow a notebook defines and all its problems, without running anything. Raises NotFound, DefinitionError.

        A notebook without any `%flow` line is a flow of one task: itself.
        """
        flow, problems = read_definition(Path(path).expanduser().absolute())
        return flow, check(flow, problems)

    def register(self, flow: Flow, problems: Sequence[Problem] = (), *, deploy: bool = True) -> StoredFlow:
        """Store `flow` as its newest version. Raises DefinitionError when a problem is an error.

        Unless it is to `deploy`, a flow nobody has registered before begins paused: running a notebook once must not
        put it on its schedule. One that is known stays as it is.
        """
        errors = [p for p in problems if p.is_error]
        if errors:
            raise DefinitionError(errors)
        is_new = not deploy and all(f.flow.id != flow.id for f in self.store.flows())
        stored = self.store.register(flow, self.now())
        if is_new:
            self.store.set_paused(flow.id, True, self.now())
            stored = self.store.flow(flow.id)
        self.host.wake()
        return stored

    def resolve(self, name: str) -> StoredFlow:
        """The flow called `name`; a notebook's path is read and registered first (a new one paused).

        Raises NotFound with the nearest names, DefinitionError when the notebook cannot be used.
        """
        if name.endswith(".ipynb") or "/" in name:
            return self.register(*self.read(name), deploy=False)
        try:
            return self.store.flow(FlowId(name))
        except NotFound:
            raise self._unknown_flow(name) from None

    def _unknown_flow(self, name: str) -> NotFound:
        known = [f.flow.id for f in self.store.flows()]
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Name a notebook's path to register it."
        some = f" Registered: {', '.join(known[:10])}." if known else " No flow is registered yet."
        return NotFound(f"There is no flow '{name}'.{some}", fix=hint)

    def flows(self) -> list[StoredFlow]:
        """All registered flows."""
        return self.store.flows()

    def versions(self, flow: StoredFlow) -> list[FlowVersion]:
        """All versions of a flow, newest first."""
        return self.store.versions(flow.flow.id)

    def timetable(self, flow: Flow) -> Timetable:
        """What the flow's schedule means. Raises UsageError."""
        return parse_schedule(flow.schedule, flow.timezone, flow.start)

    def next_runs(self, flow: Flow, count: int = 5) -> list[RunPlan]:
        """The coming intervals of the flow's schedule."""
        return preview(flow, self.timetable(flow), self.now(), count)

    def set_paused(self, flow: StoredFlow, paused: bool) -> None:
        """Pause or unpause the flow's schedule."""
        self.store.set_paused(flow.flow.id, paused, self.now())
        self.host.wake()

    # ── asking for runs ─────────────────────────────────────────────────────────────────

    def trigger(
        self, stored: StoredFlow, *, at: str | None = None, params: Mapping[str, Any] | None = None
    ) -> Triggered:
        """Ask for one run: of the interval that starts at `at`, else of the latest complete one.

        An interval runs once; asking again repeats its finished run with the flow as it is now (attempts are kept).
        Raises DefinitionError for parameters the flow does not declare, Conflict for others than the run has.
        """
        flow, now = stored.flow, self.now()
        values = self._parameters(flow, params or {})
        timetable = self.timetable(flow)
        date = as_instant(at, flow.timezone) if at else None
        run = manual_run(flow, timetable, now, logical_date=date, params=values, version=stored.version)
        (is_new,) = self.store.create_runs([run], now)
        if not is_new:
            existing = self.store.run_at(flow.id, run.interval.start) or self.store.run(run.key)
            return self._again(existing, values)
        self.host.wake()
        return Triggered(run.key)

    def _again(self, run: FlowRun, values: Mapping[str, Any]) -> Triggered:
        if values and dict(values) != dict(run.params):
            verb = "ran already" if run.state.is_finished else "is under way"
            label = interval_label(run.interval, self.flow_of(run.key).timezone)
            raise Conflict(
                f"The interval {label} {verb} with other parameters, as {run.run_id}.",
                fix="Leave out --param to take it as it is, or choose another interval with --at.",
            )
        if not run.state.is_finished:
            return Triggered(run.key, joined=True)
        return Triggered(run.key, again=True, request=self.clear(run.key, latest=True))

    def _parameters(self, flow: Flow, given: Mapping[str, Any]) -> Mapping[str, Any]:
        values, problems = coerce(flow.params, given, where=f"flow {flow.id}")
        if problems:
            raise DefinitionError(problems)
        return {k: v for k, v in values.items() if k in given}

    def backfill(
        self,
        stored: StoredFlow,
        start: str,
        end: str,
        *,
        parallel: int = 2,
        reprocess: str = "missing",
        reverse: bool = False,
        dry_run: bool = False,
        params: Mapping[str, Any] | None = None,
    ) -> BackfillAsked:
        """Ask for every interval whose logical date lies in [start, end]. Raises UsageError, Conflict.

        A backfill of the same range that is still active is joined: nothing runs twice.
        """
        flow, now = stored.flow, self.now()
        if parallel < 1:
            raise UsageError(f"--parallel is how many runs at once: at least 1, not {parallel}.")
        values = self._parameters(flow, params or {})
        first, last = as_instant(start, flow.timezone), as_instant(end, flow.timezone)
        existing = {
            r.logical_date: r for r in self.store.runs(flow.id, since=first, until=last) if r.logical_date is not None
        }
        plan = plan_backfill(
            flow,
            self.timetable(flow),
            first,
            last,
            existing,
            now=now,
            reprocess=reprocess,
            reverse=reverse,
            version=stored.version,
            params=values,
        )
        if dry_run:
            return BackfillAsked(plan, None)
        wanted = Backfill(0, flow.id, first, last, reprocess, parallel, reverse, params=values, created_at=now)
        if (active := self._same_backfill(wanted)) is not None:
            return BackfillAsked(plan, active, joined=True)
        new = plan.runs_to_create()
        if not new and not plan.to_clear:
            return BackfillAsked(plan, None)
        try:
            made = self.store.create_backfill(wanted, new, _clears(flow.id, plan), now)
        except Conflict:
            if (active := self._same_backfill(wanted)) is not None:  # another process was faster by a moment
                return BackfillAsked(plan, active, joined=True)
            raise
        self.host.wake()
        return BackfillAsked(plan, made)

    def _same_backfill(self, wanted: Backfill) -> Backfill | None:
        """The flow's active backfill, if it is over the same range with the same parameters."""
        for active in self.store.backfills(wanted.flow_id, active=True):
            if (active.start, active.end, dict(active.params)) == (wanted.start, wanted.end, dict(wanted.params)):
                return active
        return None

    # ── steering ────────────────────────────────────────────────────────────────────────

    def would_clear(
        self,
        key: RunKey,
        tasks: Collection[str] | None = None,
        *,
        upstream: bool = False,
        downstream: bool = True,
        only_failed: bool = False,
        latest: bool = False,
    ) -> tuple[TaskKey, ...]:
        """Which task runs a `clear` with these words would have run again."""
        flow = self._version_to_clear(key, latest)
        rows = self.store.task_runs([key]).get(key, [])
        named = self.known_tasks(flow, tasks)
        return plan_clear(flow, rows, named, upstream=upstream, downstream=downstream, only_failed=only_failed)

    def clear(
        self,
        key: RunKey,
        tasks: Collection[str] | None = None,
        *,
        upstream: bool = False,
        downstream: bool = True,
        only_failed: bool = False,
        latest: bool = False,
    ) -> Intent:
        """Ask that tasks of a run (all of them by default) run again."""
        named = self.known_tasks(self._version_to_clear(key, latest), tasks)
        data = {
            "tasks": None if named is None else list(named),
            "upstream": upstream,
            "downstream": downstream,
            "only_failed": only_failed,
            "latest": latest,
        }
        return self._ask(Intent(IntentKind.CLEAR, key.flow_id, key.run_id, data))

    def _version_to_clear(self, key: RunKey, latest: bool) -> Flow:
        pinned = self.flow_of(key)
        return self.store.flow(key.flow_id).flow if latest else pinned

    def mark(self, key: RunKey, state: str, tasks: Collection[str] | None = None) -> Intent:
        """Say how tasks (or the run itself) ended: success, failed or, for tasks, skipped."""
        if state not in ("success", "failed", "skipped"):
            raise UsageError(f"A task can be marked success, failed or skipped, not {state!r}.")
        if tasks is None and state == "skipped":
            raise UsageError("A run cannot be marked skipped.", fix="Mark it success or failed, or name tasks.")
        flow = self.flow_of(key)
        named = self.known_tasks(flow, tasks)
        data = {"tasks": None if named is None else list(named), "state": state}
        return self._ask(Intent(IntentKind.MARK, key.flow_id, key.run_id, data))

    def cancel(self, key: RunKey, tasks: Collection[str] | None = None) -> Intent:
        """Stop a run, or some of its tasks."""
        named = self.known_tasks(self.flow_of(key), tasks)
        data = {"tasks": None if named is None else list(named)}
        return self._ask(Intent(IntentKind.CANCEL, key.flow_id, key.run_id, data))

    def steer_backfill(self, backfill_id: int, kind: IntentKind) -> Intent:
        """Pause, resume or cancel a backfill. Raises NotFound."""
        backfill = self.store.backfill(backfill_id)
        return self._ask(Intent(kind, backfill.flow_id, None, {"backfill_id": backfill_id}))

    def _ask(self, intent: Intent) -> Intent:
        stored = self.store.add_intent(intent, self.now())
        self.host.wake()
        return stored

    def is_settled(self, request: Intent) -> bool:
        """Whether a scheduler has obeyed or refused a request; of a cancel, whether what it stops has ended, too."""
        if self.answer(request) is None:
            return False
        if request.kind is not IntentKind.CANCEL or request.run_id is None:
            return True
        tasks = request.data.get("tasks")
        attempts = self.store.attempts(RunKey(request.flow_id, request.run_id))
        return all(a.outcome is not None for a in attempts if tasks is None or a.id.task_id in tasks)

    def answer(self, request: Intent) -> str | None:
        """What came of a request in a sentence, None while nobody has looked at it. Raises Conflict when refused."""
        stored = next((i for i in self.store.intents(pending=False) if i.id == request.id), request)
        if stored.done_at is None:
            return None
        if stored.result.startswith(REFUSED):
            raise Conflict(stored.result.removeprefix(REFUSED))
        return stored.result

    # ── waiting ─────────────────────────────────────────────────────────────────────────

    def wait(
        self,
        is_over: Callable[[], bool],
        *,
        timeout: float | None = None,
        on_change: Callable[[], None] | None = None,
        every: float = 0.1,
    ) -> bool:
        """Block until `is_over()` says so, looking only when the store changed; False when `timeout` seconds passed.

        Raises StoreError when the scheduler of this process could do nothing for as long as one waits for a lock.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        patience = Patience(self.config.lock_timeout)
        seen: object = object()
        while True:
            rung, stamp = self.host.bell.rung, self.store.stamp()
            if stamp != seen:
                seen = stamp
                if on_change:
                    on_change()
                if is_over():
                    return True
            patience.bear(self.host.trouble)
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self.host.bell.wait(rung, every)

    def is_run_over(self, key: RunKey) -> bool:
        """Whether a run succeeded or failed, its last attempt has ended, and nobody has asked for more of it."""
        asked = any((i.flow_id, i.run_id) == key for i in self.store.intents())  # read first: obeying one moves the run
        is_finished = not asked and self.store.run(key).state.is_finished
        return is_finished and all(a.outcome is not None for a in self.store.attempts(key))

    def is_backfill_over(self, backfill_id: int) -> bool:
        """Whether nothing of a backfill is queued or running."""
        return self.store.backfill(backfill_id).state.is_finished

    def close(self) -> None:
        """Stop the scheduler of this process and release the store. Attempts go on."""
        self.host.stop()
        self.store.close()


def _clears(flow_id: FlowId, plan: BackfillPlan) -> list[Intent]:
    return [
        Intent(IntentKind.CLEAR, flow_id, row.run_id, {"tasks": None, "ordinal": row.ordinal, "latest": True})
        for row in plan.of(PlanAction.CLEAR)
    ]
