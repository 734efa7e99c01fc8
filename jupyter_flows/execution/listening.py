"""What a kernel sends on iopub, put where it belongs: into its cell and into the log, within bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode, from_dict
from papermill.clientwrap import PapermillNotebookClient

from jupyter_flows.execution.outputs import Allowance, CellOutputs, Log
from jupyter_flows.execution.saving import Manager


@dataclass(frozen=True, slots=True)
class Place:
    """Where a code cell stands. `ordinal` counts the author's cells from 0; None for all others."""

    index: int
    cell: NotebookNode
    ordinal: int | None


def places(notebook: NotebookNode) -> tuple[list[Place], int]:
    """The cells that will run, in order, and how many of them are the author's.

    The author's are those with the role `body`; all of them when no cell has a role.
    """
    running = [(i, c) for i, c in enumerate(notebook["cells"]) if _runs(c)]
    has_roles = any(_role(cell) for cell in notebook["cells"])
    found: list[Place] = []
    count = 0
    for index, cell in running:
        is_body = not has_roles or _role(cell) == "body"
        found.append(Place(index, cell, count if is_body else None))
        count += is_body
    return found, count


def _runs(cell: NotebookNode) -> bool:
    tags = cell["metadata"].get("tags", [])
    return cell["cell_type"] == "code" and bool(cell["source"].strip()) and "skip-execution" not in tags


def _role(cell: NotebookNode) -> Any:
    ours = cell["metadata"].get("jupyter_flows")
    return ours.get("role") if isinstance(ours, Mapping) else None


class Listener(PapermillNotebookClient):  # type: ignore[misc]
    """nbclient's handling of messages, with outputs kept within bounds. Who drives the notebook derives from it."""

    def __init__(self, manager: Manager, *, log: Log, loop: asyncio.AbstractEventLoop, kernel_name: str) -> None:
        super().__init__(manager, kernel_name=kernel_name, record_timing=False)
        self._text_log = log
        self._loop = loop
        self._allowance = Allowance()
        self._outputs: dict[int, CellOutputs] = {}
        self._owners: dict[str, Place] = {}
        self._current = ""
        self._heard = time.monotonic()
        self._idle: asyncio.Future[None] = loop.create_future()
        manager.settle_with(self._settle)

    def _expect(self, place: Place) -> None:
        """The cell's outputs begin anew; call it before the cell is sent."""
        place.cell["outputs"] = []
        self._outputs[place.index] = CellOutputs(place.cell["outputs"], self._allowance)
        self.clear_before_next_output = False
        self._idle = self._loop.create_future()

    def _asked_by(self, message_id: str, place: Place) -> None:
        """This request belongs to that cell; it is the current one from now on."""
        self._current = message_id
        self._owners[message_id] = place

    def _cell_begins(self) -> None:
        """The kernel says that it begins the current cell."""

    async def _listen(self) -> None:
        """Take every message of iopub as it comes, for whichever cell asked for it: threads print after their cell."""
        while True:
            try:
                message = await self.kc.iopub_channel.get_msg(timeout=None)
            except ValueError:
                continue  # not signed with our key: not our kernel's
            self._heard = time.monotonic()
            asked_by = message["parent_header"].get("msg_id")
            place = self._owners.get(asked_by)
            if place is None:
                continue
            if message["msg_type"] == "execute_input" and asked_by == self._current:
                self._cell_begins()
            try:
                self.process_message(message, place.cell, place.index)
            except CellExecutionComplete:
                if asked_by == self._current and not self._idle.done():
                    self._idle.set_result(None)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
                self._text_log.write(f"\n[an output could not be read: {error!r}]\n")

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Add an output to its cell and its text to the log, within bounds."""
        kind, content = msg["msg_type"], msg["content"]
        if self.output_hook_stack.get(msg["parent_header"].get("msg_id")):
            return super().output(outs, msg, display_id, cell_index)
        if kind == "stream":
            self._delayed_clear(cell_index)
            self._text_log.write(content["text"])
            self._outputs[cell_index].add_text(content["name"], content["text"])
            return None
        output = _output(kind, content)
        if output is None:
            return None
        self._delayed_clear(cell_index)
        self._text_log.write(_plain(output))
        if self._outputs[cell_index].add_rich(output) and display_id:
            where = self._display_id_map.setdefault(display_id, {}).setdefault(cell_index, [])
            where.append(len(outs) - 1)
        return output

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Forget the cell's outputs, now or before the next one."""
        if self.output_hook_stack.get(msg["parent_header"].get("msg_id")):
            super().clear_output(outs, msg, cell_index)
        elif msg["content"].get("wait"):
            self.clear_before_next_output = True
        else:
            self._clear(cell_index)

    def _delayed_clear(self, cell_index: int) -> None:
        if self.clear_before_next_output:
            self.clear_before_next_output = False
            self._clear(cell_index)

    def _clear(self, cell_index: int) -> None:
        self._outputs[cell_index].clear()
        self.clear_display_id_mapping(cell_index)

    def _settle(self) -> None:
        for outputs in self._outputs.values():
            outputs.settle()


def _output(kind: str, content: Mapping[str, Any]) -> NotebookNode | None:
    """The message as nbformat stores it; None for messages that are no output."""
    if kind == "error":
        error: NotebookNode = from_dict(
            {"output_type": kind, **{k: content[k] for k in ("ename", "evalue", "traceback")}}
        )
        return error
    if kind not in ("display_data", "execute_result"):
        return None
    output = {"output_type": kind, "data": content["data"], "metadata": content.get("metadata", {})}
    if kind == "execute_result":
        output["execution_count"] = content.get("execution_count")
    node: NotebookNode = from_dict(output)
    return node


def _plain(output: NotebookNode) -> str:
    """What the log shows of it: colours are kept."""
    if output["output_type"] == "error":
        return "\n".join(output["traceback"]) + "\n"
    text = output["data"].get("text/plain", "")
    return text + "\n" if isinstance(text, str) and text else ""
