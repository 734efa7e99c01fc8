from __future__ import annotations

import json
import subprocess
import sys
import time
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jupyter_flows import views
from jupyter_flows.errors import FlowsError, UsageError
from jupyter_flows.model.ids import FlowId, TaskId
from jupyter_flows.model.run import Backfill, TaskRun
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.picture import MIME, dot, export, html, mimebundle, picture_of, text
from jupyter_flows.picture.colours import PAPER, PAPER_DARK, STATES, contrast, look
from jupyter_flows.picture.folding import LIMIT, folded, knots
from jupyter_flows.picture.glyphs import STATE_LETTERS, STATE_PATHS
from jupyter_flows.picture.markup import Markup, tag
from jupyter_flows.picture.scene import DENSE, ROOMY, scene
from jupyter_flows.picture.words import duration_text, shortened, task_words

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def words_of(picture: str) -> list[str]:
    return [t.text or "" for t in parsed(picture).iter(f"{SVG}text")]


class TestColours:
    @pytest.mark.parametrize("state", STATES)
    def test_text_and_glyphs_can_be_read_in_both_themes(self, state) -> None:
        one = look(state)
        assert contrast(one.ink, one.tint) >= 4.5
        assert contrast(one.ink, PAPER.background) >= 4.5
        assert contrast(one.ink_dark, one.tint_dark) >= 4.5
        assert contrast(one.ink_dark, PAPER_DARK.background) >= 4.5
        assert contrast(one.on_solid, one.solid) >= 4.5
        assert contrast(one.on_solid_dark, one.solid_dark) >= 4.5

    def test_paper_can_be_read_too(self) -> None:
        for paper in (PAPER, PAPER_DARK):
            assert contrast(paper.ink, paper.card) >= 7
            assert contrast(paper.soft, paper.background) >= 4.5
            assert contrast(paper.soft, paper.group) >= 4.5

    def test_every_state_has_a_colour_a_shape_and_a_letter_of_its_own(self) -> None:
        names = {s.value for s in TaskState}
        assert set(STATES) == set(STATE_PATHS) == set(STATE_LETTERS) == names
        for table in (STATE_PATHS.values(), STATE_LETTERS.values(), [s.solid for s in STATES.values()]):
            assert len(set(table)) == len(names)

    def test_an_unknown_state_looks_not_started(self) -> None:
        assert look("teleported") is STATES["no_status"]


