"""Credentials, rate limits and what an account lacks, for the streams of Messaging."""

from __future__ import annotations

import re
import typing as t

import pytest

from sandbox import RateLimit
from tap_zendesk_chat.support_limits import told_limits
from tap_zendesk_chat.tap import TapZendeskChat
from tests.common import seconds_waited
from tests.conftest import deselect, discovered, everything, run_tap
from tests.tap_zendesk_chat.conftest import config_for
from tests.tap_zendesk_chat.messaging import (
    CONVERSATIONS,
    STREAMS,
    TAP,
    asked,
    config,
    expected,
    read,
    support,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json


def fetched(box: Sandbox) -> int:
    """How many tokens were fetched."""
    return len(support(box).issued)


# Tokens


def test_one_token_serves_the_whole_run(small_box: Sandbox) -> None:
    read(small_box, *CONVERSATIONS, "groups", "users").succeeded()
    assert fetched(small_box) == 1


def test_a_ready_token_is_used_as_it_is(small_box: Sandbox) -> None:
    ready = {
        "support_client_id": None,
        "support_client_secret": None,
        "support_access_token": support(small_box).token,
    }
    done = read(small_box, *CONVERSATIONS, **ready).succeeded()
    assert done.by_key("conversation_log") == expected(small_box, "conversation_log")
    assert fetched(small_box) == 0


@pytest.mark.parametrize("uses", [1, 5])
def test_a_token_that_the_vendor_no_longer_takes_is_renewed_anywhere(
    small_box: Sandbox, uses: int
) -> None:
    """Between the tickets of a page and their logs, and among these."""
    support(small_box).token_uses = uses
    tickets = small_box.zendesk_chat.truth("tickets")[: 6 * uses]
    small_box.zendesk_chat.load("tickets", tickets)
    known = {ticket["id"] for ticket in tickets}
    done = read(small_box, *CONVERSATIONS, page_size=7).succeeded()
    assert done.by_key("tickets").keys() == known
    events = expected(small_box, "conversation_log")
    assert done.by_key("conversation_log") == {
        key: event for key, event in events.items() if key[0] in known
    }
    sound = [it for it in small_box.requests if it.status == 200 and it.stream != "oauth"]
    assert len(sound) == len({it.path + str(it.params) for it in sound}), "nothing is read twice"
    assert fetched(small_box) >= len(sound) // uses > 1


def test_a_token_is_renewed_before_it_ends(small_box: Sandbox) -> None:
    """By the vendor's word on how long it lives, without a refusal."""
    told = {"access_token": support(small_box).token, "expires_in": 1}
    small_box.fault(kind="json", value=told, stream="oauth")
    small_box.fault(kind="stall", seconds=1.1, stream="groups", at=1)
    read(small_box, "groups").succeeded()
    streams = [request.stream for request in small_box.requests]
    assert streams[-4:] == ["oauth", "groups", "oauth", "groups"]
    assert all(request.status == 200 for request in small_box.requests)


def test_a_new_token_that_is_refused_ends_the_run(small_box: Sandbox) -> None:
    support(small_box).token_uses = 0
    complaint = read(small_box, *STREAMS).complaint()
    assert "401" in complaint
    assert "scope 'read'" in complaint
    assert fetched(small_box) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"support_client_secret": "wrong-secret-of-a-client"}, "401"),
        ({"support_client_id": "another"}, "401"),
    ],
)
def test_a_client_that_the_vendor_does_not_know_is_told_in_one_line(
    small_box: Sandbox, settings: dict[str, str], words: str
) -> None:
    complaint = read(small_box, *STREAMS, **settings).complaint()
    assert "no access token for the Support API" in complaint
    assert words in complaint
    assert "'support_client_secret'" in complaint
    assert len(small_box.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_whatever_else_refuses_a_token_is_one_line_too(small_box: Sandbox, status: int) -> None:
    kind: t.Any = "redirect" if status == 302 else "status"
    small_box.fault(kind=kind, status=status, stream="oauth")
    complaint = read(small_box, "groups").complaint()
    assert str(status) in complaint
    assert len(small_box.requests) == 1, "the secret goes nowhere else"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "retry_after": 0},
        {"kind": "reset"},
        {"kind": "html"},
        {"kind": "cut", "place": "half"},
    ],
    ids=lambda fault: str(fault["kind"]) + str(fault.get("status", "")),
)
def test_a_token_is_asked_for_again_after_a_passing_fault(
    small_box: Sandbox, fault: dict[str, Json]
) -> None:
    small_box.fault(**fault, stream="oauth", at=1)
    done = read(small_box, "groups").succeeded()
    assert done.by_key("groups") == expected(small_box, "groups")
    assert any("access token: " in line for line in done.log("WARNING"))


