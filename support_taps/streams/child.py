"""Streams that belong to a parent: with a request for each parent, or made from its records.

The way of a child: the parent's page is read to its end; then the pages of each of its records are
read; then the parent's checkpoint is kept (``base.SupportStream.walk``). So a bookmark of the
parent covers its children too, and a child has no state of its own.
"""

from __future__ import annotations

import abc
import functools
import typing as t

import msgspec
from msgspec import UNSET, Raw, UnsetType
from typing_extensions import override

from support_taps.errors import FatalResponseError
from support_taps.json_codec import decode, encode
from support_taps.streams.base import SupportStream, Token

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.helpers.types import Context


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
    counted and told at the end. Anything else that goes wrong ends the parent's stream as well:
    its bookmark must not pass a record whose children are missing.
    """

    selected_by_default = False
    """Off: it costs a request for each parent."""

    asks_for_each_parent = True

    @override
    def read_for(self, context: Context) -> None:
        try:
            super().read_for(context)
        except FatalResponseError as refused:
            if not refused.is_missing:
                raise
            self.progress.skipped_parent(context)


class PartsStream(StreamOfParent[t.Any], abc.ABC):
    """A stream made from a list inside its parent's records, without a request of its own.

    Each element becomes a record; ``parent_fields`` are added to it, and its position in the list
    if ``position_field`` names a field. The parent's bookmark covers it.

    It is made of all that the vendor sent: selection, filters and stream maps of the parent do not
    reach it; it has its own.

    A list of another form than documented (drift) makes no parts and one warning: the parent's
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
        ids, parts = self._split(raw)
        for position, part in enumerate(parts):
            added = ids
            if self.position_field is not None:
                added = [*ids, b"%b:%d" % (self._added_names[-1], position)]
            text = bytes(part)
            if text[:1] != b"{":
                self._report(type(decode(text)).__name__)
            elif any(name in text for name in self._added_names):
                # The vendor may send such a field itself: then its own value counts.
                record = decode(b"{%b}" % b",".join(added)) | decode(text)
                yield encode(record)
            else:
                inner = text[:-1].rstrip()
                joint = b"" if inner == b"{" else b","
                yield b"%b%b%b}" % (inner, joint, b",".join(added))

    def _split(self, raw: bytes) -> tuple[list[bytes], list[Raw] | list[bytes]]:
        """The fields to add, as JSON text, and the elements of the list."""
        try:
            fields: list[t.Any] = self._decoded_parent(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            record = decode(raw)  # an element or a field of another form than documented
            listed = record.get(self.parts_key)
            fields = [*(encode(record.get(field)) for field in self.parent_fields.values())]
            if isinstance(listed, list):
                return self._ids(fields), [encode(part) for part in listed]
            if listed is not None:
                self._report(type(listed).__name__)
            return self._ids(fields), []
        *values, parts = fields
        return self._ids(values), [] if parts is None or parts is UNSET else parts

    def _ids(self, values: list[t.Any]) -> list[bytes]:
        return [
            b"%b:%b" % (name, b"null" if value is UNSET else bytes(value))
            for name, value in zip(self._added_names, values, strict=False)
        ]

    @functools.cached_property
    def _added_names(self) -> list[bytes]:
        """The names of the fields that are added, as JSON text; the position is the last one."""
        names = [*self.parent_fields, *([self.position_field] if self.position_field else [])]
        return [encode(name) for name in names]

    @functools.cached_property
    def _decoded_parent(self) -> Callable[[bytes], list[t.Any]]:
        """A function that takes what is needed out of a parent's record, in C."""
        attributes = [f"p{at}" for at in range(len(self.parent_fields))]
        fields: list[tuple[str, t.Any, t.Any]] = [(name, Raw, UNSET) for name in attributes]
        fields.append(("parts", list[Raw] | UnsetType | None, UNSET))
        names = dict(zip(attributes, self.parent_fields.values(), strict=True))
        struct = msgspec.defstruct(
            "Parent", fields, rename={**names, "parts": self.parts_key}, gc=False
        )
        decoder = msgspec.json.Decoder(struct)
        return lambda raw: list(msgspec.structs.astuple(decoder.decode(raw)))

    def _report(self, got: str) -> None:
        self.progress.odd_parts(self.parts_key, got)
