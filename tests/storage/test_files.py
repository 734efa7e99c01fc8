"""Files of the home: where they lie, that nobody sees half of one, and logs that grow while they are read."""

from __future__ import annotations

import os
import stat
import string
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_flows.errors import FlowsError, StoreError, UsageError
from jupyter_flows.model.ids import AttemptId, FlowId, RunId, TaskId
from jupyter_flows.model.run import RunKey
from jupyter_flows.storage import files

HOME = Path("/home/flows")
RUN = RunId("scheduled__2024-01-01T00:00:00+00:00")
FIRST = AttemptId(FlowId("sales"), RUN, TaskId("load"), -1, 1)


def test_each_file_of_an_attempt_has_its_place() -> None:
    folder = HOME / "runs" / "sales" / "scheduled__2024-01-01T000000+0000"
    assert files.run_path(HOME, RunKey(FIRST.flow_id, RUN)) == folder
    assert files.attempt_notebook(HOME, FIRST) == folder / "load" / "1.ipynb"
    assert files.attempt_log(HOME, FIRST) == folder / "load" / "1.log"
    assert files.attempt_folder(HOME, FIRST) == folder / "load" / "1"
    mapped = FIRST._replace(map_index=3, try_number=2)
    assert files.attempt_notebook(HOME, mapped) == folder / "load@3" / "2.ipynb"


def test_a_stored_path_is_relative_and_leads_back(tmp_path: Path) -> None:
    path = files.attempt_log(tmp_path, FIRST)
    assert files.relative(tmp_path, path) == "runs/sales/scheduled__2024-01-01T000000+0000/load/1.log"
    assert files.inside(tmp_path, files.relative(tmp_path, path)) == path.resolve()


EVIL = [
    "..", ".", "", "/", "a/b", "../x", "a\\b", "..\\x", "a\0b", "~root", "a..b", "C:", "x.", "%2e%2e", "/etc/passwd",
    "a\n", "\u2025", "\uff0e\uff0e", "a" * 201, "-x", "NUL\0", "./x", "@1",
]  # fmt: skip


@pytest.mark.parametrize("text", EVIL)
def test_an_id_that_could_lead_elsewhere_is_refused(text: str) -> None:
    for attempt in (FIRST._replace(flow_id=FlowId(text)), FIRST._replace(task_id=TaskId(text))):
        with pytest.raises(UsageError):
            files.attempt_folder(HOME, attempt)


@pytest.mark.parametrize("text", ["..", ".", "", "/", "a/b", "../x", "a\\b", "a\0b", "a..b", ":.:.:", "a\n", "é"])
def test_a_run_id_that_could_lead_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        files.run_path(HOME, RunKey(FlowId("sales"), RunId(text)))


@pytest.mark.parametrize(("field", "value"), [("try_number", 0), ("try_number", -1), ("map_index", -2)])
def test_numbers_out_of_range_are_refused(field: str, value: int) -> None:
    with pytest.raises(UsageError):
        files.attempt_folder(HOME, FIRST._replace(**{field: value}))


@given(st.text(string.printable, max_size=12), st.text(string.printable, max_size=12), st.text(max_size=12))
def test_whatever_the_ids_the_place_lies_in_the_home(flow: str, task: str, run: str) -> None:
    try:
        path = files.attempt_log(HOME, AttemptId(FlowId(flow), RunId(run), TaskId(task), -1, 1))
    except FlowsError:
        return
    assert Path(os.path.normpath(path)) == path
    assert path.parts[:4] == (*HOME.parts, "runs")
    assert len(path.relative_to(HOME).parts) == 5


@pytest.mark.parametrize("stored", ["../x", "/etc/passwd", "runs/../../x", "link/x", "a\0b"])
def test_a_stored_path_that_leads_outside_is_refused(tmp_path: Path, stored: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "home2").mkdir()
    (home / "link").symlink_to(tmp_path / "home2")
    with pytest.raises(UsageError):
        files.inside(home, stored)


def test_a_file_is_written_whole_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    before = os.umask(0)
    try:
        files.write_atomic(path, b"one")
        files.write_atomic(path, b"two")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file.json"
    files.write_atomic(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StoreError, match=r"file\.json cannot be written: No space left") as caught:
        files.write_atomic(path, b"new")
    assert "Free space" in caught.value.fix
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]


def test_a_folder_in_the_way_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file.json").mkdir()
    with pytest.raises(StoreError, match=r"file\.json"):
        files.write_atomic(tmp_path / "file.json", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    files.write_atomic(path, b"0" * 100_000)

    def write() -> None:
        for digit in b"123456789":
            files.write_atomic(path, bytes([digit]) * 100_000)

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(path.read_bytes())
    writer.join()
    assert seen
    assert all(len(data) == 100_000 and len(set(data)) == 1 for data in seen)


def test_free_space_is_known_before_the_folder_exists(tmp_path: Path) -> None:
    assert files.disk_free(tmp_path / "not" / "yet") > 0


def test_a_lock_file_excludes_and_is_freed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with files.locked(path, 5):
        with pytest.raises(StoreError, match="locked by another process"):
            with files.locked(path, 0.05):
                raise AssertionError("two hold one lock")
    with files.locked(path, 0.05):
        pass


def test_a_log_is_read_on_from_where_one_stopped(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    assert files.read_from(path) == files.LogPart("", 0, 0, 0)
    path.write_text("one\n")
    part = files.read_from(path)
    assert part == files.LogPart("one\n", 0, 4, 4)
    with open(path, "a") as log:
        log.write("two\n")
    assert files.read_from(path, part.end) == files.LogPart("two\n", 4, 8, 8)
    assert files.read_from(path, 8).text == ""
    assert files.read_from(path, 99).text == "one\ntwo\n"  # it became shorter: it is another log


@given(st.text(max_size=60), st.integers(1, 9))
def test_no_character_is_torn_however_a_log_is_cut(text: str, limit: int) -> None:
    import tempfile

    data = text.encode("utf-8", "replace")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1.log"
        path.write_bytes(data)
        parts, offset = [], 0
        while (part := files.read_from(path, offset, limit)).text:
            parts.append(part.text)
            offset = part.end
    assert "".join(parts) == data.decode()


def test_half_a_character_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    path.write_bytes("aü".encode()[:-1])
    part = files.read_from(path)
    assert (part.text, part.end, part.size) == ("a", 1, 2)
    path.write_bytes("aü".encode())
    assert files.read_from(path, part.end).text == "ü"


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "1.log"
    assert files.tail(path).text == ""
    path.write_text("".join(f"line {n} ü\n" for n in range(100)))
    part = files.tail(path, 40)
    assert part.text == "line 97 ü\nline 98 ü\nline 99 ü\n"
    assert part.end == part.size == path.stat().st_size
    assert part.start == part.size - len(part.text.encode())
    assert files.tail(path).text == path.read_text()
    path.write_text("ü" * 100)
    assert files.tail(path, 9).text == "ü" * 4
