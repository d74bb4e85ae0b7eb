"""Zendesk Chat's rules, from the vendor's page on the incremental export API."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from sandbox.zendesk_chat import span_end

if TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.sandbox.conftest import Client

STREAMS = ("chats", "agent_timeline", "conversions", "department_events", "agent_events")


def follow(ask: Client, stream: str, limit: int) -> list[dict[str, Any]]:
    """Follow next_page until a page is empty or leads to itself."""
    params = {"limit": str(limit), "fields": f"{stream}(*)"}
    found: list[dict[str, Any]] = []
    while True:
        page = ask.zendesk_chat(stream, **params).json()
        assert page["count"] == len(page[stream])
        following = dict(parse_qsl(urlsplit(page["next_page"]).query))
        found += page[stream]
        if not page[stream] or following == params:
            return found
        params = following


def distinct(records: list[dict[str, Any]]) -> set[str]:
    return {str(sorted(record.items(), key=str)) for record in records}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("limit", [7, 1000])
def test_next_page_leads_through_everything(
    box: Sandbox, ask: Client, stream: str, limit: int
) -> None:
    found = follow(ask, stream, limit)
    assert distinct(found) == distinct(box.zendesk_chat.truth(stream))


def test_the_cursor_of_the_documented_timeline() -> None:
    """The page's sample: its last span and its end_time."""
    span = {"start_time": "2018-04-29T11:02:33.286461Z", "duration": 10654.117251}
    assert span_end(span) == 1525010407403712
    assert span_end({**span, "duration": 0}) == 1524999753286461


def test_envelope_keys(ask: Client) -> None:
    chats = ask.zendesk_chat("chats", limit=2, fields="chats(*)").json()
    spans = ask.zendesk_chat("agent_timeline", limit=2).json()
    assert set(chats) == {"chats", "count", "end_id", "end_time", "next_page"}
    assert chats["end_id"] == chats["chats"][-1]["id"]
    assert "fields=chats%28%2A%29&limit=2&start_time=" in chats["next_page"]
    assert set(spans) == {"agent_timeline", "count", "end_time", "next_page"}
    assert spans["end_time"] == span_end(spans["agent_timeline"][-1])


def test_an_empty_page_has_a_next_page_too(ask: Client) -> None:
    page = ask.zendesk_chat("chats", start_time=1900000000 - 10**9).json()
    last = ask.zendesk_chat("chats", start_time=page["end_time"], start_id=page["end_id"]).json()
    assert (last["chats"], last["count"], last["end_time"]) == ([], 0, page["end_time"])
    assert last["next_page"] == page["next_page"]


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        (None, {"id"}),
        ("chats(*)", None),
        ("chats(id,comment,rating)", {"id", "comment", "rating"}),
        ("conversions(*)", {"id"}),
    ],
)
def test_resource_expansion(ask: Client, fields: str | None, keys: set[str] | None) -> None:
    chat = ask.zendesk_chat("chats", limit=1, fields=fields).json()["chats"][0]
    assert set(chat) == keys if keys else len(chat) > 30
    nested = ask.zendesk_chat("chats", limit=1, fields="chats(response_time.max)").json()
    assert list(nested["chats"][0]["response_time"]) == ["max"]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 1001},
        {"limit": 0},
        {"start_time": "2025-01-01"},
        {"start_time": 1735689600.0},
        {"start_time": 1735689600000000},
        {"cursor": "x"},
        {"fields": "chats"},
    ],
)
def test_refuses_bad_parameters(ask: Client, params: dict[str, object]) -> None:
    assert ask.zendesk_chat("chats", **params).status_code == 400


def test_start_time_must_be_five_minutes_old(ask: Client) -> None:
    now = int(time.time())
    for stream, unit in (("chats", 1), ("agent_timeline", 1_000_000)):
        statuses = [
            ask.zendesk_chat(stream, start_time=(now - age) * unit).status_code
            for age in (360, 240, 0, -86_400)
        ]
        assert statuses == [200, 400, 400, 400]


def test_more_chats_in_a_second_than_a_page_holds(box: Sandbox, ask: Client) -> None:
    when = datetime(2025, 2, 1, tzinfo=timezone.utc)
    chats = box.zendesk_chat.make("chats", 25, when)
    assert len({chat["id"] for chat in chats}) == 25
    assert {chat["update_timestamp"] for chat in chats} == {"2025-02-01T00:00:00Z"}
    box.zendesk_chat.load("chats", chats)
    assert distinct(follow(ask, "chats", 10)) == distinct(chats)
    by_time = ask.zendesk_chat("chats", limit=10, start_time=1738368000).json()
    assert by_time["end_time"] == 1738368000


