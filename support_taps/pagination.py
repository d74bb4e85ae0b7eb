"""From the page just read to the next one: typed functions without a memory.

A paginator is asked once for each page: given what came (:class:`PageRead`), which page is next,
and how far may the bookmark move (:class:`Step`)? Everything it needs to know travels in the page's
token, so that the same page always leads to the same next one, and a token that comes twice is a
loop (:class:`LoopGuard`).

The SDK's own paginators work as well (:class:`SdkPages`): ``get_new_paginator`` is its hook.
"""

from __future__ import annotations

import abc
import collections.abc
import dataclasses
import hashlib
import itertools
import typing as t
import urllib.parse

from singer_sdk.pagination import SinglePagePaginator
from typing_extensions import override

from support_taps.bookmarks import Checkpoint
from support_taps.envelopes import leads_on, listed
from support_taps.errors import CursorLoopError, ShapeError
from support_taps.windows import Window

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from requests import Response
    from singer_sdk.pagination import BaseAPIPaginator

    from support_taps.errors import FatalResponseError


class Witness(t.Protocol):
    """Something that sees the records of a page go by, for a paginator that has to know them."""

    def note(self, raws: list[bytes]) -> None:
        """Note some records of the page, as the bytes they came as."""


class NoWitness:
    """For paginators that need nothing but the number of records and the envelope."""

    def note(self, raws: list[bytes]) -> None:
        """Note nothing."""


Outer = t.TypeVar("Outer")
Token = t.TypeVar("Token")
Seen = t.TypeVar("Seen", bound=Witness)


@dataclasses.dataclass(frozen=True)
class PageRead(t.Generic[Token, Seen]):
    """A page that has been read to its end.

    Args:
        token: What was asked for.
        rows: How many records came.
        envelope: The other keys of the top-level object; empty where the array is at the top.
        seen: The witness of its records.
        response: The response: its headers, and its body where a paginator keeps bodies.
    """

    token: Token
    rows: int
    envelope: Mapping[str, t.Any]
    seen: Seen
    response: Response


@dataclasses.dataclass(frozen=True)
class Step(t.Generic[Token]):
    """The consequences of a page.

    Args:
        next: The token of the next page; None: that was the last one.
        checkpoint: How far the bookmark may move now; None: no further.
    """

    next: Token | None
    checkpoint: Checkpoint | None = None


class BasePaginator(abc.ABC, t.Generic[Token, Seen]):
    """A paginator that has its own witness.

    Args:
        first: The token of the first page.
    """

    keeps_body = False
    """Whether it looks at the body of the response, which is then held whole."""

    def __init__(self, first: Token) -> None:
        """Start at a page."""
        self.first = first

    @abc.abstractmethod
    def witness(self) -> Seen:
        """A new witness, for one try to read a page."""

    @abc.abstractmethod
    def after(self, page: PageRead[Token, Seen]) -> Step[Token]:
        """The next page and the checkpoint, given the page that came."""

    def refused(
        self,
        token: Token,  # noqa: ARG002 - for those that can ask for less
        error: FatalResponseError,  # noqa: ARG002
    ) -> Token | None:
        """The page to ask for instead of one that the vendor refused; None: it is an error."""
        return None

    def describe(self, token: Token) -> str:  # noqa: ARG002 - for those that can say more
        """A page in words, for the log."""
        return "page"


class Paginator(BasePaginator[Token, NoWitness], abc.ABC):
    """A paginator that does not look at records."""

    @override
    def witness(self) -> NoWitness:
        return NoWitness()


class SdkPages(Paginator[t.Any]):
    """Pages as one of the SDK's paginators has them; it may read the body.

    Args:
        paginator: What ``get_new_paginator`` returned; None is the SDK's word for a single page.
    """

    keeps_body = True

    def __init__(self, paginator: BaseAPIPaginator[t.Any] | None) -> None:
        """Start where the SDK's starts."""
        self._paginator = SinglePagePaginator() if paginator is None else paginator
        super().__init__(self._paginator.current_value)

    @override
    def after(self, page: PageRead[t.Any, NoWitness]) -> Step[t.Any]:
        if page.rows == 0 and not self._paginator.continue_if_empty(page.response):
            return Step(None)
        try:
            self._paginator.advance(page.response)
        except RuntimeError as loop:
            raise CursorLoopError(str(loop)) from None
        return Step(None if self._paginator.finished else self._paginator.current_value)

    @override
    def describe(self, token: t.Any) -> str:
        return f"page {self._paginator.count}"


