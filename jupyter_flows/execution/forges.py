"""Which forge a job is started from: one that has what jobs asked for so far, a successor when they ask for more."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from jupyter_flows.execution.environment import base_environment, needs_exec
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.forge import Forge, is_possible, preloadable
from jupyter_flows.execution.kernels import is_own_python
from jupyter_flows.execution.starting import Begun

log = logging.getLogger(__name__)

PATIENCE = 3
"""Forges that may fail before all attempts start cold."""


class Instead(Enum):
    """What to do when no forge can start a job now."""

    WAIT = "wait"
    GO_COLD = "go cold"


class Forges:
    """At most one forge at work and one coming up. Not thread-safe: the executor's thread owns it.

    A job waits for a forge that is coming up: its imports take as long as those of a cold attempt, and serve all
    that follow. While a successor comes up the old one goes on serving.
    """

    def __init__(self, *, watch: Callable[[Forge], None], unwatch: Callable[[Forge], None]) -> None:
        self._watch, self._unwatch = watch, unwatch
        self._wanted: frozenset[str] = frozenset()
        self._current: Forge | None = None
        self._coming: Forge | None = None
        self._failures = 0
        self._ours: dict[str, bool] = {}

    def want(self, names: Iterable[str]) -> None:
        """Have a forge come up that has these modules, unless there is one."""
        if self._failures == 0:
            self._wanted |= frozenset(preloadable(names))
        newest = self._coming or self._current
        if self._failures < PATIENCE and (newest is None or (not self._coming and not self._wanted <= newest.preload)):
            self._coming = Forge(self._wanted)
            self._watch(self._coming)

    def start(self, job: Job, env: Mapping[str, str]) -> Begun | Instead:
        """A forked supervisor for `job`, or what to do instead."""
        if not self._suits(job, env):
            return Instead.GO_COLD
        self.want(job.preload)
        if self._current is None:
            return Instead.WAIT if self._coming else Instead.GO_COLD
        begun = self._current.start(job.folder, env)
        if begun is not None:
            return begun
        was_stale = self._current.is_stale
        self._drop(self._current)
        self.want(())
        return Instead.WAIT if was_stale and self._coming else Instead.GO_COLD

    def _suits(self, job: Job, env: Mapping[str, str]) -> bool:
        if self._failures >= PATIENCE or not is_possible() or not self._is_ours(job.kernel):
            return False
        newest = self._current or self._coming
        return newest.suits(env) if newest else not needs_exec(env, base_environment(os.environ))

    def _is_ours(self, kernel: str) -> bool:
        if kernel not in self._ours:
            self._ours[kernel] = is_own_python(kernel)
        return self._ours[kernel]

    def hear(self, forge: Forge) -> None:
        """A forge's socket is readable: it is ready, or has ended."""
        forge.hear()
        if forge.is_gone:
            self._failed(forge)
        elif forge is self._coming:
            if self._current is not None:
                self._drop(self._current)
            self._current, self._coming = forge, None

    def check(self) -> None:
        """Give up on a forge that takes too long."""
        if self._coming is not None and time.monotonic() > self._coming.until:
            self._coming.trouble = "it took too long"
            self._failed(self._coming)

    @property
    def is_one_coming(self) -> bool:
        """Whether waiting makes sense."""
        return self._coming is not None

    def _failed(self, forge: Forge) -> None:
        """Try again with nothing but the base; in the end do without."""
        log.warning("A forge failed: %s", forge.trouble)
        self._failures += 1
        self._wanted = frozenset()
        self._drop(forge)
        self.want(())

    def _drop(self, forge: Forge) -> None:
        self._unwatch(forge)
        forge.close()
        self._current = None if self._current is forge else self._current
        self._coming = None if self._coming is forge else self._coming

    def close(self) -> None:
        """End them; what they have forked goes on."""
        for forge in (self._current, self._coming):
            if forge is not None:
                self._drop(forge)
