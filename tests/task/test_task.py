from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.storage.values import BadValue, store_value
from jupyter_flows.task import ATTEMPT, NotGiven, TaskFailed, TaskHandle, TaskSkipped, begin, hand, names_of

CONTEXT: dict[str, Any] = {
    "values": {
        "flow_id": "f",
        "task_id": "t",
        "try_number": 2,
        "map_index": 1,
        "data_interval_start": "2013-01-01T00:00:00-05:00",
        "ds": "2013-01-01",
    },
    "timezone": "America/New_York",
    "typed": {"data_interval_start": "moment"},
    "kind": "cell",
    "downstream": ["b", "c"],
    "inputs": {},
    "artifacts": {},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "context.json").write_text(json.dumps(CONTEXT), encoding="utf-8")
    monkeypatch.setenv(ATTEMPT, str(tmp_path))
    return tmp_path


def started(folder: Path, namespace: dict[str, Any] | None = None, **more: Any) -> TaskHandle:
    (folder / "context.json").write_text(json.dumps({**CONTEXT, **more}), encoding="utf-8")
    return begin({} if namespace is None else namespace)


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return found


def test_outside_an_attempt_there_is_nothing_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ATTEMPT, raising=False)
    with pytest.raises(NotGiven, match="no attempt") as error:
        begin({})
    assert error.value.fix


def test_begin_makes_datetimes_of_the_names_and_the_handle_knows_them(folder: Path) -> None:
    namespace: dict[str, Any] = {"data_interval_start": "2013-01-01T00:00:00-05:00", "ds": "2013-01-01"}
    task = started(folder, namespace)
    assert str(namespace["data_interval_start"].tzinfo) == "America/New_York"
    assert task.data_interval_start == namespace["data_interval_start"]
    assert (task.ds, task.try_number, repr(task)) == ("2013-01-01", 2, "<task t of f, try 2>")
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = task.nothing_like_it


def test_saved_values_are_listed_in_the_result_with_their_file(folder: Path) -> None:
    task = started(folder, {"x": 1, "y": [2]})
    task.save("x", "y", z={"k": 3})
    task.push("x", 5)
    task.done()
    artifacts = {a["name"]: a for a in result(folder)["artifacts"]}
    assert list(artifacts) == ["x", "y", "z"]
    assert json.loads((folder / artifacts["x"]["file"]).read_text(encoding="utf-8")) == 5
    assert (folder / artifacts["x"]["file"]).stat().st_size == artifacts["x"]["size"]
    assert result(folder)["branch"] is result(folder)["skip"] is result(folder)["fail"] is None
    assert not list(folder.glob(".*"))


def test_a_name_that_was_never_set_cannot_be_saved(folder: Path) -> None:
    with pytest.raises(NotGiven, match="'x'"):
        started(folder).save("x")


def test_inputs_are_loaded_by_name(folder: Path, tmp_path: Path) -> None:
    stored = store_value(tmp_path / "up", "x", {1, 2})
    place = {"path": str(tmp_path / "up" / stored["file"]), "format": stored["format"], "digest": stored["digest"]}
    task = started(folder, inputs={"x": place, "y": place}, artifacts={"up": {"return_value": place}})
    assert task.load("x") == {1, 2}
    assert task.load("x", "y") == ({1, 2}, {1, 2})
    assert (task.pull("up"), task.pull(["up", "gone"]), task.pull("up", key="k")) == ({1, 2}, [{1, 2}, None], None)
    with pytest.raises(NotGiven, match="'z'"):
        task.load("z")


def test_an_item_is_chosen_by_the_map_index(folder: Path, tmp_path: Path) -> None:
    stored = store_value(tmp_path / "up", "xs", [10, 20])
    place = {"path": str(tmp_path / "up" / stored["file"]), "format": "json"}
    assert started(folder, inputs={"xs": place}).item("xs") == 20
    (tmp_path / "up" / stored["file"]).write_text("[10]", encoding="utf-8")
    with pytest.raises(NotGiven, match="item 1"):
        started(folder, inputs={"xs": place}).item("xs")


@pytest.mark.parametrize(("verb", "error", "key"), [("skip", TaskSkipped, "skip"), ("fail", TaskFailed, "fail")])
def test_skip_and_fail_are_recorded_before_they_raise(
    folder: Path, verb: str, error: type[Exception], key: str
) -> None:
    with pytest.raises(error, match="no data"):
        getattr(started(folder), verb)("no data")
    assert result(folder)[key] == "no data"


