"""The composition root: settings in, a working `Flows` out. The only place that names concrete stores and executors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_flows.execution.executor import Executor
from jupyter_flows.runtime.config import load_config
from jupyter_flows.runtime.executors import Executors
from jupyter_flows.runtime.flows import Flows
from jupyter_flows.runtime.home import make_home
from jupyter_flows.runtime.host import SchedulerHost
from jupyter_flows.runtime.identity import this_process
from jupyter_flows.runtime.jobs import Workshop
from jupyter_flows.runtime.scheduler import Scheduler, Timing, utc_now
from jupyter_flows.storage.open import open_store


def open_flows(
    home: str | Path | None = None, *, label: str = "python", ahead: str | Path | None = None, **settings: Any
) -> Flows:
    """Everything the product can do, over the store of `home` (default: Jupyter's data folder).

    `settings` are fields of `Config`. `ahead` is a notebook that is about to be run: what its kernels need gets ready
    meanwhile. No scheduler runs until one is asked for. Raises ConfigError, StoreError.
    """
    config = load_config(home=home, **settings)
    make_home(config.home)
    executors = Executors(config)
    if ahead is not None:
        executors.get_ready(Path(ahead))
    try:
        store = open_store(config.store_url, timeout=config.lock_timeout)
    except BaseException:
        executors.close()
        raise

    def build() -> tuple[Scheduler, Executor]:
        executor = executors.take()
        scheduler = Scheduler(
            store,
            executor,
            Workshop(config.home, store, config.start_timeout),
            this_process(label),
            slots=config.slots,
            fire_schedules=False,
            timing=Timing(config.poll, config.lease_ttl),
        )
        return scheduler, executor

    return Flows(config, store, SchedulerHost(store, build, dismiss=executors.close), utc_now)
