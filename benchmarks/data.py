"""The load: the sandbox's own records, as many and as large as a measurement wants.

A few hundred records are made by the sandbox's generators and kept as JSON text with a gap where
the key and the time belong. A load of any size is those texts in turn, the gaps filled, so that
every record has a key of its own and what came out can be compared with what went in.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import re
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox

    Key = int | str
    Record = dict[str, t.Any]
    Text = bytes | Callable[[], bytes]

DAY = 86_400_000
_TEMPLATES = 500
_LARGEST_READY = 500_000_000
"""Bytes of a load that are kept ready-made; the texts of a larger one are joined when served."""
_KEY, _TIME = "0bench0key0", "0bench0time0"
_GAP = re.compile(rb'"(0bench0key0|0bench0time0)"')


def _iso(at: float, timespec: str) -> str:
    moment = dt.datetime.fromtimestamp(at / 1000, tz=dt.timezone.utc)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


@dataclasses.dataclass(frozen=True)
class Shape:
    """How the records of a stream are told apart.

    Args:
        key: The property that tells one from another.
        key_of: Its value for the record of a number; None: it is the time.
        time: The replication key.
        time_of: Its value at a moment, given in milliseconds.
        served_at: What the sandbox orders and filters by: from milliseconds and the record.
        count: Records of a full run.
        grow_to: Bytes that each has at least; None: the generator's own size.
        most_copies: The share of records that a tap may write twice: those on the border of two
            windows, and for DevRev those of windows that it reads again in parts, to prove that
            they came whole.
    """

    key: str
    key_of: Callable[[int], Key] | None
    time: str
    time_of: Callable[[int], Key]
    served_at: Callable[[int, Record], int]
    count: int = 100_000
    grow_to: int | None = None
    most_copies: float = 0.02


def _seconds(at: int, _record: Record) -> int:
    return at // 1000


def _span_end(at: int, record: Record) -> int:
    return at * 1000 + round(float(record["duration"]) * 1_000_000)


def _zendesk(key_of: Callable[[int], Key], time_name: str, count: int = 100_000) -> Shape:
    return Shape("id", key_of, time_name, lambda at: _iso(at, "seconds"), _seconds, count)


def _as_it_is(at: int, _record: Record | None = None) -> int:
    return at


SHAPES: dict[str, Shape] = {
    "zendesk_chat.chats": _zendesk(
        lambda n: f"2503.9339545.{n:013d}", "update_timestamp", 70_000
    ),
    "dixa.conversations": Shape(
        "id", lambda n: 10_000_000 + n, "updated_at", _as_it_is, _as_it_is
    ),
    "dixa.messages": Shape(
        "id", lambda n: f"00000000-0000-4000-8000-{n:012x}", "created_at", _as_it_is, _as_it_is,
        200_000,
    ),
    "deepconverse.conversations": Shape(
        "_id", lambda n: f"{n:032x}", "startTime", lambda at: at // 1000, _seconds
    ),
    "deepconverse.messages": Shape(
        "_id", lambda n: f"{n:024x}", "time", lambda at: at // 1000, _seconds, 200_000
    ),
    "devrev.conversations": Shape(
        "id",
        lambda n: f"don:core:dvrv-us-1:devo/0sandbox:conversation/{n}",
        "modified_date",
        lambda at: _iso(at, "milliseconds"),
        lambda at, _: at * 1_000_000,
        6_000,
        grow_to=20_000,
        most_copies=0.3,
    ),
    "zendesk_chat.agent_timeline": Shape(
        "start_time", None, "start_time", lambda at: _iso(at, "microseconds"), _span_end, 200_000
    ),
    "zendesk_chat.conversions": _zendesk(lambda n: f"2503.2234024.v.1865.{n:022d}", "timestamp"),
    "zendesk_chat.department_events": _zendesk(lambda n: f"2503.9339545.d.{n:020d}", "timestamp"),
}  # fmt: skip
"""By vendor and stream; the vendor has the name it has in the sandbox."""


@dataclasses.dataclass(frozen=True)
class Load:
    """The data that one stream of the sandbox is filled with.

    Args:
        name: Vendor and stream, a key of `SHAPES`.
        count: How many records.
        days: Over how many days they are spread evenly.
        grow_to: Bytes that each has at least; None: the generator's own size.
        start: Milliseconds since 1970 of the first; by default all lies before yesterday.
    """

    name: str
    count: int
    days: int = 90
    grow_to: int | None = None
    start: int = 0

    def __post_init__(self) -> None:
        """Settle where the load begins."""
        if not self.start:
            today = int(time.time() * 1000) // DAY
            object.__setattr__(self, "start", (today - self.days - 2) * DAY)

    @property
    def vendor(self) -> str:
        """The vendor's name in the sandbox."""
        return self.name.partition(".")[0]

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.name.partition(".")[2]

    @property
    def shape(self) -> Shape:
        """How its records are told apart."""
        return SHAPES[self.name]

    @property
    def end(self) -> int:
        """Milliseconds after the last record."""
        return self.start + self.days * DAY

    def at(self, number: int) -> int:
        """The moment of a record, off the borders of any window."""
        return self.start + number * self.days * DAY // self.count + 7

    def key(self, number: int) -> Key:
        """The key of a record."""
        shape = self.shape
        return shape.time_of(self.at(number)) if shape.key_of is None else shape.key_of(number)

    def keys(self) -> set[t.Any]:
        """The keys of all records, as the vendor sends them."""
        return {self.key(number) for number in range(self.count)}


