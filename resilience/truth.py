"""Records that should come out: the vendor's, converted by rules of our own.

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
    from collections.abc import Callable, Hashable, Mapping

    from resilience.subjects import Subject
    from sandbox import Sandbox

_RATINGS = (
    *("created", "offered", "modified", "rated", "scheduled", "scheduled_for"),
    *("unscheduled", "cancelled"),
)
EPOCHS: dict[tuple[str, str], tuple[str, ...]] = {
    # api/dixa.md 1.5, 1.5.1 and 1.6: Unix milliseconds. `transfer_time` is left alone: the sources
    # contradict each other on whether it is a moment or a duration.
    ("dixa", "conversations"): (
        *("created_at", "queued_at", "closed_at", "assigned_at", "updated_at"),
        *("last_message_created_at", "anonymized_at"),
        *(f"ratings.rating_{name}_timestamp" for name in _RATINGS),
    ),
    ("dixa", "messages"): ("created_at",),
    # api/deepconverse.md: Unix seconds, or milliseconds, digits or ISO 8601 if they ever come.
    ("deepconverse", "conversations"): ("startTime", "lastActionAt"),
    ("deepconverse", "messages"): ("time",),
}
_MILLISECONDS_FROM = 10**11

FORMS: dict[tuple[str, str], dict[str, Callable[[Any], Any]]] = {
    # api/dixa.md 1.6: `to` is text in older documents and a list in the newest one; one column can
    # hold only one of them, and a list of one loses nothing.
    ("dixa", "messages"): {"to": lambda value: [value] if isinstance(value, str) else value},
    # api/zendesk_chat.md: `unread` is a boolean that is sometimes sent as 0 or 1.
    ("zendesk_chat", "chats"): {
        "unread": lambda value: bool(value) if value in {0, 1} else value,
    },
}
"""Documented variance that one column cannot hold, and the form that loses nothing."""


class Expected(NamedTuple):
    """One record that should come out.

    Args:
        text: It, in the form of `canonical`.
        time: What the bookmark counts, in nanoseconds since 1970.
        group: Its partition.
        key: Its key as the sandbox has it, which orders records of one moment.
    """

    text: str
    time: int
    group: str
    key: Any


Truth = dict["Hashable", Expected]


def canonical(value: object) -> str:
    """JSON text in which equal values, to the type and the last digit, are equal."""
    return simplejson.dumps(value, use_decimal=True, sort_keys=True, ensure_ascii=True)


def exact(text: bytes | str) -> Any:
    """Decode JSON without losing a digit."""
    return json.loads(text, parse_float=decimal.Decimal)


def truth_of(box: Sandbox, subject: Subject, fields: Mapping[str, Any] | None = None) -> Truth:
    """Every record that the vendor has now, as it should come out.

    Args:
        box: Where the vendor is.
        subject: The stream.
        fields: What a fault puts into each record.
    """
    vendor = box.vendors[subject.vendor]
    truth: Truth = {}
    for row in vendor.table(subject.stream).rows():
        time = row.time(subject.time)
        if time is None:
            msg = f"{subject.name}: a record without the time of the bookmark: {row.key}"
            raise ValueError(msg)
        text = vendor.render(subject.stream, row)
        if fields:  # the fault decodes and encodes a record, with the digits that a double has
            text = json.dumps({**json.loads(text), **fields}).encode()
        record = exact(text)
        if row.group:
            record = {"bot_name": row.group, **record}
        key = subject.key_of(record)
        for path in EPOCHS.get((subject.vendor, subject.stream), ()):
            _convert(record, path.split("."), _MOMENTS[subject.vendor])
        for path, change in FORMS.get((subject.vendor, subject.stream), {}).items():
            _convert(record, path.split("."), change)
        truth[key] = Expected(canonical(record), time * subject.unit, row.group, row.key)
    return truth


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
}
