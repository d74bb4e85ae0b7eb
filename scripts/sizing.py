"""How long an account's run takes at the vendors' rate limits, as a table for ``docs/fleet.md``.

Requests are counted as the taps make them with their default settings; the rate limits are the
documented ones, as the sandbox has them. What a run costs beside the vendor is measured: see
``docs/fleet.md``.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing as t

from sandbox import RateLimit, Sandbox
from scripts.taps import tap_of, taps
from tap_zendesk_chat.support_limits import SMALLEST_ACCOUNT
from tap_zendesk_chat.support_streams import ConversationLog

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MESSAGES = 10
"""Messages of a conversation."""
RUN_SECONDS = 20
"""What a run takes beside the vendor, rounded up: start, target, state."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What a run has to read.

    Args:
        name: What it is called.
        conversations: How many are new or changed.
        days: The span that is asked for.
    """

    name: str
    conversations: int
    days: float


LOADS = (
    Load("each hour, 100 conversations", 100, 1 / 24),
    Load("each night, 5,000", 5_000, 1),
    Load("first run, 2 years, 500,000", 500_000, 730),
)


@dataclasses.dataclass(frozen=True)
class Read:
    """A part of a run that waits for one rate limit.

    Args:
        limit: The rate limit.
        requests: How many requests a load needs.
    """

    limit: RateLimit
    requests: Callable[[Load], int]

    def seconds(self, load: Load) -> float:
        """When the last request may go: the first ones go at once, the others at the pace."""
        return (self.requests(load) - 1) // self.limit.requests * self.limit.seconds


def windows(load: Load, days: float) -> int:
    """Windows of a span."""
    return math.ceil(load.days / days)


def pages_in_windows(load: Load, days: float, page_size: int, records: int) -> int:
    """Requests for windows, each of which has pages that end with a null cursor."""
    each = windows(load, days)
    return each * max(1, math.ceil(records / each / page_size))


def pages(records: int, page_size: int) -> int:
    """Requests along a server's cursor, until a page is not full."""
    return records // page_size + 1


def proved_windows(load: Load, days: float, page_size: int, records: int) -> int:
    """At most so many requests for windows that are proved to have come whole.

    A window may be read again to prove it, a third of the rows is read twice
    (`support_taps.halving`), and a window that is cut by its density is half full or more.
    """
    return 2 * windows(load, days) + math.ceil(records / (page_size / 2) * 1.3)


@functools.cache
def reads() -> dict[str, list[Read]]:
    """The parts of a run that wait, by vendor and streams."""
    vendors = Sandbox().vendors
    limits: dict[str, Mapping[str, RateLimit]] = {
        name: vendor.documented_rate_limits for name, vendor in vendors.items()
    }

    def default(vendor: str, setting: str) -> int:
        value: int = taps()[tap_of(vendor)].config_jsonschema["properties"][setting]["default"]
        return value

    def deepconverse(stream: str, per_conversation: int) -> Read:
        return Read(
            limits["deepconverse"][stream],
            lambda load: pages_in_windows(
                load,
                default("deepconverse", "window_days"),
                default("deepconverse", "page_size"),
                load.conversations * per_conversation,
            ),
        )

    def dixa(stream: str) -> Read:
        return Read(
            limits["dixa"][stream], lambda load: windows(load, default("dixa", "window_days"))
        )

    support = vendors["zendesk_chat"].support.documented_rate_limits  # type: ignore[attr-defined]
    logs = RateLimit(int(SMALLEST_ACCOUNT * ConversationLog.part_of_account), 60)
    devrev = limits["devrev"]["all"]
    return {
        "DeepConverse, one bot: `conversations`, `messages`": [
            deepconverse("conversations", 1),
            deepconverse("messages", MESSAGES),
        ],
        "Dixa: `conversations`, `messages`": [dixa("conversations"), dixa("messages")],
        "Zendesk Chat: `chats` and what is made from them": [
            Read(
                limits["zendesk_chat"]["all"],
                lambda load: pages(load.conversations, default("zendesk_chat", "page_size")),
            )
        ],
        "Zendesk Messaging: `tickets`": [
            Read(
                support["incremental-exports"],
                lambda load: pages(load.conversations, default("zendesk_chat", "page_size")),
            )
        ],
        "Zendesk Messaging: `conversation_log`, smallest plan": [
            Read(logs, lambda load: load.conversations)
        ],
        "DevRev: `conversations`": [
            Read(
                devrev,
                lambda load: proved_windows(
                    load,
                    default("devrev", "window_days"),
                    default("devrev", "page_size"),
                    load.conversations,
                ),
            )
        ],
        "DevRev: `conversation_timeline_entries`": [Read(devrev, lambda load: load.conversations)],
    }


def table() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: requests, the wait for the rate limit, and runs an hour in one slot."""
    head = ("Vendor and streams", "Rate limit", *(load.name for load in LOADS))
    return head, [
        (name, _limits(parts), *(_cell(parts, load) for load in LOADS))
        for name, parts in reads().items()
    ]


def _limits(parts: list[Read]) -> str:
    return ", ".join(
        dict.fromkeys(f"{it.limit.requests} in {_duration(it.limit.seconds)}" for it in parts)
    )


def _cell(parts: list[Read], load: Load) -> str:
    requests = sum(part.requests(load) for part in parts)
    waited = sum(part.seconds(load) for part in parts)
    hourly = 3600 / (RUN_SECONDS + waited)
    rate = f"{hourly:.0f} an hour" if hourly >= 1 else f"one in {_duration(3600 / hourly)}"
    word = "request" if requests == 1 else "requests"
    return f"{requests:,} {word}, {_duration(waited)}: {rate}"


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
