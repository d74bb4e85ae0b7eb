"""Records as they should come out: the vendor's, with what is added, in the form of one column.

The fields that count time are listed by hand from the vendors' documents, so that a field the
tap's schema forgets, or takes for a time although it is none, is found.
"""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import simplejson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.table import Record, Row
    from sandbox.vendor import Vendor

_RATINGS = (
    *("created", "offered", "modified", "rated", "scheduled", "scheduled_for"),
    *("unscheduled", "cancelled"),
)
EPOCHS: dict[tuple[str, str], tuple[str, ...]] = {
    # Dixa: Unix milliseconds. `transfer_time` is left alone: the sources
    # contradict each other on whether it is a moment or a duration.
    ("dixa", "conversations"): (
        *("created_at", "queued_at", "closed_at", "assigned_at", "updated_at"),
        *("last_message_created_at", "anonymized_at"),
        *(f"ratings.rating_{name}_timestamp" for name in _RATINGS),
    ),
    ("dixa", "messages"): ("created_at",),
    # DeepConverse: Unix seconds, or milliseconds, digits or ISO 8601 if they ever come.
    ("deepconverse", "conversations"): ("startTime", "lastActionAt"),
    ("deepconverse", "messages"): ("time",),
    # api/zendesk_messaging.md 2.3: Unix seconds.
    ("zendesk_chat", "tickets"): ("generated_timestamp",),
}
_MILLISECONDS_FROM = 10**11

FORMS: dict[tuple[str, str], dict[str, Callable[[Any], Any]]] = {
    # Dixa: `to` is text in older documents and a list in the newest one; one column can
    # hold only one of them, and a list of one loses nothing.
    ("dixa", "messages"): {"to": lambda value: [value] if isinstance(value, str) else value},
    # Zendesk Chat: `unread` is a boolean that is sometimes sent as 0 or 1.
    ("zendesk_chat", "chats"): {
        "unread": lambda value: bool(value) if value in {0, 1} else value,
    },
}
"""Documented variance that one column cannot hold, and the form that loses nothing."""


MADE: dict[tuple[str, str], Callable[[Record], Record]] = {
    # Dixa: endpoints have no id; others refer to them by their address or number.
    ("dixa", "contact_endpoints"): lambda record: {
        "id": record.get("address") or record.get("number")
    },
}
"""Fields that a record gets because the vendor's has nothing to be told apart by."""


class Origin(NamedTuple):
    """The parent of a stream.

    Args:
        parent: Its stream; empty: there is none.
        fields: The fields that are added of it, by its own names.
        parts: The field of it that holds the list of records, or the only one; empty: they are
            asked for.
        position: The field that tells a record's place in that list; empty: none does.
        added: Fields that every record gets.
    """

    parent: str = ""
    fields: Mapping[str, str] = {}
    parts: str = ""
    position: str = ""
    added: Mapping[str, Any] = {}


NO_PARENT = Origin()


def records_of(
    vendor: Vendor, stream: str, origin: Origin, decode: Callable[[bytes], Any] = json.loads
) -> Iterator[tuple[Row, Record]]:
    """The vendor's records with the fields that are added, each with its row, or its parent's.

    Args:
        vendor: Who has them.
        stream: Its name.
        origin: Its parent.
        decode: A function that reads a row's JSON text.
    """

    def rows(name: str) -> Iterator[tuple[Row, Record]]:
        for row in vendor.table(name).rows():
            yield row, decode(vendor.render(name, row))

    if not origin.parent:
        for row, record in rows(stream):
            group = {"bot_name": row.group} if row.group else {}
            yield row, {**origin.added, **group, **record}
        return
    parents = [
        (row, record, {own: record.get(theirs) for own, theirs in origin.fields.items()})
        for row, record in rows(origin.parent)
    ]
    if origin.parts:
        for row, parent, added in parents:
            for part in _parts(parent, origin):
                yield row, {**added, **part}
        return
    reference = next((each for each in vendor.references if each.stream == stream), None)
    by_key = {
        # One that is a part of a record is known by what it is asked for.
        key: (row, added if key == str(row.key) else dict.fromkeys(added, key))
        for row, _, added in parents
        for key in (reference.parents([row]) if reference else [str(row.key)])
    }
    for row, record in rows(stream):
        if row.group in by_key:  # those of a parent that is gone are gone with it
            parent_row, more = by_key[row.group]
            yield parent_row, {**more, **record}


def _parts(parent: Record, origin: Origin) -> Iterator[Record]:
    found = parent.get(origin.parts) or ()
    for place, part in enumerate([found] if isinstance(found, dict) else found):
        if isinstance(part, dict):  # others are in the parent's record alone
            yield ({origin.position: place} if origin.position else {}) | part


def convert(vendor: str, stream: str, record: Record) -> None:
    """Bring a record into the form in which it should come out, in place."""
    for path in EPOCHS.get((vendor, stream), ()):
        _convert(record, path.split("."), _MOMENTS[vendor])
    for path, change in FORMS.get((vendor, stream), {}).items():
        _convert(record, path.split("."), change)
    if made := MADE.get((vendor, stream)):
        record |= made(record)


def _convert(place: Any, path: list[str], change: Callable[[Any], Any]) -> None:
    if isinstance(place, list):
        for item in place:
            _convert(item, path, change)
    elif isinstance(place, dict) and path[0] in place:
        if len(path) > 1:
            _convert(place[path[0]], path[1:], change)
        else:
            place[path[0]] = change(place[path[0]])


def _moment(value: Any, *, milliseconds: bool) -> Any:
    if isinstance(value, str):
        if not value.isdigit():
            return value
        value = int(value)
    if not isinstance(value, int):
        return value
    milliseconds = milliseconds or value >= _MILLISECONDS_FROM
    seconds, rest = divmod(value, 1000) if milliseconds else (value, 0)
    text = f"{dt.datetime.fromtimestamp(seconds, dt.timezone.utc):%Y-%m-%dT%H:%M:%S}"
    return f"{text}.{rest:03d}Z" if milliseconds else f"{text}Z"


_MOMENTS: dict[str, Callable[[Any], Any]] = {
    "dixa": functools.partial(_moment, milliseconds=True),
    "deepconverse": functools.partial(_moment, milliseconds=False),
    "zendesk_chat": functools.partial(_moment, milliseconds=False),
}


def canonical(value: object) -> str:
    """JSON text in which equal values, to the type and the last digit, are equal."""
    return simplejson.dumps(value, use_decimal=True, sort_keys=True, ensure_ascii=True)


def exact(text: bytes | str) -> Any:
    """Decode JSON without losing a digit."""
    return json.loads(text, parse_float=decimal.Decimal)
