"""A configuration for the sandbox, and what Dixa's records should look like afterwards."""

from __future__ import annotations

import time
import typing as t

import pytest

from tests.common import quick_config
from tests.conftest import EXPORTS, Run, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

STREAMS = ("conversations", "messages")
CURSORS = {"conversations": "updated_at", "messages": "created_at"}
FILTERS = {"conversations": "updated", "messages": "created"}

# Epoch milliseconds, by the reference of the Exports API. ``transfer_time`` is not among them: the
# sources conflict (a moment or a duration), so it is passed on as it is.
_INSTANTS = {
    "conversations": (
        "created_at",
        "queued_at",
        "closed_at",
        "assigned_at",
        "updated_at",
        "last_message_created_at",
        "anonymized_at",
    ),
    "messages": ("created_at",),
}
_INSTANTS_OF_A_RATING = (
    "rating_created_timestamp",
    "rating_offered_timestamp",
    "rating_modified_timestamp",
    "rating_rated_timestamp",
    "rating_scheduled_timestamp",
    "rating_scheduled_for_timestamp",
    "rating_unscheduled_timestamp",
    "rating_cancelled_timestamp",
)


def iso(milliseconds: int) -> str:
    """A moment as the tap should write it."""
    seconds, rest = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}Z"


def _with_instants(record: Record, names: tuple[str, ...]) -> Record:
    return {
        name: iso(int(value)) if name in names and value is not None else value
        for name, value in record.items()
    }


def expected(stream: str, record: Record) -> Record:
    """Convert a record by the vendor's documents: no schema is asked."""
    made = _with_instants(record, _INSTANTS[stream])
    if record.get("ratings"):
        made["ratings"] = [
            _with_instants(rating, _INSTANTS_OF_A_RATING) for rating in record["ratings"]
        ]
    if isinstance(record.get("to"), str):
        made["to"] = [record["to"]]  # an array in the newest document, text in older ones
    return made


def expected_by_key(box: Sandbox, stream: str) -> dict[t.Any, Record]:
    """Records that a target should hold once everything has been read."""
    return {record["id"]: expected(stream, record) for record in box.dixa.truth(stream)}


def config_for(box: Sandbox, **settings: t.Any) -> Record:
    """Settings that read all of the sandbox's data at full speed, and give up soon."""
    return quick_config(box.dixa, {"end_date": "2025-04-01", **settings})


@pytest.fixture
def config(box: Sandbox) -> Record:
    """The settings for ``box``."""
    return config_for(box)


@pytest.fixture
def run(config: Record) -> Callable[..., Run]:
    """Run the tap against ``box``: ``run(window_days=7, state=...)``."""

    def run(*, state: t.Any = None, catalog: t.Any = EXPORTS, **settings: t.Any) -> Run:
        return run_tap("tap_dixa", {**config, **settings}, state=state, catalog=catalog)

    return run
