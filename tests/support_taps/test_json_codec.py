"""Values go through Python and come out as they were."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import json
import typing as t
import uuid

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from support_taps.errors import TooLargeError, TransientError
from support_taps.json_codec import decode, encode

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(), max_size=12)  # lone surrogates included
    | st.decimals(allow_nan=False, allow_infinity=False, places=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(json_values)
def test_any_value_survives_the_way_out_and_back(value: t.Any) -> None:
    line = encode(value)
    assert b"\n" not in line
    assert json.loads(line, parse_float=decimal.Decimal) == value
    assert decode(line) == value


@pytest.mark.parametrize(
    "text",
    [
        b"0.10", b"1.000", b"123456789.123456789123456789", b"1234567890123456789012345",
        b"-9223372036854775809", b"18446744073709551616", b"0.1", b"-0.0", b"3.0",
        b"1e400", b"-1E-400", b"1.5e3", b"0.00000001", b"1E4000000",
    ],
)  # fmt: skip
def test_numbers_keep_every_digit(text: bytes) -> None:
    assert encode(decode(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        rb'"\ud800"', rb'"a\udfffb"', b'"\x01\x1f"', rb'"\u0000"', '"😀é"'.encode(),
        rb'["\ud83d\ude00"]', rb'{"\ud800":1}', rb'["\ud800",12345678901234567890123]',
    ],
)  # fmt: skip
def test_characters_that_few_libraries_take_are_taken(text: bytes) -> None:
    value = decode(text)
    assert value == json.loads(text, strict=False)
    assert json.loads(encode(value)) == value


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"NaN", b"[Infinity]", b"-Infinity", b"01", b"'a'", b"{1:2}", b"nul"],
)
def test_what_is_no_json_is_worth_another_try(text: bytes) -> None:
    with pytest.raises(TransientError, match="not complete JSON"):
        decode(text)


@pytest.mark.parametrize("text", [b'"\xff"', b'"\xed\xa0\x80"', b'["\x01","\xe2\x82"]', b"[\xff]"])
def test_damaged_utf8_is_worth_another_try(text: bytes) -> None:
    with pytest.raises(TransientError, match=r"the response is not valid UTF-8: .*0x"):
        decode(text)


@pytest.mark.parametrize("text", [b"1" * 5000, b"-" + b"9" * 100_000, b"1e99999999999999999999"])
def test_numbers_that_python_does_not_take_leave_as_they_came(text: bytes) -> None:
    for value in (text, b'["\x01\\ud800",%b]' % text):
        assert encode(decode(value)).endswith(text + (b"]" if value != text else b""))


@pytest.mark.parametrize(
    ("small", "large"), [("1e-99999999999999999999", "1E-9"), ("1E9", "1e99999999999999999999")]
)
def test_numbers_beyond_decimals_still_have_their_place(small: str, large: str) -> None:
    assert 0 < decode(small.encode()) < decode(large.encode())
    assert 0 > decode(b"-" + small.encode()) > decode(b"-" + large.encode())


def test_a_number_is_a_decimal_for_who_computes_with_it() -> None:
    number = decode(b"0.00000010")
    assert str(number) == "0.00000010"
    assert number + 1 == decimal.Decimal("1.0000001")
    assert copy.deepcopy(number) == number
    assert simplejson.dumps([number], use_decimal=True) == "[0.00000010]"


def test_what_is_nested_too_deeply_is_no_crash() -> None:
    with pytest.raises(TooLargeError, match="nested too deeply"):
        decode(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(TooLargeError, match="nested too deeply"):
        decode(b'["\x01",' + b"[" * 100_000 + b"]" * 100_001)


def test_what_stream_maps_make_can_be_written() -> None:
    moment = dt.datetime(2025, 1, 2, 3, tzinfo=dt.timezone.utc)
    name = uuid.UUID(int=5)
    for value in ([moment, name], [moment, name, "\ud800"]):
        written = json.loads(encode(value))
        assert dt.datetime.fromisoformat(written[0].replace("Z", "+00:00")) == moment
        assert written[1] == str(name)
