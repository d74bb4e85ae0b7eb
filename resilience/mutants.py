"""The mechanism broken on purpose, one function at a time, to see that the checks notice.

A harness that has never been seen to fail proves nothing. Each mutant is a plausible slip; it is
put into the forked process only, and the cases that could show it are played until one fails.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import sys
import time
from typing import TYPE_CHECKING, Any

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


def _put(owner: Any, name: str, value: Any) -> None:
    """Put something in the place of what an owner has."""
    setattr(owner, name, value)


def _bookmark_before_the_last_record() -> None:
    from support_taps.streams.base import SupportStream  # noqa: PLC0415

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


def _window_without_overlap() -> None:
    from support_taps.timestamps import to_epoch  # noqa: PLC0415
    from support_taps.windows import Window  # noqa: PLC0415

    def bounds(self: Window, unit: Any) -> tuple[int, int]:
        return to_epoch(self.start, unit), to_epoch(self.end, unit)

    _put(Window, "bounds", bounds)


def _truncation_is_an_end() -> None:
    from support_taps.errors import TransientError  # noqa: PLC0415
    from support_taps.json_array import JsonArray  # noqa: PLC0415

    original = JsonArray.__iter__

    def iterate(self: JsonArray) -> Iterator[list[bytes]]:
        try:
            yield from original(self)
        except TransientError:
            return

    _put(JsonArray, "__iter__", iterate)


def _empty_page_is_the_end() -> None:
    from tap_deepconverse.client import CursorPages  # noqa: PLC0415

    original = CursorPages.after

    def after(self: CursorPages, page: Any) -> Any:
        return original(self, page if page.rows else dataclasses.replace(page, envelope={}))

    _put(CursorPages, "after", after)


def _unknown_place_is_the_end() -> None:
    from tap_deepconverse import client  # noqa: PLC0415

    original = client.find_cursor
    client.find_cursor = lambda envelope: original(envelope) or ""
    client.leads_on = lambda *_: None


def _same_cursor_is_a_circle() -> None:
    from support_taps.errors import CursorLoopError  # noqa: PLC0415
    from tap_deepconverse.client import CursorPages  # noqa: PLC0415

    original = CursorPages.after

    def after(self: CursorPages, page: Any) -> Any:
        step = original(self, page)
        if step.next is not None and page.token.cursor == step.next.cursor is not None:
            raise CursorLoopError(page.token.cursor)
        return step

    _put(CursorPages, "after", after)


def _any_unit_is_taken() -> None:
    from tap_zendesk_chat.client import ServerCursor, ServerCursorPages  # noqa: PLC0415

    def cursor(_: Any, envelope: Any, oldest: int) -> ServerCursor:  # noqa: ARG001
        return ServerCursor(int(envelope["end_time"]), envelope.get("end_id") or None)

    _put(ServerCursorPages, "_cursor", cursor)


def _any_empty_page_is_the_end() -> None:
    from tap_zendesk_chat.client import ServerCursorPages  # noqa: PLC0415

    _put(ServerCursorPages, "_past_gap", lambda *_: None)


def _cursor_dropped_on_resume() -> None:
    from support_taps.bookmarks import Bookmark  # noqa: PLC0415

    original = Bookmark._read  # noqa: SLF001

    def read(self: Bookmark) -> Any:
        checkpoint = original(self)
        return checkpoint and checkpoint._replace(cursor=None)

    _put(Bookmark, "_read", read)


def _state_before_records() -> None:
    from support_taps.writer import LineWriter  # noqa: PLC0415

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


def _sigterm_is_success() -> None:
    from support_taps.sdk_overrides import SdkTap  # noqa: PLC0415

    def handle(*_: object) -> None:
        raise SystemExit(0)

    _put(SdkTap, "_handle_termination", handle)


def _failure_forgotten() -> None:
    from support_taps.streams.base import SupportStream  # noqa: PLC0415

    original = SupportStream.get_records

    def get_records(self: Any, context: Any) -> Iterator[Any]:
        self.tap.failed = lambda *_: None
        yield from original(self, context)

    _put(SupportStream, "get_records", get_records)


def _retry_without_reading_again() -> None:
    from support_taps.errors import GaveUpError  # noqa: PLC0415
    from support_taps.http import retries  # noqa: PLC0415

    def wait_after(self: Any, error: Exception) -> float:  # noqa: ARG001
        raise GaveUpError(str(error))

    _put(retries.Retries, "wait_after", wait_after)


def _lookback_forgotten() -> None:
    import datetime as dt  # noqa: PLC0415

    from support_taps.settings import Settings  # noqa: PLC0415

    _put(Settings, "lookback", property(lambda _: dt.timedelta(0), lambda *_: None))


def _state_lags_behind() -> None:
    from support_taps.bookmarks import Bookmark  # noqa: PLC0415

    original, count = Bookmark.move, [0]

    def move(self: Bookmark, checkpoint: Any) -> None:
        count[0] += 1
        if count[0] % 3 == 0:
            original(self, checkpoint)

    _put(Bookmark, "move", move)


def _state_goes_back() -> None:
    from support_taps.bookmarks import Bookmark  # noqa: PLC0415

    original = Bookmark.move

    def move(self: Bookmark, checkpoint: Any) -> None:
        self.checkpoint = None
        original(self, checkpoint)

    _put(Bookmark, "move", move)


def _digits_lost() -> None:
    from support_taps.writer import LineWriter  # noqa: PLC0415

    original = LineWriter.write_lines

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:
        original(self, re.sub(rb"(:\d+\.\d{16})\d+(?=[,}])", rb"\1", lines))  # as a double has it

    _put(LineWriter, "write_lines", write_lines)


def _surrogates_in_utf8() -> None:
    import json  # noqa: PLC0415

    from support_taps import json_codec  # noqa: PLC0415
    from support_taps.errors import TransientError  # noqa: PLC0415
    from support_taps.records import plan  # noqa: PLC0415

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


def _secret_in_the_log() -> None:
    from support_taps.streams.base import SupportStream  # noqa: PLC0415

    original = SupportStream._prepare  # noqa: SLF001

    def prepare(self: Any, page: Any) -> Any:
        prepared = original(self, page)
        sys.stderr.write(f"{prepared.headers}\n")
        return prepared

    _put(SupportStream, "_prepare", prepare)


def _broken_pipe_with_traceback() -> None:
    from support_taps.writer import LineWriter  # noqa: PLC0415

    original = LineWriter.write_lines

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:
        try:
            original(self, lines)
        except BrokenPipeError as error:
            logging.getLogger().exception("broken")
            raise SystemExit(1) from error

    _put(LineWriter, "write_lines", write_lines)


def _half_written_is_written() -> None:
    from support_taps.writer import LineWriter  # noqa: PLC0415

    def write_lines(self: LineWriter, lines: bytes | bytearray) -> None:  # noqa: ARG001
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()

    _put(LineWriter, "write_lines", write_lines)


def _sleeps_through_signals() -> None:
    from support_taps.http import page_reader  # noqa: PLC0415
    from support_taps.sdk_overrides import SdkTap  # noqa: PLC0415

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


def _new_fields_not_announced() -> None:
    from support_taps.records.emitter import Output  # noqa: PLC0415

    _put(Output, "take", lambda *_: None)


def _drift_not_widened() -> None:
    from support_taps.records import emitter  # noqa: PLC0415

    _put(emitter, "widened", lambda schema, _: schema)


def _parts_after_the_checkpoint() -> None:
    from support_taps.bookmarks import Bookmark  # noqa: PLC0415
    from support_taps.streams.child import PartsStream  # noqa: PLC0415

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


def _failed_child_is_skipped() -> None:
    from support_taps.errors import FatalResponseError  # noqa: PLC0415

    _put(FatalResponseError, "is_missing", property(lambda _: True))


def _refused_page_is_the_end() -> None:
    from requests import Response  # noqa: PLC0415

    from support_taps.errors import FatalResponseError  # noqa: PLC0415
    from support_taps.pagination import PageRead  # noqa: PLC0415
    from support_taps.streams.base import SupportStream  # noqa: PLC0415

    original = SupportStream._page  # noqa: SLF001

    def page(self: Any, asked: Any, paginator: Any, *others: Any) -> Generator[Any, None, Any]:
        try:
            return (yield from original(self, asked, paginator, *others))
        except FatalResponseError:
            if not self.progress.records:
                raise
            return PageRead(asked.next_page_token, 0, {}, paginator.witness(), Response())

    _put(SupportStream, "_page", page)


def _cap_not_learnt() -> None:
    from support_taps.halving import HalvingPages  # noqa: PLC0415

    _put(HalvingPages, "_doubted", lambda self, token, *_: self._whole(token, None))


def _date_ignored() -> None:
    from support_taps.http.clock import VendorClock  # noqa: PLC0415

    _put(VendorClock, "hear", lambda *_: None)


_DIXA = ("tap-dixa/conversations",)
_CHATS = ("tap-zendesk-chat/chats",)
_BOTS = ("tap-deepconverse/messages",)
_DEVREV = ("tap-devrev/conversations",)
_HISTORY = ("tap-zendesk-chat/chat_history",)
_TABLES = ("tap-dixa/agents", "tap-zendesk-chat/agents")
_MEMBERS = ("tap-dixa/team_members",)
_READINGS = ("another reading of the documents",)
_AGAINST = ("against the documents",)
_CLOCKS = ("a clock that is ahead of the vendor's",)
_SIGNALS = ("SIGTERM", "SIGINT")
_FAILURES = ("a run that must fail",)

MUTANTS: dict[str, Mutant] = {
    "early-bookmark": Mutant(
        "a bookmark that moves before the last record of its window",
        _bookmark_before_the_last_record, (*_DIXA, *_CHATS), _KILLS,
    ),
    "no-overlap": Mutant(
        "windows without overlap, under exclusive bounds",
        _window_without_overlap, _DIXA, _READINGS,
    ),
    "truncation": Mutant(
        "a body that ends early is taken for whole",
        _truncation_is_an_end, (*_DIXA, *_BOTS), _BREAKS,
    ),
    "empty-page": Mutant(
        "a paginator that stops at an empty page", _empty_page_is_the_end, _BOTS, _READINGS,
    ),
    "unknown-place": Mutant(
        "a cursor in an unknown place is none", _unknown_place_is_the_end, _BOTS, _AGAINST,
    ),
    "same-cursor": Mutant(
        "the same cursor is a circle, whatever records come with it", _same_cursor_is_a_circle,
        _BOTS, _READINGS,
    ),
    "any-unit": Mutant(
        "a cursor in another unit is taken as it is", _any_unit_is_taken, _CHATS, _AGAINST,
    ),
    "empty-chats": Mutant(
        "an empty page is the end although its cursor moved on", _any_empty_page_is_the_end,
        _CHATS, _READINGS,
    ),
    "no-cursor": Mutant(
        "the server's cursor is dropped on resume", _cursor_dropped_on_resume, _CHATS, _KILLS,
    ),
    "early-state": Mutant(
        "STATE is written before the records", _state_before_records, (*_DIXA, *_DEVREV), _KILLS,
    ),
    "sigterm-0": Mutant("SIGTERM ends with exit code 0", _sigterm_is_success, _DIXA, _SIGNALS),
    "forgotten": Mutant(
        "a stream that failed is forgotten", _failure_forgotten, _DIXA, _FAILURES,
    ),
    "no-retry": Mutant("nothing is tried again", _retry_without_reading_again, _DIXA, ("502",)),
    "no-lookback": Mutant(
        "the lookback is forgotten", _lookback_forgotten, _DIXA, ("data that moves: late",),
    ),
    "lag": Mutant("a STATE for every third window only", _state_lags_behind, _DIXA, _KILLS),
    "backwards": Mutant(
        "the state follows the lookback back", _state_goes_back, (*_DEVREV, *_CHATS),
        (*_KILLS, "data that moves: late"),
    ),
    "digits": Mutant("numbers lose digits", _digits_lost, (*_CHATS, "tap-dixa/messages"), ("500",)),
    "utf-8": Mutant(
        "bytes are decoded as Python's json does it, which takes surrogates in UTF-8",
        _surrogates_in_utf8, (*_DIXA, *_CHATS), ("damaged UTF-8",),
    ),
    "secret": Mutant("the credential reaches the log", _secret_in_the_log, _DIXA, ("500",)),
    "traceback": Mutant(
        "a broken pipe ends in a traceback", _broken_pipe_with_traceback, _DIXA,
        ("the target dies (broken pipe)",),
    ),
    "half-written": Mutant(
        "a write that took a part only is taken for whole, under PYTHONUNBUFFERED",
        _half_written_is_written, (*_DIXA, *_CHATS, *_DEVREV), ("a full disk",),
    ),
    "unannounced": Mutant(
        "a new field leaves without a SCHEMA that lists it", _new_fields_not_announced,
        (*_DIXA, *_BOTS), ("new fields",),
    ),
    "not-widened": Mutant(
        "a value leaves that the SCHEMA forbids", _drift_not_widened, (*_CHATS, *_DEVREV),
        ("drifted fields",),
    ),
    "no-cap": Mutant(
        "fewer rows than were asked for count as all there are",
        _cap_not_learnt, _DEVREV, _READINGS,
    ),
    "date-ignored": Mutant(
        "the vendor's clock is not looked at", _date_ignored, (*_DIXA, *_DEVREV), _CLOCKS,
    ),
    "late-parts": Mutant(
        "a checkpoint that is kept before the parts of its records are written",
        _parts_after_the_checkpoint, _HISTORY, _KILLS,
    ),
    "refused-page": Mutant(
        "a refused page of a table counts as its end", _refused_page_is_the_end, _TABLES, _FAILURES,
    ),
    "skipped-child": Mutant(
        "whatever is refused for a child is skipped", _failed_child_is_skipped, _MEMBERS, _FAILURES,
    ),
    "deaf": Mutant(
        "a wait is not cut short by a signal", _sleeps_through_signals, _DIXA,
        ("SIGTERM in a wait", "SIGINT in a wait"),
    ),
}  # fmt: skip
