"""Records that arrive, compared with what the vendor has."""

from __future__ import annotations

import collections
import datetime as dt
import json
import typing as t

import pytest

from tests.common import assert_records_follow_their_schemas
from tests.conftest import SPAN, Run, deselect, discovered
from tests.tap_devrev.conftest import MOMENT, crowd, expected, named

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from sandbox.devrev import Order
    from tests.conftest import Json, Record

    Runner = Callable[..., Run]

END_CURSORS: tuple[t.Literal["absent", "empty"], ...] = ("absent", "empty")


def paths(box: Sandbox) -> collections.Counter[str]:
    return collections.Counter(request.path for request in box.requests)


@pytest.mark.parametrize("page_size", [5000, 40, 7])
def test_every_record_arrives_with_the_values_it_had(
    box: Sandbox, run: Runner, page_size: int
) -> None:
    """In no documented order, and silently cut at ``first``."""
    done = run(page_size=page_size, window_days=30).succeeded()
    assert done.by_key("conversations") == expected(box)
    assert not done.log("WARNING")
    assert set(paths(box)) == {"/conversations.export"}


def test_few_records_are_read_twice_although_windows_are_cut(box: Sandbox, run: Runner) -> None:
    done = run(page_size=20).succeeded()
    assert done.by_key("conversations") == expected(box)
    assert len(done.records("conversations")) < 1.3 * len(expected(box))
    assert len(box.requests) < 45


CAPS = [(50,), (99,), (37,), (500,), (200, 50), (None, 99), (99, None, 50)]


@pytest.mark.parametrize("order", ["mixed", "oldest", "newest", "random"])
@pytest.mark.parametrize("caps", CAPS, ids=str)
def test_a_vendor_that_sends_less_than_was_asked_for_loses_nothing(
    box: Sandbox, run: Runner, caps: tuple[int | None, ...], order: Order
) -> None:
    """In whatever order it cuts; the last three caps change, to counts that vendors like.

    A cap that sinks to another count is an assumption of ``halving.py``, and not kept here.
    """
    box.devrev.export_caps, box.devrev.export_order = caps, order
    start, step = SPAN[0], (SPAN[1] - SPAN[0]) / 1500
    moments = [f"{start + step * number:%Y-%m-%dT%H:%M:%S.%f}Z" for number in range(1500)]
    few = [{"id": moment, "modified_date": moment} for moment in moments]
    box.devrev.load("conversations", few + crowd(120))
    done = run(window_days=30).succeeded()
    assert done.by_key("conversations").keys() == expected(box).keys()
    if len(caps) == 1:
        assert len(done.records("conversations")) < 1.3 * len(expected(box))


def test_records_on_the_borders_of_windows_are_read(box: Sandbox, run: Runner) -> None:
    """Down to the nanosecond before and after them."""
    moments = []
    for week in range(1, 13):
        border = SPAN[0] + dt.timedelta(days=7 * week)
        before = border - dt.timedelta(milliseconds=1)
        moments += [
            before.strftime("%Y-%m-%dT%H:%M:%S.999Z"),
            before.strftime("%Y-%m-%dT%H:%M:%S.9999Z"),
            before.strftime("%Y-%m-%dT%H:%M:%S.999999999Z"),
            border.strftime("%Y-%m-%dT%H:%M:%SZ"),
            border.strftime("%Y-%m-%dT%H:%M:%S.000000001Z"),
            border.strftime("%Y-%m-%dT%H:%M:%S.0009Z"),
            border.strftime("%Y-%m-%dT%H:%M:%S.001Z"),
        ]
    box.devrev.load("conversations", named(box, *moments))
    done = run().succeeded()
    assert done.by_key("conversations") == expected(box)


def test_fractions_of_any_length_pass_to_the_last_digit(box: Sandbox, run: Runner) -> None:
    moments = [
        "2025-02-01T12:00:00Z",
        "2025-02-01T12:00:01.5Z",
        "2025-02-01T12:00:02.06Z",
        "2025-02-01T12:00:03.100Z",
        "2025-02-01T12:00:04.497205Z",
        "2025-02-01T12:00:05.0000001Z",
        "2025-02-01T12:00:06.123456789Z",
        "2025-02-01T14:00:07.25+02:00",
    ]
    records = named(box, *moments)
    for record in records:
        record["created_date"] = record["actual_close_date"] = record["modified_date"]
    box.devrev.load("conversations", records)
    done = run(page_size=3).succeeded()
    emitted = done.by_key("conversations")
    assert set(emitted) == set(moments)
    for moment, record in emitted.items():
        assert record["modified_date"] == record["created_date"] == moment
        assert record["actual_close_date"] == moment
    assert not done.log("WARNING")


