"""Dixa conversations, their messages and what the activity log says: see `dixa_exports.json`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sandbox.data.common import DAY, HOUR, MINUTE
from sandbox.data.templates import Dice, Templates, document
from sandbox.vendor import Item, Source, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.table import Record

_RECORDS = Templates("dixa_exports.json")
_ACTIVITIES = tuple(document("dixa_exports.json")["activities"].items())
_CHANNELS = ("email", "widgetchat", "pstnPhone", "facebookMessenger", "contactForm", "whatsApp")
_TAGS = ("refund", "late delivery", "spørgsmål", "vip", "bug")
_CUSTOM_FIELDS = ("contact_reason", "order_number", "old_field")
_FIRST_ID = 100_000
_BEYOND_DOUBLES = 2**53 + 1
"""Ids are 64-bit integers in Dixa's own specification; from here on a double cannot hold them."""


def _of_java(at: int) -> str:
    """A time as the activity log writes it: its fraction has no zero at the end."""
    second, rest = divmod(at, 1000)
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    text = datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}{fraction}Z[GMT]"


class DixaSource(Source):
    """A conversation is created, handled over hours, sometimes touched again days later."""

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """The conversation, then its messages, as they stand at `now`."""
        dice = _RECORDS.dice(f"{self._seed}/dixa", index)
        created = started + dice.randrange(MINUTE)
        number = (_BEYOND_DOUBLES if index % 17 == 0 else _FIRST_ID) + index
        channel = _CHANNELS[index % len(_CHANNELS)]
        sent = [created]
        for _ in range(dice.randrange(6)):
            sent.append(sent[-1] + dice.randrange(1_000, HOUR))
        closed = sent[-1] + dice.randrange(MINUTE, 4 * HOUR)
        touched = closed + dice.randrange(HOUR, 2 * DAY) if index % 4 == 0 else closed
        messages = [
            _message(dice, position, number, channel, at) for position, at in enumerate(sent)
        ]
        record = _conversation(dice, index, number, channel, created)
        if created > now:
            return
        past = [at for at in (*sent, closed, touched) if at <= now]
        record["updated_at"] = past[-1]
        record["last_message_created_at"] = max(at for at in sent if at <= now)
        record["status"] = "closed" if closed <= now else "open"
        record["closed_at"] = closed if closed <= now else None
        _after_closing(dice, record, index, closed=closed, touched=touched, now=now)
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
            activity = _activity(dice, number, at, name)
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


def _activity(dice: Dice, conversation: int, at: int, kind: str) -> Record:
    """An entry of the activity log, without its attributes."""
    names = {"conversation": conversation, "at": _of_java(at), "type": kind}
    author = dice.record("author", index=0)
    return dice.record("activity", index=0, author=author, **names)


def _about(channel: str, dice: Dice) -> dict[str, Any]:
    """What the channel of a conversation says of its fields and of its messages'."""
    return {
        "channel": channel,
        "is_phone": channel == "pstnPhone",
        "is_email": channel == "email",
        "is_facebook": channel == "facebookMessenger",
        "is_widget": channel == "widgetchat",
        "has_subject": channel in ("email", "contactForm"),
        "email": lambda: f"{dice.word(8).lower()}@example.com",
    }


def _conversation(dice: Dice, index: int, number: int, channel: str, created: int) -> Record:
    is_assigned = index % 3 != 0
    record = dice.record(
        "conversation",
        **_about(channel, dice),
        id=number,
        created=created,
        queued=created + 900,
        is_assigned=is_assigned,
        assigned=created + 30_000 if is_assigned else None,
        is_transferred=channel == "pstnPhone" and index % 2 == 0,
        transferred=created + 60_000,
    )
    if index % 11 == 0:  # older documents do not know these
        del record["requester_additional_emails"], record["requester_additional_phone_numbers"]
    return record


def _after_closing(  # noqa: PLR0913
    dice: Dice, record: Record, index: int, *, closed: int, touched: int, now: int
) -> None:
    """Add what agents and customers add: tags, notes, ratings, attributes, anonymisation."""
    tags = dice.sample(_TAGS, k=index % 3)
    rated = index % 5 == 0 and touched <= now
    rating = dice.record(
        "rating",
        closed=closed,
        closed_text=str(closed),
        offered=closed + 1,
        scheduled=closed + 2,
        touched=touched,
    )
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
        "custom_fields": [dice.record(name) for name in _CUSTOM_FIELDS[: index % 4]],
    }
    if index % 13 == 0:
        del record["custom_fields"], record["tags_info"]


def _message(dice: Dice, position: int, conversation: int, channel: str, at: int) -> Record:
    names = {**_about(channel, dice), "conversation": conversation, "at": at}
    record = dice.record("message", index=position, is_second=position == 1, **names)
    if channel == "contactForm" and position == 0:
        record["form_submission"] = dice.record("form_submission", index=position)
    return record
