"""Every private hook of the SDK that is used, with its reason.

``tests/test_sdk_overrides.py`` fails when a new SDK release changes one of them.
"""

from __future__ import annotations

import abc
import copy
import functools
import itertools
import signal
import typing as t

from singer_sdk import RESTStream, Stream, Tap
from singer_sdk.batch import Batcher
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.mapper import RemoveRecordTransform
from typing_extensions import override

from support_taps.records.emitter import Emitter, Output, completed
from support_taps.records.selection import deselected, selected
from support_taps.settings import validate

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Generator, Iterator
    from types import FrameType

    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import RecordMessage, SchemaMessage

    from support_taps.batches import BatchFiles

Page = t.TypeVar("Page")


class SdkStream(RESTStream[Page], abc.ABC):
    """A stream without the SDK's own bookmarks, and without its extra line about an error."""

    batch_files: BatchFiles | None = None
    """Where lines go instead of standard output, while BATCH files are made of them."""

    def __init__(self, tap: Tap) -> None:
        """Quiet the line that ``Stream.sync`` logs before it lets an error through.

        The error itself is told by whoever catches it, in one line.
        """
        super().__init__(tap)
        self.logger.addFilter(_is_not_the_line_before_an_error)

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Leave the bookmark to ``bookmarks.Bookmark``.

        The SDK has no public switch for it (meltano/sdk issue 2879), and its own movement, record
        by record, would overwrite ours at the end of the stream.
        """

    @functools.cached_property
    def emitter(self) -> Emitter:
        """The SCHEMA messages of this stream, one for each stream map that lets records through.

        With a catalog that lacks fields of our schema, the stream maps are made again for a schema
        that has them: what maps and flattening make of a field depends on its definition, and the
        SDK takes that from the catalog alone. What the catalog's SCHEMA lacks is announced when it
        comes. The SDK has no public hook between its stream maps and what is written.
        """
        first = [(each.stream_alias, each.transformed_schema) for each in self._emitting_maps()]
        own = selected(self.schema, deselected(self.schema, self.mask))
        listed = self.stream_maps[0].raw_schema
        if (complete := completed(listed, own)) != listed:
            self._tap.mapper.register_raw_stream_schema(self.name, complete, self.primary_keys)
            self._stream_maps = self._tap.mapper.stream_maps[self.name]
        return Emitter(
            Output(
                stream,
                schema,
                each.transformed_key_properties,
                [self.replication_key] if self.replication_key else None,
                each.transformed_schema["properties"],
                is_flattened=each.flattening_enabled,
            )
            for (stream, schema), each in zip(first, self._emitting_maps(), strict=True)
        )

    def _emitting_maps(self) -> list[StreamMap]:
        return [each for each in self.stream_maps if not isinstance(each, RemoveRecordTransform)]

    @override
    def _generate_schema_messages(self) -> Generator[SchemaMessage]:
        """The SCHEMA messages in force.

        The SDK sends the first ones again for each parent of a child stream, which would take back
        what has been announced since.
        """
        yield from self.emitter.messages()

    @override
    def _write_record_message(self, record: Record) -> None:
        """Write the RECORD messages of a record, after the SCHEMA messages that they need."""
        for message in self._announced_messages(record):
            self._tap.write_message(message)
        self.state_manager.is_flushed = False

    def _announced_messages(self, record: Record) -> Iterator[RecordMessage]:
        """The RECORD messages of a record; SCHEMA messages that they need are written at once."""
        for message in self._generate_record_messages(record):
            self.emitter.output(message.stream).take(message.record)
            for change in self.emitter.changes():
                self._tap.write_message(change)
            yield message

    @override
    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Write batches of records that are selected, mapped and announced.

        The SDK's batches hold records before selection and stream maps: what these leave out (an
        address, say) would leave all the same, and the SCHEMA would not hold.

        Where the SDK has no work to do on records, ``get_records`` writes their lines into the
        files itself.
        """
        if self.writes_lines and batch_config.encoding.format == "jsonl":
            self._sync_batches_of_lines(batch_config, context)
            return
        records = self._sync_records(context, write_messages=False)
        with self.get_batch_counter() as counter:
            while chunk := list(itertools.islice(records, batch_config.batch_size)):
                mapped: dict[str, list[Record]] = {}
                for record in chunk:
                    for message in self._announced_messages(record):
                        mapped.setdefault(message.stream, []).append(message.record)
                for stream, each in mapped.items():
                    batcher = Batcher(self.tap_name, stream, batch_config)
                    for manifest in batcher.get_batches(iter(each)):
                        counter.increment()
                        self._write_batch(stream, batch_config, manifest)
                self._write_state_now()
        self._write_state_now()

    def _sync_batches_of_lines(self, config: BatchConfig, context: Context | None) -> None:
        from support_taps.batches import BatchFiles  # noqa: PLC0415 - most runs need none

        with self.get_batch_counter() as counter:

            def send(url: str) -> None:
                counter.increment()
                self._write_batch(self.name, config, [url])
                self._write_state_now()

            self.batch_files = BatchFiles(config, f"{self.tap_name}--{self.name}", send)
            for _ in self._sync_records(context, write_messages=False):
                pass
            self.batch_files.flush()
            self.batch_files = None
        self._write_state_now()

    def _write_batch(self, stream: str, config: BatchConfig, manifest: list[str]) -> None:
        self._tap.write_message(
            SDKBatchMessage(stream=stream, encoding=config.encoding, manifest=manifest)
        )

    def _write_state_now(self) -> None:
        """Write the state, whatever the SDK thinks of its being written already."""
        self.state_manager.is_flushed = False
        self._write_state_message()

    @property
    @abc.abstractmethod
    def writes_lines(self) -> bool:
        """Whether the SDK has nothing to do between a record and its line."""

    @override  # type: ignore[misc]  # final, but there is no hook around it
    def sync(self, context: Context | None = None) -> None:
        """Sync the stream; what the SDK's own work on its records raises ends this stream only.

        A stream map that does not fit is such an error. It comes up in the middle of the SDK's
        loop, out of reach of ``get_records``, and ``Tap.sync_all`` would end the run.

        With batches it still does: the bookmark has gone ahead of the batch that could not be
        written, and the next stream's STATE would tell it.
        """
        try:
            super().sync(context)
        except Exception as error:
            if self.config.get("batch_config"):
                raise
            self.ended_by(error)

    def ended_by(self, error: Exception) -> None:
        """Decide what an error ends, besides this stream. For streams to override.

        Raises:
            Exception: The error, if it ends the run.
        """
        raise error

    @property
    def overrides_record_hooks(self) -> bool:
        """Whether a stream changes records by the SDK's public hook, which the fast path skips."""
        return type(self).post_process is not Stream.post_process

    @property
    def version_in_force(self) -> int | None:
        """The version of a full table, once ACTIVATE_VERSION has been sent."""
        return self._stream_version

    @override
    def _sync_children(self, child_context: Context | None) -> None:
        """Hand a parent over to the stream, which reads its children at the end of the page.

        The SDK reads them in the middle of the page, with a SCHEMA message for each parent.
        """
        if child_context is not None:
            self.found_parent(child_context)

    @abc.abstractmethod
    def found_parent(self, context: Context) -> None:
        """Note a record whose children are to be read."""

    def find_parents(self, record: Record, context: Context | None) -> None:
        """Find the contexts of a record's children, as the SDK does for records that it writes."""
        self._process_record(record, copy.copy(context), self._get_state_partition_context(context))

    def write_beginning(self) -> None:
        """Write SCHEMA, and ACTIVATE_VERSION if wanted, as ``Stream.sync`` does.

        The SDK does so for each parent, after which a target would keep the rows of the last one.
        """
        self._write_schema_message()
        if self.replication_method == "FULL_TABLE" and self.emit_activate_version_messages:
            self._stream_version = self._initialized_at // 1000
            self._write_activate_version_message(self._stream_version)

    def write_record(self, record: Record, context: Context | None) -> None:
        """Write one record through the SDK's hooks and stream maps, as ``Stream.sync`` does."""
        processed = self.post_process(record, context)
        if processed is not None:
            self._process_record(processed, copy.copy(context), None)
            if self.selected:
                self._write_record_message(processed)


