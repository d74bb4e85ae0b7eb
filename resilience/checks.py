"""Checks of what must hold after each run, and at the end of a case.

Each is a function that yields what is wrong, in words: nothing where all is well.
"""

from __future__ import annotations

import collections
import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

from resilience.singer import Mark, last_state, marks
from resilience.subjects import START, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from resilience.cases import Case, Course
    from resilience.expected import Expected, Truth
    from resilience.runs import Run
    from resilience.stage import Stage
    from resilience.subjects import Subject

_SIGNALLED = {"term": 143, "int": 130}
_CODES = {**_SIGNALLED, "kill": -9, "close": 1}
_LONGEST_FAREWELL = 10.0
"""Seconds between a signal and the end of the run: many for a busy machine, few of a long wait."""


class Broken(Exception):  # noqa: N818 - a promise is
    """A promise of the taps is broken."""


class Ledger:
    """An account of what the target has been given over all runs of a case.

    Args:
        subject: The stream.
        truth: What the vendor had at first.
        case: What is being played.
        moved: Keys of the records that the vendor has changed meanwhile.
    """

    def __init__(self, subject: Subject, truth: Truth, case: Case, moved: set[Hashable]) -> None:
        """Start empty."""
        self.subject = subject
        self.truth = truth
        self.last: dict[Hashable, str] = {}
        self._versions: collections.defaultdict[Hashable, set[str]] = collections.defaultdict(set)
        self._marks: dict[str, Mark] = {}
        self._moved = moved
        self._moves = bool(case.moves)

    def faults(self, run: Run) -> Iterator[str]:
        """Follow what a run gave, message by message: what is wrong with their order."""
        has_schema = False
        version: int | None = None
        for message in run.seen:
            if message.kind == "SCHEMA":
                has_schema = True
            elif message.kind == "RECORD":
                if not has_schema:
                    yield "a RECORD before its SCHEMA"
                if message.version != version:
                    yield f"a RECORD of version {message.version}, where {version} is active"
                self.last[message.key] = message.text
                self._versions[message.key].add(message.text)
            elif message.kind == "ACTIVATE_VERSION":
                version = message.version
                self.last.clear()  # as a target does with the rows of other versions
            elif message.kind == "STATE":
                new = marks(message.value, self.subject.source)
                yield from self._backward(new)
                yield from self._passed(new)
                self._marks = new

    def _backward(self, new: Mapping[str, Mark]) -> Iterator[str]:
        for group, old in self._marks.items():
            if group not in new:
                yield f"a STATE forgot the bookmark of {group or 'the stream'}"
            elif _order(new[group]) < _order(old):
                yield f"the state moved backwards: from {old} to {new[group]}"

    def _passed(self, new: Mapping[str, Mark]) -> Iterator[str]:
        """The records that new bookmarks have passed and that have not been given."""
        moved = {group: mark for group, mark in new.items() if self._marks.get(group) != mark}
        for key, expected in self.truth.items() if moved else ():
            mark = moved.get(expected.group)
            if mark and _is_promised(expected, mark, self.subject) and not self._has(key, expected):
                if key in self.last:
                    yield f"the record {key} differs: {_difference(expected.text, self.last[key])}"
                yield (
                    f"the bookmark {_iso(mark.until)} passed the record {key} "
                    f"of {_iso(expected.time)}, which had not been emitted"
                )

    def _has(self, key: Hashable, expected: Expected) -> bool:
        if self._moves:  # it may have changed or gone ahead before it was read
            return key in self._versions or key in self._moved
        return expected.text in self._versions.get(key, ())


def _order(mark: Mark) -> tuple[int, int]:
    return mark.until, (mark.cursor or {}).get("end_time") or 0


def _is_promised(expected: Expected, mark: Mark, subject: Subject) -> bool:
    """Whether a bookmark says that this record has been emitted."""
    if mark.cursor is None or mark.cursor.get("end_id") is None:
        return expected.time < mark.until
    end = mark.cursor["end_time"] * subject.unit
    if end != mark.until:  # a cursor that counts something else than the bookmark
        return False
    return (expected.time, str(expected.key)) <= (end, str(mark.cursor["end_id"]))


_CHAINED = (
    "The above exception was the direct cause of the following exception",
    "During handling of the above exception, another exception occurred",
)
"""Between the tracebacks of one error and of what led to it."""