class WindowPages(Paginator[Window]):
    """One page for each window of a span.

    Args:
        span: The time to read; not empty.
        length: The longest window.
    """

    def __init__(self, span: Window, length: dt.timedelta) -> None:
        """Start at the first window."""
        self._span = span
        self._length = length
        super().__init__(next(span.split(length)))

    @override
    def after(self, page: PageRead[Window, t.Any]) -> Step[Window]:
        """The window that follows; one that has been read to its end keeps its end."""
        return self.follow(page.token)

    def follow(self, window: Window) -> Step[Window]:
        """The same for paginators that read a window in several pages.

        Args:
            window: The one that has been read to its end.
        """
        rest = Window(window.end, self._span.end)
        return Step(next(rest.split(self._length), None), Checkpoint(window.end))

    @override
    def describe(self, token: Window) -> str:
        """Which window of how many, and its dates."""
        number = (token.start - self._span.start) // self._length + 1
        start, end = (f"{moment:%Y-%m-%d %H:%M}" for moment in token)
        return f"window {number} of {self._span.count(self._length)} ({start} to {end} UTC)"


class SinglePage(Paginator[str]):
    """One page, which is all there is."""

    def __init__(self) -> None:
        """There is nothing to tell of it."""
        super().__init__("the only page")

    @override
    def after(self, page: PageRead[str, t.Any]) -> Step[str]:
        return Step(None)


class PageNumbers(Paginator[int]):
    """Pages by number, until one is empty: a short one may be a cap that is not documented.

    Args:
        first: Number of the first page.
    """

    def __init__(self, first: int = 1) -> None:
        """Start at a number."""
        super().__init__(first)

    @override
    def after(self, page: PageRead[int, t.Any]) -> Step[int]:
        return Step(page.token + 1 if page.rows else None)

    @override
    def describe(self, token: int) -> str:
        return f"page {token}"


class Offsets(Paginator[int]):
    """Pages by the number of records before them, until one is empty."""

    def __init__(self) -> None:
        """Start at the first record."""
        super().__init__(0)

    @override
    def after(self, page: PageRead[int, t.Any]) -> Step[int]:
        return Step(page.token + page.rows if page.rows else None)

    @override
    def describe(self, token: int) -> str:
        return f"page from record {token:,}"


class Cursors(Paginator[str]):
    """Pages by the cursor that each response gives, until it is null or empty.

    Args:
        place: Keys of the envelope under which the cursor stands, from the outside in.
        is_optional: Whether the vendor's document has the cursor absent after the last page.
            Where it has not, an absent cursor is an error.
    """

    def __init__(self, *place: str, is_optional: bool) -> None:
        """Start without a cursor."""
        self._place = place
        self._is_optional = is_optional
        super().__init__("")

    @override
    def after(self, page: PageRead[str, t.Any]) -> Step[str]:
        return Step(text_at(page.envelope, self._place, is_optional=self._is_optional) or None)


class NextUrls(Paginator[str]):
    """Pages by the URL of the next one, which must lie on the same host.

    Args:
        first: URL of the first page.
        place: Keys of the envelope under which the next URL stands, from the outside in.
        is_optional: As for :class:`Cursors`.
    """

    def __init__(self, first: str, *place: str, is_optional: bool) -> None:
        """Start at a URL."""
        self._place = place
        self._is_optional = is_optional
        super().__init__(first)

    @override
    def after(self, page: PageRead[str, t.Any]) -> Step[str]:
        """The next URL, made absolute.

        Raises:
            ShapeError: It leads to another host, which would receive the credentials.
        """
        told = text_at(page.envelope, self._place, is_optional=self._is_optional)
        if not told:
            return Step(None)
        following = urllib.parse.urljoin(page.token, told)
        here, there = urllib.parse.urlsplit(page.token), urllib.parse.urlsplit(following)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            msg = f"the next page lies on another host ({there.hostname}); it is not followed"
            raise ShapeError(msg)
        return Step(following)