@pytest.mark.parametrize("value", [{}, {"access_token": ""}, {"access_token": 1}, [], "text"])
def test_an_answer_without_a_token_is_an_error(small_box: Sandbox, value: Json) -> None:
    small_box.fault(kind="json", value=value, stream="oauth")
    assert "holds none" in read(small_box, "groups").complaint()


# Settings and selection


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"support_client_secret": None}, "support_client_secret"),
        ({"support_client_id": None}, "support_client_id"),
        ({"support_api_url": None}, "subdomain"),
        ({"support_api_url": "http://example.com"}, "support_api_url"),
        ({"support_client_id": None, "support_client_secret": None}, "access_token"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    small_box: Sandbox, settings: dict[str, Json], named: str
) -> None:
    assert f"'{named}'" in read(small_box, "tickets", **settings).complaint()
    assert not small_box.requests


def test_empty_lines_of_an_env_file_are_no_credentials(small_box: Sandbox) -> None:
    empty = dict.fromkeys(
        ("support_client_id", "support_client_secret", "support_access_token"), ""
    )
    run_tap(TAP, config_for(small_box, **empty), catalog=None).succeeded()
    assert {request.vendor for request in small_box.requests} == {"zendesk_chat"}


def test_the_subdomain_is_where_both_apis_are_asked() -> None:
    tap = TapZendeskChat(
        config={
            "access_token": "token",
            "support_access_token": "other",
            "subdomain": "acme",
            "start_date": "2025-01-01",
        }
    )
    assert tap.settings.urls == {
        "api_url": "https://acme.zendesk.com/api/v2/chat",
        "support_api_url": "https://acme.zendesk.com",
    }


@pytest.mark.parametrize("settings", [{}, {"access_token": None}], ids=["chat", "messaging"])
def test_streams_without_credentials_are_refused_in_one_line(
    small_box: Sandbox, settings: dict[str, Json]
) -> None:
    if settings:
        made = config(small_box, **settings)
        missing, named = "chats", "'access_token'"
    else:
        made, missing, named = config_for(small_box), "tickets", "'support_client_id'"
    complaint = run_tap(TAP, made, catalog=everything(TAP)).complaint()
    assert "selected without credentials: " in complaint
    assert missing in complaint
    assert named in complaint
    assert not small_box.requests


def test_a_catalog_of_before_reads_chat_alone(small_box: Sandbox) -> None:
    catalog = discovered(TAP)
    for stream in STREAMS:
        deselect(catalog, stream)
    run_tap(TAP, config_for(small_box), catalog=catalog).succeeded()
    assert {request.vendor for request in small_box.requests} == {"zendesk_chat"}


def test_a_connection_test_leaves_out_what_has_no_credentials(small_box: Sandbox) -> None:
    for made, has_chat in ((config_for(small_box), True), (config(small_box), False)):
        done = run_tap(TAP, made, arguments=["--test"]).succeeded()
        report = done.stdout.decode()
        assert ("tickets: not tried" in report) is has_chat
        assert ("chats: not tried" in report) is not has_chat


# What an account lacks


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("stream", [it for it in STREAMS if it != "conversation_log"])
def test_a_stream_that_the_plan_lacks_is_skipped_with_one_warning(
    small_box: Sandbox, stream: str, status: int
) -> None:
    support(small_box).denied = {stream: status}
    others = {"groups", "users"} - {stream}
    done = read(small_box, stream, *others).succeeded()
    (warning,) = [line for line in done.log("WARNING") if "was skipped" in line]
    assert f"'{stream}' was skipped" in warning
    assert "administrator" in warning
    assert len(asked(small_box, stream)) == 1
    for other in others:
        assert done.by_key(other) == expected(small_box, other)


