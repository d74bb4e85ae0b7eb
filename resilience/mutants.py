"""The mechanism broken on purpose, one function at a time, to see that the checks notice.

A harness that has never been seen to fail proves nothing. Each mutant is a plausible slip; it is
put into the forked process only, and the cases that could show it are played until one fails.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from requests import Response

from support_taps import json_codec
from support_taps.bookmarks import Bookmark
from support_taps.errors import CursorLoopError, FatalResponseError, GaveUpError, TransientError
from support_taps.halving import HalvingPages
from support_taps.http import page_reader, retries
from support_taps.http.clock import VendorClock
from support_taps.json_array import JsonArray
from support_taps.pagination import PageRead
from support_taps.records import emitter, plan
from support_taps.records.emitter import Output
from support_taps.sdk_overrides import SdkTap
from support_taps.settings import Settings
from support_taps.streams.base import SupportStream
from support_taps.streams.child import PartsStream
from support_taps.timestamps import to_epoch
from support_taps.windows import Window
from support_taps.writer import LineWriter
from tap_deepconverse import client
from tap_deepconverse.client import CursorPages
from tap_zendesk_chat.client import ServerCursor, ServerCursorPages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_KILLS = tuple(
    f"kill -9 {moment}"
    for moment in ("in a RECORD", "before a STATE", "after a STATE", "at a byte")
)
_BREAKS = (
    "body cut inside a string, clean",
    "body cut between records, missing",
    "reset in the body",
    "empty 200",
)


_DIXA = ("tap-dixa/conversations",)
_CHATS = ("tap-zendesk-chat/chats",)
_BOTS = ("tap-deepconverse/messages",)
_DEVREV = ("tap-devrev/conversations",)
_HISTORY = ("tap-zendesk-chat/chat_history",)
_ENTRIES = ("tap-devrev/conversation_timeline_entries",)
_TABLES = ("tap-dixa/agents", "tap-zendesk-chat/agents")
_MEMBERS = ("tap-dixa/team_members",)
_READINGS = ("another reading of the documents",)
_AGAINST = ("against the documents",)
_CLOCKS = ("a clock that is ahead of the vendor's",)
_SIGNALS = ("SIGTERM", "SIGINT")
_FAILURES = ("a run that must fail",)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One break.

    Args:
        what: In words.
        apply: Puts it in place.
        subjects: The streams to play it on.
        kinds: The kinds of cases that should show it.
    """

    what: str
    apply: Callable[[], None]
    subjects: tuple[str, ...]
    kinds: tuple[str, ...]


MUTANTS: dict[str, Mutant] = {}


def _mutant(
    subjects: tuple[str, ...], kinds: tuple[str, ...]
) -> Callable[[Callable[[], None]], None]:
    """List a function as a mutant, named and described as it is."""

    def listed(apply: Callable[[], None]) -> None:
        what = (apply.__doc__ or "").strip().removesuffix(".")
        MUTANTS[apply.__name__.replace("_", "-")] = Mutant(what, apply, subjects, kinds)

    return listed


def _put(owner: Any, name: str, value: Any) -> None:
    """Put something in the place of what an owner has."""
    setattr(owner, name, value)


@_mutant((*_DIXA, *_CHATS), _KILLS)
def early_bookmark() -> None:
    """A bookmark that moves before the last record of its window."""
    original = SupportStream.walk

    def walk(self: Any, *arguments: Any) -> Iterator[Any]:
        held = None
        for batch in original(self, *arguments):
            if held is not None:
                yield held
            held = batch
        if held is not None:
            yield held

    _put(SupportStream, "walk", walk)


@_mutant(_DIXA, _READINGS)
def no_overlap() -> None:
    """Windows without overlap, under exclusive bounds."""

    def bounds(self: Window, unit: Any) -> tuple[int, int]:
        return to_epoch(self.start, unit), to_epoch(self.end, unit)

    _put(Window, "bounds", bounds)


@_mutant((*_DIXA, *_BOTS), _BREAKS)
def truncation() -> None:
    """A body that ends early is taken for whole."""
    original = JsonArray.__iter__

    def iterate(self: JsonArray) -> Iterator[list[bytes]]:
        try:
            yield from original(self)
        except TransientError:
            return

    _put(JsonArray, "__iter__", iterate)


@_mutant(_BOTS, _READINGS)
def empty_page() -> None:
    """A paginator that stops at an empty page."""
    original = CursorPages.after

    def after(self: CursorPages, page: Any) -> Any:
        return original(self, page if page.rows else dataclasses.replace(page, envelope={}))

    _put(CursorPages, "after", after)


