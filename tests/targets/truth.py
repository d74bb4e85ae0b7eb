"""The rows that a target must hold, from what the sandbox sent and from the schemas.

Which streams there are, their keys and parents are the taps' own declarations; what the records
hold is the sandbox's, and which fields count time since 1970 is listed by hand in the harness.
"""

from __future__ import annotations

import copy
import functools
import re
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.truth import EPOCHS, Origin, convert, records_of
from scripts import taps
from support_taps.streams.child import PartsStream
from tests.conftest import exports

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support_taps.streams.base import SupportStream

PROJECT = Path(__file__).parents[2]

Row = dict[str, Any]

STREAMS: dict[str, dict[str, SupportStream[Any]]] = {
    taps.vendor_of(name): {stream.name: stream for stream in taps.streams(tap)}
    for name, tap in taps.taps().items()
}
"""All streams of each vendor."""

EXPORTS = {vendor: sorted(exports(f"tap_{vendor}")) for vendor in STREAMS}
"""Those whose records come and change by themselves: the ones that most tests read."""

DEFAULTS = {
    vendor: [name for name, it in streams.items() if it.selected_by_default]
    for vendor, streams in STREAMS.items()
}
"""Those that are read when nobody says otherwise."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_ZONE_NAME = re.compile(r"\[[^]]*\]$")
_MILLISECONDS_FROM = 10**11


def schema_of(vendor: str, stream: str) -> dict[str, Any]:
    """The properties of a stream."""
    properties: dict[str, Any] = STREAMS[vendor][stream].schema["properties"]
    return properties


def types_of(schema: dict[str, Any]) -> set[str]:
    """The types a schema lists, but for null; none where it lists none: then it can be anything."""
    listed = schema.get("type", [])
    return {listed} - {"null"} if isinstance(listed, str) else set(listed) - {"null"}


def is_whole(vendor: str, stream: str) -> bool:
    """Whether each run reads all of it."""
    return STREAMS[vendor][stream].replication_method == "FULL_TABLE"


def origin_of(vendor: str, stream: str) -> Origin:
    """The parent of a stream."""
    declared = STREAMS[vendor][stream]
    parent: Any = declared.parent_stream_type
    if parent is None:
        return Origin(added=declared.added_fields)
    if isinstance(declared, PartsStream):
        position = declared.position_field or ""
        return Origin(parent.name, declared.parent_fields, declared.parts_key, position)
    return Origin(parent.name, declared.parent_fields)


def sent(box: Sandbox, vendor: str, stream: str) -> list[Row]:
    """All records that the vendor has, as it sends them, with what is added to them."""
    found = records_of(box.vendors[vendor], stream, origin_of(vendor, stream))
    inner = STREAMS[vendor][stream].inner_keys
    return [
        {key: functools.reduce(dict.__getitem__, path, record) for key, path in inner.items()}
        | record
        for _, record in found
    ]


def emitted(vendor: str, stream: str, record: Row) -> Row:
    """The record as the tap should write it: as it was sent, but for its times."""
    is_listed = (vendor, stream) in EPOCHS

    def value(schema: dict[str, Any], item: Any) -> Any:
        if isinstance(item, dict):
            inner = schema.get("properties", {})
            return {key: value(inner.get(key, {}), it) for key, it in item.items()}
        if isinstance(item, list):
            return [value(schema.get("items", {}), it) for it in item]
        if schema.get("format") == "date-time" and not is_listed:
            return _in_utc(item)
        return _as_listed(types_of(schema), item)

    record = copy.deepcopy(record)
    convert(vendor, stream, record)
    row: Row = value({"properties": schema_of(vendor, stream)}, record)
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
    whole = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    microsecond = int((match[2] or "0")[:6].ljust(6, "0"))
    return whole.astimezone(timezone.utc).replace(microsecond=microsecond, tzinfo=None)


def _in_utc(value: Any) -> Any:
    """A time in any form that a vendor has: digits since 1970, without a zone, or with its name."""
    if isinstance(value, int):
        is_fine = value >= _MILLISECONDS_FROM
        moment = datetime.fromtimestamp(value // 1000 if is_fine else value, timezone.utc)
        rest = f".{value % 1000:03d}" if is_fine else ""
        return f"{moment:%Y-%m-%dT%H:%M:%S}{rest}Z"
    if not isinstance(value, str):
        return value
    text = _ZONE_NAME.sub("", value)
    return text if _INSTANT.fullmatch(text) else f"{text}Z"


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
    if value is None:
        return None
    if schema.get("format") == "date-time":
        return instant(value)
    return str(value) if is_text(schema) else value


def is_text(schema: dict[str, Any]) -> bool:
    """Whether target-postgres makes text of a property: of text, and of text or a whole number."""
    types = types_of(schema)
    return "string" in types and types <= {"string", "integer"} and "format" not in schema
