"""Dixa conversations and messages.

Fields: docs.dixa.io/openapi/exports-api (conversation_export, message_export). The examples there
are made from types; the variances are those that the documents of different years show.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sandbox.data.common import DAY, HOUR, MINUTE, Dice
from sandbox.vendor import Item, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANNELS = ("email", "widgetchat", "pstnPhone", "facebookMessenger", "contactForm", "whatsApp")
_QUEUES = ("Support", "Reklamationer", "Billing / Rechnungen", "VIP ⭐")
_TAGS = ("refund", "late delivery", "spørgsmål", "vip", "bug")
_FIRST_ID = 100_000
_BEYOND_DOUBLES = 2**53 + 1
"""Ids are 64-bit integers in Dixa's own specification; from here on a double cannot hold them."""


_USER = {"id": "a53b25da-f676-4c52-acac-58c9280aa23d", "name": "Dale Cooper"}
_ACTIVITIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ConversationAssigned", {"agentId": _USER["id"], "agentName": _USER["name"]}),
    ("ConversationAutoreplySent", {"templateName": "Welcome message"}),
    ("ConversationChannelChanged", {"channelReference": "Email"}),
    ("ConversationClaimed", {"claimedFromLabel": "VIP", "claimedFromType": "Queue"}),
    (
        "ConversationCustomAttributesUpdated",
        {"updatedAttributeIds": ["c4"], "updatedAttributeValues": {"c4": ["a", "b"], "d5": "x"}},
    ),
    ("ConversationEndUserReplaced", {"oldUser": _USER, "newUser": {"id": "5e8e95e3"}}),
    ("ConversationLinkedToParent", {"child": 2**53 + 1, "parent": 7, "linkType": "FollowUp"}),
    ("ConversationOffered", {"agentNames": [_USER["name"]], "queueLabel": "VIP"}),
    ("ConversationRated", {"agent": _USER, "score": 5, "message": "Great"}),
    ("ConversationRatingScheduled", {"ratingScheduledTime": "2025-01-20T09:00:00Z"}),
    (
        "ConversationReserved",
        {
            "agent": _USER,
            "queueId": "q1",
            "queueName": "VIP",
            "reservationType": "PersonalAgent",
            "validUntil": "2025-01-20T09:00:00Z",
        },
    ),
    ("ConversationResolvedStateToggled", {"isResolved": True}),
    ("ConversationTranscriptionEnded", {"isSuccessful": False, "failureReason": "noise"}),
    ("MessageAddedByAgent", {"messageId": "m1", "fromEndpoint": "support@example.com"}),
    (
        "ConversationMessageRedacted",
        {"messageId": "m1", "wasTextRedacted": True, "numberOfDeletedFiles": 1},
    ),
    ("NoteAdded", {"message": "A note to remember"}),
    ("TagAdded", {"tag": "refund"}),
    (
        "TransferSuccessful",
        {"transferType": "Blind", "destinationType": "Queue", "destinationId": "q1"},
    ),
)
"""Types of activities with attributes of each documented shape, made from the document's types: it
has no example of them."""


def _of_java(at: int) -> str:
    """A time as the activity log writes it: its fraction has no zero at the end."""
    second, rest = divmod(at, 1000)
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    text = datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}{fraction}Z[GMT]"


