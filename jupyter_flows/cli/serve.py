"""`jupyter flows scheduler`: the scheduler in the foreground, telling what it does, until it is stopped."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from rich.console import Console

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
    state = trouble = ""
    while not stop.wait(0.5):
        status = flows.host.status()
        if status.here.value != state:
            state = status.here.value
            if state == "standing_by":
                console.print(f"Standing by: {status.leader} (process {status.leader_pid}) leads.", markup=False)
        if status.trouble != trouble:
            trouble = status.trouble
            console.print(trouble or "All is well again.", markup=False)
        for event in flows.store.events(seen):
            seen = event.seq
            _say(event, console)
    console.print("Stopped.", markup=False)


def _say_flows(flows: Flows, console: Console) -> None:
    armed = [f for f in flows.flows() if f.flow.schedule and not f.paused]
    if not armed:
        console.print("No registered flow has a schedule: register one with `jupyter flows deploy NOTEBOOK`.")
    for stored in armed:
        plan = next(iter(flows.next_runs(stored.flow, 1)), None)
        when = f"next run after {plan.run_after:%Y-%m-%d %H:%M %Z}" if plan else "no run is coming"
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
