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
from support_taps.streams.base import Batch, SupportStream, Token
from support_taps.timestamps import MILLISECOND, floor, from_epoch, isoformat
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.helpers.types import Context

    from support_taps.bookmarks import Checkpoint
    from support_taps.pagination import BasePaginator


class IncrementalStream(SupportStream[Token], abc.ABC):
    """A stream whose vendor can be asked for a span of time."""

    time_unit: t.ClassVar[dt.timedelta]
    """The vendor's smallest step in the time that is asked for."""

    settles_after: t.ClassVar[dt.timedelta] = dt.timedelta(0)
    """How old a time must be before the vendor can be asked about it."""

    @abc.abstractmethod
    def pages(self, span: Window, reached: Checkpoint | None) -> BasePaginator[Token, t.Any]:
        """Pages over a span.

        Args:
            span: The time to read; not empty.
            reached: The checkpoint in the state; None: there is none, or it is not to be used.
        """

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """No signpost: a bookmark never lies beyond what was asked for."""

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """The bookmark as it is: ``start_date`` is weighed in :meth:`span_to_read`."""
        return value

    @override
    def read_pages(
        self, context: Context | None, convert: Callable[[list[bytes]], Batch]
    ) -> Iterator[Batch]:
        """Read every page of the span, in batches of records; keep each page's checkpoint."""
        self.enter(context)
        bookmark = Bookmark(self, context, self.tap.state_writer)
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
        before = self.progress.records

        def keep(checkpoint: Checkpoint, page: str) -> None:
            bookmark.move(checkpoint)
            self.progress.finished(page, checkpoint.until)

        yield from self.walk(self.pages(span, bookmark.checkpoint), context, convert, keep)
        if bookmark.is_new and self.progress.records == before:
            self.found_nothing()

    def found_nothing(self) -> None:
        """Called after a first read of a partition that held no record. For clients to override."""

    def span_to_read(self, reached: Checkpoint | None) -> Window:
        """From the bookmark less the lookback, or ``start_date``, to ``end_date`` or now.

        Args:
            reached: The checkpoint in the state.
        """
        settings = self.tap.settings
        started = from_epoch(self.tap.initialized_at, MILLISECOND)
        start = settings.start
        if reached is not None:
            start = max(start, reached.until - settings.lookback)
        newest = started - self.settles_after
        end = min(settings.end or newest, newest)
        return Window(floor(start, self.time_unit), floor(end, self.time_unit))
