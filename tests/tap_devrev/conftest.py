"""A configuration for the sandbox; DevRev's records stay as they are."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from tests.conftest import UNTHROTTLED, Run, open_box, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox
    from tests.conftest import Json, Record

MOMENT = dt.datetime(2025, 2, 1, 12, 0, 0, 345_000, tzinfo=dt.timezone.utc)


def expected(box: Sandbox) -> dict[str, Record]:
    """What a target should hold once everything has been read: what was sent, unchanged."""
    return {record["id"]: record for record in box.devrev.truth("conversations")}


def named(box: Sandbox, *moments: str) -> list[Record]:
    """Conversations that were modified at these moments, which are their ids as well."""
    made = box.devrev.make("conversations", len(moments), MOMENT)
    for record, moment in zip(made, moments, strict=True):
        record["id"] = record["modified_date"] = moment
    return made


def crowd(count: int, fraction: str = "345") -> list[Record]:
    """Small conversations that were all modified at the same moment."""
    moment = f"{MOMENT:%Y-%m-%dT%H:%M:%S}.{fraction}Z"
    return [{"id": f"crowd {number}", "modified_date": moment} for number in range(count)]


def config_for(box: Sandbox, **settings: Json) -> Record:
    """Settings that read all of the sandbox's data at full speed, and give up soon.

    A setting that is None is left out.
    """
    config = {
        "api_url": box.devrev.url,
        "access_token": box.devrev.token,
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
        return run_tap("tap_devrev", config, state=state, catalog=catalog, environment=environment)

    return run
