"""From the bytes of a record to a Singer RECORD: conversion, conformance and selection.

The rules (nothing the vendor sent is lost, and nothing is bent):

- Epoch numbers become ISO 8601 where the schema has a date-time and the vendor sends epochs; so do
  nine or more digits in text. Every digit of a fraction is kept.
- A value of a type that the schema does not list is converted where that loses nothing and the
  result fits: a single value into a list of one, digits into an integer, a number into its text,
  0 and 1 into a boolean (``coercions.py``). Otherwise it passes as it is, with one warning per field.
- Numbers of any size leave as they came, and cost nothing.
- A field that the schema does not list is carried under its own name, and counted.
- Nothing is filled in: absent stays absent, null stays null.

There are two ways with one result: ``fitting.py`` for records that are just what the schema says,
``conformance.py`` for the others and for those that the SDK goes on to work on.
"""

from __future__ import annotations

import typing as t

from support_taps.errors import ShapeError
from support_taps.json_codec import decode, encode
from support_taps.records.coercions import coercions
from support_taps.records.conformance import Conformance, Drift
from support_taps.records.fast_path import MISFITS, fast_path
from support_taps.records.json_types import type_name
from support_taps.records.selection import deselected, prune

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from singer_sdk.singerlib import SelectionMask

_LISTED_NAMES = 20
_LONGEST_COLUMN_NAME = 63
_SYSTEM_COLUMNS = frozenset({"cmax", "cmin", "ctid", "oid", "tableoid", "xmax", "xmin"})
_MOST_NEW_FIELDS = 100


def _ignore(_path: str, _drift: Drift) -> None:
    """Tell nobody."""


class RecordPlan:
    """What is done to each record of one stream, worked out once from its schema and selection.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties; without them a record is no record.
        epochs: Whether the vendor sends times as numbers. Where it does not, a number is no time.
        epoch_unit: What these count; None tells seconds and milliseconds apart by size.
        mask: The selection; None: all is selected.
        on_drift: Told the first value of each field that passes although its type is not listed.
    """

    def __init__(  # noqa: PLR0913 - all that decides about a record
        self,
        schema: Mapping[str, t.Any],
        keys: t.Sequence[str],
        *,
        epochs: bool = False,
        epoch_unit: dt.timedelta | None = None,
        mask: SelectionMask | None = None,
        on_drift: Callable[[str, Drift], None] = _ignore,
    ) -> None:
        """Compile the schema."""
        self._schema = schema
        self._keys = tuple(keys)
        self._coercions = coercions(epochs=epochs, epoch_unit=epoch_unit)
        self._deselected = {} if mask is None else deselected(schema, mask)
        self._conformance = Conformance(schema, self._keys, self._coercions, on_drift)
        self._told: set[str] = set()
        self._added: dict[str, t.Any] | None = None
        self._fit: Callable[[bytes], bytes]

    @property
    def unknown(self) -> Mapping[str, int]:
        """How often each field came that the schema does not list."""
        return self._conformance.unknown

    @property
    def drifted(self) -> Mapping[str, Drift]:
        """The first value of each field that passed although its type is not listed."""
        return self._conformance.drifted

    def new_fields(self) -> list[str]:
        """Fields of records, not of objects in them, that the schema does not list.

        Each is named once, up to a number that no honest change of an API reaches, and only if
        a column can have its name: one that cannot would stop the target in every run.
        """
        new = sorted(self._conformance.unknown_fields - self._told)
        if not new:
            return []
        new = new[: _MOST_NEW_FIELDS - len(self._told)]
        self._told.update(new)
        listed = {name.casefold() for name in self._schema["properties"]}
        return [name for name in new if _names_a_column(name) and name.casefold() not in listed]

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
        if added != self._added:
            self._added = dict(added)
            self._fit = fast_path(
                self._schema,
                self._keys,
                self._coercions,
                deselected=self._deselected,
                added=added,
            )
        pieces: list[bytes] = []
        for raw in raws:
            try:
                body = self._fit(raw)
            except MISFITS:
                record = {**added, **self.record(raw)}
                prune(record, self._deselected)
                body = encode(record)
            pieces += (start, body, end)
        return b"".join(pieces)


def _names_a_column(name: str) -> bool:
    """Whether PostgreSQL, and what writes to it, takes a column of this name."""
    return (
        0 < len(name.encode(errors="replace")) <= _LONGEST_COLUMN_NAME
        and name.isprintable()
        and "%" not in name
        and name.casefold() not in _SYSTEM_COLUMNS
    )
