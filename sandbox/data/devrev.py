"""DevRev conversations.

Fields: the schema `conversation` of DevRev's OpenAPI document (beta, January 2026), spelt out.
Some records have the older fields too that the conversation of a webhook has in DevRev's public
snap-in examples (`id_v1`, `thumbnail` and others), for its APIs share what they send.
Timestamps as seen live: RFC 3339 in UTC, fractions of any length with trailing zeros dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import DAY, HOUR, MINUTE, Dice, iso_seconds, one_in
from sandbox.vendor import Item, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_ORG = "don:core:dvrv-us-1:devo/0sandbox"
_IDENTITY = "don:identity:dvrv-us-1:devo/0sandbox"
_USER_TYPES = ("dev_user", "rev_user", "service_account", "sys_user")
_USER_STATES = ("active", "deactivated", "deleted", "locked", "shadow", "unassigned")
_PART_TYPES = ("capability", "enhancement", "feature", "linkable", "product", "runnable")
_SLA_STAGES = ("breached", "completed", "paused", "running", "warning")
_SYSTEMS = ("adaas", "jira", "zendesk")
_PRECISIONS = (3, 2, 1, 0, 6, 9, 3, 7, 4)
"""Digits of a second's fraction, as they vary from record to record."""


class DevRevSource:
    """A conversation is created, answered over hours and touched for up to two days."""

    lifetime = 3 * DAY

    def __init__(self, seed: int) -> None:
        """Make the data of this seed."""
        self._seed = seed

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """The conversation as it stands at `now`."""
        dice = Dice(f"{self._seed}/devrev/{index}")
        created = started + dice.randrange(MINUTE)
        touches = [created]
        for _ in range(dice.randrange(4)):
            touches.append(touches[-1] + dice.randrange(1_000, 16 * HOUR))
        past = [at for at in touches if at <= now]
        if not past:
            return
        record = self._conversation(dice, index, created, past[-1])
        if index % 3 == 1:  # a later schema: these came between July 2025 and January 2026
            for name in ("account", "applies_to_parts", "is_frozen", "sentiment"):
                del record[name]
        if one_in(20, index, 19):  # only these two are required, beside the dates
            kept = ("id", "members", "created_date", "modified_date", "display_id")
            record = {name: record[name] for name in kept}
        if _is_older(index):
            orgs = [user["rev_org"] for user in record["members"] if "rev_org" in user]
            record |= {
                "id_v1": f"don:DEV-0sandbox:conversation:{index}",
                "broadcast_channels": ["chat"],
                "rev_orgs": [org for org in orgs if org["type"] == "rev_org"],
                "state": "open",
                "status": "open",
            }
        yield "conversations", record, ""

    def restamp(self, stream: str, record: dict[str, Any], at: datetime) -> None:  # noqa: ARG002
        """Set `modified_date`."""
        record["modified_date"] = date_text(milliseconds(at), 3)

    def _conversation(self, dice: Dice, index: int, created: int, modified: int) -> dict[str, Any]:
        identity = f"{_ORG}:conversation/{index}"
        precision = _PRECISIONS[index % len(_PRECISIONS)]
        final = index % 2 == 0
        tracker = f"{_ORG}:sla_tracker/{index}"
        return {
            "id": identity,
            "display_id": f"CONV-{index}",
            "created_by": _user(dice, index),
            "created_date": date_text(created, 3),
            "modified_by": _user(dice, index + 1),
            "modified_date": date_text(modified, precision, dice),
            "account": {
                "display_id": "ACC-1",
                "id": f"{_IDENTITY}:account/1",
                "display_name": "Ærø Færgerne A/S",
            },
            "actual_close_date": date_text(modified, 2),
            "applies_to_parts": [_part(dice, index)],
            "channels": [{"display_id": "CH-1", "id": f"{_ORG}:channel/1"}],
            "custom_fields": _custom_fields(dice, index),
            "custom_schema_fragments": [f"{_ORG}:custom_type_fragment/{index % 5}"],
            "description": dice.text(),
            "group": {
                "display_id": "GROUP-2",
                "id": f"{_IDENTITY}:group/2",
                "member_type": ("dev_user", "rev_user")[index % 2],
                "name": "Tier 2 “escalations”",
                "sync_metadata": {"external_reference": "g-2", "origin_system": "zendesk"},
            },
            "is_frozen": index % 4 == 0,
            "last_external_message_date": date_text(modified, 6, dice),
            "members": [_user(dice, index + place) for place in range(index % 5)],
            "messages": [_message(dice, index, place, created) for place in range(index % 4)],
            "metadata": {"url_context": "https://example.com/hjælp?x=1&y=<2>"},
            "owned_by": [_user(dice, 3 * index)],
            "sentiment": {
                "id": 2**53 + 1 + index,
                "label": "Happy 😀",
                "ordinal": index % 5,
                "value": (1, "happy", 0.1, {"scale": [1, 5]}, None)[index % 5],
            },
            "sentiment_modified_date": date_text(modified, 0),
            "sentiment_summary": dice.text(),
            "sla_summary": _sla_summary(dice, index, tracker, created),
            "sla_tracker": {
                "display_id": f"SLAT-{index}",
                "id": tracker,
                "applies_to_type": "conversation",
            },
            "source_channel": ("plug", "email", "slack")[index % 3],
            "source_channel_v2": {"display_id": "CH-1", "id": f"{_ORG}:channel/1"},
            "stage": {
                "name": "resolved" if final else "waiting_on_user",
                "notes": dice.text(),
                "ordinal": index % 7,
                "stage": {
                    "display_id": "STAGE-1",
                    "id": f"{_ORG}:custom_stage/1",
                    "name": "resolved",
                    "sync_metadata": {"origin_system": "jira"},
                },
                "state": {
                    "display_id": "STATE-1",
                    "id": f"{_ORG}:custom_state/1",
                    "is_final": final,
                    "name": "closed" if final else "open",
                    "sync_metadata": {"origin_system": "jira"},
                },
            },
            "stock_schema_fragment": "don:core:dvrv-us-1:stock_sf/1",
            "subtype": "complaint" if index % 3 else "",
            "sync_metadata": _sync(index, modified),
            "tags": [
                {
                    "tag": {
                        "display_id": f"TAG-{place}",
                        "id": f"{_ORG}:tag/{place}",
                        "name": ("bug 🐛", "vip", "größe")[place],
                        "style_new": {"color": "#ff0000"},
                    },
                    "value": str(place),
                }
                for place in range(index % 4)
            ],
            "title": dice.text(),
        }


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
    number = index % 50
    user: dict[str, Any] = {
        "type": kind,
        "display_id": f"{kind.upper()}-{number}",
        "id": f"{_IDENTITY}:{kind}/{number}",
        "display_name": dice.person(),
        "display_picture": {
            "display_id": "ARTIFACT-1",
            "id": f"{_ORG}:artifact/1",
            "file": {"type": "image/png", "name": "mig.png", "size": 2**31 - 1},
        },
        "email": "user@example.com",
        "full_name": dice.person(),
        "state": _USER_STATES[index % len(_USER_STATES)],
    }
    if kind == "rev_user":
        user["external_ref"] = "ext-00012345678901234567890"
        org = ("account", "dev_org", "rev_org")[index // 4 % 3]
        user["rev_org"] = {
            "type": org,
            "display_id": "REV-1",
            "id": f"{_IDENTITY}:{org}/1",
            "display_name": "Example GmbH & Co",
        }
        if org == "dev_org":
            user["rev_org"]["dev_slug"] = "example"
    if one_in(6, index, 5):
        del user["display_picture"], user["email"]
    if _is_older(index):
        user["id_v1"] = f"don:DEV-0sandbox:{kind}:{number}"
        user["display_handle"] = f"user-{number}"
        user["thumbnail"] = "https://example.com/display-picture/user.svg"
        if "rev_org" in user:
            user["rev_org"]["id_v1"] = "don:DEV-0sandbox:rev_org:REV-1"
            user["rev_org"]["thumbnail"] = "https://example.com/display-picture/org.svg"
    return user


def _part(dice: Dice, index: int) -> dict[str, Any]:
    kind = _PART_TYPES[index % len(_PART_TYPES)]
    older = {"id_v1": f"don:DEV-0sandbox:{kind}:1"} if _is_older(index) else {}
    return {
        **older,
        "type": kind,
        "display_id": f"{kind.upper()}-1",
        "id": f"{_ORG}:{kind}/1",
        "name": "Søgning",
        "owned_by": [_user(dice, index)],
        "sync_metadata": {"external_reference": "p-1", "origin_system": "jira"},
    }


def _custom_fields(dice: Dice, index: int) -> dict[str, Any]:
    """Free keys by tenant (`tnt__`), subtype (`ctype__`), app; they vary by record."""
    fields: dict[str, Any] = {
        "tnt__text": dice.text(),
        "tnt__score": dice.random(),
        "tnt__uenum": 2**40 + index,
        "tnt__when": "2025-02-30",
        "tnt__flags": [True, False],
        "ctype__reason": {"id": 1, "label": "Late", "ordinal": 1},
        "app_x__struct": {"a": {"b": [1, 2.5, "3"]}},
    }
    kept = list(fields)[: index % (len(fields) + 1)]
    return {name: fields[name] for name in kept} | ({f"tnt__n{index % 9}": None} if kept else {})


def _message(dice: Dice, index: int, place: int, created: int) -> dict[str, Any]:
    conversation = f"{_ORG}:conversation/{index}"
    when = created + place * MINUTE
    kind = ("timeline_comment", "timeline_comment", "timeline_change_event")[place]
    entry: dict[str, Any] = {
        "type": kind,
        "created_by": _user(dice, index),
        "created_date": date_text(when, 6, dice),
        "display_id": f"COMMENT-{place}",
        "id": f"{conversation}:comment/{dice.word(12)}",
        "modified_by": _user(dice, index + 1),
        "modified_date": date_text(when, 9, dice),
        "external_ref": "",
        "labels": ["label"],
        "object": conversation,
        "object_display_id": f"CONV-{index}",
        "object_type": "conversation",
        "panels": ["customer_chat"],
        "reactions": [{"emoji": "👍", "reacted": True, "total_users": 2}],
        "sync_metadata": _sync(index, created),
        "thread": {"total_replies": place},
        "visibility": ("external", "internal", "private", "public")[index % 4],
    }
    if kind == "timeline_change_event":
        before, after = {"type": "bool", "value": True}, {"type": "text", "value": dice.text()}
        events: tuple[dict[str, Any], ...] = (
            {"type": "created", "created": {"object": {"type": "account", "id": conversation}}},
            {"type": "deleted", "deleted": {"object_id": conversation}},
            {
                "type": "updated",
                "updated": {
                    "field_deltas": [{"name": "stage", "old_value": before, "new_value": after}],
                    "object_type": "conversation",
                },
            },
            {"type": "linked", "linked": {"link": {"id": conversation, "link_type": "imports"}}},
        )
        return entry | {"event": events[index // 4 % 4]}
    entry |= {
        "artifacts": [{"id": f"{_ORG}:artifact/2", "file": {"name": "ø.txt", "size": 0}}],
        "body_type": ("text", "snap_kit", "snap_widget", "data")[(index + place) % 4],
        "references": [{"type": "article", "id": f"{_ORG}:article/1", "title": dice.text()}],
    }
    if entry["body_type"] == "snap_kit":
        entry["snap_kit_body"] = {
            "body": {"snaps": []},
            "snap_in_action_name": "act",
            "snap_in_id": f"{_ORG}:snap_in/1",
        }
    if entry["body_type"] == "snap_widget":
        entry["snap_widget_body"] = [_email_preview(dice, when)]
    if (index + place) % 7:  # a deleted comment has lost its body
        entry["body"] = dice.text()
    return entry


def _email_preview(dice: Dice, at: int) -> dict[str, Any]:
    address = {"email": "a@example.com", "name": dice.person()}
    return {
        "type": "email_preview",
        "created_date": date_text(at, 3),
        "id": f"{_ORG}:widget/1",
        "name": "email",
        "namespace": "email_preview",
        "status": "published",
        **{name: [address] for name in ("from", "to", "cc", "bcc", "reply_to")},
        "html_body": f"<p>{dice.text()}</p>",
        "inlines": [],
        "is_spam": False,
        "message_id": "<1@example.com>",
        "references": ["<0@example.com>"],
        "sent_timestamp": date_text(at, 0),
        "subject": dice.text(),
        "text_body": dice.text(),
    }


def _sla_summary(dice: Dice, index: int, tracker: str, created: int) -> dict[str, Any]:
    target = date_text(created + HOUR, 3)
    schedule = {
        "display_id": "SCHEDULE-1",
        "id": f"{_ORG}:org_schedule/1",
        "name": "9\u201317",
        "status": "published",
        "timezone": "Europe/Copenhagen",
        "valid_until": target,
    }
    metric = {"display_id": "METRIC-1", "id": f"{_ORG}:metric/1", "name": "First response"}
    return {
        "closest_to_breach_metric": metric["id"],
        "org_schedule": {**schedule, "version_number": 2**40},
        "remaining_time": -index,
        "sla_tracker": {
            "created_by": _user(dice, index),
            "created_date": date_text(created, 3),
            "display_id": f"SLAT-{index}",
            "id": tracker,
            "modified_by": _user(dice, index),
            "modified_date": date_text(created, 6, dice),
            "applies_to_id": f"{_ORG}:conversation/{index}",
            "applies_to_type": "conversation",
            "metric_target_summaries": [
                {
                    "breached_at": target,
                    "completed_at": target,
                    "completed_in": 3,
                    "completed_in_seconds": 190,
                    "in_policy": index % 2 == 0,
                    "is_out_of_schedule": False,
                    "metric_definition": metric,
                    "next_schedule_transition": target,
                    "org_schedule": schedule,
                    "org_schedule_version": 2,
                    "remaining_time": 0,
                    "stage": "completed",
                    "status": "hit",
                    "target_time": target,
                    "warning_target_time": target,
                }
            ],
            "removed_sla_metric_history": [
                {
                    "metric_definition": metric,
                    "removed_at": target,
                    "removed_by": _user(dice, index),
                }
            ],
            "sla": {
                "display_id": "SLA-1",
                "id": f"{_ORG}:sla/1",
                "name": "Gold",
                "sla_type": ("external", "internal")[index % 2],
                "status": "published",
            },
            "sla_policy_id": f"{_ORG}:sla_policy/1",
            "stage": "active",
            "status": "running",
        },
        "stage": _SLA_STAGES[index % len(_SLA_STAGES)],
        "target_time": target,
    }


def _sync(index: int, at: int) -> dict[str, Any]:
    unit = {
        "display_id": "SYNC-1",
        "id": f"{_ORG}:sync_unit/1",
        "external_sync_unit_name": "Zendesk DK",
        "external_system_id": "1",
        "external_system_name": "zendesk",
        "external_system_type": _SYSTEMS[index % len(_SYSTEMS)],
        "is_archived": False,
        "name": "import",
        "sync_run": {"mode": "initial", "progress": {"state": "completed"}},
        "sync_type": ("manual", "periodic")[index % 2],
    }
    last = {"status": ("failed", "modified", "succeeded")[index % 3], "sync_date": date_text(at, 3)}
    return {
        "external_record_id": str(index),
        "external_record_type": "ticket",
        "external_reference": f"https://example.com/{index}",
        "last_sync_in": {**last, "sync_unit": unit},
        "last_sync_out": {**last, "sync_unit": unit},
        "origin_system": "zendesk",
    }
