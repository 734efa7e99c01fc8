"""What people ask for, obeyed: clear, mark, cancel, and steering backfills."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from jupyter_flows.engine.planner import plan_clear
from jupyter_flows.engine.stimuli import CancelAsked, Cleared, Marked
from jupyter_flows.errors import Conflict, FlowsError, NotFound, UsageError
from jupyter_flows.model.ids import RunType
from jupyter_flows.model.intent import Intent, IntentKind
from jupyter_flows.model.run import Backfill, RunKey, TaskKey
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.runtime.active import Active
from jupyter_flows.runtime.conductor import Conductor
from jupyter_flows.storage.store import Store


class Requests:
    """Carries out intents by telling the machines of the conductor's runs."""

    def __init__(self, conductor: Conductor, store: Store) -> None:
        self._conductor = conductor
        self._store = store

    def obey(self, intent: Intent, now: datetime) -> str:
        """Carry out a request and say in a sentence what came of it. Raises FlowsError when it must be refused."""
        try:
            return self._carry_out(intent, now)
        except FlowsError:
            self._look_again(intent)
            raise
        finally:
            self._settle(intent)

    def _look_again(self, intent: Intent) -> None:
        """What was prepared for a request that is refused (another version, another backfill) is forgotten."""
        active = self._conductor.runs.running.get(RunKey(intent.flow_id, intent.run_id)) if intent.run_id else None
        if active is not None:
            self._conductor.runs.activate(self._store.run(active.machine.run.key), attempts=active.attempts)

    def _settle(self, intent: Intent) -> None:
        """A run that was only looked at (the request was refused) is not under way."""
        active = self._conductor.runs.running.get(RunKey(intent.flow_id, intent.run_id)) if intent.run_id else None
        if active is not None and active.machine.run.state is not RunState.RUNNING and not active.attempts:
            del self._conductor.runs.running[active.machine.run.key]

    def _carry_out(self, intent: Intent, now: datetime) -> str:
        match intent.kind:
            case IntentKind.CLEAR:
                return self._clear(intent, now)
            case IntentKind.MARK:
                active = self._open(intent)
                keys = _keys(intent, active)
                state = TaskState(intent.data["state"])
                self._conductor.feed(active, Marked(keys, state), now, is_asked=True)
                return f"marked {state.value}"
            case IntentKind.CANCEL:
                active = self._open(intent)
                self._conductor.feed(active, CancelAsked(_keys(intent, active)), now, is_asked=True)
                return "cancelled"
            case _:
                return self._steer_backfill(intent, now)

    def _open(self, intent: Intent) -> Active:
        """The machine of the run the request is about, also when the run is queued or finished."""
        if intent.run_id is None:
            raise UsageError(f"A request to {intent.kind.value} names no run.")
        key = RunKey(intent.flow_id, intent.run_id)
        if key in self._conductor.runs.running:
            return self._conductor.runs.running[key]
        return self._conductor.runs.activate(self._conductor.runs.queued.get(key) or self._store.run(key))

    def _clear(self, intent: Intent, now: datetime) -> str:
        active = self._open(intent)
        data = intent.data
        if data.get("latest"):
            active = self._renewed(active)
        if data.get("backfill_id") is not None:
            active = self._in_backfill(active, int(data["backfill_id"]), data.get("ordinal"))
        keys = plan_clear(
            active.flow,
            active.machine.task_runs,
            data.get("tasks"),
            upstream=bool(data.get("upstream")),
            downstream=bool(data.get("downstream", True)),
            only_failed=bool(data.get("only_failed")),
        )
        self._conductor.feed(active, Cleared(tuple(keys)), now, is_asked=True)
        return f"cleared {len(keys)} task{'s' if len(keys) != 1 else ''}"

    def _renewed(self, active: Active) -> Active:
        """The same run under the newest version of its flow."""
        newest = self._store.flow(active.machine.run.flow_id)
        if newest.version == active.machine.run.version:
            return active
        if active.attempts:
            raise Conflict(
                f"Run {active.machine.run.run_id} is under way: it cannot change its version now.",
                fix="Cancel it first, or clear without --latest.",
            )
        return self._conductor.runs.activate(replace(active.machine.run, version=newest.version), newest.flow)

    def _in_backfill(self, active: Active, backfill_id: int, ordinal: int | None) -> Active:
        """The same run as one of a backfill's."""
        if backfill_id not in self._conductor.backfills.known:
            self._conductor.backfills_changed()  # it was made after this turn's look at the events
        run = replace(active.machine.run, run_type=RunType.BACKFILL, backfill_id=backfill_id, ordinal=ordinal)
        return self._conductor.runs.activate(run, active.flow, active.machine.task_runs, active.attempts)

    def _steer_backfill(self, intent: Intent, now: datetime) -> str:
        backfill = self._store.backfill(int(intent.data["backfill_id"]))
        if backfill.state.is_finished:
            return f"backfill {backfill.id} is over already"
        if intent.kind is IntentKind.CANCEL_BACKFILL:
            return self._cancel_backfill(backfill, now)
        backfill = replace(backfill, paused=intent.kind is IntentKind.PAUSE_BACKFILL)
        self._conductor.change_backfill(backfill, now)
        return "paused" if backfill.paused else "resumed"

    def _cancel_backfill(self, backfill: Backfill, now: datetime) -> str:
        """Queued runs fail, running ones finish (semantics §6)."""
        queued = [r for r in self._conductor.runs.queued.values() if r.backfill_id == backfill.id]
        for run in queued:
            active = self._conductor.runs.activate(run)
            self._conductor.feed(active, CancelAsked(None), now)
        self._conductor.backfills.suspect(backfill.id)
        return f"cancelled {len(queued)} queued run{'s' if len(queued) != 1 else ''}; running ones finish"


def _keys(intent: Intent, active: Active) -> tuple[TaskKey, ...] | None:
    """The task runs a request names; None means the run itself."""
    tasks = intent.data.get("tasks")
    if tasks is None:
        return None
    unknown = [t for t in tasks if t not in active.flow.by_id]
    if unknown:
        raise NotFound(f"Run {intent.run_id} has no task {', '.join(map(repr, unknown))}.")
    return tuple(t.key for t in active.machine.task_runs if t.task_id in tasks)
