"""The executor that needs nothing but this machine: one fresh process tree per attempt, which outlives this process."""

from __future__ import annotations

import logging
import os
import queue
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jupyter_flows.errors import ExecutionError
from jupyter_flows.execution import follow, processes
from jupyter_flows.execution.environment import kernel_environment
from jupyter_flows.execution.executor import Emit, Job
from jupyter_flows.execution.folder import AttemptFolder, encode, replace_file
from jupyter_flows.execution.forge import Forge
from jupyter_flows.execution.forges import Forges, Instead
from jupyter_flows.execution.kernels import find_kernel
from jupyter_flows.execution.starting import Begun, start_cold, write_folder
from jupyter_flows.model.ids import AttemptId
from jupyter_flows.model.progress import AttemptFinished, Progress
from jupyter_flows.model.run import Cancelled, Lost, NotStarted

log = logging.getLogger(__name__)

LOOK_EVERY = 0.2
"""Seconds between looks at attempts that have no pipe to us, because another process submitted them."""

OVERDUE = 60.0
"""Seconds after a cancel's grace when a supervisor that did not obey is ended itself."""


@dataclass(eq=False)
class Following:
    """One attempt under our eyes. It has a `pipe` from the moment its supervisor is started by us until that ends."""

    job: Job
    emit: Emit
    reader: follow.Reader
    has_begun: bool = False
    pipe: int | None = None
    process: subprocess.Popen[bytes] | None = None
    overdue: float | None = None


