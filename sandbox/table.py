"""Records by key, found by time: what a vendor has, and what a window of it holds.

A row is kept as the bytes that go out on the wire, so that the same record is never serialised
twice and a benchmark can load millions of rows that were made elsewhere.
"""

from __future__ import annotations

import bisect
import json
import threading
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

Record = dict[str, Any]
Bounds = Literal["inclusive", "exclusive", "half-open"]
"""Which ends of a window belong to it; of a half-open one, the first."""
RawRow = tuple[int, Any, "bytes | Callable[[], bytes]"]


def encode(value: object, *, ascii_only: bool = False) -> bytes:
    """JSON text without spaces; non-ASCII as UTF-8 unless the vendor is one that escapes it."""
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form, only an escaped one
        return json.dumps(value, separators=(",", ":")).encode()


class Row:
    """One record: its key, the bot or other group it belongs to, its times and its JSON text."""

    __slots__ = ("_raw", "group", "key", "mix", "times")

    def __init__(
        self,
        key: Any,
        group: str,
        times: Mapping[str, int | None] | int,
        raw: bytes | Callable[[], bytes],
        mix: int,
    ) -> None:
        """Take the parts; an int for `times` stands for every time filter."""
        self.key = key
        self.group = group
        self.times = times
        self.mix = mix
        self._raw = raw

    @property
    def raw(self) -> bytes:
        """The record's JSON text."""
        return self._raw if isinstance(self._raw, bytes) else self._raw()

    @property
    def record(self) -> Record:
        """A fresh copy of the record."""
        decoded: Record = json.loads(self.raw)
        return decoded

    def time(self, name: str) -> int | None:
        """The time that the filter `name` looks at, in the unit of the vendor's filter."""
        return self.times if isinstance(self.times, int) else self.times[name]


class Table:
    """The rows of one stream. All methods may be called from any thread."""

    def __init__(
        self,
        key: Callable[[Record], Hashable],
        times: Mapping[str, Callable[[Record], int | None]],
        *,
        ascii_only: bool = False,
    ) -> None:
        """`key` and `times` read a record's key and the values its time filters look at."""
        self._key = key
        self.times = times
        self._ascii_only = ascii_only
        self._rows: dict[tuple[str, Hashable], Row] = {}
        self._indexes: dict[tuple[str, str], tuple[list[int], list[Row]]] = {}
        self._lock = threading.RLock()

    def put(self, records: Iterable[Record], group: str = "") -> None:
        """Insert records, or replace those with the same key."""
        fresh: dict[tuple[str, Hashable], Row] = {}
        for record in records:
            key = self._key(record)
            raw = encode(record, ascii_only=self._ascii_only)
            times = {name: read(record) for name, read in self.times.items()}
            fresh[group, key] = Row(key, group, times, raw, _mix(key))
        with self._lock:
            self._rows.update(fresh)
            self._indexes.clear()

    def load_raw(self, rows: Iterable[RawRow], group: str = "") -> None:
        """Replace all rows of a group by ready-made JSON text, served in the order given."""
        fresh = {
            (group, key): Row(key, group, time, raw, position)
            for position, (time, key, raw) in enumerate(rows)
        }
        with self._lock:
            self.clear(group)
            self._rows.update(fresh)

    def remove(self, key: Hashable, group: str = "") -> None:
        """Forget one record; a KeyError says that there was none."""
        with self._lock:
            del self._rows[group, key]
            self._indexes.clear()

    def clear(self, group: str | None = None) -> None:
        """Forget all records, or all of one group."""
        with self._lock:
            self._rows = {
                at: row for at, row in self._rows.items() if group is not None and at[0] != group
            }
            self._indexes.clear()

    def rows(self, group: str | None = None) -> list[Row]:
        """All rows, or all of one group, in the order of insertion."""
        with self._lock:
            return [row for row in self._rows.values() if group is None or row.group == group]

    def groups(self) -> set[str]:
        """The groups that have a row."""
        with self._lock:
            return {group for group, _ in self._rows}

    def in_order(self, name: str, group: str = "") -> tuple[list[int], list[Row]]:
        """The rows that have the time `name`, by that time and then by key, and their times."""
        with self._lock:
            index = self._indexes.get((name, group))
            if index is None:
                dated = [
                    (time, row)
                    for row in self._rows.values()
                    if row.group == group and (time := row.time(name)) is not None
                ]
                dated.sort(key=lambda pair: (pair[0], pair[1].key))
                index = [time for time, _ in dated], [row for _, row in dated]
                self._indexes[name, group] = index
            return index

    def behind(self, name: str, at: int, key: Any = None) -> int:
        """How many rows have a time `name` before `at`, or that time and no larger key."""
        times, rows = self.in_order(name)
        first = bisect.bisect_left(times, at)
        if key is None:
            return first
        end = bisect.bisect_right(times, at)
        return bisect.bisect_right(rows, key, first, end, key=attrgetter("key"))

    def between(
        self,
        name: str,
        low: int | None,
        high: int | None,
        *,
        bounds: Bounds = "inclusive",
        group: str = "",
    ) -> list[Row]:
        """The rows whose time `name` lies within the bounds, by that time and then by key."""
        times, rows = self.in_order(name, group)
        find_first = bisect.bisect_right if bounds == "exclusive" else bisect.bisect_left
        find_last = bisect.bisect_right if bounds == "inclusive" else bisect.bisect_left
        first = 0 if low is None else find_first(times, low)
        last = len(rows) if high is None else find_last(times, high)
        return rows[first:last]


def mixed(rows: Sequence[Row]) -> list[Row]:
    """Put rows in an order that means nothing but is always the same.

    For endpoints whose order is undocumented. Rows loaded ready-made keep the order of loading.
    """
    return sorted(rows, key=attrgetter("mix"))


def _mix(key: Hashable) -> int:
    return int.from_bytes(blake2b(str(key).encode(), digest_size=8).digest(), "big")
