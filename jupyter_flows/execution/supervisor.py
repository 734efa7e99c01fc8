"""The supervisor: one light process per attempt that nothing of it can escape, and that always leaves evidence.

It leads a session of its own and adopts every orphan below it. It starts the runner (and, where it can be forked, the
kernel), beats, obeys a cancel and the timeout, and in the end kills and collects the whole tree and writes down what
was seen. It outlives whoever asked for the attempt.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_flows.execution import processes
from jupyter_flows.execution.evidence import Evidence, evidence_from_json, judge
from jupyter_flows.execution.folder import AttemptFolder, claim_file, encode, read_json, replace_file, sweep_temporaries
from jupyter_flows.execution.results import read_result
from jupyter_flows.execution.stage import ColdStart, Family, Stage, Start, short_folder
from jupyter_flows.execution.wire import CELL_FINISHED, CELL_STARTED, ENDED, STARTED, job_from_json
from jupyter_flows.model.run import outcome_to_json

BEAT = 1.0
TIMEOUT_GRACE = 3.0
"""Seconds between the interrupt of an attempt that ran too long and its end by force."""

TERM_GRACE = 1.0
SAVING = 30.0
"""Seconds the runner gets to save the notebook after its kernel has gone."""

START_SLACK = 20.0
"""Seconds beyond `start_timeout` after which the runner itself is taken for stuck."""

RAW_LIMIT = 10 * 1024 * 1024
LAST_WORDS = 4096
CLAIM_KEY = "token"


def supervise(folder: Path, *, start: Start, request: int, nudge: int | None) -> None:
    """Carry out the job in `folder` to its end. `nudge` gets a byte whenever events.jsonl has grown.

    Returns at once when another process has claimed the attempt. Never raises: what goes wrong is evidence too.
    """
    attempt = AttemptFolder(folder)
    token = str((read_json(attempt.job) or {}).get("token", ""))
    sockets = short_folder()
    try:
        claim = {CLAIM_KEY: token, "sockets": str(sockets), **processes.identity(os.getpid())}
        if claim_file(attempt.supervisor, claim):
            _supervise(Supervisor(attempt, start, request, nudge, sockets))
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _supervise(supervisor: Supervisor) -> None:
    try:
        supervisor.run()
    except Exception:
        supervisor.give_up(traceback.format_exc())


class Supervisor:
    """One attempt's process tree from its start to its evidence."""

    def __init__(self, folder: AttemptFolder, start: Start, request: int, nudge: int | None, sockets: Path) -> None:
        self._folder = folder
        self._sockets = sockets
        self._job = job_from_json(read_json(folder.job))
        self._start = start
        self._request = request
        self._nudge = nudge
        self._family = Family(runner=0)
        self._evidence = Evidence()
        self._began = _now()
        self._runner_listens = False
        self._runner_gone = False
        self._kernel_exit: int | None = None
        self._steps: list[tuple[float, Callable[[], None]]] = []
        self._deadline: float | None = None
        self._lines = b""
        self._raw_tail = b""
        self._raw_room = RAW_LIMIT
        self._ooms = _oom_kills()

    def run(self) -> None:
        """From the first process to the last line."""
        os.umask(0o077)
        processes.become_subreaper()
        self._events = os.open(self._folder.events, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._folder.heartbeat.touch()
        self._watch_signals()
        self._open_pipes()
        if not self._cancel_asked():
            self._begin()
            self._loop()
        self._conclude()

    def give_up(self, why: str) -> None:
        """Our own fault: end the tree and leave evidence of that."""
        processes.end_tree(self._note_exit)
        self._evidence = replace(self._evidence, trouble=f"The supervisor failed:\n{why}", finished=False)
        self._write_evidence()

    # ── the beginning ───────────────────────────────────────────────────────────────────

    def _watch_signals(self) -> None:
        """A byte on a pipe for each child's end and for each SIGTERM (which says: look at the cancel file)."""
        self._wake, self._wake_in = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_in, False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)

    def _open_pipes(self) -> None:
        self._reports, self._report_in = os.pipe()
        self._raw, self._raw_in = os.pipe()
        os.set_blocking(self._reports, False)
        os.set_blocking(self._raw, False)
        self._raw_file = os.open(self._folder.raw, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _begin(self) -> None:
        own = (self._events, self._wake, self._wake_in, self._reports, self._raw, self._raw_file, self._nudge)
        private = tuple(descriptor for descriptor in own if descriptor is not None)
        folder, job = self._folder.path, self._job
        stage = Stage(folder, job, self._sockets, self._request, self._report_in, self._raw_in, private)
        self._family = self._start(stage)
        self._deadline = time.monotonic() + job.start_timeout + START_SLACK
        for descriptor in (self._report_in, self._raw_in, self._request):
            os.close(descriptor)

    # ── the middle ──────────────────────────────────────────────────────────────────────

    def _loop(self) -> None:
        """Until the runner is gone."""
        poll = select.poll()
        for descriptor in (self._wake, self._reports, self._raw):
            poll.register(descriptor, select.POLLIN)
        readers = {self._wake: self._read_wake, self._reports: self._read_reports, self._raw: self._read_raw}
        beat = time.monotonic()
        while not self._runner_gone:
            now = time.monotonic()
            if now >= beat:
                self._beat()
                beat = now + BEAT
            self._keep_time(now)
            due = min([beat, *(when for when, _ in self._steps)], default=beat)
            if self._deadline is not None:
                due = min(due, self._deadline)
            for descriptor, _ in poll.poll(max(0.0, due - now) * 1000 + 1):
                if not readers[descriptor]():
                    poll.unregister(descriptor)
        self._read_reports()
        self._read_raw()

    def _beat(self) -> None:
        with suppress(OSError):
            os.utime(self._folder.heartbeat)
        self._cancel_asked()

    def _keep_time(self, now: float) -> None:
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._ran_too_long()
        while self._steps and self._steps[0][0] <= now:
            self._steps.pop(0)[1]()

    def _ran_too_long(self) -> None:
        if self._evidence.started:
            self._evidence = replace(self._evidence, timed_out=self._job.timeout)
            self._end_by_steps(TIMEOUT_GRACE)
        else:
            limit = f"{self._job.start_timeout:g} s"
            refused = f"Nothing was heard of the kernel '{self._job.kernel}' within {limit}, nor of its runner."
            self._evidence = replace(self._evidence, refused=refused)
            self._end_by_steps(0.0)

    def _cancel_asked(self) -> bool:
        """Whether someone asked to stop; the first time it begins the end."""
        if self._evidence.cancelled is not None:
            return True
        if not self._folder.cancel.exists():
            return False
        with suppress(ValueError):
            request = read_json(self._folder.cancel)
            grace, reason = float(request.get("grace", 5.0)), str(request.get("reason", ""))
            self._evidence = replace(self._evidence, cancelled=reason)
            self._end_by_steps(grace)
        return True

    def _end_by_steps(self, grace: float) -> None:
        """Interrupt, after `grace` terminate, then kill; the runner stays to save the notebook, for a while."""
        now = time.monotonic()
        if not self._evidence.started:
            grace = 0.0
        killing = now + grace + TERM_GRACE
        self._deadline = None
        self._steps = [(now, self._interrupt), (now + grace, self._terminate), (killing, self._kill)]
        self._steps.append((killing + (SAVING if self._runner_listens else 0.0), self._kill_runner))

    def _interrupt(self) -> None:
        """The runner does it: it knows whether a cell runs, and how this kernel wants to be interrupted."""
        if self._runner_listens:
            processes.signal_all([self._family.runner], signal.SIGUSR1)

    def _terminate(self) -> None:
        processes.signal_all(self._below(), signal.SIGTERM)

    def _kill(self) -> None:
        """Again and again: what is being killed may still fork."""
        processes.signal_all(self._below(), signal.SIGKILL)
        self._steps.insert(0, (time.monotonic() + 0.2, self._kill))
        self._steps.sort(key=lambda step: step[0])

    def _kill_runner(self) -> None:
        processes.signal_all([self._family.runner], signal.SIGKILL)

    def _below(self) -> list[int]:
        """Everything of the attempt but the runner."""
        return [pid for pid in processes.descendants(os.getpid()) if pid != self._family.runner]

    # ── what is heard ───────────────────────────────────────────────────────────────────

    def _read_wake(self) -> bool:
        _read(self._wake)
        processes.reap(self._note_exit)
        self._cancel_asked()
        return True

    def _note_exit(self, pid: int, code: int) -> None:
        if pid == self._family.runner:
            self._runner_gone = True
            self._evidence = replace(self._evidence, runner_exit=code)
        elif pid == self._family.kernel:
            self._kernel_exit = code
            if not self._steps:
                self._steps = [(time.monotonic() + 2 * SAVING, self._kill_runner)]

    def _read_reports(self) -> bool:
        while data := _read(self._reports):
            *lines, self._lines = (self._lines + data).split(b"\n")
            for line in lines:
                self._heard(json.loads(line))
        return data is None

    def _heard(self, line: dict[str, Any]) -> None:
        event = line["event"]
        if event == "kernel":
            self._runner_listens = True
        elif event == "ready":
            self._ready()
        elif event == "report":
            seen = evidence_from_json(line["evidence"])
            mine = self._evidence
            self._evidence = replace(seen, cancelled=mine.cancelled, timed_out=mine.timed_out)
            self._deadline = None
        elif event in (CELL_STARTED, CELL_FINISHED):
            self._tell(line)

    def _ready(self) -> None:
        self._evidence = replace(self._evidence, started=True)
        if not self._steps:
            self._deadline = None if self._job.timeout is None else time.monotonic() + self._job.timeout
        self._began = _now()
        self._tell({"event": STARTED, "pid": os.getpid(), "how": self._start.how})

    def _read_raw(self) -> bool:
        """What the kernel's process writes past the protocol: kept up to a limit, then only its end in memory."""
        while data := _read(self._raw):
            self._raw_tail = (self._raw_tail + data)[-LAST_WORDS:]
            with suppress(OSError):
                os.write(self._raw_file, data[: self._raw_room])
            self._raw_room = max(0, self._raw_room - len(data))
        return data is None

    def _tell(self, line: dict[str, Any]) -> None:
        """Append to the events and wake whoever follows; a follower that went away is no matter."""
        with suppress(OSError):
            os.write(self._events, encode({**line, "at": _now()}) + b"\n")
        if self._nudge is not None:
            with suppress(OSError):
                os.write(self._nudge, b"\n")

    # ── the end ─────────────────────────────────────────────────────────────────────────

    def _conclude(self) -> None:
        clean = processes.end_tree(self._note_exit)
        self._read_raw()
        seen = self._evidence
        if seen.kernel_died and seen.kernel_exit is None:
            seen = replace(seen, kernel_exit=self._kernel_exit)
        result, artifacts, fault = read_result(self._folder)
        if not clean and not seen.trouble:
            seen = replace(seen, trouble="Some processes of the attempt could not be killed.")
        self._evidence = replace(
            seen,
            out_of_memory=_oom_kills() > self._ooms,
            last_words=self._raw_tail.decode("utf-8", "replace") if seen.refused or seen.kernel_died else "",
            result=result,
            result_fault=fault,
        )
        self._artifacts = artifacts
        for folder in (self._folder.ipython, self._sockets):
            shutil.rmtree(folder, ignore_errors=True)
        sweep_temporaries(self._job.output)
        self._write_evidence()

    def _write_evidence(self) -> None:
        """Durable, and tried again for a while when the disk is full."""
        document = {
            "token": self._job.token,
            "attempt": list(self._job.attempt),
            "outcome": outcome_to_json(judge(self._evidence)),
            "evidence": self._evidence.to_json(),
            "started": self._began,
            "at": _now(),
            "artifacts": getattr(self, "_artifacts", []),
            "has_notebook": self._job.output.is_file(),
        }
        for wait in (0.2, 1.0, 5.0, 15.0, None):
            try:
                replace_file(self._folder.evidence, encode(document))
                break
            except OSError:
                if wait is None:
                    raise
                time.sleep(wait)
        self._tell({"event": ENDED})


def _read(descriptor: int) -> bytes | None:
    """What is there: bytes, b"" at the end, None when there is nothing now."""
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def _oom_kills() -> int:
    """How often the system has killed something in our control group for memory; 0 where it does not say."""
    with suppress(OSError, ValueError, IndexError, StopIteration):
        group = next(g for g in Path("/proc/self/cgroup").read_text().splitlines() if g.startswith("0::"))[3:]
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text().split()
        return int(events[events.index("oom_kill") + 1])
    return 0


def main(arguments: list[str]) -> None:
    """`supervisor <folder> <nudge>`, the request on standard input: a cold attempt."""
    nudge = int(arguments[1])
    os.set_inheritable(nudge, False)
    request = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    supervise(Path(arguments[0]), start=ColdStart(), request=request, nudge=nudge)


if __name__ == "__main__":
    if sys.path[0] == os.getcwd():
        del sys.path[0]
    main(sys.argv[1:])
