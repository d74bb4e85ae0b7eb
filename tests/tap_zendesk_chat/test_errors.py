"""Words to a user: one line, the setting's name, exit code 1, and never the token."""

from __future__ import annotations

import typing as t

import pytest

from support_taps.errors import SettingsError
from tap_zendesk_chat.tap import TapZendeskChat
from tests.common import DEBUG, assert_debug_log_is_discreet
from tests.tap_zendesk_chat.conftest import KEYS, PART_KEYS, TABLE_KEYS, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Run

    Runner = Callable[..., Run]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"access_token": None}, "access_token"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 1001}, "page_size"),
        ({"api_url": None}, "subdomain"),
        ({"api_url": None, "subdomain": "acme.zendesk.com"}, "subdomain"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_setting_that_cannot_be_used_is_named(
    box: Sandbox, run: Runner, settings: dict[str, Json], named: str
) -> None:
    assert f"'{named}'" in run(**settings).complaint()
    assert not box.requests


def api_url(**settings: Json) -> str:
    config = {"access_token": "token", "start_date": "2025-01-01", **settings}
    return TapZendeskChat(config=config, parse_env_config=False).settings.urls["api_url"]


@pytest.mark.parametrize(
    "subdomain", ["", "https://acme", "acme/x", "evil.example#", "acme\n", "-acme", "a b", "@", "ø"]
)
def test_nothing_but_a_host_label_passes_as_a_subdomain(subdomain: str) -> None:
    """The token goes to the host that is made of it."""
    with pytest.raises(SettingsError, match="'subdomain'"):
        api_url(subdomain=subdomain)


def test_the_subdomain_is_where_the_vendor_is_asked() -> None:
    assert api_url(subdomain="acme-2") == "https://acme-2.zendesk.com/api/v2/chat"


def test_the_api_url_wins_over_the_subdomain() -> None:
    url = "https://proxy.example.com/chat"
    assert api_url(subdomain="acme", api_url=f"{url}/") == url


def test_discovery_needs_no_settings_at_all() -> None:
    names = {stream.name for stream in TapZendeskChat(validate_config=False).discover_streams()}
    assert {*KEYS, *TABLE_KEYS, *PART_KEYS, "tickets"} <= names


@pytest.mark.parametrize("kind", ["support", "unknown"])
def test_a_token_of_another_api_is_refused_with_the_reason(
    box: Sandbox, run: Runner, kind: str
) -> None:
    token = box.zendesk_chat.support_token if kind == "support" else "not-the-token-we-made"
    complaint = run(access_token=token).complaint()
    assert "401" in complaint
    assert "'access_token'" in complaint
    assert "Chat API client" in complaint
    assert "Support" in complaint
    assert len(box.requests) == 1, "no other stream can succeed either"


@pytest.mark.parametrize("status", [403, 404])
def test_a_stream_that_the_plan_or_role_lacks_does_not_hold_the_others_back(
    box: Sandbox, run: Runner, status: int
) -> None:
    box.zendesk_chat.denied = {"agent_timeline": status}
    done = run().succeeded()
    (warning,) = done.log("WARNING")
    assert "'agent_timeline' was skipped" in warning
    assert str(status) in warning
    assert "plan" in warning
    assert "administrator" in warning
    for stream in KEYS.keys() - {"agent_timeline"}:
        assert done.by_key(stream) == expected(box, stream)
    assert "replication_key_value" not in done.bookmarks.get("agent_timeline", {})
    assert len([r for r in box.requests if r.stream == "agent_timeline"]) == 1


@pytest.mark.parametrize("state", ["before", "in this run"])
def test_a_stream_that_was_read_before_and_is_refused_now_is_an_error(
    box: Sandbox, run: Runner, state: str
) -> None:
    earlier = run(end_date="2025-02-01").succeeded().states[-1] if state == "before" else None
    if earlier:
        box.zendesk_chat.denied = {"chats": 403}
    else:
        box.fault(kind="status", status=403, stream="chats", at=2)
    done = run(state=earlier, page_size=20)
    assert "stream 'chats' failed" in done.complaint()
    assert done.bookmarks["conversions"]["replication_key_value"]


def test_a_run_that_finds_no_stream_at_all_is_an_error(box: Sandbox, run: Runner) -> None:
    """That is a wrong address or token rather than a plan that lacks something."""
    box.zendesk_chat.denied = dict.fromkeys(box.zendesk_chat.streams, 404)
    done = run()
    assert done.exit_code == 1
    assert len(done.log("ERROR")) == len(KEYS)


def test_a_debug_log_shows_neither_the_token_nor_a_query(box: Sandbox, run: Runner) -> None:
    """``run_tap`` itself looks for the token."""
    box.fault(kind="reset", stream="chats", at=1)
    box.fault(kind="status", status=400, stream="chats", at=2)
    assert_debug_log_is_discreet(run(environment=DEBUG))
    refused = run(environment=DEBUG, access_token=box.zendesk_chat.support_token)
    assert_debug_log_is_discreet(refused)


CHAT = {"id": "a", "update_timestamp": "2025-02-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"chat": [], "count": 0}, "chat, count"),
        ({"chats": [CHAT], "count": 1}, "end_time"),
        ({"chats": [CHAT], "count": 1, "end_time": "soon"}, "end_time"),
    ],
    ids=["other key", "no cursor", "text"],
)
def test_a_response_of_another_shape_is_an_error_and_never_no_records(
    box: Sandbox, run: Runner, response: Json, said: str
) -> None:
    box.fault(kind="json", stream="chats", value=response)
    done = run()
    complaint = done.complaint()
    assert "'chats'" in complaint
    assert said in complaint
    assert done.by_key("conversions") == expected(box, "conversions")


def test_cursors_that_lead_round_in_a_circle_end_the_stream_with_an_error(
    box: Sandbox, run: Runner
) -> None:
    for number, end_id in enumerate("abab", 1):
        value = {"chats": [CHAT], "count": 1, "end_time": 1736000000, "end_id": end_id}
        box.fault(kind="json", stream="chats", at=number, value=value)
    complaint = run().complaint()
    assert "twice" in complaint
    assert len([request for request in box.requests if request.stream == "chats"]) == 3


def test_a_fault_that_does_not_pass_ends_the_stream_and_not_the_run(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="status", status=502, stream="chats")
    done = run(max_tries=2)
    complaint = done.complaint()
    assert "502" in complaint
    assert "max_tries" in complaint
    assert len([request for request in box.requests if request.stream == "chats"]) == 2
    assert done.by_key("conversions") == expected(box, "conversions")


@pytest.mark.parametrize(
    ("bookmark", "said"),
    [
        ({"replication_key_value": "yesterday"}, "yesterday"),
        ({"cursor": {"end_time": "x", "end_id": None}}, "cursor"),
        ({"cursor": {"end_time": 1738411200, "end_id": 7}}, "cursor"),
        ({"cursor": [1]}, "cursor"),
    ],
    ids=str,
)
def test_a_state_that_cannot_be_read_is_told(
    run: Runner, bookmark: dict[str, Json], said: str
) -> None:
    told = {
        "replication_key": "update_timestamp",
        "replication_key_value": "2025-02-01T12:00:00.000Z",
        **bookmark,
    }
    complaint = run(state={"bookmarks": {"chats": told}}).complaint()
    assert "state" in complaint
    assert "'chats'" in complaint
    assert said in complaint