@_mutant(_BOTS, _AGAINST)
def unknown_place() -> None:
    """A cursor in an unknown place is none."""
    original = client.find_cursor
    client.find_cursor = lambda envelope: original(envelope) or ""
    vars(client)["leads_on"] = lambda *_: None


@_mutant(_BOTS, _READINGS)
def same_cursor() -> None:
    """The same cursor is a circle, whatever records come with it."""
    original = CursorPages.after

    def after(self: CursorPages, page: Any) -> Any:
        step = original(self, page)
        if step.next is not None and page.token.cursor == step.next.cursor is not None:
            raise CursorLoopError(page.token.cursor)
        return step

    _put(CursorPages, "after", after)


@_mutant(_CHATS, _AGAINST)
def any_unit() -> None:
    """A cursor in another unit is taken as it is."""

    def cursor(_: Any, envelope: Any, oldest: int) -> ServerCursor:  # noqa: ARG001
        return ServerCursor(int(envelope["end_time"]), envelope.get("end_id") or None)

    _put(ServerCursorPages, "_cursor", cursor)


@_mutant(_CHATS, _READINGS)
def empty_chats() -> None:
    """An empty page is the end although its cursor moved on."""
    _put(ServerCursorPages, "_past_gap", lambda *_: None)


@_mutant(_CHATS, _KILLS)
def no_cursor() -> None:
    """The server's cursor is dropped on resume."""
    original = Bookmark._read  # noqa: SLF001

    def read(self: Bookmark) -> Any:
        checkpoint = original(self)
        return checkpoint and checkpoint._replace(cursor=None)

    _put(Bookmark, "_read", read)


@_mutant((*_DIXA, *_DEVREV), _KILLS)
def early_state() -> None:
    """STATE is written before the records."""
    original = LineWriter.write_lines
    held: list[bytes] = []

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:
        if lines.startswith(b'{"type":"RECORD"'):
            held.append(bytes(lines))
            return
        original(self, lines)
        while held:
            original(self, held.pop(0))

    _put(LineWriter, "write_lines", write_lines)


@_mutant(_DIXA, _SIGNALS)
def sigterm_0() -> None:
    """SIGTERM ends with exit code 0."""

    def handle(*_: object) -> None:
        raise SystemExit(0)

    _put(SdkTap, "_handle_termination", handle)


@_mutant(_DIXA, _FAILURES)
def forgotten() -> None:
    """A stream that failed is forgotten."""
    original = SupportStream.get_records

    def get_records(self: Any, context: Any) -> Iterator[Any]:
        self.tap.failed = lambda *_: None
        yield from original(self, context)

    _put(SupportStream, "get_records", get_records)


@_mutant(_DIXA, ("502",))
def no_retry() -> None:
    """Nothing is tried again."""

    def wait_after(self: Any, error: Exception) -> float:  # noqa: ARG001
        raise GaveUpError(str(error))

    _put(retries.Retries, "wait_after", wait_after)


@_mutant(_DIXA, ("data that moves: late",))
def no_lookback() -> None:
    """The lookback is forgotten."""
    _put(Settings, "lookback", property(lambda _: dt.timedelta(0), lambda *_: None))


@_mutant(_DIXA, _KILLS)
def lag() -> None:
    """A STATE for every third window only."""
    original, count = Bookmark.move, [0]

    def move(self: Bookmark, checkpoint: Any) -> None:
        count[0] += 1
        if count[0] % 3 == 0:
            original(self, checkpoint)

    _put(Bookmark, "move", move)


@_mutant((*_DEVREV, *_CHATS), (*_KILLS, "data that moves: late"))
def backwards() -> None:
    """The state follows the lookback back."""
    original = Bookmark.move

    def move(self: Bookmark, checkpoint: Any) -> None:
        self.checkpoint = None
        original(self, checkpoint)

    _put(Bookmark, "move", move)


@_mutant((*_CHATS, "tap-dixa/messages"), ("500",))
def digits() -> None:
    """Numbers lose digits."""
    original = LineWriter.write_lines

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:
        original(self, re.sub(rb"(:\d+\.\d{16})\d+(?=[,}])", rb"\1", lines))  # as a double has it

    _put(LineWriter, "write_lines", write_lines)


@_mutant((*_DIXA, *_CHATS), ("damaged UTF-8",))
def utf_8() -> None:
    """Bytes are decoded as Python's json does it, which takes surrogates in UTF-8."""
    original = json_codec.decode

    def decode(value: bytes) -> Any:
        try:
            return original(value)
        except TransientError as error:
            try:
                return json.loads(value, strict=False, parse_float=json_codec.Number)
            except ValueError:
                raise error from None

    _put(plan, "decode", decode)


