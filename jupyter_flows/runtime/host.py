"""The scheduler of this process: started when somebody needs one, stopped when nothing is left for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_flows.execution.executor import Executor
from jupyter_flows.runtime.bell import Bell
from jupyter_flows.runtime.identity import is_surely_dead
from jupyter_flows.runtime.scheduler import Scheduler, SchedulerState
from jupyter_flows.storage.store import Store


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """What is known of schedulers on this store: ours, and whoever holds the lease."""

    here: SchedulerState
    fires_schedules: bool
    leader: str | None
    leader_pid: int | None
    leader_host: str | None
    leader_is_dead: bool
    trouble: str

    def to_json(self) -> dict[str, Any]:
        """The shape doors print."""
        return {
            "here": self.here.value,
            "fires_schedules": self.fires_schedules,
            "leader": self.leader,
            "leader_pid": self.leader_pid,
            "leader_host": self.leader_host,
            "leader_is_dead": self.leader_is_dead,
            "trouble": self.trouble,
        }


class SchedulerHost:
    """Owns at most one scheduler and its executor. One that was started only to carry out runs fires no schedules.

    `build` makes both when they are first needed; `dismiss` ends what was got ready for it and not used.
    """

    def __init__(
        self,
        store: Store,
        build: Callable[[], tuple[Scheduler, Executor]],
        dismiss: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._build = build
        self._dismiss = dismiss
        self._scheduler: Scheduler | None = None
        self._executor: Executor | None = None
        self._lock = threading.Lock()
        self.bell = Bell()
        """Rings when our scheduler has nothing left to do."""

    def ensure(self, *, fire_schedules: bool = False) -> Scheduler:
        """A running scheduler in this process; asking for schedules once turns them on for good."""
        with self._lock:
            if self._scheduler is None:
                self._scheduler, self._executor = self._build()
                self._scheduler.bell = self.bell
            if fire_schedules:
                self._scheduler.fire_schedules = True
            self._scheduler.start()
            self._scheduler.wake()
            return self._scheduler

    @property
    def trouble(self) -> str:
        """Why the scheduler of this process can do nothing now; empty when all is well or none runs here."""
        ours = self._scheduler
        return ours.trouble if ours else ""

    def wake(self) -> None:
        """Tell ours, if there is one, that the store has news."""
        ours = self._scheduler
        if ours is not None:
            ours.wake()

    def stop(self, *, cancel: bool = False) -> None:
        """End it and give up the lease. Attempts go on and are adopted later, unless `cancel`."""
        with self._lock:
            scheduler, executor = self._scheduler, self._executor
            self._scheduler = self._executor = None
        if scheduler is not None:
            scheduler.stop()
        if executor is not None:
            executor.close(cancel=cancel)
        self._dismiss()

    def is_anyone_leading(self) -> bool:
        """Whether a scheduler, here or elsewhere, acts: requests are obeyed."""
        lease = self._store.lease()
        return lease is not None and not is_surely_dead(lease.owner)

    def status(self) -> SchedulerStatus:
        """Ours and the leader, as the store knows it."""
        lease = self._store.lease()
        ours = self._scheduler
        return SchedulerStatus(
            here=ours.state if ours else SchedulerState.STOPPED,
            fires_schedules=bool(ours and ours.fire_schedules),
            leader=lease.owner.label or lease.owner.id if lease else None,
            leader_pid=lease.owner.pid if lease else None,
            leader_host=lease.owner.host if lease else None,
            leader_is_dead=bool(lease and is_surely_dead(lease.owner)),
            trouble=self.trouble,
        )
