"""A private PostgreSQL server, stores of every kind, and a small world of flows and runs to put into them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jupyter_flows.model.event import TASK_RUN_MOVED, Event
from jupyter_flows.model.flow import Flow, Task
from jupyter_flows.model.ids import AttemptId, FlowId, RunType, TaskId, run_id
from jupyter_flows.model.interval import DataInterval
from jupyter_flows.model.run import Attempt, Backfill, FlowRun, RunKey, TaskRun
from jupyter_flows.model.state import RunState, TaskState
from jupyter_flows.storage.open import open_store
from jupyter_flows.storage.store import Change, Lease, Owner, Store
from jupyter_flows.storage.tables import metadata

ACTOR = Path(__file__).parent / "actor.py"


@dataclass
class Server:
    """A PostgreSQL server on a unix socket of its own."""

    binaries: Path
    folder: Path
    databases: int = 0
    process: subprocess.Popen[bytes] | None = None
    user: str | None = field(default_factory=lambda: "postgres" if os.geteuid() == 0 else None)

    def initialise(self) -> None:
        if self.user:
            shutil.chown(self.folder, self.user)
        command = [str(self.binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "flows"]
        self._run([*command, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "100",
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                user=self.user,
                cwd=self.folder,
            )
        deadline = time.monotonic() + 30
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """At once, as in a crash of the server."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://flows@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """The URL of a fresh database without tables."""
        self.databases += 1
        name = f"test_{self.databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def emptied(self) -> str:
        """The URL of the database with tables, all of them as new: many times faster than a fresh one."""
        self.execute(
            f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY;"
            "INSERT INTO head (id, seq, writes) VALUES (1, 0, 0);"
            "INSERT INTO lease (id, epoch, beat) VALUES (1, 0, 0)",
            "prepared",
        )
        return self.url("prepared")

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, user=self.user, cwd=self.folder, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr}")

    def _is_ready(self) -> bool:
        import psycopg

        try:
            return self.execute("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("postgres")
    if not found and on_path is None:
        pytest.fail("These tests start a PostgreSQL server of their own: install the Debian package 'postgresql'.")
    folder = Path(tempfile.mkdtemp(prefix="flows-pg-"))  # short: a unix socket's path has 107 characters at most
    server = Server((found[-1] if found else Path(str(on_path))).parent, folder)
    try:
        server.initialise()
        server.start()
        server.execute("CREATE DATABASE prepared")
        open_store(server.url("prepared")).close()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with tables and nothing in them."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql").emptied())
    return f"sqlite:///{tmp_path / 'home' / 'flows.sqlite'}"


@pytest.fixture
def database_store(url: str) -> Iterator[Store]:
    """A store that several processes can share."""
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture(params=["memory", *DATABASES])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind."""
    if request.param == "memory":
        where = "memory://"
    elif request.param == "sqlite":
        where = f"sqlite:///{tmp_path / 'home' / 'flows.sqlite'}"
    else:
        where = request.getfixturevalue("postgresql").emptied()
    opened = open_store(where)
    yield opened
    opened.close()


class World:
    """Short ways to the values the tests are about."""

    noon = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
    hour = timedelta(hours=1)

    def flow(self, name: str = "sales", source: str = "x = 1", **options: Any) -> Flow:
        return Flow(FlowId(name), tasks=(Task(TaskId("load"), source=source),), **options)

    def run(self, flow: Flow, index: int = 0, run_type: RunType = RunType.SCHEDULED, **options: Any) -> FlowRun:
        start = self.noon + index * self.hour
        interval = DataInterval(start, start + self.hour)
        return FlowRun(flow.id, run_id(run_type, start), run_type, interval, flow.digest, **options)

    def runs(self, flow: Flow, count: int, **options: Any) -> list[FlowRun]:
        return [self.run(flow, index, **options) for index in range(count)]

    def owner(self, name: str = "first") -> Owner:
        return Owner(name, "host", "boot", 42, 1234.5, label=f"scheduler {name}")

    def lease(self, store: Store, name: str = "first") -> Lease:
        lease = store.acquire_lease(self.owner(name))
        assert lease is not None
        return lease

    def attempt(self, key: RunKey, number: int = 1, token: str = "token", **options: Any) -> Attempt:
        return Attempt(AttemptId(*key, TaskId("load"), -1, number), token, **options)

    def moved(self, run: FlowRun, state: TaskState = TaskState.RUNNING, token: str = "token") -> Change:
        """One task of the run starts: what a turn of the scheduler writes."""
        return Change(
            key=run.key,
            run=replace(run, state=RunState.RUNNING),
            task_runs=(TaskRun(TaskId("load"), state=state, try_number=1),),
            attempts=(self.attempt(run.key, token=token, state=state, queued_at=self.noon),),
            events=(Event(TASK_RUN_MOVED, self.noon, *run.key, data={"task_id": "load", "state": state.value}),),
        )

    def backfill(self, flow: Flow, hours: int = 3, **options: Any) -> Backfill:
        return Backfill(0, flow.id, self.noon, self.noon + hours * self.hour, **options)

    def started(self, store: Store, count: int = 1, name: str = "sales") -> tuple[Flow, list[FlowRun], Lease]:
        """A registered flow, runs of it, and the lease."""
        flow = self.flow(name)
        store.register(flow, self.noon)
        runs = self.runs(flow, count)
        store.create_runs(runs, self.noon)
        return flow, runs, self.lease(store)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def actors() -> Callable[..., Any]:
    """Run a verb of actor.py in processes of their own: `actors(verb, url, **facts)` gives what they printed."""

    def act(verb: str, url: str, **facts: Any) -> Any:
        spec = json.dumps({"verb": verb, "url": url, **facts})
        done = subprocess.run(
            [sys.executable, str(ACTOR), spec], capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return act
