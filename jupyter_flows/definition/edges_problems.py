"""Faults found while names are traced to their makers, in words."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property

from jupyter_flows.definition.edges_known import Known
from jupyter_flows.definition.edges_values import TaskNames, place_in
from jupyter_flows.definition.edges_wants import Want
from jupyter_flows.model.problem import NOWHERE, Place, Problem, Severity


class Faults:
    """Collects problems; `found` holds them in the order they were met."""

    def __init__(self, tasks: Sequence[TaskNames], known: Known) -> None:
        self.tasks = tasks
        self.known = known
        self.found: list[Problem] = []
        for task in tasks:
            self._check_outputs(task)

    @cached_property
    def _makers(self) -> dict[str, list[TaskNames]]:
        makers: dict[str, list[TaskNames]] = {}
        for task in self.tasks:
            for name in task.made():
                makers.setdefault(name, []).append(task)
        return makers

    @cached_property
    def _importers(self) -> dict[str, list[TaskNames]]:
        importers: dict[str, list[TaskNames]] = {}
        for task in self.tasks:
            for name in task.names.imports if task.names else ():
                importers.setdefault(name, []).append(task)
        return importers

    def unknown_upstream(self, task: TaskNames, name: str, who: str) -> None:
        """`--after` or `%%wire` names a task that is not there."""
        close = get_close_matches(name, [t.id for t in self.tasks if t.id != task.id], n=1)
        known = f"Write {who} {close[0]}." if close and who == "--after" else f"Write {close[0]}." if close else ""
        message = f"Task '{task.id}' runs after '{name}' ({who}), but no cell defines it."
        fix = known or f"Define it with %%task {name}, or drop it from {who}."
        self.found.append(Problem("unknown-upstream", message, task.place, fix))

    def ambiguous(self, task: TaskNames, want: Want, makers: Sequence[TaskNames]) -> None:
        """Several tasks make a name and nothing says which comes last."""
        every = ", ".join(f"'{m.id}'" for m in makers[:-1]) + f" and '{makers[-1].id}'"
        message = (
            f"Task '{task.id}' {want.reads} `{want.name}`, which {every} {'both' if len(makers) == 2 else 'all'} make, "
            "and nothing says which of them comes last."
        )
        fix = (
            f"Say whose value is meant: --after {makers[-1].id} (or {makers[0].id}) on '{task.id}'; "
            f"or rename `{want.name}` in one of them."
        )
        self.found.append(Problem("ambiguous-producer", message, task.place_at(want.line), fix))

    def no_maker(self, task: TaskNames, want: Want) -> None:
        """No task before makes a name, and no task finds it set; a name that need not exist is no fault."""
        if want.maybe:
            return
        place = task.place_at(want.line)
        start = f"Task '{task.id}' {want.reads} `{want.name}`"
        problem = self._imported(start, want.name, task, place) or self._made_later(start, want.name, task, place)
        problem = problem or self._plain(start, want.name, place) or self._unknown(start, want.name, place)
        if problem is not None:
            self.found.append(problem)

    def _imported(self, start: str, name: str, reader: TaskNames | None, place: Place) -> Problem | None:
        importer = next((t for t in self._importers.get(name, []) if t is not reader), None)
        if importer is None:
            return None
        message = f"{start}, which '{importer.id}' imports; an import reaches no other task."
        return Problem("import-in-task", message, place, f"Move the import of {name} to %%setup.")

    def _made_later(self, start: str, name: str, reader: TaskNames | None, place: Place) -> Problem | None:
        makers = self._makers.get(name, [])
        others = [m for m in makers if m is not reader]
        if not makers:
            return None
        if not others:
            message = f"{start} before it sets it, and no task before does."
            return Problem("read-before-written", message, place, f"Set `{name}` first.")
        first = others[0]
        message = f"{start}, which only '{first.id}' makes, further down."
        if reader is None:
            fix = f"Move what needs `{name}` from %%setup to a task below '{first.id}'."
        else:
            fix = f"Move '{first.id}' above '{reader.id}', or write --after {first.id} on '{reader.id}'."
        return Problem("read-before-written", message, place, fix)

    def _plain(self, start: str, name: str, place: Place) -> Problem | None:
        cell = self.known.plain_cell(name)
        if cell is None:
            return None
        where = "a plain cell" if cell.place.cell is None else f"a plain cell (cell {cell.place.cell + 1})"
        message = f"{start}, which is defined by {where}; that does not run with the task."
        return Problem("plain-cell-name", message, place, f"Move what defines `{name}` into %%setup or a %%task.")

    def _unknown(self, start: str, name: str, place: Place) -> Problem | None:
        if self.known.opaque or self._has_unread_cells:
            return None
        close = get_close_matches(name, self._all_names, n=1)
        message = f"{start}, but nothing defines it."
        fix = f"Write `{close[0]}`, or define" if close else "Define"
        return Problem("unknown-name", message, place, f"{fix} `{name}` in %%setup, in a task, or as a parameter.")

    @cached_property
    def _has_unread_cells(self) -> bool:
        """Whether a cell could not be read at all: what it defines may be just what seems to be missing."""
        cells = [*self.known.setup, *(t.names for t in self.tasks if t.names is not None)]
        return any(problem.is_error for cell in cells for problem in cell.problems)

    @cached_property
    def _all_names(self) -> list[str]:
        return sorted({*self._makers, *self.known.setup_names, *self.known.params})

    def late_closure(self, task: TaskNames, want: Want, home: TaskNames, name: str, maker: TaskNames) -> None:
        """A function is used where a name it reads has another value than where it was made."""
        message = (
            f"Task '{task.id}' uses `{want.name}`, made by '{home.id}', which reads `{name}`; a function travels with "
            f"the values its own task had, not with the `{name}` that '{maker.id}' makes."
        )
        fix = f"Define `{want.name}` in %%setup, or pass it `{name}` as an argument."
        self.found.append(Problem("late-closure", message, task.place_at(want.line), fix, Severity.WARNING))

    def unseen_change(self, task: TaskNames, name: str, source: TaskNames, changer: TaskNames) -> None:
        """A reader gets a value without the change another task makes to it in place."""
        message = (
            f"Task '{task.id}' takes `{name}` from '{source.id}', so it does not see how '{changer.id}' changes it: "
            "each task works on its own copy."
        )
        fix = f"Write --after {changer.id} on '{task.id}', or give the changed value a name of its own."
        line = task.names.reads.get(name) if task.names else None
        self.found.append(Problem("unseen-change", message, task.place_at(line), fix, Severity.WARNING))

    def _check_outputs(self, task: TaskNames) -> None:
        """`--out` names something the cell does not have at its end."""
        names = task.names
        if names is None or names.opaque or any(p.is_error for p in names.problems):
            return
        has = {*names.writes, *names.reads, *names.imports, *task.given} - names.deletes.keys()
        for name in task.outputs:
            if name not in has:
                close = get_close_matches(name, sorted(names.writes), n=1)
                fix = f"Write --out {close[0]}." if close else f"Set `{name}` in the cell, or drop it from --out."
                message = f"Task '{task.id}' declares the output `{name}`, but does not set it."
                self.found.append(Problem("unknown-output", message, task.place, fix))

    def of_setup(self, places: Sequence[Place]) -> list[Problem]:
        """Names `%%setup` cells read while they run, before any task, that nobody has set by then."""
        found: list[Problem] = []
        ready: set[str] = set()
        opaque = False
        for number, cell in enumerate(self.known.setup):
            place = places[number] if number < len(places) else NOWHERE
            opaque = opaque or cell.opaque
            for name, line in cell.reads.items():
                if name in cell.maybe or name in cell.deferred or name in ready or opaque or self._given(name):
                    continue
                found += self._setup_reads(name, place_in(place, line))
            ready |= {*cell.writes, *cell.imports}
        return found

    def _given(self, name: str) -> bool:
        return self.known.has(name) and name not in self.known.setup_names

    def _setup_reads(self, name: str, place: Place) -> list[Problem]:
        start = f"%%setup reads `{name}`"
        if name in self.known.setup_names:
            message = f"{start} before it is set further down in %%setup."
            return [Problem("read-before-written", message, place, f"Set `{name}` first.")]
        tried = [self._imported(start, name, None, place), self._made_later(start, name, None, place)]
        tried += [self._plain(start, name, place), self._unknown(start, name, place)]
        return [p for p in tried if p is not None][:1]
