"""The runner's two ways to a kernel: one it starts itself through jupyter_client, one its supervisor has forked.

Both offer the same four things: a client, its end as something to wait for, an interrupt, a stop.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from jupyter_flows.execution.kernels import is_own_python

TASK_KERNEL = (
    "--IPKernelApp.kernel_class=jupyter_flows.execution.task_kernel.TaskKernel",
    "--IPKernelApp.outstream_class=jupyter_flows.execution.task_kernel.TaskStream",
)
"""Arguments for an ipykernel whose Python has this package."""

MESSAGES_WAITING = 32
"""How many messages of a kernel wait in the runner's memory: of one that prints for ever each holds tens of MB."""

SHUTDOWN_WAIT = 5.0
"""Seconds a kernel gets for its own exit handlers."""

_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


class Kernel(Protocol):
    """A kernel that is coming up or runs."""

    pid: int | None

    def client(self) -> Any:
        """A jupyter_client client with open channels; nothing has been sent yet."""

    async def ended(self) -> int | None:
        """Return when its process has ended: the exit code, minus the signal's number, None when unknown."""

    async def interrupt(self) -> None:
        """Interrupt what it does, by signal or by message."""

    async def stop(self, client: Any) -> None:
        """Wait for the kernel's end (the shutdown request has been sent), then let go of everything."""

    async def kill(self, client: Any) -> None:
        """End a kernel that never answered."""


def ipc_connection(folder: Path, kernel_name: str) -> dict[str, Any]:
    """Connection facts over sockets in `folder`, which must be short and private: nothing else can take their names."""
    facts: dict[str, Any] = {name: number for number, name in enumerate(_PORTS, start=1)}
    facts.update(ip=str(folder / "k"), transport="ipc", key=secrets.token_hex(32), kernel_name=kernel_name)
    return facts | {"signature_scheme": "hmac-sha256"}


def open_client(client: Any) -> Any:
    """Open the channels the runner needs. No heartbeat: the process itself is watched. Retries connecting at once."""
    from zmq.constants import SocketOption

    client.context.setsockopt(SocketOption.RECONNECT_IVL, 2)
    client.context.setsockopt(SocketOption.RECONNECT_IVL_MAX, 20)
    client.context.setsockopt(SocketOption.RCVHWM, MESSAGES_WAITING)
    client.start_channels(stdin=False, hb=False)
    return client


async def process_ended(pid: int, handle: int | None = None) -> None:
    """Return when the process is gone, without looking again and again where the system can tell.

    `handle` is a pidfd opened while the process surely was the right one; the caller keeps it.
    """
    own = None
    if handle is None and hasattr(os, "pidfd_open"):
        try:
            handle = own = os.pidfd_open(pid)
        except ProcessLookupError:
            return
    if handle is None:
        while _exists(pid):
            await asyncio.sleep(0.25)
        return
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[None] = loop.create_future()
    loop.add_reader(handle, _resolve, gone)
    try:
        await gone
    finally:
        loop.remove_reader(handle)
        if own is not None:
            os.close(own)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


class SiblingKernel:
    """A kernel the supervisor forked next to the runner."""

    def __init__(self, pid: int, handle: int, connection: Mapping[str, Any]) -> None:
        self.pid: int | None = pid
        self._handle = handle
        self._connection = dict(connection)

    def client(self) -> Any:
        """A client of it."""
        from jupyter_client.asynchronous.client import AsyncKernelClient

        client = AsyncKernelClient()
        client.load_connection_info(self._connection)
        return open_client(client)

    async def ended(self) -> int | None:
        """Its end; only the supervisor learns the exit code."""
        await process_ended(self.pid or 0, self._handle)
        return None

    async def interrupt(self) -> None:
        """The whole process group, as jupyter_client does."""
        with suppress(OSError):
            os.killpg(self.pid or 0, signal.SIGINT)

    async def stop(self, client: Any) -> None:
        """Wait a while for its end; the supervisor ends what stays."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.ended(), SHUTDOWN_WAIT)
        client.stop_channels()

    async def kill(self, client: Any) -> None:
        """The supervisor does it."""
        client.stop_channels()


class ChildKernel:
    """Any kernel jupyter_client can start, by whatever provisioner its kernelspec names."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._local = type(manager.provisioner).__name__ == "LocalProvisioner"
        self.pid: int | None = getattr(manager.provisioner, "pid", None) if self._local else None

    def client(self) -> Any:
        """A client of it."""
        return open_client(self._manager.client())

    async def ended(self) -> int | None:
        """Its end and exit code."""
        if self.pid is not None:
            await process_ended(self.pid)
        while (code := await self._poll()) is None:
            await asyncio.sleep(0.25)
        return code

    async def _poll(self) -> int | None:
        code: int | None = await self._manager.provisioner.poll() if self._manager.has_kernel else 0
        return code

    async def interrupt(self) -> None:
        """Interrupt in the way its kernelspec names."""
        with suppress(OSError, RuntimeError):
            await self._manager.interrupt_kernel()

    async def stop(self, client: Any) -> None:
        """Wait a while for its end, then kill it."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.ended(), SHUTDOWN_WAIT)
        await self.kill(client)

    async def kill(self, client: Any) -> None:
        """Kill it in the way of its provisioner."""
        client.stop_channels()
        await self._manager.shutdown_kernel(now=True)


async def start_kernel(name: str, sockets: Path, env: Mapping[str, str], cwd: Path) -> ChildKernel:
    """Start a kernel as its kernelspec says. Raises OSError, or what its provisioner raises, when it cannot be."""
    from jupyter_client.manager import AsyncKernelManager

    manager = AsyncKernelManager(kernel_name=name, connection_file=str(sockets / "kernel.json"))
    arguments: list[str] = []
    if _is_ipykernel(manager.kernel_spec):
        manager.transport, manager.ip = "ipc", str(sockets / "k")
        for number, port in enumerate(_PORTS, start=1):
            setattr(manager, port, number)
        arguments = ["--HistoryManager.enabled=False", "--HistoryManager.hist_file=:memory:"]
        if is_own_python(name):
            arguments += TASK_KERNEL
    await manager.start_kernel(env=dict(env), cwd=str(cwd), extra_arguments=arguments)
    return ChildKernel(manager)


def _is_ipykernel(spec: Any) -> bool:
    return any(word in ("ipykernel", "ipykernel_launcher") for word in spec.argv)