class DixaSource:
    """A conversation is created, handled over hours, sometimes touched again days later."""

    lifetime = 3 * DAY

    def __init__(self, seed: int) -> None:
        """Make the data of this seed."""
        self._seed = seed

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """The conversation, then its messages, as they stand at `now`."""
        dice = Dice(f"{self._seed}/dixa/{index}")
        created = started + dice.randrange(MINUTE)
        number = (_BEYOND_DOUBLES if index % 17 == 0 else _FIRST_ID) + index
        channel = _CHANNELS[index % len(_CHANNELS)]
        sent = [created]
        for _ in range(dice.randrange(6)):
            sent.append(sent[-1] + dice.randrange(1_000, HOUR))
        closed = sent[-1] + dice.randrange(MINUTE, 4 * HOUR)
        touched = closed + dice.randrange(HOUR, 2 * DAY) if index % 4 == 0 else closed
        messages = [
            self._message(dice, position, number, channel, at) for position, at in enumerate(sent)
        ]
        record = self._conversation(dice, index, number, channel, created)
        if created > now:
            return
        past = [at for at in (*sent, closed, touched) if at <= now]
        record["updated_at"] = past[-1]
        record["last_message_created_at"] = max(at for at in sent if at <= now)
        record["status"] = "closed" if closed <= now else "open"
        record["closed_at"] = closed if closed <= now else None
        self._after_closing(dice, record, index, closed=closed, touched=touched, now=now)
        yield "conversations", record, ""
        for message in messages:
            if message["created_at"] <= now:
                yield "messages", message, ""
        kind, attributes = _ACTIVITIES[index % len(_ACTIVITIES)]
        done = (
            (created, "ConversationCreatedByCustomer", None),
            (sent[-1], kind, attributes),
            (closed, "ConversationClosed", None),
        )
        for at, name, more in done:
            activity = self._activity(dice, number, at, name)
            if more:
                activity["attributes"] = more
            if at <= now:
                yield "activity_logs", activity, ""

    def restamp(self, stream: str, record: dict[str, Any], at: datetime) -> None:
        """Set the time of the stream's window filter."""
        if stream == "activity_logs":
            record["activityTimestamp"] = _of_java(milliseconds(at))
        else:
            record["updated_at" if stream == "conversations" else "created_at"] = milliseconds(at)

    @staticmethod
    def _activity(dice: Dice, conversation: int, at: int, name: str) -> dict[str, Any]:
        """An entry of the activity log, without its attributes."""
        author = {"id": dice.uuid(), "name": dice.person(), "email": "dc@dixa.com"}
        return {
            "id": dice.uuid(),
            "conversationId": conversation,
            "activityTimestamp": _of_java(at),
            "activityType": f"{name}ActivityType",
            "_type": name,
            "author": author,
        }

    @staticmethod
    def _conversation(
        dice: Dice, index: int, number: int, channel: str, created: int
    ) -> dict[str, Any]:
        phone = channel == "pstnPhone"
        assigned = index % 3 != 0
        record = {
            "id": number,
            "created_at": created,
            "initial_channel": channel,
            "requester_id": dice.uuid(),
            "requester_name": dice.person(),
            "requester_email": f"{dice.word(8).lower()}@example.com",
            "requester_additional_emails": ["2nd@example.com", "3.ø@eksempel.dk"][: index % 3],
            "requester_phone_number": "+4512345678" if phone else None,
            "requester_additional_phone_numbers": ["+4587654321"] if phone else [],
            "queued_at": created + 900,
            "queue_id": dice.uuid(),
            "queue_name": dice.choice(_QUEUES),
            "direction": "outbound" if index % 7 == 0 else "inbound",
            "assigned_at": created + 30_000 if assigned else None,
            "assignee_id": dice.uuid() if assigned else None,
            "assignee_name": dice.person() if assigned else None,
            "assignee_email": "agent@example.com" if assigned else None,
            "assignee_phone_number": "+4511111111" if assigned and phone else None,
            "to_provisioned_phone_number_id": "+4570000000" if phone else None,
            "to_provisioned_phone_number_name": "Main line" if phone else None,
            "from_provisioned_phone_number_id": "+4570000001" if phone else None,
            "from_provisioned_phone_number_name": 'Outbound "B"' if phone else None,
            "total_duration": dice.randrange(5_000_000_000),
            "handling_duration": dice.randrange(1_000_000),
            "dixa_email_integration_id": "support@example.com" if channel == "email" else None,
            "dixa_email_integration_sender_name": "Support" if channel == "email" else None,
            "forwarding_email": "fwd@example.com" if channel == "email" else None,
            "facebook_page_id": "1234567890123456789" if channel == "facebookMessenger" else None,
            "facebook_page_name": "Café Ñ" if channel == "facebookMessenger" else None,
            "widget_id": dice.uuid() if channel == "widgetchat" else None,
            "widget_name": "Web widget" if channel == "widgetchat" else None,
            "transferee_name": dice.person() if phone and index % 2 == 0 else None,
            "transferee_number": "+4599999999" if phone and index % 2 == 0 else None,
            "transfer_time": created + 60_000 if phone and index % 2 == 0 else None,
            "originating_country": dice.choice(("DK", "DE", "JP", None)),
            "subject": dice.text() if channel in ("email", "contactForm") else None,
        }
        if index % 11 == 0:  # older documents do not know these
            del record["requester_additional_emails"], record["requester_additional_phone_numbers"]
        return record

    @staticmethod
    def _after_closing(  # noqa: PLR0913
        dice: Dice, record: dict[str, Any], index: int, *, closed: int, touched: int, now: int
    ) -> None:
        """Add what agents and customers add: tags, notes, ratings, attributes, anonymisation."""
        tags = dice.sample(_TAGS, k=index % 3)
        rated = index % 5 == 0 and touched <= now
        newer = index % 2 == 0
        rating = {
            "rating_score": 1 + index % 5,
            "rating_message": dice.text(),
            "rating_type": "CSAT" if newer else "stars",
            "rating_status": "Rated" if newer else "rated",
            "rating_language": "en",
            "rating_created_timestamp": closed,
            "rating_offered_timestamp": closed + 1,
            "rating_modified_timestamp": None,
            "rating_rated_timestamp": touched,
            "rating_scheduled_timestamp": closed,
            "rating_scheduled_for_timestamp": closed + 2,
            "rating_unscheduled_timestamp": closed if newer else str(closed),
            "rating_cancelled_timestamp": None if newer else str(closed),
        }
        fields = [
            ("contact_reason", ["Delivery", "Late"], "Select", False),
            ("order_number", "00012345678901234567890", "Text", False),
            ("old_field", "", "Text", True),
        ]
        record |= {
            "rating_score": rating["rating_score"] if rated else None,
            "rating_message": rating["rating_message"] if rated else None,
            "ratings": [rating] if rated else [],
            "tags": tags,
            "tags_info": [
                {"id": dice.uuid(), "name": tag, "is_deactivated": tag == "bug"} for tag in tags
            ],
            "conversation_wrapup_notes": [dice.text()] if index % 6 == 0 else [],
            "anonymized_at": touched if index % 40 == 0 and touched <= now else None,
            "custom_fields": [
                {
                    "attribute_id": dice.uuid(),
                    "identifier": identifier,
                    "value": value,
                    "data_type": data_type,
                    "archived": archived,
                }
                for identifier, value, data_type, archived in fields[: index % 4]
            ],
        }
        if index % 13 == 0:
            del record["custom_fields"], record["tags_info"]

    @staticmethod
    def _message(
        dice: Dice, position: int, conversation: int, channel: str, at: int
    ) -> dict[str, Any]:
        phone, email = channel == "pstnPhone", channel == "email"
        inbound = position % 2 == 0
        recipient = "support@example.com"
        record: dict[str, Any] = {
            "id": dice.uuid(),
            "csid": conversation,
            "created_at": at,
            "initial_channel": channel,
            "author_name": dice.person(),
            "author_email": f"{dice.word(8).lower()}@example.com" if inbound else None,
            "direction": "inbound" if inbound else "outbound",
            "text": None if phone else dice.text(),
            "from_phone_number": "+4512345678" if phone else None,
            "to_phone_number": "+4570000000" if phone else None,
            "duration": None,
            "recording_url": None,
            "voicemail_url": None,
            # An array in the newest document, plain text in older ones.
            "to": ([recipient, "to@example.com"] if inbound else recipient) if email else None,
            "from": "sender@example.com" if email else None,
            "cc": ["cc@example.com"] if email else [],
            "bcc": ["bcc@example.com"] if email and not inbound else [],
            "attached_files": ["https://files.dixa.io/private/ø.pdf"] if position == 1 else [],
            "is_automated_message": position == 1,
            "chat_input_question": None,
            "chat_input_answer": None,
            "chat_menu_text": None,
        }
        if phone:
            # "duration: number" in the document; an integer in others.
            record["duration"] = dice.seconds(600) if inbound else dice.randrange(600)
            record["recording_url"] = "/private/recordings/1.mp3"
            record["voicemail_url"] = "https://files.dixa.io/private/voicemail/2.mp3"
        if channel == "widgetchat":
            record["chat_input_question"] = "What is your e-mail?"
            record["chat_input_answer"] = dice.text()
            record["chat_menu_text"] = "Returns"
        if channel == "contactForm" and position == 0:
            form = {"name": dice.person(), "email": "form@example.com", "phone": "+45", "n": "1"}
            record["form_submission"] = form
        return record