def faults_of_run(
    stage: Stage, case: Case, run: Run, ledger: Ledger, course: Course | None
) -> Iterator[str]:
    """What is wrong with one run: its log, its exit code, and what it asked for."""
    log = run.written.stderr.decode(errors="replace")
    if run.written.hung:
        yield f"the run hung; the end of its log: {log[-300:]}"
    if _is_signalled(run) and not run.written.whole and run.written.code != 0:
        return  # the signal came before the tap had begun: it is up to Python then what happens
    # At DEBUG the error that ended the run is told with its place, and with that of its cause.
    told = sum(log.count(words) for words in ("| where it happened", *_CHAINED))
    if log.count("Traceback (most recent call last)") > told:
        yield f"a traceback: {log[-400:]}"
    if "Exception ignored" in log:
        yield f"an exception at exit: {log[-200:]}"
    if stage.vendor.token.encode() in run.written.stderr + run.written.whole:
        yield "the credential is in the output"
    yield from _of_success(case, run, ledger) if run.written.code == 0 else _of_failure(run, log)
    yield from _of_repeats(stage.subject, case, run, course)
    if not stage.subject.is_table:
        yield from _of_start(stage.subject, case, run)
        yield from _of_lag(stage.subject, case, run)


def _is_signalled(run: Run) -> bool:
    return run.written.struck and run.stop is not None and run.stop.harm in _SIGNALLED


def _is_closed(run: Run) -> bool:
    """Whether the pipe was closed: what was in it then is lost, and the tap may have ended well."""
    return run.written.struck and run.stop is not None and run.stop.harm == "close"


def _of_success(case: Case, run: Run, ledger: Ledger) -> Iterator[str]:
    if run.is_hopeless:
        yield "exit code 0 of a run that cannot have been complete"
    given = {message.key for message in run.whole if message.kind == "RECORD"}
    missing = ledger.truth.keys() - ledger.last.keys() - given
    if missing and not case.moves and not _is_closed(run):
        yield f"exit code 0, and {len(missing)} records missing: {_few(missing)}"
    activated = sum(message.kind == "ACTIVATE_VERSION" for message in run.whole)
    if ledger.subject.is_table and activated != 1:
        yield f"a version was activated {activated} times"


def _of_failure(run: Run, log: str) -> Iterator[str]:
    code = run.written.code
    if run.stop is not None and run.written.struck:
        if code != (wanted := _CODES[run.stop.harm]):
            yield f"exit code {code} instead of {wanted} after {run.stop}: {log[-200:]}"
        if _is_signalled(run) and run.written.seconds > _LONGEST_FAREWELL:
            yield f"it took {run.written.seconds:.1f} s to end after {run.stop}"
    elif not run.is_hopeless:
        yield f"exit code {code} of a run that nothing kept from completing: {log[-300:]}"
    elif code != 1:
        yield f"exit code {code} instead of 1: {log[-200:]}"


def _of_repeats(subject: Subject, case: Case, run: Run, course: Course | None) -> Iterator[str]:
    """Nothing is asked for again but what a fault broke."""
    refused = sum(fault["kind"] == "refused" for fault in case.faults)
    # The first one again, to know the clock; and the children of a parent that changed meanwhile.
    again = case.ahead + (len(case.moves) if subject.asks_for_each_parent else 0)
    allowed = run.strikes + 2 * refused + again
    if not case.switches.get("paging.scroll"):  # there the cursor and the requests stay the same
        repeats = collections.Counter(subject.asked(request).whole for request in run.requests)
        for whole, count in repeats.items():
            if count > 1 + allowed:
                yield f"asked {count} times, with {run.strikes} faults: {whole}"
        if (over := sum(repeats.values()) - len(repeats)) > allowed:
            yield f"{over} requests more than once, with {run.strikes} faults"
    is_plain = not (case.switches or case.contradictions or case.moves or case.settings)
    is_first_whole = run.state is None and run.written.code == 0 and is_plain
    if course is not None and is_first_whole and refused == 0:
        # Not every fault breaks a response: a stall may be meant for a byte that never comes.
        expected = range(course.requests, course.requests + run.strikes + 1)
        if len(run.requests) not in expected:
            yield f"{len(run.requests)} requests instead of {expected}"


