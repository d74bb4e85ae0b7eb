"""Records out of a JSON array that is still arriving, in bounded memory.

An export answers with one array, at the top or under a key of a top-level object, and the array
can be gigabytes. :class:`JsonArray` hands out the bytes of each element as they came,
unparsed, and keeps no more than one piece of the body and the element that is cut off at its
end.

Where an element ends is found by ``msgspec``: it runs over one value in C without building
anything, and its error names the byte at which other text follows. That byte is only used as a
border. What lies before it is decoded by whoever takes the record, so that a wrong border could
not go unseen. Where msgspec names none (the element is cut off, or holds a lone surrogate or a
bare control character, which vendors do send), strings and brackets are counted instead.
"""

from __future__ import annotations

import re
import typing as t

import msgspec

from support_taps.errors import ShapeError, TooLargeError
from support_taps.json_codec import decode, not_json, too_deep
from support_taps.wording import named

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_VALUE = 64 * 1024 * 1024
"""Bytes of the largest record that is read; what is used of memory is a few times that."""

_SPACES = b" \t\r\n"
_STRIPPED_BYTES = 4096
_COMMA, _CLOSING = b",]"
_NOT_SPACE = re.compile(rb"[^ \t\r\n]")
_PLAIN = re.compile(rb'[^\[\]{},:" \t\r\n]+')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_TOKEN = re.compile(rb'(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<cut>")|[\[\]{}]', re.DOTALL)
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_KEY = rb'\s*"[^"\\]+"\s*:'
_SCALAR = rb'\s*(?:"[^"\\]*(?:\\.[^"\\]*)*"|[^"{}\[\],:\s]+)\s*,'
_FIRST_KEY = re.compile(rb"\{" + _KEY)
_SECOND_KEY = re.compile(_SCALAR + b"(" + _KEY + b")")
_MISSES_ALLOWED = 3
_run_over = msgspec.json.Decoder(msgspec.Raw).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _border_offset() -> int | None:
    """How the byte that msgspec names relates to the first byte after the value.

    Measured rather than assumed. None if this msgspec does not name a byte.
    """
    try:
        _run_over(b"{},")
    except msgspec.DecodeError as error:
        if named := _TRAILING.search(str(error)):
            return 2 - int(named[1])
    return None


BORDER_OFFSET = _border_offset()


class _CutOffError(Exception):
    """The buffer ends before the value does."""


