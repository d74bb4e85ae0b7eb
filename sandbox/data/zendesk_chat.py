"""Zendesk chats, agents' timespans, conversions and department events.

Fields and samples: developer.zendesk.com/api-reference/live-chat/chat-api/incremental_export and
the page on chats; variances seen in public fixtures of other connectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import (
    DAY,
    HOUR,
    MINUTE,
    Dice,
    iso_micros,
    iso_seconds,
    one_in,
    utc,
)
from sandbox.vendor import Item, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_ACCOUNT = 9339545
_AGENTS = ((1730415, "David Foo"), (383486450414, "Zoë O'Brien"), (980824, "山田 太郎"))
_DEPARTMENTS = ((7282618889231, "Support"), (2148316401, "Fakturering & løn"), (None, None))
_GOALS = ((1863, "add to cart"), (1865, "place order"))
_SEARCH = (("", ""), ("www.google.com", "zendesk chat"))


class ZendeskChatSource:
    """A chat lasts minutes; two in five are tagged, rated or deleted within two days."""

    lifetime = 3 * DAY

    def __init__(self, seed: int) -> None:
        """Make the data of this seed."""
        self._seed = seed

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """Everything around one chat, as far as it has happened by `now`."""
        dice = Dice(f"{self._seed}/zendesk_chat/{index}")
        at = started + dice.randrange(MINUTE)
        ended = at + dice.randrange(10_000, 40 * MINUTE)
        settled = ended + dice.randrange(1_000, 10 * MINUTE)
        touched = settled + dice.randrange(HOUR, 2 * DAY)
        identity = f"{utc(at):%y%m}.{_ACCOUNT}.{dice.word(13)}"
        updates = [settled, touched] if index % 5 in (0, 1) else [settled]
        chat = (
            self._offline_message(dice, index, identity, at)
            if one_in(9, index, 4)
            else self._chat(dice, index, identity, at, ended)
        )
        past = [update for update in updates if update <= now]
        if past:
            chat["update_timestamp"] = iso_seconds(past[-1])
            chat["deleted"] = len(past) > 1 and index % 50 == 0
            if len(past) > 1 and chat["type"] == "chat":
                chat["tags"] = [*chat["tags"], "goodbye_survey"]
                chat["rating"] = "good" if index % 2 else "bad"
            yield "chats", chat, ""
        for stream, happened, record in (
            *self._spans(dice, index, at),
            *self._conversions(dice, index, identity, at),
            *self._department_events(dice, index, at),
            *self._agent_events(dice, index, at),
        ):
            if happened <= now:
                yield stream, record, ""

    def restamp(self, stream: str, record: dict[str, Any], at: datetime) -> None:
        """Set the time that the endpoint's cursor counts."""
        when = milliseconds(at)
        if stream == "agent_timeline":
            end = when * 1000 - round(record["duration"] * 1_000_000)
            record["start_time"] = iso_micros(end)
        else:
            record["update_timestamp" if stream == "chats" else "timestamp"] = iso_seconds(when)

    def _chat(self, dice: Dice, index: int, identity: str, at: int, ended: int) -> dict[str, Any]:
        agent_id, agent = _AGENTS[index % 3]
        department_id, department = _DEPARTMENTS[index // 2 % 3]
        missed = one_in(8, index, 7)
        count = {"agent": 1 + index % 3, "total": 2 + index % 3, "visitor": 1}
        none_yet = {"avg": None, "first": None, "max": None}
        response = none_yet if missed else {"avg": 12.333333333333334, "first": 9, "max": 17}
        skills = [9007199254740993, 12][: index % 3]
        engagement = {
            "accepted": index % 2 == 0,
            "agent_full_name": agent,
            "agent_id": str(agent_id),
            "agent_name": agent,
            "assigned": False,
            "comment": dice.text() if one_in(10, index, 1) else None,
            "count": count,
            "department_id": department_id,
            "duration": dice.seconds(2400),
            "id": f"{identity}.1",
            "rating": ("good", "bad", None)[index % 3],
            "response_time": response,
            "skills_fulfilled": bool(skills),
            "skills_requested": skills,
            "started_by": ("visitor", "agent", "transfer")[index % 3],
            "timestamp": iso_seconds(at),
        }
        if index % 4 == 0:
            engagement |= {"chat_id": identity, "agent_id": agent_id}  # as the table has it
        engine, terms = _SEARCH[index % 2]
        return {
            "abandon_time": dice.seconds(60) if missed else None,
            "agent_ids": [] if missed else [str(agent_id)],
            "agent_names": [] if missed else [agent],
            "comment": dice.text() if index % 10 == 1 else None,
            "conversions": self._chat_conversions(index, identity, at),
            "count": count,
            "deleted": False,
            "department_id": department_id,
            "department_name": department,
            "dropped": missed and index % 2 == 1,
            "duration": (ended - at) // 1000,
            "end_timestamp": iso_seconds(ended) if index % 30 else None,
            "engagements": [] if missed else [engagement],
            "history": self._history(dice, index, identity, at, ended),
            "id": identity,
            "missed": missed,
            "proactive": index % 6 == 0,
            "rating": None,
            "referrer_search_engine": engine,
            "referrer_search_terms": terms,
            "response_time": response,
            "session": self._session(dice, at, ended),
            "skills_fulfilled": bool(skills),
            "skills_requested": skills,
            "started_by": ("visitor", "agent", "trigger")[index % 3],
            "tags": ["one"] if index % 2 else [],
            "timestamp": iso_seconds(at),
            "triggered": index % 7 == 0,
            "triggered_response": True if index % 14 == 0 else None,
            "type": "chat",
            "unread": 1 if index % 25 == 1 else False,
            "update_timestamp": "",
            "visitor": self._visitor(dice),
            "webpath": self._webpath(index, at),
            "zendesk_ticket_id": 83 + index if index % 3 else None,
        }

    def _offline_message(self, dice: Dice, index: int, identity: str, at: int) -> dict[str, Any]:
        """Only these keys: the others are absent, not null."""
        department_id, department = _DEPARTMENTS[index % 3]
        session = self._session(dice, at, at)
        if index % 2:
            session["start_date"] = iso_seconds(at).replace("Z", "+00:00Z")  # seen as it is
        return {
            "deleted": False,
            "department_id": department_id,
            "department_name": department,
            "id": identity,
            "message": dice.text(),
            "session": session,
            "tags": [],
            "timestamp": iso_seconds(at),
            "type": "offline_msg",
            "unread": True,
            "update_timestamp": "",
            "visitor": self._visitor(dice),
            "webpath": [],
            "zendesk_ticket_id": 9007199254740993 + index,
        }

    @staticmethod
    def _visitor(dice: Dice) -> dict[str, Any]:
        return {
            "email": dice.choice(("", "visitor@example.com")),
            "id": f"{_ACCOUNT}.{dice.word(15)}",
            "name": dice.person(),
            "notes": dice.text(),
            "phone": dice.choice(("", "+61 2 5550 1234")),
        }

    @staticmethod
    def _session(dice: Dice, at: int, ended: int) -> dict[str, Any]:
        return {
            "browser": "Chrome",
            "city": dice.choice(("Sydney", "Århus", "")),
            "country_code": "AU",
            "country_name": "Australia",
            "end_date": iso_seconds(ended),
            "id": f"{utc(at):%y%m%d}.{_ACCOUNT}.{dice.word(17)}",
            "ip": "203.0.113.49",
            "platform": "Mac OS",
            "region": "New South Wales",
            "start_date": iso_seconds(at - 4 * MINUTE),
            "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_3) Chrome/87.0.4280.88",
        }

    @staticmethod
    def _webpath(index: int, at: int) -> list[Any]:
        path: list[Any] = [
            {
                "from": "",
                "timestamp": iso_seconds(at - 4 * MINUTE),
                "title": "Zendesk \u2013 Hilfe",
                "to": "https://subdomain.zendesk.com/hc/en-us",
            }
        ]
        if one_in(35, index, 3):
            path.append([1, "an item that is a list"])
        return path

    @staticmethod
    def _history(
        dice: Dice, index: int, identity: str, at: int, ended: int
    ) -> list[dict[str, Any]]:
        agent_id, agent = _AGENTS[index % 3]
        department_id, department = _DEPARTMENTS[index // 2 % 3]
        channel = f"#supportchat:{_ACCOUNT}-11mjg3Gvk0uhEiK"
        visitor = dice.person()
        events: list[dict[str, Any]] = [
            {
                "type": "chat.memberjoin",
                "name": visitor,
                "department_id": department_id,
                "department_name": department,
                "source": "chat.invite",
            },
            {
                "type": "chat.msg",
                "name": agent,
                "agent_id": str(agent_id),
                "msg": dice.text(),
                "options": "Yes/No" if index % 3 else "",
                "sender_type": "Agent",
            },
            {
                "type": "chat.msg",
                "name": visitor,
                "msg": dice.text(),
                "msg_id": at if index % 4 == 0 else str(at),
                "options": "",
                "sender_type": "Visitor",
            },
            {"type": "chat.tag", "name": agent, "new_tags": ["one"], "tags": []},
            {"type": "chat.rating", "name": visitor, "rating": "bad", "new_rating": "good"},
            {"type": "chat.comment", "name": visitor, "comment": "", "new_comment": dice.text()},
            {
                "type": "chat.transfer",
                "name": agent,
                "department_id": 7282618889231 if index % 2 else "7282618889231",
                "prev_department_id": "2148316401" if index % 2 else 2148316401,
                "department_name": "Support",
            },
            {"type": "chat.skill", "name": agent, "skills_name": ["Deutsch", "VIP"]},
            {
                "type": "chat.file",
                "name": visitor,
                "attachment": {
                    "name": "bild ä.png",
                    "mime_type": "image/png",
                    "size": 12345,
                    "url": f"https://v2.zopim.com/{identity}",
                    "metadata": {"width": 640, "height": 480},
                },
                "deleted": False,
            },
            {"type": "chat.memberleave", "name": visitor, "reason": "user_leave_chat"},
        ]
        kept = [events[0], *events[1 : 3 + index % 7], events[-1]]
        for position, event in enumerate(kept):
            event["channel"] = channel
            when = at + (ended - at) * position // len(kept)
            event["timestamp"] = (
                iso_micros(when * 1000) if one_in(6, index, 5) else iso_seconds(when)
            )
            if not one_in(12, index, 11):  # absent in data of 2017
                event["index"] = position
        return kept

    @staticmethod
    def _chat_conversions(index: int, identity: str, at: int) -> list[dict[str, Any]]:
        if index % 6:
            return []
        agent_id, agent = _AGENTS[index % 3]
        return [
            {
                "attribution": {
                    "agent_id": agent_id,
                    "agent_name": agent,
                    "chat_timestamp": iso_seconds(at),
                    "department_id": None,
                    "department_name": None,
                },
                "goal_id": 1863,
                "goal_name": "add to cart",
                "id": f"{identity}.v.1863",
                "timestamp": iso_seconds(at + MINUTE),
            }
        ]

    @staticmethod
    def _spans(dice: Dice, index: int, at: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """An agent's timespans, some within one second of each other as in the sample."""
        agent_id, _ = _AGENTS[index % 3]
        start = at * 1000 + dice.randrange(1000)
        for position in range(3):
            length = 293_610 if position == 1 else dice.randrange(1_000_000, 3_600_000_000)
            span = {
                "agent_id": agent_id,
                "duration": length / 1_000_000,
                "engagement_count": (index + position) % 4,
                "start_time": iso_micros(start),
                "status": ("away", "invisible", "online")[position],
            }
            start += length
            yield "agent_timeline", start // 1000 + 1, span

    @staticmethod
    def _conversions(
        dice: Dice, index: int, identity: str, at: int
    ) -> Iterator[tuple[str, int, dict[str, Any]]]:
        if index % 3:
            return
        goal_id, goal = _GOALS[index % 2]
        when = at + dice.randrange(20 * MINUTE)
        attributed = index % 4 != 0
        agent_id, _ = _AGENTS[index % len(_AGENTS)]
        yield (
            "conversions",
            when,
            {
                "attribution": {
                    "agent_id": agent_id if attributed else None,
                    "chat_id": identity if attributed else None,
                    "chat_timestamp": iso_seconds(at) if attributed else None,
                    "department_id": 7282618889231 if attributed and index % 2 else None,
                },
                "goal_id": goal_id,
                "goal_name": goal,
                "id": f"{utc(when):%y%m}.2234024.v.{goal_id}.{dice.word(22)}",
                "timestamp": iso_seconds(when),
            },
        )

    @staticmethod
    def _department_events(
        dice: Dice, index: int, at: int
    ) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """The form of `value` is undocumented, but for being an object."""
        department_id, _ = _DEPARTMENTS[index % 3]
        for position in range(2):
            when = at + position * dice.randrange(1_000, 5 * MINUTE)
            event = {
                "id": f"{utc(when):%y%m}.{_ACCOUNT}.d.{dice.word(20)}",
                "department_id": department_id,
                "timestamp": iso_seconds(when),
                "field_name": "queue_sizes",
                "value": {"online": position, "skills": {"12": index % 5}, "share": 0.1 + 0.2},
                "previous_value": {"online": 1 - position} if index % 4 else None,
            }
            if one_in(4, index, 2):
                del event["previous_value"]
            yield "department_events", when, event

    @staticmethod
    def _agent_events(dice: Dice, index: int, at: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """An agent comes and gets a chat: `value` is text for a status, and else a number."""
        agent_id, _ = _AGENTS[index % 3]
        for position, (field, before, after) in enumerate(
            (("status", "offline", "online"), ("engagements", index % 3, index % 3 + 1))
        ):
            when = at + position * dice.randrange(1_000, 5 * MINUTE)
            event = {
                "account_id": _ACCOUNT,
                "agent_id": agent_id,
                "field_name": field,
                "id": f"{dice.word(7)}.agent:{agent_id}.{dice.word(6)}",
                "previous_value": before,
                "timestamp": iso_micros(when * 1000 + dice.randrange(1000)),
                "value": after,
            }
            yield "agent_events", when, event
