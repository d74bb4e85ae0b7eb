"""The tables beside the exports, and the events that are made from the chats."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import ordered
from tests.conftest import run_tap, selecting
from tests.tap_zendesk_chat.conftest import config_for

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox import Sandbox
    from tests.conftest import Record, Run


def read(box: Sandbox, *streams: str, state: t.Any = None, **settings: t.Any) -> Run:
    """Run the tap for some streams only."""
    catalog = selecting("tap_zendesk_chat", lambda entry: entry["stream"] in streams)
    return run_tap("tap_zendesk_chat", config_for(box, **settings), state=state, catalog=catalog)


def events(chats: Iterable[Record]) -> list[Record]:
    """The events of chats, as the history of each has them."""
    return ordered(
        {"chat_id": chat["id"], "position": position, **event}
        for chat in chats
        for position, event in enumerate(chat.get("history") or [])
    )


@pytest.mark.parametrize("stream", ["agents", "departments"])
def test_a_table_is_read_whole(box: Sandbox, stream: str) -> None:
    done = read(box, stream).succeeded()
    assert ordered(done.records(stream)) == ordered(box.zendesk_chat.truth(stream))
    assert not done.bookmarks.get(stream)


def test_agents_come_in_pages_by_id_until_one_is_empty(box: Sandbox) -> None:
    read(box, "agents").succeeded()
    asked = [int(request.params["since_id"]) for request in box.requests]
    ids = sorted(agent["id"] for agent in box.zendesk_chat.truth("agents"))
    assert asked == [0, ids[99] + 1, ids[199] + 1, ids[-1] + 1]


@pytest.mark.parametrize("streams", [("chats", "chat_history"), ("chat_history",)])
def test_the_history_of_each_chat_becomes_records_without_a_request(
    box: Sandbox, streams: tuple[str, ...]
) -> None:
    done = read(box, *streams).succeeded()
    truth = box.zendesk_chat.truth("chats")
    assert len(events(truth)) > len(truth)
    assert ordered(done.records("chat_history")) == events(truth)
    assert len(done.records("chats")) == (len(truth) if "chats" in streams else 0)
    assert {request.stream for request in box.requests} == {"chats"}


def test_every_page_has_its_events_before_its_state(box: Sandbox) -> None:
    done = read(box, "chats", "chat_history", page_size=20).succeeded()
    chats: set[str] = set()
    told: set[str] = set()
    for message in done.messages:
        if message["type"] == "RECORD" and message["stream"] == "chats":
            chats.add(message["record"]["id"])
        elif message["type"] == "RECORD":
            told.add(message["record"]["chat_id"])
        elif message["type"] == "STATE":
            with_history = {
                chat["id"] for chat in box.zendesk_chat.truth("chats") if chat.get("history")
            }
            assert chats & with_history == told


def test_a_part_keeps_what_it_says_itself_and_odd_lists_are_told(box: Sandbox) -> None:
    """A field of the vendor wins over one that is added; what is no object is no record."""
    chat = box.zendesk_chat.truth("chats")[0]
    own = {"type": "chat.msg", "chat_id": "its own", "msg": 'a "chat_id" in a text: 12.50'}
    chats = [
        {**chat, "id": "1", "history": [own, {}, {"type": "x", "n": 1.1000000000000000001}]},
        {**chat, "id": "2", "history": ["text", {"type": "y"}]},
        {**chat, "id": "3", "history": {"type": "z"}},
        {**chat, "id": "4", "history": None},
        {key: value for key, value in chat.items() if key != "history"} | {"id": "5"},
    ]
    box.zendesk_chat.load("chats", chats)
    done = read(box, "chats", "chat_history").succeeded()
    assert ordered(done.records("chat_history")) == ordered(
        [
            {**own, "position": 0},
            {"chat_id": "1", "position": 1},
            {"chat_id": "1", "position": 2, "type": "x", "n": 1.1},
            {"chat_id": "2", "position": 1, "type": "y"},
        ]
    )
    assert len(done.records("chats")) == len(chats)
    assert any("'history' holds a value of type" in line for line in done.log("WARNING"))


def test_the_version_of_a_stream_made_from_changed_chats_is_never_activated(box: Sandbox) -> None:
    """The events of chats that did not change would be removed by the target."""
    settings = {"emit_activate_version_messages": True}
    done = read(box, "chats", "chat_history", "departments", **settings).succeeded()
    activated = [
        message["stream"] for message in done.messages if message["type"] == "ACTIVATE_VERSION"
    ]
    assert activated == ["departments"]


def test_stream_maps_apply_to_parts(box: Sandbox) -> None:
    maps = {"chat_history": {"msg": "__NULL__", "__filter__": "record.get('type') == 'chat.msg'"}}
    done = read(box, "chats", "chat_history", stream_maps=maps).succeeded()
    expected = [
        {key: value for key, value in event.items() if key != "msg"}
        for event in events(box.zendesk_chat.truth("chats"))
        if event["type"] == "chat.msg"
    ]
    assert ordered(done.records("chat_history")) == ordered(expected)