def test_readings_of_what_the_page_leaves_open(box: Sandbox, ask: Client) -> None:
    chat = box.zendesk_chat
    chat.chats_end_time = "start"
    chat.short_pages = 3
    chat.timeline_start = "exclusive"
    chat.department_events_end_id = False
    assert distinct(follow(ask, "chats", 50)) == distinct(chat.truth("chats"))
    page = ask.zendesk_chat("chats", limit=50, fields="chats(*)").json()
    assert page["count"] == 3
    started = datetime.fromisoformat(page["chats"][-1]["timestamp"].replace("Z", "+00:00"))
    assert page["end_time"] == started.timestamp()
    assert len(follow(ask, "agent_timeline", 50)) == len(chat.truth("agent_timeline"))
    assert "end_id" not in ask.zendesk_chat("department_events").json()


def test_agent_events_have_no_id_beside_their_time_and_it_may_have_a_fraction(
    box: Sandbox, ask: Client
) -> None:
    page = ask.zendesk_chat("agent_events", limit=3).json()
    assert set(page) == {"agent_events", "count", "end_time", "next_page"}
    assert isinstance(page["end_time"], int)
    box.zendesk_chat.agent_events_fraction = True
    exact = ask.zendesk_chat("agent_events", limit=3).json()["end_time"]
    last = datetime.fromisoformat(page["agent_events"][-1]["timestamp"].replace("Z", "+00:00"))
    assert exact == pytest.approx(last.timestamp(), abs=1e-6)
    assert int(exact) == page["end_time"]


def test_tables_are_arrays_or_one_object(box: Sandbox, ask: Client) -> None:
    assert ask.zendesk_chat("shortcuts").json() == sorted(
        box.zendesk_chat.truth("shortcuts"), key=lambda shortcut: str(shortcut["name"])
    )
    assert [ask.zendesk_chat("account").json()] == box.zendesk_chat.truth("account")
    settings = ask.zendesk_chat("routing_settings").json()
    assert settings == {"data": box.zendesk_chat.truth("routing_settings")[0]}


def test_bans_come_by_kind_in_pages_by_id(box: Sandbox, ask: Client) -> None:
    """Ten by default, and a thousand at the most; the two kinds lack fields of each other."""
    truth = {ban["id"]: ban for ban in box.zendesk_chat.truth("bans")}
    page = ask.zendesk_chat("bans").json()
    assert list(page) == ["visitor", "ip_address"]
    found = page["visitor"] + page["ip_address"]
    assert {ban["id"] for ban in found} == set(sorted(truth)[:10])
    assert all("ip_address" not in ban for ban in page["visitor"])
    assert all("visitor_id" not in ban for ban in page["ip_address"])
    rest = ask.zendesk_chat("bans", since_id=sorted(truth)[10], limit=1000).json()
    found += rest["visitor"] + rest["ip_address"]
    assert {ban["id"]: ban for ban in found} == truth
    assert ask.zendesk_chat("bans", limit=1001).status_code == 400
    box.zendesk_chat.bans_limit = "each"
    page = ask.zendesk_chat("bans").json()
    assert [len(page[kind]) for kind in page] == [10, 10]


def test_foreign_hosts_and_denied_endpoints(box: Sandbox, ask: Client) -> None:
    box.zendesk_chat.next_page_host = "https://www.zopim.com"
    box.zendesk_chat.denied = {"conversions": 403, "department_events": 404}
    assert ask.zendesk_chat().json()["next_page"].startswith("https://www.zopim.com/api/v2/chat/")
    assert ask.zendesk_chat("conversions").status_code == 403
    assert ask.zendesk_chat("department_events").status_code == 404


def test_the_path_begins_as_documented(box: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {box.zendesk_chat.token}"}
    url = f"{box.url}/zendesk_chat/incremental/chats"
    assert requests.get(url, headers=headers, timeout=60).status_code == 404


def test_a_support_token_is_refused(box: Sandbox, ask: Client) -> None:
    headers = {"Authorization": f"Bearer {box.zendesk_chat.support_token}"}
    assert ask.get("zendesk_chat", "chats", headers, {}).status_code == 401


def test_an_empty_page_can_move_its_cursor_to_just_before_the_next_item(
    box: Sandbox, ask: Client
) -> None:
    """As "If count is less than limit, more items are available" has it, to the letter."""
    box.zendesk_chat.empty_pages = True
    first = ask.zendesk_chat("chats", limit=3, start_time=1704067200).json()
    assert (first["chats"], first["count"], first["end_id"]) == ([], 0, "")
    then = ask.zendesk_chat("chats", limit=3, start_time=first["end_time"]).json()
    assert then["count"] == 3
    assert then["end_time"] > first["end_time"] > 1704067200
    assert f"start_time={first['end_time']}" in first["next_page"]


@pytest.mark.parametrize(
    ("unit", "digits"), [("milliseconds", 13), ("microseconds", 16), ("nanoseconds", 19)]
)
def test_end_time_can_count_in_another_unit(
    box: Sandbox, ask: Client, unit: str, digits: int
) -> None:
    truth = ask.zendesk_chat("chats", limit=3).json()
    box.zendesk_chat.end_time_unit = unit
    page = ask.zendesk_chat("chats", limit=3).json()
    assert page["end_time"] == truth["end_time"] * 10 ** (digits - 10)
    assert page["next_page"] == truth["next_page"]
