"""Output within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nbformat import NotebookNode

from jupyter_flows.execution import outputs
from jupyter_flows.execution.outputs import Allowance, CellOutputs, Log, Tail


def texts(outs: list[NotebookNode]) -> list[tuple[str, str]]:
    return [(o["name"], o["text"]) for o in outs]


def picture(size: int) -> NotebookNode:
    return NotebookNode(output_type="display_data", data={"image/png": "x" * size}, metadata={})


def test_text_of_one_stream_is_joined_and_streams_stay_in_order() -> None:
    outs: list[NotebookNode] = []
    cell = CellOutputs(outs, Allowance())
    for name, text in [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]:
        cell.add_text(name, text)
    cell.settle()
    assert texts(outs) == [("stdout", "ab"), ("stderr", "c"), ("stdout", "d")]


def test_too_much_text_keeps_its_beginning_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "CELL_TEXT", 10)
    outs: list[NotebookNode] = []
    cell = CellOutputs(outs, Allowance())
    for number in range(100):
        cell.add_text("stdout", f"{number:02}")
    cell.settle()
    [(_, head), (_, tail)] = texts(outs)
    assert head == "0001020304"
    assert tail == "\n[180 characters left out; see the log]\n9596979899"
    cell.add_text("stdout", "xy")
    cell.settle()
    assert texts(outs)[1][1].endswith("96979899xy"), "it may be settled at any time"


def test_a_rich_output_too_large_leaves_a_marker_and_an_error_always_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "CELL_RICH", 1000)
    outs: list[NotebookNode] = []
    cell = CellOutputs(outs, Allowance())
    assert cell.add_rich(picture(500))
    assert not cell.add_rich(picture(2_000_000))
    assert "an output of 1.9 MB left out" in outs[-1]["text"]
    assert not cell.add_rich(picture(600))
    assert "2 outputs left out" in outs[-1]["text"]
    error = NotebookNode(output_type="error", ename="E", evalue="e", traceback=["x" * 5000])
    assert cell.add_rich(error)
    assert outs[-1] is error


def test_what_is_cleared_may_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "CELL_RICH", 1000)
    monkeypatch.setattr(outputs, "NOTEBOOK_RICH", 1000)
    cell = CellOutputs([], Allowance())
    for _ in range(10):
        assert cell.add_rich(picture(900))
        cell.clear()


def test_a_notebook_full_of_text_gives_later_cells_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "NOTEBOOK_TEXT", 50)
    monkeypatch.setattr(outputs, "LATE_CELL_TEXT", 5)
    allowance = Allowance()
    CellOutputs([], allowance).add_text("stdout", "x" * 100)
    outs: list[NotebookNode] = []
    late = CellOutputs(outs, allowance)
    late.add_text("stdout", "0123456789abcdefghij")
    late.settle()
    assert outs[0]["text"] == "01234"
    assert outs[1]["text"].endswith("fghij")


def test_there_is_a_limit_to_the_number_of_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "CELL_OUTPUTS", 10)
    outs: list[NotebookNode] = []
    cell = CellOutputs(outs, Allowance())
    for number in range(1000):
        cell.add_text(("stdout", "stderr")[number % 2], "x")
        cell.add_rich(picture(1))
    cell.settle()
    assert len(outs) <= 12


def test_a_tail_is_never_much_longer_than_its_limit() -> None:
    tail = Tail(100)
    for number in range(1000):
        tail.add(f"{number:03}")
    tail.add("y" * 5000)
    assert tail.text() == "y" * 100
    assert tail.dropped == 3000 + 4900


def test_a_full_log_keeps_its_beginning_and_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    log = Log(path, head=10, tail=4)
    for number in range(10):
        log.write(f"line{number}")
    assert path.read_text().startswith("line0line1\n[the log is full")
    log.close()
    assert path.read_text().endswith("[36 characters left out]\nine9")
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_ends_the_log_and_nothing_else() -> None:
    log = Log(Path(os.devnull).with_name("full"))
    log.write("x")
    log.write("y")
    log.close()
    assert "No space left" in log.fault