@pytest.mark.parametrize("end_cursor", END_CURSORS)
def test_a_millisecond_with_more_records_than_a_page_is_read_from_the_list(
    box: Sandbox, run: Runner, end_cursor: t.Literal["absent", "empty"]
) -> None:
    box.devrev.end_cursor = end_cursor
    box.devrev.put("conversations", *crowd(250))
    done = run(page_size=200).succeeded()
    assert done.by_key("conversations") == expected(box)
    listed = [request for request in box.requests if request.path == "/conversations.list"]
    # Windows overlap, so the ones beside it may hold that millisecond as well.
    rows = [request.rows for request in listed]
    assert rows == [99, 99, 52] * (len(rows) // 3)
    assert 3 <= len(rows) <= 9
    assert {request.json["limit"] for request in listed} == {99}


def test_a_page_of_the_list_may_be_empty_or_short(box: Sandbox, run: Runner) -> None:
    box.devrev.paging.empty_pages = True
    box.devrev.paging.short_pages = 4
    box.devrev.load("conversations", crowd(25))
    done = run(page_size=10).succeeded()
    assert done.by_key("conversations") == expected(box)
    rows = [request.rows for request in box.requests if request.path == "/conversations.list"]
    assert 0 in rows
    assert max(rows) == 4


def test_many_records_within_one_millisecond_are_told_apart(box: Sandbox, run: Runner) -> None:
    within = [f"2025-02-01T12:00:00.345{number:06d}Z" for number in range(120)]
    around = ["2025-02-01T12:00:00.344999999Z", "2025-02-01T12:00:00.346Z"]
    records = [{"id": moment, "modified_date": moment} for moment in within + around]
    box.devrev.load("conversations", records)
    done = run(page_size=50).succeeded()
    assert done.by_key("conversations") == expected(box)


def test_pages_of_one_record_are_enough(box: Sandbox, run: Runner) -> None:
    """Every record is then a window that was cut, down to the millisecond."""
    box.devrev.load("conversations", box.devrev.truth("conversations")[:3])
    done = run(page_size=1).succeeded()
    assert done.by_key("conversations") == expected(box)


def test_records_without_a_date_of_modification_are_no_obstacle(box: Sandbox, run: Runner) -> None:
    """The field is not promised; the bookmark does not depend on it."""
    box.fault(kind="drift", stream="conversations", path="modified_date", to="absent", every=2)
    done = run().succeeded()
    assert done.by_key("conversations").keys() == expected(box).keys()


def test_every_record_follows_the_schema_of_its_stream(run: Runner) -> None:
    assert_records_follow_their_schemas(run().succeeded())


def test_custom_fields_pass_whole_and_so_does_what_the_documents_do_not_know(
    box: Sandbox, run: Runner
) -> None:
    custom: dict[str, Json] = {
        "tnt__text": "ø\u0000\u2028",
        "tnt__when": "2025-02-30",
        "tnt__uenum": 2**63 + 1,
        "tnt__number": 0.1,
        "tnt__digits": "007",
        "tnt__null": None,
        "tnt__empty": {},
        "ctype__struct": {"a": {"b": [1, "2", [], None, {"c": True}]}},
    }
    unknown: dict[str, Json] = {
        "is_archived": False,
        "csat_rating": {"value": 4.5},
        "1_odd name.x": [],
    }
    (record,) = box.devrev.make("conversations", 1, MOMENT)
    record |= {"custom_fields": custom, **unknown}
    record["sentiment"] = {"id": 1, "label": "x", "ordinal": 1, "value": [1, {"a": None}]}
    box.devrev.load("conversations", [record])
    done = run().succeeded()
    (emitted,) = done.records("conversations")
    assert emitted == record
    assert json.dumps(emitted["custom_fields"]) == json.dumps(custom)
    (line,) = done.log("WARNING")
    for name in unknown:
        assert f"{name} (1)" in line
    assert "tnt__" not in line, "custom fields are free, none of them is unknown"


def webhook_conversation() -> Record:
    """A conversation with all fields of the one in DevRev's example of a webhook.

    The example is `conversation_updated` of the vendor's public snap-in examples (12-csat).
    """
    org = {
        "display_id": "REV-1",
        "display_name": "Example GmbH",
        "id": "don:identity:dvrv-us-1:devo/0:revo/1",
        "id_v1": "don:DEV-0:rev_org:REV-1",
        "thumbnail": "https://example.com/display-picture/org.svg",
        "type": "rev_org",
    }
    user = {
        "display_handle": "ada-l",
        "display_id": "DEVU-1",
        "display_name": "ada-l",
        "email": "ada@example.com",
        "full_name": "Ada L",
        "id": "don:identity:dvrv-us-1:devo/0:devu/1",
        "id_v1": "don:DEV-0:dev_user:DEVU-1",
        "state": "active",
        "thumbnail": "https://example.com/display-picture/ada.svg",
        "type": "dev_user",
    }
    customer = {**user, "type": "rev_user", "external_ref": "1", "rev_org": org}
    part = {
        "display_id": "FEAT-1",
        "id": "don:core:dvrv-us-1:devo/0:feature/1",
        "id_v1": "don:DEV-0:feature:1",
        "name": "Search",
        "type": "feature",
    }
    return {
        "applies_to_parts": [part],
        "broadcast_channels": ["chat"],
        "created_by": customer,
        "created_date": "2025-02-01T21:23:49.567Z",
        "display_id": "CONV-1",
        "id": "don:core:dvrv-us-1:devo/0:conversation/1",
        "id_v1": "don:DEV-0:conversation:1",
        "members": [customer, user],
        "modified_by": {**user, "type": "sys_user"},
        "modified_date": "2025-02-02T18:07:30.309Z",
        "owned_by": [user],
        "rev_orgs": [org],
        "source_channel": "chat",
        "stage": {"name": "resolved", "ordinal": 6000},
        "state": "closed",
        "status": "closed",
        "title": "",
    }


def test_a_conversation_as_in_the_vendors_webhooks_holds_nothing_unknown(
    box: Sandbox, run: Runner
) -> None:
    conversation = webhook_conversation()
    box.devrev.load("conversations", [conversation])
    done = run().succeeded()
    assert done.records("conversations") == [conversation]
    assert not done.log("WARNING")


def test_flattened_to_the_last_level_records_follow_their_schema(box: Sandbox, run: Runner) -> None:
    """With a sentiment of any type, which no column could hold."""
    done = run(flattening_enabled=True, flattening_max_depth=10).succeeded()
    assert done.by_key("conversations").keys() == expected(box).keys()
    assert_records_follow_their_schemas(done)


def test_unknown_fields_are_counted_over_all_windows(box: Sandbox, run: Runner) -> None:
    box.fault(kind="fields", stream="conversations", every=2, value={"thumbnail": None})
    done = run(window_days=10).succeeded()
    carrying = [record for record in done.records("conversations") if "thumbnail" in record]
    assert 90 < len(carrying) < 120
    (line,) = done.log("WARNING")
    assert f"thumbnail ({len(carrying)})" in line


def test_deselected_fields_are_left_out_and_keys_stay(box: Sandbox, run: Runner) -> None:
    catalog = discovered("tap_devrev")
    for breadcrumb in (("messages",), ("account", "display_name"), ("id",), ("modified_date",)):
        deselect(catalog, "conversations", *breadcrumb)
    done = run(catalog=catalog).succeeded()
    truth = expected(box)
    for record in truth.values():
        record.pop("messages", None)
        record.get("account", {}).pop("display_name", None)
    assert done.by_key("conversations") == truth


def test_drift_that_loses_nothing_is_converted_and_other_drift_passes(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="drift", stream="conversations", path="owned_by", to=lambda owners: owners[0])
    box.fault(kind="drift", stream="conversations", path="title", to="object")
    done = run().succeeded()
    truth = expected(box)
    for record in truth.values():
        if "title" in record:
            record["title"] = {"value": record["title"]}
    assert done.by_key("conversations") == truth
    (line,) = done.log("WARNING")
    assert "'title'" in line
