"""Which kernel, which environment, what an error reply says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.errors import ExecutionError
from jupyter_flows.execution.cell_errors import cell_error, exits_quietly, plain
from jupyter_flows.execution.environment import kernel_environment, needs_exec
from jupyter_flows.execution.forge import preloadable
from jupyter_flows.execution.kernels import find_kernel, is_own_python


def install(folder: Path, name: str, argv: list[str], **more: Any) -> None:
    spec = folder / "kernels" / name
    spec.mkdir(parents=True)
    text = json.dumps({"argv": argv, "display_name": name, "language": "python", **more})
    (spec / "kernel.json").write_text(text)


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path


def test_a_missing_kernel_is_named_with_its_neighbours(specs: Path) -> None:
    install(specs, "analysis", [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    with pytest.raises(ExecutionError) as caught:
        find_kernel("analysys")
    assert "'analysys'" in caught.value.message
    assert "analysis" in caught.value.message
    assert "python3" in caught.value.message
    assert caught.value.fix == "Use 'analysis'."


def test_a_kernel_is_found_by_name_or_language(specs: Path) -> None:
    install(specs, "ir", ["R"], language="R")
    assert find_kernel("ir") == "ir"
    assert find_kernel(None) == "python3"
    assert find_kernel(None, "r") == "ir"
    with pytest.raises(ExecutionError, match="language 'julia'"):
        find_kernel(None, "julia")


def test_a_kernelspec_that_cannot_be_used_says_why(specs: Path) -> None:
    install(specs, "far", ["x"], metadata={"kernel_provisioner": {"provisioner_name": "cluster"}})
    install(specs, "torn", ["x"])
    (specs / "kernels" / "torn" / "kernel.json").write_text("{")
    for name in ("far", "torn"):
        with pytest.raises(ExecutionError, match=f"'{name}' is installed, but"):
            find_kernel(name)


@pytest.mark.parametrize(
    ("argv", "more", "own"),
    [
        ([sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], {}, True),
        (["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"], {}, True),
        (["/bin/sh", "-m", "ipykernel_launcher", "-f", "{connection_file}"], {}, False),
        ([sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--debug"], {}, False),
        ([sys.executable, "-m", "xpython", "-f", "{connection_file}"], {}, False),
        ([sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], {"env": {"A": "1"}}, False),
        (
            [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            {"metadata": {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}},
            False,
        ),
    ],
)
def test_only_plain_ipykernel_of_this_python_may_be_forked(
    specs: Path, argv: list[str], more: dict[str, Any], own: bool
) -> None:
    install(specs, "candidate", argv, **more)
    assert is_own_python("candidate") is own


def test_a_kernels_environment_has_no_tokens_of_its_surroundings(make_job: Any) -> None:
    job = make_job("1", env={"A": "job", "IPYTHONDIR": "/mine"})
    around = {"PATH": "/bin", "A": "outer", "JPY_API_TOKEN": "x", "JUPYTERHUB_API_TOKEN": "x", "JPY_PARENT_PID": "1"}
    env = kernel_environment(around, job)
    assert env == {
        "PATH": "/bin",
        "A": "job",
        "PYTHONUNBUFFERED": "1",
        "IPYTHONDIR": "/mine",
        "JUPYTER_FLOWS_ATTEMPT": str(job.folder),
    }


def test_some_variables_need_a_fresh_process() -> None:
    assert needs_exec({"PYTHONPATH": "/x"}, {})
    assert needs_exec({}, {"LD_PRELOAD": "x.so"})
    assert not needs_exec({"A": "1", "PYTHONUNBUFFERED": "1"}, {"B": "2"})


def test_only_modules_that_survive_a_fork_are_preloaded() -> None:
    assert preloadable(["numpy.linalg", "torch", "tensorflow", "json", "ipywidgets", "my_code"]) == [
        "json",
        "numpy.linalg",
    ]
    assert "matplotlib.pyplot" not in preloadable(["matplotlib.pyplot"])
    assert "matplotlib.figure" in preloadable(["matplotlib.pyplot"])


def test_colours_links_and_cursor_moves_are_not_plain_text() -> None:
    assert plain("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07 \x1b[2K") == "red link "


def test_the_deepest_line_in_the_cell_itself_counts() -> None:
    frames = "Cell In[3], line 9\nFile /lib/x.py:77, in f()\nCell In[3], line 4, in g()\nCell In[2], line 1, in h()"
    reply = {"status": "error", "ename": "E", "evalue": "\x1b[1mm\x1b[0m", "traceback": [frames]}
    error = cell_error(reply, {"id": "c", "execution_count": 3}, number=1)
    assert (error.line, error.message, error.cell_id) == (4, "m", "c")
    ours = cell_error(reply, {"id": "flows-save", "execution_count": 3}, number=None)
    assert ours.line is None, "the author has no such line"


@pytest.mark.parametrize(("value", "quiet"), [("0", True), ("", True), ("None", True), ("1", False), ("bye", False)])
def test_only_a_zero_exit_is_quiet(value: str, quiet: bool) -> None:
    assert exits_quietly({"ename": "SystemExit", "evalue": value}) is quiet
