"""A configuration for the sandbox; DevRev's records stay as they are."""

from __future__ import annotations

import datetime as dt
import functools
import typing as t

import pytest

from tests.common import quick_config, runner

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run

MOMENT = dt.datetime(2025, 2, 1, 12, 0, 0, 345_000, tzinfo=dt.timezone.utc)


def expected(box: Sandbox) -> dict[str, Record]:
    """Records that a target should hold at the end: as they were sent, unchanged."""
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
    return quick_config(box.devrev, {"end_date": "2025-04-10", **settings})


@pytest.fixture
def run(box: Sandbox) -> Callable[..., Run]:
    """Run the tap against ``box``: ``run(page_size=7, state=...)``."""
    return runner("tap_devrev", functools.partial(config_for, box))
