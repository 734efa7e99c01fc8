"""Widgets that follow what they show, and do what is clicked in them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from jupyter_flows.model.ids import FlowId, RunId
from jupyter_flows.model.intent import IntentKind
from jupyter_flows.model.run import RunKey
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.runtime.follow import Follower
from jupyter_flows.views import View
from jupyter_flows.widgets import Action, BackfillWidget, LiveView, RunWidget

_STEERING = {
    "pause": IntentKind.PAUSE_BACKFILL,
    "resume": IntentKind.RESUME_BACKFILL,
    "cancel": IntentKind.CANCEL_BACKFILL,
}

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class Live:
    """A widget on the screen, updated from a thread that never prints, until all is over.

    The picture below the cell then gets the last state: it is what the notebook saves. Asking for more of what is over
    (a retry) follows again.
    """

    def __init__(self, flows: Flows, widget: type[LiveView], view: Callable[[], View]) -> None:
        self.flows = flows
        self.view = view
        self.widget = widget(view(), on_action=self.act)
        self._handle = show_live(self.widget)
        self._follower: Follower | None = None

    def follow(self) -> None:
        """Show every change from now on."""
        if self._follower is not None:
            self._follower.stop()
        self._follower = Follower(self.flows.store, self._changed, name="widget").start()

    def act(self, action: Action) -> None:
        """What a person clicked. The widget shows a FlowsError by itself."""
        raise NotImplementedError

    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        raise NotImplementedError

    def _changed(self) -> bool:
        is_over = self.is_over()  # asked first: what happens between the two is then shown by the next call
        self.widget.update(self.view())
        if is_over and self._handle is not None:
            self._handle.update(live_bundle(self.widget), raw=True)
        return not is_over

    def act_on_run(self, key: RunKey, action: Mapping[str, Any]) -> None:
        """The actions of a run and of its tasks."""
        task, map_index = action.get("task_id"), int(action.get("map_index", -1))
        tasks = [task] if task else None
        match action.get("action"):
            case "cancel":
                self.flows.cancel(key, tasks)
            case "retry" | "clear" as word:
                self.flows.clear(key, tasks, only_failed=word == "retry" and task is None)
                self.go_on()
            case "log" if task:
                attempt = self.flows.attempt(key, task, action.get("try_number"), map_index)
                self.widget.set_log(task, self.flows.log(attempt).text, map_index=map_index, run_id=key.run_id)
            case "open" if task:
                attempt = self.flows.attempt(key, task, action.get("try_number"), map_index)
                self.widget.notice(f"Executed notebook: {self.flows.notebook(attempt)}")

    def go_on(self) -> None:
        """What was over has work again."""
        self.flows.host.ensure()
        self.follow()


class LiveRun(Live):
    """One run."""

    def __init__(self, flows: Flows, key: RunKey) -> None:
        self._key = key
        super().__init__(flows, RunWidget, flows.screen(key).view)

    def act(self, action: Action) -> None:
        """Cancel, retry, clear, log, open."""
        self.act_on_run(self._key, action)

    def is_over(self) -> bool:
        """Whether the run ended and nobody has asked for more of it."""
        return self.flows.is_run_over(self._key)


class LiveBackfill(Live):
    """A backfill: its actions are those of its runs, and pause, resume, cancel and retry for all of them."""

    def __init__(self, flows: Flows, backfill_id: int) -> None:
        self._id = backfill_id
        super().__init__(flows, BackfillWidget, flows.backfill_screen(backfill_id).view)

    def act(self, action: Action) -> None:
        """To one run where one is named, else to the backfill."""
        flow_id, run_id, word = action.get("flow_id"), action.get("run_id"), str(action.get("action"))
        if run_id:
            self.act_on_run(RunKey(FlowId(str(flow_id)), RunId(str(run_id))), action)
        elif word in _STEERING:
            self.flows.steer_backfill(self._id, _STEERING[word])
        elif word == "retry":
            for key in self._keys("failed"):
                self.flows.clear(key, only_failed=True)
            self.go_on()

    def is_over(self) -> bool:
        """Whether every run of it is: a run that was cleared outlives its backfill."""
        return self.flows.is_backfill_over(self._id) and all(self.flows.is_run_over(key) for key in self._keys())

    def _keys(self, *states: str) -> list[RunKey]:
        runs = self.flows.store.runs(backfill_id=self._id, oldest_first=True)
        return [r.key for r in runs if not states or r.state.value in states]


def show_live(widget: Any) -> Any:
    """Display a widget together with its static picture; the handle lets the picture be replaced."""
    return display(live_bundle(widget), raw=True, display_id=True)


def live_bundle(widget: Any) -> dict[str, Any]:
    """The static picture of what the widget shows, and the widget itself where a front end can show it live."""
    bundle: dict[str, Any] = widget._repr_mimebundle_()
    if not _somebody_watches():
        bundle.pop(WIDGET_MIME, None)  # an exporter would prefer it to the picture, and show a dead widget
    return bundle


def _somebody_watches() -> bool:
    """Whether a person may sit in front: Jupyter's servers, VS Code and Colab leave a trace, nbconvert does not."""
    shell = get_ipython()
    in_vscode = shell is not None and "__vsc_ipynb_file__" in shell.user_ns
    return bool(os.environ.get("JPY_SESSION_NAME")) or in_vscode or "google.colab" in sys.modules
