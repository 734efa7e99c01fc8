"""Processes as the operating system knows them: who is who, who descends from whom, how all of them end.

A process is named by pid *and* start time, because pids are used again. On Linux everything is read from /proc;
elsewhere psutil answers.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

COOKIE = "JUPYTER_FLOWS_ATTEMPT"
"""The environment variable that marks every process of an attempt with its folder."""

IS_LINUX = os.path.exists("/proc/self/stat")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if IS_LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def become_subreaper() -> None:
    """Whoever loses its parent below this process becomes its child, also after setsid and double fork."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` ends; ends at once if it already has."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if IS_LINUX and os.getppid() != parent:
        os._exit(1)


# ── identity ─────────────────────────────────────────────────────────────────────────


def start_time(pid: int) -> str | None:
    """When the process began, in the system's own unit; None when there is no such process or only its zombie."""
    if not IS_LINUX:
        import psutil

        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
        except psutil.Error:
            return None
    fields = _stat(pid)
    return None if fields is None or fields[0] in ("Z", "X") else fields[19]


def boot() -> str:
    """Names this run of the operating system: start times compare only within it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def identity(pid: int) -> dict[str, Any]:
    """Names a process for good: `is_alive` recognises it and no other."""
    return {"pid": pid, "start": start_time(pid), "boot": boot()}


def is_alive(who: dict[str, Any]) -> bool:
    """Whether the very process of `identity` still runs."""
    pid = who.get("pid")
    return isinstance(pid, int) and who.get("boot") == boot() and start_time(pid) == who.get("start") is not None


def send_signal(who: dict[str, Any], number: int) -> None:
    """Signal the very process of `identity`, never one that was given its pid later."""
    if not hasattr(os, "pidfd_open"):
        if is_alive(who):
            with suppress(OSError):
                os.kill(who["pid"], number)
        return
    try:
        handle = os.pidfd_open(who["pid"])
    except OSError:
        return
    try:
        if is_alive(who):
            with suppress(OSError):
                signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def _stat(pid: int | str) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on (the name before them may hold anything)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except OSError:
        return None


# ── trees ────────────────────────────────────────────────────────────────────────────


def descendants(root: int) -> list[int]:
    """Every living process below `root`, parents first. With a subreaper at `root` nobody can escape it."""
    if not IS_LINUX:
        import psutil

        try:
            return [child.pid for child in psutil.Process(root).children(recursive=True)]
        except psutil.Error:
            return []
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(name)) and fields[0] not in ("Z", "X"):
            children.setdefault(int(fields[1]), []).append(int(name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send `number` to each; those already gone are no error."""
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def reap(note: Callable[[int, int], None]) -> bool:
    """Collect ended children, telling `note(pid, exit code)`; minus the signal's number for a killed one.

    False when no child is left, living or dead.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        note(pid, os.waitstatus_to_exitcode(status))


def end_tree(note: Callable[[int, int], None], *, patience: float = 10.0) -> bool:
    """Kill and collect everything below this process. False when something outlived `patience`."""
    deadline, wait = time.monotonic() + patience, 0.001
    while time.monotonic() < deadline:
        signal_all(descendants(os.getpid()), signal.SIGKILL)
        if not reap(note):
            return True
        time.sleep(wait)
        wait = min(wait * 2, 0.05)
    return False


def marked(folder: Path) -> list[int]:
    """Every process of ours whose environment carries the cookie of this attempt's folder."""
    if IS_LINUX:
        wanted = f"{COOKIE}={folder}".encode()
        return [pid for pid in _pids() if wanted in _environment(pid)]
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(COOKIE) == str(folder):
                found.append(process.pid)
    return found


def _pids() -> list[int]:
    me = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != me]


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def end_marked(folder: Path, *, patience: float = 10.0) -> bool:
    """Kill what is left of an attempt whose supervisor is gone. False when something outlived `patience`."""
    deadline = time.monotonic() + patience
    while pids := [pid for pid in marked(folder) if start_time(pid)]:
        if time.monotonic() > deadline:
            return False
        signal_all([p for pid in pids for p in (pid, *descendants(pid))], signal.SIGKILL)
        time.sleep(0.005)
    return True


def write_cookie(folder: Path) -> None:
    """Make this forked process carry the cookie in /proc/<pid>/environ, where only the exec'ed environment shows.

    Works when the process was exec'ed with a long enough placeholder under the cookie's name; else changes nothing.
    """
    fields = _stat("self")
    if fields is None or len(fields) < 49:
        return
    with open("/proc/self/environ", "rb") as file:
        block = file.read()
    key = f"{COOKIE}=".encode()
    begin = 0 if block.startswith(key) else block.find(b"\0" + key) + 1
    if begin == 0 and not block.startswith(key):
        return
    end = block.index(b"\0", begin)
    text = f"{COOKIE}={folder}".encode()
    if begin + len(text) <= end:
        address = int(fields[47]) + begin
        ctypes.memmove(address, text.ljust(end - begin, b"\0"), end - begin)
