"""The SDK's typed paginators, for responses that are read while they arrive.

The body of a streamed response can be read only once, so a paginator is not handed the body: it
is told what the page held (:class:`PageRead`), and says two things: which page comes next, and
how far the bookmark may move.
"""

from __future__ import annotations

import abc
import typing as t

from singer_sdk.pagination import BaseAPIPaginator

from support_taps.bookmarks import Checkpoint

if t.TYPE_CHECKING:
    import datetime as dt

    from requests import Response

    from support_taps.windows import Window

T = t.TypeVar("T")


class PageRead(t.NamedTuple):
    """What a page held, once it has been read to its end.

    Args:
        rows: How many records.
        envelope: The other keys of the top-level object; empty where the array is at the top.
    """

    rows: int
    envelope: t.Mapping[str, t.Any]


class ExportPaginator(BaseAPIPaginator[T], abc.ABC):
    """A paginator that is told what each page held before it is asked for the next one."""

    page: PageRead

    @property
    @abc.abstractmethod
    def checkpoint(self) -> Checkpoint | None:
        """What holds now that the current page has been emitted; None: nothing new yet."""

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """The current page in words, for the log."""


class WindowPaginator(ExportPaginator["Window"]):
    """One page for each window of a span."""

    def __init__(self, span: Window, length: dt.timedelta) -> None:
        """Start at the first window.

        Args:
            span: What is to be read; not empty.
            length: The longest window.
        """
        self._windows = span.split(length)
        self._windows_in_all = span.count(length)
        super().__init__(next(self._windows))

    def get_next(self, response: Response) -> Window | None:  # noqa: ARG002 - the SDK's signature
        """The window after the current one."""
        return next(self._windows, None)

    @property
    def checkpoint(self) -> Checkpoint:
        """A window read to its end keeps its end."""
        return Checkpoint(self.current_value.end)

    @property
    def description(self) -> str:
        """Which window of how many, and its dates."""
        return describe_window(self.current_value, self.count + 1, self._windows_in_all)


def describe_window(window: Window, number: int, in_all: int) -> str:
    """A window in words: which of how many, and its dates."""
    start, end = (f"{moment:%Y-%m-%d %H:%M}" for moment in window)
    return f"window {number} of {in_all} ({start} to {end} UTC)"
