"""Singer messages onto standard output, whole lines at a time."""

from __future__ import annotations

import sys
import typing as t

from singer_sdk.contrib.msgspec import MsgSpecWriter

from support_taps.json_codec import encode

if t.TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class LineWriter(MsgSpecWriter):
    """The SDK's msgspec writer, for any text and number that a vendor can send.

    It adds :meth:`write_lines`, which takes many finished lines with one write. Nothing is held
    back: what is written has left for the target before the call returns, so that
    a STATE can never overtake a record.
    """

    is_muted = False
    """Whether nothing is written: a connection test reads, and loads nothing."""

    def serialize_message(self, message: Message) -> bytearray:
        """Serialise as one line."""
        return bytearray(encode(message.to_dict()) + b"\n")

    def write_message(self, message: Message) -> None:
        """Write one message."""
        self.write_lines(self.serialize_message(message))

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Write lines that end in a newline each."""
        if self.is_muted:
            return
        out = sys.stdout.buffer
        rest = memoryview(lines)
        while rest:  # with PYTHONUNBUFFERED it is a raw file, which may take a part only
            rest = rest[out.write(rest) :]
        out.flush()
