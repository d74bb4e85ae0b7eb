"""Which misbehaviours, kills and movements of data are played against a stream.

Pure: the same seed and the same course of an undisturbed run give the same cases, with the same
names, in the same order.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any, Literal

from resilience.target import Harm, Moment, Sink, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from resilience.subjects import Subject

_FORBIDDEN = 403
_BETWEEN_RUNS = 0
"""In place of the number of a request: before the run of the next day."""
Movement = Literal["update", "new", "late", "gone"]

_ENDINGS = ("clean", "missing", "reset")
_PLACES = {
    "string": "inside a string",
    "number": "inside a number",
    "record": "after a record",
    "comma": "between records",
    "bracket": "before the last bracket",
}
FAULTS: dict[str, dict[str, Any]] = {
    "429, Retry-After in seconds": {"kind": "status", "status": 429, "retry_after": 0},
    "429, Retry-After as a date": {
        "kind": "status", "status": 429, "retry_after": 0, "retry_after_as": "date",
    },
    "429 without Retry-After": {"kind": "status", "status": 429},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503},
    "503, Retry-After in seconds": {"kind": "status", "status": 503, "retry_after": 0},
    "504": {"kind": "status", "status": 504},
    "reset before the response": {"kind": "reset", "point": "before"},
    "reset in the headers": {"kind": "reset", "point": "headers"},
    "reset in the body": {"kind": "reset", "point": "body"},
    **{
        f"body cut {words}, {ending}": {"kind": "cut", "place": place, "ending": ending}
        for place, words in _PLACES.items()
        for ending in _ENDINGS
    },
    "damaged UTF-8": {"kind": "damage"},
    "HTML with 200": {"kind": "html"},
    "empty 200": {"kind": "empty"},
    "stall before the response": {"kind": "stall", "seconds": 1.6},
    "stall in the body": {"kind": "stall", "seconds": 1.6, "after": 60},
    "connection refused": {"kind": "refused", "seconds": 0.15},
}  # fmt: skip
"""By the name in the report; "refused" is done by the stage, the others are the sandbox's."""

_IN_COMMON = (
    *FAULTS,
    *("SIGTERM", "SIGINT", "SIGTERM in a wait", "SIGINT in a wait", "a pair of faults"),
    *("the target dies (broken pipe)", "a full disk", "a slow reader"),
)
"""Kinds of cases that do not depend on how a stream is read."""

REFUSALS: dict[str, dict[str, Any]] = {
    **{f"{code} in the middle": {"kind": "status", "status": code} for code in (400, 401, 403)},
    "500 for longer than max_tries": {"kind": "status", "status": 500, "times": 2},
    "cut for longer than max_tries": {
        "kind": "cut", "place": "string", "ending": "missing", "times": 2,
    },
    "HTML for longer than max_tries": {"kind": "html", "times": 2},
}  # fmt: skip
"""Faults that a run cannot survive: it must say so and be resumed later."""

SWITCHES: dict[str, tuple[dict[str, Any], ...]] = {
    "dixa": ({"bounds": "exclusive"}, {"bounds": "half-open"}, {"gzip": True}),
    "deepconverse": (
        {"bounds": "exclusive"},
        {"bounds": "half-open"},
        {"times": "milliseconds"},
        {"times": "text"},
        {"times": "iso"},
        {"end_cursor": "absent"},
        {"end_cursor": "empty"},
        {"paging.empty_pages": True},
        {"paging.short_pages": 3},
        {"paging.short_pages": 3, "end_cursor": "absent"},
        {"paging.scroll": True},
        {"cursor_place": "pagination.cursor"},
        {"paging.empty_pages": True, "paging.short_pages": 5, "bounds": "exclusive"},
        {"gzip": True},
    ),
    "zendesk_chat": (
        {"timeline_start": "exclusive"},
        {"chats_end_time": "start"},
        {"short_pages": 7},
        {"empty_pages": True},
        {"empty_pages": True, "short_pages": 7},
        {"next_page_host": "https://www.zopim.com"},
        {"gzip": True},
    ),
    "devrev": (
        {"end_cursor": "empty"},
        {"paging.empty_pages": True},
        {"paging.short_pages": 5},
        {"export_caps": (10,)},
        {"export_caps": (10,), "export_order": "oldest"},
        {"export_order": "newest"},
        {"gzip": True},
    ),
}

