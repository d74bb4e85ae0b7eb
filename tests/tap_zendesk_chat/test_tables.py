"""The tables beside the exports, and those that are made from the chats."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import ordered
from tests.conftest import by_key, run_tap, selecting
from tests.tap_zendesk_chat.conftest import PART_KEYS, TABLE_KEYS, config_for

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox import Sandbox
    from tests.conftest import Record, Run


def read(box: Sandbox, *streams: str, state: t.Any = None, **settings: t.Any) -> Run:
    """Run the tap for some streams only."""
    catalog = selecting("tap_zendesk_chat", lambda entry: entry["stream"] in streams)
    return run_tap("tap_zendesk_chat", config_for(box, **settings), state=state, catalog=catalog)


LISTS = {
    "chat_engagements": "engagements",
    "chat_history": "history",
    "chat_webpath": "webpath",
}


def parts(chats: Iterable[Record], stream: str) -> list[Record]:
    """The records of a table that is made from chats, which come without those of other forms."""
    found: list[Record] = []
    for chat in chats:
        if stream == "chat_visitors":
            found.append({"chat_id": chat["id"], **chat["visitor"]})
            continue
        for position, part in enumerate(chat.get(LISTS[stream]) or []):
            place = {"position": position} if "position" in PART_KEYS[stream] else {}
            if isinstance(part, dict):
                found.append({"chat_id": chat["id"], **place, **part})
    return ordered(found)


def events(chats: Iterable[Record]) -> list[Record]:
    """The events of chats, as the history of each has them."""
    return parts(chats, "chat_history")


def test_tables_are_read_whole(box: Sandbox) -> None:
    done = read(box, *TABLE_KEYS).succeeded()
    for stream in TABLE_KEYS:
        added = {"level": "account"} if stream == "routing_settings" else {}
        truth = [{**record, **added} for record in box.zendesk_chat.truth(stream)]
        assert ordered(done.records(stream)) == ordered(truth), stream
    assert done.bookmarks == {stream: {"was_read": True} for stream in TABLE_KEYS}
    assert not done.log("WARNING")


@pytest.mark.parametrize("stream", ["agents", "bans"])
def test_records_come_in_pages_by_id_until_one_is_empty(box: Sandbox, stream: str) -> None:
    read(box, stream).succeeded()
    asked = [int(request.params["since_id"]) for request in box.requests]
    ids = sorted(record["id"] for record in box.zendesk_chat.truth(stream))
    assert asked == [0, ids[99] + 1, ids[199] + 1, ids[-1] + 1]


@pytest.mark.parametrize("limit", ["together", "each"])
def test_no_ban_is_lost_whether_its_kind_is_limited_by_itself_or_not(
    box: Sandbox, limit: t.Any
) -> None:
    """After the largest id of a page with both kinds, all but its first visitors would be lost."""
    visitors = [{"id": 1 + number, "type": "visitor"} for number in range(250)]
    addresses = [{"id": 1001 + number, "type": "ip_address"} for number in range(150)]
    box.zendesk_chat.load("bans", visitors + addresses)
    box.zendesk_chat.bans_limit = limit
    done = read(box, "bans").succeeded()
    assert done.by_key("bans") == by_key(visitors + addresses, ["id"])
    assert len(box.requests) == 5


def test_flags_and_ids_of_other_types_than_documented_are_read(box: Sandbox) -> None:
    """The documents have 1 for an `enabled` that is true in live data; ids may become text."""
    ban = {"id": "7", "type": "I", "created_at": None}
    box.fault(kind="json", stream="bans", at=1, value={"visitor": [], "ip_address": [ban]})
    box.fault(kind="json", stream="skills", value=[{"id": 1, "enabled": 1}])
    done = read(box, "bans", "skills").succeeded()
    assert done.records("bans")[0] == {**ban, "id": 7}
    assert box.requests[1].params["since_id"] == "8"
    assert done.records("skills")[0]["enabled"] is True


@pytest.mark.parametrize(
    ("stream", "response", "said"),
    [
        ("account", [], "should be an object, and is an array"),
        ("account", {"error": "timed out"}, "a record has no 'account_key'"),
        ("bans", [], "should be an object with the key 'visitor'"),
        ("bans", {"visitor": []}, "no key 'ip_address'"),
        ("bans", {"visitor": [{"id": "x"}], "ip_address": []}, "no 'id' that is a number"),
        ("goals", {"goals": []}, "should be an array, and is an object; its keys are: goals"),
        ("routing_settings", {"routing_mode": "assigned"}, "no key 'data'"),
        ("shortcuts", [{"id": "hello"}], "a record has no 'name'"),
    ],
)
def test_a_table_of_another_shape_is_an_error(
    box: Sandbox, stream: str, response: t.Any, said: str
) -> None:
    box.fault(kind="json", stream=stream, value=response)
    done = read(box, stream)
    assert said in done.complaint()


@pytest.mark.parametrize("status", [403, 404])
def test_what_an_account_has_not_is_skipped_and_told(box: Sandbox, status: int) -> None:
    """Agent events are in limited availability; an account of Zendesk Support is not shown."""
    box.zendesk_chat.denied = {"agent_events": status, "account": status}
    done = read(box, "account", "agent_events", "goals").succeeded()
    assert len(done.records("goals")) == 5
    assert not done.records("account") + done.records("agent_events")
    warnings = done.log("WARNING")
    assert [line for line in warnings if "stream 'account' was skipped" in line]
    assert [line for line in warnings if "stream 'agent_events' was skipped" in line]


@pytest.mark.parametrize("others", [("chats",), ()])
def test_parts_of_each_chat_become_records_without_a_request(
    box: Sandbox, others: tuple[str, ...]
) -> None:
    done = read(box, *PART_KEYS, *others).succeeded()
    truth = box.zendesk_chat.truth("chats")
    for stream in PART_KEYS:
        expected = parts(truth, stream)
        assert len(expected) > len(truth) / 2
        assert ordered(done.records(stream)) == expected, stream
        assert len(done.by_key(stream)) == len(expected)
    assert len(done.records("chats")) == (len(truth) if others else 0)
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
    lines = [line for line in done.lines if b'"stream":"chat_history","record"' in line]
    assert {line.count(b'"chat_id":') for line in lines} == {1}
    assert len(done.records("chats")) == len(chats)
    assert any("'history' holds a value of type" in line for line in done.log("WARNING"))


def test_a_visitor_is_one_object_and_what_is_none_is_told(box: Sandbox) -> None:
    chat = box.zendesk_chat.truth("chats")[0]
    visitors = [{"id": "1.a", "name": "Joel"}, {}, None, "Joel", [{"id": "1.b"}]]
    chats = [{**chat, "id": str(at), "visitor": each} for at, each in enumerate(visitors)]
    chats.append({key: value for key, value in chat.items() if key != "visitor"} | {"id": "none"})
    box.zendesk_chat.load("chats", chats)
    done = read(box, "chats", "chat_visitors").succeeded()
    assert done.by_key("chat_visitors") == {
        "0": {"chat_id": "0", "id": "1.a", "name": "Joel"},
        "1": {"chat_id": "1"},
    }
    assert len(done.records("chats")) == len(chats)
    (warning,) = [line for line in done.log("WARNING") if "'visitor' holds" in line]
    assert "type str where an object is documented" in warning


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
