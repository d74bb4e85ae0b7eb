"""The streams of Messaging, each read whole, and each open question of the vendor both ways."""

from __future__ import annotations

import typing as t

import pytest

from tests.conftest import open_box, run_tap
from tests.tap_zendesk_chat.conftest import MOMENT, config_for
from tests.tap_zendesk_chat.messaging import (
    CONVERSATIONS,
    MESSAGING_CHANNELS,
    STREAMS,
    TAP,
    asked,
    config,
    expected,
    iso,
    read,
    support,
    tickets_asked,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Sandbox
    from tests.conftest import Json, Run


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Sandbox, Run]]:
    """One run of all streams, without a catalog: the default selection."""
    with open_box() as box:
        yield box, run_tap(TAP, config(box), catalog=None).succeeded()


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_read_whole(whole: tuple[Sandbox, Run], stream: str) -> None:
    box, run = whole
    assert run.by_key(stream) == expected(box, stream)
    assert len(expected(box, stream)) > 5


def test_nothing_of_the_sandbox_is_unknown_but_what_nobody_has_described(
    whole: tuple[Sandbox, Run],
) -> None:
    told = [line for line in whole[1].log("WARNING") if "keeps 90 days" not in line]
    (unknown,) = told
    assert "carried under their own names: content.form (" in unknown


def test_only_conversations_of_messaging_are_asked_for_and_the_channels_are_told(
    whole: tuple[Sandbox, Run],
) -> None:
    box, run = whole
    tickets = box.zendesk_chat.truth("tickets")
    wanted = {
        ticket["id"]
        for ticket in tickets
        if ticket["via"]["channel"] in MESSAGING_CHANNELS and ticket["status"] != "deleted"
    }
    assert tickets_asked(box) == wanted
    assert {ticket["status"] for ticket in tickets} >= {"deleted", "closed"}
    line = sum(ticket["via"]["channel"] == "line" for ticket in tickets if ticket["id"] in wanted)
    (told,) = [text for text in run.log("INFO") if "conversation_log: read for tickets" in text]
    assert f"line ({line})" in told
    (left_out,) = [text for text in run.log("INFO") if "conversation_log: not read" in text]
    assert "email (25)" in left_out


def test_without_chat_credentials_only_messaging_is_selected_by_default(
    whole: tuple[Sandbox, Run],
) -> None:
    assert whole[1].schemas.keys() == set(STREAMS)


@pytest.mark.parametrize(
    ("ticket", "is_read"),
    [
        ({"from_messaging_channel": True, "via": {"channel": "new_channel"}}, True),
        ({"from_messaging_channel": False, "via": {"channel": "native_messaging"}}, False),
        ({"from_messaging_channel": None, "via": {"channel": "instagram_dm"}}, True),
        ({"from_messaging_channel": None, "via": {"channel": "sunshine_conversations_x"}}, True),
        ({"from_messaging_channel": None, "via": {"channel": "email"}}, False),
        ({"from_messaging_channel": None, "via": None}, False),
        ({"from_messaging_channel": False, "support_type": "ai_agent"}, True),
        ({"from_messaging_channel": True, "status": "deleted"}, False),
    ],
)
def test_a_conversation_is_known_by_its_ticket(
    box: Sandbox, ticket: dict[str, Json], *, is_read: bool
) -> None:
    first = box.zendesk_chat.truth("tickets")[0]
    box.zendesk_chat.load("tickets", [{**first, **ticket}])
    read(box, *CONVERSATIONS).succeeded()
    assert bool(asked(box, "conversation_log")) is is_read


def test_all_channels_can_be_asked_for(box: Sandbox) -> None:
    tickets = box.zendesk_chat.truth("tickets")[:12]
    box.zendesk_chat.load("tickets", tickets)
    read(box, *CONVERSATIONS, messaging_only=False).succeeded()
    assert tickets_asked(box) == {it["id"] for it in tickets if it["status"] != "deleted"}


def test_the_log_alone_reads_the_tickets_and_writes_only_itself(small_box: Sandbox) -> None:
    done = read(small_box, "conversation_log").succeeded()
    assert done.by_key("conversation_log") == expected(small_box, "conversation_log")
    assert "tickets" not in done.schemas


def test_every_page_of_the_export_asks_for_ai_agents_and_metrics(small_box: Sandbox) -> None:
    read(small_box, "tickets", page_size=10).succeeded()
    first, *others = asked(small_box, "tickets")
    assert first["start_time"] == "1735689599"  # a second earlier: bounds are not documented
    assert len(others) == 2
    for params in (first, *others):
        assert params["support_type_scope"] == "all"
        assert params["include"] == "metric_sets"
    assert all("start_time" not in params and params["cursor"] for params in others)


