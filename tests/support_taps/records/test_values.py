"""No value is bent: numbers of any size, times with fractions, alternatives, damaged text."""

from __future__ import annotations

import calendar
import datetime as dt
import decimal
import functools
import json
import re
import time
import typing as t

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.taps import taps
from support_taps.errors import TransientError
from support_taps.json_codec import encode
from support_taps.records.plan import RecordPlan
from support_taps.timestamps import MICROSECOND, MILLISECOND, SECOND
from tests.common import bare
from tests.support_taps.records.test_plan import SCHEMA, Reports, nullable

Json = t.Any

HUGE = ["1E4000000", "1e5000", "-1e5000", "1e99999999999999999999", "1" * 5000, "-" + "9" * 100_000]
TINY = ["1E-4000000", "1e-99999999999999999999", "-1e-5000", "0." + "0" * 5000 + "1"]
FIELDS = ["at", "text", "count", "size", "flag", "list", "either", "any", "free", "times", "rows"]


class Literal(str):
    """A number as it is spelled."""

    __slots__ = ()


def literal(text: str) -> Literal:
    return Literal("0" if text == "-0" else text)  # one integer, in two spellings


def spelled(text: bytes) -> Json:
    """JSON, in which numbers are their spelling."""
    return json.loads(text, parse_int=literal, parse_float=literal)


def lines_of(plan: RecordPlan, raw: bytes) -> Json:
    """A record by both ways, which must be the same to the character."""
    line = plan.lines([raw], b"", b"", {})
    assert spelled(encode(plan.record(raw))) == spelled(line)
    return spelled(line)


@pytest.mark.parametrize("epochs", [True, False])
@pytest.mark.parametrize("number", HUGE + TINY, ids=lambda text: text[:12])
@pytest.mark.parametrize("field", FIELDS)
def test_a_number_of_any_size_leaves_as_it_came(field: str, number: str, *, epochs: bool) -> None:
    record = lines_of(Reports().plan(epochs=epochs), f'{{"id":1,"{field}":{number}}}'.encode())
    # Text takes a number as text; a list of texts as one of them.
    wanted = {"text": number, "list": [number]}
    if field == "either" and not number.strip("-").isdigit():
        wanted["either"] = number
    assert record[field] == wanted.get(field, number)
    assert type(record[field]) is type(wanted.get(field, Literal()))


@pytest.mark.parametrize("number", HUGE + TINY, ids=lambda text: text[:12])
@pytest.mark.parametrize("epochs", [True, False])
def test_a_number_of_any_size_leaves_as_it_came_from_within(number: str, *, epochs: bool) -> None:
    plan = Reports().plan(epochs=epochs)
    for value in (f'{{"n":[{number}]}}', f'{{"n":{number}}}'):
        for field in ("free", "any", "new"):
            raw = f'{{"id":1,"{field}":{value}}}'.encode()
            assert lines_of(plan, raw) == spelled(raw)


@pytest.mark.parametrize(
    ("field", "number", "became"),
    [
        ("text", "1.10", "1.10"),
        ("text", "0.00000001", "0.00000001"),
        ("text", "1E5", "1E5"),
        ("text", "-0.0", "-0.0"),
        ("list", "[1.10]", ["1.10"]),
        ("count", "1.0", Literal("1")),
        ("count", "-3.000", Literal("-3")),
        ("count", "1e3", Literal("1000")),
        ("count", "0E4000000", Literal("0")),
        ("count", "0.0", Literal("0")),
        ("count", "1" * 5000 + ".0", Literal("1" * 5000 + ".0")),
        ("size", "0.00000001", Literal("0.00000001")),
        ("size", "1.10", Literal("1.10")),
        ("size", '"NaN"', "NaN"),
        ("size", "true", True),
        ("flag", "1.0", Literal("1.0")),
    ],
)
def test_a_number_keeps_its_digits_or_its_value(field: str, number: str, became: Json) -> None:
    for epochs in (True, False):
        raw = f'{{"id":1,"{field}":{number}}}'.encode()
        record = lines_of(Reports().plan(epochs=epochs), raw)
        assert (record[field], type(record[field])) == (became, type(became))


