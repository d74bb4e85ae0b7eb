"""Records as the vendors show them, with marks at the places where one differs from the next.

They stand in JSON files beside this one. `$name` in a text is a value that Python gives, or one of
the dice: `$text`, `$person`, `$uuid`, `$word_8`, `$hex_32`, `$seconds_60`. A text that is nothing
else becomes the value, of whatever type. `{"$turn": [...]}` takes one of the list after the other,
by the record's number (`$index`), `{"$choice": [...]}` leaves it to the dice, and
`{"$if": "name", "then": ..., "else": ...}` looks at a value (without `else`: null).

Marks are filled in the order of the document, since each throw moves the dice on.
"""

from __future__ import annotations

import json
import re
import string
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.data.common import Dice
    from sandbox.table import Record

    Fill = Callable[["Blanks"], Any]

_MARK = re.compile(r"\$(\w+)")


def document(name: str) -> Any:
    """A JSON file of this folder."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


class Blanks(dict[str, Any]):
    """The values for the marks of one record; a function among them is called at its turn."""

    def __init__(self, dice: Dice, index: int, values: dict[str, Any]) -> None:
        """Take the values, and what makes the others."""
        super().__init__(values, index=index)
        self.dice = dice
        self.index = index

    def __getitem__(self, name: str) -> Any:
        """The value for a mark."""
        if name in self:
            value = super().__getitem__(name)
            return value() if callable(value) else value
        throw, _, size = name.partition("_")
        return getattr(self.dice, throw)(*([int(size)] if size else []))


class Templates:
    """The records of a file, by name."""

    def __init__(self, name: str) -> None:
        """Read the file."""
        records = document(name)["records"]
        self._fills = {record: _filler(value) for record, value in records.items()}

    def fill(self, record: str, dice: Dice, index: int, /, **values: Any) -> Record:
        """A record of its own, with its marks filled."""
        filled: Record = self._fills[record](Blanks(dice, index, values))
        return filled


def _filler(value: Any) -> Fill:  # noqa: PLR0911 - a table
    match value:
        case {"$turn": list(ways)}:
            turns = [_filler(way) for way in ways]
            return lambda blanks: turns[blanks.index % len(turns)](blanks)
        case {"$choice": list(ways)}:
            return lambda blanks: blanks.dice.choice(ways)
        case {"$if": str(name), "then": then}:
            yes, no = _filler(then), _filler(value.get("else"))
            return lambda blanks: (yes if blanks[name] else no)(blanks)
        case dict() | list():
            return _container(value)
        case str() if found := _MARK.fullmatch(value):
            return itemgetter(found[1])
        case str() if "$" in value:
            return string.Template(value).substitute
    return lambda _: value


def _container(value: dict[str, Any] | list[Any]) -> Fill:
    """A copy of a dict or list, in which only what differs is filled."""
    fills: list[tuple[Any, Fill]] = [
        (at, _filler(inner))
        for at, inner in (value.items() if isinstance(value, dict) else enumerate(value))
        if isinstance(inner, (dict, list)) or (isinstance(inner, str) and "$" in inner)
    ]

    def fill(blanks: Blanks) -> Any:
        filled = value.copy()
        for at, inner in fills:
            filled[at] = inner(blanks)
        return filled

    return fill
