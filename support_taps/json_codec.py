"""JSON values to Python and back, losing nothing on the way.

msgspec does it where it can. What it refuses although vendors send it goes through the slower
libraries: bare control characters in text, lone surrogates, integers of thousands of digits.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import typing as t

import msgspec
import simplejson
from msgspec import UNSET
from typing_extensions import Self

from support_taps.errors import TooLargeError, TransientError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REFUSALS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Raised by msgspec for values that are not of the type it decodes into, or that it cannot read."""

_LONGEST_INT = 640
"""Digits that Python turns into an integer under any limit it can be given.

The time that this takes grows with the square of the digits, so that there is a limit at all.
"""


class Number(decimal.Decimal):
    """A number that leaves as it was sent, character by character.

    A decimal for whoever computes with it. Its text is kept beside it because the decimal's own
    differs (``0.00000001`` would become ``1E-8``), and because no decimal has an exponent of twenty
    digits: such a number counts as the smallest or the largest that there is.

    Args:
        text: A JSON number.
    """

    __slots__ = ("_text",)

    _text: str

    def __new__(cls, text: str) -> Self:
        """Keep the text."""
        try:
            number = super().__new__(cls, text)
        except decimal.InvalidOperation:
            sign = "-" if text.startswith("-") else ""
            exponent = decimal.MIN_EMIN if "e-" in text.lower() else decimal.MAX_EMAX
            number = super().__new__(cls, f"{sign}1E{exponent}")
        number._text = text
        return number

    def __str__(self) -> str:
        """The text that was sent."""
        return self._text

    @property
    def is_integer_literal(self) -> bool:
        """Whether it has neither a fraction nor an exponent."""
        return self._text.removeprefix("-").isdigit()


def _encode_other(value: object) -> t.Any:
    """Encode a value of no JSON type: stream maps can make dates and anything that has a text."""
    if type(value) is Number:
        return msgspec.Raw(str(value).encode())
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


_decoder = msgspec.json.Decoder(float_hook=Number)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)


def decode(value: bytes) -> t.Any:
    """Decode one JSON value. Numbers that are no plain integers become :class:`Number`.

    Raises:
        TransientError: It is no JSON, or not in UTF-8.
        TooLargeError: It is nested too deeply.
    """
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_slowly(value)
    except RecursionError:
        raise too_deep() from None


def _decode_slowly(value: bytes) -> t.Any:
    try:
        # Python's json guesses an encoding from bytes, and takes surrogates in UTF-8.
        return json.loads(
            value.decode(),
            strict=False,
            parse_float=Number,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise not_utf8(error) from None
    except ValueError as error:
        raise not_json(str(error)) from None
    except RecursionError:
        raise too_deep() from None


def encode(value: object) -> bytes:
    """Encode one value as JSON on one line."""
    try:
        return _encoder.encode(value)
    except (UnicodeEncodeError, OverflowError):
        # ASCII only, so that a lone surrogate leaves as the escape it came as.
        return simplejson.dumps(
            value, use_decimal=True, default=_encode_other, separators=(",", ":")
        ).encode("ascii")


def taking(
    fields: Mapping[str, t.Any], *, strict: bool = True
) -> Callable[[bytes], tuple[t.Any, ...]]:
    """A function that takes some fields out of an object, in C and without building the others.

    It returns their values, UNSET for one that is absent, and raises one of :data:`REFUSALS`.

    Args:
        fields: The type of each by its name.
        strict: Whether text that holds a number is no number.
    """
    attributes = {f"p{at}": name for at, name in enumerate(fields)}
    members = zip(attributes, fields.values(), strict=True)
    struct = msgspec.defstruct(
        "Taken", [(name, typed, UNSET) for name, typed in members], rename=attributes, gc=False
    )
    decoded = msgspec.json.Decoder(struct, strict=strict).decode
    return lambda raw: msgspec.structs.astuple(decoded(raw))


def not_json(why: str) -> TransientError:
    """The error of a body that cannot be read to its end as JSON."""
    return TransientError(f"the response is not complete JSON: {why}")


def not_utf8(error: UnicodeDecodeError) -> TransientError:
    """The error of a body whose bytes were damaged, or are in another encoding than JSON's."""
    byte = error.object[error.start]
    return TransientError(
        f"the response is not valid UTF-8: {error.reason} (0x{byte:02x}, byte {error.start + 1} "
        "of the value)"
    )


def too_deep() -> TooLargeError:
    """The error of a value that would exhaust the stack."""
    return TooLargeError("one value of the response is nested too deeply to be read")


def _integer(text: str) -> int | Number:
    return int(text) if len(text) <= _LONGEST_INT else Number(text)


def _refuse_constant(name: str) -> t.NoReturn:
    # Python's json takes NaN and Infinity, which JSON does not have.
    msg = f"{name} is no JSON"
    raise ValueError(msg)