@pytest.mark.parametrize(
    ("unit", "sent", "became"),
    [
        (None, "1744750665.123", "2025-04-15T20:57:45.123Z"),
        (None, "1546326000.5", "2019-01-01T07:00:00.5Z"),
        (None, "1546326000.0500", "2019-01-01T07:00:00.0500Z"),
        (MILLISECOND, "1600087304003.5", "2020-09-14T12:41:44.0035Z"),
        (MICROSECOND, "1600087304000123", "2020-09-14T12:41:44.000123Z"),
        (None, "1546326000.120", "2019-01-01T07:00:00.120Z"),
        (None, "1546326000.0", "2019-01-01T07:00:00Z"),
        (None, "1600087304703.25", "2020-09-14T12:41:44.70325Z"),
        (None, "-1.5", "1969-12-31T23:59:58.5Z"),
        (None, "1.5463260005e9", "2019-01-01T07:00:00.5Z"),
        (None, "1.546326e9", "2019-01-01T07:00:00Z"),
        (MILLISECOND, "1600087304703.0", "2020-09-14T12:41:44.703Z"),
        (MILLISECOND, "1600087304703.5", "2020-09-14T12:41:44.7035Z"),
        (SECOND, "1600087304.703123456", "2020-09-14T12:41:44.703123456Z"),
        (MICROSECOND, "1600087304703123", "2020-09-14T12:41:44.703123Z"),
        (MICROSECOND, "1600087304703123.4", "2020-09-14T12:41:44.7031234Z"),
        (dt.timedelta(seconds=1), "1600087304", "2020-09-14T12:41:44Z"),
        (dt.timedelta(microseconds=1000), "1600087304703", "2020-09-14T12:41:44.703Z"),
    ],
)
def test_an_epoch_number_is_converted_to_its_last_digit(
    unit: dt.timedelta | None, sent: str, became: str
) -> None:
    reports = Reports()
    plan = reports.plan(epochs=True, epoch_unit=unit)
    assert lines_of(plan, f'{{"id":1,"at":{sent}}}'.encode())["at"] == became
    if not sent.startswith("-") and "e" not in sent:
        assert lines_of(plan, f'{{"id":1,"at":"{sent}"}}'.encode())["at"] == became
    assert not reports.drifts


@pytest.mark.parametrize(
    "sent",
    [
        *('"20250101"', '"2025"', '"0"', '"12345678"', '"-1736000000"', '"1736000000."', '"1e9"'),
        *('""', '"soon"', "true", "[]", "{}", "1e30", "1E4000000", "1E-4000000", "1" * 20),
        '"' + "1" * 17 + '"',
        '"1736000000.' + "1" * 100 + '"',
        '"٣٣٣٣٣٣٣٣٣٣"',
    ],
)
@pytest.mark.parametrize("unit", [None, SECOND, MILLISECOND])
@pytest.mark.parametrize("epochs", [True, False])
def test_what_is_no_time_passes_as_it_is_with_one_report(
    sent: str, unit: dt.timedelta | None, *, epochs: bool
) -> None:
    reports = Reports()
    plan = reports.plan(epochs=epochs, epoch_unit=unit)
    for number in (1, 2):
        raw = f'{{"id":{number},"at":{sent}}}'.encode()
        assert lines_of(plan, raw) == spelled(raw)
    assert [path for path, _ in reports.drifts] == ["at"]


def test_another_unit_of_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds, milliseconds or microseconds, and not 1 day"):
        Reports().plan(epochs=True, epoch_unit=dt.timedelta(days=1))


@pytest.mark.parametrize("damage", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
@pytest.mark.parametrize("epochs", [True, False])
@pytest.mark.parametrize(
    "template",
    [
        b'{"id":1,"text":"%b"}', b'{"id":1,"at":"%b"}', b'{"id":1,"any":["%b"]}',
        b'{"id":1,"free":{"%b":1}}', b'{"id":1,"size":"%b"}', b'{"id":1,"ratio":"%b"}',
        b'{"id":1,"new":"%b"}', b'{"id":1,"%b":1}', b'{"id":1,"text":"\x01%b"}',
        b'{"id":1,"text":"\\ud800%b"}', b'{"id":1,"list":"%b"}', b'{"id":1,"object":{"at":"%b"}}',
    ],
)  # fmt: skip
def test_bytes_that_are_no_utf8_are_worth_another_try(
    template: bytes, damage: bytes, *, epochs: bool
) -> None:
    """Some servers cut text by bytes; a lone surrogate in UTF-8 would stop the target."""
    properties = {**SCHEMA["properties"], "ratio": nullable("number", "string", "array")}
    plan = RecordPlan({"properties": properties}, ("id",), epochs=epochs)
    raw = template % damage
    with pytest.raises(TransientError, match="the response is not valid UTF-8"):
        plan.record(raw)
    with pytest.raises(TransientError, match="the response is not valid UTF-8"):
        plan.lines([raw], b"", b"", {})


EITHER: dict[str, Json] = {
    "id": {"type": "integer"},
    "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
    "page": {
        "anyOf": [
            {"type": "array", "items": nullable("integer", "string")},
            nullable("object", properties={"to": nullable("string"), "flag": nullable("boolean")}),
        ]
    },
    "pages": nullable(
        "array",
        items={
            "anyOf": [
                {"type": "object", "properties": {"to": nullable("string")}},
                {"type": "array", "items": {"type": "string"}},
                {"type": "null"},
            ]
        },
    ),
    "lists": {
        "anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "items": {"type": "integer"}},
        ]
    },
    "number": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
    "flag": nullable("boolean"),
}