TABLE_SWITCHES: dict[str, tuple[dict[str, Any], ...]] = {
    "dixa": ({"next_url": "absolute"}, {"paging.short_pages": 7}, {"gzip": True}),
    "zendesk_chat": ({"gzip": True},),
    "devrev": ({"end_cursor": "empty"}, {"paging.short_pages": 40}, {"gzip": True}),
}

CONTRADICTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "dixa": (),
    "deepconverse": (
        *({"cursor_place": place} for place in ("next", "Cursor", "pagination.next_cursor")),
        {"cursor_place": None},
        {"cursor_place": None, "paging.short_pages": 5},
        {"cursor_place": "page.after", "paging.short_pages": 5},
    ),
    "zendesk_chat": tuple(
        {"end_time_unit": unit}
        for unit in ("seconds", "milliseconds", "microseconds", "nanoseconds")
    ),
    "devrev": (),
}
"""Responses that no document permits and that would pass for an end: a run must say so."""

_DOCUMENTED_UNITS = {"agent_timeline": "microseconds"}

NEW_FIELDS: dict[str, dict[str, Any]] = {
    "a text": {"vendor_note": "é 2025-01-01T00:00:00Z"},
    "an object and a list": {"vendor_object": {"a": [1]}, "vendor_list": []},
    "numbers": {"vendor_id": 2**63, "vendor_score": 0.5},
}
"""Fields that a vendor could add to every record, by the name in the report."""

DRIFTS: dict[str, dict[str, Any]] = {
    "dixa": {"direction": {"name": "INBOUND"}},
    "deepconverse": {"locale": ["b"], "type": ["b"]},
    "zendesk_chat": {"type": {"name": "chat"}, "unread": 2, "status": ["s"]},
    "devrev": {"title": ["a", "b"]},
}
"""Values of types that the vendors' documents do not have there, and that nothing is made of."""

_OWN = {"timeline_start": "agent_timeline", "chats_end_time": "chats"}
"""Switches that one stream alone knows."""


_USUAL_MOMENTS: tuple[Moment, ...] = (
    *("in a RECORD", "in a RECORD", "before a STATE", "after a STATE", "at a byte", "at a time"),
)


