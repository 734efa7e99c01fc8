"""The grammar of the lines of `%flow`, `%task` and `%%task`, as a table of options.

Literals only, nothing is evaluated, and all faults of a line are found at once (argparse stops at the first).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from jupyter_flows.definition import reading
from jupyter_flows.definition.moments import parse_duration, parse_moment
from jupyter_flows.definition.words import split_words
from jupyter_flows.errors import UsageError
from jupyter_flows.model.flow import TriggerRule
from jupyter_flows.model.problem import NOWHERE, Place, Problem

KINDS = ("cell", "notebook", "sensor", "branch", "condition", "empty")
"""What `--kind` may say; each has its renderer in `kinds`."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: how its value is read and where it goes.

    `read` None makes it a switch that stands for `constant`. `many` collects values in a list. `kinds` names the
    only kinds of task that understand it.
    """

    flag: str
    read: Callable[[str], Any] | None = None
    into: str = ""
    many: bool = False
    constant: Any = True
    kinds: tuple[str, ...] = ()
    doc: str = ""

    @property
    def name(self) -> str:
        """The key its value has in `Directive.options`."""
        return self.into or self.flag[2:].replace("-", "_")


@dataclass(frozen=True, slots=True)
class Directive:
    """What a line says: its words without options, and only the options it really gives."""

    words: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


_LIMITS = (
    Option("--retries", reading.count, doc="how often a failed attempt is repeated"),
    Option("--retry-delay", parse_duration, doc="how long to wait before a retry"),
    Option("--retry-backoff", reading.backoff, doc="what each further delay is multiplied by"),
    Option("--max-retry-delay", parse_duration, doc="the longest wait before a retry"),
    Option("--timeout", reading.positive_duration, doc="how long one attempt may run"),
    Option("--pool", reading.word, doc="the pool whose slots it takes"),
    Option("--executor", reading.word, doc="which executor carries it out"),
    Option("--owner", reading.word, doc="who answers for it"),
    Option("--kernel", reading.word, doc="the kernelspec it runs in"),
)

FLOW_OPTIONS = (
    Option("--schedule", reading.schedule, doc="@daily, a cron, 6h, or none"),
    Option("--start", parse_moment, doc="the first interval's start; naive means --tz"),
    Option("--end", parse_moment, doc="the last interval's start, inclusive; naive means --tz"),
    Option("--tz", reading.word, into="timezone", doc="the zone the schedule is read in"),
    Option("--catchup", doc="run every interval missed"),
    Option("--no-catchup", into="catchup", constant=False, doc="run only the latest interval"),
    Option("--max-active-runs", reading.positive, doc="how many runs may be active"),
    Option("--max-active-tasks", reading.positive, doc="how many tasks may run at once"),
    Option("--run-timeout", reading.positive_duration, doc="how long a whole run may take"),
    Option("--fail-fast", doc="end the run at the first failed task"),
    Option("--tag", reading.word, many=True, doc="a word to find it by"),
    Option("--doc", str, doc="one sentence about it"),
    Option("--param", reading.parameter, many=True, doc="a parameter of every run: name[:type][=default]"),
    *_LIMITS,
)

TASK_OPTIONS = (
    Option("--after", reading.task_ids, many=True, doc="the tasks it runs after"),
    Option("--kind", reading.choice("kind", KINDS), doc="what kind of task it is"),
    Option("--map", reading.mapping, into="map_over", many=True, doc="x=xs: one task run per item of xs"),
    Option(
        "--out", reading.names, into="outputs", many=True, doc="the variables it stores, instead of the inferred ones"
    ),
    Option("--no-infer", into="no_infer", doc="take no inputs and outputs from its variables"),
    Option("--trigger-rule", reading.choice("trigger rule", [r.value for r in TriggerRule]), doc="when it may run"),
    Option("--pool-slots", reading.positive, doc="how many slots of the pool it takes"),
    Option("--priority", reading.whole, doc="higher goes first"),
    Option("--depends-on-past", doc="wait for its own success in the run before"),
    Option("--wait-for-downstream", doc="also wait for its downstreams in the run before"),
    Option("--cwd", reading.word, doc="the folder it runs in"),
    Option("--param", reading.assignment, into="params", many=True, doc="name=value, a literal or a template"),
    Option("--doc", str, doc="one sentence about it"),
    Option("--group", reading.word, doc="the group it is drawn in"),
    Option("--not-idempotent", into="idempotent", constant=False, doc="running it twice does harm"),
    Option("--poke", reading.positive_duration, kinds=("sensor",), doc="how long to wait between looks"),
    Option("--mode", reading.choice("mode", ("poke", "reschedule")), kinds=("sensor",), doc="keep the slot or not"),
    Option("--soft-fail", kinds=("sensor",), doc="skip instead of failing when time is up"),
    *_LIMITS,
)


def parse_directive(line: str, options: Sequence[Option], place: Place = NOWHERE) -> Directive:
    """The words and options of a magic's line. Every fault is a Problem at `place`; the rest is still read."""
    try:
        words = split_words(line)
    except UsageError as error:
        return Directive(problems=(Problem("bad-line", error.message, place, error.fix),))
    return _Reader(options, place).read(words)


