"""Streams that belong to a parent: with a request for each parent, or made from its records.

The way of a child: the parent's page is read to its end; then the pages of each of its records are
read; then the parent's checkpoint is kept (``base.SupportStream.walk``). So a bookmark of the
parent covers its children too, and a child has no state of its own.
"""

from __future__ import annotations

import abc
import functools
import http
import typing as t

from msgspec import UNSET, Raw, UnsetType
from typing_extensions import override

from support_taps.errors import FatalResponseError
from support_taps.json_codec import REFUSALS, decode, encode, taking
from support_taps.streams.base import SupportStream, Token

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.helpers.types import Context


MOST_FORBIDDEN: t.Final = 20
"""Parents, one after the other from the first, that a child asks about in vain."""


class StreamOfParent(SupportStream[Token], abc.ABC):
    """Either kind of child: read whenever its parent is, and no further than that."""

    state_partitioning_keys = ()
    """No bookmark for each parent: the parent's covers its children."""

    @property
    @override
    def replication_method(self) -> str:
        """That of its parent.

        A run brings the children of those parents that it reads. Where these are only the changed
        ones it is never a whole table, whose older version a target could remove.
        """
        key = getattr(self.parent_stream_type, "replication_key", None)
        return "INCREMENTAL" if isinstance(key, str) else super().replication_method


class ChildStream(StreamOfParent[Token], abc.ABC):
    """A stream that is asked for once for each record of its parent.

    One parent that is refused (403, 404: deleted meanwhile, or not for this token) is skipped,
    counted and told at the end. Where the first :data:`MOST_FORBIDDEN` are all forbidden (403), the
    token's owner may read none: the others are skipped without a request. Anything else that goes
    wrong ends the parent's stream as well: its bookmark must not pass a record whose children are
    missing.
    """

    selected_by_default = False
    """Off: it costs a request for each parent."""

    asks_for_each_parent = True

    _forbidden = 0
    """How many parents were forbidden before any was not."""

    _is_allowed = False

    @override
    def read_for(self, context: Context) -> None:
        if self._forbidden == MOST_FORBIDDEN:
            self.progress.skipped_parent(context)
            return
        try:
            super().read_for(context)
            self._is_allowed = True
        except FatalResponseError as refused:
            if not refused.is_missing:
                raise
            if refused.status == http.HTTPStatus.FORBIDDEN and not self._is_allowed:
                self._forbidden += 1
            self.progress.skipped_parent(context)


class PartsStream(StreamOfParent[t.Any], abc.ABC):
    """A stream made from a list inside its parent's records, without a request of its own.

    Each element becomes a record; ``parent_fields`` are added to it, and its position in the list
    if ``position_field`` names a field. With ``holds_one`` it is one object instead of a list. The
    parent's bookmark covers it.

    It is made of all that the vendor sent: selection, filters and stream maps of the parent do not
    reach it; it has its own.

    A value of another form than documented (drift) makes no parts and one warning: the parent's
    record carries it whole.
    """

    path = ""
    """Nothing is asked for."""

    parts_key: t.ClassVar[str]
    """Field of the parent that holds the list."""

    position_field: t.ClassVar[str | None] = None

    @override
    def take_parent_records(self, raws: list[bytes]) -> None:
        """Write the parts of some of the parent's records."""
        self.begin()
        if parts := [part for raw in raws for part in self.parts_of(raw)]:
            self.progress.records += len(parts)
            self.write_raws(parts)

    def parts_of(self, raw: bytes) -> Iterator[bytes]:
        """The parts of one record of the parent, as bytes, with the fields that are added.

        Args:
            raw: The parent's record as it came.
        """
        start, parts = self._split(raw)
        # Mostly none of these names is in any part: then they are not searched one by one.
        together = b"".join(parts)
        names = [name for name in self._added_names if name in together]
        for position, text in enumerate(map(bytes, parts)):
            added = start if self.position_field is None else b"%b%d," % (start, position)
            if text.startswith(b'{"') and not (names and any(name in text for name in names)):
                yield added + text[1:]
            elif text.startswith(b"{"):
                # An empty object; or the vendor sends such a field itself, whose value counts.
                yield encode(decode(added.rstrip(b",") + b"}") | decode(text))
            else:
                self._report(type(decode(text)).__name__)

    def _split(self, raw: bytes) -> tuple[bytes, list[Raw] | list[bytes]]:
        """The fields to add, as the start of an object's JSON text, and the parts."""
        try:
            *values, parts = self._taken(raw)
        except REFUSALS:
            record = decode(raw)  # an element or a field of another form than documented
            values = [encode(record.get(field)) for field in self.parent_fields.values()]
            parts = record.get(self.parts_key)
            if self.holds_one:
                parts = encode(parts)
            elif isinstance(parts, list):
                parts = [encode(part) for part in parts]
            elif parts is not None:
                self._report(type(parts).__name__)
                parts = None
        if self.holds_one:
            parts = None if parts is UNSET or bytes(parts) == b"null" else [parts]
        start = self._start % tuple(b"null" if value is UNSET else value for value in values)
        return start, [] if parts is None or parts is UNSET else parts

    @functools.cached_property
    def _added_names(self) -> list[bytes]:
        """The names of the fields that are added, as JSON text; the position is the last one."""
        names = [*self.parent_fields, *([self.position_field] if self.position_field else [])]
        return [encode(name) for name in names]

    @functools.cached_property
    def _start(self) -> bytes:
        """The start of an object's JSON text, with a place for each value of ``parent_fields``."""
        fields = b"".join(encode(name) + b":%b," for name in self.parent_fields)
        position = encode(self.position_field) + b":" if self.position_field else b""
        return b"{" + fields + position

    @functools.cached_property
    def _taken(self) -> Callable[[bytes], tuple[t.Any, ...]]:
        """A function that takes the fields to add and the parts out of a parent's record."""
        parts = Raw if self.holds_one else list[Raw] | UnsetType | None
        return taking({**dict.fromkeys(self.parent_fields.values(), Raw), self.parts_key: parts})

    def _report(self, got: str) -> None:
        documented = "an object" if self.holds_one else "a list of objects"
        self.progress.odd_parts(self.parts_key, got, documented)