@pytest.mark.parametrize(
    ("field", "sent", "became"),
    [
        ("page", [1, "a"], [1, "a"]),
        ("page", {"to": "x"}, {"to": "x"}),
        ("page", {"to": 5}, {"to": "5"}),
        ("page", {"flag": 1}, {"flag": True}),
        ("page", None, None),
        ("page", "x", ["x"]),
        ("page", 5, [5]),
        ("pages", [{"to": "x"}, ["a"], None], [{"to": "x"}, ["a"], None]),
        ("pages", [[1], {"to": 2}], [["1"], {"to": "2"}]),
        ("pages", {"to": "x"}, [{"to": "x"}]),
        ("lists", [1, 2], [1, 2]),
        ("lists", ["1", "2"], ["1", "2"]),
        ("lists", ["1", 2], ["1", "2"]),
        ("lists", 7, ["7"]),
        ("number", 1, 1),
        ("number", True, True),
        ("number", "1", 1),
        ("at", "2025-01-04T14:13:20Z", "2025-01-04T14:13:20Z"),
        ("at", None, None),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_fits_that_fits_one_of_the_alternatives(
    field: str, sent: Json, became: Json
) -> None:
    for epochs in (True, False):
        reports = Reports()
        plan = reports.plan(schema={"properties": EITHER}, epochs=epochs)
        raw = json.dumps({"id": 1, field: sent, "flag": 1}).encode()
        expected = json.dumps({"id": 1, field: became, "flag": True}).encode()
        assert lines_of(plan, raw) == spelled(expected)
        assert not reports.drifts


@pytest.mark.parametrize(
    ("field", "sent", "path"),
    [
        ("page", True, "page"),
        ("page", [True], "page[]"),
        ("page", {"to": []}, "page.to"),
        ("pages", [True], "pages[]"),
        ("lists", [True], "lists[]"),
        ("number", 1.5, "number"),
        ("at", "soon", "at"),
        ("at", 5.5, "at"),
    ],
)
def test_what_fits_no_alternative_passes_as_it_is(field: str, sent: Json, path: str) -> None:
    for epochs in (True, False):
        if field == "at" and epochs and sent != "soon":
            continue
        reports = Reports()
        plan = reports.plan(schema={"properties": EITHER}, epochs=epochs)
        raw = json.dumps({"id": 1, field: sent}).encode()
        assert lines_of(plan, raw) == spelled(raw)
        assert [drift[0] for drift in reports.drifts] == [path]


def test_epochs_are_converted_in_alternatives_too() -> None:
    plan = Reports().plan(schema={"properties": EITHER}, epochs=True)
    assert lines_of(plan, b'{"id":1,"at":1736000000}')["at"] == "2025-01-04T14:13:20Z"


# Any value in any field of any stream.

STREAMS: dict[str, Json] = {
    f"{tap.name}/{name}": stream
    for tap in taps().values()
    for name, stream in bare(tap).streams.items()
}
_numbers = st.sampled_from(
    [
        *("0", "-0", "1", "-7", "2.50", "1.0", "1e3", "1E400", "1e-400", "1E4000000", "-0.0"),
        *("1736000000", "1736000000001", "1736000000.125", "1736000000001.0", "20250101"),
        *("9" * 30, "9" * 4500, "18446744073709551616", "0.1000000000000000055", "1e99999999999"),
    ]
)
_texts = st.sampled_from(
    [
        *("", "5", "-5", "05", "NaN", "true", "2025", "20250101", "1736000000", "1736000000.5"),
        *("2025-01-04T14:13:20Z", "2025-01-04T14:13:20.123456789+02:00", "soon", "é😀\u0000"),
    ]
).map(json.dumps)
_scalars = _numbers | _texts | st.sampled_from(["null", "true", "false"])
_anything = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(st.sampled_from(["a", "to", "id", "value"]), inner, max_size=2).map(
            lambda members: f"{{{','.join(f'{json.dumps(k)}:{v}' for k, v in members.items())}}}"
        )
    ),
    max_leaves=4,
)


def near(schema: Json) -> st.SearchStrategy[str]:
    """JSON text of the shape that a schema has, with anything in the places of its values."""
    shapes = [_anything]
    for each in schema.get("anyOf", [schema]):
        if each.get("properties"):
            names = st.lists(st.sampled_from(list(each["properties"])), max_size=3, unique=True)
            members = names.flatmap(functools.partial(near_members, each["properties"]))
            shapes.append(members.map(lambda texts: f"{{{','.join(texts)}}}"))
        if each.get("items"):
            item = near(each["items"])
            shapes.append(st.lists(item, max_size=2).map(lambda texts: f"[{','.join(texts)}]"))
    return st.one_of(shapes)


