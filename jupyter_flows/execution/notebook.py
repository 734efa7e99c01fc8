"""One notebook through papermill's engine: our kernel, our error policy, no paths, no fixed waits, atomic saves.

papermill gets a NotebookNode and nothing else, so it never changes the working directory, never writes a file and
never inserts cells; cells are followed by their ids.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine

from jupyter_flows.execution.cell_errors import cell_error, exits_quietly
from jupyter_flows.execution.connect import Kernel
from jupyter_flows.execution.evidence import Evidence
from jupyter_flows.execution.executor import Job
from jupyter_flows.execution.folder import AttemptFolder, read_json
from jupyter_flows.execution.listening import Listener, Place, places
from jupyter_flows.execution.outputs import Log
from jupyter_flows.execution.saving import SAVE_EVERY, Manager, as_notebook
from jupyter_flows.execution.wire import CELL_FINISHED, CELL_STARTED

READY = "ready"
"""What the runner reports when the kernel answers."""

IDLE_GRACE = 4.0
"""Seconds without any output after which a cell that has replied counts as done although the kernel never said idle."""

SETTLING = 0.05
"""Seconds a kernel may need between saying that a cell begins and beginning it."""

LAST_OUTPUT = 0.1
"""Seconds of silence after a kernel's death that end the wait for its last words."""

