"""Streams without a time to filter by: all pages in each run, no bookmark."""

from __future__ import annotations

import abc
import typing as t

from typing_extensions import override

from support_taps.bookmarks import note_table
from support_taps.streams.base import Batch, SupportStream, Token

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk.helpers.types import Context


class FullTableStream(SupportStream[Token], abc.ABC):
    """A table that is read whole.

    Which pages there are is said by ``all_pages``, or by the SDK's ``get_new_paginator``. With the
    SDK's setting ``emit_activate_version_messages`` a target removes what is no longer there.
    """

    primary_keys: tuple[str, ...] = ("id",)
    replication_key = None

    @override
    def read_pages(
        self, context: Context | None, convert: Callable[[list[bytes]], Batch]
    ) -> Iterator[Batch]:
        """Read every page, in batches of records; then note that the table is there."""
        yield from super().read_pages(context, convert)
        note_table(self, self.tap.state_writer)