def test_skip_and_fail_without_a_reason_are_still_recorded(folder: Path) -> None:
    with pytest.raises(TaskSkipped):
        started(folder).skip()
    assert result(folder)["skip"] == ""


def test_a_branch_is_checked_against_what_follows(folder: Path) -> None:
    task = started(folder)
    task.branch("b")
    assert result(folder)["branch"] == ["b"]
    task.branch(["b", "c"])
    assert result(folder)["branch"] == ["b", "c"]
    with pytest.raises(NotGiven, match="'d'"):
        task.branch("d")


def test_a_return_value_is_stored_when_it_is_small_json_or_read_later(folder: Path) -> None:
    def stored(value: Any, **more: Any) -> list[str]:
        task = started(folder, {"_": value}, **more)
        task.done()
        return [a["name"] for a in result(folder)["artifacts"]]

    assert stored(5) == ["return_value"]
    assert stored("x" * 100_000) == []
    assert stored({1, 2}) == []
    assert stored({1, 2}, returns=True) == ["return_value"]
    assert stored(None, returns=True) == []


def test_a_pushed_return_value_is_not_overwritten(folder: Path) -> None:
    task = started(folder, {"_": 5})
    task.push("return_value", 7)
    task.done()
    (artifact,) = result(folder)["artifacts"]
    assert json.loads((folder / artifact["file"]).read_text(encoding="utf-8")) == 7


def test_a_value_that_cannot_be_pickled_is_told_by_its_name(folder: Path) -> None:
    import threading

    with pytest.raises(BadValue, match="'lock'") as error:
        started(folder).save(lock=threading.Lock())
    assert "--out" in error.value.fix
    assert list((folder / "values").iterdir()) == []


@pytest.mark.parametrize("key", ["../up", "a/b", "x" * 500, "é", "CON", "X", "a b", "."])
def test_any_key_is_stored_inside_the_attempt(folder: Path, key: str) -> None:
    task = started(folder)
    task.push(key, 1)
    (artifact,) = result(folder)["artifacts"] if (folder / "result.json").exists() else ()
    assert artifact["name"] == key
    assert (folder / artifact["file"]).resolve().parent == (folder / "values").resolve()


def test_by_hand_nothing_is_written_and_values_come_from_the_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = {"x": 5}
    task = hand(CONTEXT, namespace)
    assert (task.load("x"), task.ds, task.flow_id) == (5, "2013-01-01", "f")
    task.save("x")
    task.push("k", 6)
    task.branch("b")
    task.done()
    assert (task.pull("any", key="k"), task.pull(["any"], key="other")) == (6, [None])
    assert task.result["branch"] == ["b"]
    with pytest.raises(NotGiven, match="'y'") as error:
        task.load("y")
    assert "Run the cell" in error.value.fix
    with pytest.raises(TaskSkipped, match="enough"):
        task.skip("enough")
    assert list(tmp_path.iterdir()) == []


def test_by_hand_a_sparse_context_will_do() -> None:
    task = hand({})
    assert task.pull("a") is None
    assert names_of({}) == {}
    with pytest.raises(AttributeError):
        _ = task.run_id


def test_the_last_expression_is_what_ipython_says_it_was() -> None:
    from types import SimpleNamespace

    task = hand({**CONTEXT, "kind": "branch"})
    task.note(SimpleNamespace(result="c"))
    task.decide()
    assert task.result["branch"] == ["c"]
    task.note(object())
    task.done()


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ["IPython", "pandas", "numpy", "pyarrow", "cloudpickle", "sqlalchemy", "jinja2", "nbformat", "papermill"]
    script = f"import sys, jupyter_flows.task; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_in_ipython_the_value_of_the_body_decides_and_a_sensor_runs_its_cell_again(folder: Path) -> None:
    script = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def run(text):
    shell.run_cell(text, store_history=True).raise_error()
run("from jupyter_flows.task import begin\\ntask = begin(globals())\\nseen = []\\n1")
run({"seen.append(1)" + chr(10) + "len(seen) == 3"!r})
run("task.decide()\\ntask.done()")
print(len(shell.user_ns["seen"]))
"""
    source = "seen.append(1)\nlen(seen) == 3"
    context = {**CONTEXT, "kind": "sensor", "source": source, "options": {"poke": 0.01}}
    (folder / "context.json").write_text(json.dumps(context), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip().endswith("3"), done.stdout + done.stderr
    assert [a["name"] for a in result(folder)["artifacts"]] == ["return_value"]
