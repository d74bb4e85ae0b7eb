"""Zendesk tickets with their conversations, and what goes with them.

Fields and samples: developer.zendesk.com/api-reference/ticketing (tickets, conversation_log,
ticket_metric_events, users, csat_survey_responses) and /agent-availability (engagements,
queue_events); recorded engagements; variances that readers of these endpoints allow for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import DAY, HOUR, MINUTE, Dice, iso_seconds, one_in, utc
from sandbox.vendor import Item, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sandbox.table import Record

KEPT = 80 * DAY
"""The vendor keeps 90 days of engagements and queue events: less here, so that nothing passes out
of them while a test runs."""
FIRST_TICKET = 83
_AGENTS = (7662138963837, 361598799676, 9007199254740993)
_CHANNELS = (
    "native_messaging", "whatsapp", "email", "sunshine_conversations_api", "web",
    "native_messaging", "chat", "line",
)  # fmt: skip
_MESSAGING = frozenset(_CHANNELS) - {"email", "web", "chat"}
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(ms: int, dice: Dice) -> str:
    """An id that begins with a time."""
    number = (ms << 80) | dice.getrandbits(80)
    return "".join(_BASE32[number >> shift & 31] for shift in range(125, -1, -5))


def ulid_time(text: str) -> int:
    """The time in such an id (ms)."""
    number = 0
    for letter in text:
        number = number << 5 | _BASE32.index(letter)
    return number >> 80


class ZendeskSupportSource:
    """A conversation lasts minutes; most tickets are touched once more within two days."""

    lifetime = 3 * DAY

    def __init__(self, seed: int) -> None:
        """Make the data of this seed."""
        self._seed = seed

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """Everything around one ticket, as far as it has happened by `now`."""
        dice = Dice(f"{self._seed}/zendesk_support/{index}")
        at = started + dice.randrange(MINUTE)
        touched = at + dice.randrange(HOUR, 2 * DAY)
        changes = [change for change in (at, touched) if change <= now]
        if not changes:
            return
        ticket = self._ticket(dice, index, at, changes)
        yield "tickets", ticket, ""
        is_messaging = ticket["via"]["channel"] in _MESSAGING
        if is_messaging and ticket["status"] != "deleted":
            for event in self._log(dice, index, at):
                yield "conversation_log", event, str(ticket["id"])
        if is_messaging and now - at < KEPT:
            yield "engagements", self._engagement(dice, index, at), ""
            for event in self._queue_events(dice, index, at):
                yield "queue_events", event, ""
        for position, (kind, metric) in enumerate(
            (("activate", "reply_time"), ("fulfill", "reply_time"), ("update_status", "x_time"))
        ):
            moment = at + position * MINUTE
            if moment <= now:
                yield "ticket_metric_events", metric_event(index * 3 + position, kind, metric,
                                                           ticket["id"], moment), ""  # fmt: skip
        if one_in(4, index, 1):
            yield "survey_responses", self._survey(dice, index, at), ""
        if one_in(3, index):
            yield "users", self._user(dice, index, changes), ""

    def restamp(self, stream: str, record: Record, at: datetime) -> None:
        """Set the time that the endpoint looks at."""
        ms = milliseconds(at)
        match stream:
            case "tickets":
                record["generated_timestamp"] = ms // 1000
            case "users":
                record["updated_at"] = iso_seconds(ms)
            case "ticket_metric_events":
                record["time"] = iso_seconds(ms)
            case "engagements":
                record["engagement_start_time"] = iso_seconds(ms)[:-1]
            case "queue_events":
                record["event_occurred_at"] = iso_seconds(ms)
            case "survey_responses":
                record["id"] = ulid(ms, Dice(record["id"]))

    def _ticket(self, dice: Dice, index: int, at: int, changes: list[int]) -> Record:
        channel = _CHANNELS[index % len(_CHANNELS)]
        number = FIRST_TICKET + index
        is_settled = len(changes) > 1
        status = ("solved", "open", "closed", "pending")[index // 3 % 4] if is_settled else "new"
        ticket: Record = {
            "url": f"https://example.zendesk.com/api/v2/tickets/{number}.json",
            "id": number,
            "external_id": None,
            "encoded_id": f"{dice.word(6)}-{dice.word(4)}",
            "via": {
                "channel": channel,
                "source": {
                    "from": {"address": "a@example.com", "name": dice.person()},
                    "to": {},
                    "rel": None,
                },
            },
            "created_at": iso_seconds(at),
            # System updates move the time of the export alone.
            "updated_at": iso_seconds(at if one_in(6, index) else changes[-1]),
            "generated_timestamp": changes[-1] // 1000,
            "type": (None, "problem", "incident")[index % 3],
            "subject": dice.text(),
            "raw_subject": "{{dc.subject}}",
            "description": dice.text(),
            "priority": (None, "low", "urgent")[index % 3],
            "status": status,
            "recipient": None,
            "requester_id": 9_000_000 + index - index % 3,
            "submitter_id": 9_000_000,
            "assignee_id": None if one_in(5, index) else _AGENTS[index % 3],
            "organization_id": None,
            "group_id": 7662118909309,
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [9_000_000] if one_in(7, index) else [],
            "forum_topic_id": None,
            "problem_id": None,
            "has_incidents": False,
            "is_public": True,
            "due_at": None,
            "tags": ["messaging", dice.text()[:20]],
            "custom_fields": [
                {"id": 1, "value": ("text", True, None, 12.5, ["a", "b"])[index % 5]},
            ],
            "satisfaction_rating": {"score": "unoffered"} if index % 2 else None,
            "sharing_agreement_ids": [],
            "custom_status_id": 5019 + index % 4,
            "fields": [{"id": 1, "value": None}],
            "followup_ids": [],
            "ticket_form_id": None,
            "brand_id": 7662118909310,
            "allow_channelback": False,
            "allow_attachments": True,
            "from_messaging_channel": channel in _MESSAGING,
            "support_type": "ai_agent" if one_in(16, index, 5) else "agent",
            "metric_set": self._metric_set(number, changes),
        }
        if one_in(10, index, 9):  # older than the fields
            del ticket["from_messaging_channel"], ticket["support_type"]
        if is_settled and one_in(20, index, 3):
            ticket["status"] = "deleted"
        return ticket

    @staticmethod
    def _metric_set(number: int, changes: list[int]) -> Record:
        both = {"calendar": 5, "business": None}
        return {
            "id": number + 1_000_000,
            "ticket_id": number,
            "created_at": iso_seconds(changes[0]),
            "updated_at": iso_seconds(changes[-1]),
            "solved_at": None,
            "replies": 1,
            "reply_time_in_minutes": both,
            "reply_time_in_seconds": {"calendar": 287},
        }

    @staticmethod
    def _log(dice: Dice, index: int, at: int) -> Iterator[Record]:
        user = 9_000_000 + index - index % 3
        people: tuple[tuple[str, Record], ...] = (
            ("zd:answerBot", {"type": "bot", "display_name": "Bot", "zen:support:user_id": -1,
                              "zen:sunco:user_id": "a21a", "subtypes": ["AI"]}),
            ("zd:agentWorkspace", {"type": "agent", "display_name": "Zoë O'Brien",
                                   "zen:support:user_id": _AGENTS[index % 3]}),
            ("api:conversations", {"type": "end-user", "display_name": dice.person(),
                                   "zen:support:user_id": user,
                                   "zen:sunco:user_id": dice.word(24).lower()}),
        )  # fmt: skip
        texts: tuple[Record, ...] = (
            {"type": "text", "text": dice.text(), "actions": [
                {"reply": {"text": "Yes", "payload": "goto_node=1"}},
                {"type": "reply", "text": "No", "payload": "2"},
            ]},
            {"type": "text", "text": dice.text()},
            {"type": "image", "mediaUrl": "https://example.com/a.png", "altText": dice.text()},
        )  # fmt: skip
        count = 0 if one_in(24, index, 21) else 130 if one_in(24, index, 1) else 3 + index % 3
        for position in range(count):
            moment = at + position * 7_003
            source, author = people[position % 3]
            yield {
                "id": ulid(moment, dice),
                "type": "Messaging::ConversationMessage",
                "reference": f"zen:sunco:conversation_message:{dice.getrandbits(96):024x}",
                "created_at": iso_seconds(moment),
                "received_at": utc(moment).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % 1000:03d}Z",
                "source": {"type": source},
                "author": {**author, "avatar_url": "https://example.com/bot.png"},
                "content": texts[position % 3],
                "metadata": {"custom": {}, "system": {}, "ticket_version": 0},
                "attachments": [],
            }
        if count:
            yield from _comments(dice, index, at + count * 7_003)

    @staticmethod
    def _engagement(dice: Dice, index: int, at: int) -> Record:
        return {
            "engagement_id": f"{dice.getrandbits(128):032X}",
            "ticket_id": FIRST_TICKET + index,
            "agent_id": _AGENTS[index % 3],
            "group_id": 7662118909309,
            "requester_id": 9_000_000 + index - index % 3,
            "offer_time_seconds": 5,
            "assignment_to_first_reply_time_seconds": None if one_in(5, index) else 12,
            "agent_messages_count": 2,
            "agent_replies_count": 1,
            "total_requester_wait_time_seconds": 66,
            "longest_requester_wait_time_seconds": 60,
            "channel": "MESSAGING",
            "engagement_start_reason": "Assigned",
            "engagement_start_time": iso_seconds(at)[:-1],
            "engagement_end_time": iso_seconds(at + 5 * MINUTE)[:-1],
            "ticket_status_start": "NEW",
            "ticket_status_end": "SOLVED",
            "engagement_end_reason": "Unknown Remove",
            "average_requester_wait_time_seconds": 33,
            "end_user_messages_count": index % 5,
        }

    @staticmethod
    def _queue_events(dice: Dice, index: int, at: int) -> Iterator[Record]:
        for position, kind in enumerate(("INBOUND", "OUTBOUND")):
            moment = iso_seconds(at + position * 30_000)
            yield {
                "queue_event_id": dice.uuid(),
                "queue_id": "01HKG7Z3B1M2N3P4Q5R6S7T8V9",
                "source_queue_id": None,
                "work_item_id": f"{FIRST_TICKET + index}",
                "call_id": None,
                "ticket_id": FIRST_TICKET + index,
                "channel": "MESSAGING",
                "event_type": kind,
                "event_occurred_at": moment,
                "start_queue_time": iso_seconds(at),
                "end_queue_time": moment if position else None,
                "inbound_reason": None if position else "NEW",
                "outbound_reason": "ACCEPTED" if position else None,
                "routing_state_change_reason": None,
                "previous_channel_queue_size": position,
                "current_channel_queue_size": 1 - position,
                "hourly_channel_queue_size_seconds": 1800 - 3600 * position,
            }

    @staticmethod
    def _survey(dice: Dice, index: int, at: int) -> Record:
        zrn = f"zen:ticket:{FIRST_TICKET + index}"
        given = {"created_at": iso_seconds(at + HOUR), "updated_at": iso_seconds(at + HOUR)}
        return {
            "id": ulid(at, dice),
            "responder_id": 9_000_000 + index - index % 3,
            "subject_zrns": [zrn],
            "subjects": [{"id": str(FIRST_TICKET + index), "type": "ticket", "zrn": zrn}],
            "expires_at": iso_seconds(at + 28 * DAY),
            "survey": {"id": "01J2VHTDJ0FGFK2GKYQ7S2R6M7", "version": 1, "state": "ENABLED"},
            "answers": [
                {
                    "type": "rating_scale",
                    "rating": 1 + index % 5,
                    "rating_category": ("bad", "neutral", "good")[index % 3],
                    "question": {"id": "01J2", "type": "rating_scale", "options": [{"rating": 1}]},
                    **given,
                },
                {"type": "open_ended", "value": dice.text(), "question": {"id": "01J3"}, **given},
            ],
        }

    @staticmethod
    def _user(dice: Dice, index: int, changes: list[int]) -> Record:
        return {
            "id": 9_000_000 + index,
            "url": f"https://example.zendesk.com/api/v2/users/{9_000_000 + index}.json",
            "name": dice.person(),
            "email": f"{index}@example.com" if index % 2 else None,
            "created_at": iso_seconds(changes[0]),
            "updated_at": iso_seconds(changes[-1]),
            "time_zone": "Copenhagen",
            "iana_time_zone": "Europe/Copenhagen",
            "phone": None,
            "photo": None,
            "locale_id": 1,
            "locale": "en-US",
            "organization_id": None,
            "role": "end-user",
            "verified": index % 2 == 0,
            "external_id": None,
            "tags": [],
            "alias": "",
            "active": not one_in(12, index),
            "shared": False,
            "last_login_at": None,
            "two_factor_auth_enabled": None,
            "notes": dice.text(),
            "role_type": None,
            "suspended": False,
            "default_group_id": None,
            "user_fields": {"plan": "gold", "since": 2019} if index % 2 else {},
        }


def metric_event(number: int, kind: str, metric: str, ticket: int, at: int) -> Record:
    """An event of a ticket's metrics."""
    event: Record = {
        "id": 926_232_157_301 + number,
        "ticket_id": ticket,
        "metric": metric,
        "instance_id": 1,
        "type": kind,
        "time": iso_seconds(at),
    }
    if kind == "update_status":
        event["status"] = {"calendar": 1, "business": 0}
    return event


