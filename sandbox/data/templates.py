"""Records as the vendors show them, with marks at the places where one differs from the next.

They stand in JSON files beside this one. `$name` in a text, or `${name}`, is a value that Python
gives, or one of the dice: `$text`, `$person`, `$uuid`, `$word_8`, `$hex_32`, `$seconds_60`. A text
that is nothing else becomes the value, of whatever type. `{"$turn": [...]}` takes one of the list
after the other, by the record's number (`$index`), `{"$choice": [...]}` leaves it to the dice, and
`{"$if": "name", "then": ..., "else": ...}` looks at a value (without `else`: null).

Marks are filled in the order of the document, since each throw moves the dice on.
"""

from __future__ import annotations

import json
import re
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.data.common import Chance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.table import Record

    Fill = Callable[["Blanks"], Any]

_MARK = re.compile(r"\$\{?(\w+)\}?")


def document(name: str) -> Any:
    """A JSON file of this folder."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


class Dice(Chance):
    """The dice of one conversation or chat, which make its records."""

    index: int
    """The number of the conversation."""
    fills: Mapping[str, Fill]

    def record(self, name: str, /, **values: Any) -> Record:
        """A record of its own, with its marks filled; another `index` is one of the values."""
        filled: Record = self.fills[name](Blanks(self, {"index": self.index, **values}))
        return filled


class Blanks(dict[str, Any]):
    """The values for the marks of one record; a function among them is called at its turn."""

    def __init__(self, dice: Dice, values: dict[str, Any]) -> None:
        """Take the values, and what makes the others."""
        super().__init__(values)
        self.dice = dice

    def __missing__(self, name: str) -> Any:
        """One of the dice, for a name that has no value."""
        throw, _, size = name.partition("_")
        return getattr(self.dice, throw)(*([int(size)] if size else []))

    def value(self, name: str) -> Any:
        """The value for a mark."""
        value = self[name]
        return value() if callable(value) else value


class Templates:
    """The records of a file, by name."""

    def __init__(self, name: str) -> None:
        """Read the file."""
        records = document(name)["records"]
        self._fills = {record: _filler(value) for record, value in records.items()}

    def dice(self, seed: str, index: int) -> Dice:
        """The dice for the records of a conversation."""
        dice = Dice(f"{seed}/{index}")
        dice.index, dice.fills = index, self._fills
        return dice


def _filler(value: Any) -> Fill:  # noqa: PLR0911 - a table
    match value:
        case {"$turn": list(ways)}:
            turns = [_filler(way) for way in ways]
            return lambda blanks: turns[blanks["index"] % len(turns)](blanks)
        case {"$choice": list(ways)}:
            return lambda blanks: blanks.dice.choice(ways)
        case {"$if": str(name), "then": then}:
            yes, no = _filler(then), _filler(value.get("else"))
            return lambda blanks: (yes if blanks.value(name) else no)(blanks)
        case dict() | list():
            return _container(value)
        case str() if found := _MARK.fullmatch(value):
            return methodcaller("value", found[1])
        case str() if "$" in value:
            return _text(_MARK.split(value))
    return lambda _: value


def _text(parts: list[str]) -> Fill:
    """A text of what stands between the marks, and of the marks' values."""

    def fill(blanks: Blanks) -> str:
        filled = parts.copy()
        filled[1::2] = [str(blanks.value(name)) for name in parts[1::2]]
        return "".join(filled)

    return fill


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
