"""`jupyter flows scheduler`: the scheduler in the foreground, telling what it does, until it is stopped."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from zoneinfo import ZoneInfo

from rich.console import Console

from jupyter_flows.commands.showing import local
from jupyter_flows.errors import StoreError
from jupyter_flows.model.event import RUN_CREATED, RUN_MOVED, SLOTS_MISSED, Event
from jupyter_flows.runtime.flows import Flows


def serve(flows: Flows, console: Console) -> None:
    """Fire schedules and run what is asked for until SIGINT or SIGTERM; then hand over."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    seen = flows.store.last_seq()
    flows.host.ensure(fire_schedules=True)
    console.print(f"Scheduler started over {flows.config.home}. Ctrl-C stops it; running attempts go on.", markup=False)
    _say_flows(flows, console)
    teller = _Teller(flows, console, seen)
    while not stop.wait(0.5):
        teller.tell()
    console.print("Stopped.", markup=False)


class _Teller:
    """Tells what is new, each thing once. A database that cannot be read for a while is such a thing, too."""

    def __init__(self, flows: Flows, console: Console, seen: int) -> None:
        self._flows = flows
        self._console = console
        self._seen = seen
        self._state = self._trouble = ""

    def tell(self) -> None:
        """Look and tell."""
        try:
            status = self._flows.host.status()
            events = self._flows.store.events(self._seen)
        except StoreError as error:
            self._tell_trouble(str(error))
            return
        if status.here.value != self._state:
            self._state = status.here.value
            if self._state == "standing_by":
                leader = f"{status.leader} (process {status.leader_pid}) leads" if status.leader else "nobody leads yet"
                self._console.print(f"Standing by: {leader}.", markup=False)
        self._tell_trouble(status.trouble)
        for event in events:
            self._seen = event.seq
            _say(event, self._console)

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._console.print(trouble or "All is well again.", markup=False)


def _say_flows(flows: Flows, console: Console) -> None:
    armed = [f for f in flows.flows() if f.flow.schedule and not f.paused]
    if not armed:
        console.print("No flow is on its schedule: put one there with `jupyter flows deploy NOTEBOOK`.")
    for stored in armed:
        plan = next(iter(flows.next_runs(stored.flow, 1)), None)
        zone = ZoneInfo(stored.flow.timezone)
        when = f"next run after {local(plan.run_after, zone)}" if plan else "no run is coming"
        console.print(f"  {stored.flow.id}: {flows.timetable(stored.flow).describe()}; {when}", markup=False)


def _say(event: Event, console: Console) -> None:
    at = event.at.astimezone().strftime("%H:%M:%S")
    if event.kind == RUN_CREATED:
        console.print(f"{at} {event.flow_id} {event.run_id} created", markup=False)
    elif event.kind == RUN_MOVED:
        console.print(
            f"{at} {event.flow_id} {event.run_id} {event.data.get('state')} {event.data.get('reason') or ''}".rstrip(),
            markup=False,
        )
    elif event.kind == SLOTS_MISSED:
        data = event.data
        console.print(f"{at} {event.flow_id} missed {data.get('count')} slots: {data.get('policy')}", markup=False)