@dataclasses.dataclass(frozen=True)
class Move:
    """Data that moves when a request is answered.

    Args:
        at: The request, counted from 1 over all runs of the case; 0: between the runs of the two
            days.
        what: A record is updated, a new one comes, one comes late with an old time, or one is gone.
    """

    at: int
    what: Movement


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to try.

    Args:
        name: Unique within the stream.
        kind: Its row in the report.
        faults: Of the sandbox, with the number of the request that each strikes.
        stops: One for each run that is harmed, in order; then comes a run that is not.
        moves: Data that moves.
        switches: Other readings of the vendor's documents.
        contradictions: Switches that contradict the documents; put right after the first run.
        settings: Of the tap.
        sink: What the runs write to, as far as they are harmed.
        sink_bytes: After how many bytes the disk is full.
        fails: Whether the first run cannot succeed; the vendor behaves again after it.
        debug: Whether the log is at DEBUG.
        unbuffered: Whether Python's own buffer before the pipe is switched off.
        ahead: Whether the tap's clock is ahead of the vendor's, by nearly two years, and nothing
            but the vendor's says when to stop.
        patience: What the growing waits before a retry are multiplied by.
        largest_memory: Bytes of address space that the tap may use; 0 for any.
    """

    name: str
    kind: str
    faults: tuple[Mapping[str, Any], ...] = ()
    stops: tuple[Stop, ...] = ()
    moves: tuple[Move, ...] = ()
    switches: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    contradictions: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sink: Sink = "pipe"
    sink_bytes: int = 0
    fails: bool = False
    debug: bool = False
    unbuffered: bool = False
    ahead: bool = False
    patience: float = 0.01
    largest_memory: int = 0


@dataclasses.dataclass(frozen=True)
class Course:
    """The course of an undisturbed run of a stream: where there is something to strike.

    Args:
        requests: How many it sends.
        records: How many RECORD lines it writes.
        states: How many STATE lines.
        size: Bytes written.
    """

    requests: int
    records: int
    states: int
    size: int


def cases_of(subject: Subject, course: Course, seed: int) -> list[Case]:
    """All cases of a stream, in an order in which any part is a fair sample."""
    maker = _Maker(subject, course, random.Random(f"{seed}/{subject.name}"))  # noqa: S311
    cases = list({case.name: case for case in maker.cases()}.values())
    maker.dice.shuffle(cases)
    return [
        dataclasses.replace(
            case, debug=maker.happens(0.2), unbuffered=case.unbuffered or maker.happens(0.3)
        )
        for case in cases
    ]


def sample(cases: list[Case], share: int, turn: int = 0, turns: int = 1) -> list[Case]:
    """The first few of each kind.

    Args:
        cases: All of a stream's.
        share: How many of each kind.
        turn: The stream's place among those of its tap. Single faults, signals and the other end
            of the pipe are met by what they have in common: they take these kinds in turns.
        turns: How many streams the tap has.
    """
    taken: dict[str, int] = {}
    chosen = []
    others = {name for place, name in enumerate(_IN_COMMON) if place % turns != turn}
    for case in cases:
        if case.kind in others:
            continue
        taken[case.kind] = taken.get(case.kind, 0) + 1
        if taken[case.kind] <= share:
            chosen.append(case)
    return chosen


class _Maker:
    """Makes the cases of one stream.

    Args:
        subject: The stream.
        course: What an undisturbed run of it does.
        dice: They decide all that is chosen.
    """

    def __init__(self, subject: Subject, course: Course, dice: random.Random) -> None:
        self.subject = subject
        self.course = course
        self.dice = dice
        self.last: dict[Moment, int] = {
            "after a SCHEMA": 1,
            "in a RECORD": course.records,
            "before a STATE": course.states,
            "after a STATE": course.states,
            "at a byte": course.size,
            "at a time": 100,
        }

    def cases(self) -> Iterator[Case]:
        """All, in an order of their own; some may come twice."""
        yield from self.single_faults()
        yield from self.pairs_of_faults()
        yield from self.kills()
        yield from self.signals()
        yield from self.ends_of_the_pipe()
        yield from self.refusals()
        yield from self.movements()
        yield from self.readings()
        yield from self.new_fields()
        if not self.subject.is_table:
            yield from self.contradictions()
            yield from self.clocks()

    # What is chosen

    def happens(self, probability: float) -> bool:
        return self.dice.random() < probability

    def request(self) -> int:
        return self.dice.randint(1, self.course.requests)

    def fault(self, name: str, at: int) -> dict[str, Any]:
        """A fault that strikes a request, in one of its ways."""
        fault = {**FAULTS[name], "at": at}
        if fault["kind"] == "cut" and self.happens(0.4):
            fault["framing"] = self.dice.choice(("length", "close"))
            if fault["framing"] == "close" and fault["ending"] == "clean":
                fault["ending"] = "missing"
        if name == "reset in the body":
            fault["after"] = self.dice.choice((1, 9, 100, 1500))
        if name == "stall in the body":
            fault["after"] = self.dice.choice((0, 1, 60, 2000))
        if name.endswith("in seconds") and self.happens(0.1):
            fault["retry_after"] = 1
        return fault

    def any_fault(self) -> tuple[str, dict[str, Any]]:
        """A fault somewhere, and its name."""
        name, at = self.dice.choice(list(FAULTS)), self.request()
        return f"{name} @{at}", self.fault(name, at)

    def stop(self, harm: Harm = "kill", moment: Moment | None = None, number: int = 0) -> Stop:
        """A harm, at a moment that is given or not."""
        chosen: Moment = self.dice.choice(_USUAL_MOMENTS) if moment is None else moment
        number = number or self.dice.randint(1, max(self.last[chosen], 1))
        inside = self.dice.choice((1, 30, 45, 100, 160, 400))
        return Stop(chosen, number, harm, inside=inside, dies_too=self.happens(0.6))

    def stops(self, harm: Harm, more: int) -> Iterator[Stop]:
        """A harm at every kind of moment: the first, the last, and some between."""
        for moment, last in self.last.items():
            between = self.dice.sample(range(1, last + 1), min(more, last))
            for number in sorted({1, last, *between}) if last else ():
                yield self.stop(harm, moment, number)

    def also_killed(self, case: Case, kind: str, times: int = 1) -> Iterator[Case]:
        """A case, and the same one with a kill."""
        yield case
        for _ in range(times):
            stop = self.stop()
            yield dataclasses.replace(case, name=f"{case.name} | {stop}", kind=kind, stops=(stop,))

    # What is tried

    def single_faults(self) -> Iterator[Case]:
        """Each at the first requests, the last one and some between."""
        last = self.course.requests
        for name in FAULTS:
            between = range(4, last)
            chosen = self.dice.sample(between, min(2, len(between)))
            for at in sorted({*range(1, min(3, last) + 1), *chosen, last}):
                yield Case(f"{name} @{at}", name, faults=(self.fault(name, at),))

    def pairs_of_faults(self) -> Iterator[Case]:
        for _ in range(36):
            first, second = self.dice.choices(list(FAULTS), k=2)
            at = self.request()
            # Half of the second ones strike the next try of the same page.
            then = at + 1 if self.happens(0.5) else self.dice.randint(at, self.course.requests) + 1
            faults = self.fault(first, at), self.fault(second, then)
            yield Case(f"{first} @{at} + {second} @{then}", "a pair of faults", faults=faults)

    def kills(self) -> Iterator[Case]:
        for stop in self.stops("kill", 9):
            yield Case(str(stop), f"kill -9 {stop.moment}", stops=(stop,))
        for _ in range(12):
            # A resumed run is shorter: later stops strike earlier, or not at all.
            stops = tuple(
                dataclasses.replace(stop, number=max(stop.number // place, 1))
                for place in range(1, self.dice.randint(2, 5) + 1)
                for stop in (self.stop(),)
            )
            yield Case(" > ".join(map(str, stops)), "several kills in one backfill", stops=stops)
        for _ in range(10):
            stop, (name, fault) = self.stop(), self.any_fault()
            yield Case(f"{stop} | {name}", "kill -9 and a fault", faults=(fault,), stops=(stop,))

    def signals(self) -> Iterator[Case]:
        harms: tuple[tuple[Harm, str], ...] = (("term", "SIGTERM"), ("int", "SIGINT"))
        for harm, name in harms:
            for stop in self.stops(harm, 3):
                yield Case(str(stop), name, stops=(stop,))
            at, stop = self.request(), Stop("in a wait", 1, harm)
            wait = {"kind": "status", "status": 503, "retry_after": 60, "at": at, "times": 1}
            yield Case(f"{stop} @{at}", f"{name} in a wait", faults=(wait,), stops=(stop,))

    def ends_of_the_pipe(self) -> Iterator[Case]:
        for stop in self.stops("close", 2):
            if stop.moment != "at a time":
                yield Case(str(stop), "the target dies (broken pipe)", stops=(stop,))
        never = (Stop("at a byte", 2**40),)
        full = Case("a full device", "a full disk", stops=never, sink="/dev/full", fails=True)
        yield full
        size = self.course.size
        sizes = [(self.dice.randint(1, size - 1), False) for _ in range(7)]
        # And in the last STATE, after which nothing would fail any more.
        for held, unbuffered in (*sizes, *((size - less, True) for less in (1, 20, 150))):
            name = f"a disk full after {held} bytes" + ", unbuffered" * unbuffered
            yield dataclasses.replace(
                full, name=name, sink="file", sink_bytes=held, unbuffered=unbuffered
            )
        for _ in range(2):
            name, fault = self.any_fault()
            slow = f"a slow reader | {name}"
            yield Case(slow, "a slow reader", stops=never, sink="slow pipe", faults=(fault,))

    def refusals(self) -> Iterator[Case]:
        for name, fault in REFUSALS.items():
            if self.subject.asks_for_each_parent and fault.get("status") == _FORBIDDEN:
                continue  # a parent that is refused is skipped
            for at in {1, self.course.requests, self.request()}:
                struck = list(range(at, at + fault.get("times", 1)))
                yield Case(
                    f"{name} @{at}",
                    "a run that must fail",
                    faults=({**fault, "times": None, "at": struck},),
                    settings={"max_tries": 2},
                    fails=True,
                )

    def movements(self) -> Iterator[Case]:
        last = self.course.requests
        kinds: tuple[Movement, ...] = ("update", "new", "gone" if self.subject.is_table else "late")
        for what in kinds if self.subject.update is not None else kinds[1:]:
            kind = f"data that moves: {what}"
            settings = {"lookback_minutes": 60} if what == "late" else {}
            if what == "late":  # whatever the dice say, some come behind all that has been read
                moves = tuple(Move(at, what) for at in range(max(last - 2, 1), last + 1))
                yield Case(f"{what} at the end", kind, moves=moves, settings=settings)
            for _ in range(3):
                # In order, so that what comes later has a later time as well.
                places = sorted(self.request() for _ in range(self.dice.randint(1, 3)))
                moves = tuple(Move(at, what) for at in places)
                name = " + ".join(f"{what} @{at}" for at in places)
                yield from self.also_killed(Case(name, kind, moves=moves, settings=settings), kind)

    def readings(self) -> Iterator[Case]:
        kind = "another reading of the documents"
        known = TABLE_SWITCHES if self.subject.is_table else SWITCHES
        for switches in known[self.subject.vendor]:
            if _OWN.get(next(iter(switches)), self.subject.source) == self.subject.source:
                case = Case(_in_words(switches), kind, switches=switches)
                yield from self.also_killed(case, "another reading, killed", 2)

    def new_fields(self) -> Iterator[Case]:
        drift = DRIFTS[self.subject.vendor]
        if self.subject.is_table and self.subject.update is not None:
            drift = {self.subject.update[0]: {"value": 1}}
        for words, value in {**NEW_FIELDS, "values of other types": drift}.items():
            kind = "new fields" if words in NEW_FIELDS else "drifted fields"
            case = Case(words, kind, faults=({"kind": "fields", "value": value},))
            yield from self.also_killed(case, f"{kind}, killed")

    def contradictions(self) -> Iterator[Case]:
        own = _DOCUMENTED_UNITS.get(self.subject.source, "seconds")
        for switches in CONTRADICTIONS[self.subject.vendor]:
            if switches.get("end_time_unit") != own:
                words, kind = _in_words(switches), "against the documents"
                yield Case(words, kind, contradictions=switches, fails=True)

    def clocks(self) -> Iterator[Case]:
        """New records come after the first run, at a time that its clock took for the past."""
        kind = "a clock that is ahead of the vendor's"
        case = Case(kind, kind, moves=(Move(_BETWEEN_RUNS, "new"),), ahead=True)
        yield from self.also_killed(case, kind)
        for name in self.dice.sample(
            ("500", "429, Retry-After in seconds", "reset in the body"), 2
        ):
            faults = (self.fault(name, 1),)
            yield dataclasses.replace(case, name=f"{kind} | {name} @1", faults=faults)


def _in_words(switches: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in switches.items())
