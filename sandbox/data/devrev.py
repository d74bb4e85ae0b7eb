"""DevRev conversations, as `devrev_conversations.json` shows them.

Some records have the older fields too that the conversation of a webhook has, for DevRev's APIs
share what they send. Timestamps as seen live: RFC 3339 in UTC, fractions of any length with
trailing zeros dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import HOUR, MINUTE, iso_seconds, one_in
from sandbox.data.templates import Dice, Templates
from sandbox.vendor import Item, Source, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_RECORDS = Templates("devrev_conversations.json")
_USER_TYPES = ("dev_user", "rev_user", "service_account", "sys_user")
_PART_TYPES = ("capability", "enhancement", "feature", "linkable", "product", "runnable")
_PRECISIONS = (3, 2, 1, 0, 6, 9, 3, 7, 4)
"""Digits of a second's fraction, as they vary from record to record."""


class DevRevSource(Source):
    """A conversation is created, answered over hours and touched for up to two days."""

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """The conversation as it stands at `now`."""
        dice = _RECORDS.dice(f"{self._seed}/devrev", index)
        created = started + dice.randrange(MINUTE)
        touches = [created]
        for _ in range(dice.randrange(4)):
            touches.append(touches[-1] + dice.randrange(1_000, 16 * HOUR))
        past = [at for at in touches if at <= now]
        if not past:
            return
        record = _conversation(dice, index, created, past[-1])
        if index % 3 == 1:  # a later schema: these came between July 2025 and January 2026
            for name in ("account", "applies_to_parts", "is_frozen", "sentiment"):
                del record[name]
        if one_in(20, index, 19):  # only these two are required, beside the dates
            kept = ("id", "members", "created_date", "modified_date", "display_id")
            record = {name: record[name] for name in kept}
        if _is_older(index):
            orgs = [user["rev_org"] for user in record["members"] if "rev_org" in user]
            rev_orgs = [org for org in orgs if org["type"] == "rev_org"]
            record |= dice.record("older", rev_orgs=rev_orgs)
        yield "conversations", record, ""

    def restamp(self, stream: str, record: dict[str, Any], at: datetime) -> None:  # noqa: ARG002
        """Set `modified_date`."""
        record["modified_date"] = date_text(milliseconds(at), 3)


def _conversation(dice: Dice, index: int, created: int, modified: int) -> dict[str, Any]:
    precision = _PRECISIONS[index % len(_PRECISIONS)]
    return dice.record(
        "conversation",
        user=lambda: _user(dice, index),
        next_user=lambda: _user(dice, index + 1),
        owner=lambda: _user(dice, 3 * index),
        created=date_text(created, 3),
        modified=lambda: date_text(modified, precision, dice),
        last_message=lambda: date_text(modified, 6, dice),
        closed=date_text(modified, 2),
        sensed=date_text(modified, 0),
        part=lambda: _part(dice, index),
        custom_fields=lambda: _custom_fields(dice, index),
        fragment=index % 5,
        members=lambda: [_user(dice, index + place) for place in range(index % 5)],
        messages=lambda: [_message(dice, index, place, created) for place in range(index % 4)],
        large=2**53 + 1 + index,
        sla_summary=lambda: _sla_summary(dice, index, created),
        sync=_sync(dice, index, modified),
        tags=[dice.record("tag", index=at, number=str(at)) for at in range(index % 4)],
    )


def _is_older(index: int) -> bool:
    return one_in(7, index, 3)


def date_text(ms: int, digits: int, dice: Dice | None = None) -> str:
    """RFC 3339 with at most so many digits of a second, trailing zeros dropped as Go does.

    Digits beyond the milliseconds are made up; those below are cut off.
    """
    beyond = dice.randrange(1_000_000) if dice else 0
    fraction = f"{ms % 1000:03d}{beyond:06d}"[:digits].rstrip("0")
    whole = iso_seconds(ms)
    return f"{whole[:-1]}.{fraction}Z" if fraction else whole


def _user(dice: Dice, index: int) -> dict[str, Any]:
    kind = _USER_TYPES[index % len(_USER_TYPES)]
    names = {"index": index, "kind": kind, "KIND": kind.upper(), "number": index % 50}
    user = dice.record("user", **names)
    if kind == "rev_user":
        org = ("account", "dev_org", "rev_org")[index // 4 % 3]
        user |= dice.record("rev_user", org=org)
        if org == "dev_org":
            user["rev_org"]["dev_slug"] = "example"
    if one_in(6, index, 5):
        del user["display_picture"], user["email"]
    if _is_older(index):
        user |= dice.record("older_user", **names)
        if "rev_org" in user:
            user["rev_org"] |= dice.record("older_org")
    return user


def _part(dice: Dice, index: int) -> dict[str, Any]:
    kind = _PART_TYPES[index % len(_PART_TYPES)]
    older = {"id_v1": f"don:DEV-0sandbox:{kind}:1"} if _is_older(index) else {}
    user = _user(dice, index)
    return older | dice.record("part", kind=kind, KIND=kind.upper(), user=user)


def _custom_fields(dice: Dice, index: int) -> dict[str, Any]:
    """Free keys by tenant (`tnt__`), subtype (`ctype__`), app; they vary by record."""
    fields = dice.record("custom_fields", large=2**40 + index)
    kept = list(fields)[: index % (len(fields) + 1)]
    return {name: fields[name] for name in kept} | ({f"tnt__n{index % 9}": None} if kept else {})


def _message(dice: Dice, index: int, place: int, created: int) -> dict[str, Any]:
    when = created + place * MINUTE
    kind = ("timeline_comment", "timeline_comment", "timeline_change_event")[place]
    entry = dice.record(
        "message",
        kind=kind,
        place=place,
        user=lambda: _user(dice, index),
        next_user=lambda: _user(dice, index + 1),
        created=lambda: date_text(when, 6, dice),
        modified=lambda: date_text(when, 9, dice),
        sync=_sync(dice, index, created),
    )
    if kind == "timeline_change_event":
        change = ("created", "deleted", "updated", "linked")[index // 4 % 4]
        return entry | {"event": dice.record(change, changed=dice.text())}
    body_type = ("text", "snap_kit", "snap_widget", "data")[(index + place) % 4]
    entry |= dice.record("comment", body_type=body_type)
    if body_type == "snap_kit":
        entry |= dice.record("snap_kit")
    if body_type == "snap_widget":
        dates = {"created": date_text(when, 3), "sent": date_text(when, 0)}
        entry |= dice.record("snap_widget", name=dice.person(), **dates)
    if (index + place) % 7:  # a deleted comment has lost its body
        entry["body"] = dice.text()
    return entry


def _sla_summary(dice: Dice, index: int, created: int) -> dict[str, Any]:
    return dice.record(
        "sla_summary",
        target=date_text(created + HOUR, 3),
        remaining=-index,
        user=lambda: _user(dice, index),
        created=date_text(created, 3),
        modified=lambda: date_text(created, 6, dice),
    )


def _sync(dice: Dice, index: int, at: int) -> dict[str, Any]:
    return dice.record(
        "sync_metadata",
        at=date_text(at, 3),
        unit=dice.record("sync_unit"),
        number=str(index),
    )
