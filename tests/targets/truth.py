"""The rows that a target must hold, from what the sandbox sent and from the schemas.

Nothing here comes from the taps but their schema files: which fields count time since 1970, and
in which unit, is listed by hand from the vendors' documents.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox import Sandbox

PROJECT = Path(__file__).parents[2]

Row = dict[str, Any]

STREAMS: dict[str, dict[str, tuple[str, ...]]] = {
    "dixa": {"conversations": ("id",), "messages": ("id",)},
    "deepconverse": {"conversations": ("_id",), "messages": ("_id",)},
    "zendesk_chat": {
        "chats": ("id",),
        "agent_timeline": ("agent_id", "start_time"),
        "conversions": ("id",),
        "department_events": ("id",),
    },
    "devrev": {"conversations": ("id",)},
}
"""The streams of each vendor, with their keys."""

ALL_STREAMS = [(vendor, stream) for vendor, streams in STREAMS.items() for stream in streams]

EPOCHS: dict[tuple[str, str], tuple[timedelta, frozenset[str]]] = {
    ("dixa", "conversations"): (
        timedelta(milliseconds=1),
        frozenset(
            {
                "created_at",
                "queued_at",
                "closed_at",
                "assigned_at",
                "updated_at",
                "last_message_created_at",
                "anonymized_at",
                "ratings[].rating_created_timestamp",
                "ratings[].rating_offered_timestamp",
                "ratings[].rating_modified_timestamp",
                "ratings[].rating_rated_timestamp",
                "ratings[].rating_scheduled_timestamp",
                "ratings[].rating_scheduled_for_timestamp",
                "ratings[].rating_unscheduled_timestamp",
                "ratings[].rating_cancelled_timestamp",
            }
        ),
    ),
    ("dixa", "messages"): (timedelta(milliseconds=1), frozenset({"created_at"})),
    ("deepconverse", "conversations"): (
        timedelta(seconds=1),
        frozenset({"startTime", "lastActionAt"}),
    ),
    ("deepconverse", "messages"): (timedelta(seconds=1), frozenset({"time"})),
}
"""Numbers that count time since 1970: their unit, and the fields."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z")
_1970 = datetime(1970, 1, 1)  # noqa: DTZ001 - columns are without time zone, in UTC


def schema_of(vendor: str, stream: str) -> dict[str, Any]:
    """The properties of a stream, from its schema file."""
    path = PROJECT / f"tap_{vendor}" / "schemas" / f"{stream}.json"
    properties: dict[str, Any] = json.loads(path.read_text())["properties"]
    return properties


def types_of(schema: dict[str, Any]) -> set[str]:
    """The types a schema lists, but for null."""
    listed = schema["type"]
    return {listed} - {"null"} if isinstance(listed, str) else set(listed) - {"null"}


def sent(box: Sandbox, vendor: str, stream: str) -> list[Row]:
    """All records that the vendor has, as it sends them, and the bot that each was asked of."""
    if vendor != "deepconverse":
        return box.vendors[vendor].truth(stream)
    return [
        {**record, "bot_name": bot}
        for bot in box.deepconverse.bots
        for record in box.deepconverse.truth(stream, bot)
    ]


def emitted(vendor: str, stream: str, record: Row) -> Row:
    """The record as the tap should write it: as it was sent, but for the times since 1970."""
    unit, fields = EPOCHS.get((vendor, stream), (timedelta(), frozenset[str]()))
    schema = {"type": "object", "properties": schema_of(vendor, stream)}

    def value(schema: dict[str, Any], item: Any, path: str) -> Any:
        if path in fields and item is not None:
            return _text(int(item) * unit, unit)
        if isinstance(item, dict):
            prefix, inner = f"{path}." if path else "", schema.get("properties", {})
            return {key: value(inner.get(key, {}), it, prefix + key) for key, it in item.items()}
        if isinstance(item, list):
            return [value(schema.get("items", {}), it, f"{path}[]") for it in item]
        return _as_listed(types_of(schema) if "type" in schema else set(), item)

    row: Row = value(schema, record, "")
    return row


def loaded(vendor: str, stream: str, record: Row) -> Row:
    """The row that must be in a table: a column for each property, NULL for an absent field."""
    record = emitted(vendor, stream, record)
    return {
        name: exact(column(schema, record.get(name)))
        for name, schema in schema_of(vendor, stream).items()
    }


def exact(value: Any) -> Any:
    """A value that equals another only if both are the same to the last digit and of one type.

    In Python `True == 1`, and a float hides digits.
    """
    if isinstance(value, bool):
        return f"the boolean {value}", value
    if isinstance(value, (int, float, Decimal)):
        return "number", Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return value


def instant(text: str) -> datetime:
    """A date-time in a column without time zone: UTC, cut off after microseconds."""
    match = _INSTANT.fullmatch(text)
    assert match, text
    whole = datetime.fromisoformat(match[1])
    return whole.replace(microsecond=int((match[2] or "0")[:6].ljust(6, "0")))


def _as_listed(types: set[str], item: Any) -> Any:
    """A value of another type than the only one listed, where nothing is lost by converting it."""
    if types == {"array"} and item is not None:
        return [item]
    if types == {"boolean"} and item in {0, 1}:
        return bool(item)
    if types == {"string"} and type(item) is int:
        return str(item)
    return item


def column(schema: dict[str, Any], value: Any) -> Any:
    """A value as a column of target-postgres holds it."""
    is_instant = schema.get("format") == "date-time"
    return instant(value) if is_instant and value is not None else value


def _text(since: timedelta, unit: timedelta) -> str:
    timespec = "seconds" if unit == timedelta(seconds=1) else "milliseconds"
    return (_1970 + since).isoformat(timespec=timespec) + "Z"
