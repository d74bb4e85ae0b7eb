"""The same records for any chopping of the same bytes, and an error for any that are not whole."""

from __future__ import annotations

import decimal
import json
import typing as t

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support_taps import json_array
from support_taps.errors import ShapeError, TooLargeError, TransientError
from support_taps.json_array import JsonArray
from support_taps.json_codec import decode

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# JSON texts, written out here rather than by a library, so that they have what none would write.

_spaces = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t", "  \n  "])
_pieces = st.sampled_from(
    [
        "a", " ", "é", "😀", "]", "[", "}", "{", ",", ":", "'", "\u2028", "\x01", "\t",
        r"\"", r"\\", r"\/", r"\n", r"\u0000", r"\u00e9", r"\ud83d\ude00", r"\ud800", r"\udfff",
    ]
)  # fmt: skip
_texts = st.lists(_pieces, max_size=8).map(lambda pieces: f'"{"".join(pieces)}"')
_numbers = st.sampled_from(
    [
        "0",
        "-0",
        "7",
        "-12",
        "0.10",
        "1e400",
        "-1.5E-7",
        "9007199254740993",
        "9" * 25,
        "18446744073709551616",
    ]
)
_words = st.sampled_from(["true", "false", "null"])


def _spaced(draw: st.DrawFn, opening: str, members: Sequence[str], closing: str) -> str:
    spaced = [f"{draw(_spaces)}{member}{draw(_spaces)}" for member in members]
    return opening + (",".join(spaced) if members else draw(_spaces)) + closing


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    return _spaced(draw, "[", draw(st.lists(items, max_size=4)), "]")


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    members = draw(st.lists(st.tuples(_texts, _spaces, _spaces, values), max_size=4))
    return _spaced(draw, "{", [f"{key}{a}:{b}{value}" for key, a, b, value in members], "}")


