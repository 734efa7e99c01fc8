"""The examples, copied to where they may write, with a home of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BIN = Path(sys.executable).parent
PRINT_DIGEST = 'print(get_ipython().magics_manager.registry["FlowsMagics"].live.flow()[0].digest)'


@dataclass(frozen=True)
class Copy:
    """An example in a folder of its own."""

    folder: Path
    home: Path

    @property
    def notebook(self) -> Path:
        return self.folder / "flow.ipynb"

    @property
    def _env(self) -> dict[str, str]:
        """A home of its own, and the name of the notebook, which Jupyter's server tells its kernels."""
        return {"JUPYTER_FLOWS_HOME": str(self.home), "JPY_SESSION_NAME": str(self.notebook)}

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment in the example's folder, and expect it to end with `code`."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER_FLOWS_")}
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.folder,
            env={**env, **self._env, "PATH": f"{BIN}{os.pathsep}{env['PATH']}"},
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def by_hand(self) -> Any:
        """The notebook after every cell ran from top to bottom, and one more that prints the digest of the flow."""
        notebook = nbformat.read(self.notebook, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(PRINT_DIGEST))
        nbformat.write(notebook, self.notebook)
        self.run("jupyter-nbconvert", "--to", "notebook", "--execute", "--output", "executed.ipynb", "flow.ipynb")
        return nbformat.read(self.folder / "executed.ipynb", as_version=4)

    def flows(self, *words: str, code: int = 0) -> Any:
        """What a verb of `jupyter flows` prints with `--json`."""
        return json.loads(self.run("jupyter-flows", *words, "--json", code=code).stdout)

    def edit(self, old: str, new: str) -> None:
        """Change the text of the notebook."""
        text = self.notebook.read_text(encoding="utf-8")
        assert old in text
        self.notebook.write_text(text.replace(old, new), encoding="utf-8")


@dataclass(frozen=True)
class ByHand:
    """What running an example's cells from top to bottom left behind."""

    folder: Path
    notebook: Any

    def shown(self, beginning: str) -> str:
        return shown(self.notebook, beginning)

    @property
    def digest(self) -> str:
        """The version of the flow that the cells built as they ran."""
        return str(self.notebook.cells[-1].outputs[0]["text"]).strip()


def copied(example: str, folder: Path) -> Copy:
    target = folder / example
    shutil.copytree(EXAMPLES / example, target, ignore=shutil.ignore_patterns("out", ".ipynb_checkpoints"))
    return Copy(target, folder / "home")


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Copy]:
    """Copies an example to where it may write."""
    return lambda example: copied(example, tmp_path)


@pytest.fixture(scope="session")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ByHand]:
    """Runs an example by hand, once for all tests."""

    @cache
    def run(example: str) -> ByHand:
        copy = copied(example, tmp_path_factory.mktemp("by_hand"))
        return ByHand(copy.folder, copy.by_hand())

    return run


def shown(notebook: Any, beginning: str) -> str:
    """The plain text of the last result of the cell that says `beginning` in its first line."""
    cell = next(c for c in notebook.cells if c.cell_type == "code" and beginning in c.source.partition("\n")[0])
    results = [o for o in cell.outputs if o.output_type == "execute_result"]
    return str(results[-1]["data"]["text/plain"])


@pytest.fixture(name="shown")
def shown_fixture() -> Callable[[Any, str], str]:
    return shown
