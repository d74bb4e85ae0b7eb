"""The support desk as it must be, worked out from what the sandbox sends.

Nothing here comes from the models: it is written from the vendors' documents, in Python.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import functools
import html.parser
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox

Record = dict[str, t.Any]


@dataclasses.dataclass
class Message:
    """A message as it must be."""

    key: str
    sent_at: dt.datetime
    sender: str
    text: str | None
    internal: bool = False


@dataclasses.dataclass
class Conversation:
    """A conversation as it must be."""

    key: str
    created_at: dt.datetime | None
    channel: str | None
    status: str | None
    messages: list[Message]
    satisfied: bool | None = None
    missed: bool | None = None
    transfers: int = 0
    deleted: bool = False
    told_first_reply: float | None = None
    complete: bool = True

    @property
    def first_reply(self) -> float | None:
        """Seconds from the customer's first message to a person's first one after it."""
        if self.told_first_reply is not None or not self.complete:
            return self.told_first_reply
        seen = [message for message in self.messages if not message.internal]
        asked = min((it.sent_at for it in seen if it.sender == "customer"), default=None)
        if asked is None:
            return None
        answers = [it.sent_at for it in seen if it.sender == "agent" and it.sent_at >= asked]
        return (min(answers) - asked).total_seconds() if answers else None


def conversations_of(box: Sandbox, vendor: str, *, whole_threads: bool) -> dict[str, Conversation]:
    """All conversations of a vendor, by their id; of DevRev with whole threads or the latest."""
    makers: dict[str, Callable[[Sandbox], Iterator[Conversation]]] = {
        "deepconverse": _deepconverse,
        "devrev": functools.partial(_devrev, whole_threads=whole_threads),
        "dixa": _dixa,
        "zendesk_chat": _zendesk_chat,
    }
    return {conversation.key: conversation for conversation in makers[vendor](box)}


def _deepconverse(box: Sandbox) -> Iterator[Conversation]:
    for bot in box.deepconverse.bots:
        messages: dict[str, list[Message]] = {}
        for record in box.deepconverse.truth("messages", bot):
            asked = record["type"] == "UserInput"
            sender = "customer" if asked else "agent" if "Agent" in record["type"] else "bot"
            content = record["userInput"] if asked else record["outMsg"]
            text = None if content is None else "\n".join(texts_in(content))
            messages.setdefault(record["conversationId"], []).append(
                Message(record["_id"], since_1970(record["time"]), sender, text)
            )
        for record in box.deepconverse.truth("conversations", bot):
            named = record["metadata"].get("__sys_channel")
            yield Conversation(
                record["_id"],
                since_1970(record["startTime"]),
                {"web": "chat", None: None}[named],
                None,
                messages.get(record["_id"], []),
            )


def _dixa(box: Sandbox) -> Iterator[Conversation]:
    channels = {
        "email": "email",
        "widgetchat": "chat",
        "pstnPhone": "phone",
        "contactForm": "form",
        "facebookMessenger": "messaging",
        "whatsApp": "messaging",
    }
    messages: dict[int, list[Message]] = {}
    for record in box.dixa.truth("messages"):
        sender = "customer" if record["direction"] == "inbound" else "agent"
        if record["is_automated_message"] and sender == "agent":
            sender = "system"
        text = record["text"]
        if text is None and "form_submission" in record:
            text = "\n".join(record["form_submission"].values())
        messages.setdefault(record["csid"], []).append(
            Message(record["id"], since_1970(record["created_at"] / 1000), sender, seen(text))
        )
    handed = collections.Counter(
        record["conversationId"]
        for record in box.dixa.truth("activity_logs")
        if record["_type"] == "TransferSuccessful"
    )
    for record in box.dixa.truth("conversations"):
        for note in box.dixa.truth("conversation_notes", str(record["id"])):
            messages.setdefault(record["id"], []).append(
                Message(
                    f"note:{note['id']}",
                    moment(note["createdAt"]),
                    "agent",
                    note["message"],
                    internal=True,
                )
            )
        channel = channels[record["initial_channel"]]
        score = record["rating_score"]
        yield Conversation(
            str(record["id"]),
            since_1970(record["created_at"] / 1000),
            channel,
            record["status"],
            messages.get(record["id"], []),
            satisfied=None if score is None else score >= 4,
            missed=(
                record["assigned_at"] is None
                if channel == "phone" and record["direction"] == "inbound" and record["closed_at"]
                else None
            ),
            transfers=int(record["transferee_name"] is not None) + handed[record["id"]],
        )


def _zendesk_chat(box: Sandbox) -> Iterator[Conversation]:
    for chat in box.zendesk_chat.truth("chats"):
        offline = chat["type"] == "offline_msg"
        history = chat.get("history", [])
        visitors = {it["name"] for it in history if it.get("sender_type") == "Visitor"}
        said = [
            Message(
                f"{chat['id']}#{place}",
                moment(event["timestamp"]),
                "customer" if event["name"] in visitors and event.get("sender_type") != "Agent"
                else "agent",
                event.get("msg", event.get("attachment", {}).get("name")),
            )
            for place, event in enumerate(history)
            if event["type"] in ("chat.msg", "chat.file")
        ]  # fmt: skip
        if offline:
            at = moment(chat["timestamp"])
            said = [Message(f"{chat['id']}#0", at, "customer", chat["message"])]
        yield Conversation(
            chat["id"],
            moment(chat["timestamp"]),
            "chat",
            None if offline else "closed",
            said,
            satisfied={"good": True, "bad": False, None: None}[chat.get("rating")],
            missed=chat.get("missed"),
            transfers=sum(event["type"] == "chat.transfer" for event in history),
            deleted=chat["deleted"],
            told_first_reply=chat.get("response_time", {}).get("first"),
        )


def _devrev(box: Sandbox, *, whole_threads: bool) -> Iterator[Conversation]:
    senders = {
        "rev_user": "customer",
        "dev_user": "agent",
        "service_account": "bot",
        "sys_user": "system",
    }
    channels = {"plug": "chat", "email": "email", "slack": "messaging", None: None}
    for record in box.devrev.truth("conversations"):
        entries = record.get("messages", [])
        if whole_threads:
            entries += box.devrev.truth("conversation_timeline_entries", record["id"])
        said = [
            Message(
                entry["id"],
                moment(entry["created_date"]),
                senders[entry["created_by"]["type"]],
                entry.get("body", (entry.get("snap_widget_body") or [{}])[0].get("text_body")),
                entry["visibility"] in ("internal", "private"),
            )
            for entry in entries
            if entry["type"] == "timeline_comment"
        ]
        metrics = record.get("sla_summary", {}).get("sla_tracker", {})
        (told,) = metrics.get("metric_target_summaries", [{}])
        state = record.get("stage", {}).get("state", {})
        yield Conversation(
            record["id"],
            moment(record["created_date"]),
            channels[record.get("source_channel")],
            state.get("name"),
            said,
            told_first_reply=told.get("completed_in_seconds"),
            complete=whole_threads,
        )


def texts_in(value: t.Any) -> Iterator[str]:
    """The texts of a JSON value that a person reads."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in ("type", "id", "url") or not isinstance(item, str):
                yield from texts_in(item)


def seen(text: str | None) -> str | None:
    """A text of which HTML is shown as a browser shows it."""
    if text is None or not text.startswith("<p>"):
        return text
    page = _Page()
    page.feed(text)
    return page.text.strip()


class _Page(html.parser.HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: t.Any) -> None:  # noqa: ARG002
        self.text += "\n" if tag == "br" else ""


def since_1970(seconds: float) -> dt.datetime:
    """A moment from its seconds since 1970."""
    return dt.datetime.fromtimestamp(0, dt.timezone.utc) + dt.timedelta(
        milliseconds=round(seconds * 1000)
    )


def moment(text: str) -> dt.datetime:
    """A moment from its text, to the microsecond."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    at = dt.datetime.fromisoformat(whole).replace(tzinfo=dt.timezone.utc)
    return at + dt.timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
