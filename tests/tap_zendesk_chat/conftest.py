"""A configuration for the sandbox; Zendesk's records stay as they are."""

from __future__ import annotations

import datetime as dt
import functools
import typing as t

import pytest

from tests.common import quick_config, runner
from tests.conftest import by_key

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run

KEYS = {
    "agent_events": ("id",),
    "agent_timeline": ("agent_id", "start_time"),
    "chats": ("id",),
    "conversions": ("id",),
    "department_events": ("id",),
}
REPLICATION_KEYS = {
    "agent_events": "timestamp",
    "agent_timeline": "start_time",
    "chats": "update_timestamp",
    "conversions": "timestamp",
    "department_events": "timestamp",
}
WITHOUT_IDS = {"agent_events", "agent_timeline"}
"""Exports whose cursor is a time alone."""
TABLE_KEYS = {
    "account": ("account_key",),
    "agents": ("id",),
    "bans": ("id",),
    "departments": ("id",),
    "goals": ("id",),
    "roles": ("id",),
    "routing_settings": ("level",),
    "shortcuts": ("name",),
    "skills": ("id",),
    "triggers": ("id",),
}
PART_KEYS = {
    "chat_engagements": ("id",),
    "chat_history": ("chat_id", "position"),
    "chat_visitors": ("chat_id",),
    "chat_webpath": ("chat_id", "position"),
}
MOMENT = dt.datetime(2025, 2, 1, 12, 0, 0, tzinfo=dt.timezone.utc)


def expected(box: Sandbox, stream: str) -> dict[Json, Record]:
    """Records that a target should hold at the end: as they were sent, unchanged."""
    return by_key(box.zendesk_chat.truth(stream), KEYS[stream])


def key_of(stream: str, record: Record) -> Json:
    """A record's key, as ``Run.by_key`` writes it."""
    (key,) = by_key([record], KEYS[stream])
    return key


def config_for(box: Sandbox, **settings: Json) -> Record:
    """Settings that read all of Chat's data in the sandbox at full speed, and give up soon.

    A setting that is None is left out.
    """
    own: Record = {"end_date": "2025-04-10", "support_access_token": None}
    return quick_config(box.zendesk_chat, {**own, **settings})


@pytest.fixture
def run(box: Sandbox) -> Callable[..., Run]:
    """Run the tap against ``box``: ``run(page_size=7, state=...)``."""
    return runner("tap_zendesk_chat", functools.partial(config_for, box))
