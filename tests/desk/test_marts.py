"""The marts are what the sandbox sent, whichever vendors are loaded."""

from __future__ import annotations

import collections
import typing as t

import pytest

from tests.desk.conftest import CHUNK_TOKENS, TWO, VENDORS, Desk, ask
from tests.desk.truth import Conversation, conversations_of, moment

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.targets.postgres import Database

LOADED = [("four", vendor) for vendor in VENDORS] + [("two", vendor) for vendor in TWO]
every_load = pytest.mark.parametrize(("load", "vendor"), LOADED)


Desks = dict[str, Desk]
Expected = dict[tuple[str, str], dict[str, Conversation]]


@pytest.fixture(scope="module")
def expected(filled: Sandbox) -> Expected:
    return {
        (load, vendor): conversations_of(filled, vendor, whole_threads=load == "four")
        for load, vendor in LOADED
    }


@pytest.mark.parametrize("load", ["four", "two", "none"])
def test_vendors_that_are_not_loaded_are_nowhere(desks: Desks, load: str) -> None:
    desk = desks[load]
    for mart, rows in desk.marts.items():
        assert {row["vendor"] for row in rows} <= set(desk.vendors), mart
    assert {row["vendor"] for row in desk.marts["support_conversations"]} == set(desk.vendors)


