"""Words to a user: one line, the setting's name, exit code 1, and never the token."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import DEBUG, assert_debug_log_is_discreet, instant
from tests.tap_devrev.conftest import crowd, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run

    Runner = Callable[..., Run]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"access_token": None}, "access_token"),
        ({"window_days": 0}, "window_days"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 5001}, "page_size"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_named(
    box: Sandbox, run: Runner, settings: dict[str, Json], named: str
) -> None:
    assert f"setting '{named}'" in run(**settings).complaint()
    assert not box.requests


def test_a_token_that_is_refused_is_told_with_its_setting(box: Sandbox, run: Runner) -> None:
    complaint = run(access_token="not-the-token-we-made").complaint()  # noqa: S106
    assert "401" in complaint
    assert "'access_token'" in complaint
    assert "expired" in complaint
    assert len(box.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
def test_an_export_that_is_refused_is_told_with_what_it_needs(
    box: Sandbox, run: Runner, status: int
) -> None:
    box.fault(kind="status", status=status)
    complaint = run().complaint()
    assert str(status) in complaint
    assert "beta" in complaint
    assert "read conversations" in complaint
    assert len(box.requests) == 1


def test_less_is_asked_for_after_a_413(box: Sandbox, run: Runner) -> None:
    """413 is listed for the export without a word on what was too large."""
    box.fault(kind="status", status=413, where=lambda call: call.json["first"] > 30)
    done = run(page_size=200, window_days=30).succeeded()
    assert done.by_key("conversations") == expected(box)
    refused = [request.json["first"] for request in box.requests if request.status == 413]
    assert refused == [200, 100, 50]
    spans = [request.json["modified_date"] for request in box.requests[:4]]
    lengths = [instant(span["before"]) - instant(span["after"]) for span in spans]
    assert lengths[1] < 0.6 * lengths[0]
    assert lengths[3] < 0.6 * lengths[2]


def test_a_413_however_little_is_asked_for_is_an_error(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=413)
    complaint = run().complaint()
    assert "413 " in complaint
    assert "Too Large" in complaint
    assert 10 < len(box.requests) < 50
    assert box.requests[-1].path == "/conversations.list"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"cursor": "x"}, "keys are: cursor"),
        ({"pagination": {"next_cursor": "x"}}, "keys are: pagination.next_cursor"),
        ({"prev_cursor": "", "has_more": True}, "keys are: prev_cursor, has_more"),
        ({"next_cursor": 7}, "'next_cursor' is of type int"),
        ({"next_cursor": {"page": 2}}, "'next_cursor' is of type dict"),
        ({"next_cursor": False}, "'next_cursor' is of type bool"),
    ],
    ids=str,
)
def test_a_page_of_the_list_ends_it_only_where_the_document_says_so(
    box: Sandbox, run: Runner, end: Record, said: str
) -> None:
    records = crowd(45)
    box.devrev.load("conversations", records)
    page = {"conversations": records[:10], **end}
    box.fault(kind="json", value=page, where=lambda call: call.path == "/conversations.list")
    done = run(page_size=10)
    assert said in done.complaint()
    assert done.bookmarks["conversations"]["replication_key_value"] < "2025-02-01T12:00:00.346"


@pytest.mark.parametrize("end", [{}, {"next_cursor": None}, {"next_cursor": ""}], ids=str)
def test_a_documented_end_of_the_list_is_one_whatever_stands_beside_it(
    box: Sandbox, run: Runner, end: Record
) -> None:
    records = crowd(9)
    box.devrev.load("conversations", crowd(12))
    page = {"conversations": records, "prev_cursor": "x", **end}
    box.fault(kind="json", value=page, where=lambda call: call.path == "/conversations.list")
    run(page_size=10).succeeded()


def test_what_the_vendor_complains_of_is_quoted(box: Sandbox, run: Runner) -> None:
    body = {"type": "invalid_field", "message": "field 'x' is not supported", "field_name": "x"}
    box.fault(kind="status", status=400, value=body)
    complaint = run().complaint()
    assert "400" in complaint
    assert "field 'x' is not supported" in complaint


@pytest.mark.parametrize("loop", ["same", "aba"])
def test_cursors_of_the_list_that_lead_round_in_a_circle_end_with_an_error(
    box: Sandbox, run: Runner, loop: t.Literal["same", "aba"]
) -> None:
    box.devrev.paging.cursor_loop = loop
    box.devrev.load("conversations", crowd(45))
    done = run(page_size=10)
    assert "cursor twice" in done.complaint()
    listed = [request for request in box.requests if request.path == "/conversations.list"]
    assert 2 <= len(listed) <= 4
    assert done.bookmarks["conversations"]["replication_key_value"] < "2025-02-01T12:00:00.346"


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"works": [], "next_cursor": ""}, "works, next_cursor"),
        ({"detail": "x", "message": "y", "type": "z"}, "detail, message, type"),
        ({"conversations": {"id": "x"}}, "conversations"),
        ({"conversations": [{"display_id": "CONV-1"}]}, "'id'"),
        ([], "conversations"),
    ],
    ids=["other key", "error", "object", "no key", "list"],
)
def test_a_response_of_another_shape_is_an_error_and_never_no_records(
    box: Sandbox, run: Runner, response: Json, said: str
) -> None:
    box.fault(kind="json", value=response)
    assert said in run().complaint()


def test_a_fault_that_does_not_pass_ends_the_run(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=500, at=range(3, 99))
    done = run(max_tries=2, window_days=30)
    complaint = done.complaint()
    assert "500" in complaint
    assert "max_tries" in complaint
    assert len(done.states) >= 2


def test_a_debug_log_shows_neither_the_token_nor_a_body(box: Sandbox, run: Runner) -> None:
    """``run_tap`` itself looks for the token."""
    box.fault(kind="status", status=400, at=2)
    assert_debug_log_is_discreet(run(environment=DEBUG))


def test_a_state_that_cannot_be_read_is_told(run: Runner) -> None:
    bookmark = {"replication_key": "modified_date", "replication_key_value": "yesterday"}
    complaint = run(state={"bookmarks": {"conversations": bookmark}}).complaint()
    assert "state" in complaint
    assert "'yesterday'" in complaint