def nearest(word: str, known: Sequence[str]) -> str:
    """The known word a misspelt one probably means, or nothing."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else ""


class _Reader:
    def __init__(self, options: Sequence[Option], place: Place) -> None:
        self._known = {o.flag: o for o in options}
        self._place = place
        self._words: list[str] = []
        self._options: dict[str, Any] = {}
        self._problems: list[Problem] = []

    def read(self, words: Sequence[str]) -> Directive:
        todo = list(words)
        while todo:
            word = todo.pop(0)
            if word.startswith("-") and len(word) > 1:
                self._option(word, todo)
            else:
                self._words.append(word)
        return Directive(tuple(self._words), self._options, tuple(self._problems))

    def _option(self, word: str, todo: list[str]) -> None:
        flag, equals, value = word.partition("=")
        option, is_known = self._known.get(flag), flag in self._known
        if option is None:
            option = self._unknown(flag)
        if option is None or option.read is None:
            if equals and option is not None:
                self._fault(
                    "bad-value", f"{option.flag} takes no value, but is given {value!r}.", f"Write {option.flag} alone."
                )
            elif option is None and not equals and self._words and todo and not todo[0].startswith("--"):
                todo.pop(0)
            elif option is not None and is_known:
                self._put(option, option.constant)
            return
        if not equals:
            if not todo or todo[0].startswith("--"):
                self._fault(
                    "missing-value", f"{option.flag} needs a value: {option.doc}.", f"Write {option.flag} VALUE."
                )
                return
            value = todo.pop(0)
        self._value(option, value, is_known)

    def _unknown(self, flag: str) -> Option | None:
        close = nearest(flag, list(self._known))
        fix = f"Write {close}." if close else f"Use one of {', '.join(sorted(self._known))}."
        self._fault("unknown-option", f"There is no option {flag}.", fix)
        return self._known.get(close)

    def _value(self, option: Option, text: str, is_known: bool) -> None:
        assert option.read is not None
        try:
            value = option.read(text)
        except UsageError as error:
            self._fault("bad-value", f"{option.flag}: {error.message}", error.fix)
            return
        if is_known:
            self._put(option, value)

    def _put(self, option: Option, value: Any) -> None:
        if option.many:
            self._options.setdefault(option.name, []).append(value)
        elif option.name in self._options:
            self._fault("repeated-option", f"{option.flag} is given twice.", "Keep one of them.")
        else:
            self._options[option.name] = value

    def _fault(self, code: str, message: str, fix: str) -> None:
        self._problems.append(Problem(code, message, self._place, fix))
