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

_TABLE_WAS_READ = "was_read"


class Checkpoint(t.NamedTuple):
    """The promise that holds once a page has been emitted.

    Args:
        until: Everything before this instant has been emitted.
        cursor: The server's own cursor, where reading goes on from it rather than from a time.
    """

    until: dt.datetime
    cursor: dict[str, t.Any] | None = None

    def not_after(self, instant: dt.datetime) -> Checkpoint:
        """Promise less: nothing beyond an instant; a cursor that points beyond it is dropped."""
        return self if self.until <= instant else Checkpoint(instant)


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
        self.begun = self._begun()

    def _read(self) -> Checkpoint | None:
        if self._stream.replication_method != "INCREMENTAL":
            return None
        value = self._state.get("replication_key_value")
        if value is None or self._state.get("replication_key") != self._stream.replication_key:
            return None
        until = _instant(value)
        if until is None:
            msg = (
                f"the state of stream '{self._stream.name}' has {value!r} as its "
                "replication_key_value, which is not an ISO 8601 date-time"
            )
            raise StateError(msg)
        return Checkpoint(until, self._state.get("cursor"))

    def _begun(self) -> dt.datetime | None:
        """Where the reading began that this bookmark is the end of; None: the state is older."""
        return None if self.is_new else _instant(self._state.get("start_date"))

    def begin(self, start: dt.datetime) -> None:
        """Note where reading begins; it is kept with the first checkpoint.

        Only where it does not go on from the bookmark: everything from ``begun`` to the bookmark
        has been emitted, without a gap.
        """
        if self.checkpoint is None or start > self.checkpoint.until:
            self.begun = start

    def move(self, checkpoint: Checkpoint) -> None:
        """Take over a checkpoint and send a STATE message, unless the state reaches further."""
        if self._stream.replication_method != "INCREMENTAL":
            return
        if self.checkpoint is None or checkpoint.until >= self.checkpoint.until:
            self.checkpoint = checkpoint
            self._state["replication_key"] = self._stream.replication_key
            self._state["replication_key_value"] = isoformat(checkpoint.until)
            self._keep("cursor", checkpoint.cursor)
            self._keep("start_date", self.begun and isoformat(self.begun))
        _send(self._stream, self._writer)

    def _keep(self, key: str, value: t.Any) -> None:
        """Put something of ours beside what the SDK keeps in a bookmark."""
        self._state.pop(key, None)
        if value is not None:
            self._state[key] = value


def note_table(stream: Stream, writer: StateWriter) -> None:
    """Note in the state that a table has been read whole. It has no bookmark to tell of it.

    Args:
        stream: The table.
        writer: The tap's writer of STATE messages.
    """
    stream.stream_state[_TABLE_WAS_READ] = True
    _send(stream, writer)


def was_read(stream: Stream) -> bool:
    """Whether a run has read some of a stream and kept it in the state.

    Args:
        stream: A stream with a bookmark, with one for each partition, or a table.
    """
    state = stream.stream_state
    return any(
        "replication_key_value" in part or _TABLE_WAS_READ in part
        for part in (state, *state.get("partitions", []))
    )


def reached(stream: Stream) -> str | None:
    """The bookmark as text; of a stream with partitions the earliest, None if one has none."""
    if stream.replication_method != "INCREMENTAL":
        return None
    states = [stream.get_context_state(context) for context in stream.partitions or (None,)]
    instants = [_instant(state.get("replication_key_value")) for state in states]
    known = [instant for instant in instants if instant]
    return isoformat(min(known)) if len(known) == len(instants) else None


def _send(stream: Stream, writer: StateWriter) -> None:
    """Send a STATE message at once.

    Not with batches: there, records leave later than they are read, and the SDK sends the state.
    """
    if not stream.config.get("batch_config"):
        writer.write_state(stream.tap_state)


def _instant(text: t.Any) -> dt.datetime | None:
    """An ISO 8601 date-time in UTC; None for anything else, and for the first and last hours.

    The year 1 in a zone east of Greenwich, and 9999 in one west of it, are no time in UTC.
    """
    try:
        instant = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=dt.timezone.utc)
        return instant.astimezone(dt.timezone.utc)
    except (AttributeError, OverflowError, TypeError, ValueError):
        return None
