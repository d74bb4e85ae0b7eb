"""Checks of what must hold after each run, and at the end of a case."""

from __future__ import annotations

import collections
import datetime as dt
from typing import TYPE_CHECKING, Any

from resilience.singer import Mark, marks
from resilience.subjects import START, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from resilience.cases import Case, Course
    from resilience.runs import Run
    from resilience.stage import Stage
    from resilience.subjects import Subject
    from resilience.truth import Expected, Truth
    from sandbox import LoggedRequest

_SIGNALLED = {"term": 143, "int": 130}
_LONGEST_FAREWELL = 10.0
"""Seconds between a signal and the end of the run: many for a busy machine, few of a long wait."""


class Broken(Exception):  # noqa: N818 - a checkpoint is
    """A promise of the taps is broken."""


class Ledger:
    """An account of what the target has been given over all runs of a case.

    Args:
        subject: The stream.
        truth: What the vendor had at first.
        case: What is being played.
    """

    def __init__(self, subject: Subject, truth: Truth, case: Case) -> None:
        """Start empty."""
        self.subject = subject
        self.truth = truth
        self.last: dict[Hashable, str] = {}
        self.versions: collections.defaultdict[Hashable, set[str]] = collections.defaultdict(set)
        self.marks: dict[str, Mark] = {}
        self.moved: set[Hashable] = set()
        """Keys of the records that the vendor has changed meanwhile."""
        self._moves = bool(case.moves)
        self._by_group: dict[str, list[tuple[Expected, Hashable]]] = {}
        for key, expected in truth.items():
            self._by_group.setdefault(expected.group, []).append((expected, key))

    def take(self, run: Run) -> None:
        """Follow what a run gave, message by message.

        Raises:
            Broken: A bookmark went backwards or passed a record that had not been given.
        """
        has_schema = False
        version: int | None = None
        for message in run.seen:
            if message.kind == "SCHEMA":
                has_schema = True
            elif message.kind == "RECORD":
                if not has_schema:
                    msg = "a RECORD before its SCHEMA"
                    raise Broken(msg)
                if message.version != version:
                    msg = f"a RECORD of version {message.version}, where {version} is active"
                    raise Broken(msg)
                self.last[message.key] = message.text
                self.versions[message.key].add(message.text)
            elif message.kind == "ACTIVATE_VERSION":
                version = message.version
                self.last.clear()  # as a target does with the rows of other versions
            elif message.kind == "STATE":
                self._follow(marks(message.value, self.subject.source))

    def _follow(self, new: Mapping[str, Mark]) -> None:
        for group, old in self.marks.items():
            if group not in new:
                msg = f"a STATE forgot the bookmark of {group or 'the stream'}"
                raise Broken(msg)
            if _order(new[group]) < _order(old):
                msg = f"the state moved backwards: from {old} to {new[group]}"
                raise Broken(msg)
        for group, mark in new.items():
            if self.marks.get(group) == mark:
                continue
            for expected, key in self._by_group.get(group, ()):
                if _is_promised(expected, mark, self.subject) and not self._is_given(key, expected):
                    if key in self.last:
                        difference = _difference(expected.text, self.last[key])
                        msg = f"the record {key} differs: {difference}"
                        raise Broken(msg)
                    msg = (
                        f"the bookmark {_iso(mark.until)} passed the record {key} "
                        f"of {_iso(expected.time)}, which had not been emitted"
                    )
                    raise Broken(msg)
        self.marks = dict(new)

    def _is_given(self, key: Hashable, expected: Expected) -> bool:
        if self._moves:  # it may have changed or gone ahead before it was read
            return key in self.versions or key in self.moved
        return expected.text in self.versions.get(key, ())


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


def check_run(stage: Stage, case: Case, run: Run, ledger: Ledger, course: Course | None) -> None:
    """Check one run.

    Raises:
        Broken: A checkpoint is broken.
    """
    written = run.written
    log = written.stderr.decode(errors="replace")
    if written.hung:
        msg = f"the run hung; the end of its log: {log[-300:]}"
        raise Broken(msg)
    if _is_struck_at_the_start(run):
        return
    # At DEBUG the error that ended the run is told with its place, and with that of its cause.
    told = sum(log.count(words) for words in ("| where it happened", *_CHAINED))
    if log.count("Traceback (most recent call last)") > told:
        msg = f"a traceback: {log[-400:]}"
        raise Broken(msg)
    if "Exception ignored" in log:
        msg = f"an exception at exit: {log[-200:]}"
        raise Broken(msg)
    secret = stage.vendor.token.encode()
    if secret in written.stderr or secret in written.whole:
        msg = "the credential is in the output"
        raise Broken(msg)
    _check_code(case, run, ledger, log)
    _check_requests(stage, case, run, course)


