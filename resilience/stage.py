"""A sandbox with one stream's data, and the course of an undisturbed run of it."""

from __future__ import annotations

import datetime as dt
import functools
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.forks import ForkServer, Job
from resilience.singer import Reader
from resilience.subjects import END, LATER, NEWEST, START, groups_of
from resilience.target import watch
from resilience.truth import truth_of
from sandbox import Fault, Sandbox
from sandbox.control import switch
from scripts.taps import select

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from resilience.cases import Case, Move
    from resilience.subjects import Subject
    from resilience.target import Sink, Stop, Written
    from sandbox import Call, LoggedRequest

LONGEST_RUN = 120.0
"""Seconds after which a run hangs; many, since the machine may be busy."""
TIMEOUT = 1.0
"""Seconds of `request_timeout` in cases where the vendor stalls; there is none by accident."""


class Stage:
    """Where the cases of one stream are played. Use it as a context manager.

    Args:
        subject: The stream.
        seed: Of the data.
        server: Starts the runs.
        folder: For settings, catalog and states.
        mutant: A break of the mechanism, by name.
    """

    def __init__(
        self, subject: Subject, seed: int, server: ForkServer, folder: Path, mutant: str = ""
    ) -> None:
        """Make the sandbox."""
        self.subject = subject
        self.reader = Reader(subject)
        self._server = server
        self._folder = folder
        self._mutant = mutant
        self._vendor_now: dt.datetime | None = None
        self.box = Sandbox(
            seed=seed, size=subject.size, span=(START, NEWEST), rate_limits=False, clock=self._clock
        )
        self.vendor = self.box.vendors[subject.vendor]
        self._defaults: dict[str, Any] = {}
        self._contradictions: list[str] = []
        self._is_moved = False
        self._runs = 0
        self.usual = 0.0
        """Seconds that an undisturbed run takes, once that is known."""
        self.moved: set[Hashable] = set()
        """Keys of the records that have been updated in the case that is played."""
        self._refusing: threading.Thread | None = None

    def __enter__(self) -> Stage:  # noqa: PYI034 - Self needs Python 3.11
        """Start the sandbox, and find out the stream's catalog."""
        self.box.start()
        self.subject.prepare(self.box)
        self._write("catalog", self._catalog())
        self.truth = truth_of(self.box, self.subject)
        self._is_first_truth = True
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the sandbox."""
        self.box.stop()

    # One case after the other

    def set_up(self, case: Case) -> None:
        """Make it as the case wants it: data as at first, other readings, misbehaviour."""
        self.behave()
        self.moved.clear()
        self.box.clear_faults()
        self.box.clear_requests()
        if self._is_moved:
            self.box.reset()
            self.subject.prepare(self.box)
            self._is_moved = False
        self._put_right(list(self._defaults))
        for name, value in {**case.switches, **case.contradictions}.items():
            self._defaults[name] = _value_of(self.vendor, name)
            switch(self.vendor, name, value)
        self._contradictions = list(case.contradictions)
        fields = {
            name: value
            for fault in case.faults
            if fault["kind"] == "fields"
            for name, value in fault["value"].items()
        }
        if case.switches or fields or not self._is_first_truth:
            self.truth = truth_of(self.box, self.subject, fields)
            self._is_first_truth = not (case.switches or fields)
        for fault in case.faults:
            self._install(fault)
        for number, move in enumerate(case.moves):
            self._is_moved = True
            if move.at:
                self._on_request(move.at, functools.partial(self._move, move, number))

    def _put_right(self, names: list[str]) -> None:
        """Set switches back."""
        for name in names:
            switch(self.vendor, name, self._defaults.pop(name))

    def behave(self) -> None:
        """No more faults, connections are taken, and nothing contradicts the documents."""
        self._put_right(self._contradictions)
        self._contradictions = []
        if self._refusing is not None:
            self._refusing.join()
            self._refusing = None
        self.box.clear_faults()

    def _clock(self) -> float:
        """The vendor's."""
        return time.time() if self._vendor_now is None else self._vendor_now.timestamp()

    @property
    def _agent(self) -> str:
        """By this header the requests of one run are told from those of the run before."""
        return f"resilience/{self._runs}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests of the last run.

        A request that was on its way when a run was killed can arrive after the next one has
        begun; and one of which only a part arrived was never made.
        """
        return [
            request
            for request in self.box.requests
            if request.headers.get("user-agent") == self._agent
            and (request.method == "GET" or request.json is not None)
        ]

    def run(
        self,
        case: Case,
        state: dict[str, Any] | None,
        stop: Stop | None,
        *,
        later: bool = False,
        sink: Sink = "pipe",
    ) -> Written:
        """One run of the tap."""
        config = self.subject.config(self.vendor)
        if any(fault["kind"] == "stall" for fault in case.faults):
            config["request_timeout"] = TIMEOUT
        config |= case.settings
        self._runs += 1
        config["user_agent"] = self._agent
        config["end_date"] = (LATER if later else END).isoformat()
        self._vendor_now = None
        if case.ahead:
            self._vendor_now = LATER if later else END
            del config["end_date"]
        if later:
            for number, move in enumerate(case.moves):
                if not move.at:
                    self._move(move, number)
        self._write("config", config)
        arguments = ["--config", self._path("config"), "--catalog", self._path("catalog")]
        if state is not None:
            self._write("state", state)
            arguments += ["--state", self._path("state")]
        job = Job(
            self.subject.target_class,
            arguments,
            environment={"LOGLEVEL": "DEBUG" if case.debug else "INFO"},
            mutant=self._mutant,
            largest_file=case.sink_bytes if sink == "file" else 0,
            unbuffered=case.unbuffered,
            patience=case.patience,
            largest_memory=case.largest_memory,
        )
        return watch(self._server, job, stop, sink, LONGEST_RUN, self.usual)

    # Misbehaviour that the sandbox does not do by itself

    def _install(self, fault: Mapping[str, Any]) -> None:
        if fault["kind"] == "refused":
            self._on_request(fault["at"], functools.partial(self._refuse, fault["seconds"]))
        else:
            self.box.fault(vendor=self.subject.vendor, where=self._is_played, **fault)

    def _is_played(self, call: Call) -> bool:
        """Whether a request belongs to the stream, or to its parent."""
        return call.stream in self.subject.streams

    def _on_request(self, number: int, hook: Callable[[], None]) -> None:
        """Do something when the n-th request has been understood and not yet answered."""

        def strikes(call: Call) -> bool:
            nonlocal number
            number -= self._is_played(call)
            if number == 0:
                hook()
                number = -1
            return False

        self.box.fault(Fault(kind="status", where=strikes))

    def _refuse(self, seconds: float) -> None:
        """Drop every connection, the one that asks as well, and take none for a while."""
        is_down = threading.Event()

        def refuse() -> None:
            self.box.pause_listening()
            is_down.set()
            time.sleep(seconds)
            self.box.resume_listening()

        self._refusing = threading.Thread(target=refuse, daemon=True)
        self._refusing.start()
        is_down.wait()  # the run would be over before, if it were answered

    def _move(self, move: Move, number: int) -> None:
        """Move a record as this vendor's data can move, and note which records it makes others."""
        before = truth_of(self.box, self.subject)
        if self.subject.is_table:
            self._move_in_table(move, number)
        elif move.what == "update":
            rows = self.vendor.table(self.subject.source).rows()
            record = rows[(7 * number + 3) % len(rows)].record
            self.vendor.put(self.subject.source, self._updated(record, number))
        else:
            self._add(move, number)
        after = truth_of(self.box, self.subject)
        self.moved |= {key for key, expected in before.items() if after.get(key) != expected}

    def _move_in_table(self, move: Move, number: int) -> None:
        subject, vendor = self.subject, self.vendor
        rows = vendor.table(subject.stream).rows()
        row = rows[(7 * number + 3) % len(rows)]
        if move.what == "gone":
            vendor.remove(subject.stream, row.key, row.group)
        elif move.what == "new":
            made = subject.another(vendor, number, row.group)
            vendor.put(subject.stream, made, group=row.group)
        else:
            assert subject.update is not None  # noqa: S101 - no such case is made otherwise
            changed = {**row.record, subject.update[0]: f"updated {number}"}
            vendor.put(subject.stream, changed, group=row.group)

    def _add(self, move: Move, number: int) -> None:
        """Add a record, with a time after the end of the run that is being made, or late.

        One that comes late has a time before the bookmark that the run will end with, but within
        the lookback.
        """
        offset = dt.timedelta(minutes=number, seconds=7)
        at = END + offset
        if move.what == "late":
            at = self._last_bookmark - dt.timedelta(minutes=10) - offset
        made = self.subject.make(self.vendor, 60 + number, at)[-1]
        groups = groups_of(self.vendor)
        self.vendor.put(self.subject.source, made, group=groups[number % len(groups)])

    @property
    def _last_bookmark(self) -> dt.datetime:
        if self.subject.is_windowed:
            return END
        newest = max(expected.time for expected in self.truth.values())
        return dt.datetime.fromtimestamp(newest // 1_000_000_000, dt.timezone.utc)

    def _updated(self, record: dict[str, Any], number: int) -> dict[str, Any]:
        """A record as it is after an update: some of them still within the run, some after it."""
        assert self.subject.update is not None  # noqa: S101 - no such case is made otherwise
        field, form = self.subject.update
        at = END + dt.timedelta(minutes=3 + number)
        if self.subject.is_windowed and number % 2 == 0:
            at = END - dt.timedelta(minutes=3 + number)
        record[field] = (
            round(at.timestamp() * 1000)
            if form == "milliseconds"
            else at.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        record["title" if self.subject.vendor == "devrev" else "rating_message"] = "updated"
        if parts := self.subject.origin.parts:
            record[parts] = [*record.get(parts, ()), {"type": "chat.msg", "msg": f"{number}"}]
        return record

    # Files

    def _catalog(self) -> dict[str, Any]:
        """The catalog that the tap discovers, with no stream selected but this and its parent."""
        job = Job(self.subject.target_class, ["--discover"])
        written = watch(self._server, job, None, "pipe", LONGEST_RUN)
        return select(json.loads(written.whole), self.subject.streams)

    def _path(self, name: str) -> str:
        return str(self._folder / f"{name}.json")

    def _write(self, name: str, value: object) -> None:
        Path(self._path(name)).write_text(json.dumps(value), encoding="utf-8")


def _value_of(vendor: object, name: str) -> Any:
    place = vendor
    for part in name.split("."):
        place = getattr(place, part)
    return place
