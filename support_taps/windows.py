"""The half-open time window: splitting a span into windows, and halving one.

A window ``[start, end)`` is a tile: neighbours touch and share nothing. What is asked of the
vendor is a little wider (:meth:`Window.bounds`): one unit more at the start. Two requests thus
overlap by exactly one unit, and a record on the border is read whether the vendor's bounds
include their ends or not, which most vendors do not say. The second copy is taken care of by
the key.
"""

from __future__ import annotations

import typing as t

from support_taps.timestamps import from_epoch, isoformat, to_epoch

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator


class Window(t.NamedTuple):
    """The instants from ``start`` up to, but not including, ``end``."""

    start: dt.datetime
    end: dt.datetime

    def __str__(self) -> str:
        """Both ends as ISO 8601, as an interval."""
        return f"{isoformat(self.start)}/{isoformat(self.end)}"

    def bounds(self, unit: dt.timedelta) -> tuple[int, int]:
        """The two ends to ask for, in whole units since 1970, widened by one unit at the start.

        Not before 1970, where no vendor has anything and a negative number may be refused.

        Args:
            unit: The vendor's smallest step of time.
        """
        return max(to_epoch(self.start, unit) - 1, 0), to_epoch(self.end, unit)

    def iso_bounds(self, unit: dt.timedelta) -> tuple[str, str]:
        """The same as ISO 8601 text."""
        after, before = (isoformat(from_epoch(bound, unit)) for bound in self.bounds(unit))
        return after, before

    def split(self, length: dt.timedelta) -> Iterator[Window]:
        """Tiles of at most ``length``, in order of time, that cover this window exactly.

        Raises:
            ValueError: The length is not positive.
        """
        if length <= type(length)(0):
            msg = "a window cannot be split into windows of no length"
            raise ValueError(msg)
        start = self.start
        while start < self.end:
            end = min(start + length, self.end) if self.end - start > length else self.end
            yield Window(start, end)
            start = end

    def count(self, length: dt.timedelta) -> int:
        """How many windows :meth:`split` makes."""
        return max(0, -((self.start - self.end) // length))

    def halve(self, unit: dt.timedelta) -> tuple[Window, Window] | None:
        """Two tiles with a border on a whole unit, or None for a window of one unit or less."""
        units = (self.end - self.start) // unit
        if units <= 1:
            return None
        middle = self.start + (units // 2) * unit
        return Window(self.start, middle), Window(middle, self.end)
