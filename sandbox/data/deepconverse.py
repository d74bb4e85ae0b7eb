"""DeepConverse conversations and messages: see `deepconverse.json`.

The documents promise a `sender` without listing it: some messages have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import MINUTE, one_in
from sandbox.data.templates import Dice, Templates
from sandbox.vendor import Item, Source, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sandbox.table import Record

BOTS = ("r3-218210", "support-bot")
_RECORDS = Templates("deepconverse.json")
_TAGS = ("resolved", "informed", "liveChat", "csat ⭐")


class DeepConverseSource(Source):
    """A conversation is a few minutes of messages; one in five is resumed a day or two later."""

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """The conversation, then its messages, as they stand at `now`."""
        dice = _RECORDS.dice(f"{self._seed}/deepconverse", index)
        bot = BOTS[0 if index % 3 else 1]
        begun = (started + dice.randrange(MINUTE)) // 1000
        identity = f"{dice.getrandbits(128):032x}"
        sent = [begun]
        for _ in range(1 + dice.randrange(7)):
            sent.append(sent[-1] + dice.randrange(90))
        if index % 5 == 0:
            sent.append(sent[-1] + dice.randrange(3600, 2 * 86_400))
        record = _conversation(dice, index, identity, begun)
        messages = [_message(dice, place, identity, at) for place, at in enumerate(sent)]
        past = [at for at in sent if at * 1000 <= now]
        if not past:
            return
        record["lastActionAt"] = past[-1]
        if index % 23 == 0:
            del record["lastActionAt"]
        yield "conversations", record, bot
        for message in messages[: len(past)]:
            yield "messages", message, bot

    def restamp(self, stream: str, record: dict[str, Any], at: datetime) -> None:
        """Set the time of the stream's window."""
        when = milliseconds(at) // 1000
        if stream == "messages":
            record["time"] = when
        else:
            record["startTime"] = record["lastActionAt"] = when


def _conversation(dice: Dice, index: int, identity: str, begun: int) -> Record:
    draft = "true" if one_in(29, index) else False
    large = 2**63 + index
    metadata = dice.record("metadata", id=identity, draft=draft, large=large)
    record = dice.record(
        "conversation",
        id=identity,
        begun=begun,
        metadata={} if one_in(10, index, 9) else metadata,
        tags=dice.sample(_TAGS, k=index % 3),
    )
    if index % 19 == 0:
        del record["tags"]
    return record


def _message(dice: Dice, position: int, conversation: str, at: int) -> Record:
    record = dice.record("message", index=position, at=at, conversation=conversation)
    by_user, turn = position % 2, position // 2
    if by_user:
        said = {name: dice.text() for name in ("note", "first", "second")}
        record |= dice.record("from_user", index=turn, **said)
    else:
        record |= dice.record("from_bot", index=turn, said=dice.text())
    if position % 3 == 0:
        record["sender"] = "User" if by_user else "Bot"
    return record