def fill(box: Sandbox, load: Load) -> int:
    """Load a stream of the sandbox; return how many bytes its records have."""
    vendor, shape = box.vendors[load.vendor], load.shape
    begin = dt.datetime.fromtimestamp(load.start / 1000, tz=dt.timezone.utc)
    made = vendor.make(load.stream, _TEMPLATES, begin)
    if load.grow_to:
        made = [grown for record in made if (grown := _grown(record, load.grow_to))]
    ascii_only = load.name.startswith("zendesk_chat") and load.stream != "agent_timeline"
    templates = [(record, _parts(record, shape, ascii_only=ascii_only)) for record in made]
    mean = sum(len(part) for _, parts in templates for part in parts) // len(templates)
    is_ready = mean * load.count <= _LARGEST_READY
    total = 0

    def rows() -> Iterator[tuple[int, t.Any, Text]]:
        nonlocal total
        for number in range(load.count):
            record, parts = templates[number % len(templates)]
            at, key = load.at(number), load.key(number)
            total += sum(map(len, parts)) + len(str(key))
            text = functools.partial(_text, parts, key, shape.time_of(at))
            yield shape.served_at(at, record), key, text() if is_ready else text

    vendor.load_raw(load.stream, rows(), vendor.group(None))
    return total


def _parts(record: Record, shape: Shape, *, ascii_only: bool) -> list[bytes]:
    """A record's JSON text, cut where the key and the time belong."""
    gapped = {**record, shape.time: _TIME}
    if shape.key_of is not None:
        gapped[shape.key] = _KEY
    return _GAP.split(_dumped(gapped, ascii_only=ascii_only))


def _text(parts: list[bytes], key: Key, at: Key) -> bytes:
    """A record's JSON text, joined when it is asked for."""
    gaps = {_KEY.encode(): json.dumps(key).encode(), _TIME.encode(): json.dumps(at).encode()}
    return b"".join(gaps.get(part, part) for part in parts)


def _grown(record: Record, size: int) -> Record | None:
    """A record whose largest list is repeated until it has that size; None: it has no list."""
    lists = {name: len(_dumped(value)) for name, value in record.items() if type(value) is list}
    name = max(lists, key=lambda each: lists[each], default=None)
    missing = size - len(_dumped(record))
    if name is None or (missing > 0 and lists[name] <= len('[{"id":1}]')):
        return None
    times = 1 + (missing // lists[name] + 1 if missing > 0 else 0)
    return {**record, name: record[name] * times}


def _dumped(value: object, *, ascii_only: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()
