"""Streams without a time to filter by: all pages in each run, no bookmark."""

from __future__ import annotations

import abc

from support_taps.streams.base import SupportStream, Token


class FullTableStream(SupportStream[Token], abc.ABC):
    """A table that is read whole.

    Which pages there are is said by ``all_pages``, or by the SDK's ``get_new_paginator``. With the
    SDK's setting ``emit_activate_version_messages`` a target removes what is no longer there.
    """

    primary_keys = ("id",)
    replication_key = None
