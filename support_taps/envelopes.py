"""Envelopes: the part of a response beside its records, which decides whether more follow.

The envelope is the only place where a vendor says that it is done. A reader who looks for one
key alone takes every surprise for an end; these functions look at all the others.
"""

from __future__ import annotations

import re
import typing as t

from support_taps.errors import ShapeError
from support_taps.json_codec import encode
from support_taps.wording import named

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_DEEPEST = 4
_LONGEST_VALUE = 60
_ERROR_KEYS = frozenset({"error", "errors"})
_LEADS_ON = re.compile(r"cursor|next|more|continu|scroll|page_?token", re.IGNORECASE)
_LEADS_BACK = re.compile(r"prev", re.IGNORECASE)


def leaves(
    value: Mapping[str, t.Any], path: str = "", depth: int = 1
) -> Iterator[tuple[str, t.Any]]:
    """The values that are no objects, each with its keys joined by dots.

    Args:
        value: An object.
        path: The keys that led to it, with a dot behind each.
        depth: How many objects it is in, itself included.
    """
    for key, inner in value.items():
        if isinstance(inner, dict) and inner and depth < _DEEPEST:
            yield from leaves(inner, f"{path}{key}.", depth + 1)
        else:
            yield f"{path}{key}", inner


def leads_on(
    envelope: Mapping[str, t.Any], known: Collection[str] = (), sent: str | None = None
) -> str | None:
    """The key of what looks like the way to a next page; None: there is none.

    Args:
        envelope: The response without its records.
        known: Keys, joined by dots, that have been looked at already.
        sent: The cursor that was asked with: a response may repeat it.
    """
    for path, value in leaves(envelope):
        if path in known or value in (None, False, "", 0, sent) or value in ([], {}):
            continue
        if _LEADS_ON.search(path) and not _LEADS_BACK.search(path):
            return path
    return None


def listed(envelope: Mapping[str, t.Any]) -> str:
    """The keys of an envelope, nested ones too, for an error message."""
    names = [path for path, _ in leaves(envelope)]
    return f"its other keys are: {named(names) or 'none'}"


def shown(value: object) -> str:
    """A value as JSON, cut to a length that fits into a line."""
    text = encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def refuse_errors(envelope: Mapping[str, t.Any]) -> None:
    """Refuse a 200 that tells of an error beside its records.

    APIs of this kind are known to answer a failed query with 200, no records and an error; read
    by its records alone that is an empty page, and the bookmark would pass what failed.

    Args:
        envelope: The response without its records.

    Raises:
        ShapeError: It has an ``error`` or ``errors`` that is not empty.
    """
    if any(key.lower() in _ERROR_KEYS and value for key, value in envelope.items()):
        msg = f"the response has status 200 and tells of an error; {listed(envelope)}"
        raise ShapeError(msg)
