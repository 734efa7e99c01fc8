"""Where the executor of a process comes from, and how it gets ready while other things still load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_flows.definition.render import preload_of
from jupyter_flows.errors import FlowsError
from jupyter_flows.execution.executor import Executor
from jupyter_flows.runtime.config import Config
from jupyter_flows.runtime.sources import read_definition

if TYPE_CHECKING:
    from jupyter_flows.execution.local import LocalExecutor

OWN = (None, "python3")
"""Kernels that are forked; for others there is nothing to get ready."""


class Executors:
    """Makes the executors of one process; not thread-safe."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._ahead: Executor | None = None

    def get_ready(self, notebook: Path) -> None:
        """Start the process that this notebook's kernels will come from: it takes as long as opening a database.

        A notebook that cannot be read starts nothing; whoever reads it next will say why.
        """
        from jupyter_flows.execution.forge import is_possible

        if not self._config.forge or not is_possible():
            return
        try:
            flow, _ = read_definition(notebook.expanduser().absolute())
        except FlowsError:
            return
        if flow.kernel in OWN and any(task.kind != "empty" for task in flow.tasks):
            executor = self._make()
            executor.warm(preload_of(flow))
            self._ahead = executor

    def take(self) -> Executor:
        """An executor, the one that was got ready if there is one."""
        executor, self._ahead = self._ahead, None
        return executor or self._make()

    def close(self) -> None:
        """End what was got ready and not taken."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def _make(self) -> LocalExecutor:
        from jupyter_flows.execution.local import LocalExecutor

        return LocalExecutor(home=self._config.home, forge=self._config.forge)