SWITCHES: list[dict[str, Json]] = [
    {"sort_is_refused": True},
    {"no_events": "null"},
    {"no_events": "absent"},
    {"has_more_is_told": False},
    {"paging.empty_pages": True},
    {"paging.short_pages": 40},
    {"empty_pages": True},
    {"largest_window_page": 50},
    {"token_lifetime": None},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_whatever_the_documents_leave_open_everything_is_read(
    small_box: Sandbox, switches: dict[str, Json]
) -> None:
    for name, value in switches.items():
        *place, last = name.split(".")
        setattr(getattr(support(small_box), place[0]) if place else support(small_box), last, value)
    # Lists without has_more end at a page that holds fewer than were asked for.
    done = read(small_box, *STREAMS, page_size=10).succeeded()
    for stream in STREAMS:
        assert done.by_key(stream) == expected(small_box, stream)


def test_a_refused_sort_or_page_size_is_tried_once_in_a_run(small_box: Sandbox) -> None:
    support(small_box).sort_is_refused = True
    support(small_box).largest_window_page = 50
    read(small_box, *CONVERSATIONS, "queue_events").succeeded()
    assert sum("sort" in params for params in asked(small_box, "conversation_log")) == 1
    assert sum("page_size" in params for params in asked(small_box, "queue_events")) >= 1
    first, *others = asked(small_box, "queue_events")
    assert first["page_size"] == "100"
    assert not [params for params in others if params.get("page_size") == "100"]


@pytest.mark.parametrize("archived", ["empty", "404"])
def test_logs_of_archived_tickets_may_be_gone(small_box: Sandbox, archived: t.Any) -> None:
    support(small_box).archived_logs = archived
    done = read(small_box, *CONVERSATIONS).succeeded()
    closed = {
        ticket["id"]
        for ticket in small_box.zendesk_chat.truth("tickets")
        if ticket["status"] == "closed"
    }
    assert done.by_key("conversation_log") == {
        key: event
        for key, event in expected(small_box, "conversation_log").items()
        if key[0] not in closed
    }
    told = [line for line in done.log("WARNING") if "these were skipped" in line]
    assert len(told) == (archived == "404")


def test_no_url_of_a_response_is_followed(box: Sandbox) -> None:
    """They lead to another host; the last page of a log has one too."""
    done = read(box, "conversation_log", "engagements", "groups").succeeded()
    assert done.by_key("engagements") == expected(box, "engagements")
    assert len(asked(box, "groups")) == 2
    assert [len(asked(box, "engagements")), "next_page_url" in done.stderr] == [13, False]


@pytest.mark.parametrize("largest", [None, 50])
def test_a_window_in_many_pages_is_read_whole(small_box: Sandbox, largest: int | None) -> None:
    """Refused at 100, the pages come in the vendor's own size: 10."""
    support(small_box).largest_window_page = largest
    small_box.zendesk_chat.put(
        "engagements", *small_box.zendesk_chat.make("engagements", 250, MOMENT)
    )
    done = read(small_box, "engagements").succeeded()
    assert done.by_key("engagements") == expected(small_box, "engagements")
    windows = 13
    assert len(asked(small_box, "engagements")) in range(windows + 2, windows + 30)


@pytest.mark.parametrize(
    ("stream", "body", "words"),
    [
        ("tickets", {"tickets": [], "after_cursor": "x"}, "'end_of_stream' is null"),
        ("tickets", {"tickets": [], "end_of_stream": False}, "no 'after_cursor'"),
        ("tickets", {"tickets": [], "end_of_stream": "false"}, "'end_of_stream'"),
        ("groups", {"groups": [], "meta": {"has_more": True}}, "no 'meta.after_cursor', and"),
        ("groups", {"groups": [], "meta": {"has_more": "yes"}}, "no 'meta.after_cursor', and"),
        ("groups", {"meta": {"has_more": False}}, "no key 'groups'"),
        ("groups", {"groups": [], "error": "odd"}, "tells of an error"),
        ("engagements", {"agent_engagement_data": [], "has_more": True}, "no 'next_page_url', and"),
        ("engagements", {"data": []}, "no key 'agent_engagement_data'"),
    ],
)
def test_an_answer_that_does_not_say_how_it_goes_on_is_an_error(
    box: Sandbox, stream: str, body: Json, words: str
) -> None:
    box.fault(kind="json", value=body, stream=stream)
    assert words in read(box, stream).complaint()


def test_a_run_without_any_message_in_its_logs_warns(small_box: Sandbox) -> None:
    small_box.zendesk_chat.load("conversation_log", [])
    done = read(small_box, *CONVERSATIONS).succeeded()
    assert any("the log of every ticket was empty" in line for line in done.log("WARNING"))


def test_what_the_vendor_keeps_no_longer_is_not_asked_for(small_box: Sandbox) -> None:
    done = read(small_box, "queue_events", start_date="2019-01-01").succeeded()
    assert len([line for line in done.log("WARNING") if "the vendor keeps 90 days" in line]) == 1
    first = asked(small_box, "queue_events")[0]
    assert iso(int(first["start_time"])) == "2025-01-09T23:59:59Z"
    assert len(asked(small_box, "queue_events")) == 90


def test_chats_and_conversations_come_in_one_run_and_join(small_box: Sandbox) -> None:
    settings = {
        "support_access_token": support(small_box).token,
        "access_token": small_box.zendesk_chat.token,
    }
    done = run_tap(TAP, config_for(small_box, **settings), catalog=None).succeeded()
    assert {"chats", "tickets", "conversation_log"} <= done.schemas.keys()
    tickets = done.by_key("tickets")
    joined = [it for it in done.records("chats") if it["zendesk_ticket_id"] in tickets]
    assert len(joined) > 5
