"""Tables without a time: agents, teams, tags and whatever else the ids of records point to.

Each is the vendor's documented example, varied in its ids, times and names; nothing is taken from
the schemas of the taps.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.table import Record

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(.*)")
_NAME = re.compile(r"(?i)(.*_)?(name|display_?name|label|title)")
_COUNTED = re.compile(r"(don:.+/)(\d+)")
"""An id of DevRev, which ends in a number."""
_PLACE = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Reference:
    """A table as the vendor documents it.

    `path` of a child has the parent's id in braces; `of` names the parent's stream. `key` is empty
    where there is one record without an id. `others` are further examples, of another kind or age,
    that records are made of by turns.
    """

    stream: str
    path: str
    example: Record
    count: int = 7
    of: str = ""
    key: str = "id"
    is_paged: bool = False
    others: tuple[Record, ...] = ()

    def table(self) -> Table:
        """An empty table; for a child the parent's id is the group."""
        return Table(lambda record: record[self.key] if self.key else "", {})

    def records(self, parent: str = "") -> Iterator[Record]:
        """The records, or those of one parent."""
        examples = (self.example, *self.others)
        for number in range(self.count):
            example = examples[number % len(examples)]
            yield varied(example, f"{self.stream}{parent}", number)

    def group(self, path: str) -> str | None:
        """The parent in a path, empty where there is none; None for another path."""
        pattern = _PLACE.sub("([^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        if found is None:
            return None
        return found[1] if found.re.groups else ""


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
    if "@" in text:
        return f"{number}.{text}"
    if name.lower().endswith("id"):
        return f"{text}{number}"
    return f"{text} {number}" if _NAME.fullmatch(name) else text
