"""A configuration for the sandbox, and what DeepConverse's records should look like."""

from __future__ import annotations

import functools
import time
import typing as t

import pytest

from tests.common import quick_config, runner

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run

BOTS = ("r3-218210", "support-bot")
STREAMS = ("conversations", "messages")
REPLICATION_KEYS = {"conversations": "startTime", "messages": "time"}
TIMES = ("startTime", "lastActionAt", "time")
START = 1735689600  # 2025-01-01T00:00:00Z
END = 1743465600  # 2025-04-01T00:00:00Z
DAY = 86_400


def iso(seconds: int) -> str:
    """A moment as the tap should write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def expected(box: Sandbox, stream: str, bots: t.Iterable[str] = BOTS) -> dict[str, Record]:
    """Records that a target should hold, where times are seconds: no schema is asked."""
    return {
        record["_id"]: {
            **{
                name: iso(value) if name in TIMES and value is not None else value
                for name, value in record.items()
            },
            "bot_name": bot,
        }
        for bot in bots
        for record in box.deepconverse.truth(stream, bot)
    }


def config_for(box: Sandbox, **settings: Json) -> Record:
    """Settings that read all of the sandbox's data at full speed, and give up soon.

    A setting that is None is left out.
    """
    return quick_config(box.deepconverse, {"end_date": "2025-04-01", **settings})


@pytest.fixture
def run(box: Sandbox) -> Callable[..., Run]:
    """Run the tap against ``box``: ``run(page_size=7, state=...)``."""
    return runner("tap_deepconverse", functools.partial(config_for, box))
