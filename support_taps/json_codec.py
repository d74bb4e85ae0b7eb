"""JSON values to Python and back, losing nothing on the way.

msgspec does it where it can. What it refuses although vendors send it goes through the slower
libraries: bare control characters in text, lone surrogates, integers beyond 64 bits.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import typing as t

import msgspec
import simplejson

from support_taps.errors import TooLargeError, TransientError


def _encode_other(value: object) -> str:
    """What is no JSON type: stream maps can make dates and anything that has a text."""
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


_decoder = msgspec.json.Decoder(float_hook=decimal.Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)


def decode(value: bytes) -> t.Any:
    """Decode one JSON value. Numbers with a fraction become Decimals, to the last digit.

    Raises:
        TransientError: It is no JSON.
        TooLargeError: It is nested too deeply.
    """
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            return json.loads(
                value, strict=False, parse_float=decimal.Decimal, parse_constant=_refuse_constant
            )
        except ValueError as error:
            raise not_json(str(error)) from None
        except RecursionError:
            raise too_deep() from None
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


def not_json(why: str) -> TransientError:
    """The error of a body that cannot be read to its end as JSON."""
    return TransientError(f"the response is not complete JSON: {why}")


def too_deep() -> TooLargeError:
    """The error of a value that would exhaust the stack."""
    return TooLargeError("one value of the response is nested too deeply to be read")


def _refuse_constant(name: str) -> t.NoReturn:
    # Python's json takes NaN and Infinity, which JSON does not have.
    msg = f"{name} is no JSON"
    raise ValueError(msg)
