"""The way of a record: each rule, and that the short way and the long way agree.

Most records are just what the schema says and take a short way through msgspec; the others are
gone through value by value. Whoever reads the output must not be able to tell.
"""

from __future__ import annotations

import decimal
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.singerlib import SelectionMask

from support_taps.errors import ShapeError, TransientError
from support_taps.records.plan import RecordPlan
from support_taps.timestamps import MILLISECOND, SECOND

if t.TYPE_CHECKING:
    import datetime as dt

    from support_taps.records.conformance import Drift

    Json = t.Any


def nullable(*types: str, **more: Json) -> dict[str, Json]:
    return {"type": [*types, "null"], **more}


SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "at": nullable("string", format="date-time"),
        "text": nullable("string"),
        "count": nullable("integer"),
        "size": nullable("number"),
        "flag": nullable("boolean"),
        "list": nullable("array", items=nullable("string")),
        "times": nullable("array", items=nullable("string", format="date-time")),
        "mixed": nullable("string", "array", items=nullable("string")),
        "free": nullable("object"),
        "either": nullable("integer", "string"),
        "any": {},
        "object": nullable(
            "object",
            properties={"at": nullable("string", format="date-time"), "n": nullable("integer")},
        ),
        "rows": nullable(
            "array",
            items=nullable(
                "object",
                properties={"at": nullable("string", format="date-time"), "t": nullable("string")},
            ),
        ),
        "näme with 'quotes'": nullable("string"),
    },
}


class Reports:
    """Plans, and the drifts that they told of."""

    def __init__(self) -> None:
        self.drifts: list[tuple[str, Drift]] = []

    def plan(self, schema: Json = SCHEMA, **options: Json) -> RecordPlan:
        def note(path: str, drift: Drift) -> None:
            self.drifts.append((path, drift))

        return RecordPlan(schema, ("id",), on_drift=note, **options)


@pytest.fixture
def reports() -> Reports:
    return Reports()


def to_bytes(record: Json) -> bytes:
    return json.dumps(record).encode()


def by_both_ways(plan: RecordPlan, raw: bytes) -> Json:
    """A record by the way for lines and by the way for the SDK."""
    line = plan.lines([raw], b"", b"\n", {})
    assert line.count(b"\n") == 1
    one = json.loads(line, parse_float=decimal.Decimal)
    other = plan.record(raw)
    assert canonical(one) == canonical(other)
    return one


def canonical(value: Json) -> str:
    """A value with its types, without the order of its fields or the spelling of its numbers."""
    if isinstance(value, dict):
        members = sorted(f"{name!r}: {canonical(inner)}" for name, inner in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(canonical, value))}]"
    if isinstance(value, int | decimal.Decimal) and not isinstance(value, bool):
        return str(decimal.Decimal(value).normalize(decimal.Context(prec=400)))
    return repr(value)


@pytest.mark.parametrize("epochs", [True, False])
@pytest.mark.parametrize(
    ("field", "sent", "became"),
    [
        ("at", "2025-01-04T14:13:20.123456789+02:00", "2025-01-04T14:13:20.123456789+02:00"),
        ("list", "one", ["one"]),
        ("list", 7, ["7"]),
        ("list", [], []),
        ("list", [1, "b"], ["1", "b"]),
        ("rows", {"t": 5}, [{"t": "5"}]),
        ("times", "2025-01-04T14:13:20Z", ["2025-01-04T14:13:20Z"]),
        ("text", 12345678901234567, "12345678901234567"),
        ("text", 0.5, "0.5"),
        ("text", "", ""),
        ("count", "42", 42),
        ("count", "-42", -42),
        ("count", 9223372036854775807, 9223372036854775807),
        ("count", 12345678901234567890123, 12345678901234567890123),
        ("count", "999999999999999999", 999999999999999999),
        ("size", "7", 7),
        ("size", 7, 7),
        ("flag", 0, False),
        ("flag", 1, True),
        ("either", "5", "5"),
        ("either", 5, 5),
        ("free", {"deep": [{"x": None}]}, {"deep": [{"x": None}]}),
        ("any", [{"x": 1}], [{"x": 1}]),
        ("object", {}, {}),
        ("näme with 'quotes'", "yes", "yes"),
        *[(name, None, None) for name in SCHEMA["properties"] if name != "id"],
    ],
    ids=repr,
)
def test_each_rule(reports: Reports, field: str, sent: Json, became: Json, *, epochs: bool) -> None:
    record = by_both_ways(reports.plan(epochs=epochs), to_bytes({"id": 1, field: sent}))
    assert record == {"id": 1, field: became}
    assert type(record[field]) is type(became)
    assert not reports.drifts