_INTERRUPTED: dict[str, Any] = {"status": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": []}

Report = Callable[[str, Mapping[str, Any]], None]


class KernelDied(Exception):
    """The kernel's process ended while something was asked of it."""


class KernelSilent(Exception):
    """The kernel did not answer in time. Says on which channel."""


def run_notebook(job: Job, kernel: Kernel, loop: asyncio.AbstractEventLoop, report: Report, stop: Stop) -> Evidence:
    """Run the job's notebook in `kernel`, save it to `job.output` whatever happens, and say what was seen.

    `report` hears of the kernel's answer and of each of the author's cells. After `stop.ask()` no
    further cell begins and the one that runs is interrupted.
    """
    notebook = as_notebook(job.notebook)
    log = Log(job.log)
    manager = Manager(notebook, job.output)
    try:
        return Engine.run(manager, job=job, kernel=kernel, loop=loop, report=report, stop=stop, log=log)
    finally:
        log.close()


class Stop:
    """A request to stop, made from the loop's thread. Whoever drives the notebook sets what follows from it."""

    def __init__(self) -> None:
        self.asked = False
        self.then: Callable[[], None] = lambda: None

    def ask(self) -> None:
        """No further cell begins; the one that runs is interrupted."""
        if not self.asked:
            self.asked = True
            self.then()


class Engine(NBClientEngine):  # type: ignore[misc]
    """papermill's nbclient engine around our own manager and client; never registered, never looked up by name."""

    @classmethod
    def run(cls, manager: Manager, **how: Any) -> Evidence:
        """Run the managed notebook; its record is closed and saved in any case."""
        manager.notebook_start()
        try:
            return cls.execute_managed_notebook(manager, how["job"].kernel, **how)
        finally:
            if not manager.is_complete:
                manager.notebook_complete()

    @classmethod
    def execute_managed_notebook(cls, nb_man: Manager, kernel_name: str, **how: Any) -> Evidence:
        """What papermill's engines are asked for."""
        return Client(nb_man, kernel_name=kernel_name, **how).execute()


# ── the drive ────────────────────────────────────────────────────────────────────────


class Client(Listener):
    """papermill's client, driven by events only: replies, output, and the end of the kernel's process."""

    def __init__(
        self,
        manager: Manager,
        *,
        job: Job,
        kernel: Kernel,
        loop: asyncio.AbstractEventLoop,
        report: Report,
        stop: Stop,
        log: Log,
        kernel_name: str,
    ) -> None:
        super().__init__(manager, log=log, loop=loop, kernel_name=kernel_name)
        self._job = job
        self._kernel = kernel
        self._report = report
        self._stop = stop
        self._seen = Evidence()
        self._is_running = False
        self._unanswered: asyncio.Future[None] = loop.create_future()
        self._interrupting: asyncio.Future[None] | None = None
        stop.then = self._interrupt_if_running

    def execute(self, **_: Any) -> Evidence:
        """Drive the notebook to its end and say what was seen."""
        return self._loop.run_until_complete(self._drive())

    async def _drive(self) -> Evidence:
        self.kc = self._kernel.client()
        self._death = asyncio.ensure_future(self._kernel.ended())
        try:
            await self._until_ready()
        except (KernelDied, KernelSilent) as error:
            self._see(refused=str(error), kernel_exit=self._exit_code())
            await self._kernel.kill(self.kc)
            return self._close()
        helpers: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._listen()),
            asyncio.ensure_future(self._save_now_and_then()),
        ]
        await self._run_cells()
        if not self._death.done():
            self.kc.shutdown()
        seen = self._close()
        await self._kernel.stop(self.kc)
        helpers += [self._death, *([self._interrupting] if self._interrupting else [])]
        for task in helpers:
            task.cancel()
        await asyncio.wait(helpers)
        return seen

    async def _save_now_and_then(self) -> None:
        """A cell may be silent for hours: what came before it is on disk after a second."""
        while not self.nb_man.is_complete:
            await asyncio.sleep(SAVE_EVERY)
            self.nb_man.save_if_due()

    def _close(self) -> Evidence:
        """The last save; while it is written the kernel is already shutting down."""
        self.set_widgets_metadata()
        self._note_in_notebook()
        if self._text_log.fault and not self._seen.trouble:
            self._see(trouble=f"Output was lost: {self._text_log.fault}")
        try:
            self.nb_man.notebook_complete()
        except OSError as error:
            self._see(trouble=f"The executed notebook could not be written to {self._job.output}: {error.strerror}.")
        return self._seen

    def _note_in_notebook(self) -> None:
        """A word for people who open the file; nothing is ever read back from it."""
        seen = self._seen
        ended = "finished" if seen.finished else "failed" if seen.error else "died" if seen.kernel_died else "not run"
        record = self.nb["metadata"].setdefault("jupyter_flows", NotebookNode())
        if isinstance(record, dict):
            record["attempt"], record["ended"] = str(self._job.attempt), ended

    def _see(self, **facts: Any) -> None:
        self._seen = replace(self._seen, **facts)

    def _exit_code(self) -> int | None:
        return self._death.result() if self._death.done() and not self._death.cancelled() else None

    # ── readiness ───────────────────────────────────────────────────────────────────────

    async def _until_ready(self) -> None:
        """Return when the kernel has answered on its shell channel and is heard on iopub."""
        deadline = time.monotonic() + self._job.start_timeout
        heard = asyncio.ensure_future(self.kc.iopub_channel.get_msg(timeout=None))
        answer = asyncio.ensure_future(self._answer(self.kc.kernel_info()))
        again = time.monotonic() + 0.5
        try:
            while not (heard.done() and answer.done()):
                pending = {task for task in (heard, answer) if not task.done()}
                await asyncio.wait({*pending, self._death}, timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
                if self._death.done():
                    raise KernelDied(
                        f"The kernel '{self._job.kernel}' ended {_with(self._exit_code())} while starting."
                    )
                if time.monotonic() > deadline:
                    raise KernelSilent(self._silence(heard.done(), answer.done()))
                if answer.done() and time.monotonic() > again:
                    answer = asyncio.ensure_future(self._answer(self.kc.kernel_info()))
                    again = time.monotonic() + 0.5
        finally:
            for task in (heard, answer):
                task.cancel()
        self.nb["metadata"]["language_info"] = answer.result()["content"]["language_info"]
        self._see(started=True)
        self._report(READY, {})

    async def _answer(self, message_id: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await self.kc.shell_channel.get_msg(timeout=None)
            if message["parent_header"].get("msg_id") == message_id:
                return message

    def _silence(self, heard: bool, answered: bool) -> str:
        silent = [name for name, spoke in (("shell", answered), ("iopub", heard)) if not spoke]
        return (
            f"The kernel '{self._job.kernel}' did not answer within {self._job.start_timeout:g} s "
            f"(silent: {' and '.join(silent)} channel)."
        )

    # ── cells ───────────────────────────────────────────────────────────────────────────

    async def _run_cells(self) -> None:
        running, count = places(self.nb)
        for place in running:
            if self._stop.asked:
                return
            self._tell(CELL_STARTED, place, count)
            self.nb_man.cell_start(place.cell, place.index)
            try:
                goes_on = await self._run_cell(place)
            except KernelDied:
                self._see(kernel_died=True, kernel_exit=self._exit_code(), cell=_number(place))
                self.nb_man.cell_exception(place.cell, cell_index=place.index)
                goes_on = False
            ok = goes_on or self._seen.stopped_early
            self.nb_man.cell_complete(place.cell, cell_index=place.index)
            self._tell(CELL_FINISHED, place, count, ok=ok)
            if not goes_on:
                return
        self._see(finished=True)

    def _tell(self, event: str, place: Place, count: int, **more: Any) -> None:
        if place.ordinal is not None:
            self._report(event, {"cell": place.ordinal, "cells": count, **more})

    async def _run_cell(self, place: Place) -> bool:
        """Run one cell. Whether the notebook goes on after it."""
        tags = place.cell["metadata"].get("tags", [])
        reply = await self._execute(place, may_fail="raises-exception" in tags)
        if any(p.get("source") == "ask_exit" for p in reply.get("payload", [])):
            self._see(finished=True, stopped_early=True)
            return False
        if reply["status"] == "ok" or ("raises-exception" in tags and not self._said_its_end()):
            return True
        if exits_quietly(reply):
            self._see(finished=True, stopped_early=True)
        else:
            self._see(error=cell_error(reply, place.cell, number=_number(place)))
            self.nb_man.cell_exception(place.cell, cell_index=place.index)
        return False

    def _said_its_end(self) -> bool:
        """Whether the code called `skip` or `fail`, which end the notebook whatever the cell's tags allow."""
        try:
            result = read_json(AttemptFolder(self._job.folder).result)
        except ValueError:
            return False
        return isinstance(result, dict) and any(isinstance(result.get(k), str) for k in ("skip", "fail"))

    async def _execute(self, place: Place, *, may_fail: bool) -> dict[str, Any]:
        self._expect(place)
        self._unanswered = self._loop.create_future()
        request = self.kc.execute(place.cell["source"], store_history=True, stop_on_error=not may_fail)
        self._asked_by(request, place)
        try:
            reply = await self._reply(request)
        finally:
            self._is_running = False
        await self._last_output()
        content: dict[str, Any] = reply["content"]
        place.cell["execution_count"] = content.get("execution_count", place.cell.get("execution_count"))
        return content

    def _cell_begins(self) -> None:
        self._is_running = True
        self._interrupt_if_running()

    def _interrupt_if_running(self) -> None:
        """A kernel ignores interrupts until it has begun the cell, so one asked for earlier waits for that."""
        if self._stop.asked and self._is_running:
            self._is_running = False
            self._interrupting = asyncio.ensure_future(self._interrupt_soon())

    async def _interrupt_soon(self) -> None:
        """ipykernel says that a cell begins a moment before it can be interrupted; and hit in that moment, it goes idle
        without a reply.
        """
        idle, unanswered = self._idle, self._unanswered
        await asyncio.sleep(SETTLING)
        if not self._death.done():
            await self._kernel.interrupt()
        await idle
        await asyncio.sleep(10 * SETTLING)
        if not unanswered.done():
            unanswered.set_result(None)

    async def _reply(self, message_id: str) -> dict[str, Any]:
        """The kernel's reply. An interrupted kernel may go idle without one. Raises KernelDied."""
        answer = asyncio.ensure_future(self._answer(message_id))
        ends: list[asyncio.Future[Any]] = [answer, self._death, self._unanswered]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            await asyncio.wait({answer}, timeout=LAST_OUTPUT)
        if answer.done():
            return answer.result()
        answer.cancel()
        if not self._death.done():
            return {"content": _INTERRUPTED}
        while time.monotonic() - self._heard < LAST_OUTPUT:
            await asyncio.sleep(LAST_OUTPUT / 4)
        raise KernelDied

    async def _last_output(self) -> None:
        """Wait until the kernel says idle, or has been silent for so long that the word must have been lost."""
        self._heard = time.monotonic()
        while not self._idle.done():
            left = (LAST_OUTPUT if self._death.done() else IDLE_GRACE) - (time.monotonic() - self._heard)
            if left <= 0:
                self._text_log.write("\n[some output of this cell may be missing]\n")
                return
            pending: set[asyncio.Future[Any]] = {self._idle} if self._death.done() else {self._idle, self._death}
            await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)


def _number(place: Place) -> int | None:
    return None if place.ordinal is None else place.ordinal + 1


def _with(code: int | None) -> str:
    return "at once" if code is None else f"with exit code {code}"
