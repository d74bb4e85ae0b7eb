"""The only place that touches SDK state.

A bookmark says that everything before it has been emitted. It moves when a window, or a page
of a server's cursor, has been read to its end and its last record written, never before, and a
STATE message follows at once. It never moves backwards. The SDK's own movement, record by
record, is switched off (``sdk_overrides.py``): records come in no documented order, so
that the newest record seen says nothing about the ones still to come.
"""

from __future__ import annotations

import datetime as dt
import typing as t

from support_taps.errors import StateError
from support_taps.timestamps import isoformat

if t.TYPE_CHECKING:
    from singer_sdk import Stream
    from singer_sdk.helpers._state import StateWriter
    from singer_sdk.helpers.types import Context


class Checkpoint(t.NamedTuple):
    """What holds once a page has been emitted.

    Args:
        until: Everything before this instant has been emitted.
        cursor: The server's own cursor, where reading goes on from it rather than from a time.
    """

    until: dt.datetime
    cursor: dict[str, t.Any] | None = None


class Bookmark:
    """The bookmark of one stream, or of one partition of it.

    Args:
        stream: Whose state it is.
        context: The partition, or None.
        writer: The tap's writer of STATE messages.

    Raises:
        StateError: The state that was handed in holds no date-time where one belongs.
    """

    def __init__(self, stream: Stream, context: Context | None, writer: StateWriter) -> None:
        """Read what the state says."""
        self._stream = stream
        self._writer = writer
        self._state = stream.get_context_state(context)
        self.checkpoint = self._read()
        self.is_new = self.checkpoint is None

    def _read(self) -> Checkpoint | None:
        if self._stream.replication_method != "INCREMENTAL":
            return None
        value = self._state.get("replication_key_value")
        if value is None or self._state.get("replication_key") != self._stream.replication_key:
            return None
        try:
            until = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except (AttributeError, ValueError):
            msg = (
                f"the state of stream '{self._stream.name}' has {value!r} as its "
                "replication_key_value, which is not an ISO 8601 date-time"
            )
            raise StateError(msg) from None
        if until.tzinfo is None:
            until = until.replace(tzinfo=dt.timezone.utc)
        return Checkpoint(until.astimezone(dt.timezone.utc), self._state.get("cursor"))

    def move(self, checkpoint: Checkpoint) -> None:
        """Take over a checkpoint and send a STATE message, unless the state reaches further."""
        if self._stream.replication_method != "INCREMENTAL":
            return
        if self.checkpoint is None or checkpoint.until >= self.checkpoint.until:
            self.checkpoint = checkpoint
            self._state["replication_key"] = self._stream.replication_key
            self._state["replication_key_value"] = isoformat(checkpoint.until)
            if checkpoint.cursor is not None:
                self._state["cursor"] = checkpoint.cursor
        if not self._stream.config.get("batch_config"):
            # With batches, records leave later than they are read; the SDK sends the state then.
            self._writer.write_state(self._stream.tap_state)
