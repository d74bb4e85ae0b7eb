"""The plain pipe into a file of JSON lines."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import everything

from .postgres import Table, by_key
from .tools import Pipeline, loader, tap_config
from .truth import STREAMS, emitted, exact, sent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sandbox import Sandbox

WITHOUT_IDS = {"agent_timeline", "agent_events", "queue_events", "ticket_metric_events"}
"""Streams of Zendesk whose cursor is a time alone."""


def lines(folder: Path, stream: str) -> list[dict[str, Any]]:
    """The records of a stream, in order."""
    (file,) = folder.glob(f"{stream}[-.]*jsonl")
    return [json.loads(line, parse_float=Decimal) for line in file.read_text().splitlines()]


def expected(box: Sandbox, vendor: str, stream: str) -> Table:
    """The records as the vendor sent them, with times as text."""
    records = (emitted(vendor, stream, record) for record in sent(box, vendor, stream))
    return {key: exact(record) for key, record in by_key(vendor, stream, records).items()}


def assert_holds_truth(folder: Path, box: Sandbox, vendor: str, streams: Iterable[str]) -> None:
    """Each line is a record as it was sent, and each record has a line."""
    for stream in streams:
        found = lines(folder, stream)
        truth = expected(box, vendor, stream)
        assert {key: exact(it) for key, it in by_key(vendor, stream, found).items()} == truth
        # Where no id goes with the cursor, a page begins with the record that the one before ended
        # with; DevRev's windows are read again in parts, to prove that they came whole.
        if stream not in WITHOUT_IDS and vendor != "devrev":
            assert len(found) == len(truth)


@pytest.mark.parametrize("vendor", STREAMS)
def test_every_record_is_a_line_as_the_vendor_sent_it(
    tmp_path: Path, box: Sandbox, vendor: str
) -> None:
    folder = tmp_path / "output"
    folder.mkdir()
    config = {"destination_path": str(folder)}
    pipeline = Pipeline(tmp_path, vendor, loader("target-jsonl"), config, catalog=everything)
    pipeline.run(tap_config(box, vendor)).succeeded()
    assert_holds_truth(folder, box, vendor, STREAMS[vendor])


def test_a_field_that_no_schema_lists_is_in_the_file(tmp_path: Path, box: Sandbox) -> None:
    box.fault(kind="fields", vendor="dixa", value={"brand_new": {"a": 1}})
    config = {"destination_path": str(tmp_path)}
    pipeline = Pipeline(tmp_path, "dixa", loader("target-jsonl"), config)
    pipeline.run(tap_config(box, "dixa")).succeeded()
    assert all(line["brand_new"] == {"a": 1} for line in lines(tmp_path, "conversations"))
