"""A sandbox with one stream's data, where its cases are played."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import operator
import threading
import time
from typing import TYPE_CHECKING, Any

from resilience.expected import truth_of
from resilience.forks import Job
from resilience.singer import Reader
from resilience.subjects import END, LATER, NEWEST, START, groups_of
from resilience.target import watch
from sandbox import Fault, Sandbox
from sandbox.control import switch
from scripts.taps import select

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from resilience.cases import Case, Move
    from resilience.subjects import Subject
    from resilience.target import Sink, Stop, Written
    from sandbox import Call, LoggedRequest

TIMEOUT = 1.0
"""Seconds of `request_timeout` in cases where the vendor stalls; there is none by accident."""


class Stage(contextlib.AbstractContextManager["Stage"]):
    """Where the cases of one stream are played. Use it as a context manager.

    Args:
        subject: The stream.
        seed: Of the data.
        folder: For settings, catalog and states.
    """

    def __init__(self, subject: Subject, seed: int, folder: Path) -> None:
        """Make the sandbox."""
        self.subject = subject
        self.reader = Reader(subject)
        self._folder = folder
        self._vendor_now: dt.datetime | None = None
        self.box = Sandbox(
            seed=seed, size=subject.size, span=(START, NEWEST), rate_limits=False, clock=self._clock
        )
        self.vendor = self.box.vendors[subject.vendor]
        self.mutant = ""
        """A break of the mechanism, by name."""
        self.usual = 0.0
        """Seconds that an undisturbed run takes, once that is known."""
        self.moved: set[Hashable] = set()
        """Keys of the records that have been updated in the case that is played."""
        self._switched, self._contradicted = contextlib.ExitStack(), contextlib.ExitStack()
        self._is_moved = False
        self._runs = 0
        self._refusing: threading.Timer | None = None

    def __enter__(self) -> Stage:  # noqa: PYI034 - Self needs Python 3.11
        """Start the sandbox, and discover the catalog: nothing else is selected in it."""
        self.box.start()
        self.subject.prepare(self.box)
        job = Job(self.subject.tap, ["--discover"], self.subject.stream)
        catalog = json.loads(watch(job).whole)
        self._catalog = self._file("catalog", select(catalog, self.subject.streams))
        self.truth = self._first_truth = truth_of(self.box, self.subject)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the sandbox."""
        self.box.stop()

    # One case after the other

    def set_up(self, case: Case) -> None:
        """Make it as the case wants it: data as at first, other readings, misbehaviour."""
        self.behave()
        self._switched.close()
        self.moved.clear()
        self.box.clear_requests()
        if self._is_moved:
            self.box.reset()
            self.subject.prepare(self.box)
        self._switch(case.switches, self._switched)
        self._switch(case.contradictions, self._contradicted)
        fields: dict[str, Any] = {}
        for fault in case.faults:
            if fault["kind"] == "fields":
                fields |= fault["value"]
        self.truth = self._first_truth
        if case.switches or fields:
            self.truth = truth_of(self.box, self.subject, fields)
        for fault in case.faults:
            self._install(fault)
        self._is_moved = bool(case.moves)
        for number, move in enumerate(case.moves):
            if move.at:
                self._on_request(move.at, functools.partial(self._move, move, number))

    def _switch(self, switches: Mapping[str, Any], until: contextlib.ExitStack) -> None:
        """Set switches, until something is closed."""
        for name, value in switches.items():
            until.callback(switch, self.vendor, name, operator.attrgetter(name)(self.vendor))
            switch(self.vendor, name, value)

    def behave(self) -> None:
        """No more faults, connections are taken, and nothing contradicts the documents."""
        self._contradicted.close()
        if self._refusing is not None:
            self._refusing.join()
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
        self._runs += 1
        moment = LATER if later else END
        config = self.subject.config(self.vendor)
        config |= {"user_agent": self._agent, "end_date": moment.isoformat()}
        if any(fault["kind"] == "stall" for fault in case.faults):
            config["request_timeout"] = TIMEOUT
        config |= case.settings
        self._vendor_now = None
        if case.ahead:
            self._vendor_now = moment
            del config["end_date"]
        if later:
            for number, move in enumerate(case.moves):
                if not move.at:
                    self._move(move, number)
        arguments = [*self._file("config", config), *self._catalog]
        if state is not None:
            arguments += self._file("state", state)
        job = Job(
            self.subject.tap,
            arguments,
            self.subject.stream,
            environment={"LOGLEVEL": "DEBUG" if case.debug else "INFO"},
            mutant=self.mutant,
            largest_file=case.sink_bytes if sink == "file" else 0,
            unbuffered=case.unbuffered,
            patience=case.patience,
            largest_memory=case.largest_memory,
        )
        return watch(job, stop, sink, self.usual)

    def _file(self, name: str, value: object) -> list[str]:
        """Write a file; the argument that hands it to the tap."""
        file = self._folder / f"{name}.json"
        file.write_text(json.dumps(value), encoding="utf-8")
        return [f"--{name}", str(file)]

    # Misbehaviour that the sandbox does not do by itself

    def _install(self, fault: Mapping[str, Any]) -> None:
        if fault["kind"] == "refused":
            self._on_request(fault["at"], functools.partial(self._refuse, fault["seconds"]))
        else:
            self.box.fault(where=self._is_played, **fault)

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
        self.box.pause_listening()
        self._refusing = threading.Timer(seconds, self.box.resume_listening)
        self._refusing.start()

    def _move(self, move: Move, number: int) -> None:
        """Move a record as this vendor's data can move, and note which records it makes others."""
        subject, vendor = self.subject, self.vendor
        before = truth_of(self.box, subject)
        table = subject.stream if subject.is_table else subject.source
        rows = vendor.table(table).rows()
        row = rows[(7 * number + 3) % len(rows)]
        if move.what == "gone":
            vendor.remove(table, row.key, row.group)
        elif move.what == "update":
            vendor.put(table, subject.updated(row.record, number), group=row.group)
        elif subject.is_table:
            vendor.put(table, subject.another(vendor, number, row.group), group=row.group)
        else:
            groups = groups_of(vendor)
            (*_, made) = subject.make(vendor, 60 + number, self._time_of_new(move, number))
            vendor.put(table, made, group=groups[number % len(groups)])
        after = truth_of(self.box, subject)
        self.moved |= {key for key, expected in before.items() if after.get(key) != expected}

    def _time_of_new(self, move: Move, number: int) -> dt.datetime:
        """After the end of the run that is being made, or late.

        One that comes late has a time before the bookmark that the run will end with, but within
        the lookback.
        """
        offset = dt.timedelta(minutes=number, seconds=7)
        if move.what != "late":
            return END + offset
        bookmark = END
        if not self.subject.is_windowed:
            newest = max(expected.time for expected in self.truth.values())
            bookmark = dt.datetime.fromtimestamp(newest // 1_000_000_000, dt.timezone.utc)
        return bookmark - dt.timedelta(minutes=10) - offset