values = st.recursive(
    _words | _numbers | _texts, lambda inner: arrays(inner) | objects(inner), max_leaves=12
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    body = draw(arrays(values))
    return f"{draw(_spaces)}{body}{draw(_spaces)}".encode()


_traps = st.sampled_from(
    [
        "1",
        "null",
        r'"},{\"id\":"',
        '"},{"',
        '[{"id":5},{"id":6}]',
        '[{"id":5,"x":1},{"id":6,"x":2}]',
        '[{"id": 5, "x": 1}, {"id": 6, "x": 2}]',
        '{"id":{"id":7}}',
        r'"\ud800"',
        "[]",
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Objects that all start alike, as records do, with what looks like a start inside."""
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n\t", " :")]))
    row = st.tuples(_traps, _traps).map(
        lambda pair: f'{{"id"{colon}{pair[0]}{comma}"x"{colon}{pair[1]}}}'
    )
    first = draw(row | st.just('{"id":0}'))
    rows = draw(st.lists(row | _traps, min_size=2, max_size=12))
    return f"[{comma.join([first, *rows])}]".encode()


@st.composite
def chopped(draw: st.DrawFn, body: bytes) -> list[bytes]:
    """The same bytes in pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def reference(text: str) -> t.Any:
    """Python's own reading, to the last digit."""

    def refuse(name: str) -> t.NoReturn:
        raise ValueError(name)

    return json.loads(text, strict=False, parse_float=decimal.Decimal, parse_constant=refuse)


def read(chunks: Sequence[bytes], key: str | None = None) -> list[t.Any]:
    """All the elements, decoded."""
    array = JsonArray(chunks, key)
    elements = [decode(raw) for raws in array for raw in raws]
    assert array.count == len(elements)
    return elements


def same(one: t.Any, other: t.Any) -> bool:
    """Equal, to the last digit and with the types."""
    return repr(one) == repr(other)


@given(st.data())
def test_any_text_reads_the_same_in_any_pieces(data: st.DataObject) -> None:
    body = data.draw(documents())
    expected = reference(body.decode())
    assert same(read([body]), expected)
    assert same(read(data.draw(chopped(body))), expected)


@given(documents())
@example(rb'[{"a":"\ud800]"},"\\",[[]],-1.50]')
def test_any_text_reads_the_same_byte_by_byte(body: bytes) -> None:
    assert same(read([body[n : n + 1] for n in range(len(body))]), reference(body.decode()))


@given(st.data())
def test_rows_that_look_alike_read_the_same_in_any_pieces(data: st.DataObject) -> None:
    """Most rows of a piece are found in one go, by where the last one seems to start."""
    body = data.draw(tables())
    chunks = data.draw(chopped(body))
    assert same(read(chunks), reference(body.decode()))
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(TransientError):
        read(data.draw(chopped(body[:end])))


@pytest.mark.parametrize(
    "body",
    [
        rb'["\ud800"]',
        rb'[{"a":"\udbff"}]',
        rb'["\ud83d",1]',
        rb'["\ud83d\u0041", "\udc00"]',
        rb'[{"id":1},{"id":"\ud800"}]',
    ],
)
def test_half_a_surrogate_pair_is_no_end_of_the_body(body: bytes) -> None:
    """Text that ends in one is called truncated by msgspec."""
    assert same(read([body]), reference(body.decode()))
    assert same(read([body[:3], body[3:-1], body[-1:]]), reference(body.decode()))


@given(st.data())
def test_elements_are_handed_out_as_they_came(data: st.DataObject) -> None:
    body = data.draw(documents())
    raws = [raw for raws in JsonArray(data.draw(chopped(body))) for raw in raws]
    assert all(raw == raw.strip() for raw in raws)
    assert all(raw in body for raw in raws)


@given(st.data())
def test_a_body_that_ends_early_is_never_taken_for_a_whole_one(data: st.DataObject) -> None:
    body = data.draw(documents()).rstrip()
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(TransientError):
        read(data.draw(chopped(body[:end])))


RICH = (
    rb' { "count" : 2, "a b": {"x": [1, "]"]}, "data" : [ {"id": 1, "t": "a\"]\\"} , "\ud800", '
    rb'-1.25e3, true, [ {} , [ ] ], {"\u00e9": null} ] , "next" : null, "end": 5 } '
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_single_truncation_is_rejected(size: int) -> None:
    whole = RICH.rstrip()
    for end in range(len(whole)):
        body = whole[:end]
        with pytest.raises(TransientError):
            read([body[n : n + size] for n in range(0, end, size)], "data")


_noise = st.sampled_from([bytes([byte]) for byte in b'[]{},:"\\ 0a1e-.\n\x00\x7f\xc3\xff'])


@given(documents(), st.integers(0), _noise, st.sampled_from([0, 1]), st.data())
def test_damage_is_seen_or_harmless(
    body: bytes, place: int, noise: bytes, removed: int, data: st.DataObject
) -> None:
    """One byte more or another one: either an error, or what Python reads of it as well."""
    place %= len(body) + 1
    damaged = body[:place] + noise + body[place + removed :]
    try:
        expected = reference(damaged.decode())
        found = isinstance(expected, list)
    except ValueError:
        found = False
    chunks = data.draw(chopped(damaged))
    if found:
        assert same(read(chunks), expected)
    else:
        with pytest.raises((TransientError, ShapeError)):
            read(chunks)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"[1,]", b"[,1]", b"[1 2]", b"[1}", b"[01]", b"[tru]", b"[NaN]", b"[1]x",
        b"[1][2]", b'[{"a":}]', b'[{"a" 1}]', b'[{"a":1,}]', b"[{]}", b"['a']", b'["\\x"]', b"[1",
        b"<!DOCTYPE html><html>", b"\xef\xbb\xbf[1]", b"]", b"[-]",
    ],
)  # fmt: skip
def test_what_is_no_json_is_worth_another_try(body: bytes) -> None:
    with pytest.raises(TransientError, match="not complete JSON"):
        read([body])


@pytest.mark.parametrize("body", [b"[\xff]", b'["\xff"]', b'[{"a":"\xed\xa0\x80"}]'])
def test_damaged_utf8_is_worth_another_try(body: bytes) -> None:
    with pytest.raises(TransientError, match="not valid UTF-8"):
        read([body])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"data": [1], "meta": {}}', "an object; its keys are: data, meta"),
        (b"{}", "an object; its keys are: none"),
        (b'"text"', "and is text"),
        (b"null ", "a single value"),
        (b"17 ", "a single value"),
    ],
)
def test_another_shape_is_said_to_be_one(body: bytes, words: str) -> None:
    with pytest.raises(ShapeError, match="should be an array") as caught:
        read([body])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "no", "status": 1}', "no key 'data'; its keys are: message, status"),
        (b'{"data": null}', "an array under the key 'data'"),
        (b'{"data": {"id": 1}}', "and is an object; its keys are: id"),
        (b'{"data": ""}', "and is text"),
        (b"[1]", "an object with the key 'data', and is an array"),
    ],
)
def test_a_key_without_an_array_is_never_no_records(body: bytes, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read([body], "data")
    assert words in str(caught.value)


def test_a_long_list_of_keys_is_cut() -> None:
    body = json.dumps({f"key{n}": n for n in range(50)}).encode()
    with pytest.raises(ShapeError, match=r"key19 and 30 more$"):
        read([body])


@given(st.data())
def test_the_envelope_is_read_around_the_array(data: st.DataObject) -> None:
    body = data.draw(arrays(values))
    before, after = data.draw(values), data.draw(values)
    text = f'{{ "before": {before}, "data":{body} ,"after" :{after}}}'
    chunks = data.draw(chopped(text.encode()))
    array = JsonArray(chunks, "data")
    elements = [decode(raw) for raws in array for raw in raws]
    assert same(elements, reference(body))
    assert same(array.envelope, {"before": reference(before), "after": reference(after)})


@given(documents(), documents(), st.data())
def test_several_arrays_are_read_one_after_the_other(
    one: bytes, other: bytes, data: st.DataObject
) -> None:
    body = b'{"a":%b,"total":1,"b":%b}' % (one, other)
    array = JsonArray(data.draw(chopped(body)), ("b", "a"))
    found = [decode(raw) for raws in array for raw in raws]
    assert same(found, reference(one.decode()) + reference(other.decode()))
    assert array.envelope == {"total": 1}
    assert array.count == len(found)


def test_one_array_of_several_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ShapeError, match="no key 'b'; its keys are: c"):
        list(JsonArray([b'{"a":[],"c":1}'], ("a", "b")))


