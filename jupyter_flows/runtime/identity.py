"""Who this process is, and whether another one still lives."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

from jupyter_flows.storage.store import Owner


def this_process(label: str = "") -> Owner:
    """A new identity for a scheduler in this process; two calls differ in `id`."""
    pid = os.getpid()
    return Owner(
        id=uuid.uuid4().hex,
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=pid,
        pid_started=_started(pid) or 0.0,
        label=label,
    )


def is_surely_dead(owner: Owner) -> bool:
    """True when `owner` ran on this host and its process is gone. False means: cannot tell, or alive."""
    if owner.host != socket.gethostname():
        return False
    if owner.boot_id != _boot_id():
        return True
    started = _started(owner.pid)
    if started is None:
        return _is_gone(owner.pid)
    return abs(started - owner.pid_started) > 1.0


def _started(pid: int) -> float | None:
    """When a process began, by a clock that nobody sets; None when there is none, only its zombie, or it is hidden."""
    from jupyter_flows.execution import processes

    found = processes.start_time(pid)
    return float(found) if found else None


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # another user's, whose start this system hides
    return True  # ours, and it has no start: a zombie


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))
