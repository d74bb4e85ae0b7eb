"""The private hooks of the SDK that are used: each exists, looks as it did, and is called.

The taps here are the SDK's own, without anything of ours, so that a failure means that a release
of the SDK has changed. Each hook has its reason in ``support_taps/sdk_overrides.py``.
"""

# ruff: noqa: SLF001 - private members are what this is about

from __future__ import annotations

import inspect
import io
import signal
import sys
import typing as t

import pytest
from singer_sdk import RESTStream, Stream, Tap, metrics
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.plugin_base import SingerCommand

from support_taps.sdk_overrides import SdkStream, SdkTap

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import SchemaMessage

SCHEMA: dict[str, t.Any] = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}},
}


class Things(Stream):
    """A stream of the SDK that notes which hooks are called."""

    name = "things"
    schema = SCHEMA
    primary_keys = ("id",)
    replication_key: str | None = "at"
    fails = False

    def __init__(self, tap: Tap) -> None:
        super().__init__(tap)
        self.called: list[str] = []

    def get_records(self, context: Context | None) -> Iterator[Record]:  # noqa: ARG002
        for number in range(3):
            yield {"id": number, "at": f"2025-01-0{number + 1}T00:00:00Z"}
        if self.fails:
            msg = "no more"
            raise RuntimeError(msg)

    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        self.called.append(f"increment {latest_record['id']} {context}")

    def log_sync_costs(self) -> None:
        self.called.append("costs")

    def get_record_counter(self, **options: t.Any) -> metrics.Counter:
        self.called.append("counter")
        return super().get_record_counter(**options)


class Failing(Things):
    fails = True


class TapThings(Tap):
    """A tap of the SDK."""

    name = "tap-things"
    config_jsonschema: t.ClassVar = {"properties": {}}
    validated: t.ClassVar[list[bool]] = []
    stream_class: t.ClassVar[type[Things]] = Things

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self.validated.append(raise_errors)
        return super()._validate_config(raise_errors=raise_errors)

    def discover_streams(self) -> list[Things]:
        return [self.stream_class(self)]


class TapFailing(TapThings):
    stream_class = Failing


