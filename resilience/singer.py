"""Messages out of what a tap has written, as far as whole lines go."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import jsonschema

from resilience.subjects import nanoseconds
from resilience.truth import canonical, exact

if TYPE_CHECKING:
    from collections.abc import Hashable

    from resilience.subjects import Subject

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None


@dataclasses.dataclass(frozen=True)
class Message:
    """One line.

    Args:
        kind: SCHEMA, RECORD, STATE, or what else the line says it is.
        stream: Whose it is.
        key: The key of a record.
        text: A record in the form of `truth.canonical`.
        value: A state's value.
        version: Of a table, in ACTIVATE_VERSION and in the records that belong to it.
    """

    kind: str
    stream: str = ""
    key: Hashable = None
    text: str = ""
    value: Any = None
    version: int | None = None


class BadLineError(ValueError):
    """A line that is no Singer message."""


class _Schema:
    """A SCHEMA in force; the same record is checked only once.

    Args:
        schema: Its JSON schema.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        """Know no record yet."""
        self._listed = schema.get("properties", {}).keys()
        self._validator = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)
        self._seen: set[bytes] = set()

    def check(self, line: bytes) -> None:
        """See that a RECORD is valid, and that each of its fields that holds something is listed.

        Raises:
            BadLineError: It is not.
        """
        told = line[: line.rfind(b',"time_extracted"')]
        if told in self._seen:
            return
        record = exact(line)["record"]
        held = {name for name, value in record.items() if value is not None}
        if unlisted := held - self._listed:
            msg = f"no SCHEMA before the RECORD lists {', '.join(sorted(unlisted))}"
            raise BadLineError(msg)
        for error in self._validator.iter_errors(record):
            msg = f"a RECORD is not valid: {error.json_path}: {error.message[:80]}"
            raise BadLineError(msg)
        self._seen.add(told)


class Reader:
    """Reads what one stream's runs have written; the same record is decoded only once.

    Of a parent that is read along with it, nothing but the kinds of messages is looked at.

    Args:
        subject: The stream.
    """

    def __init__(self, subject: Subject) -> None:
        """Know no record yet."""
        self._subject = subject
        self._known: dict[bytes, Message] = {}
        self._schemas: dict[bytes, _Schema] = {}

    def messages(self, output: bytes) -> list[Message]:
        """The messages of the whole lines.

        Raises:
            BadLineError: A line that was ended is no message, or a RECORD does not keep to the
                SCHEMA before it.
        """
        in_force: _Schema | None = None
        messages = []
        for line in output.split(b"\n")[:-1]:
            message = self._message(line)
            messages.append(message)
            if message.kind == "SCHEMA":
                if line not in self._schemas:
                    self._schemas[line] = _Schema(exact(line)["schema"])
                in_force = self._schemas[line]
            elif message.kind == "RECORD" and in_force is not None:
                in_force.check(line)
        return messages

    def _message(self, line: bytes) -> Message:
        told = line.rfind(b',"time_extracted"')
        known = self._known.get(line[:told]) if told > 0 else None
        if known is not None:
            return known
        try:
            decoded = exact(line)
            message = self._read(decoded)
        except (ValueError, KeyError, TypeError) as error:
            msg = f"no Singer message ({error!r}): {line[:80]!r}"
            raise BadLineError(msg) from None
        if told > 0 and message.kind == "RECORD":
            self._known[line[:told]] = message
        return message

    def _read(self, decoded: dict[str, Any]) -> Message:
        kind = decoded["type"]
        if decoded.get("stream", self._subject.stream) != self._subject.stream:
            return Message(f"{kind} of another stream", decoded["stream"])
        if kind == "RECORD":
            record = decoded["record"]
            key = self._subject.key_of(record)
            return Message(
                kind, decoded["stream"], key, canonical(record), version=decoded.get("version")
            )
        if kind == "STATE":
            return Message(kind, value=decoded["value"])
        return Message(kind, decoded["stream"], version=decoded.get("version"))


def last_state(messages: list[Message]) -> dict[str, Any] | None:
    """The state that a runner would hand to the next run."""
    for message in reversed(messages):
        if message.kind == "STATE":
            return dict(message.value)
    return None


@dataclasses.dataclass(frozen=True)
class Mark:
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
    parts = bookmark.get("partitions") or [bookmark]
    found: dict[str, Mark] = {}
    for part in parts:
        if part.get("replication_key_value") is not None:
            group = (part.get("context") or {}).get("bot_name", "")
            found[group] = Mark(_instant(part["replication_key_value"]), part.get("cursor"))
    return found


def _instant(text: str) -> int:
    match = _INSTANT.fullmatch(text)
    if match is None:
        msg = f"a bookmark that is no moment: {text!r}"
        raise BadLineError(msg)
    whole, fraction = match.groups(default="")
    seconds = dt.datetime.fromisoformat(f"{whole}+00:00")
    return nanoseconds(seconds) + int(fraction[:9].ljust(9, "0"))
