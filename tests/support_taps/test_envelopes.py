"""The envelope of a response: its keys for a person, and errors that came with 200."""

from __future__ import annotations

import typing as t

import pytest

from support_taps.envelopes import leaves, listed, refuse_errors, shown
from support_taps.errors import ShapeError


def test_keys_are_listed_with_what_they_are_nested_in() -> None:
    envelope = {"count": 1, "page": {"next": {"token": "x"}, "size": 2}, "meta": {}, "links": [1]}
    assert dict(leaves(envelope)) == {
        "count": 1, "page.next.token": "x", "page.size": 2, "meta": {}, "links": [1],
    }  # fmt: skip
    assert listed(envelope) == (
        "its other keys are: count, page.next.token, page.size, meta, links"
    )
    assert listed({}) == "its other keys are: none"


def test_a_hostile_envelope_makes_no_long_line() -> None:
    deep: dict[str, t.Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert listed({"b": deep}) == "its other keys are: b.a.a.a"
    many = listed({f"key{number}": None for number in range(1000)})
    assert many.endswith("key19 and 980 more")
    assert len(shown("x" * 10**6)) < 100
    assert shown({"a": [None, 1.5]}) == '{"a":[null,1.5]}'


@pytest.mark.parametrize(
    "envelope", [{"error": "no"}, {"Errors": [{}]}, {"error": {"code": 1}}, {"errors": "x"}]
)
def test_an_error_beside_the_records_is_an_error(envelope: dict[str, t.Any]) -> None:
    with pytest.raises(ShapeError, match="tells of an error"):
        refuse_errors(envelope)


@pytest.mark.parametrize("value", [None, "", [], {}, False, 0])
def test_an_empty_error_is_none(value: object) -> None:
    refuse_errors({"error": value, "errors": value, "error_count": 0})