@pytest.mark.parametrize(("body", "key"), [(b' {"a":[1]} ', None), (b'{"n":1,"a":{"a":[1]}}', "a")])
def test_one_object_in_the_place_of_an_array_is_one_record(body: bytes, key: str | None) -> None:
    for size in range(1, len(body) + 1):
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        array = JsonArray(chunks, key, holds_one=True)
        raws = [raw for raws in array for raw in raws]
        assert [decode(raw) for raw in raws] == [{"a": [1]}]
        assert array.count == 1


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"a":[1]', b'{"a":1}{"a":1}', b""])
def test_what_is_not_one_object_is_an_error(body: bytes) -> None:
    with pytest.raises((ShapeError, TransientError)):
        list(JsonArray([body], holds_one=True))


def test_records_are_handed_out_while_the_body_still_arrives() -> None:
    arrived = 0

    def body() -> Iterator[bytes]:
        nonlocal arrived
        for piece in (b'[{"id":1},{"i', b'd":2},', b'{"id":3}]'):
            arrived += 1
            yield piece

    array = iter(JsonArray(body()))
    assert next(array) == [b'{"id":1}']
    assert arrived == 1
    assert next(array) == [b'{"id":2}']
    assert arrived == 2


def test_a_value_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "LARGEST_VALUE", 5000)
    body = b'[{"id":1},{"id":2,"text":"' + b"x" * 20_000 + b'"}]'
    chunks = [body[n : n + 100] for n in range(0, len(body), 100)]
    with pytest.raises(TooLargeError, match="one value of the response is larger"):
        read(chunks)
    assert len(read([b"[" + b",".join([b'{"t":"' + b"x" * 4000 + b'"}'] * 9) + b"]"])) == 9


@pytest.mark.parametrize("size", [1000, 1_000_000])
@pytest.mark.parametrize("element", [b"[" * 200_000, b'{"a":' * 200_000])
def test_a_value_that_would_exhaust_the_stack_is_refused(element: bytes, size: int) -> None:
    closing = b"]" * 200_000 if element[:1] == b"[" else b"1" + b"}" * 200_000
    body = b"[" + element + closing + b"]"
    with pytest.raises(TooLargeError, match="nested too deeply"):
        read([body[n : n + size] for n in range(0, len(body), size)])


def test_deep_but_readable_values_are_read() -> None:
    deep = "[" * 400 + "]" * 400
    assert same(read([f"[{deep},1]".encode()]), reference(f"[{deep},1]"))


def test_a_large_value_costs_no_more_by_the_byte_than_a_small_one() -> None:
    """16 MB in pieces of 16 KB: were each piece to begin anew, this would take minutes."""
    body = b'[{"text":"' + b"x" * 16_000_000 + b'"}]'
    (record,) = read([body[n : n + 16_384] for n in range(0, len(body), 16_384)])
    assert len(record["text"]) == 16_000_000


def test_borders_are_found_by_counting_where_msgspec_names_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_array, "BORDER_OFFSET", None)
    assert same(read([RICH], "data"), reference(RICH.decode())["data"])
    for end in range(0, len(RICH.rstrip()), 3):
        with pytest.raises(TransientError):
            read([RICH[:end]], "data")


def test_this_msgspec_names_the_border() -> None:
    """Without it everything still works, at a quarter of the speed: a release to look at."""
    assert json_array.BORDER_OFFSET is not None


@given(st.lists(values, max_size=3), st.integers(1, 9))
def test_an_array_deep_inside_is_found_by_its_keys(elements: list[str], size: int) -> None:
    body = f'{{"meta":null,"data":{{"a":[1],"rows":[{",".join(elements)}],"b":2}},"c":3}}'.encode()
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    array = JsonArray(chunks, "data.rows")
    found = [decode(element) for each in array for element in each]
    assert found == [decode(element.encode()) for element in elements]
    assert array.envelope == {"meta": None, "data": {"a": [1], "b": 2}, "c": 3}
