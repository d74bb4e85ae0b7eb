"""Messages leave whole, at once and in order."""

from __future__ import annotations

import decimal
import io
import json
import types
import typing as t

import pytest
from singer_sdk.singerlib import RecordMessage, SchemaMessage, StateMessage

from support_taps.writer import LineWriter

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., list[t.Any]]:
    """Write messages, and read the lines that came out."""

    def write(*messages: t.Any) -> list[t.Any]:
        for message in messages:
            LineWriter().write_message(message)
        return [
            json.loads(line, parse_float=decimal.Decimal)
            for line in capfdbinary.readouterr().out.splitlines()
        ]

    return write


def test_a_state_comes_after_the_records_it_speaks_of(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    writer = LineWriter()
    writer.write_lines(b'{"type":"RECORD","stream":"s","record":{"id":1}}\n')
    assert capfdbinary.readouterr().out.count(b"RECORD") == 1
    writer.write_message(StateMessage(value={"bookmarks": {}}))
    assert json.loads(capfdbinary.readouterr().out) == {"type": "STATE", "value": {"bookmarks": {}}}


def test_messages_of_the_sdk_are_written_as_it_would(write: Callable[..., list[t.Any]]) -> None:
    schema, record = write(
        SchemaMessage(stream="s", schema={"properties": {"id": {}}}, key_properties=["id"]),
        RecordMessage(stream="s", record={"id": 1}),
    )
    assert schema["type"] == "SCHEMA"
    assert schema["key_properties"] == ["id"]
    assert record["type"] == "RECORD"
    assert record["record"] == {"id": 1}


def test_any_text_and_number_can_be_written(write: Callable[..., list[t.Any]]) -> None:
    record = {
        "text": "é😀\u0000\u2028\n\ud800",
        "big": 10**25,
        "exact": decimal.Decimal("0.10"),
        "list": [],
        "none": None,
    }
    (message,) = write(RecordMessage(stream="s", record=record))
    assert message["record"] == record
    assert str(message["record"]["exact"]) == "0.10"


def test_what_is_taken_in_parts_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw file, as PYTHONUNBUFFERED makes of standard output, may take less than all."""

    class Raw(io.BytesIO):
        def write(self, part: t.Any) -> int:
            return super().write(part[:7])

    raw = Raw()
    monkeypatch.setattr("sys.stdout", types.SimpleNamespace(buffer=raw))
    LineWriter().write_lines(b"0123456789" * 50 + b"\n")
    assert raw.getvalue() == b"0123456789" * 50 + b"\n"


def test_a_huge_line_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "out"
    with file.open("w", encoding="utf-8") as out:
        monkeypatch.setattr("sys.stdout", out)
        LineWriter().write_message(RecordMessage(stream="s", record={"text": "ø" * 20_000_000}))
        LineWriter().write_message(StateMessage(value={}))
        first, second = file.read_bytes().splitlines()
    assert len(json.loads(first)["record"]["text"]) == 20_000_000
    assert json.loads(second)["type"] == "STATE"
