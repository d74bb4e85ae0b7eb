"""Words to a user: one line, the setting's name, exit code 1, and never the key."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import DEBUG, assert_debug_log_is_discreet
from tests.tap_deepconverse.conftest import BOTS, STREAMS, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Run

    Runner = Callable[..., Run]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"api_key": None}, "api_key"),
        ({"api_key": "a key"}, "api_key"),
        ({"bot_names": None}, "bot_names"),
        ({"bot_names": []}, "bot_names"),
        ({"bot_names": ""}, "bot_names"),
        ({"bot_names": ["r3-218210", " "]}, "bot_names"),
        ({"bot_names": [7]}, "bot_names"),
        ({"window_days": 0}, "window_days"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 1001}, "page_size"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_named(
    box: Sandbox, run: Runner, settings: dict[str, Json], named: str
) -> None:
    assert f"setting '{named}" in run(**settings).complaint()
    assert not box.requests


def test_a_key_that_is_refused_names_the_settings_and_the_plan(box: Sandbox, run: Runner) -> None:
    """Which status a wrong key gets is not documented; gateways of this kind response 403."""
    done = run(api_key="not-the-key-we-made", bot_names=[BOTS[0]])
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert len(done.log("ERROR")) == len(STREAMS)
    for line in done.log("ERROR"):
        assert "403" in line
        assert "'api_key'" in line
        assert "'bot_names'" in line
        assert "Enterprise" in line
    assert len(box.requests) == len(STREAMS)


def test_a_401_ends_the_run_at_once(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=401)
    complaint = run().complaint()
    assert "'api_key'" in complaint
    assert len(box.requests) == 1


def test_a_debug_log_shows_neither_the_key_nor_a_query(box: Sandbox, run: Runner) -> None:
    """``run_tap`` itself looks for the key."""
    box.fault(kind="status", status=400, stream="conversations", at=2)
    assert_debug_log_is_discreet(run(environment=DEBUG))


@pytest.mark.parametrize("loop", ["same", "aba"])
def test_cursors_that_lead_round_in_a_circle_end_with_an_error(
    box: Sandbox, run: Runner, loop: t.Literal["same", "aba"]
) -> None:
    box.deepconverse.paging.cursor_loop = loop
    done = run(page_size=10, window_days=90, bot_names=[BOTS[0]])
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert len(done.log("ERROR")) == len(STREAMS)
    assert all("cursor twice" in line for line in done.log("ERROR"))
    assert len(box.requests) < 12
    assert not any(state.get("replication_key_value") for state in done.states)


def test_one_bot_that_fails_does_not_stop_the_other(box: Sandbox, run: Runner) -> None:
    box.fault(
        kind="status",
        status=403,
        stream="conversations",
        where=lambda call: call.params.get("bot_name") == BOTS[0],
    )
    done = run()
    complaint = done.complaint()
    assert f"conversations of {BOTS[0]}" in complaint
    assert done.by_key("conversations") == expected(box, "conversations", [BOTS[1]])
    assert done.by_key("messages") == expected(box, "messages")
    assert not done.log("WARNING"), "a bot that failed is not one without records"


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"records": [], "cursor": None}, "records, cursor"),
        ({"message": "Too many requests"}, "message"),
        ({"data": {"items": []}, "cursor": None}, "data"),
        ({"data": [{"startTime": 1736000000}], "cursor": None}, "'_id'"),
    ],
    ids=["other key", "error", "object", "no key"],
)
def test_a_response_of_another_shape_is_an_error_and_never_no_records(
    box: Sandbox, run: Runner, response: Json, said: str
) -> None:
    box.fault(kind="json", stream="conversations", value=response)
    done = run(bot_names=[BOTS[0]])
    assert said in done.complaint()
    assert done.by_key("messages") == expected(box, "messages", [BOTS[0]])


def test_a_fault_that_does_not_pass_ends_the_bot_and_not_the_run(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=500, stream="messages")
    done = run(max_tries=2, bot_names=[BOTS[0]])
    complaint = done.complaint()
    assert "500" in complaint
    assert "max_tries" in complaint
    assert done.by_key("conversations") == expected(box, "conversations", [BOTS[0]])


def test_a_state_that_cannot_be_read_is_told(box: Sandbox, run: Runner) -> None:
    partition = {
        "context": {"bot_name": BOTS[0]},
        "replication_key": "startTime",
        "replication_key_value": "yesterday",
    }
    done = run(state={"bookmarks": {"conversations": {"partitions": [partition]}}})
    complaint = done.complaint()
    assert "state" in complaint
    assert "'yesterday'" in complaint
    assert done.by_key("messages") == expected(box, "messages")
