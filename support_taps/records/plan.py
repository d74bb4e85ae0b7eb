"""From the bytes of a record to a Singer RECORD: conversion, conformance and selection.

The rules (nothing the vendor sent is lost, and nothing is bent):

- Epoch numbers become ISO 8601 where the schema has a date-time and the vendor sends epochs; so do
  nine or more digits in text. Every digit of a fraction is kept.
- A value of a type that the schema does not list is converted where that loses nothing and the
  result fits: a single value into a list of one, digits into an integer, a number into its text,
  0 and 1 into a boolean (``coercions.py``). Otherwise it passes as it is, with one warning per
  field, and the SCHEMA is widened (``emitter.py``).
- Numbers of any size leave as they came, and cost nothing.
- A field that the schema does not list is carried under its own name, counted, and announced
  (``emitter.py``).
- Nothing is filled in: absent stays absent, null stays null.

There are two ways with one result: ``fast_path.py`` for records that are just what the schema says,
``conformance.py`` for the others and for those that the SDK goes on to work on.
"""

from __future__ import annotations

import typing as t

import msgspec

from support_taps.errors import ShapeError
from support_taps.json_codec import decode, encode
from support_taps.records.coercions import coercions
from support_taps.records.conformance import Conformance, Drift
from support_taps.records.fast_path import MISFITS, fast_path
from support_taps.records.json_types import type_name
from support_taps.records.selection import deselected, prune, selected
from support_taps.records.validity import covers

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from singer_sdk.singerlib import SelectionMask

    from support_taps.records.emitter import Output

_LISTED_NAMES = 20


def _ignore(_path: str, _drift: Drift) -> None:
    """Tell nobody."""


class RecordPlan:
    """The way of a stream's records, worked out once from its schema and selection.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties; without them a record is no record.
        epochs: Whether the vendor sends times as numbers. Where it does not, a number is no time.
        epoch_unit: What these count; None tells seconds and milliseconds apart by size.
        names_zones: Whether it writes times with the name of a zone, or without one.
        mask: The selection; None: all is selected.
        on_drift: Told the first value of each field that passes although its type is not listed.
        output: Told of each record of :meth:`lines` that its SCHEMA may not hold for. None: nobody
            reads a SCHEMA.
    """

    def __init__(  # noqa: PLR0913 - all that decides about a record
        self,
        schema: Mapping[str, t.Any],
        keys: t.Sequence[str],
        *,
        epochs: bool = False,
        epoch_unit: dt.timedelta | None = None,
        names_zones: bool = False,
        mask: SelectionMask | None = None,
        on_drift: Callable[[str, Drift], None] = _ignore,
        output: Output | None = None,
    ) -> None:
        """Compile the schema."""
        self._schema = schema
        self._keys = tuple(keys)
        self._coercions = coercions(epochs=epochs, epoch_unit=epoch_unit, names_zones=names_zones)
        self._deselected = {} if mask is None else deselected(schema, mask)
        self._conformance = Conformance(schema, self._keys, self._coercions, on_drift)
        self._output = output
        self._own = selected(schema, self._deselected)["properties"]
        self._covered: set[str] = set()
        self._sound: set[str] = set()
        self._added: dict[str, t.Any] = {}
        self._made_for: tuple[Mapping[str, t.Any], t.Collection[str]] = ({}, ())
        self._fit: Callable[[bytes], bytes]

    @property
    def unknown(self) -> Mapping[str, int]:
        """How often each field came that the schema does not list."""
        return self._conformance.unknown

    @property
    def drifted(self) -> Mapping[str, Drift]:
        """The first value of each field that passed although its type is not listed."""
        return self._conformance.drifted

    def record(self, raw: bytes) -> dict[str, t.Any]:
        """The record that these bytes are, conformed, with all its fields.

        Raises:
            TransientError: They are no JSON.
            ShapeError: They are no object, or one without the stream's key.
        """
        record = decode(raw)
        if type(record) is not dict:
            msg = f"the response holds a record that is no object but of type {type_name(record)}"
            raise ShapeError(msg)
        for key in self._keys:
            if record.get(key) is None:
                names = ", ".join(list(record)[:_LISTED_NAMES]) or "none"
                msg = f"a record has no '{key}', which is part of its key; its fields are: {names}"
                raise ShapeError(msg)
        self._conformance.conform(record)
        return record

    def lines(
        self, raws: list[bytes], start: bytes, end: bytes, added: Mapping[str, t.Any]
    ) -> bytes:
        """The records conformed and as selected, each between two given pieces of text.

        Args:
            raws: Records as they came.
            start: What comes before each.
            end: What comes after each.
            added: Fields that records have in addition, unless they are not selected or the
                vendor sent them.

        Raises:
            TransientError: One is no JSON.
            ShapeError: One is no object, or one without the stream's key.
        """
        self._prepare(added)
        pieces: list[bytes] = []
        for raw in raws:
            try:
                body = self._fit(raw)
            except MISFITS:
                misfits = self._conformance.misfits
                record = {**added, **self.record(raw)}
                prune(record, self._deselected)
                if self._output is not None:
                    fits = self._conformance.misfits == misfits
                    self._output.take(record, self._sound if fits else ())
                body = encode(record)
            pieces += (start, body, end)
        return b"".join(pieces)

    def _prepare(self, added: Mapping[str, t.Any]) -> None:
        """Make the fast path, for fields that are listed in the SCHEMA in force as in ours.

        What has another one, because the catalog is an older or an edited one, goes the long way
        until it is announced. Widening changes nothing here: what fitted still does.
        """
        schema = self._schema if self._output is None else self._output.schema
        # Each parent of a child has other values: making a function for each would cost more than
        # its records do.
        self._added.update(added)
        if schema is self._made_for[0] and added.keys() == self._made_for[1]:
            return
        self._made_for = schema, frozenset(added)
        listed = schema["properties"]
        self._covered |= {
            name
            for name, field in self._own.items()
            if name in listed and covers(listed[name], field)
        }
        self._sound = self._covered - added.keys()  # the others are not conformed
        self._fit = _misfit
        if self._covered.issuperset(self._own.keys() & {*self._keys, *added}):
            fits = {
                name: field
                for name, field in self._schema["properties"].items()
                if name in self._covered or name not in self._own
            }
            self._fit = fast_path(
                {**self._schema, "properties": fits},
                self._keys,
                self._coercions,
                deselected=self._deselected,
                added=self._added,
            )


def _misfit(_raw: bytes) -> bytes:
    """Send a record the long way."""
    raise msgspec.DecodeError
