"""A second run brings what has come and changed since the first, and nothing twice."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .postgres import Database, assert_holds_truth
from .tools import tap_config
from .truth import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    from .tools import Pipeline

SECOND_END = "2025-05-01"
LATE = datetime(2025, 3, 31, 23, 58, tzinfo=timezone.utc)
"""Shortly before the first run's end: within every lookback but Zendesk's, which has none."""
SINCE = datetime(2025, 4, 10, 9, 30, 0, 250_000, tzinfo=timezone.utc)
"""Between the ends of the two runs."""
NEW = 5
CHANGED = 3
LATE_ONES = 12
"""Made for a choice of `CHANGED`; records made later come after these."""


class Change(NamedTuple):
    """How records of a stream change at the vendor.

    Args:
        text: A field that gets another text.
        lost: A field that is there no more.
        moved: The time that an update moves, and to what; None: an update moves no time, so that
            only the lookback finds it.
    """

    text: str
    lost: str
    moved: tuple[str, Any] | None = None


_EPOCH_MS = int(SINCE.timestamp() * 1000)
CHANGES = {
    ("dixa", "conversations"): Change("subject", "tags", ("updated_at", _EPOCH_MS)),
    ("dixa", "messages"): Change("text", "author_name"),
    ("deepconverse", "conversations"): Change("locale", "metadata"),
    ("deepconverse", "messages"): Change("type", "conversationId"),
    ("zendesk_chat", "chats"): Change(
        "comment", "visitor", ("update_timestamp", "2025-04-10T09:30:00Z")
    ),
    ("devrev", "conversations"): Change(
        "title", "custom_fields", ("modified_date", "2025-04-10T09:30:00.123456789Z")
    ),
}
"""Conversions, department events and times of agents do not change at the vendor."""


def prepare(box: Sandbox, vendor: str, stream: str) -> list[dict[str, Any]]:
    """The records that are going to change, as they are in the first run."""
    change = CHANGES.get((vendor, stream))
    if change is None:
        return []
    if change.moved is not None:
        records = box.vendors[vendor].truth(stream)
        full = [record for record in records if record.get(change.lost)]
        return full[:CHANGED]
    late = [
        record
        for record in box.vendors[vendor].make(stream, LATE_ONES, LATE)
        if record.get(change.lost)
    ][:CHANGED]
    box.vendors[vendor].put(stream, *late)
    return late


def change(vendor: str, stream: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record as it is in the second run."""
    text, lost, moved = CHANGES[vendor, stream]
    changed = {name: value for name, value in record.items() if name != lost}
    changed[text] = f"changed: “{record.get(text)}” 👍"
    if moved is not None:
        changed[moved[0]] = moved[1]
    return changed


@pytest.mark.parametrize("vendor", STREAMS)
def test_changed_rows_are_updated_in_place_and_new_ones_added(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline], vendor: str
) -> None:
    pipeline = into_postgres(vendor)
    at_first = {stream: prepare(box, vendor, stream) for stream in STREAMS[vendor]}
    first = pipeline.run(tap_config(box, vendor)).succeeded()
    assert_holds_truth(database, box, vendor)
    before = {stream: database.table(vendor, stream) for stream in STREAMS[vendor]}

    for stream, records in at_first.items():
        if (vendor, stream) in CHANGES:
            assert len(records) == CHANGED
            box.vendors[vendor].put(stream, *(change(vendor, stream, it) for it in records))
        new = box.vendors[vendor].make(stream, LATE_ONES + NEW, SINCE)[-NEW:]
        if stream == "agent_timeline":  # its key holds a time
            for place, record in enumerate(new):
                record["start_time"] = f"2025-04-10T09:30:0{place}.250001Z"
        box.vendors[vendor].put(stream, *new)
    second = pipeline.run(tap_config(box, vendor, end_date=SECOND_END), first.state).succeeded()

    assert_holds_truth(database, box, vendor)
    for stream in STREAMS[vendor]:
        after = database.table(vendor, stream)
        assert len(after) == len(before[stream]) + NEW
        updated = {key for key, row in before[stream].items() if after[key] != row}
        assert len(updated) == len(at_first[stream])
        assert all(after[key][CHANGES[vendor, stream].lost] is None for key in updated)
        # A page of agents' times begins with the record that the one before ended with.
        again = 2 if stream == "agent_timeline" else 0
        assert len(second.records(stream)) == NEW + len(updated) + again


@pytest.mark.parametrize("vendor", STREAMS)
def test_a_run_when_nothing_has_changed_leaves_everything_as_it_is(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline], vendor: str
) -> None:
    pipeline = into_postgres(vendor)
    state = pipeline.run(tap_config(box, vendor)).succeeded().state
    again = pipeline.run(tap_config(box, vendor), state).succeeded()
    assert_holds_truth(database, box, vendor)
    for stream in STREAMS[vendor]:
        assert len(again.records(stream)) == (stream == "agent_timeline")
    assert again.state == state
