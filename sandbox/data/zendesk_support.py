"""Zendesk tickets with their conversations, and what goes with them: see `zendesk_support.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.data.common import DAY, HOUR, MINUTE, Chance, iso_millis, iso_seconds, one_in
from sandbox.data.templates import Dice, Templates
from sandbox.vendor import Item, Source, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sandbox.table import Record

KEPT = 80 * DAY
"""The vendor keeps 90 days of engagements and queue events: less here, so that nothing passes out
of them while a test runs."""
FIRST_TICKET = 83
_RECORDS = Templates("zendesk_support.json")
_FIRST_USER = 9_000_000
_AGENTS = (7662138963837, 361598799676, 9007199254740993)
_CHANNELS = (
    "native_messaging", "whatsapp", "email", "sunshine_conversations_api", "web",
    "native_messaging", "chat", "line",
)  # fmt: skip
_MESSAGING = frozenset(_CHANNELS) - {"email", "web", "chat"}
_PEOPLE = ("bot", "agent", "user")
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(ms: int, dice: Chance) -> str:
    """An id that begins with a time."""
    number = (ms << 80) | dice.getrandbits(80)
    return "".join(_BASE32[number >> shift & 31] for shift in range(125, -1, -5))


def ulid_time(text: str) -> int:
    """The time in such an id (ms)."""
    number = 0
    for letter in text:
        number = number << 5 | _BASE32.index(letter)
    return number >> 80


class ZendeskSupportSource(Source):
    """A conversation lasts minutes; most tickets are touched once more within two days."""

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """Everything around one ticket, as far as it has happened by `now`."""
        dice = _RECORDS.dice(f"{self._seed}/zendesk_support", index)
        at = started + dice.randrange(MINUTE)
        touched = at + dice.randrange(HOUR, 2 * DAY)
        changes = [change for change in (at, touched) if change <= now]
        if not changes:
            return
        ticket = _ticket(dice, index, at, changes)
        yield "tickets", ticket, ""
        is_messaging = ticket["via"]["channel"] in _MESSAGING
        if is_messaging and ticket["status"] != "deleted":
            for event in _log(dice, index, at):
                yield "conversation_log", event, str(ticket["id"])
        if is_messaging and now - at < KEPT:
            yield "engagements", _engagement(dice, index, at), ""
            for event in _queue_events(dice, index, at):
                yield "queue_events", event, ""
        for position, (kind, metric) in enumerate(
            (("activate", "reply_time"), ("fulfill", "reply_time"), ("update_status", "x_time"))
        ):
            moment = at + position * MINUTE
            if moment <= now:
                yield "ticket_metric_events", metric_event(index * 3 + position, kind, metric,
                                                           ticket["id"], moment), ""  # fmt: skip
        if one_in(4, index, 1):
            yield "survey_responses", _survey(dice, index, at), ""
        if one_in(3, index):
            yield "users", _user(dice, index, changes), ""

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
                record["id"] = ulid(ms, Chance(record["id"]))


def _requester(index: int) -> int:
    return _FIRST_USER + index - index % 3


def _ticket(dice: Dice, index: int, at: int, changes: list[int]) -> Record:
    channel = _CHANNELS[index % len(_CHANNELS)]
    number = FIRST_TICKET + index
    is_settled = len(changes) > 1
    status = ("solved", "open", "closed", "pending")[index // 3 % 4] if is_settled else "new"
    ticket = dice.record(
        "ticket",
        ticket=number,
        metric_set=number + 1_000_000,
        channel=channel,
        is_messaging=channel in _MESSAGING,
        created=iso_seconds(at),
        changed=iso_seconds(changes[-1]),
        # System updates move the time of the export alone.
        updated=iso_seconds(at if one_in(6, index) else changes[-1]),
        generated=changes[-1] // 1000,
        status=status,
        requester=_requester(index),
        assignee=None if one_in(5, index) else _AGENTS[index % 3],
        tag=lambda: dice.text()[:20],
        support_type="ai_agent" if one_in(16, index, 5) else "agent",
    )
    if one_in(10, index, 9):  # older than the fields
        del ticket["from_messaging_channel"], ticket["support_type"]
    if is_settled and one_in(20, index, 3):
        ticket["status"] = "deleted"
    return ticket


def _log(dice: Dice, index: int, at: int) -> Iterator[Record]:
    said = {"name": dice.person(), "user": dice.word(24).lower()}
    said |= {name: dice.text() for name in ("said", "answered", "alt")}
    count = 0 if one_in(24, index, 21) else 130 if one_in(24, index, 1) else 3 + index % 3
    for position in range(count):
        moment = at + position * 7_003
        yield dice.record(
            f"{_PEOPLE[position % 3]}_message",
            id=ulid(moment, dice),
            created=iso_seconds(moment),
            received=iso_millis(moment),
            requester=_requester(index),
            **said,
        )
    if count:
        yield from _comments(dice, index, at + count * 7_003)


def _comments(dice: Dice, index: int, at: int) -> Iterator[Record]:
    """A note, a public comment with a file, and an event of a kind that nobody has described."""
    for position, public in enumerate((False, True)):
        comment = dice.record(
            "comment",
            id=ulid(at + position * 1000, dice),
            event=8639000000001 + index * 2 + position,
            created=iso_seconds(at + position * 1000),
            user=_FIRST_USER + index,
            public=public,
            picture=8639 + index,
        )
        yield comment if public else comment | {"attachments": []}
    if index % 2:
        at += 2000
        yield dice.record("new_event", id=ulid(at, dice), created=iso_seconds(at))


def _engagement(dice: Dice, index: int, at: int) -> Record:
    return dice.record(
        "engagement",
        engagement=dice.hex(32).upper(),
        ticket=FIRST_TICKET + index,
        requester=_requester(index),
        begun=iso_seconds(at)[:-1],
        ended=iso_seconds(at + 5 * MINUTE)[:-1],
    )


def _queue_events(dice: Dice, index: int, at: int) -> Iterator[Record]:
    ticket = FIRST_TICKET + index
    for position in range(2):
        moment = iso_seconds(at + position * 30_000)
        names = {"ticket": ticket, "work_item": str(ticket), "moment": moment}
        yield dice.record("queue_event", index=position, begun=iso_seconds(at), **names)


def _survey(dice: Dice, index: int, at: int) -> Record:
    ticket = FIRST_TICKET + index
    return dice.record(
        "survey",
        id=ulid(at, dice),
        requester=_requester(index),
        ticket=ticket,
        subject=str(ticket),
        answered=iso_seconds(at + HOUR),
        expires=iso_seconds(at + 28 * DAY),
    )


def _user(dice: Dice, index: int, changes: list[int]) -> Record:
    created, updated = iso_seconds(changes[0]), iso_seconds(changes[-1])
    user = _FIRST_USER + index
    return dice.record("user", user=user, created=created, updated=updated)


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