@pytest.mark.parametrize(
    ("field", "sent", "became"),
    [
        ("at", 1736000000001, "2025-01-04T14:13:20.001Z"),
        ("at", 1736000000000, "2025-01-04T14:13:20.000Z"),
        ("at", "1736000000001", "2025-01-04T14:13:20.001Z"),
        ("at", 1736000000, "2025-01-04T14:13:20Z"),
        ("at", "1736000000", "2025-01-04T14:13:20Z"),
        ("at", 0, "1970-01-01T00:00:00Z"),
        ("object", {"at": 1736000000001}, {"at": "2025-01-04T14:13:20.001Z"}),
        ("rows", [{"at": 0}, None], [{"at": "1970-01-01T00:00:00Z"}, None]),
        # No stream has a list of times today.
        ("times", 1736000000001, ["2025-01-04T14:13:20.001Z"]),
        ("times", [1736000000001, None], ["2025-01-04T14:13:20.001Z", None]),
    ],
    ids=repr,
)
def test_numbers_are_times_where_the_vendor_sends_epochs_and_nowhere_else(
    reports: Reports, field: str, sent: Json, became: Json
) -> None:
    raw = to_bytes({"id": 1, field: sent})
    assert by_both_ways(reports.plan(epochs=True), raw) == {"id": 1, field: became}
    assert not reports.drifts
    assert by_both_ways(reports.plan(epochs=False), raw) == {"id": 1, field: sent}
    assert len(reports.drifts) == 1


@pytest.mark.parametrize(
    ("field", "sent", "expected", "got"),
    [
        ("text", {"a": 1}, "string or null", "object"),
        ("text", ["a"], "string or null", "array"),
        ("text", True, "string or null", "boolean"),
        ("count", "042", "integer or null", "string"),
        ("count", "4 2", "integer or null", "string"),
        ("count", "1234567890123456789", "integer or null", "string"),
        ("count", "٣", "integer or null", "string"),
        ("count", "--5", "integer or null", "string"),
        ("count", "", "integer or null", "string"),
        ("count", True, "integer or null", "boolean"),
        ("flag", 2, "boolean or null", "integer"),
        ("flag", "true", "boolean or null", "string"),
        ("at", 10**30, "date-time or null", "integer"),
        ("at", {"seconds": 1}, "date-time or null", "object"),
        ("at", "", "date-time or null", "string"),
        ("at", "soon", "date-time or null", "string"),
        ("at", "2025", "date-time or null", "string"),
        ("at", "20250101", "date-time or null", "string"),
        ("at", "2025-01-04T14:13:20", "date-time or null", "string"),
        ("at", "2025-02-30T14:13:20Z", "date-time or null", "string"),
        ("at", r"2025-01-04T14:13:20\u005a", "date-time or null", "string"),
        ("at", True, "date-time or null", "boolean"),
        ("list", True, "array or null", "boolean"),
        ("list", {"a": 1}, "array or null", "object"),
        ("rows", {"t": []}, "array or null", "object"),
        ("times", "soon", "array or null", "string"),
        ("mixed", True, "string or array or null", "boolean"),
        ("mixed", {"a": 1}, "string or array or null", "object"),
        ("object", "x", "object or null", "string"),
        ("object", [], "object or null", "array"),
        ("free", "x", "object or null", "string"),
        ("size", "1.5", "number or null", "string"),
    ],
)
@pytest.mark.parametrize("epochs", [True, False])
def test_what_would_lose_something_passes_with_a_report(  # noqa: PLR0913 - a row of the table
    reports: Reports, field: str, sent: Json, expected: str, got: str, *, epochs: bool
) -> None:
    plan = reports.plan(epochs=epochs)
    assert by_both_ways(plan, to_bytes({"id": 7, field: sent})) == {"id": 7, field: sent}
    assert by_both_ways(plan, to_bytes({"id": 8, field: sent})) == {"id": 8, field: sent}
    ((path, drift),) = reports.drifts
    assert (path, drift.expected, drift.got, drift.key) == (field, expected, got, "id=7")
    assert set(plan.drifted) == {field}