@_mutant(_DIXA, ("500",))
def secret() -> None:
    """The credential reaches the log."""
    original = SupportStream._prepare  # noqa: SLF001

    def prepare(self: Any, page: Any) -> Any:
        prepared = original(self, page)
        sys.stderr.write(f"{prepared.headers}\n")
        return prepared

    _put(SupportStream, "_prepare", prepare)


@_mutant(_DIXA, ("the target dies (broken pipe)",))
def traceback() -> None:
    """A broken pipe ends in a traceback."""
    original = LineWriter.write_lines

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:
        try:
            original(self, lines)
        except BrokenPipeError as error:
            logging.getLogger().exception("broken")
            raise SystemExit(1) from error

    _put(LineWriter, "write_lines", write_lines)


@_mutant((*_DIXA, *_CHATS, *_DEVREV), ("a full disk",))
def half_written() -> None:
    """A write that took a part only is taken for whole, under PYTHONUNBUFFERED."""

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:  # noqa: ARG001
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()

    _put(LineWriter, "write_lines", write_lines)


@_mutant((*_DIXA, *_BOTS), ("new fields",))
def unannounced() -> None:
    """A new field leaves without a SCHEMA that lists it."""
    _put(Output, "take", lambda *_: None)


@_mutant((*_CHATS, *_DEVREV), ("drifted fields",))
def not_widened() -> None:
    """A value leaves that the SCHEMA forbids."""
    _put(emitter, "widened", lambda schema, _: schema)


@_mutant(_DEVREV, _READINGS)
def no_cap() -> None:
    """Fewer rows than were asked for count as all there are."""
    _put(HalvingPages, "_doubted", lambda self, token, *_: self._whole(token, None))


@_mutant((*_DIXA, *_DEVREV), _CLOCKS)
def date_ignored() -> None:
    """The vendor's clock is not looked at."""
    _put(VendorClock, "hear", lambda *_: None)


@_mutant(_HISTORY, _KILLS)
def late_parts() -> None:
    """A checkpoint that is kept before the parts of its records are written."""
    take, move = PartsStream.take_parent_records, Bookmark.move
    late: list[tuple[Any, Any]] = []

    def take_parent_records(self: Any, raws: Any) -> None:
        late.append((self, raws))

    def move_and_take(self: Bookmark, checkpoint: Any) -> None:
        move(self, checkpoint)
        while late:
            take(*late.pop(0))

    _put(PartsStream, "take_parent_records", take_parent_records)
    _put(Bookmark, "move", move_and_take)


@_mutant(_ENTRIES, _KILLS)
def late_children() -> None:
    """A checkpoint that is kept before the children of its page are read."""
    read, move = SupportStream._read_children, Bookmark.move  # noqa: SLF001
    late: list[tuple[Any, Any]] = []

    def read_children(self: Any, contexts: Any) -> None:
        late.append((self, contexts))

    def move_and_read(self: Bookmark, checkpoint: Any) -> None:
        move(self, checkpoint)
        while late:
            read(*late.pop(0))

    _put(SupportStream, "_read_children", read_children)
    _put(Bookmark, "move", move_and_read)


@_mutant(_TABLES, _FAILURES)
def refused_page() -> None:
    """A refused page of a table counts as its end."""
    original = SupportStream._page  # noqa: SLF001

    def page(self: Any, asked: Any, paginator: Any, *others: Any) -> Generator[Any, None, Any]:
        try:
            return (yield from original(self, asked, paginator, *others))
        except FatalResponseError:
            if not self.progress.records:
                raise
            return PageRead(asked.next_page_token, 0, {}, paginator.witness(), Response())

    _put(SupportStream, "_page", page)


@_mutant(_MEMBERS, _FAILURES)
def skipped_child() -> None:
    """Whatever is refused for a child is skipped."""
    _put(FatalResponseError, "is_missing", property(lambda _: True))


@_mutant(_DIXA, ("SIGTERM in a wait", "SIGINT in a wait"))
def deaf() -> None:
    """A wait is not cut short by a signal."""
    original = SdkTap._handle_termination  # noqa: SLF001
    told: list[Any] = []

    class Time:
        """Sleeps to the end, and only then looks at the signal."""

        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

        def sleep(self, seconds: float) -> None:
            time.sleep(min(seconds, 12))
            if told:
                original(*told[0])

    def handle(*arguments: Any) -> None:
        told.append(arguments)

    _put(SdkTap, "_handle_termination", handle)
    _put(page_reader, "time", Time())