def _is_struck_at_the_start(run: Run) -> bool:
    """Whether a signal came before the tap had begun: it is up to Python then what happens."""
    stop = run.stop
    is_signal = stop is not None and stop.harm in _SIGNALLED and run.written.struck
    return is_signal and not run.written.whole and run.written.code != 0


def _check_code(case: Case, run: Run, ledger: Ledger, log: str) -> None:
    code, stop = run.written.code, run.stop
    if code == 0 and run.is_hopeless:
        msg = "exit code 0 of a run that cannot have been complete"
        raise Broken(msg)
    if code == 0:
        given = {message.key for message in run.whole if message.kind == "RECORD"}
        missing = ledger.truth.keys() - ledger.last.keys() - given
        if missing and not case.moves and not _is_closed(run):
            msg = f"exit code 0, and {len(missing)} records missing: {_few(missing)}"
            raise Broken(msg)
        if ledger.subject.is_table:
            activated = sum(message.kind == "ACTIVATE_VERSION" for message in run.whole)
            _require(activated == 1, f"a version was activated {activated} times")
        return
    if stop is not None and run.written.struck:
        wanted = {"kill": -9, "close": 1}.get(stop.harm, _SIGNALLED.get(stop.harm))
        if code != wanted:
            msg = f"exit code {code} instead of {wanted} after {stop}: {log[-200:]}"
            raise Broken(msg)
        if stop.harm in _SIGNALLED and run.written.seconds > _LONGEST_FAREWELL:
            msg = f"it took {run.written.seconds:.1f} s to end after {stop}"
            raise Broken(msg)
        return
    if not run.is_hopeless:
        msg = f"exit code {code} of a run that nothing kept from completing: {log[-300:]}"
        raise Broken(msg)
    if code != 1:
        msg = f"exit code {code} instead of 1: {log[-200:]}"
        raise Broken(msg)


def _is_closed(run: Run) -> bool:
    """Whether the pipe was closed: what was in it then is lost, and the tap may have ended well."""
    return run.stop is not None and run.stop.harm == "close" and run.written.struck


def _check_requests(stage: Stage, case: Case, run: Run, course: Course | None) -> None:
    """Nothing is read again beyond one window or page, and nothing lags behind."""
    subject = stage.subject
    asked = [subject.asked(request) for request in run.requests]
    refused = sum(fault["kind"] == "refused" for fault in case.faults)
    repeats = collections.Counter(one.whole for one in asked)
    if case.switches.get("paging.scroll"):
        repeats.clear()  # the cursor stays the same, and so do the requests
    # The first one again, to know the clock; and the children of a parent that changed meanwhile.
    again = case.ahead + (len(case.moves) if subject.asks_for_each_parent else 0)
    for whole, count in repeats.items():
        if count > 1 + run.strikes + 2 * refused + again:
            msg = f"asked {count} times, with {run.strikes} faults: {whole}"
            raise Broken(msg)
    over = sum(repeats.values()) - len(repeats)
    if over > run.strikes + 2 * refused + again:
        msg = f"{over} requests more than once, with {run.strikes} faults"
        raise Broken(msg)
    is_plain = not (case.switches or case.contradictions or case.moves or case.settings)
    is_first_whole = run.state is None and run.written.code == 0 and is_plain
    if course is not None and is_first_whole and refused == 0:
        # Not every fault breaks a response: a stall may be meant for a byte that never comes.
        allowed = range(course.requests, course.requests + run.strikes + 1)
        _require(len(asked) in allowed, f"{len(asked)} requests instead of {allowed}")
    if subject.is_table:
        return
    _check_start(subject, case, run)
    if case.switches.get("chats_end_time") != "start" and not case.switches.get("empty_pages"):
        # Under the one reading the server's cursor goes back and forth, and the bookmark waits;
        # under the other it waits for the next page that is not empty.
        _check_lag(subject, run)


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise Broken(otherwise)


