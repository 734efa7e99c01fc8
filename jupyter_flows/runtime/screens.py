"""Reads the store into the views every screen shows, remembering what can no longer change."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_flows.model.event import CELL_FINISHED, CELL_STARTED
from jupyter_flows.model.flow import Flow
from jupyter_flows.model.ids import FlowId
from jupyter_flows.model.run import FlowRun, RunKey, TaskKey, TaskRun
from jupyter_flows.storage.store import Store
from jupyter_flows.views import View, backfill_view, run_view


class RunScreen:
    """One run as it stands; call `view` again and again while it moves."""

    def __init__(self, store: Store, key: RunKey, *, home: str | None = None) -> None:
        self._store = store
        self._key = key
        self._home = home
        self._flow: Flow | None = None
        self._version = ""
        self._seq = 0
        self._cells: dict[TaskKey, tuple[int, int]] = {}

    @property
    def key(self) -> RunKey:
        """Which run."""
        return self._key

    def view(self, *, graph: bool = True) -> View:
        """The run now. Raises NotFound."""
        run = self._store.run(self._key)
        if run.version != self._version or self._flow is None:
            self._flow, self._version = self._store.flow_version(run.flow_id, run.version), run.version
        self._read_cells()
        return run_view(
            run,
            self._flow,
            self._store.task_runs([self._key]).get(self._key, []),
            attempts=self._store.attempts(self._key),
            cells=self._cells,
            graph=graph,
            home=self._home,
        )

    def _read_cells(self) -> None:
        while events := self._store.events(self._seq, flow_id=self._key.flow_id, run_id=self._key.run_id):
            for event in events:
                if event.kind in (CELL_STARTED, CELL_FINISHED):
                    data = event.data
                    done = int(data["cell"]) + (event.kind == CELL_FINISHED)
                    self._cells[TaskKey(data["task_id"], int(data["map_index"]))] = (done, int(data["cells"]))
            self._seq = events[-1].seq


class BackfillScreen:
    """A backfill's matrix as it stands. Rows of finished runs are read once."""

    def __init__(self, store: Store, backfill_id: int) -> None:
        self._store = store
        self._id = backfill_id
        self._flows: dict[str, Flow] = {}
        self._done: dict[RunKey, tuple[FlowRun, Sequence[TaskRun]]] = {}

    def view(self) -> View:
        """The backfill now. Raises NotFound."""
        backfill = self._store.backfill(self._id)
        runs = self._store.runs(backfill_id=self._id, oldest_first=True)
        moving = [r for r in runs if self._done.get(r.key, (None,))[0] != r]
        rows = self._store.task_runs([r.key for r in moving])
        for run in moving:
            if run.state.is_finished:
                self._done[run.key] = (run, rows.get(run.key, []))
        task_runs = {r.key: rows[r.key] if r.key in rows else self._done.get(r.key, (r, []))[1] for r in runs}
        return backfill_view(backfill, self._flow(backfill.flow_id, runs), runs, task_runs)

    def _flow(self, flow_id: FlowId, runs: Sequence[FlowRun]) -> Flow:
        version = runs[-1].version if runs else self._store.flow(flow_id).version
        if version not in self._flows:
            self._flows[version] = self._store.flow_version(flow_id, version)
        return self._flows[version]