class JsonArray:
    """The elements of one array of a body, and what else the top-level object holds.

    Args:
        chunks: The body, in pieces of any size.
        key: The key of the top-level object that holds the array; None for an array at the top;
            several keys where each holds an array. Keys joined with dots lead into objects.
        holds_one: Whether one object, itself a record, stands in the place of the array.

    Iterating yields lists of elements, each as its bytes, a list for each piece that completed
    any. After the last one :attr:`envelope` holds the other keys, decoded.

    Raises:
        TransientError: The body ended early, or is no JSON. Another try may do better.
        ShapeError: It is JSON, but not with the array that was expected.
        TooLargeError: One value is larger or deeper than can be read.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        key: str | tuple[str, ...] | None = None,
        *,
        holds_one: bool = False,
        is_optional: bool = False,
    ) -> None:
        """Nothing is read before the first iteration."""
        self._is_optional = is_optional
        self.envelope: dict[str, t.Any] = {}
        self.count = 0
        self._array_keys = (key,) if isinstance(key, str) else key or ()
        self._holds_one = holds_one
        self._found: set[str] = set()
        self._chunks = iter(chunks)
        self._buffer = b""
        self._position = 0
        self._separator: _Separator | None = None
        self._misses = 0

    def __iter__(self) -> Iterator[list[bytes]]:
        """Yield the elements as their pieces arrive."""
        if not self._array_keys:
            yield from self._records()
        else:
            if (first := self._peek()) != b"{":
                self._refuse(f"an object with the key '{self._array_keys[0]}'", first)
            yield from self._members("", self.envelope)
            for key in self._array_keys:
                if key not in self._found and not self._is_optional:
                    msg = f"the response has no key '{key}'; {_listed(self.envelope)}"
                    raise ShapeError(msg)
        if not self._at_end():
            msg = "there is text after its end"
            raise not_json(msg)

    def _members(self, prefix: str, envelope: dict[str, t.Any]) -> Iterator[list[bytes]]:
        """The members of an object, of which one is the array or leads to it.

        Args:
            prefix: The keys that lead to the object, with a dot behind each.
            envelope: Takes the other members.
        """
        for key in self._keys():
            place = prefix + key
            if place in self._array_keys:
                self._found.add(place)
                if self._is_optional and self._peek() == b"n":
                    self._decoded_value()  # null
                    continue
                yield from self._records(f" under the key '{place}'")
            elif any(each.startswith(f"{place}.") for each in self._array_keys):
                if (first := self._peek()) != b"{":
                    self._refuse(f"an object under the key '{place}'", first)
                yield from self._members(f"{place}.", envelope.setdefault(key, {}))
            else:
                envelope[key] = self._decoded_value()

    def _records(self, where: str = "") -> Iterator[list[bytes]]:
        """The array that is next, or the object in its place."""
        kind, opening = ("an object", b"{") if self._holds_one else ("an array", b"[")
        if (first := self._peek()) != opening:
            self._refuse(f"{kind}{where}", first)
        if self._holds_one:
            self.count += 1
            yield [self._value()]
        else:
            yield from self._elements()

    def _keys(self) -> Iterator[str]:
        """The keys of the object whose bracket is next; the taker reads each value."""
        self._position += 1
        if self._peek() == b"}":
            self._position += 1
            return
        while True:
            key = self._decoded_value()
            if not isinstance(key, str):
                msg = "a key is not text"
                raise not_json(msg)
            if self._take() != b":":
                msg = "a key is not followed by a colon"
                raise not_json(msg)
            yield key
            separator = self._take()
            if separator == b"}":
                return
            if separator != b",":
                msg = "members are not separated by commas"
                raise not_json(msg)

    def _elements(self) -> Iterator[list[bytes]]:
        """The elements of the array whose bracket is next."""
        self._position += 1
        if self._peek() == b"]":
            self._position += 1
            return
        batch: list[bytes] = []
        previous_end = 0  # of the element before, if it is in the buffer
        while True:
            try:
                # As long as the buffer holds whole elements, nothing is read and nothing
                # copied but the elements themselves.
                start = self._after_space(self._position)
                if previous_end and self._separator is None:
                    self._separator = _Separator(self._buffer, previous_end, start)
                    batch += self._many(start)
                    start = self._position
                end = self._value_end(start)
                border = self._after_space(end)
            except _CutOffError:
                if batch:
                    yield batch
                self._read_more()
                batch = self._many(self._position)
                previous_end = 0
                continue
            batch.append(self._buffer[start:end])
            self.count += 1
            self._position = border + 1
            separator = self._buffer[border]
            if separator == _CLOSING:
                yield batch
                return
            if separator != _COMMA:
                msg = "elements are not separated by commas"
                raise not_json(msg)
            previous_end = end

    def _many(self, start: int) -> list[bytes]:
        """Most of the whole elements in the buffer, found in one go; none if that is not easy.

        The guess is that the last place in the buffer that looks like the joint between the first
        two elements is one between elements too. It is right if what lies before
        reads as an array of its own: a parser goes from left to right, so it would be in
        the same place, between two elements, in the whole body as well.
        """
        self._position = start
        if self._separator is None or self._misses > _MISSES_ALLOWED:
            return []
        end = self._separator.last_end(self._buffer, start)
        if end < 0:
            return []
        try:
            elements = _split(b"[%b]" % self._buffer[start:end])
        except (msgspec.DecodeError, RecursionError):
            self._misses += 1
            return []
        self._misses = 0
        self._position = end + self._separator.gap
        self.count += len(elements)
        return [bytes(element) for element in elements]

    def _value_end(self, start: int) -> int:
        """Where the value that starts here ends.

        Raises:
            _CutOffError: Not in the buffer, as far as can be seen.
        """
        buffer = self._buffer
        if buffer[start] not in b'{["':
            # Numbers and words have no end of their own: it takes what follows to see it.
            plain = _PLAIN.match(buffer, start)
            if plain is None:
                msg = "a value is missing"
                raise not_json(msg)
            if plain.end() == len(buffer):
                raise _CutOffError
            return plain.end()
        if BORDER_OFFSET is not None:
            try:
                _run_over(memoryview(buffer)[start:])
            except msgspec.DecodeError as error:
                if named := _TRAILING.search(str(error)):
                    border = start + int(named[1]) + BORDER_OFFSET
                    return border if buffer[border - 1] in b'}]"' else _rstrip(buffer, border)
                if "truncated" in str(error) and not _SURROGATE.search(buffer, start):
                    raise _CutOffError from None
            except RecursionError:
                raise too_deep() from None
            else:
                return _rstrip(buffer, len(buffer))
        return _counted_end(buffer, start)

    def _decoded_value(self) -> t.Any:
        """The next value, decoded."""
        return decode(self._value())

    def _value(self) -> bytes:
        """The next value, as it came."""
        while True:
            try:
                start = self._after_space(self._position)
                end = self._value_end(start)
            except _CutOffError:
                self._read_more()
            else:
                self._position = end
                return self._buffer[start:end]

    def _after_space(self, position: int) -> int:
        """Where the next byte that is not white space lies."""
        found = _NOT_SPACE.search(self._buffer, position)
        if found is None:
            raise _CutOffError
        return found.start()

    def _peek(self) -> bytes:
        """The next byte that is not white space, which stays where it is."""
        while True:
            try:
                self._position = self._after_space(self._position)
            except _CutOffError:
                self._read_more()
            else:
                return self._buffer[self._position : self._position + 1]

    def _take(self) -> bytes:
        """The next byte that is not white space, which is done with."""
        byte = self._peek()
        self._position += 1
        return byte

    def _at_end(self) -> bool:
        """Whether nothing but white space is left."""
        rest = self._buffer[self._position :].strip()
        return not rest and not any(chunk.strip() for chunk in self._chunks)

    def _read_more(self) -> None:
        """Drop what is done with, and append to what is left.

        At least as much is appended as is left, so that a large value costs no more per byte
        than a small one; but nothing beyond the largest value that is read.
        """
        rest = self._buffer[self._position :]
        if len(rest) > LARGEST_VALUE:
            msg = f"one value of the response is larger than {LARGEST_VALUE // 1024**2} MiB"
            raise TooLargeError(msg)
        pieces = [rest]
        added = 0
        for chunk in self._chunks:
            pieces.append(chunk)
            added += len(chunk)
            if added and (added >= len(rest) or len(rest) + added > LARGEST_VALUE):
                break
        if not added:
            raise not_json("it is empty" if not rest and not self._position else "it ends early")
        self._buffer = b"".join(pieces)
        self._position = 0

    def _refuse(self, wanted: str, first: bytes) -> t.NoReturn:
        """Say what came in the place of what was wanted, with its keys if it is an object."""
        kinds = {b"{": "an object", b"[": "an array", b'"': "text"}
        if first not in kinds and not (first.isalnum() or first == b"-"):
            msg = f"it starts with {first.decode('latin-1')!r}"
            raise not_json(msg)
        got = kinds.get(first, "a single value")
        if first == b"{":
            keys: dict[str, None] = {}
            for key in self._keys():
                keys[key] = None
                self._decoded_value()
            got += f"; {_listed(keys)}"
        msg = f"the response should be {wanted}, and is {got}"
        raise ShapeError(msg)


class _Separator:
    """The text between two elements: their separator, and how an object begins.

    Args:
        buffer: Holds the end of one element and the start of the next.
        end: Where the one ends.
        start: Where the next starts.
    """

    def __init__(self, buffer: bytes, end: int, start: int) -> None:
        """Take it from the first two elements, or from none if they are no objects."""
        self.gap = start - end
        self._text = b""
        first_key = _FIRST_KEY.match(buffer, start)
        if first_key and buffer[end - 1 : end] == b"}":
            self._text = buffer[end - 1 : first_key.end()]
            # Objects in a list inside an element are often separated and begin just like that.
            # So the second key is looked at as well, where one follows a plain first value.
            second_key = _SECOND_KEY.match(buffer, first_key.end())
            follows = _SCALAR + re.escape(second_key[1]) if second_key else b""
            self._follows = re.compile(follows)

    def last_end(self, buffer: bytes, start: int) -> int:
        """The end of the last element before such a joint, or -1."""
        if not self._text:
            return -1
        found = buffer.rfind(self._text, start)
        while found >= 0 and not self._follows.match(buffer, found + len(self._text)):
            found = buffer.rfind(self._text, start, found + len(self._text) - 1)
        return found + 1 if found >= 0 else -1


def _counted_end(buffer: bytes, start: int) -> int:
    """Where a text, array or object ends, by counting brackets outside of strings."""
    depth = 0
    for token in _TOKEN.finditer(buffer, start):
        if token["cut"]:
            break
        if not token["text"]:
            depth += 1 if token[0] in b"[{" else -1
        if depth == 0:
            return token.end()
    raise _CutOffError


def _rstrip(buffer: bytes, end: int) -> int:
    """The end without the white space before it, of which a hostile response has megabytes."""
    while buffer[end - 1] in _SPACES:
        piece = buffer[max(0, end - _STRIPPED_BYTES) : end]
        end -= len(piece) - len(piece.rstrip(_SPACES))
    return end


def _listed(keys: t.Iterable[str]) -> str:
    return f"its keys are: {named(list(keys)) or 'none'}"
