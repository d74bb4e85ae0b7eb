"""A configuration for the sandbox; Zendesk's records stay as they are."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from tests.conftest import UNTHROTTLED, Run, by_key, open_box, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox
    from tests.conftest import Json, Record

KEYS = {
    "agent_timeline": ("agent_id", "start_time"),
    "chats": ("id",),
    "conversions": ("id",),
    "department_events": ("id",),
}
REPLICATION_KEYS = {
    "agent_timeline": "start_time",
    "chats": "update_timestamp",
    "conversions": "timestamp",
    "department_events": "timestamp",
}
MOMENT = dt.datetime(2025, 2, 1, 12, 0, 0, tzinfo=dt.timezone.utc)


def expected(box: Sandbox, stream: str) -> dict[Json, Record]:
    """What a target should hold once everything has been read: what was sent, unchanged."""
    return by_key(box.zendesk_chat.truth(stream), KEYS[stream])


def key_of(stream: str, record: Record) -> Json:
    """A record's key, as ``Run.by_key`` writes it."""
    (key,) = by_key([record], KEYS[stream])
    return key


def config_for(box: Sandbox, **settings: Json) -> Record:
    """Settings that read all of the sandbox's data at full speed, and give up soon.

    A setting that is None is left out.
    """
    config = {
        "api_url": box.zendesk_chat.url,
        "access_token": box.zendesk_chat.token,
        "start_date": "2025-01-01",
        "end_date": "2025-04-10",
        "rate_limit_share": UNTHROTTLED,
        "request_timeout": 5,
        "max_tries": 3,
        **settings,
    }
    return {name: value for name, value in config.items() if value is not None}


@pytest.fixture
def small_box() -> Iterator[Sandbox]:
    """A sandbox with little data, for tests that run the tap many times."""
    with open_box(size=30) as box:
        yield box


@pytest.fixture
def run(box: Sandbox) -> Callable[..., Run]:
    """Run the tap against ``box``: ``run(page_size=7, state=...)``."""

    def run(
        *,
        state: Json = None,
        catalog: Json = None,
        environment: dict[str, str] | None = None,
        **settings: Json,
    ) -> Run:
        config = config_for(box, **settings)
        return run_tap(
            "tap_zendesk_chat", config, state=state, catalog=catalog, environment=environment
        )

    return run
