"""DeepConverse conversations and messages.

Fields: docs.deepconverse.com/product-docs/analytics/export-api (both endpoints); the conversation's
form: the sample on docs.workato.com; `metadata`: the documents on parameters in conversations. The
documents promise a `sender` without listing it: some messages have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.common import DAY, MINUTE, Dice, one_in
from sandbox.vendor import Item, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

BOTS = ("r3-218210", "support-bot")
_TAGS = ("resolved", "informed", "liveChat", "csat ⭐")
_LOCALES = ("en_us", "fr", "da_dk", None)


class DeepConverseSource:
    """A conversation is a few minutes of messages; one in five is resumed a day or two later."""

    lifetime = 3 * DAY

    def __init__(self, seed: int) -> None:
        """Make the data of this seed."""
        self._seed = seed

    def build(self, index: int, started: int, now: int) -> Iterator[Item]:
        """The conversation, then its messages, as they stand at `now`."""
        dice = Dice(f"{self._seed}/deepconverse/{index}")
        bot = BOTS[0 if index % 3 else 1]
        begun = (started + dice.randrange(MINUTE)) // 1000
        identity = f"{dice.getrandbits(128):032x}"
        sent = [begun]
        for _ in range(1 + dice.randrange(7)):
            sent.append(sent[-1] + dice.randrange(90))
        if index % 5 == 0:
            sent.append(sent[-1] + dice.randrange(3600, 2 * 86_400))
        record = self._conversation(dice, index, identity, begun)
        messages = [self._message(dice, place, identity, at) for place, at in enumerate(sent)]
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

    @staticmethod
    def _conversation(dice: Dice, index: int, identity: str, begun: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "__sys_conversationId": identity,
            "__sys_userIp": "203.0.113.7",
            "__sys_userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
            "__sys_userAgentParsed": {
                "device": {"brand": None, "family": "Other", "model": None},
                "os": {"family": "Linux", "major": "", "minor": "", "patch": "", "patch_minor": ""},
                "string": "Firefox 128 / Linux",
                "user_agent": {"family": "Firefox", "major": "128", "minor": "0", "patch": ""},
            },
            "__sys_userCountry": dice.choice(("DK", "US", "XX")),
            "__sys_userAction": {"type": "action_userInput", "text": dice.text()},
            "__sys_channel": "web",
            "browser_path": "/hilfe/über-uns?x=1",
            "browser_isMobile": one_in(2, index),
            "draft": "true" if one_in(29, index) else False,
            "customerTier": (1, "gold", ["a", "b"], {"name": "gold", "since": 2019})[index % 4],
            "score": dice.random(),
            "bigNumber": 2**63 + index,
            "actionOutput": {"status": 200, "body": {"items": [], "next": None}},
            "note with spaces.and.dots": dice.text(),
        }
        record: dict[str, Any] = {
            "_id": identity,
            "startTime": begun,
            "locale": _LOCALES[index % len(_LOCALES)],
            "metadata": {} if one_in(10, index, 9) else metadata,
            "tags": dice.sample(_TAGS, k=index % 3),
        }
        if index % 19 == 0:
            del record["tags"]
        return record

    @staticmethod
    def _message(dice: Dice, position: int, conversation: str, at: int) -> dict[str, Any]:
        record: dict[str, Any] = {
            "_id": f"{dice.getrandbits(96):024x}",
            "time": at,
            "conversationId": conversation,
        }
        if position % 2:
            form = {"email": "a@example.com", "age": 41, "agree": True, "note": dice.text()}
            record["type"] = "UserInput"
            turn = position // 2
            record["userActionType"] = ("action_userInput", "action_userQuickReply")[turn % 2]
            record["userInput"] = (dice.text(), dice.text(), form, ["Yes", "No"])[turn % 4]
        else:
            text = dice.text()
            card = {"type": "card", "title": text, "buttons": [{"label": "OK 👍", "value": 1}]}
            record["type"] = dice.choice(("BotOutput", "AgentMessage", "GuideStep"))
            record["outMsg"] = (text, card, [text, card], None)[position // 2 % 4]
        if position % 3 == 0:
            record["sender"] = "User" if position % 2 else "Bot"
        return record
