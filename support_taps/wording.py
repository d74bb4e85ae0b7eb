"""Numbers and names as a person says them, for logs and errors."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence

MOST_NAMES = 20


def duration(seconds: float) -> str:
    """A number of seconds."""
    if seconds < 10:  # noqa: PLR2004 - below ten seconds a tenth matters
        return f"{seconds:.1f} s"
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    if seconds < 7200:  # noqa: PLR2004
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things.

    Args:
        number: How many.
        one: What one of them is called.
        many: What several are called; None: the same with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def named(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """The first of some names, and how many more there are; empty if there are none."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
