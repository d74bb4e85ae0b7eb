"""Zendesk chats, agents' timespans, conversions and events: see `zendesk_chat.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import (
    DAY,
    HOUR,
    MINUTE,
    iso_micros,
    iso_seconds,
    one_in,
    utc,
)
from sandbox.data.templates import Dice, Templates
from sandbox.vendor import Item, Source, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sandbox.table import Record

    Event = tuple[str, int, Record]
    """A stream, the moment (ms) and the record."""

_RECORDS = Templates("zendesk_chat.json")
_ACCOUNT = 9339545
_AGENTS = ((1730415, "David Foo"), (383486450414, "Zoë O'Brien"), (980824, "山田 太郎"))
_DEPARTMENTS = ((7282618889231, "Support"), (2148316401, "Fakturering & løn"), (None, None))
_GOALS = ((1863, "add to cart"), (1865, "place order"))


class ZendeskChatSource(Source):
    """A chat lasts minutes; two in five are tagged, rated or deleted within two days."""

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """Everything around one chat, as far as it has happened by `now`."""
        dice = _RECORDS.dice(f"{self._seed}/zendesk_chat", index)
        at = started + dice.randrange(MINUTE)
        ended = at + dice.randrange(10_000, 40 * MINUTE)
        settled = ended + dice.randrange(1_000, 10 * MINUTE)
        touched = settled + dice.randrange(HOUR, 2 * DAY)
        identity = f"{utc(at):%y%m}.{_ACCOUNT}.{dice.word(13)}"
        updates = [settled, touched] if index % 5 in (0, 1) else [settled]
        chat = (
            _offline_message(dice, index, identity, at)
            if one_in(9, index, 4)
            else _chat(dice, index, identity, at, ended)
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
            *_spans(dice, index, at),
            *_conversions(dice, index, identity, at),
            *_department_events(dice, index, at),
            *_agent_events(dice, index, at),
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


def _names(index: int, department: int) -> dict[str, Any]:
    """The agent and the department of a chat."""
    agent_id, agent = _AGENTS[index % 3]
    department_id, name = _DEPARTMENTS[department % 3]
    return {
        "agent_id": agent_id,
        "agent_text": str(agent_id),
        "agent": agent,
        "department_id": department_id,
        "department": name,
    }


def _chat(dice: Dice, index: int, identity: str, at: int, ended: int) -> Record:
    names = {
        **_names(index, index // 2),
        "id": identity,
        "at": iso_seconds(at),
        "came": iso_seconds(at - 4 * MINUTE),
        "is_missed": one_in(8, index, 7),
    }
    engagement = dice.record("engagement", **names)
    if index % 4 == 0:
        engagement |= {"chat_id": identity, "agent_id": names["agent_id"]}  # as the table has it
    webpath: list[Any] = [dice.record("webpath", **names)]
    if one_in(35, index, 3):
        webpath.append([1, "an item that is a list"])
    return dice.record(
        "chat",
        **names,
        converted=iso_seconds(at + MINUTE),
        duration=(ended - at) // 1000,
        ended=iso_seconds(ended) if index % 30 else None,
        engagement=engagement,
        history=lambda: _history(dice, index, at, ended, names),
        session=lambda: _session(dice, at, ended),
        webpath=webpath,
        ticket=83 + index if index % 3 else None,
    )


def _offline_message(dice: Dice, index: int, identity: str, at: int) -> Record:
    """Only these keys: the others are absent, not null."""
    session = _session(dice, at, at)
    if index % 2:
        session["start_date"] = iso_seconds(at).replace("Z", "+00:00Z")  # seen as it is
    return dice.record(
        "offline_message",
        **_names(index, index),
        id=identity,
        session=session,
        at=iso_seconds(at),
        large=9007199254740993 + index,
    )


def _session(dice: Dice, at: int, ended: int) -> Record:
    came, day = iso_seconds(at - 4 * MINUTE), f"{utc(at):%y%m%d}"
    return dice.record("session", day=day, came=came, end=iso_seconds(ended))


def _history(
    dice: Dice, index: int, at: int, ended: int, names: dict[str, Any]
) -> list[dict[str, Any]]:
    visitor, number = dice.person(), at if index % 4 == 0 else str(at)
    history = dice.record("history", visitor=visitor, msg_id=number, **names)
    events = list(history.values())
    kept = [events[0], *events[1 : 3 + index % 7], events[-1]]
    for position, event in enumerate(kept):
        event["channel"] = f"#supportchat:{_ACCOUNT}-11mjg3Gvk0uhEiK"
        when = at + (ended - at) * position // len(kept)
        event["timestamp"] = iso_micros(when * 1000) if one_in(6, index, 5) else iso_seconds(when)
        if not one_in(12, index, 11):  # absent in data of 2017
            event["index"] = position
    return kept


def _spans(dice: Dice, index: int, at: int) -> Iterator[Event]:
    """An agent's timespans, some within one second of each other as in the sample."""
    start = at * 1000 + dice.randrange(1000)
    for position in range(3):
        length = 293_610 if position == 1 else dice.randrange(1_000_000, 3_600_000_000)
        span = dice.record(
            "span",
            index=position,
            agent_id=_AGENTS[index % 3][0],
            duration=length / 1_000_000,
            engagements=(index + position) % 4,
            start=iso_micros(start),
        )
        start += length
        yield "agent_timeline", start // 1000 + 1, span


def _conversions(dice: Dice, index: int, identity: str, at: int) -> Iterator[Event]:
    if index % 3:
        return
    goal_id, goal = _GOALS[index % 2]
    when = at + dice.randrange(20 * MINUTE)
    conversion = dice.record(
        "conversion",
        agent_id=_AGENTS[index % len(_AGENTS)][0],
        chat=identity,
        at=iso_seconds(at),
        department_id=7282618889231 if index % 2 else None,
        goal_id=goal_id,
        goal=goal,
        month=f"{utc(when):%y%m}",
        when=iso_seconds(when),
    )
    if index % 4 == 0:
        conversion["attribution"] = dict.fromkeys(conversion["attribution"])
    yield "conversions", when, conversion


def _department_events(dice: Dice, index: int, at: int) -> Iterator[Event]:
    """The form of `value` is undocumented, but for being an object."""
    for position in range(2):
        when = at + position * dice.randrange(1_000, 5 * MINUTE)
        event = dice.record(
            "department_event",
            month=f"{utc(when):%y%m}",
            department_id=_DEPARTMENTS[index % 3][0],
            when=iso_seconds(when),
            online=position,
            before={"online": 1 - position} if index % 4 else None,
        )
        if one_in(4, index, 2):
            del event["previous_value"]
        yield "department_events", when, event


def _agent_events(dice: Dice, index: int, at: int) -> Iterator[Event]:
    """An agent comes and gets a chat: `value` is text for a status, and else a number."""
    changes = ("status", "offline", "online"), ("engagements", index % 3, index % 3 + 1)
    for position, (field, before, after) in enumerate(changes):
        when = at + position * dice.randrange(1_000, 5 * MINUTE)
        moment = when * 1000
        event = dice.record(
            "agent_event",
            agent_id=_AGENTS[index % 3][0],
            field=field,
            before=before,
            after=after,
            moment=lambda moment=moment: iso_micros(moment + dice.randrange(1000)),
        )
        yield "agent_events", when, event