def test_the_browser_side_has_the_same_looks() -> None:
    folder = Path(__file__).parents[2] / "labextension"
    wrote = subprocess.run(
        [sys.executable, "-c", "import write_states as w, json; print(json.dumps([w.states_json(), w.states_css()]))"],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    wanted = json.loads(wrote.stdout)
    stored = [(folder / "src/view/states.json"), (folder / "style/states.css")]
    assert [p.read_text(encoding="utf-8") for p in stored] == wanted, "run python labextension/write_states.py"


class TestSvg:
    def test_a_run_shows_every_task_with_its_state_in_words(self, a_run) -> None:
        words = words_of(picture_of(a_run))
        for word in ("extract", "join", "report", "12 s", "failed · 12 s", "upstream failed", "3 of 3 tasks"):
            assert word in words
        titles = [t.text for t in parsed(picture_of(a_run)).iter(f"{SVG}title")]
        assert "join — failed · 12 s · try 2 — <script>alert(1)</script>" in titles

    def test_it_is_one_document_without_scripts_and_links(self, a_run) -> None:
        picture = picture_of(a_run)
        root = parsed(picture)
        assert root.tag == f"{SVG}svg"
        assert not list(root.iter(f"{SVG}script"))
        assert picture.count("http") == 1  # the name space
        assert "url(" not in picture
        assert "prefers-color-scheme:dark" in picture

    def test_hostile_text_stays_text(self, a_run, make_flow) -> None:
        evil = '"><script>alert(1)</script>'
        view = {**a_run, "flow_id": evil, "label": evil}
        assert evil in words_of(picture_of(view))
        flow = views.flow_view(make_flow("a >> b", names=(evil[:9],)))
        flow["tasks"][0]["doc"] = evil
        assert not list(parsed(picture_of(flow)).iter(f"{SVG}script"))

    def test_it_has_words_for_screen_readers(self, a_run) -> None:
        root = parsed(picture_of(a_run))
        assert root.get("role") == "img"
        assert root.get("aria-label") == root.findtext(f"{SVG}title") == f"Flow flights, run {a_run['run_id']}: failed"
        assert root.findtext(f"{SVG}desc") == "3 tasks: 1 success, 1 failed, 1 upstream failed."

    def test_edges_say_which_variables_travel_and_why(self, make_flow) -> None:
        picture = picture_of(views.flow_view(make_flow("a >> b", names=("table",))))
        assert "table" in words_of(picture)
        assert "a → b: because" in [t.text for t in parsed(picture).iter(f"{SVG}title")]

    def test_an_empty_flow_can_be_drawn(self, make_flow) -> None:
        flow = make_flow("a")
        view = {**views.flow_view(flow), "tasks": []}
        assert "0 tasks · no schedule" in words_of(picture_of(view))

    def test_a_run_view_without_its_graph_is_drawn_without_edges(self, a_run) -> None:
        view = {k: v for k, v in a_run.items() if k != "graph"}
        assert "join" in words_of(picture_of(view))

    def test_a_mapped_task_is_one_node_that_counts(self, make_flow, make_run) -> None:
        flow = make_flow("a >> b")
        rows = [TaskRun(TaskId("b"), i, TaskState.SUCCESS if i < 7 else TaskState.RUNNING) for i in range(10)]
        words = words_of(picture_of(views.run_view(make_run(flow), flow, rows)))
        assert "running · 7 of 10" in words

    def test_five_hundred_tasks_are_drawn_in_a_fifth_of_a_second(self, make_flow, make_run) -> None:
        flow = make_flow(*(f"t{max(0, i - 1 - i % 7)} >> t{i}" for i in range(1, 500)))
        view = views.run_view(make_run(flow), flow, [])
        spent = []
        for _ in range(4):
            began = time.process_time()
            picture_of(view)
            spent.append(time.process_time() - began)
        assert min(spent) < 0.2


class TestScene:
    def test_nodes_are_roomy_until_there_are_many(self, make_flow) -> None:
        few = scene(views.flow_view(make_flow("a >> b")))
        many = scene(views.flow_view(make_flow(*(f"a >> t{i}" for i in range(80)))))
        assert {n.height for n in few.nodes} == {ROOMY}
        assert {n.height for n in many.nodes} == {DENSE}

    def test_a_long_chain_is_drawn_downwards(self, make_flow) -> None:
        chain = " >> ".join(f"step_{i}" for i in range(30))
        assert scene(views.flow_view(make_flow(chain))).direction == "down"
        assert scene(views.flow_view(make_flow("a >> b"))).direction == "right"

    def test_a_group_is_framed(self, make_flow) -> None:
        flow = make_flow("a >> b >> c >> d", groups={"b": "middle", "c": "middle"})
        assert [f.label for f in scene(views.flow_view(flow)).frames] == ["middle"]

    def test_its_json_round_trips(self, make_flow) -> None:
        data = scene(views.flow_view(make_flow("a >> b", names=("x",)))).to_json()
        assert json.loads(json.dumps(data)) == data
        assert data["nodes"][0]["members"] == ["a"]


class TestFolding:
    def test_few_tasks_are_left_alone(self, make_flow) -> None:
        view = views.flow_view(make_flow("a >> b"))
        nodes, links = folded(knots(view["tasks"]), [("a", "b")])
        assert [n.id for n in nodes] == ["a", "b"]
        assert links == [("a", "b")]

    def test_lookalikes_become_one_stack(self, make_flow) -> None:
        chains = [f"split >> load_{i} >> merge" for i in range(LIMIT + 50)]
        drawn = scene(views.flow_view(make_flow(*chains)))
        assert [n.label for n in drawn.nodes] == ["split", f"load… × {LIMIT + 50}", "merge"]
        assert len(drawn.arrows) == 2

    def test_groups_become_one_node_each(self, make_flow) -> None:
        groups = {f"g{g}_t{i}": f"group {g}" for g in range(5) for i in range(60)}
        chains = [" >> ".join(["start", *(f"g{g}_t{i}" for i in range(60)), "end"]) for g in range(5)]
        drawn = scene(views.flow_view(make_flow(*chains, groups=groups)))
        assert sorted(n.label for n in drawn.nodes) == ["end", *(f"group {g} × 60" for g in range(5)), "start"]

    def test_a_stack_speaks_for_all_its_tasks(self, make_flow, make_run) -> None:
        flow = make_flow(*[f"split >> load_{i} >> merge" for i in range(LIMIT + 50)])
        rows = [TaskRun(TaskId("load_7"), state=TaskState.FAILED)]
        assert "failed · 0 of " + str(LIMIT + 50) in picture_of(views.run_view(make_run(flow), flow, rows))


@pytest.fixture
def a_backfill(make_flow, make_run):
    def make(count: int) -> views.View:
        flow = make_flow("a >> b")
        runs = [make_run(flow, start=make_run(flow).interval.start + timedelta(days=7 * i)) for i in range(count)]
        first = {runs[0].key: [TaskRun(TaskId("a"), state=TaskState.RUNNING)]}
        backfill = Backfill(
            1, FlowId("flights"), runs[0].interval.start, runs[-1].interval.start, state=RunState.RUNNING
        )
        return views.backfill_view(backfill, flow, runs, first)

    return make


class TestMatrix:
    @pytest.mark.parametrize("count", [1, 12, 120])
    def test_it_has_a_cell_for_every_interval_and_task(self, a_backfill, count) -> None:
        root = parsed(picture_of(a_backfill(count)))
        titles = [t.text for t in root.iter(f"{SVG}title")][1:]
        assert len(titles) == 2 * count
        assert titles[0] == "a 2013-01-07: running"
        assert root.get("aria-label") == f"Backfill of flights: 0 of {count} runs done, running"

    def test_a_long_backfill_goes_on_at_the_right(self, a_backfill) -> None:
        long, short = (parsed(picture_of(a_backfill(n))) for n in (120, 30))
        assert int(long.get("height", 0)) < int(short.get("height", 0)) * 1.5
        assert int(long.get("width", 0)) > int(short.get("width", 0))

    def test_in_text_every_task_is_a_letter(self, a_backfill) -> None:
        lines = text(a_backfill(2)).splitlines()
        assert "  … 2013-01-07  ▶ ○  queued" in lines
        assert lines[-1] == "  tasks: 1 running, 3 not started"


class TestText:
    def test_a_run_is_a_line_per_task(self, a_run) -> None:
        assert text(a_run).splitlines() == [
            "flights  2013-01-07 → 2013-01-14 · scheduled  ✗ failed, 3 of 3 tasks",
            "  ✓ extract  success · 12 s",
            "  ✗ join     failed · 12 s · try 2  ← extract (table)",
            "  ↑ report   upstream failed        ← join (table)",
        ]

    def test_why_explains_every_edge(self, make_flow) -> None:
        assert text(views.flow_view(make_flow("a >> b")), why=True).splitlines()[-1] == "  a → b (explicit): because"

    def test_a_cycle_loses_no_task(self, make_flow) -> None:
        lines = text(views.flow_view(make_flow("a >> b >> a", "c"))).splitlines()
        assert [line.split()[1] for line in lines[1:]] == ["c", "a", "b"]


class TestHtml:
    def test_the_picture_is_an_image_and_the_facts_a_table(self, a_run) -> None:
        page = html(a_run)
        uri = page.split('src="data:image/svg+xml;base64,')[1].split('"')[0]
        assert b64decode(uri).decode() == picture_of(a_run)
        assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page
        assert "<script" not in page

    def test_flows_and_backfills_have_tables_too(self, make_flow, a_backfill) -> None:
        assert "<td>a</td>" in html(views.flow_view(make_flow("a >> b")))
        assert "<td>2013-01-07</td>" in html(a_backfill(2))


class TestDot:
    def test_quotes_backslashes_and_breaks_cannot_leave_their_string(self, make_flow) -> None:
        view = views.flow_view(make_flow("a >> b", names=("x",)))
        view["edges"][0]["names"] = ['"]; evil [label="', "back\\slash", "two\nlines"]
        assert r'label="\"]; evil [label=\", back\\slash, two\nlines"' in dot(view)
        assert "label=<" not in dot(view)

    def test_states_and_groups_are_in_it(self, a_run, make_flow) -> None:
        assert r'label="join\nfailed"' in dot(a_run)
        grouped = dot(views.flow_view(make_flow("a >> b", groups={"a": "g", "b": "g"})))
        assert 'subgraph "cluster_0" { label="g"' in grouped

    def test_a_dot_file_needs_nothing(self, a_run, tmp_path) -> None:
        assert export(a_run, tmp_path / "run.dot").read_text(encoding="utf-8") == dot(a_run)

    def test_an_unknown_form_names_those_that_work(self, a_run, tmp_path) -> None:
        with pytest.raises(UsageError, match=r"\.svg, \.pdf, \.png or \.dot"):
            export(a_run, tmp_path / "run.bmp")

    def test_a_missing_dot_names_the_fix(self, a_run, tmp_path, monkeypatch) -> None:
        pytest.importorskip("graphviz")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(FlowsError, match="apt install graphviz"):
            export(a_run, tmp_path / "run.svg")

    def test_a_missing_package_names_the_fix(self, a_run, tmp_path, monkeypatch) -> None:
        monkeypatch.setitem(sys.modules, "graphviz", None)
        with pytest.raises(FlowsError, match=r"pip install 'jupyter_flows\[graphviz\]'"):
            export(a_run, tmp_path / "run.pdf")


class TestBundle:
    def test_it_holds_every_form_and_is_json(self, a_run) -> None:
        bundle = mimebundle(a_run)
        assert list(bundle) == [MIME, "text/html", "image/svg+xml", "text/plain"]
        payload = json.loads(json.dumps(bundle[MIME]))
        assert payload["version"] == 1
        assert [n["id"] for n in payload["scene"]["nodes"]] == ["extract", "join", "report"]
        assert "graph" not in payload["view"]

    def test_a_backfill_needs_no_scene(self, a_backfill) -> None:
        assert mimebundle(a_backfill(2))[MIME]["scene"] is None


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [(0.42, "0.4 s"), (12.2, "12 s"), (185, "3 m 05 s"), (7800, "2 h 10 m"), (273600, "3 d 4 h"), (None, "")],
    )
    def test_durations_are_short(self, seconds, words) -> None:
        assert duration_text(seconds) == words

    def test_a_running_task_says_which_cell(self) -> None:
        row = {"state": "running", "cell": 2, "cells": 5, "try_number": 1}
        assert task_words([row], "running") == "cell 3 of 5"

    def test_long_names_lose_their_middle(self) -> None:
        assert shortened("short", 10) == "short"
        assert shortened("a_rather_long_name_of_a_task", 12) == "a_rather…ask"


def test_markup_escapes_all_that_is_not_markup() -> None:
    assert tag("p", "<b>", Markup("<i/>"), title='"') == '<p title="&quot;">&lt;b&gt;<i/></p>'
