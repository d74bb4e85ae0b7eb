"""The short way for records that are just what the schema says, which most are.

A record is decoded into a type generated from the schema. That succeeds only if every field is
listed and of a listed type, which msgspec checks in C, and then there is nothing to walk through
in Python. Either the bytes are written as they came; or, where something changes in every record
(epoch numbers, fields that are not selected, the name of a partition), a few attributes are set and
the record is encoded again. A record that does not fit is tried as if something changed in all: it
may be that a value has to be coerced (1 for true). Then it goes the long way (``conformance.py``).
"""

from __future__ import annotations

import functools
import typing as t

import msgspec

from support_taps.json_codec import REFUSALS, decode, encode
from support_taps.records import rewrite
from support_taps.records.json_types import DATE_TIME
from support_taps.records.types import RecordTypes
from support_taps.timestamps import OUT_OF_RANGE

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support_taps.records.coercions import Coercions
    from support_taps.records.selection import Deselected

_encode = msgspec.json.Encoder().encode

_LINE_FEED, _RETURN = b"\n\r"  # numbers are found in a quarter of the time that bytes take

_MOST_MISFITS = 16
"""In a row; then a field has come that no coercion fits, and the second try is given up."""

MISFITS = (*REFUSALS, *OUT_OF_RANGE)
"""Raised by a function of :func:`fast_path` for a record that does not fit."""


def fast_path(
    schema: Mapping[str, t.Any],
    keys: tuple[str, ...],
    coercions: Coercions,
    *,
    deselected: Deselected,
    added: Mapping[str, t.Any],
) -> Callable[[bytes], bytes]:
    """A function that makes of a record's bytes what is to be written.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties; a record without them does not fit.
        coercions: What is made of values of other types than the schema lists.
        deselected: What is left out.
        added: Fields that records have in addition, unless they are not selected or the
            vendor sent them. Their values may become others later on.
    """

    def rewriter() -> Callable[[bytes], bytes]:
        struct, members = RecordTypes(coercions, rewrites=True).of_record(schema, keys)
        # Numbers with a fraction in values that may be anything: nobody looks at them.
        fitted = msgspec.json.Decoder(struct, float_hook=msgspec.Raw).decode
        change = rewrite.compiled(members, deselected, added)

        def changed(raw: bytes) -> bytes:
            record = fitted(raw)
            change(record)
            return _encode(record)

        return changed

    if coercions[DATE_TIME] or deselected or added:
        return rewriter()
    struct, _ = RecordTypes(coercions, rewrites=False).of_record(schema, keys)
    fitted = msgspec.json.Decoder(struct, float_hook=str).decode
    # Some records have a value that is coerced (1 for true); few enough that most stay as they are.
    coerced = functools.cache(rewriter)
    misfits = 0

    def unchanged(raw: bytes) -> bytes:
        nonlocal misfits
        try:
            fitted(raw)
        except msgspec.DecodeError:
            if misfits == _MOST_MISFITS:
                raise
            misfits += 1
            line = coerced()(raw)
            misfits = 0
            return line
        # White space between tokens may break the line, and a line is a message.
        return encode(decode(raw)) if _LINE_FEED in raw or _RETURN in raw else raw

    return unchanged
