"""An HTTP response as the rules make it and as the faults bend it, before it is sent."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from sandbox.table import Row, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Framing = Literal["chunked", "length", "close"]
"""How the end of a body is told: by an empty chunk, by Content-Length, by closing."""
Ending = Literal["clean", "missing", "reset"]
"""Sent to its end, broken off with FIN, broken off with RST."""

_BATCH = 128 * 1024


class RefusedError(Exception):
    """What a request has wrong; how the vendor says so is `Vendor.error`."""

    def __init__(self, message: str = "", status: int = 400, **details: Any) -> None:
        """Take the words, the status and what else the vendor tells."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details


def refuse(message: str = "", status: int = 400, **details: Any) -> NoReturn:
    """Stop here: the request is wrong."""
    raise RefusedError(message, status, **details)


@dataclass
class Response:
    """Status, headers and a body of rows between a prefix and a suffix.

    Rows are joined while they are sent: a response of any size costs one batch of memory.
    """

    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    """One that is None is not sent, also where every response has it (`Date`)."""
    prefix: bytes = b""
    rows: Sequence[Row] = ()
    suffix: bytes = b""
    framing: Framing = "chunked"
    render: Callable[[Row], bytes] | None = None
    """How a row is turned into JSON text, when its own text will not do."""
    bend: list[Callable[[int, Any], Any]] = field(default_factory=list)
    """Changes to decoded rows, given their position, on their way out (unknown fields, drift)."""
    padding: int = 0
    """Spaces between the last row and the suffix: nothing when parsed, a lot when unpacked."""

    # What a fault may ask of the delivery.
    gzip: bool = False
    stall: tuple[float, int | None] | None = None
    """Seconds to wait, and after how many body bytes (None: before the headers)."""
    on_stall: Callable[[], None] | None = None
    """Called when that wait begins."""
    trickle: tuple[int, float] | None = None
    """Bytes at a time, and seconds between them."""
    stop_after: int | None = None
    """Body bytes after which nothing more is sent."""
    ending: Ending = "clean"
    reset_at: Literal["before", "headers"] | None = None
    promised: int | None = None
    """A Content-Length that is not the truth."""
    line: str | None = None
    """A line between the headers that need not be one."""
    reason: str | None = None
    """The reason phrase, where it is not the usual one."""

    def row_texts(self) -> Iterator[bytes]:
        """Each row's JSON text as it goes out."""
        if not self.bend:
            render = self.render
            if render is None:
                return (row.raw for row in self.rows)
            return (render(row) for row in self.rows)
        return self._bent()

    def _bent(self) -> Iterator[bytes]:
        for position, row in enumerate(self.rows):
            value = json.loads(row.raw if self.render is None else self.render(row))
            for change in self.bend:
                value = change(position, value)
            yield encode(value)

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces of a size worth a system call."""
        parts = [self.prefix]
        size = len(self.prefix)
        separator = b""
        for text in self.row_texts():
            parts.append(separator)
            parts.append(text)
            separator = b","
            size += len(text) + 1
            if size >= _BATCH:
                yield b"".join(parts)
                parts.clear()
                size = 0
        if self.padding:
            yield b"".join(parts)
            parts.clear()
            for start in range(0, self.padding, _BATCH):
                yield b" " * min(_BATCH, self.padding - start)
        parts.append(self.suffix)
        last = b"".join(parts)
        if last:
            yield last

    def body(self) -> bytes:
        """The whole body at once, for faults that look for a place to cut."""
        return b"".join(self.chunks())

    def with_body(self, body: bytes) -> Response:
        """Replace the body by these bytes."""
        self.prefix, self.rows, self.suffix, self.bend, self.padding = body, (), b"", [], 0
        return self


def rows_of(rows: Sequence[Row], prefix: bytes, suffix: bytes) -> Response:
    """A JSON response around rows."""
    return Response(200, {"Content-Type": "application/json"}, prefix, rows, suffix)


def page_of(rows: Sequence[Row], key: str, envelope: object = None) -> Response:
    """A JSON object with a list of records under a key, and what stands behind it."""
    more = b"," + encode(envelope)[1:] if envelope else b"}"
    return rows_of(rows, b'{"%b":[' % key.encode(), b"]" + more)


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Response:
    """A small JSON document, sent with its length."""
    return Response(
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
        prefix=encode(value),
        framing="length",
    )


def waiting(seconds: float | None) -> dict[str, str | None]:
    """The header that tells whole seconds to wait, where there are any."""
    return {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A status without a body."""
    return Response(status=status, headers=dict(headers or {}), framing="length")


def gzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress a body as it passes."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    for chunk in chunks:
        packed = packer.compress(chunk)
        if packed:
            yield packed
    yield packer.flush()


def in_pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes, `size` at a time."""
    for chunk in chunks:
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]


def at_most(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The first `count` bytes."""
    for chunk in chunks:
        if count <= 0:
            return
        yield chunk[:count]
        count -= len(chunk)


def split_at(chunks: Iterable[bytes], count: int, between: Callable[[], object]) -> Iterator[bytes]:
    """The same bytes, with something done after the first `count` of them."""
    for chunk in chunks:
        if 0 <= count <= len(chunk):
            if count:
                yield chunk[:count]
            between()
            if chunk[count:]:
                yield chunk[count:]
        else:
            yield chunk
        count -= len(chunk) + (count == len(chunk))
