"""Streams that are read in order of time: a span, pages over it, and a bookmark that follows.

The way of a checkpoint: the span begins at the bookmark less the lookback (:meth:`span_to_read`);
:meth:`pages` cuts it into pages; a page read to its end may give a checkpoint; the bookmark
takes it over and sends a STATE (``bookmarks.py``).
"""

from __future__ import annotations

import abc
import datetime as dt
import logging
import typing as t

from typing_extensions import override

from support_taps.bookmarks import Bookmark
from support_taps.errors import StateError
from support_taps.http.clock import ClockDifferenceError
from support_taps.streams.base import Batch, SupportStream, Token
from support_taps.timestamps import floor, isoformat
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.helpers.types import Context

    from support_taps.bookmarks import Checkpoint
    from support_taps.pagination import BasePaginator

_FUTURE: t.Final = dt.timedelta(days=1)
"""A bookmark further ahead than this is wrong, however wrongly any clock is set."""


class IncrementalStream(SupportStream[Token], abc.ABC):
    """A stream whose vendor can be asked for a span of time."""

    time_unit: t.ClassVar[dt.timedelta]
    """The vendor's smallest step in the time that is asked for."""

    settles_after: t.ClassVar[dt.timedelta] = dt.timedelta(0)
    """How old a time must be before the vendor can be asked about it."""

    _unsure: tuple[Checkpoint | None, Window] | None = None
    """The bookmark and span of a first request, until its response tells the vendor's clock."""

    @abc.abstractmethod
    def pages(self, span: Window, reached: Checkpoint | None) -> BasePaginator[Token, t.Any]:
        """Pages over a span.

        Args:
            span: The time to read; not empty.
            reached: The checkpoint in the state; None: there is none, or it is not to be used.
        """

    @property
    def lookback(self) -> dt.timedelta:
        """How far before its bookmark a run starts."""
        return self.tap.settings.lookback

    def ignore_cursor(self, start: dt.datetime) -> None:
        """Say that the cursor in the state is not used.

        Args:
            start: Where the reading begins instead.
        """
        self.logger.info(
            "%s: the bookmark in the state is not where its cursor is, as after a change "
            "by hand; reading from the bookmark (%s)",
            self.progress.where,
            isoformat(start),
        )

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """No signpost: a bookmark never lies beyond what was asked for."""

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """The bookmark as it is: ``start_date`` is weighed in :meth:`span_to_read`."""
        return value

    @override
    def get_child_context(
        self, record: dict[str, t.Any], context: Context | None
    ) -> Context | None:
        """The fields that the children want of a record, and its time: later, it is another one."""
        found = super().get_child_context(record, context)
        if found is None or self.replication_key is None:
            return found
        return {**found, self.replication_key: record.get(self.replication_key)}

    @override
    def read_pages(
        self, context: Context | None, convert: Callable[[list[bytes]], Batch]
    ) -> Iterator[Batch]:
        """Read every page of the span, in batches of records; keep each page's checkpoint."""
        self.enter(context)
        bookmark = Bookmark(self, context, self.tap.state_writer)
        self._say_if_the_past_is_missing(bookmark)
        try:
            yield from self._read_span(bookmark, context, convert, is_sure=False)
        except ClockDifferenceError:
            yield from self._read_span(bookmark, context, convert, is_sure=True)

    def _read_span(
        self,
        bookmark: Bookmark,
        context: Context | None,
        convert: Callable[[list[bytes]], Batch],
        *,
        is_sure: bool,
    ) -> Iterator[Batch]:
        """Read from the bookmark to now.

        Args:
            bookmark: The stream's, or the partition's.
            context: The partition, or None.
            convert: What is made of a batch of records, given as bytes.
            is_sure: Whether the span stands, whatever the vendor's clock says.

        Raises:
            ClockDifferenceError: By the vendor's clock, which the first response has told, the
                span is another one. Nothing has been read yet.
        """
        span = self.span_to_read(bookmark.checkpoint)
        if span.start >= span.end:
            # Within the time that the vendor takes to settle this is the normal end of a run.
            unsettled = span.start < span.end + self.settles_after
            self.logger.log(
                logging.INFO if unsettled else logging.WARNING,
                "%s: there is nothing to read yet: the time to read from (%s) is not before the "
                "time to read to (%s)",
                self.progress.where,
                *(isoformat(moment) for moment in span),
            )
            return
        self.progress.span(span)
        bookmark.begin(span.start)
        self._unsure = None if is_sure else (bookmark.checkpoint, span)

        def keep(checkpoint: Checkpoint, page: str) -> None:
            told = self.tap.clock.told
            latest = checkpoint.until if told is None else told - self.settles_after
            bookmark.move(checkpoint.not_after(latest))
            self.progress.finished(page, checkpoint.until)

        before = self.progress.records
        yield from self.walk(self.pages(span, bookmark.checkpoint), context, convert, keep)
        if bookmark.is_new and self.progress.records == before:
            self.found_nothing()

    @override
    def clock_heard(self) -> None:
        """Give up a span that ends in the vendor's future, at its first response."""
        unsure, self._unsure = self._unsure, None
        if unsure is not None and self.span_to_read(unsure[0]) != unsure[1]:
            raise ClockDifferenceError

    def _say_if_the_past_is_missing(self, bookmark: Bookmark) -> None:
        """Tell a user who set an earlier ``start_date`` that the bookmark does not go back."""
        begun, start = bookmark.begun, self.tap.settings.start
        if begun is not None and start < begun:
            self.logger.info(
                "%s: the setting start_date (%s) is earlier than where this state begins (%s): "
                "what lies between is not read. Remove the stream from the state, or use another "
                "state id, to read it all again",
                self.progress.where,
                isoformat(start),
                isoformat(begun),
            )

    def found_nothing(self) -> None:
        """Called after a first read of a partition that held no record. For clients to override."""

    def span_to_read(self, reached: Checkpoint | None) -> Window:
        """From the bookmark less the lookback, or ``start_date``, to ``end_date`` or now.

        Args:
            reached: The checkpoint in the state.

        Raises:
            StateError: The checkpoint is a promise about a future that has not been.
        """
        settings, clock = self.tap.settings, self.tap.clock
        start = settings.start
        if reached is not None:
            if reached.until - clock.vendor_now > _FUTURE:
                msg = (
                    f"the state's bookmark ({isoformat(reached.until)}) lies in the future, so "
                    "that nothing would be read before then. Check the clock of this machine; if "
                    "it is right, remove the stream from the state or move its "
                    "replication_key_value back"
                )
                raise StateError(msg)
            # Not "until - lookback": that may lie before the year 1.
            if reached.until - start > self.lookback:
                start = reached.until - self.lookback
        newest = clock.now - self.settles_after
        end = min(settings.end or newest, newest)
        return Window(floor(start, self.time_unit), floor(end, self.time_unit))
