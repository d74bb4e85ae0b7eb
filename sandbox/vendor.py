"""The common part of the four vendors as seen from outside: data, a token, a rate limit."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sandbox.data.common import DAY
from sandbox.paging import CursorPaging
from sandbox.responses import Response, refuse
from sandbox.table import RawRow, Record, Row, Table, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
    from datetime import datetime

    from sandbox.call import Call
    from sandbox.rate_limits import RateLimit, Verdict
    from sandbox.reference import Endpoint, Reference

_LAST_MADE = 10_001_000
LIVE_DAYS = 100

Item = tuple[str, Record, str]
"""A stream, a record of it, and its group (the bot, for DeepConverse)."""


class Source(ABC):
    """Makes a vendor's records, each for itself, from the seed and its number alone."""

    lifetime = 3 * DAY
    """Milliseconds after which nothing that came of one conversation changes any more."""

    def __init__(self, seed: int) -> None:
        """Make the data of this seed."""
        self._seed = seed

    @abstractmethod
    def build(self, index: int, started: int, now: int) -> Iterable[Item]:
        """Records of conversation `index`, begun at `started`, as they stand at `now` (ms)."""

    @abstractmethod
    def restamp(self, stream: str, record: Record, at: datetime) -> None:
        """Move a record to another time, for tests that want many at once."""


