from __future__ import annotations

import json
from threading import Thread
from typing import Any

import pytest

from jupyter_flows.errors import Conflict
from jupyter_flows.picture import MIME
from jupyter_flows.widgets import RunWidget, assets, static_bundle
from jupyter_flows.widgets.live import WIDGET_MIME


@pytest.fixture
def sent(monkeypatch) -> list[dict[str, Any]]:
    """Every message of every widget, instead of sending it."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(RunWidget, "_send", lambda _self, msg, buffers=None: messages.append(msg))  # noqa: ARG005
    return messages


def said(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [m["content"] for m in messages if m["method"] == "custom"]


def test_an_update_sends_the_view_and_not_the_scene(run_view, sent) -> None:
    widget = RunWidget(run_view(a="running", b="no_status"))
    sent.clear()
    widget.update(run_view(a="success", b="running"))
    (message,) = sent
    assert set(message["state"]) == {"view"}
    assert [t["state"] for t in message["state"]["view"]["tasks"]] == ["success", "running"]


def test_an_equal_view_sends_nothing(run_view, sent) -> None:
    widget = RunWidget(run_view(a="running"))
    sent.clear()
    widget.update(run_view(a="running"))
    assert sent == []


def test_another_graph_sends_its_scene_with_it(run_view, sent) -> None:
    widget = RunWidget(run_view(a="running"))
    sent.clear()
    widget.update(run_view(a="running", b="no_status"))
    (message,) = sent
    assert [n["id"] for n in message["state"]["scene"]["nodes"]] == ["a", "b"]
    assert len(message["state"]["view"]["tasks"]) == 2


def test_what_is_sent_is_json_and_small(run_view, sent) -> None:
    widget = RunWidget(run_view(**{f"t{i}": "success" for i in range(100)}))
    sent.clear()
    widget.update(run_view(**{f"t{i}": "failed" for i in range(100)}))
    assert len(json.dumps(sent[0]["state"])) < 40_000


@pytest.mark.usefixtures("sent")
def test_threads_may_update_and_log_at_once(run_view) -> None:
    widget = RunWidget(run_view(a="no_status"))
    views = [run_view(a=state) for state in ("queued", "running", "success")] * 20

    def work() -> None:
        for view in views:
            widget.update(view)
            widget.append_log("a", "line\n")

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    widget.update(run_view(a="failed"))
    assert widget.view["tasks"][0]["state"] == "failed"


def test_a_log_is_cut_to_its_tail(run_view, sent) -> None:
    widget = RunWidget(run_view(a="running"))
    sent.clear()
    widget.append_log("a", "x" * 100_000 + "end")
    widget.set_log("a", "all", map_index=3)
    added, whole = said(sent)
    assert len(added["text"]) == 64_000
    assert added["text"].endswith("end")
    assert added | {"text": ""} == {"kind": "log", "task_id": "a", "map_index": -1, "text": "", "replace": False}
    assert whole == {"kind": "log", "task_id": "a", "map_index": 3, "text": "all", "replace": True}


class TestActions:
    def test_a_click_reaches_the_callback_and_is_acknowledged(self, run_view, sent) -> None:
        heard: list[dict[str, Any]] = []
        widget = RunWidget(run_view(a="running"), heard.append)
        sent.clear()
        widget._handle_custom_msg({"action": "cancel", "run_id": "manual__1", "id": 5}, [])
        assert heard == [{"action": "cancel", "run_id": "manual__1"}]
        assert said(sent) == [{"kind": "ack", "id": 5}]

    def test_a_refusal_is_shown_with_its_fix(self, run_view, sent) -> None:
        def refuse(_action: object) -> None:
            raise Conflict("It has ended.", fix="Clear it.")

        widget = RunWidget(run_view(a="running"), refuse)
        sent.clear()
        widget._handle_custom_msg({"action": "cancel"}, [])
        assert said(sent)[-1] == {"kind": "notice", "text": "It has ended.\n  fix: Clear it."}

    def test_without_a_callback_the_widget_says_so(self, run_view, sent) -> None:
        widget = RunWidget(run_view(a="running"))
        sent.clear()
        widget._handle_custom_msg({"action": "cancel"}, [])
        assert "not connected" in said(sent)[-1]["text"]

    @pytest.mark.parametrize("noise", [None, "cancel", {"kind": "x"}])
    def test_other_messages_are_ignored(self, run_view, sent, noise) -> None:
        heard: list[dict[str, Any]] = []
        widget = RunWidget(run_view(a="running"), heard.append)
        sent.clear()
        widget._handle_custom_msg(noise, [])
        assert (heard, sent) == ([], [])


class TestBundle:
    def test_the_live_view_stands_beside_every_still_form(self, run_view) -> None:
        widget = RunWidget(run_view(a="running"))
        bundle = widget._repr_mimebundle_()
        assert bundle[WIDGET_MIME]["model_id"] == widget.model_id
        assert set(bundle) == {MIME, "text/html", "image/svg+xml", "text/plain", WIDGET_MIME}

    def test_inside_a_task_only_still_forms_are_shown(self, run_view, monkeypatch) -> None:
        widget = RunWidget(run_view(a="running"))
        monkeypatch.setenv("JUPYTER_FLOWS_ATTEMPT", "flights/manual__1/a/1")
        assert WIDGET_MIME not in widget._repr_mimebundle_()

    def test_it_shows_the_newest_view(self, run_view) -> None:
        widget = RunWidget(run_view(a="running"))
        widget.update(run_view(a="success"))
        assert widget._repr_mimebundle_()["text/plain"] == static_bundle(run_view(a="success"))["text/plain"]


class TestAssets:
    def test_the_script_stays_small_because_every_notebook_stores_it(self) -> None:
        assert len(assets.script().encode()) < 60_000

    def test_a_tree_that_was_never_built_says_what_to_do(self, run_view, monkeypatch) -> None:
        monkeypatch.setattr(assets, "_read", lambda _name: "")
        assert "pip install -e ." in RunWidget(run_view(a="running"))._esm