def _check_start(subject: Subject, case: Case, run: Run) -> None:
    """No request goes back behind the bookmark, but for the lookback."""
    given, requests = marks(run.state, subject.source), _timed(subject, run)
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
            msg = f"read again from {_iso(asked.start)}, with the bookmark {_text(mark)}"
            raise Broken(msg)
    if subject.is_windowed or reach or not requests:
        return
    mark = given.get("")
    if mark is not None and mark.cursor is not None:
        resumed = subject.cursor(requests[0])
        if not resumed["end_id"]:
            resumed["end_time"] += 1  # as above
        if resumed != mark.cursor:
            msg = f"resumed at {resumed} instead of the state's cursor {mark.cursor}"
            raise Broken(msg)


def _timed(subject: Subject, run: Run) -> list[LoggedRequest]:
    """The requests that asked for a time: not those for each parent."""
    return [request for request in run.requests if request.stream == subject.source]


def _check_lag(subject: Subject, run: Run) -> None:
    """Only the last window or page has been asked for that the last STATE does not cover."""
    if _is_closed(run):
        return  # nobody knows how much was lost in the pipe
    last = run.state
    for message in run.whole:
        if message.kind == "STATE":
            last = message.value
    beyond = _starts_beyond(subject, run, last)
    # A window of DevRev's export waits for the next one to prove that it came whole.
    allowed = 2 if subject.vendor == "devrev" else 1
    for group, starts in beyond.items():
        if len(starts) > allowed:
            msg = (
                f"{len(starts)} windows or pages read beyond the last STATE of {group or 'the run'}"
            )
            raise Broken(msg)


def _starts_beyond(
    subject: Subject, run: Run, last: dict[str, Any] | None
) -> dict[str, set[int | str]]:
    """The starts of windows or pages that a run asked for after its last STATE, by partition."""
    reached = marks(last, subject.source)
    beyond: dict[str, set[int | str]] = {}
    if subject.is_windowed:
        for request in _timed(subject, run):
            asked = subject.asked(request)
            mark = reached.get(asked.group)
            if mark is None or asked.start + subject.asks_in >= mark.until:
                beyond.setdefault(asked.group, set()).add(asked.start)
    else:
        mark = reached.get("")
        asked_for = [subject.cursor(request) for request in _timed(subject, run)]
        if mark is not None and mark.cursor in asked_for:
            asked_for = asked_for[asked_for.index(mark.cursor) :]
        elif last is not run.state:
            asked_for = []
        beyond[""] = {str(cursor) for cursor in asked_for}
    return beyond


def check_end(ledger: Ledger, truth: Truth) -> None:
    """The last version of each key is the vendor's, field by field.

    Raises:
        Broken: It is not.
    """
    missing = truth.keys() - ledger.last.keys()
    if missing:
        msg = f"{len(missing)} of {len(truth)} records lost: {_few(missing)}"
        raise Broken(msg)
    if extra := ledger.last.keys() - truth.keys():
        msg = f"{len(extra)} records that the vendor does not have: {_few(extra)}"
        raise Broken(msg)
    for key, expected in truth.items():
        if ledger.last[key] != expected.text:
            msg = f"the record {key} differs: {_difference(expected.text, ledger.last[key])}"
            raise Broken(msg)


def _difference(wanted: str, got: str) -> str:
    place = next(
        (at for at, (one, other) in enumerate(zip(wanted, got)) if one != other),  # noqa: B905 - 3.9
        min(len(wanted), len(got)),
    )
    start = max(place - 60, 0)
    return f"…{got[start : place + 40]}… instead of …{wanted[start : place + 40]}…"


def _few(keys: Any) -> str:
    chosen = sorted(map(str, keys))
    return ", ".join(chosen[:3]) + (", …" if len(chosen) > 3 else "")  # noqa: PLR2004


def _iso(time: int) -> str:
    whole, rest = divmod(time, 1_000_000_000)
    return f"{dt.datetime.fromtimestamp(whole, dt.timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _text(mark: Mark | None) -> str:
    return "none" if mark is None else _iso(mark.until)