class SdkTap(Tap, abc.ABC):
    """A tap that says in one line which setting is wrong, and that ends with the right code."""

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Fill in defaults and check, as the SDK does here, but with errors made for users.

        The SDK's text quotes the value, which may be a secret, and it logs several lines.
        """
        self.append_builtin_config(self.config_jsonschema)
        self.prepare_settings(self._config)
        if raise_errors:
            validate(self._config, self.config_jsonschema)
        return []

    def prepare_settings(self, config: dict[str, t.Any]) -> None:
        """Change a configuration in place before it is checked. For taps to override."""

    @override  # type: ignore[misc]  # final, but there is no hook for what `--test` shows
    def run_connection_test(self) -> bool:
        """Report on each stream, where the SDK writes a record of each, with all that is in it.

        The first thing that a user runs should tell more than "no error", and nothing private.
        """
        self.test_connection()
        return True

    @abc.abstractmethod
    def test_connection(self) -> None:
        """Say what the account gives to each stream."""

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Unwind from wherever the tap is, also from a wait, with the shell's exit code.

        The SDK writes a STATE here and exits 0, which a runner takes for a complete run, and the
        STATE can land in the middle of a RECORD line. A bookmark sends its STATE at once,
        so nothing is left to be written. Nor is anything logged here (``command.py`` does): in the
        middle of another line of the log that fails, and the signal would be lost with it.
        """
        signal.signal(signum, signal.SIG_IGN)
        raise SystemExit(128 + signum)


def _is_not_the_line_before_an_error(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("An unhandled error occurred while syncing")
