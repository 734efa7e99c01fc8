"""Names that exist in a task's kernel without any task making them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from jupyter_flows.definition.edges_values import PlainCell
from jupyter_flows.definition.names import CellNames, Effects

CONTEXT = frozenset(
    {"data_interval_start", "data_interval_end", "logical_date", "ds", "ds_nodash", "ts", "ts_nodash", "run_id"}
    | {"run_type", "flow_id", "task_id", "try_number", "map_index", "params", "task", "display", "get_ipython"}
)
"""What a run tells its tasks, and what every kernel has."""

_OF_THE_KERNEL = re.compile(r"_+|_+i*|_i?\d+|_[iod]h|In|Out|__\w+__")
_NEVER_CHANGED = frozenset({"task", "display", "get_ipython"})


class Known:
    """What `%%setup`, parameters, the run and the kernel define, and what plain cells define in vain."""

    def __init__(self, setup: Sequence[CellNames], plain: Sequence[PlainCell], params: Collection[str]) -> None:
        self.setup = tuple(setup)
        self.plain = tuple(plain)
        self.params = frozenset(params)
        self.effects: dict[str, Effects] = {}
        self.setup_names: set[str] = set()
        self.imported: set[str] = set()
        for cell in self.setup:
            for name in {**cell.writes, **cell.imports}:
                self.effects.pop(name, None)
            self.effects.update(cell.effects)
            self.setup_names |= {*cell.writes, *cell.imports}
            self.imported |= {*cell.imports}
        self.opaque = any(cell.opaque for cell in self.setup)

    @staticmethod
    def is_of_the_kernel(name: str) -> bool:
        """`_`, `Out`, `__name__`: every kernel has its own, so they never travel."""
        return bool(_OF_THE_KERNEL.fullmatch(name))

    def has(self, name: str) -> bool:
        """Whether every task finds `name` set."""
        return name in self.setup_names or name in CONTEXT or name in self.params or self.is_of_the_kernel(name)

    def stays(self, name: str) -> bool:
        """Whether a change to `name` in place concerns the task's own kernel only: a module, the `task` object."""
        return name in self.imported or name in _NEVER_CHANGED

    def plain_cell(self, name: str) -> PlainCell | None:
        """The last plain cell that defines `name`."""
        return next((c for c in reversed(self.plain) if name in c.names.writes or name in c.names.imports), None)
