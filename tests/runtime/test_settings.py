"""Settings, notebook files, who a process is, and the home."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.errors import ConfigError, DefinitionError, NotFound
from jupyter_flows.runtime.config import Config, load_config
from jupyter_flows.runtime.home import make_home
from jupyter_flows.runtime.identity import is_surely_dead, this_process
from jupyter_flows.runtime.open import open_flows
from jupyter_flows.runtime.sources import read_notebook

# ── settings ─────────────────────────────────────────────────────────────────────────────


def test_arguments_beat_the_environment_which_beats_the_defaults(tmp_path: Path) -> None:
    env = {"JUPYTER_FLOWS_HOME": str(tmp_path / "env"), "JUPYTER_FLOWS_PARALLELISM": "3", "JUPYTER_FLOWS_POLL": "0.5"}
    config = load_config(env, home=tmp_path / "argument", parallelism=5, lease_ttl=None)
    assert (config.home, config.parallelism, config.poll, config.lease_ttl) == (tmp_path / "argument", 5, 0.5, 10.0)
    assert load_config(env).home == tmp_path / "env"
    assert load_config({}).home.name == "flows"


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_config({"JUPYTER_FLOWS_PARALLELISM": "", "JUPYTER_FLOWS_HOME": ""}).parallelism == 0


@pytest.mark.parametrize(("text", "value"), [("off", False), ("0", False), ("No", False), ("TRUE", True), ("1", True)])
def test_switches_are_words_people_use(text: str, value: bool) -> None:
    assert load_config({"JUPYTER_FLOWS_FORGE": text}).forge is value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PARALLELISM", "many"),
        ("PARALLELISM", "-1"),
        ("POLL", "soon"),
        ("POLL", "0"),
        ("POLL", "9"),
        ("FORGE", "maybe"),
        ("LEASE_TTL", "nan"),
        ("START_TIMEOUT", "-5"),
    ],
)
def test_a_bad_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"(?i){name}"):
        load_config({f"JUPYTER_FLOWS_{name}": text})


def test_a_setting_that_does_not_exist_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="paralelism") as caught:
        load_config({}, paralelism=3)
    assert "parallelism" in caught.value.fix


def test_every_setting_says_what_it_is_for() -> None:
    assert all(f.metadata.get("doc") for f in fields(Config))


def test_there_are_at_least_two_slots_and_the_store_lies_in_the_home(tmp_path: Path) -> None:
    config = Config(home=tmp_path)
    assert config.slots >= 2
    assert Config(home=tmp_path, parallelism=1).slots == 1
    assert config.store_url == f"sqlite:///{tmp_path / 'flows.sqlite'}"
    assert Config(home=tmp_path, store="memory://").store_url == "memory://"


def test_the_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_home(tmp_path / "new" / "home")
    assert (tmp_path / "new" / "home").stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_a_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--home DIR") as caught:
        open_flows(tmp_path / "file")
    assert str(tmp_path / "file") in caught.value.message


def test_opened_flows_live_in_their_home_until_closed(tmp_path: Path) -> None:
    flows = open_flows(tmp_path, forge=False)
    try:
        assert flows.flows() == []
        assert flows.host.status().leader is None
        assert not flows.host.is_anyone_leading()
    finally:
        flows.close()
    assert (tmp_path / "flows.sqlite").exists()


# ── notebook files ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "is empty"), ("{", "is not JSON"), ("[1]", "not a notebook"), ("[" * 100_000, "is not JSON")],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "flow.ipynb"
    file.write_text(text)
    with pytest.raises(DefinitionError, match=what) as caught:
        read_notebook(file)
    assert caught.value.problems[0].place.notebook == str(file)
    assert caught.value.problems[0].fix


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "flow.ipynb").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionError, match="cannot be read"):
        read_notebook(tmp_path / "flow.ipynb")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no notebook"):
        read_notebook(tmp_path / "flow.ipynb")
    with pytest.raises(NotFound, match="is a folder"):
        read_notebook(tmp_path)


# ── who is who ───────────────────────────────────────────────────────────────────────────


def test_this_process_lives() -> None:
    me = this_process("me")
    assert not is_surely_dead(me)
    assert me.id != this_process("me").id


@pytest.mark.parametrize(
    "change", [{"pid_started": 1.0}, {"boot_id": "an earlier start of this machine"}, {"pid": 2**22 - 1}]
)
def test_a_process_that_is_gone_or_another_under_its_number_is_surely_dead(change: dict[str, Any]) -> None:
    assert is_surely_dead(replace(this_process(), **change))


def test_of_another_host_nothing_is_known() -> None:
    assert not is_surely_dead(replace(this_process(), host="elsewhere", pid=2**22 - 1))


def test_a_process_that_only_waits_to_be_collected_is_dead() -> None:
    ask = (
        "from jupyter_flows.runtime.identity import this_process as t; o = t(); print(o.pid, o.pid_started, flush=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", ask + "; input()"], stdin=-1, stdout=-1, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        pid, started = child.stdout.readline().split()
        owner = replace(this_process(), pid=int(pid), pid_started=float(started))
        assert not is_surely_dead(owner)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_surely_dead(owner)
    child.wait()
    assert is_surely_dead(owner)


def test_a_clock_that_is_set_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of a process counts from the machine's own, which no time server moves."""
    import psutil

    me = this_process()
    monkeypatch.setattr(psutil, "boot_time", lambda: 0.0)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: 12345.0)
    assert not is_surely_dead(me)