def _comments(dice: Dice, index: int, at: int) -> Iterator[Record]:
    """A note, a public comment with a file, and an event of a kind that nobody has described."""
    picture: dict[str, Any] = {
        "id": 8639 + index,
        "file_name": "bild ä.png",
        "content_type": "image/png",
        "content_url": "https://files.example.com/a.png",
        "size": 20331,
        "width": 128,
        "height": None,
        "inline": False,
        "deleted": False,
        "malware_scan_result": "malware_not_found",
    }
    for position, public in enumerate((False, True)):
        yield {
            "id": ulid(at + position * 1000, dice),
            "type": "Comment",
            "reference": f"zen:ticket_event:{8639000000001 + index * 2 + position}",
            "created_at": iso_seconds(at + position * 1000),
            "author": {"type": "user", "display_name": dice.person(),
                       "zen:support:user_id": 9_000_000 + index},
            "content": {"type": "html", "body": f'<div class="zd-comment">{dice.text()}</div>'},
            "metadata": {
                "public": public,
                "custom": {},
                "ticket_version": 4,
                "system": {"client": "Mozilla/5.0", "ip_address": "203.0.113.49",
                           "location": "Sydney", "latitude": -30.3, "longitude": 100.1},
            },
            "attachments": [
                {**picture, "thumbnails": [{**picture, "id": 8640, "width": 80}]}
            ] * public,
        }  # fmt: skip
    if index % 2:
        yield {
            "id": ulid(at + 2000, dice),
            "type": "Messaging::SomethingNew",
            "reference": f"zen:something:{index}",
            "created_at": iso_seconds(at + 2000),
            "author": {"type": "system"},
            "content": {"form": {"fields": [{"name": "e-mail", "value": 1}]}},
            "metadata": {},
            "attachments": [],
        }
