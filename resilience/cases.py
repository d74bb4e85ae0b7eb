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
    from collections.abc import Iterable, Iterator, Mapping

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
    dice = random.Random(f"{seed}/{subject.name}")  # noqa: S311
    made = [
        *_single_faults(course, dice),
        *_pairs_of_faults(course, dice),
        *_kills(course, dice),
        *_kills_in_a_row(course, dice),
        *_kills_under_faults(course, dice),
        *_signals(course, dice),
        *_ends_of_the_pipe(course, dice),
        *_refusals(subject, course, dice),
        *_movements(subject, course, dice),
        *_readings(subject, course, dice),
        *_new_fields(subject, course, dice),
    ]
    if not subject.is_table:
        made += [*_contradictions(subject), *_clocks(course, dice)]
    cases = {case.name: case for case in made}
    ordered = list(cases.values())
    dice.shuffle(ordered)
    return [
        dataclasses.replace(
            case,
            debug=dice.random() < 0.2,  # noqa: PLR2004
            unbuffered=case.unbuffered or dice.random() < 0.3,  # noqa: PLR2004
        )
        for case in ordered
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


def _places(course: Course, dice: random.Random, more: int = 2) -> list[int]:
    """Requests to strike: the first ones, the last one and some at random."""
    between = range(4, course.requests)
    chosen = dice.sample(between, min(more, len(between)))
    return sorted({*range(1, min(3, course.requests) + 1), *chosen, course.requests})


def _fault(name: str, at: int, dice: random.Random) -> dict[str, Any]:
    fault = {**FAULTS[name], "at": at}
    if fault["kind"] == "cut" and dice.random() < 0.4:  # noqa: PLR2004
        fault["framing"] = dice.choice(("length", "close"))
        if fault["framing"] == "close" and fault["ending"] == "clean":
            fault["ending"] = "missing"
    if name == "reset in the body":
        fault["after"] = dice.choice((1, 9, 100, 1500))
    if name == "stall in the body":
        fault["after"] = dice.choice((0, 1, 60, 2000))
    if name.endswith("in seconds") and dice.random() < 0.1:  # noqa: PLR2004
        fault["retry_after"] = 1
    return fault


def _single_faults(course: Course, dice: random.Random) -> Iterator[Case]:
    for name in FAULTS:
        for at in _places(course, dice):
            yield Case(f"{name} @{at}", name, faults=(_fault(name, at, dice),))


def _pairs_of_faults(course: Course, dice: random.Random, count: int = 36) -> Iterator[Case]:
    for _ in range(count):
        first, second = dice.choices(list(FAULTS), k=2)
        at = dice.randint(1, course.requests)
        # Half of the second ones strike the next try of the same page.
        then = at + 1 if dice.random() < 0.5 else dice.randint(at, course.requests) + 1  # noqa: PLR2004
        yield Case(
            f"{first} @{at} + {second} @{then}",
            "a pair of faults",
            faults=(_fault(first, at, dice), _fault(second, then, dice)),
        )


def _some(last: int, dice: random.Random, more: int) -> list[int]:
    """The first, the last, and some between."""
    if last < 1:
        return []
    return sorted({1, last, *dice.sample(range(1, last + 1), min(more, last))})


def _stop(
    course: Course, dice: random.Random, harm: Harm = "kill", moment: Moment | None = None
) -> Stop:
    chosen = dice.choice(_USUAL_MOMENTS) if moment is None else moment
    last = {
        "after a SCHEMA": 1,
        "in a RECORD": course.records,
        "before a STATE": course.states,
        "after a STATE": course.states,
        "at a byte": course.size,
        "at a time": 100,
        "in a wait": 1,
    }[chosen]
    return _stop_at(chosen, dice.randint(1, max(last, 1)), dice, harm)


def _stop_at(moment: Moment, number: int, dice: random.Random, harm: Harm) -> Stop:
    inside = dice.choice((1, 30, 45, 100, 160, 400))
    return Stop(moment, number, harm, inside=inside, dies_too=dice.random() < 0.6)  # noqa: PLR2004


def _stops_of_every_kind(
    course: Course, dice: random.Random, harm: Harm, more: int
) -> Iterator[Stop]:
    yield _stop_at("after a SCHEMA", 1, dice, harm)
    for moment, last in (
        ("in a RECORD", course.records),
        ("before a STATE", course.states),
        ("after a STATE", course.states),
    ):
        for number in _some(last, dice, more):
            yield _stop_at(moment, number, dice, harm)  # type: ignore[arg-type]
    for moment in ("at a byte", "at a time"):
        for _ in range(more):
            yield _stop(course, dice, harm, moment)  # type: ignore[arg-type]


def _kills(course: Course, dice: random.Random) -> Iterator[Case]:
    for stop in _stops_of_every_kind(course, dice, "kill", 9):
        yield Case(str(stop), f"kill -9 {stop.moment}", stops=(stop,))


def _kills_in_a_row(course: Course, dice: random.Random, count: int = 12) -> Iterator[Case]:
    for _ in range(count):
        stops = tuple(_stop(course, dice) for _ in range(dice.randint(2, 5)))
        # A resumed run is shorter: later stops strike earlier, or not at all.
        stops = tuple(
            dataclasses.replace(stop, number=max(stop.number // (place + 1), 1))
            for place, stop in enumerate(stops)
        )
        yield Case(" > ".join(map(str, stops)), "several kills in one backfill", stops=stops)


def _kills_under_faults(course: Course, dice: random.Random, count: int = 10) -> Iterator[Case]:
    for _ in range(count):
        stop, name = _stop(course, dice), dice.choice(list(FAULTS))
        at = dice.randint(1, course.requests)
        fault = _fault(name, at, dice)
        yield Case(f"{stop} | {name} @{at}", "kill -9 and a fault", faults=(fault,), stops=(stop,))


def _signals(course: Course, dice: random.Random) -> Iterator[Case]:
    harms: Iterable[tuple[Harm, str]] = (("term", "SIGTERM"), ("int", "SIGINT"))
    for harm, name in harms:
        for stop in _stops_of_every_kind(course, dice, harm, 3):
            yield Case(str(stop), name, stops=(stop,))
        at = dice.randint(1, course.requests)
        wait = {"kind": "status", "status": 503, "retry_after": 60, "at": at, "times": 1}
        stop = Stop("in a wait", 1, harm)
        yield Case(f"{stop} @{at}", f"{name} in a wait", faults=(wait,), stops=(stop,))


def _ends_of_the_pipe(course: Course, dice: random.Random) -> Iterator[Case]:
    for stop in _stops_of_every_kind(course, dice, "close", 2):
        if stop.moment != "at a time":
            yield Case(str(stop), "the target dies (broken pipe)", stops=(stop,))
    never = Stop("at a byte", 2**40)
    yield Case("a full device", "a full disk", stops=(never,), sink="/dev/full", fails=True)
    for _ in range(7):
        size = dice.randint(1, course.size - 1)
        yield Case(
            f"a disk full after {size} bytes", "a full disk", stops=(never,), sink="file",
            sink_bytes=size, fails=True,
        )  # fmt: skip
    for less in (1, 20, 150):  # in the last STATE, after which nothing would fail any more
        size = course.size - less
        yield Case(
            f"a disk full after {size} bytes, unbuffered", "a full disk", stops=(never,),
            sink="file", sink_bytes=size, fails=True, unbuffered=True,
        )  # fmt: skip
    for name in dice.sample(list(FAULTS), 2):
        at = dice.randint(1, course.requests)
        yield Case(
            f"a slow reader | {name} @{at}", "a slow reader", stops=(never,), sink="slow pipe",
            faults=(_fault(name, at, dice),),
        )  # fmt: skip


def _refusals(subject: Subject, course: Course, dice: random.Random) -> Iterator[Case]:
    for name, fault in REFUSALS.items():
        if subject.asks_for_each_parent and fault.get("status") == _FORBIDDEN:
            continue  # a parent that is refused is skipped
        for at in {1, course.requests, dice.randint(1, course.requests)}:
            times = fault.get("times", 1)
            yield Case(
                f"{name} @{at}",
                "a run that must fail",
                faults=({**fault, "times": None, "at": list(range(at, at + times))},),
                settings={"max_tries": 2},
                fails=True,
            )


def _movements(subject: Subject, course: Course, dice: random.Random) -> Iterator[Case]:
    kinds: tuple[Movement, ...] = ("update", "new", "gone" if subject.is_table else "late")
    for what in kinds:
        if what == "update" and subject.update is None:
            continue
        settings = {"lookback_minutes": 60} if what == "late" else {}
        if what == "late":  # whatever the dice say, some come behind all that has been read
            moves = tuple(
                Move(at, what) for at in range(max(course.requests - 2, 1), course.requests + 1)
            )
            kind = f"data that moves: {what}"
            yield Case(f"{what} at the end", kind, moves=moves, settings=settings)
        for killed in (False, False, False, True, True, True):
            # In order, so that what comes later has a later time as well.
            places = sorted(dice.randint(1, course.requests) for _ in range(dice.randint(1, 3)))
            moves = tuple(Move(at, what) for at in places)
            stops = (_stop(course, dice),) if killed else ()
            name = " + ".join(f"{what} @{move.at}" for move in moves)
            name += "".join(f" | {stop}" for stop in stops)
            yield Case(
                name, f"data that moves: {what}", moves=moves, stops=stops,
                settings=settings,
            )  # fmt: skip


def _clocks(course: Course, dice: random.Random) -> Iterator[Case]:
    """New records come after the first run, at a time that its clock took for the past."""
    kind = "a clock that is ahead of the vendor's"
    moves = (Move(_BETWEEN_RUNS, "new"),)
    yield Case(kind, kind, moves=moves, ahead=True)
    for name in dice.sample(("500", "429, Retry-After in seconds", "reset in the body"), 2):
        fault = _fault(name, 1, dice)
        yield Case(f"{kind} | {name} @1", kind, faults=(fault,), moves=moves, ahead=True)
    stop = _stop(course, dice)
    yield Case(f"{kind} | {stop}", kind, stops=(stop,), moves=moves, ahead=True)


def _readings(subject: Subject, course: Course, dice: random.Random) -> Iterator[Case]:
    known = TABLE_SWITCHES if subject.is_table else SWITCHES
    for switches in known[subject.vendor]:
        if _OWN.get(next(iter(switches)), subject.source) != subject.source:
            continue
        words = ", ".join(f"{name}={value}" for name, value in switches.items())
        yield Case(words, "another reading of the documents", switches=switches)
        for _ in range(2):
            stop = _stop(course, dice)
            yield Case(
                f"{words} | {stop}", "another reading, killed", switches=switches, stops=(stop,)
            )


def _new_fields(subject: Subject, course: Course, dice: random.Random) -> Iterator[Case]:
    drift = DRIFTS[subject.vendor]
    if subject.is_table and subject.update is not None:
        drift = {subject.update[0]: {"value": 1}}
    changes = {**NEW_FIELDS, "values of other types": drift}
    for words, value in changes.items():
        fault = {"kind": "fields", "value": value}
        kind = "new fields" if words in NEW_FIELDS else "drifted fields"
        yield Case(words, kind, faults=(fault,))
        stop = _stop(course, dice)
        yield Case(f"{words} | {stop}", f"{kind}, killed", faults=(fault,), stops=(stop,))


def _contradictions(subject: Subject) -> Iterator[Case]:
    own = _DOCUMENTED_UNITS.get(subject.source, "seconds")
    for switches in CONTRADICTIONS[subject.vendor]:
        if switches.get("end_time_unit") == own:
            continue
        words = ", ".join(f"{name}={value}" for name, value in switches.items())
        yield Case(words, "against the documents", contradictions=switches, fails=True)