@dataclass(frozen=True)
class Scene:
    """The frame of all four vendors: how much data, over which time, by which clock."""

    seed: int
    size: int
    span: tuple[datetime, datetime] | None
    clock: Callable[[], float]
    rate_limits: bool
    rate_limit_factor: float

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.clock() * 1000)

    def data_now(self) -> int:
        """The moment up to which there is data."""
        return self.now() if self.span is None else milliseconds(self.span[1])

    def starts(self, first_after: int | None = None) -> Iterator[tuple[int, int]]:
        """Number and time of every conversation, spaced evenly.

        Without a span the grid is laid over absolute time, so that a sandbox started a minute later
        has the same conversations and at most a few more.
        """
        if self.size <= 0:
            return
        until = self.data_now()
        if self.span is None:
            origin, step = 0, LIVE_DAYS * DAY // self.size
            since = (until // DAY - LIVE_DAYS) * DAY
        else:
            origin = since = milliseconds(self.span[0])
            step = max((until - origin) // self.size, 1)
        if first_after is not None:
            since = max(since, first_after)
        index = -((origin - since) // step)
        while (started := origin + index * step) < until:
            yield index, started
            index += 1


def milliseconds(when: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime."""
    return round(when.timestamp() * 1000)


class Vendor(ABC):
    """One vendor: its streams' data, and the rules by which it responds."""

    name: ClassVar[str]
    base_path: ClassVar[str] = ""
    """The path of the vendor's base URL."""
    url_settings: ClassVar[tuple[str, ...]] = ("api_url",)
    """One for each host of the vendor: all are this one."""
    token_setting: ClassVar[str] = "access_token"  # noqa: S105
    """The setting for the credential."""
    source: ClassVar[type[Source]]
    """Makes what the exports hold."""
    exports: ClassVar[tuple[Endpoint, ...]]
    """Streams in order of time."""
    references: ClassVar[tuple[Reference, ...]] = ()
    """Tables."""
    method: ClassVar[str] = "GET"
    """Of the requests for both."""
    documented_rate_limits: ClassVar[dict[str, RateLimit]]
    """By scope: see `scopes`."""
    common_scope: ClassVar[str] = "all"
    """The rate limit of streams that have none of their own."""
    token: str

    def __init__(self, scene: Scene) -> None:
        """Start with the documented rate limits; data is made when it is first asked for."""
        self.scene = scene
        self.host_url = ""
        self.gzip = False
        """Compress every response for clients that take gzip (documented by none of the four)."""
        self.rate_limits: dict[str, RateLimit] = {}
        if scene.rate_limits:
            self.rate_limits = {
                scope: limit.faster(scene.rate_limit_factor)
                for scope, limit in self.documented_rate_limits.items()
            }
        self.paging = CursorPaging()
        """Of lists with an opaque cursor."""
        self.denied: dict[str, int] = {}
        """Stream to 403 or 404, for an account whose plan or role lacks it."""
        self.refused_parents: dict[str, int] = {}
        """Parent to 403 or 404, as for one that was removed meanwhile."""
        self._lock = threading.RLock()
        self.reset_data()

    @property
    def url(self) -> str:
        """The tap's setting `api_url`."""
        return f"{self.host_url}/{self.name}{self.base_path}"

    @property
    def urls(self) -> dict[str, str]:
        """URLs for a tap, by the settings for the vendor's hosts."""
        return dict.fromkeys(self.url_settings, self.url)

    @property
    def config(self) -> dict[str, Any]:
        """The settings without which no tap reads this vendor."""
        return {**self.urls, self.token_setting: self.token}

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams' names."""
        return tuple(self._tables)

    # Rules, by vendor.

    @abstractmethod
    def authorised(self, call: Call) -> bool:
        """Whether the credentials are right."""

    @abstractmethod
    def response(self, call: Call) -> Response:
        """Respond to an authorised request within the rate limit, or raise a RefusedError."""

    @abstractmethod
    def error(self, status: int, message: str = "", **details: Any) -> Response:
        """The documented response for a status; `retry_after` (s) where the vendor tells it."""

    def unauthorised(self, call: Call) -> Response:  # noqa: ARG002
        """The response to wrong credentials."""
        return self.error(401)

    def route(self, method: str, path: str) -> tuple[str, str]:
        """The stream that a path is about, and the parent in it; two empty texts for none."""
        for endpoint in (*self.references, *self.exports) if method == self.method else ():
            if (group := endpoint.group(path)) is not None:
                return endpoint.stream, group
        return "", ""

    def reference(self, call: Call) -> Reference | None:
        """The table without a time that a request is about."""
        return next((each for each in self.references if each.stream == call.stream), None)

    def narrowed(self, call: Call) -> tuple[str, str]:
        """The stream and the parent of a request, where its body says more than its path."""
        return call.stream, call.parent

    def scopes(self, call: Call) -> tuple[str, ...]:
        """The names of the rate limits that a request draws on."""
        return (call.stream if call.stream in self.documented_rate_limits else self.common_scope,)

    def decorate(  # noqa: B027 - most have none
        self, response: Response, verdicts: Mapping[str, Verdict]
    ) -> None:
        """Add the headers that every response of this vendor has; verdicts are by scope."""

    # Data, as tests see and change it.

    def truth(self, stream: str, group: str | None = None) -> list[Record]:
        """The records as the vendor would send them."""
        table = self.table(stream)
        return [json.loads(self.render(stream, row)) for row in table.rows(group)]

    def render(self, stream: str, row: Row) -> bytes:  # noqa: ARG002
        """A row's JSON text."""
        return row.raw

    def put(self, stream: str, *records: Record, group: str | None = None) -> None:
        """Insert records, or replace those with the same key."""
        self.table(stream).put(records, self.group(group))

    def load(self, stream: str, records: Iterable[Record], group: str | None = None) -> None:
        """Replace a stream's data; the sandbox adds no more of its own to it."""
        table = self._take_over(stream, group)
        table.put(records, self.group(group))

    def load_raw(self, stream: str, rows: Iterable[RawRow], group: str | None = None) -> None:
        """Replace a stream's data by (time, key, JSON text) in the unit of its time filter.

        The text may be a callable that makes it. The one time stands for all time filters.
        """
        table = self._take_over(stream, group)
        table.load_raw(rows, self.group(group))

    def remove(self, stream: str, key: Hashable, group: str | None = None) -> None:
        """Forget a record."""
        self.table(stream).remove(key, self.group(group))

    def make(self, stream: str, count: int, at: datetime) -> list[Record]:
        """More records like the sandbox's own, all at one time; not stored."""
        made: list[Record] = []
        index = 10_000_000
        started = milliseconds(at)
        while len(made) < count:
            if index > _LAST_MADE and not made:
                msg = f"the sandbox makes no {stream} of its own"
                raise ValueError(msg)
            for name, record, _ in self._source.build(index, started, started + DAY * 30):
                if name == stream and len(made) < count:
                    self._source.restamp(stream, record, at)
                    made.append(record)
            index += 1
        return made

    def group(self, group: str | None) -> str:
        """The group meant when none is named."""
        return group or ""

    def reset_data(self) -> None:
        """Go back to the data of the seed."""
        with self._lock:
            self._tables = {each.stream: each.table() for each in (*self.exports, *self.references)}
            self._unmade = {each.stream: each for each in self.references}
            self._source = self.source(self.scene.seed)
            self._made_until: int | None = None
            self._next_making = 0
            self._taken_over: set[str] = set()

    def table(self, stream: str) -> Table:
        """A stream's table, up to date."""
        self._make_data()
        with self._lock:
            if (reference := self._unmade.pop(stream, None)) is not None:
                self.make_reference(reference)
        return self._tables[stream]

    def make_reference(self, reference: Reference) -> None:
        """Make a table without a time, when it is first asked for."""
        parents = [""]
        if reference.of:
            parents = reference.parents(self.table(reference.of).rows())
        for parent in parents:
            self._tables[reference.stream].put(reference.records(parent), parent)

    def _take_over(self, stream: str, group: str | None) -> Table:
        with self._lock:
            table = self.table(stream)
            self._taken_over.add(stream)
            table.clear(None if group is None else self.group(group))
            return table

    def _make_data(self) -> None:
        """Make the data, and later on what has come since."""
        with self._lock:
            now, before = self.scene.data_now(), self._made_until
            if before is not None and now < self._next_making:
                return
            began = time.monotonic()
            since = None if before is None else before - self._source.lifetime
            fresh: dict[tuple[str, str], list[Record]] = {}
            for index, started in self.scene.starts(since):
                known = (
                    set()
                    if before is None
                    else {encode(item) for item in self._source.build(index, started, before)}
                )
                for item in self._source.build(index, started, now):
                    stream, record, group = item
                    if stream not in self._taken_over and (not known or encode(item) not in known):
                        fresh.setdefault((stream, group), []).append(record)
            for (stream, group), records in fresh.items():
                self._tables[stream].put(records, group)
            self._made_until = now
            # Seldom enough to cost little, however much data there is.
            self._next_making = now + 1000 + round((time.monotonic() - began) * 20_000)


def integer(text: str) -> int | None:
    """A whole number written with digits alone, or None."""
    return int(text) if text.isascii() and text.isdigit() else None


def bounded(params: Mapping[str, str], name: str, most: int, default: int | None = None) -> int:
    """A parameter that is a number from 1 on; `most` where it is not given, or the default."""
    number = integer(params.get(name, str(default or most)))
    if number is None or not 1 <= number <= most:
        refuse(f"{name} must be between 1 and {most}")
    return number