class LocalExecutor:
    """Runs each job in a process tree of its own on this machine. POSIX only.

    `home` is what artifact paths are relative to. `parallelism` is a hint of how many jobs will run at once.
    With `forge`, kernels of this very Python are forked from a process that has everything imported already, where
    the system can; all others start cold. One thread, begun with the first job, does all the work.
    """

    def __init__(self, *, home: Path | None = None, parallelism: int | None = None, forge: bool = True) -> None:
        if os.name != "posix":
            raise ExecutionError("The local executor needs Linux or another POSIX system.", fix="Use WSL on Windows.")
        self._home = home
        self._parallelism = parallelism
        self._forges = Forges(watch=self._watch_forge, unwatch=self._unwatch_forge) if forge else None
        self._waiting: list[Following] = []
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._followed: dict[AttemptId, Following] = {}
        self._kernels: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = self._is_leaving = self._leaves_when_done = False

    # ── the contract ────────────────────────────────────────────────────────────────────

    def submit(self, job: Job, emit: Emit) -> None:
        """Start `job` soon. A job that cannot begin (no such kernel, a folder in use) reports NotStarted."""
        following = self._follow(job, emit)
        self._ask(partial(self._begin, following))

    def adopt(self, job: Job, emit: Emit) -> bool:
        """Follow an attempt another process submitted. Its start is told again, cells it has run are not.

        One this executor follows already goes on; what it reports goes to `emit` from now on.
        """
        with self._lock:
            known = self._followed.get(job.attempt)
        if known is not None and known.job.token == job.token:
            self._ask(partial(self._retell, known, emit))
            return True
        if not self._has_something_left(job):
            follow.bury(job)
            return False
        following = self._follow(job, emit)
        following.has_begun = True
        self._ask(lambda: self._tell(following, following.reader.skip_cells_so_far()))
        return True

    def _retell(self, following: Following, emit: Emit) -> None:
        """Tell another listener of what goes on; of one that has ended meanwhile the report is on its way."""
        if following.job.attempt in self._followed:
            following.emit = emit
            following.reader = follow.Reader(following.job)
            self._tell(following, following.reader.skip_cells_so_far())

    def cancel(self, attempt: AttemptId, *, grace: float = 5.0, reason: str = "") -> None:
        """End the attempt. What is not over `grace` seconds after the interrupt is cut off."""
        with self._lock:
            following = self._followed.get(attempt)
        if following is not None and not self._is_closed:
            self._ask(partial(self._cancel, following, grace, reason))

    def warm(self, preload: Iterable[str] = ()) -> None:
        """Get ready before the first job: have a forge come up that has `preload` imported. Optional."""
        if self._forges is not None:
            self._ask(partial(self._forges.want, preload))

    def close(self, *, cancel: bool = False) -> None:
        """Stop following; with `cancel`, end everything first and wait for it."""
        with self._lock:
            attempts, thread = list(self._followed), self._thread
        if self._is_closed or thread is None:
            self._is_closed = True
            return
        for attempt in attempts if cancel else ():
            self.cancel(attempt, grace=0.5, reason="the executor was closed")
        self._ask(partial(self._leave, when_done=cancel))
        self._is_closed = True
        thread.join()

    def _has_something_left(self, job: Job) -> bool:
        """It has ended, or lives, or ended between the two looks."""
        return (
            follow.finished(job, self._home) is not None
            or follow.is_supervised(job)
            or follow.finished(job, self._home) is not None
        )

    def _follow(self, job: Job, emit: Emit) -> Following:
        following = Following(job, emit, follow.Reader(job))
        with self._lock:
            if job.attempt in self._followed:
                raise ExecutionError(f"Attempt {job.attempt} is under way already.")
            self._followed[job.attempt] = following
        return following

    # ── the thread ──────────────────────────────────────────────────────────────────────

    def _ask(self, action: Callable[[], None]) -> None:
        """Have `action` done by the thread."""
        with self._lock:
            if self._is_closed:
                raise ExecutionError("The executor is closed.", fix="Make a new one.")
            if self._thread is None:
                self._open()
        self._inbox.put(action)
        with suppress(BlockingIOError):
            os.write(self._wake_in, b"\n")

    def _open(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._wake_in = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_in, False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="jupyter-flows-executor", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not (self._is_leaving or (self._leaves_when_done and not self._followed)):
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    _drain(self._wake)
                else:
                    self._guarded(key.data)
            while not self._inbox.empty():
                self._guarded(self._inbox.get())
            self._serve_waiting()
            for following in list(self._followed.values()):
                if following.has_begun and (following.pipe is None or following.overdue is not None):
                    self._guarded(partial(self._look, following))
        self._tidy()

    def _guarded(self, action: Callable[[], None]) -> None:
        """One attempt's trouble, or a listener's, must not stop the others."""
        try:
            action()
        except Exception:
            log.exception("following an attempt failed")

    def _patience(self) -> float | None:
        """How long the selector may wait: for ever when every attempt has a pipe that will wake it."""
        polled = any(f.has_begun and (f.pipe is None or f.overdue is not None) for f in self._followed.values())
        return LOOK_EVERY if polled or self._waiting else None

    def _leave(self, *, when_done: bool) -> None:
        self._leaves_when_done, self._is_leaving = when_done, not when_done

    def _tidy(self) -> None:
        """Let go of everything; a supervisor of ours that goes on is reaped when it ends, so it leaves no zombie."""
        waiting, self._waiting = self._waiting, []
        for following in waiting:
            self._guarded(partial(self._start_cold, following))
        if self._forges is not None:
            self._forges.close()
        for following in self._followed.values():
            self._close_pipe(following)
            if following.process is not None:
                threading.Thread(target=following.process.wait, daemon=True).start()
        self._selector.close()
        os.close(self._wake)
        os.close(self._wake_in)

    # ── one attempt ─────────────────────────────────────────────────────────────────────

    def _begin(self, following: Following) -> None:
        job = following.job
        try:
            self._require_kernel(job.kernel)
            write_folder(job)
            self._launch(following)
        except ExecutionError as error:
            self._finish(following, follow.ended(job, NotStarted(str(error))))
        except Exception as error:  # whatever it is: the attempt must end
            log.exception("attempt %s could not begin", job.attempt)
            self._finish(following, follow.ended(job, NotStarted(f"It could not begin: {error!r}")))

    def _require_kernel(self, name: str) -> None:
        """Looking a kernelspec up takes milliseconds: one that was found is believed from then on."""
        if name not in self._kernels:
            find_kernel(name)
            self._kernels.add(name)

    def _launch(self, following: Following) -> None:
        """Start its supervisor: forked, or cold, or after a forge that is coming up."""
        job = following.job
        instead: Begun | Instead = Instead.GO_COLD
        if self._forges is not None:
            instead = self._forges.start(job, kernel_environment(os.environ, job))
        if instead is Instead.WAIT:
            self._waiting.append(following)
        elif isinstance(instead, Begun):
            self._begun(following, instead)
        else:
            self._start_cold(following)

    def _start_cold(self, following: Following) -> None:
        job = following.job
        try:
            self._begun(following, start_cold(job.folder, kernel_environment(os.environ, job)))
        except OSError as error:
            refused = NotStarted(f"No process could be started: {error}")
            self._finish(following, follow.ended(job, refused))

    def _begun(self, following: Following, begun: Begun) -> None:
        following.has_begun = True
        following.pipe, following.process = begun.pipe, begun.process
        os.set_blocking(begun.pipe, False)
        self._selector.register(begun.pipe, selectors.EVENT_READ, partial(self._news, following))

    # ── the forge ───────────────────────────────────────────────────────────────────────

    def _watch_forge(self, forge: Forge) -> None:
        self._selector.register(forge.socket, selectors.EVENT_READ, partial(self._hear_forge, forge))

    def _unwatch_forge(self, forge: Forge) -> None:
        self._selector.unregister(forge.socket)

    def _hear_forge(self, forge: Forge) -> None:
        if self._forges is not None:
            self._forges.hear(forge)
            self._release_waiting()

    def _serve_waiting(self) -> None:
        """Jobs must not wait for a forge that never comes."""
        if self._waiting and self._forges is not None:
            self._forges.check()
            if not self._forges.is_one_coming:
                self._release_waiting()

    def _release_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for following in waiting:
            if following.job.attempt in self._followed:
                self._guarded(partial(self._launch, following))

    # ── news ────────────────────────────────────────────────────────────────────────────

    def _news(self, following: Following) -> None:
        """The pipe says something, if only that its supervisor has ended."""
        if following.pipe is not None and not _drain(following.pipe):
            self._close_pipe(following)
        self._look(following)

    def _look(self, following: Following) -> None:
        """Tell what is new; conclude when the attempt is over, however it ended."""
        job = following.job
        self._tell(following, following.reader.read())
        if following.reader.has_ended or following.pipe is None:
            report = follow.finished(job, self._home)
            if report is None and not follow.is_supervised(job):
                report = follow.finished(job, self._home) or self._lost(following)
            if report is not None:
                self._tell(following, following.reader.read())
                self._finish(following, report)
        elif following.overdue is not None and time.monotonic() > following.overdue:
            follow.bury(job)
            self._finish(following, follow.ended(job, Cancelled("its supervisor did not obey and was killed")))

    def _lost(self, following: Following) -> AttemptFinished:
        follow.bury(following.job)
        if following.overdue is not None:
            return follow.ended(following.job, Cancelled("its supervisor was killed"))
        return follow.ended(following.job, Lost("The attempt's supervisor is gone and has left no evidence."))

    def _tell(self, following: Following, news: Iterable[Progress]) -> None:
        for progress in news:
            self._guarded(partial(following.emit, progress))

    def _finish(self, following: Following, report: AttemptFinished) -> None:
        with self._lock:
            self._followed.pop(following.job.attempt, None)
        self._close_pipe(following)
        if following.process is not None:
            _reap(following.process)
        self._tell(following, [report])

    def _close_pipe(self, following: Following) -> None:
        if following.pipe is not None:
            self._selector.unregister(following.pipe)
            os.close(following.pipe)
            following.pipe = None

    def _cancel(self, following: Following, grace: float, reason: str) -> None:
        job = following.job
        if following.job.attempt not in self._followed:
            return
        if not following.has_begun:
            self._finish(following, follow.ended(job, Cancelled(reason)))
            return
        replace_file(AttemptFolder(job.folder).cancel, encode({"grace": grace, "reason": reason}), durable=False)
        following.overdue = time.monotonic() + grace + OVERDUE
        processes.send_signal(follow.claim(job) or {}, signal.SIGTERM)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Collect a supervisor that has said its last word; should it hang there, a thread waits for it instead of us."""
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, daemon=True).start()


def _drain(descriptor: int) -> bool:
    """Swallow what is there. False at the end of the pipe."""
    with suppress(BlockingIOError):
        while data := os.read(descriptor, 4096):
            if len(data) < 4096:
                return True
        return False
    return True
