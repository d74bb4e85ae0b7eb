"""What the benchmarks measure is only told if all of it arrived."""

from __future__ import annotations

import json

import pytest

from benchmarks.data import Load
from benchmarks.measure import Counted, MeasuredError

LOAD = Load("zendesk_chat.chats", 100)
KEYS = sorted(LOAD.keys())


def counted(output: str, keys: list[str]) -> Counted:
    """The records with these keys, as a contender writes them, among other lines."""
    lines: list[object] = [{"id": key} for key in keys]
    if output == "airbyte":
        lines = [{"type": "RECORD", "record": {"data": row}} for row in lines]
    if output == "singer":
        lines = [{"type": "RECORD", "record": row} for row in lines]
    texts = [json.dumps(line).encode() for line in lines]
    if output != "files":
        texts = [b"not JSON", b'{"type":"STATE","value":{"id":"x"}}', *texts, b""]
    found = Counted()
    found.lines(texts, output, "id")
    return found


@pytest.mark.parametrize("output", ["singer", "airbyte", "files"])
def test_all_records_pass_and_a_few_copies_of_them(output: str) -> None:
    counted(output, KEYS + KEYS[:2]).check(LOAD, "it")


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (KEYS[1:], "1 of 100 records are missing, 0 are unknown"),
        ([*KEYS, "strange"], "0 of 100 records are missing, 1 are unknown"),
        (KEYS + KEYS[:10], "110 records were written for 100"),
    ],
)
@pytest.mark.parametrize("output", ["singer", "airbyte", "files"])
def test_a_record_that_is_missing_unknown_or_there_too_often_fails_the_run(
    output: str, keys: list[str], wrong: str
) -> None:
    with pytest.raises(MeasuredError, match=wrong):
        counted(output, keys).check(LOAD, "it")
