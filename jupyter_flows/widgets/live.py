"""The widgets: a picture that follows its run while the kernel lives, and a still picture ever after.

They show a view (see `jupyter_flows.views`) and report what people click. They know nothing of stores and schedulers:
whoever makes one passes `on_action` and calls `update`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

import anywidget
import traitlets

from jupyter_flows.errors import FlowsError
from jupyter_flows.picture.bundle import mimebundle, small
from jupyter_flows.picture.scene import graph_of, scene
from jupyter_flows.widgets.assets import script, stylesheet

Action = dict[str, Any]
"""`{"action": "cancel" | "retry" | "clear" | "open" | "log" | "pause" | "resume", …}` with what was clicked:
`flow_id`, and where they apply `run_id`, `backfill_id`, `task_id`, `map_index`, `try_number`, `notebook`."""

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_LOG_MOST = 64_000


def static_bundle(view: Mapping[str, Any]) -> dict[str, Any]:
    """The still picture of `view` in every form: what a saved notebook should hold once the last state is known."""
    return mimebundle(view)


class LiveView(anywidget.AnyWidget):  # type: ignore[misc]
    """A flow, run or backfill view that can be updated from any thread.

    `view` is sent whole, so callers coalesce: at most ten updates a second, and one with the final state. `scene`
    (where the nodes stand) is sent only when the graph changes. Nothing flows back but messages, so no two threads
    ever set the same trait.
    """

    view = traitlets.Dict().tag(sync=True)
    scene = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, view: Mapping[str, Any], on_action: Callable[[Action], None] | None = None) -> None:
        self._lock = RLock()
        self._on_action = on_action
        self._full: Mapping[str, Any] = view
        self._graph: Any = _graph_key(view)
        super().__init__(view=small(view), scene=_scene(view))
        self.on_msg(self._receive)

    @property
    def _esm(self) -> str:
        return script()

    @property
    def _css(self) -> str:
        return stylesheet()

    def open(self) -> None:
        """Connect to the front end; on ipykernel 7.4 also let clicks through while a cell runs.

        That release sends a widget's messages to the shell that published last, which is the busy one.
        """
        super().open()
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005

    def update(self, view: Mapping[str, Any]) -> None:
        """Show `view` from now on. Any thread may call; an equal view costs nothing."""
        with self._lock:
            self._full = view
            graph = _graph_key(view)
            lean = small(view)
            if lean == self.view and graph == self._graph:
                return
            with self.hold_sync():
                if graph != self._graph:
                    self._graph, self.scene = graph, _scene(view)
                self.view = lean

    def append_log(self, task: str, text: str, *, map_index: int = -1, run_id: str = "") -> None:
        """Add `text` to the log shown for a task. Any thread may call; it is cut to its tail.

        In the picture of a backfill `run_id` says whose.
        """
        self._send_log(task, text, map_index, run_id, replace=False)

    def set_log(self, task: str, text: str, *, map_index: int = -1, run_id: str = "") -> None:
        """Show `text` as the whole log of a task, as an answer to the action `log`."""
        self._send_log(task, text, map_index, run_id, replace=True)

    def notice(self, text: str) -> None:
        """Show one sentence above the picture until the next."""
        with self._lock:
            self.send({"kind": "notice", "text": text})

    def _send_log(self, task: str, text: str, map_index: int, run_id: str, *, replace: bool) -> None:
        where = {"task_id": task, "map_index": map_index} | ({"run_id": run_id} if run_id else {})
        with self._lock:
            self.send({"kind": "log", **where, "text": text[-_LOG_MOST:], "replace": replace})

    def _receive(self, _widget: object, content: Any, _buffers: object) -> None:
        """A message of the browser. It may come on a subshell's thread, while a cell runs."""
        if not isinstance(content, dict) or "action" not in content:
            return
        action = {k: v for k, v in content.items() if k != "id"}
        with self._lock:
            self.send({"kind": "ack", "id": content.get("id")})
        if self._on_action is None:
            self.notice("This picture is not connected to a scheduler.")
            return
        try:
            self._on_action(action)
        except FlowsError as error:
            self.notice(str(error))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The still picture in all its forms, and the live view beside it wherever someone could watch.

        Inside a task's own notebook nobody watches: exporters would then show a dead widget instead of the picture.
        """
        bundle = static_bundle(self._full)
        if self.comm is not None and "JUPYTER_FLOWS_ATTEMPT" not in os.environ:
            bundle[WIDGET_MIME] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return bundle


class FlowWidget(LiveView):
    """A flow's graph."""


class RunWidget(LiveView):
    """A run: its graph in the colours of its states, its tasks, the log and the attempts of the selected one."""


class BackfillWidget(LiveView):
    """A backfill: intervals × tasks, counts and overall progress."""


def _graph_key(view: Mapping[str, Any]) -> Any:
    """Equal for views whose scenes are equal."""
    if view["type"] == "backfill":
        return None
    graph = graph_of(view)
    tasks = tuple((t["id"], t.get("kind"), t.get("group")) for t in graph["tasks"])
    return (
        view["type"],
        tasks,
        tuple((e["upstream"], e["downstream"], tuple(e.get("names", ()))) for e in graph["edges"]),
    )


def _scene(view: Mapping[str, Any]) -> dict[str, Any] | None:
    return None if view["type"] == "backfill" else scene(view).to_json()