class EachOf(Paginator[str]):
    """A page for each of some values: of a filter without which the vendor lists only some.

    Args:
        values: All of them.
    """

    def __init__(self, values: t.Sequence[str]) -> None:
        """Start at the first one."""
        self._following = dict(itertools.pairwise(values))
        super().__init__(values[0])

    @override
    def after(self, page: PageRead[str, t.Any]) -> Step[str]:
        return Step(self._following.get(page.token))

    @override
    def describe(self, token: str) -> str:
        return token


class Inside(t.NamedTuple, t.Generic[Outer, Token]):
    """A page of :class:`PagesInside`.

    Args:
        outer: The window, or the value.
        page: The token of the page within it.
    """

    outer: Outer
    page: Token


class PagesInside(BasePaginator[Inside[Outer, Token], Seen]):
    """For each page of one paginator, a window or a value, all pages of another.

    Args:
        outer: The windows, or values.
        pages: The pages within any of them.
    """

    def __init__(
        self, outer: BasePaginator[Outer, t.Any], pages: BasePaginator[Token, Seen]
    ) -> None:
        """Start at the first page of the first one."""
        self._outer = outer
        self._pages = pages
        super().__init__(Inside(outer.first, pages.first))

    @override
    def witness(self) -> Seen:
        return self._pages.witness()

    @override
    def after(self, page: PageRead[Inside[Outer, Token], Seen]) -> Step[Inside[Outer, Token]]:
        """The next page within, or the first one of what follows, with the checkpoint of both."""
        outer, token = page.token
        rest = (page.rows, page.envelope, page.seen, page.response)
        within = self._pages.after(PageRead(token, *rest))
        if within.next is not None:
            return Step(Inside(outer, within.next))
        step = self._outer.after(PageRead(outer, *rest))
        following = None if step.next is None else Inside(step.next, self._pages.first)
        return Step(following, step.checkpoint)

    @override
    def describe(self, token: Inside[Outer, Token]) -> str:
        """What it is a page of."""
        return self._outer.describe(token.outer)


def text_at(
    envelope: Mapping[str, t.Any], place: t.Sequence[str], *, is_optional: bool
) -> str | None:
    """The text at a place of the envelope: a cursor, or a URL.

    Args:
        envelope: The response without its records.
        place: Keys, from the outside in.
        is_optional: Whether it may be absent; null and empty text always mean the end.

    Raises:
        ShapeError: It is absent although it must not be, or while something in another place looks
            like the way to a next page; or it is no text.
    """
    value: t.Any = envelope
    for key in place:
        if not isinstance(value, collections.abc.Mapping) or key not in value:
            leading = leads_on(envelope)
            if is_optional and leading is None:
                return None
            why = f", and '{leading}' looks like the way to a next page" if leading else ""
            msg = f"the response has no '{'.'.join(place)}'{why}; {listed(envelope)}"
            raise ShapeError(msg)
        value = value[key]
    if value is None or isinstance(value, str):
        return value
    msg = f"the response's '{'.'.join(place)}' is of type {type(value).__name__}, not text"
    raise ShapeError(msg)


class LoopGuard:
    """Notices a page that has been asked for before.

    A token holds all that is asked for and all that is known, so the same token again would lead
    to the same page again, for ever.
    """

    def __init__(self) -> None:
        """No page has been asked for yet."""
        self._asked: set[bytes] = set()

    def check(self, token: object, what: str) -> None:
        """Note a token before its page is asked for.

        Args:
            token: The page's.
            what: The page in words.

        Raises:
            CursorLoopError: It has been asked for before.
        """
        # Tokens of the SDK's paginators need not be hashable, and some tokens are long.
        key = hashlib.blake2b(repr(token).encode(errors="replace"), digest_size=16).digest()
        if key in self._asked:
            msg = f"the vendor leads in a circle: it handed out the same cursor twice ({what})"
            raise CursorLoopError(msg)
        self._asked.add(key)