def near_members(properties: Json, names: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Members of an object, each with its name."""
    return st.tuples(
        *(near(properties[name]).map(f"{json.dumps(name)}:{{}}".format) for name in names)
    )


def python(value: Json) -> Json:
    """A value as jsonschema takes it."""
    if isinstance(value, dict):
        return {name: python(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [python(inner) for inner in value]
    if not isinstance(value, Literal):
        return value
    is_short_integer = value.strip("-").isdigit() and len(value) < 100
    return int(value) if is_short_integer else 10**99 if value.strip("-").isdigit() else 0.5


def allowed(schema: Json) -> set[str]:
    """The types that a schema lists, in all alternatives."""
    if "anyOf" in schema:
        return {name for each in schema["anyOf"] for name in allowed(each)}
    listed = schema.get("type", ["object", "array", "string", "number", "boolean", "null"])
    names = {listed} if isinstance(listed, str) else {*listed}
    return {"date-time" if n == "string" and "format" in schema else n for n in names}


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None


def is_epoch(number: str, text: str) -> bool:
    """Whether text is the very moment that a number of seconds or milliseconds stands for."""
    if (parts := _TIME.fullmatch(text)) is None:
        return False
    whole = calendar.timegm(time.strptime(parts[1], "%Y-%m-%dT%H:%M:%S"))
    moment = whole + decimal.Decimal(parts[2] or 0)
    return decimal.Decimal(number) in {moment, moment * 1000}


def is_right_scalar(sent: Json, got: Json, names: set[str], *, epochs: bool) -> bool:
    """Whether a value that is no object or array is what was sent, or a documented coercion."""
    is_number = isinstance(sent, Literal)
    if type(sent) is type(got) and sent == got:
        return True
    if isinstance(got, bool):
        return "boolean" in names and is_number and sent in {"0", "1"}
    if isinstance(got, Literal):  # a number without a fraction, or digits in text
        is_equal = decimal.Decimal(sent) == decimal.Decimal(got) if is_number else sent == got
        return bool(names & {"integer", "number"}) and got.strip("-").isdigit() and is_equal
    if not isinstance(got, str) or not isinstance(sent, str):
        return False
    if is_number and "string" in names:
        return sent == got
    is_long = is_number or re.match("[0-9]{9}", sent) is not None
    return epochs and "date-time" in names and is_long and is_epoch(sent, got)


def is_right(sent: Json, got: Json, schema: Json, *, epochs: bool) -> bool:
    """Whether a value is what was sent, or a coercion of it that the documents name."""
    every = schema.get("anyOf", [schema])
    if isinstance(got, list):
        is_list = isinstance(sent, list)
        sent = sent if is_list else [sent]
        return len(sent) == len(got) and any(
            all(is_right(*pair, each.get("items", {}), epochs=epochs) for pair in zip(sent, got))  # noqa: B905
            and (is_list or fits(got, each))
            for each in every
        )
    if isinstance(got, dict):
        return isinstance(sent, dict) and any(
            sent.keys() == got.keys()
            and all(
                is_right(sent[name], got[name], properties.get(name, {}), epochs=epochs)
                for name in sent
            )
            for properties in (each.get("properties", {}) for each in every)
        )
    return is_right_scalar(sent, got, allowed(schema), epochs=epochs)


def fits(value: Json, schema: Json) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(python(value))


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
@settings(max_examples=60)
def test_any_value_in_any_field_stays_or_becomes_what_the_documents_say(
    name: str, data: st.DataObject
) -> None:
    stream = STREAMS[name]
    properties = stream.schema["properties"]
    keys = dict.fromkeys(stream.primary_keys, '"k"')
    fields = data.draw(st.sets(st.sampled_from(sorted(properties.keys() - keys)), max_size=3))
    record = keys | {field: data.draw(near(properties[field])) for field in fields}
    raw = f"{{{','.join(f'{json.dumps(k)}:{v}' for k, v in record.items())}}}".encode()
    drifted: set[str] = set()
    plan = RecordPlan(
        stream.schema,
        stream.primary_keys,
        epochs=stream.sends_epochs,
        epoch_unit=stream.epoch_unit,
        on_drift=lambda path, _: drifted.add(path.replace("[", ".").split(".")[0]),
    )
    sent, got = spelled(raw), lines_of(plan, raw)
    for field in fields:
        schema = properties[field]
        assert is_right(sent[field], got[field], schema, epochs=stream.sends_epochs)
        if field not in drifted:
            assert fits(got[field], schema)
            is_text = type(got[field]) is str and "string" not in allowed(schema)
            assert not is_text or is_time(got[field])
