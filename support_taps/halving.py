"""Windows of an export that has no cursor, and that cuts a response without a word.

Such an export takes a window of time and a number of rows, and answers with no more rows than that,
in an order that nobody documents. Perhaps it answers with fewer, because of a cap that nobody
documents either. A response thus never says whether it came whole. :class:`HalvingPages` reads a
span so that it can tell.

Proved, in whatever order the rows come, as long as the cap stays what it is:

- A response with as many rows as were asked for was cut.
- A response with fewer rows than an earlier one came whole: the cap cannot be between the two.
- A response with more rows than any before it (the *doubt*) is not trusted. The next window may
  have more rows still, and that proves it. Otherwise it is read again in two parts, each of which
  has fewer rows than the whole had, and so came whole. A second response with exactly as many rows
  means the cap: both are read again in parts.
- The bookmark waits for the proof: it stays before the doubt, and before every window that is to be
  read again.

Assumed:

- ``LEAST`` rows come if there are as many and as many were asked for.
- The list with its cursor is complete, as documented. It is asked where a window is too
  short to be cut further.
- The cap does not sink during a run. This is an assumption, not a proof. Some signs are
  acted on: a count that vendors like (``USUAL_CAPS``), less than half of the rows that were
  expected, the same count for two neighbours that differ in length. Each of these begins the proof
  anew. They are not enough: in a model, a cap that sank in the middle of a run to one of 50, 99,
  100 and 500 cost rows in 1 of 453 runs, and one that sank to an odd number in 87 of 447 (25 of
  223 with rows spread evenly, 62 of 224 with bursts), without a word.

What it costs. The rows of a cut response are read again, since nobody knows which of them are
missing: but their times say how densely rows lie, where a crowd is, and so where to cut. A crowd
(most rows of the response within ``_CLUSTER`` units) is cut out and read from the list at once,
with a unit on either side, so that its neighbours do not hold it again. Read again are thus each
cut response and the largest one that was not cut.

With a cap that stays and rows spread at random over the span, rows received by distinct rows were
1.12 to 1.13 in the median and 1.30 at most from 1,500 rows on; 1.20 and 1.39 for 500; 1.22 and 1.47
for 200. The goal of 1.3 is missed where most rows come in one response or in bursts that a window
runs into unwarned (medians of 1.5 to 1.8, up to 3): the proof of a response costs as many rows
again, and a random part of a cut window says nothing of how many there are. A page that holds a
third of all rows is such a response, too.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import http
import itertools
import math
import typing as t

import msgspec
from typing_extensions import override

from support_taps.bookmarks import Checkpoint
from support_taps.pagination import BasePaginator, PageRead, Step, text_at
from support_taps.timestamps import OUT_OF_RANGE, from_epoch, to_epoch
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from support_taps.errors import FatalResponseError

LEAST = 10
"""Fewer rows than this are never the work of a cap."""

USUAL_CAPS = frozenset({50, 99, 100, 199, 200, 250, 256, 499, 500, 512, 999, 1000, 2000, 2500})
"""Counts that are suspected even after larger ones have been seen."""

FEWEST_WINDOWS = 5
"""A span is cut into as many, unless it is nearly empty."""
USUAL_WINDOWS = 20
"""And into as many where each then has ``ENOUGH`` rows: what is proved last is a small part."""
ENOUGH = 30
_SAMPLE = 64
_FULL = 2 / 3
"""Share of the rows asked for at which a window is aimed, so that few run over."""
_ABOVE = 1.4
"""How many times the largest count a window is to have if it is to have more."""
_FASTEST_GROWTH = 4
_FEWEST_FOR_A_TREND = 9
_TREND = 1.5
_PARTS, _SEVENTH = (0, 2, 4, 6), 7
"""Where a cut window is split, in sevenths of the times that were seen: what was split at a usual
cap does then not come in parts that look like one."""
_CLUSTER = 8
"""Units that a crowd spans at the most."""
_NARROW = 16
"""Units of a window that is not cut further, since its parts would overlap too much."""
_CROWD = 0.25
_CERTAIN_CROWD = 0.5
_NEARLY_ALL = 0.9
_FEWEST_IN_A_CROWD = 3
_FEWEST_TO_RECUR = 50
"""Smaller counts recur by chance too often."""


class SampledTimes:
    """Sees the times of a part of the records, to know where they lie.

    A part is enough, and cheap: it decides where to cut, and nothing else depends on it. So a time
    that is absent or cannot be read does no harm.

    Args:
        field: The record's field with its time, at the top level.
        unit: What the times are counted in.
    """

    def __init__(self, field: str, unit: dt.timedelta) -> None:
        """Start with none seen."""
        self._decoder = _decoder_of(field)
        self._unit = unit
        self._every = 1
        self._skip = 0
        self.times: list[int] = []

    def note(self, raws: list[bytes]) -> None:
        """Note the times of some records."""
        position = self._skip
        while position < len(raws):
            if (time := self._time_of(raws[position])) is not None:
                self.times.append(time)
            if len(self.times) > _SAMPLE:
                self.times, self._every = self.times[::2], self._every * 2
            position += self._every
        self._skip = position - len(raws)

    def _time_of(self, raw: bytes) -> int | None:
        try:
            moment = self._decoder.decode(raw).time
            return None if moment is None else to_epoch(_aware(moment), self._unit)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, *OUT_OF_RANGE):
            return None


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)


@functools.cache
def _decoder_of(field: str) -> msgspec.json.Decoder[t.Any]:
    """A decoder that runs over a record and builds nothing but one date-time."""
    kind = msgspec.defstruct("Timed", [("time", dt.datetime | None, None)], rename={"time": field})
    return msgspec.json.Decoder(kind)


class How(enum.Enum):
    """How a stretch of time is to be read."""

    SLICED = "in windows of the length that fits"
    WHOLE = "as one window"
    LISTED = "from the list"


class Stretch(t.NamedTuple):
    """A stretch of time that has not been read, or whose reading has not been proved."""

    window: Window
    how: How


@dataclasses.dataclass(frozen=True)
class Slice:
    """A window to be exported, or a page of the list of one, and all that is known by then.

    Args:
        stretch: The time that is asked for.
        first: Rows asked for.
        agenda: What is to be read after it, in order of time.
        cursor: The page of the list.
        most: Most rows that came: no cap is smaller.
        peak: The same, before it began to look as if a cap had sunk.
        is_capped: Whether ``most`` looks like the cap.
        doubted: How many rows the doubt has.
        doubt: The parts of the window that may have been cut, until it is proved whole.
        earlier: Rows, length and parts of the export before this one, if it came whole.
        rate: Rows in a unit of time, lately.
        length: Of the last window that was sliced off, in units.
        proved: Everything before this has been read and proved whole.
    """

    stretch: Stretch
    first: int
    agenda: tuple[Stretch, ...]
    proved: dt.datetime
    length: int
    cursor: str | None = None
    most: int = 0
    peak: int = 0
    is_capped: bool = False
    doubted: int = 0
    doubt: tuple[Stretch, ...] = ()
    earlier: tuple[int, int, tuple[Stretch, ...]] | None = None
    rate: float | None = None

    @property
    def window(self) -> Window:
        """The time that is asked for."""
        return self.stretch.window

    @property
    def is_listed(self) -> bool:
        """Whether it is read from the list."""
        return self.stretch.how is How.LISTED


class Crowd(t.NamedTuple):
    """Many rows within few units of time.

    Args:
        first: The first unit.
        last: The last one.
        share: Of the rows that were seen.
    """

    first: int
    last: int
    share: float


class HalvingPages(BasePaginator[Slice, SampledTimes]):
    """Windows in order of time, each of them proved to have come whole.

    Args:
        span: The time to read; not empty.
        length: The longest window.
        page_size: Records asked for with one export.
        field: The records' field that the window is about.
        unit: The vendor's smallest step of time.
        cursor_key: Key of the list's envelope under which its cursor stands; absent after the last
            page.
    """

    def __init__(  # noqa: PLR0913 - what is asked for, and how
        self,
        span: Window,
        length: dt.timedelta,
        page_size: int,
        *,
        field: str,
        unit: dt.timedelta,
        cursor_key: str,
    ) -> None:
        """Start with a window that can be compared with others."""
        self._span = span
        self._unit = unit
        self._field = field
        self._cursor_key = cursor_key
        self._longest = max(length // unit, 1)
        units = max((span.end - span.start) // unit, 1)
        self._whole_span = units
        agenda = (Stretch(span, How.SLICED),)
        shortest = min(self._longest, max(units // USUAL_WINDOWS, 1))
        # This one is never asked for: it carries what is known before the first page.
        start = Slice(agenda[0], page_size, agenda, span.start, shortest)
        step = self._go_on(start, agenda)
        if step.next is None:
            msg = "a span that is empty"
            raise ValueError(msg)
        super().__init__(step.next)

    @override
    def witness(self) -> SampledTimes:
        return SampledTimes(self._field, self._unit)

    @override
    def describe(self, token: Slice) -> str:
        """The window's dates."""
        start, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in token.window)
        return f"window {start} to {end} UTC"

    @override
    def refused(self, token: Slice, error: FatalResponseError) -> Slice | None:
        """Ask for half of the window and half of the rows after a 413; then for the list."""
        if error.status != http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE or token.is_listed:
            return None
        start, end = self._units(token.window)
        parts: tuple[Stretch, ...] = (Stretch(token.window, How.LISTED),)
        if end - start > _NARROW:
            parts = self._between(How.WHOLE, start, (start + end) // 2, end)
        first = max(token.first // 2, 1)
        smaller = dataclasses.replace(token, first=first, rate=None, earlier=None)
        return self._go_on(smaller, (*parts, *token.agenda)).next

    @override
    def after(self, page: PageRead[Slice, SampledTimes]) -> Step[Slice]:
        """The window to read next, and how far everything has been proved."""
        token, rows = page.token, page.rows
        if token.is_listed:
            if cursor := text_at(page.envelope, (self._cursor_key,), is_optional=True):
                return Step(dataclasses.replace(token, cursor=cursor))
            return self._go_on(token, token.agenda)
        times = self._times_within(token.window, page.seen.times)
        if rows > token.most:  # that was no cap, then
            token = dataclasses.replace(token, most=token.peak, is_capped=False)
        if rows >= token.first or (rows >= LEAST and self._is_capped(token, rows)):
            return self._cut(token, rows, times)
        if rows > token.doubted and token.doubt:
            token = dataclasses.replace(token, doubt=())
        token = dataclasses.replace(token, rate=self._rate_of(token, rows, times))
        if rows < LEAST:
            return self._whole(token, None)
        parts = self._in_doubt(token.window, times)
        if rows > token.most or self._is_suspicious(page.token, rows):
            return self._doubted(token, rows, parts)
        start, end = self._units(token.window)
        return self._whole(token, (rows, end - start, parts))

    # What a response says

    def _is_capped(self, token: Slice, rows: int) -> bool:
        """Whether a count came before, and that can be no chance or is not to be taken for one."""
        if rows == token.most or (token.doubt and rows == token.doubted):
            return True
        if token.earlier is None or rows < _FEWEST_TO_RECUR:
            return False
        before, length, _ = token.earlier
        start, end = self._units(token.window)
        return rows == before and abs(end - start - length) * 20 > length

    def _is_suspicious(self, token: Slice, rows: int) -> bool:
        """Whether a count below the largest looks like the work of a cap that has sunk."""
        if rows in USUAL_CAPS:
            return True
        if token.rate is None or token.stretch.how is not How.SLICED:
            return False
        start, end = self._units(token.window)
        return rows < token.rate * (end - start) / 2

    def _cut(self, token: Slice, rows: int, times: list[int]) -> Step[Slice]:
        """Read again what was cut, and what may have been cut at the same number of rows."""
        most, peak, again = max(rows, token.most), max(rows, token.peak), token.doubt
        if rows < token.first:
            most = rows
            again += token.earlier[2] if token.earlier and token.earlier[0] == rows else ()
        elif rows > token.doubted:
            again = ()
        parts, rate = self._split(token, rows, times)
        known = dataclasses.replace(
            token,
            most=most,
            peak=peak,
            is_capped=rows < token.first,
            doubt=(),
            doubted=0,
            earlier=None,
            rate=rate,
        )
        return self._go_on(known, (*again, *parts, *token.agenda))

    def _doubted(self, token: Slice, rows: int, parts: tuple[Stretch, ...]) -> Step[Slice]:
        """Go on, and let the next response prove this one."""
        known = dataclasses.replace(
            token,
            most=max(rows, token.most),
            peak=max(rows, token.peak),
            doubted=rows,
            doubt=parts,
            earlier=None,
        )
        return self._go_on(known, (*token.doubt, *token.agenda))

    def _whole(
        self, token: Slice, earlier: tuple[int, int, tuple[Stretch, ...]] | None
    ) -> Step[Slice]:
        """Go on; a doubt that this response did not remove is settled now."""
        known = dataclasses.replace(token, doubt=(), doubted=0, earlier=earlier)
        return self._go_on(known, (*token.doubt, *token.agenda))

    def _rate_of(self, token: Slice, rows: int, times: list[int]) -> float | None:
        """Rows in a unit of time, as they lie at the end of the window if that is more.

        A crowd says nothing about what follows it.
        """
        start, end = self._units(token.window)
        rate = rows / (end - start)
        if end - start <= _NARROW:
            return rate if token.rate is None else min(token.rate, rate)
        if len(times) >= _FEWEST_FOR_A_TREND:
            latest = rows / 3 / max(end - times[len(times) * 2 // 3], 1)
            rate = latest if latest > rate * _TREND else rate
        return rate

    # What is read next

    def _go_on(self, known: Slice, unread: Iterable[Stretch]) -> Step[Slice]:
        """The next page, and the checkpoint where it moves."""
        agenda, doubt = self._tidy(unread), known.doubt
        if not agenda:
            agenda, doubt = doubt, ()
        starts = [stretch.window.start for stretch in (*agenda, *doubt)]
        proved = max(min(starts, default=self._span.end), known.proved)
        checkpoint = Checkpoint(proved) if proved > known.proved else None
        if not agenda:
            return Step(None, checkpoint)
        stretch, *rest = agenda
        length = known.length
        if stretch.how is How.SLICED:
            start, end = self._units(stretch.window)
            length = self._length(known)
            if end - start > length:
                stretch, remainder = self._between(How.SLICED, start, start + length, end)
                rest.insert(0, remainder)
        return Step(
            dataclasses.replace(
                known, stretch=stretch, agenda=tuple(rest), proved=proved, length=length,
                doubt=doubt, cursor=None,
            ),
            checkpoint,
        )  # fmt: skip

    def _tidy(self, unread: Iterable[Stretch]) -> tuple[Stretch, ...]:
        """Stretches in order of time, without overlap, and joined where they are to be sliced."""
        tidy: list[Stretch] = []
        for (start, end), how in sorted(unread, key=lambda stretch: stretch.window):
            begin = max(start, tidy[-1].window.end) if tidy else start
            if begin >= end:
                continue
            if tidy and how is tidy[-1].how is How.SLICED and tidy[-1].window.end == begin:
                begin = tidy.pop().window.start
            tidy.append(Stretch(Window(begin, end), how))
        return tuple(tidy)

    def _length(self, known: Slice) -> int:
        """Units that the next window is to have, going by how densely rows lay lately.

        Full pages are aimed at, unless that would just about be the largest count so far: such
        a count is cheaper to stay below than to prove.
        """
        if known.rate is None:
            return known.length
        if not known.rate:
            return min(self._longest, known.length * _FASTEST_GROWTH)
        longest = min(
            self._longest,
            max(
                self._whole_span / USUAL_WINDOWS,
                min(self._whole_span / FEWEST_WINDOWS, ENOUGH / known.rate),
                LEAST / known.rate,
            ),
        )
        full = known.most if known.is_capped else known.first
        rows = min(full * _FULL, known.rate * longest)
        below = max(known.most - 2 * math.sqrt(known.most), known.most / 2)
        if below < rows < known.most * _ABOVE:
            rows = below
        return max(int(min(rows / known.rate, longest, known.length * _FASTEST_GROWTH)), 1)

    # Where to cut

    def _in_doubt(self, window: Window, times: list[int]) -> tuple[Stretch, ...]:
        """Parts with fewer rows than a window has that is, if the doubt is wrong, whole."""
        start, end = self._units(window)
        if end - start <= _NARROW:
            return (Stretch(window, How.LISTED),)
        if (crowd := _crowd(times)) is not None:
            # Without the others it would have as many rows again, and still be in doubt.
            how = How.LISTED if crowd.share >= _NEARLY_ALL else How.WHOLE
            return self._around(window, crowd, how, How.WHOLE)
        middle = times[len(times) * 3 // _SEVENTH] if times else (start + end) // 2
        return self._between(How.WHOLE, start, min(max(middle, start + 1), end - 1), end)

    def _split(
        self, token: Slice, rows: int, times: list[int]
    ) -> tuple[tuple[Stretch, ...], float | None]:
        """Parts of a window that was cut, and how densely rows lie where it begins.

        Among the times that were seen the parts are small, in case that was a random part of the
        rows. Before and after them, where the vendor may have cut off the oldest or the newest,
        rows are taken to lie as densely as beside them.
        """
        window = token.window
        start, end = self._units(window)
        if end - start <= _NARROW:
            return (Stretch(window, How.LISTED),), token.rate
        if (crowd := _crowd(times)) is not None:
            how = How.LISTED if crowd.share >= _CERTAIN_CROWD else How.WHOLE
            return self._around(window, crowd, how, How.SLICED), token.rate
        inner = [time for time in times if start < time < end]
        if len(inner) < _FEWEST_FOR_A_TREND:
            if inner:  # so few are asked for that each is found by itself
                alone = Crowd(inner[len(inner) // 2], inner[len(inner) // 2], 0)
                return self._around(window, alone, How.WHOLE, How.SLICED), None
            return self._between(How.WHOLE, start, (start + end) // 2, end), None
        borders = sorted({*(inner[len(inner) * part // _SEVENTH] for part in _PARTS), inner[-1]})
        near = (borders[-1] - borders[0]) // _SEVENTH
        if borders[0] - start <= near:
            borders[0] = start
        if end - borders[-1] <= near:
            borders[-1] = end
        parts = [
            *(self._between(How.SLICED, start, borders[0])),
            *(self._between(How.WHOLE, *borders)),
            *(self._between(How.SLICED, borders[-1], end)),
        ]
        third = len(inner) // 3
        return tuple(parts), rows / 3 / max(inner[third] - inner[0], 1)

    def _around(self, window: Window, crowd: Crowd, how: How, others: How) -> tuple[Stretch, ...]:
        """A crowd, with a unit on either side, and what lies before and after it.

        What is asked for is a little wider than a window (:meth:`Window.bounds`). Without the unit
        on either side, the neighbours would hold the crowd again.
        """
        start, end = self._units(window)
        first = max(crowd.first - 1, start)
        last = min(max(crowd.last + 2, first + 1), to_epoch(self._span.end, self._unit))
        bounds = ((start, first, others), (first, last, how), (last, end, others))
        return tuple(
            Stretch(self._window(low, high), kind) for low, high, kind in bounds if low < high
        )

    def _between(self, how: How, *borders: int) -> tuple[Stretch, ...]:
        """Stretches between borders, which are in order."""
        return tuple(
            Stretch(self._window(start, end), how) for start, end in itertools.pairwise(borders)
        )

    def _times_within(self, window: Window, times: list[int]) -> list[int]:
        """The times in the window and on its borders, in order."""
        start, end = self._units(window)
        return sorted(time for time in times if start - 1 <= time <= end)

    def _units(self, window: Window) -> tuple[int, int]:
        return to_epoch(window.start, self._unit), to_epoch(window.end, self._unit)

    def _window(self, start: int, end: int) -> Window:
        return Window(from_epoch(start, self._unit), from_epoch(end, self._unit))


def _crowd(times: Sequence[int]) -> Crowd | None:
    """The few units with the most rows, if that is a crowd.

    Args:
        times: In order.
    """
    most, low, at = 0, 0, (0, 0)
    for high, time in enumerate(times):
        while time - times[low] >= _CLUSTER:
            low += 1
        if high - low + 1 > most:
            most, at = high - low + 1, (times[low], time)
    if most < _FEWEST_IN_A_CROWD or most < _CROWD * len(times):
        return None
    return Crowd(*at, most / len(times))