def test_a_role_that_may_read_no_log_is_asked_for_a_few_only(box: Sandbox) -> None:
    support(box).denied = {"conversation_log": 403}
    done = read(box, *CONVERSATIONS).succeeded()
    assert done.by_key("tickets") == expected(box, "tickets")
    assert len(asked(box, "conversation_log")) == 20
    (warning,) = [line for line in done.log("WARNING") if "these were skipped" in line]
    assert "for 115 parents (403 or 404)" in warning


def test_a_few_logs_that_are_refused_hold_nothing_back(box: Sandbox) -> None:
    box.fault(kind="status", status=403, stream="conversation_log", at=range(2, 40))
    done = read(box, *CONVERSATIONS).succeeded()
    assert len(asked(box, "conversation_log")) > 115
    assert any("for 38 parents" in line for line in done.log("WARNING"))


# Rate limits


def test_a_run_meets_no_429_and_counts_the_exports_apart(boxes: Callable[..., Sandbox]) -> None:
    """The limits of the vendor, each fifteen times as fast: ten tickets' pages in four seconds."""
    box = boxes(size=60, rate_limits=True, rate_limit_factor=15)
    done = read(box, "tickets", "users", "groups", rate_limit_share=15, page_size=5).succeeded()
    assert box.violations == 0
    assert done.by_key("tickets") == expected(box, "tickets")
    waited = seconds_waited(done)
    assert waited["tickets"] > 0
    assert waited["groups"] == 0


def test_the_logs_leave_half_of_the_account_to_other_tools(
    boxes: Callable[..., Sandbox],
) -> None:
    box = boxes(size=60, rate_limits=True, rate_limit_factor=1)
    support(box).rate_limits["account"] = RateLimit(40, 1.5)
    read(box, *CONVERSATIONS, rate_limit_share=40, messaging_only=True).succeeded()
    used = [request for request in box.requests if request.stream == "conversation_log"]
    assert box.violations == 0
    assert len(used) > 30
    for first, later in zip(used, used[25:], strict=False):
        assert later.monotonic - first.monotonic > 0.3


def test_the_logs_wait_while_other_tools_have_used_half_of_the_account(
    small_box: Sandbox,
) -> None:
    told = {"X-Rate-Limit": "400", "X-Rate-Limit-Remaining": "150", "ratelimit-reset": "1"}
    small_box.fault(kind="head", headers=told, stream="tickets")
    done = read(small_box, *CONVERSATIONS, rate_limit_share=1).succeeded()
    waited = seconds_waited(done)
    assert waited["conversation_log"] >= 0.5
    assert waited["tickets"] == 0


def test_a_429_without_any_header_is_waited_out(small_box: Sandbox) -> None:
    small_box.fault(kind="status", status=429, stream="engagements", at=2)
    done = read(small_box, "engagements", rate_limit_share=100).succeeded()
    assert done.by_key("engagements") == expected(small_box, "engagements")
    assert re.search("engagements: .*429.* trying again in", done.stderr)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-Rate-Limit": "400", "X-Rate-Limit-Remaining": "0"}, {"account": (400, 0, 60)}),
        (
            {"ratelimit-limit": "700", "RateLimit-Remaining": "6", "ratelimit-reset": "13"},
            {"account": (700, 6, 13)},
        ),
        (
            {"rate-limit-limit": "200", "rate-limit-remaining": "1", "rate-limit-reset": "2"},
            {"account": (200, 1, 2)},
        ),
        (
            {"Zendesk-RateLimit-omnilog-index": "total=100; remaining=9; resets=4"},
            {"omnilog-index": (100, 9, 4)},
        ),
        (
            {"zendesk-rate-limit-incremental-exports": "total=10; remaining=0; resets=9999"},
            {"incremental-exports": (10, 0, 900)},
        ),
        ({"X-Rate-Limit": "many", "X-Rate-Limit-Remaining": "0"}, {}),
        ({"zendesk-ratelimit-x": "no numbers"}, {}),
        ({}, {}),
    ],
)
def test_rate_limits_are_read_from_all_the_headers_that_were_seen(
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    told: dict[str, tuple[int, int, int]],
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    assert told_limits(headers) == told