def test_a_fraction_where_an_integer_belongs_is_kept(reports: Reports) -> None:
    record = by_both_ways(reports.plan(), b'{"id":1,"count":1.50}')
    assert str(record["count"]) == "1.50"
    assert [path for path, _ in reports.drifts] == ["count"]


def test_drift_inside_is_reported_by_its_path(reports: Reports) -> None:
    by_both_ways(reports.plan(), to_bytes({"id": 1, "rows": [{"t": []}], "object": {"n": "x"}}))
    assert {path for path, _ in reports.drifts} == {"rows[].t", "object.n"}


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (MILLISECOND, 1736000000, "1970-01-21T02:13:20.000Z"),
        (SECOND, 1736000000, "2025-01-04T14:13:20Z"),
        (SECOND, 250_000_000_000, "9892-03-08T12:26:40Z"),
    ],
)
def test_a_unit_that_is_known_is_not_guessed(
    reports: Reports, unit: dt.timedelta, value: int, text: str
) -> None:
    plan = reports.plan(epochs=True, epoch_unit=unit)
    for sent in (value, str(value)):
        assert by_both_ways(plan, to_bytes({"id": 1, "at": sent})) == {"id": 1, "at": text}


def test_many_records_that_do_not_fit_change_nothing_for_the_others(reports: Reports) -> None:
    """A new field in every record must not keep values from being coerced."""
    plan = reports.plan()
    flagged = to_bytes({"id": 2, "flag": 1})
    assert by_both_ways(plan, flagged)["flag"] is True
    for _ in range(40):
        assert by_both_ways(plan, to_bytes({"id": 3, "new": "x"})) == {"id": 3, "new": "x"}
    assert by_both_ways(plan, flagged)["flag"] is True
    assert by_both_ways(plan, to_bytes({"id": 4, "flag": False})) == {"id": 4, "flag": False}


def test_unknown_fields_are_carried_and_counted(reports: Reports) -> None:
    plan = reports.plan()
    for number in range(3):
        record = {"id": number, "new": {"x": number}, "object": {"extra": None}, "free": {"y": 1}}
        line = plan.lines([to_bytes(record)], b"", b"", {})
        assert json.loads(line) == record
    assert plan.unknown == {"new": 3, "object.extra": 3}
    assert not reports.drifts


@pytest.mark.parametrize(
    "raw",
    [b"[]", b"5", b'"x"', b"null", b"{}", b'{"id":null}', b'{"id":null,"new":1}', b'{"text":"x"}'],
)
@pytest.mark.parametrize("epochs", [True, False])
def test_a_record_without_its_key_is_none(reports: Reports, raw: bytes, *, epochs: bool) -> None:
    plan = reports.plan(epochs=epochs)
    with pytest.raises(ShapeError):
        plan.record(raw)
    with pytest.raises(ShapeError):
        plan.lines([raw], b"", b"", {})


@pytest.mark.parametrize(
    "raw", [b'{"id":1', b'{"id":1,}', b'{"id":NaN}', b'{"id":01}', b'{"id":1}}']
)
def test_bytes_that_are_no_json_are_worth_another_try(reports: Reports, raw: bytes) -> None:
    with pytest.raises(TransientError):
        reports.plan().record(raw)
    with pytest.raises(TransientError):
        reports.plan().lines([raw], b"", b"", {})


def test_lines_stand_between_what_they_are_given(reports: Reports) -> None:
    raws = [b'{"id":1}', b'{\n "id": 2,\r\n "text": "a\\nb" }', b'{"id":3,"new":1}']
    lines = reports.plan().lines(raws, b'{"record":', b"}\n", {})
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"record": {"id": 1}},
        {"record": {"id": 2, "text": "a\nb"}},
        {"record": {"id": 3, "new": 1}},
    ]


