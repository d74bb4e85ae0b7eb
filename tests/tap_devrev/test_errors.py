"""Words to a user: one line, the setting's name, exit code 1, and never the token."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import DEBUG, assert_debug_log_is_discreet
from tests.tap_devrev.conftest import crowd

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Run

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


def test_a_response_that_grew_too_large_is_told_and_not_asked_for_again(
    box: Sandbox, run: Runner
) -> None:
    """413 is listed for the export without a word on what was too large."""
    box.fault(kind="status", status=413)
    complaint = run().complaint()
    assert "413 " in complaint
    assert "Too Large" in complaint
    assert len(box.requests) == 1


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
