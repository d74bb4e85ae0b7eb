"""Pages with an opaque cursor, and the surprises that such cursors have in the wild."""

from __future__ import annotations

import base64
import bisect
import json
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from sandbox.responses import RefusedError
from sandbox.table import Row, mixed

if TYPE_CHECKING:
    from collections.abc import Sequence


class BadCursorError(RefusedError):
    """The cursor is not one of ours, or was given for other filters."""


@dataclass
class CursorPaging:
    """Deals out rows in the sandbox's arbitrary order, a page at a time.

    A cursor remembers the last row rather than a count: rows that come or go shift nothing.
    """

    empty_pages: bool = False
    """Whether an empty page with a cursor follows each page that is not the last."""
    short_pages: int | None = None
    """A page holds at most this many rows, whatever was asked for."""
    scroll: bool = False
    """Whether the cursor stays the same until the end while the server counts on, as that of a
    scroll does. A request without a cursor starts from the beginning."""
    cursor_loop: Literal["same", "aba"] | None = None
    """A defect: a cursor that leads to itself, or to one whose cursor leads back."""
    _scrolled: dict[str, int] = field(default_factory=dict, init=False)

    def page(
        self, rows: Sequence[Row], size: int, cursor: str | None, filters: object
    ) -> tuple[list[Row], str | None]:
        """The page that a cursor stands for, and the cursor of the next (None: there is none)."""
        ordered = mixed(rows)
        place = _decode(cursor, filters) if cursor else {}
        if place.pop("gap", None):
            return [], _encode(place)
        size = min(size, self.short_pages or size)
        if self.scroll:
            return self._scroll(ordered, size, cursor, filters)
        by_mix = attrgetter("mix")
        first = bisect.bisect_right(ordered, place["last"], key=by_mix) if place else 0
        page = ordered[first : first + size]
        if self.cursor_loop and cursor and page:
            if self.cursor_loop == "same":
                return page, cursor
            if "back" in place:
                return page, str(place["back"])
        if first + size >= len(ordered):
            return page, None
        following: dict[str, Any] = {"filters": filters, "last": page[-1].mix}
        if self.cursor_loop == "aba" and cursor:
            following["back"] = cursor
        if self.empty_pages:
            following["gap"] = True
        return page, _encode(following)

    def _scroll(
        self, ordered: list[Row], size: int, cursor: str | None, filters: object
    ) -> tuple[list[Row], str | None]:
        key = _encode({"filters": filters})
        first = self._scrolled.get(key, 0) if cursor else 0
        self._scrolled[key] = first + size
        return ordered[first : first + size], key if first + size < len(ordered) else None


def _encode(place: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _decode(cursor: str, filters: object) -> dict[str, Any]:
    try:
        place: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        msg = "not a cursor"
        raise BadCursorError(msg) from error
    if place and place.get("filters") != filters:
        msg = "the filters differ from those that the cursor was made for"
        raise BadCursorError(msg)
    return place