@pytest.fixture(autouse=True)
def _signals_and_output(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Taps take the process's signal handlers and write to its output."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_hooks_have_the_signatures_they_had() -> None:
    for overridden, ours in (
        (Stream._increment_stream_state, SdkStream._increment_stream_state),
        (Stream._generate_schema_messages, SdkStream._generate_schema_messages),
        (Stream._write_record_message, SdkStream._write_record_message),
        (Stream._sync_batches, SdkStream._sync_batches),
        (Tap._validate_config, SdkTap._validate_config),
        (Tap._handle_termination, SdkTap._handle_termination),
        (Tap.run_connection_test, SdkTap.run_connection_test),
    ):
        theirs = inspect.signature(overridden)
        assert list(theirs.parameters) == list(inspect.signature(ours).parameters)
        assert [parameter.kind for parameter in theirs.parameters.values()] == [
            parameter.kind for parameter in inspect.signature(ours).parameters.values()
        ]
    assert list(inspect.signature(Tap.append_builtin_config).parameters) == ["config_jsonschema"]
    assert list(inspect.signature(Stream.log_sync_costs).parameters) == ["self"]
    assert list(inspect.signature(Stream.compare_start_date).parameters) == [
        "self", "value", "start_date_value",
    ]  # fmt: skip


def test_the_bookmark_is_moved_by_the_hook_that_is_switched_off() -> None:
    tap = TapThings(config={}, parse_env_config=False)
    tap.sync_all()
    stream = t.cast("Things", tap.streams["things"])
    assert [call for call in stream.called if "increment" in call] == [
        f"increment {number} None" for number in range(3)
    ]
    assert "replication_key_value" not in stream.get_context_state(None)


class Written(Things):
    """Notes the hooks between a record and what is written, and writes nothing."""

    replication_key = None

    def _generate_schema_messages(self) -> Iterator[SchemaMessage]:  # type: ignore[override]
        self.called.append("schemas")
        yield from super()._generate_schema_messages()

    def _write_record_message(self, record: Record) -> None:
        messages = list(self._generate_record_messages(record))
        self.called.append(f"record {[message.record['id'] for message in messages]}")

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        records = list(self._sync_records(context, write_messages=False))
        self.called.append(f"batch of {len(records)} {batch_config.batch_size}")


class TapWritten(TapThings):
    stream_class = Written


def test_what_is_written_goes_through_the_hooks_that_are_replaced() -> None:
    tap = TapWritten(config={}, parse_env_config=False)
    tap.sync_all()
    called = t.cast("Things", tap.streams["things"]).called
    assert [call for call in called if call.startswith(("schemas", "record"))] == [
        "schemas", "record [0]", "record [1]", "record [2]",
    ]  # fmt: skip
    batches = {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///"}, "batch_size": 7}
    tap = TapWritten(config={"batch_config": batches}, parse_env_config=False)
    tap.sync_all()
    called = t.cast("Things", tap.streams["things"]).called
    assert [call for call in called if call.startswith(("schemas", "record", "batch"))] == [
        "schemas", "batch of 3 7",
    ]  # fmt: skip


def test_stream_maps_are_made_again_for_a_schema_that_is_registered_again() -> None:
    tap = TapThings(config={"stream_maps": {"things": {"b": "a"}}}, parse_env_config=False)
    stream = tap.streams["things"]
    (first,) = stream.stream_maps
    more = {**SCHEMA, "properties": {**SCHEMA["properties"], "a": {"type": "integer"}}}
    tap.mapper.register_raw_stream_schema("things", more, ("id",))
    assert stream.stream_maps == [first]
    stream._stream_maps = tap.mapper.stream_maps["things"]
    (second,) = stream.stream_maps
    assert "a" not in first.transformed_schema["properties"]
    assert second.transformed_schema["properties"]["b"]["type"] == ["integer", "null"]
    assert second.transformed_key_properties == ("id",)
    assert not second.flattening_enabled


def test_costs_are_logged_once_and_after_the_records() -> None:
    tap = TapThings(config={}, parse_env_config=False)
    tap.sync_all()
    called = t.cast("Things", tap.streams["things"]).called
    assert called.count("costs") == 1
    assert called[-1] == "costs"
    assert called[0] == "counter"


def test_the_configuration_is_checked_by_the_hook_that_is_replaced() -> None:
    TapThings.validated.clear()
    tap = TapThings(config={}, parse_env_config=False)
    assert TapThings.validated == [True]
    assert tap._config is not None
    assert hasattr(tap, "state_writer")
    assert hasattr(tap, "initialized_at")
    TapThings.validated.clear()
    TapThings(config={}, parse_env_config=False, validate_config=False)
    assert TapThings.validated == [False]


def test_signals_go_to_the_hook_that_is_replaced() -> None:
    tap = TapThings(config={}, parse_env_config=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        assert getattr(handler, "__func__", None) is Tap._handle_termination
        assert getattr(handler, "__self__", None) is tap


def test_the_line_that_is_quieted_is_still_that_line() -> None:
    tap = TapFailing(config={}, parse_env_config=False)
    stream = tap.streams["things"]
    messages: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        messages.append(str(record.msg))
        return True

    stream.logger.addFilter(note)
    with pytest.raises(RuntimeError, match="no more"):
        stream.sync()
    told = [line for line in messages if line.startswith("An unhandled error occurred")]
    assert told
    assert all(line.startswith("An unhandled error occurred while syncing") for line in told)


def test_what_else_is_leaned_on_is_there() -> None:
    assert issubclass(ConfigValidationError, Exception)
    assert TypeConformanceLevel.NONE
    assert callable(SingerCommand.invoke)
    assert list(inspect.signature(MsgSpecWriter.serialize_message).parameters) == [
        "self",
        "message",
    ]
    assert list(inspect.signature(MsgSpecWriter.write_message).parameters) == ["self", "message"]
    for name in (
        "get_http_request",
        "build_prepared_request",
        "requests_session",
        "get_new_paginator",
    ):
        assert hasattr(RESTStream, name)
    stream = TapThings(config={}, parse_env_config=False).streams["things"]
    for name in ("mask", "get_context_state", "get_replication_key_signpost", "metrics_logger"):
        assert hasattr(stream, name)
