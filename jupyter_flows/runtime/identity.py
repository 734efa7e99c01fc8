"""Who this process is, and whether another one still lives."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

from jupyter_flows.storage.store import Owner


def this_process(label: str = "") -> Owner:
    """A new identity for a scheduler in this process; two calls differ in `id`."""
    import psutil

    return Owner(
        id=uuid.uuid4().hex,
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=os.getpid(),
        pid_started=psutil.Process().create_time(),
        label=label,
    )


def is_surely_dead(owner: Owner) -> bool:
    """True when `owner` ran on this host and its process is gone. False means: cannot tell, or alive."""
    import psutil

    if owner.host != socket.gethostname():
        return False
    if owner.boot_id != _boot_id():
        return True
    try:
        process = psutil.Process(owner.pid)
        reused = abs(process.create_time() - owner.pid_started) > 1.0
        return reused or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))
