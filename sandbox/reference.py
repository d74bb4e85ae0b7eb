"""What a vendor has: exports in order of time, and tables.

A table, of agents, tags or whatever else the ids of records point to, is the vendor's documented
example, varied in its ids, times and names; nothing is taken from the schemas of the taps.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, reduce
from operator import getitem
from typing import TYPE_CHECKING, Any

from sandbox.data.templates import document
from sandbox.instants import nanoseconds
from sandbox.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from sandbox.table import Record, Row

    Reader = Callable[[Record], int | None]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(.*)")
_NAME = re.compile(r"(?i)(.*_)?(name|display_?name|label|title)")
_COUNTED = re.compile(r"(don:.+/)(\d+)")
"""An id of DevRev, which ends in a number."""
_PHONE = re.compile(r"\+\d{8,}")
_PLACE = re.compile(r"{(\w+)}")


def _seconds(value: object) -> int:
    """A moment as seconds: seconds already, or text, which is UTC where it names no zone."""
    if isinstance(value, int):
        return value
    return (nanoseconds(value) or nanoseconds(f"{value}Z") or 0) // 1_000_000_000


def by_seconds(name: str) -> dict[str, Reader]:
    """The order of a cursor that counts the seconds of a field."""
    return {"cursor": lambda record: _seconds(record[name])}


@dataclass(frozen=True)
class Endpoint:
    """A stream, its path, and how its records are told apart and found by time.

    `path` of a child has the parent's id in braces. `key` is a field or several, one inside an
    object (`a.b`), or the first there is (`a|b`), and empty where there is one record without an
    id. `times` are what the endpoint filters or orders by.
    """

    stream: str
    path: str
    key: str = field(default="id", kw_only=True)
    times: Mapping[str, Reader] = field(default_factory=dict, kw_only=True)
    ascii_only: bool = field(default=False, kw_only=True)
    """Whether the vendor escapes what is not ASCII."""

    def table(self) -> Table:
        """An empty table; for a child the parent's id is the group."""
        return Table(self.key_of, self.times, ascii_only=self.ascii_only)

    def key_of(self, record: Record) -> Hashable:
        """What tells a record from the others of its parent."""
        values = [_value_at(record, names) for names in self.key.split()]
        return values[0] if len(values) == 1 else tuple(values)

    def group(self, path: str) -> str | None:
        """The parent in a path, empty where there is none; None for another path."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        return found[1] if found.re.groups else ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(_PLACE.sub("([^/]+)", self.path))


@dataclass(frozen=True)
class Reference(Endpoint):
    """A table as the vendor documents it.

    Records are made of its `examples` by turns: others are of another kind or age. `of` names the
    stream of a child's parent.

    `place` is where the list stands in the response, keys joined with dots, and empty for a bare
    one; with `holds_one` a single object stands there. `parent_key` is a field that holds the
    parent's id. `parents_in` names lists, at any depth of the parent's records, whose elements are
    the parents.
    """

    examples: Sequence[Record]
    count: int = 7
    of: str = ""
    is_paged: bool = False
    place: str = "data"
    holds_one: bool = False
    parent_key: str = ""
    parents_in: str = ""

    def records(self, parent: str = "") -> Iterator[Record]:
        """The records, or those of one parent."""
        for number in range(self.count):
            example = self.examples[number % len(self.examples)]
            # Two parents do not have the same record, which would be the example itself.
            record = varied(example, f"{self.stream}{parent}", number + bool(parent))
            if self.parent_key:
                record[self.parent_key] = type(example[self.parent_key])(parent)
            yield record

    def parents(self, rows: Iterable[Row]) -> list[str]:
        """The parents that the records of the parent's stream are, or hold."""
        if not self.parents_in:
            return [str(row.key) for row in rows]
        return [str(part["id"]) for row in rows for part in _listed(row.record, self.parents_in)]

    def around(self) -> tuple[bytes, bytes]:
        """The text of a response before and after its records."""
        keys = self.place.split(".") if self.place else []
        before = "".join(f'{{"{key}":' for key in keys)
        opening, closing = ("", "") if self.holds_one else ("[", "]")
        return f"{before}{opening}".encode(), f"{closing}{'}' * len(keys)}".encode()


def tables_of(file: str, root: str) -> Callable[..., Reference]:
    """A maker of tables with the examples of a file, whose paths are those of the streams."""
    examples = document(file)["tables"]

    def table(stream: str, path: str = "", **options: Any) -> Reference:
        return Reference(stream, f"{root}/{path or stream}", examples[stream], **options)

    return table


def _value_at(record: Record, names: str) -> Any:
    way = next(name for name in names.split("|") if name.partition(".")[0] in record)
    return reduce(getitem, way.split("."), record)


def _listed(value: Any, name: str) -> Iterator[Record]:
    """The elements of all lists of a name."""
    if isinstance(value, dict):
        yield from value.get(name, ())
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list)):
            yield from _listed(inner, name)


def varied(value: Any, salt: str, number: int, name: str = "") -> Any:
    """A value of the example, made another one where records differ: ids, times, names."""
    match value:
        case dict():
            return {key: varied(inner, salt, number, key) for key, inner in value.items()}
        case list():
            return [varied(inner, f"{salt}{at}", number, name) for at, inner in enumerate(value)]
        case str() if number:
            return _varied_text(value, salt, number, name)
        case int() if number and not isinstance(value, bool) and name.lower().endswith("id"):
            return value + number
        case _:
            return value


def _varied_text(text: str, salt: str, number: int, name: str) -> str:
    if _UUID.fullmatch(text):
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{salt}{text}{number}"))
    if found := _TIME.fullmatch(text):
        later = datetime.fromisoformat(found[1]) + timedelta(days=number)
        return later.isoformat() + found[2]
    if found := _COUNTED.fullmatch(text):
        return f"{found[1]}{int(found[2]) + number}"
    if _PHONE.fullmatch(text):
        return f"+{int(text) + number}"
    if "@" in text:
        return f"{number}.{text}"
    return f"{text}{number}" if name.lower().endswith("id") else _varied_name(text, number, name)


def _varied_name(text: str, number: int, name: str) -> str:
    return f"{text} {number}" if _NAME.fullmatch(name) else text