@every_load
def test_conversations_are_all_there_once(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    found = desks[load].of("support_conversations", vendor)
    assert sorted(row["conversation_id"] for row in found) == sorted(
        f"{vendor}:{key}" for key in expected[load, vendor]
    )
    for row in found:
        wanted = expected[load, vendor][row["vendor_conversation_id"]]
        assert (
            row["created_at"], row["channel"], row["status"], row["is_satisfied"],
            row["is_missed"], row["is_deleted"],
        ) == (
            wanted.created_at, wanted.channel, wanted.status, wanted.satisfied,
            wanted.missed, wanted.deleted,
        )  # fmt: skip


@every_load
def test_messages_have_their_sender_and_time(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    found = {
        (row["vendor_conversation_id"], row["vendor_message_id"]): (
            row["sent_at"], row["sender_type"], row["is_internal"],
        )
        for row in desks[load].of("support_messages", vendor)
    }  # fmt: skip
    wanted = {
        (key, it.key): (it.sent_at, it.sender, it.internal)
        for key, conversation in expected[load, vendor].items()
        for it in conversation.messages
    }
    assert found == wanted
    assert len(desks[load].of("support_messages", vendor)) == len(wanted)


@pytest.mark.parametrize("vendor", VENDORS)
def test_messages_have_their_text(desks: Desks, expected: Expected, vendor: str) -> None:
    texts = {
        message.key: message.text
        for conversation in expected["four", vendor].values()
        for message in conversation.messages
    }
    assert any(texts.values())
    for row in desks["four"].of("support_messages", vendor):
        found, wanted = row["body_text"], texts[row["vendor_message_id"]]
        if row["message_type"] in ("structured", "form") and found and wanted:
            # The order of the fields of a form is not told.
            assert sorted(found.split("\n")) == sorted(wanted.split("\n"))
        else:
            assert found == wanted


def test_columns_that_are_left_out_are_null_and_nothing_else_is(desks: Desks) -> None:
    messages = desks["two"].of("support_messages", "dixa")
    bodies = [row for row in messages if row["body_text"] and not row["is_internal"]]
    assert {row["message_type"] for row in bodies} == {"form"}
    conversations = desks["two"].of("support_conversations", "devrev")
    assert {row["tags"] is None for row in conversations} == {True}
    assert any(row["assignee_name"] for row in conversations)


@every_load
def test_first_reply_is_the_vendors_or_the_messages(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    told = 0
    for row in desks[load].of("support_conversations", vendor):
        wanted = expected[load, vendor][row["vendor_conversation_id"]].first_reply
        found = row["first_response_seconds"]
        assert (None if found is None else float(found)) == wanted
        told += wanted is not None
    assert told


@every_load
def test_messages_are_counted_where_all_are_loaded(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    for row in desks[load].of("support_conversations", vendor):
        wanted = expected[load, vendor][row["vendor_conversation_id"]]
        counts = collections.Counter(it.sender for it in wanted.messages if not it.internal)
        told = (counts["customer"], counts["agent"], counts["bot"], counts.total())
        names = ("customer_message_count", "agent_message_count", "bot_message_count")
        found = (*(row[name] for name in names), row["message_count"])
        assert found == (told if wanted.complete else (None,) * 4)


@every_load
def test_nobody_handled_what_neither_a_person_nor_a_bot_wrote_in(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    for row in desks[load].of("support_conversations", vendor):
        wanted = expected[load, vendor][row["vendor_conversation_id"]]
        senders = {it.sender for it in wanted.messages if not it.internal}
        person = "agent" in senders or row["was_handed_to_agent"]
        person = person or (row["channel"] == "phone" and row["assignee_id"] is not None)
        by = {
            (True, True): "bot_and_agent",
            (True, False): "agent",
            (False, True): "bot",
            (False, False): "nobody",
        }[bool(person), "bot" in senders]
        assert row["handled_by"] == (by if wanted.complete else None)


@every_load
def test_transfers_are_those_that_the_vendor_tells(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    found = collections.Counter(
        row["conversation_id"]
        for row in desks[load].of("support_handoffs", vendor)
        if row["evidence"] in ("event", "field")
    )
    wanted = {f"{vendor}:{it.key}": it.transfers for it in expected[load, vendor].values()}
    assert found == {key: count for key, count in wanted.items() if count}


def test_a_tag_of_a_live_chat_is_a_handoff_only_where_no_person_wrote(
    desks: Desks, filled: Sandbox, expected: Expected
) -> None:
    tagged = {
        f"deepconverse:{record['_id']}"
        for bot in filled.deepconverse.bots
        for record in filled.deepconverse.truth("conversations", bot)
        if "liveChat" in record.get("tags", [])
    }
    silent = {
        f"deepconverse:{it.key}"
        for it in expected["four", "deepconverse"].values()
        if "agent" not in {message.sender for message in it.messages}
    }
    handoffs = desks["four"].of("support_handoffs", "deepconverse")
    by_tag = {row["conversation_id"] for row in handoffs if row["evidence"] == "tag"}
    assert by_tag == tagged & silent != set()


def test_agents_status_is_as_long_as_it_was_sent_and_has_names(
    desks: Desks, filled: Sandbox
) -> None:
    sent = filled.zendesk_chat.truth("agent_timeline")
    found = desks["four"].marts["support_agent_status"]
    assert len(found) == len(sent)
    assert sum(float(row["duration_seconds"]) for row in found) == pytest.approx(
        sum(span["duration"] for span in sent)
    )
    starts = {(str(span["agent_id"]), moment(span["start_time"])) for span in sent}
    assert {(row["agent_id"], row["started_at"]) for row in found} == starts
    assert {row["agent_name"] for row in found} == {"David Foo", "Zoë O'Brien", "山田 太郎"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_transcripts_hold_every_message_in_chunks_that_keep_their_limit(
    desks: Desks, vendor: str
) -> None:
    chunks: dict[str, list[t.Any]] = {}
    for row in desks["four"].of("support_transcripts", vendor):
        chunks.setdefault(row["conversation_id"], []).append(row)
    assert any(len(rows) > 1 for rows in chunks.values())
    lines = collections.Counter[str]()
    for row in desks["four"].of("support_messages", vendor):
        rows = sorted(chunks[row["conversation_id"]], key=lambda it: int(it["chunk_index"]))
        assert [it["chunk_index"] for it in rows] == list(range(len(rows)))
        assert all(len(it["transcript"].encode()) <= 4 * CHUNK_TOKENS for it in rows)
        whole = "".join(it["transcript"] for it in rows)
        lines[row["conversation_id"]] += 1
        if (row["body_text"] or "").find("@") < 0:
            begins = f"{row['sent_at']:%Y-%m-%d %H:%M} {row['sender_type'].capitalize()}"
            said = row["body_text"]
            assert begins in whole
            assert (f": {said}\n" if said is not None else " without text]\n") in whole
    texts = [it["transcript"] for rows in chunks.values() for it in rows]
    assert "@example.com" not in "".join(texts)


@every_load
def test_daily_metrics_add_up_and_have_no_gap(
    desks: Desks, expected: Expected, load: str, vendor: str
) -> None:
    rows = desks[load].of("support_daily_metrics", vendor)
    living = [it for it in expected[load, vendor].values() if not it.deleted]
    by_day: dict[t.Any, int] = collections.Counter(
        it.created_at.date() for it in living if it.created_at
    )
    found: dict[t.Any, int] = collections.Counter()
    for row in rows:
        found[row["day"]] += row["conversations"]
    assert {day: count for day, count in found.items() if count} == by_day
    days = {row["day"] for row in rows}
    assert len(days) == (max(days) - min(days)).days + 1
    assert sum(row["rated"] for row in rows) == sum(it.satisfied is not None for it in living)
    if vendor == "devrev":
        assert {row["missed"] for row in rows} == {None}
        assert ({row["messages"] for row in rows} == {None}) == (load == "two")


@pytest.mark.parametrize("vendor", VENDORS)
def test_participants_are_all_who_wrote(desks: Desks, expected: Expected, vendor: str) -> None:
    found = collections.Counter[tuple[str, str]]()
    for row in desks["four"].of("support_participants", vendor):
        found[row["conversation_id"], row["role"]] += row["message_count"]
    wanted = collections.Counter(
        (f"{vendor}:{key}", message.sender)
        for key, conversation in expected["four", vendor].items()
        for message in conversation.messages
        if message.sender != "system"
    )
    assert +found == wanted


def test_the_log_says_what_stays_empty(desks: Desks) -> None:
    assert "tap_deepconverse.conversations is not loaded" not in desks["four"].log
    assert "tap_deepconverse.conversations is not loaded" in desks["two"].log
    assert "tap_devrev.conversation_timeline_entries is not loaded" in desks["two"].log
    assert "tap_dixa.messages has no text" in desks["two"].log
    assert "tap_dixa.conversations is not loaded" not in desks["two"].log
    assert "tap_dixa.conversations is not loaded" in desks["none"].log


REDACTED = [
    ("mail jürgen@example.com.", "mail [e-mail]."),
    ("<ada.l+x@mail.example.co.uk>", "<[e-mail]>"),
    ("card 4111 1111 1111 1111!", "card [card]!"),
    ("5500-0000-0000-0004", "[card]"),
    ("378282246310005 and 4111111111111111", "[card] and [card]"),
    ("to DE89 3704 0044 0532 0130 00, please", "to [iban], please"),
    ("GB29NWBK60161331926819", "[iban]"),
    ("from 203.0.113.7.", "from [ip address]."),
    ("2001:db8::ff00:42:8329", "[ip address]"),
    ("2001:0db8:0000:0000:0000:ff00:0042:8329", "[ip address]"),
    ("call +45 12 34 56 78", "call [phone]"),
    ("call +4512345678 or 0049 170 1234567", "call [phone] or [phone]"),
    ("(555) 010-4321", "[phone]"),
    ("030 1234567", "[phone]"),
]
KEPT = [
    "Order 00012345678901234567890 costs 1e3 or 0.10, see #7/8",
    "4111111111111112",
    "GB29NWBK60161331926818",
    "1.2.3.4.5",
    "version 1.2.3",
    "10:20:30",
    "2024-2025",
    "2024-01-05 10:20",
    "01-02-2024",
    "12345678",
    "a @ b",
    "std::vector and x::y",
    "5 of 7, 1000000 times",
    "",
]


def test_redaction_strikes_out_what_is_personal_and_keeps_the_rest(
    desks: Desks, loaded: Database
) -> None:
    assert desks
    cases = [*REDACTED, *((text, text) for text in KEPT)]
    for text, wanted in cases:
        (row,) = ask(loaded, "select support.redact(%s) as redacted", text)
        assert row["redacted"] == wanted