@pytest.mark.parametrize("epochs", [True, False])
def test_what_is_added_does_not_replace_what_the_vendor_sent(
    reports: Reports, *, epochs: bool
) -> None:
    plan = reports.plan(epochs=epochs)
    raws = [
        b'{"id":1}',
        b'{"id":2,"text":"own"}',
        b'{"id":3,"text":"own","new":1}',
        b'{"id":4,"new":1}',
    ]
    lines = plan.lines(raws, b"", b"\n", {"text": "added"})
    texts = [json.loads(line)["text"] for line in lines.splitlines()]
    assert texts == ["added", "own", "own", "added"]
    other = plan.lines([b'{"id":1}'], b"", b"\n", {"text": "another"})
    assert json.loads(other)["text"] == "another"


def test_what_is_not_selected_is_left_out_by_either_way() -> None:
    crumbs: dict[tuple[str, ...], bool] = {(): True}
    crumbs |= {("properties", name): name not in {"text", "rows"} for name in SCHEMA["properties"]}
    crumbs["properties", "object", "properties", "n"] = False
    crumbs["properties", "object", "properties", "at"] = True
    plan = RecordPlan(SCHEMA, ("id",), mask=SelectionMask(crumbs))
    record = {"id": 1, "text": "x", "rows": [], "object": {"n": 1, "at": None}, "count": 2}
    left = {"id": 1, "object": {"at": None}, "count": 2}
    for sent, expected in ((record, left), ({**record, "new": 1}, {**left, "new": 1})):
        assert json.loads(plan.lines([to_bytes(sent)], b"", b"", {})) == expected


def test_what_is_added_is_left_out_as_well_if_it_is_not_selected() -> None:
    crumbs: dict[tuple[str, ...], bool] = {(): True}
    crumbs |= {("properties", name): name != "text" for name in SCHEMA["properties"]}
    plan = RecordPlan(SCHEMA, ("id",), mask=SelectionMask(crumbs))
    for raw in (b'{"id":1}', b'{"id":1,"new":2}'):
        assert "text" not in json.loads(plan.lines([raw], b"", b"", {"text": "added"}))


# Records near the schema: right types most of the time, anything now and then.

_anything = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -7, 2**53 + 1, 2**63, 10**25, 1736000000001])
    | st.sampled_from(
        ["", "5", "-5", "1736000000001", "1736000000", "2025-01-04T14:13:20Z", "é😀\u0000"]
    )
    | st.sampled_from([0.5, 3.0, -1e-7, 1e20]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("atn"), inner),
    max_leaves=5,
)
_right: dict[str, st.SearchStrategy[Json]] = {
    "at": st.sampled_from(["2025-01-04T14:13:20Z", 1736000000001, 1736000000, None]),
    "text": st.text(max_size=5),
    "count": st.integers(-(2**63), 2**63),
    "size": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    "flag": st.booleans(),
    "list": st.lists(st.text(max_size=3) | st.none(), max_size=3),
    "free": st.dictionaries(st.text(max_size=3), _anything, max_size=2),
    "rows": st.lists(
        st.fixed_dictionaries(
            {}, optional={"at": st.none() | st.integers(0, 2**41), "t": st.text()}
        ),
        max_size=3,
    ),
}
_members = {
    name: _right.get(name, st.none()) | _anything
    for name in SCHEMA["properties"]
    if name not in {"id", "times"}
}
records = st.builds(
    lambda known, unknown: {"id": 1, **known, **unknown, "id ": 0} if unknown else known,
    st.fixed_dictionaries(
        {"id": st.integers(0, 2**53 + 1)},
        optional=_members,
    ),
    st.just({}) | st.dictionaries(st.sampled_from(["new", "x.y"]), _anything, max_size=1),
)


@given(records, st.sampled_from([True, False]), st.sampled_from([None, SECOND, MILLISECOND]))
def test_both_ways_make_the_same_of_any_record(
    record: dict[str, Json],
    epochs: bool,  # noqa: FBT001
    unit: dt.timedelta | None,
) -> None:
    made = by_both_ways(Reports().plan(epochs=epochs, epoch_unit=unit), to_bytes(record))
    assert made.keys() == record.keys()
    for name, value in record.items():
        if value is None or name in {"free", "any", "new", "id"}:
            assert made[name] == decoded(value)


def decoded(value: Json) -> Json:
    """A value as it comes out of JSON text with all digits."""
    return json.loads(json.dumps(value), parse_float=decimal.Decimal)
