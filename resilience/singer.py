"""Messages out of what a tap has written, as far as whole lines go."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema

from resilience.subjects import nanoseconds
from resilience.truth import canonical, exact

if TYPE_CHECKING:
    from collections.abc import Hashable

    from resilience.subjects import Subject

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_END = re.compile(rb'(?:,"version":(\d+))?,"time_extracted":"[^"\\]+"}$')
_LONGEST_END = 100
_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None


@dataclasses.dataclass(frozen=True)
class Message:
    """One line.

    Args:
        kind: SCHEMA, RECORD, STATE, or what else the line says it is.
        key: The key of a record.
        text: A record in the form of `truth.canonical`.
        value: A state's value, a SCHEMA's schema or a RECORD's record.
        version: Of a table, in ACTIVATE_VERSION and in the records that belong to it.
    """

    kind: str
    key: Hashable = None
    text: str = ""
    value: Any = None
    version: int | None = None


class BadLineError(ValueError):
    """A line that is no Singer message."""


class Reader:
    """Reads what one stream's runs have written; the same line is decoded and checked only once.

    Of a parent that is read along with it, nothing but the kinds of messages is looked at.

    Args:
        subject: The stream.
    """

    def __init__(self, subject: Subject) -> None:
        """Know no line yet."""
        self._subject = subject
        self._message = functools.cache(self._read)
        self._validator = functools.cache(_validator)
        self._fault = functools.cache(self._find_fault)

    def messages(self, output: bytes) -> list[Message]:
        """The messages of the whole lines.

        Raises:
            BadLineError: A line that was ended is no message, or a RECORD does not keep to the
                SCHEMA before it.
        """
        schema = b""
        messages = []
        for line in output.split(b"\n")[:-1]:
            # A record is the same in each run, but for its version and time.
            end = _END.search(line, max(len(line) - _LONGEST_END, 0))
            text = line if end is None else line[: end.start()] + b"}"
            message = self._message(text)
            if end is not None and end[1]:
                message = dataclasses.replace(message, version=int(end[1]))
            messages.append(message)
            if message.kind == "SCHEMA":
                schema = text
            elif message.kind == "RECORD" and schema and (fault := self._fault(schema, text)):
                raise BadLineError(fault)
        return messages

    def _read(self, line: bytes) -> Message:
        try:
            decoded = exact(line)
            kind = decoded["type"]
            if decoded.get("stream", self._subject.stream) != self._subject.stream:
                return Message(f"{kind} of another stream")
            value = decoded.get({"STATE": "value", "SCHEMA": "schema"}.get(kind, "record"))
            if kind != "RECORD":
                return Message(kind, value=value, version=decoded.get("version"))
            key, version = self._subject.key_of(value), decoded.get("version")
            return Message(kind, key, canonical(value), value, version)
        except (ValueError, KeyError, TypeError) as error:
            msg = f"no Singer message ({error!r}): {line[:80]!r}"
            raise BadLineError(msg) from None

    def _find_fault(self, schema: bytes, line: bytes) -> str:
        """What is wrong with a RECORD: a field that holds something is not listed, or not valid."""
        record = self._message(line).value
        held = {name for name, value in record.items() if value is not None}
        if unlisted := held - self._message(schema).value.get("properties", {}).keys():
            return f"no SCHEMA before the RECORD lists {', '.join(sorted(unlisted))}"
        for error in self._validator(schema).iter_errors(record):
            return f"a RECORD is not valid: {error.json_path}: {error.message[:80]}"
        return ""


def _validator(schema: bytes) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(exact(schema)["schema"], format_checker=_FORMATS)


def last_state(messages: list[Message]) -> dict[str, Any] | None:
    """The state that a runner would hand to the next run."""
    states = (message.value for message in reversed(messages) if message.kind == "STATE")
    return next(states, None)


class Mark(NamedTuple):
    """A bookmark.

    Args:
        until: In nanoseconds since 1970.
        cursor: The server's, where the state holds one.
    """

    until: int
    cursor: dict[str, Any] | None


def marks(state: dict[str, Any] | None, stream: str) -> dict[str, Mark]:
    """The bookmarks of a stream by partition."""
    bookmark = ((state or {}).get("bookmarks") or {}).get(stream) or {}
    return {
        (part.get("context") or {}).get("bot_name", ""): Mark(_instant(value), part.get("cursor"))
        for part in bookmark.get("partitions") or [bookmark]
        if (value := part.get("replication_key_value")) is not None
    }


def _instant(text: str) -> int:
    match = _INSTANT.fullmatch(text)
    if match is None:
        msg = f"a bookmark that is no moment: {text!r}"
        raise BadLineError(msg)
    whole, fraction = match.groups(default="")
    seconds = dt.datetime.fromisoformat(f"{whole}+00:00")
    return nanoseconds(seconds) + int(fraction[:9].ljust(9, "0"))
