"""Values at the edge of what the vendors can send, in PostgreSQL, and where its limits are."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from .postgres import TIME_ZONE, Database, assert_holds_truth
from .tools import tap_config
from .truth import exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    from .tools import Pipeline

NOON = 1_740_830_400_000
"""2025-03-01T12:00:00Z, in milliseconds."""
LONG_NUMBER = "12345678901234567890.12345678901234567890123456789"
TEXTS = (
    "",
    "NULL",
    r"\N",
    "{a,b}",
    '"quoted" \\ back\\\\slash',
    "it's 100 % :name %(x)s $1",
    "tab\tline\nreturn\r end",
    "\u0001\u001f\u007f\u0085\u2028\ufeff",
    "👩‍👩‍👧‍👦 🎉 é e\u0301 \U0010ffff",
    "x" * 100_000,
)


def message(number: int, **fields: Any) -> dict[str, Any]:
    """A message of Dixa."""
    return {"id": f"m-{number}", "csid": 1, "created_at": NOON + number, **fields}


def chat(number: int, **fields: Any) -> dict[str, Any]:
    """A chat of Zendesk."""
    when = f"2025-03-01T12:00:{number:02d}Z"
    return {"id": f"c-{number}", "timestamp": when, "update_timestamp": when, **fields}


def test_text_keeps_every_character(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    made = [form for text in TEXTS for form in _forms(text)]
    box.dixa.load("messages", [message(number, **form) for number, form in enumerate(made)])
    into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
    assert_holds_truth(database, box, "dixa")


def _forms(text: str) -> list[dict[str, Any]]:
    """A text in a column of its own, in an array and deep in JSON."""
    return [{"text": text}, {"cc": [text, text]}, {"form_submission": {text[:20]: [{"a": text}]}}]


def test_numbers_keep_every_digit(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    numbers = [LONG_NUMBER, "0.1", "-0.30000000000000004", "1e300", "1E-300", "7", str(10**40)]
    raws = [
        json.dumps(message(place)).encode()[:-1]
        + f', "duration": {number}, "form_submission": {{"n": [{number}]}}}}'.encode()
        for place, number in enumerate(numbers)
    ]
    box.dixa.load_raw("messages", [(NOON + place, place, raw) for place, raw in enumerate(raws)])
    into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
    table = database.table("dixa", "messages")
    for place, number in enumerate(numbers):
        row = table[f"m-{place}",]
        assert row["duration"] == exact(Decimal(number))
        assert row["form_submission"] == {"n": [exact(Decimal(number))]}


def test_the_largest_integers_are_loaded(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    extremes = [2**63 - 1, -(2**63), 0]
    made = [
        {"id": number, "updated_at": NOON, "total_duration": number, "transfer_time": number}
        for number in extremes
    ]
    box.dixa.load("conversations", made)
    into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
    assert_holds_truth(database, box, "dixa")


def test_lists_of_mixed_and_nested_values_are_loaded_as_they_are(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    made: list[dict[str, Any]] = [
        {"skills_requested": [1, "a"]},
        {"skills_requested": ["1", 2**60, None]},
        {"skills_requested": []},
        {"skills_requested": None},
        {"webpath": [[1, "an item that is a list"], {"to": "https://example.com"}]},
        {"webpath": [{"to": "a"}, [1, 2], [3]]},
        {"webpath": [[]]},
        {"webpath": []},
        {"webpath": [None, {"to": None}]},
        {"tags": ["a", None, "", "NULL", "{x,y}", 'a"b\\c']},
        {"history": [{"type": "chat.msg", "msg_id": 1}, {"type": "chat.msg", "msg_id": "1"}]},
    ]
    box.zendesk_chat.load("chats", [chat(place, **fields) for place, fields in enumerate(made)])
    into_postgres("zendesk_chat").run(tap_config(box, "zendesk_chat")).succeeded()
    assert_holds_truth(database, box, "zendesk_chat")


def test_any_json_is_loaded_where_the_vendor_does_not_say_what_it_sends(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    values: list[Any] = [
        *("", "text", '{"looks": "like JSON"}', 0, 1, 0.1, True, False, None),
        *([], {}, [[]], [None], [1, "a", {"b": [None]}], {"": {"": ""}}, {"a.b": {"c d": 2**70}}),
    ]
    made = [
        {"_id": str(place), "time": NOON // 1000 + place, "outMsg": value, "userInput": [value]}
        for place, value in enumerate(values)
    ]
    box.deepconverse.load("messages", made, box.deepconverse.bots[0])
    into_postgres("deepconverse").run(tap_config(box, "deepconverse")).succeeded()
    assert_holds_truth(database, box, "deepconverse")


def test_fractions_of_a_second_are_cut_off_after_microseconds(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    fractions = ["", ".1", ".123456", ".9999999", ".999999999", ".000000001"]
    made = [
        {"id": str(place), "modified_date": f"2025-03-01T12:00:00{fraction}Z"}
        for place, fraction in enumerate(fractions)
    ]
    box.devrev.load("conversations", made)
    into_postgres("devrev").run(tap_config(box, "devrev")).succeeded()
    assert_holds_truth(database, box, "devrev")
    found = database.ask(
        "select count(*) from tap_devrev.conversations "
        "where modified_date < '2025-03-01T12:00:01' and modified_date >= '2025-03-01T12:00:00'"
    )
    assert found == [(len(fractions),)]


@pytest.mark.parametrize(("use_copy", "hour"), [(False, 12), (True, 14)])
def test_a_time_in_another_zone_is_the_moment_it_was_unless_copied(
    box: Sandbox,
    database: Database,
    into_postgres: Callable[..., Pipeline],
    *,
    use_copy: bool,
    hour: int,
) -> None:
    """PostgreSQL drops the offset of a copied time. The day it does not, COPY can be shipped."""
    record = {"id": "1", "modified_date": "2025-03-01T14:00:00+02:00"}
    box.devrev.load("conversations", [record])
    into_postgres("devrev", use_copy=use_copy).run(tap_config(box, "devrev")).succeeded()
    ((stored,),) = database.ask("select modified_date::text from tap_devrev.conversations")
    assert stored == f"2025-03-01 {hour}:00:00"


def spans(*starts: str) -> list[dict[str, Any]]:
    """Times of one agent in one status, which have their start in their key."""
    return [{"agent_id": 1, "start_time": start, "duration": 1, "status": "x"} for start in starts]


def test_a_time_is_stored_as_it_was_sent_wherever_the_server_is(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    box.zendesk_chat.load("agent_timeline", spans("2025-01-01T00:00:29.929Z"))
    into_postgres("zendesk_chat").run(tap_config(box, "zendesk_chat")).succeeded()
    assert database.ask("show timezone") == [(TIME_ZONE,)]
    found = database.ask("select start_time::text from tap_zendesk_chat.agent_timeline")
    assert found == [("2025-01-01 00:00:29.929",)]


def test_two_spans_in_the_doubled_hour_of_autumn_stay_two(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    """In New York both are at half past one: the clocks went back at 06:00 UTC."""
    doubled = spans("2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z")
    box.zendesk_chat.load("agent_timeline", doubled)
    config = tap_config(box, "zendesk_chat", start_date="2024-11-01")
    into_postgres("zendesk_chat").run(config).succeeded()
    found = database.ask("select start_time::text from tap_zendesk_chat.agent_timeline order by 1")
    assert found == [("2024-11-03 05:30:00",), ("2024-11-03 06:30:00",)]


def test_an_absent_object_is_the_null_of_json(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    """So `metadata is null` finds nothing: as target-postgres has it; docs/errors.md says so."""
    record = {"_id": "1", "startTime": NOON // 1000}
    box.deepconverse.load("conversations", [record], box.deepconverse.bots[0])
    into_postgres("deepconverse").run(tap_config(box, "deepconverse")).succeeded()
    ((metadata, tags_are_null),) = database.ask(
        "select metadata::text, tags is null from tap_deepconverse.conversations where _id = '1'"
    )
    assert (metadata, tags_are_null) == ("null", True)


def test_a_null_character_becomes_a_replacement_character(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    """PostgreSQL has no place for it. The target replaces it where it is told to."""
    fields = {"text": "a\0b", "cc": ["a\0b"], "form_submission": {"a": "a\0b"}}
    box.dixa.load("messages", [message(1, **fields)])
    into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
    row = database.table("dixa", "messages")["m-1",]
    assert row["text"] == "a\N{REPLACEMENT CHARACTER}b"
    assert row["cc"] == ["a\N{REPLACEMENT CHARACTER}b"]
    assert row["form_submission"] == {"a": "a\N{REPLACEMENT CHARACTER}b"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"form_submission": {"a": {"b": "a\0b"}}}, id="a null character deep in JSON"),
        pytest.param({"text": "\ud83d"}, id="half of an emoji"),
        pytest.param({"csid": 2**63}, id="an integer beyond 64 bits"),
        pytest.param({"csid": "not a number"}, id="text where there are numbers"),
    ],
)
def test_what_postgres_cannot_hold_stops_the_target_and_is_in_no_table(
    box: Sandbox,
    database: Database,
    into_postgres: Callable[..., Pipeline],
    fields: dict[str, Any],
) -> None:
    """The tap hands it over unbent. The state stays, so that nothing is lost unnoticed."""
    box.dixa.load("conversations", [])
    box.dixa.load("messages", [message(1), message(2, **fields)])
    outcome = into_postgres("dixa").run(tap_config(box, "dixa"))
    assert outcome.target_code == 1
    assert outcome.state is None
    assert len(outcome.records("messages")) == 2
    assert database.table("dixa", "messages") == {}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"text": ["a", {"b": 1}]}, '["a", {"b": 1}]'),
        ({"text": {"a": None}}, '{"a": null}'),
        ({"text": True}, "true"),
        ({"csid": 1.5}, 2),
    ],
)
def test_a_value_of_an_undocumented_type_is_warned_of_and_fits_its_column(
    box: Sandbox,
    database: Database,
    into_postgres: Callable[..., Pipeline],
    sent: dict[str, Any],
    stored: Any,
) -> None:
    """The target does not check again what the tap has told: docs/targets.md."""
    box.dixa.load("conversations", [])
    box.dixa.load("messages", [message(1, **sent)])
    (field,) = sent
    outcome = into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
    assert f"of another type than the schema says: {field}" in outcome.tap_log
    assert database.table("dixa", "messages")["m-1",][field] == exact(stored)


@pytest.mark.parametrize("name", ["brand_new", "select", "Mixed Case.and-more", 'say "hi"', "é😀"])
def test_a_field_that_no_schema_lists_gets_a_column_of_json(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline], name: str
) -> None:
    """It comes in the middle of a stream; nothing of it and nothing else is lost."""
    values: list[Any] = [{"a": 1}, "text", 1.5, None, [], True]
    made = [message(number) for number in range(60)]
    made += [message(60 + number, **{name: value}) for number, value in enumerate(values)]
    box.dixa.load("conversations", [])
    box.dixa.load("messages", made)
    outcome = into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
    assert name in outcome.tap_log
    assert_holds_truth(database, box, "dixa")
    quoted = name.replace('"', '""')
    found = dict(database.ask(f'select id, "{quoted}" from tap_dixa.messages'))  # noqa: S608
    assert found == {record["id"]: exact_or_none(record.get(name)) for record in made}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x" * 64, id="longer than PostgreSQL's names"),
        pytest.param("100%", id="a percent sign"),
        pytest.param("", id="empty"),
        pytest.param("a\0b", id="a null character"),
        pytest.param("ctid", id="a column of PostgreSQL's own"),
        pytest.param("TEXT", id="a listed field but for case"),
    ],
)
def test_a_field_whose_name_no_column_can_have_does_no_harm(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline], name: str
) -> None:
    """Targets that keep whole records have it. Twice, for it is there to stay."""
    box.dixa.load("conversations", [])
    box.dixa.load("messages", [message(1), message(2, **{name: "kept"})])
    for _ in range(2):
        outcome = into_postgres("dixa").run(tap_config(box, "dixa")).succeeded()
        assert any(record.get(name) == "kept" for record in outcome.records("messages"))
        assert_holds_truth(database, box, "dixa")


def exact_or_none(value: Any) -> Any:
    """A decoded value as psycopg has it: with decimals."""
    return Decimal(repr(value)) if isinstance(value, float) else value