def _of_start(subject: Subject, case: Case, run: Run) -> Iterator[str]:
    """No request goes back behind the bookmark, but for the lookback."""
    given, requests = marks(run.state, subject.source), subject.timed(run.requests)
    minutes = case.settings.get("lookback_minutes")
    lookback = subject.lookback if minutes is None else dt.timedelta(minutes=minutes)
    reach = lookback // dt.timedelta(microseconds=1) * 1000
    first = nanoseconds(START)
    # Where the tap follows the server's cursor, only the first request is its own choice.
    for request in requests if subject.is_windowed else requests[:1]:
        asked = subject.asked(request)
        mark = given.get(asked.group)
        allowed = first if mark is None else max(mark.until - reach, first)
        if subject.is_windowed or not (request.params or {}).get("start_id"):
            # One unit more, for vendors that may or may not count the moment in.
            allowed -= subject.asks_in
        if asked.start < allowed:
            bookmark = "none" if mark is None else _iso(mark.until)
            yield f"read again from {_iso(asked.start)}, with the bookmark {bookmark}"
    mark = given.get("")
    if subject.is_windowed or reach or not requests or mark is None or mark.cursor is None:
        return
    resumed = subject.cursor(requests[0])
    if not resumed["end_id"]:
        resumed["end_time"] += 1  # as above
    if resumed != mark.cursor:
        yield f"resumed at {resumed} instead of the state's cursor {mark.cursor}"


def _of_lag(subject: Subject, case: Case, run: Run) -> Iterator[str]:
    """Only the last window or page has been asked for that the last STATE does not cover."""
    if case.switches.get("chats_end_time") == "start" or case.switches.get("empty_pages"):
        # Under the one reading the server's cursor goes back and forth, and the bookmark waits;
        # under the other it waits for the next page that is not empty.
        return
    if _is_closed(run):
        return  # nobody knows how much was lost in the pipe
    # A window of DevRev's export waits for the next one to prove that it came whole.
    allowed = 2 if subject.vendor == "devrev" else 1
    for group, starts in _starts_beyond(subject, run).items():
        if len(starts) > allowed:
            place = group or "the run"
            yield f"{len(starts)} windows or pages read beyond the last STATE of {place}"


def _starts_beyond(subject: Subject, run: Run) -> dict[str, set[int | str]]:
    """The starts of windows or pages that a run asked for after its last STATE, by partition."""
    sent = last_state(run.whole)
    reached = marks(run.state if sent is None else sent, subject.source)
    beyond: dict[str, set[int | str]] = {}
    if subject.is_windowed:
        for request in subject.timed(run.requests):
            asked = subject.asked(request)
            mark = reached.get(asked.group)
            if mark is None or asked.start + subject.asks_in >= mark.until:
                beyond.setdefault(asked.group, set()).add(asked.start)
        return beyond
    mark = reached.get("")
    asked_for = [subject.cursor(request) for request in subject.timed(run.requests)]
    if mark is not None and mark.cursor in asked_for:
        asked_for = asked_for[asked_for.index(mark.cursor) :]
    elif sent is not None:
        asked_for = []
    return {"": {str(cursor) for cursor in asked_for}}


def faults_at_the_end(ledger: Ledger, truth: Truth) -> Iterator[str]:
    """Whether the last version of each key is the vendor's, field by field."""
    if missing := truth.keys() - ledger.last.keys():
        yield f"{len(missing)} of {len(truth)} records lost: {_few(missing)}"
    if extra := ledger.last.keys() - truth.keys():
        yield f"{len(extra)} records that the vendor does not have: {_few(extra)}"
    for key, expected in truth.items():
        if ledger.last[key] != expected.text:
            yield f"the record {key} differs: {_difference(expected.text, ledger.last[key])}"


def _difference(wanted: str, got: str) -> str:
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(wanted, got, strict=False))
    start = max(sum(1 for _ in alike) - 60, 0)
    return f"…{got[start : start + 100]}… instead of …{wanted[start : start + 100]}…"


def _few(keys: Any) -> str:
    chosen = sorted(map(str, keys))
    return ", ".join(chosen[:3]) + (", …" if len(chosen) > 3 else "")  # noqa: PLR2004


def _iso(time: int) -> str:
    whole, rest = divmod(time, 1_000_000_000)
    return f"{dt.datetime.fromtimestamp(whole, dt.timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
