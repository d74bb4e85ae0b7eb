"""What should come out of a stream that is played."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from resilience.truth import canonical, convert, exact, records_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from resilience.subjects import Subject
    from sandbox import Sandbox


class Expected(NamedTuple):
    """One record that should come out.

    Args:
        text: It, in the form of `canonical`.
        time: What the bookmark counts, in nanoseconds since 1970; 0 where there is none.
        group: Its partition.
        key: The key, as the sandbox has it, of the record with that time, which orders records of
            one moment.
    """

    text: str
    time: int
    group: str
    key: Any


Truth = dict["Hashable", Expected]


def truth_of(box: Sandbox, subject: Subject, fields: Mapping[str, Any] | None = None) -> Truth:
    """Every record that the vendor has now, as it should come out.

    Args:
        box: Where the vendor is.
        subject: The stream.
        fields: What a fault puts into each record.
    """

    def decode(text: bytes) -> Any:
        # The fault decodes and encodes a record, with the digits that a double has.
        if fields and not subject.origin.parts:
            text = json.dumps({**json.loads(text), **fields}).encode()
        return exact(text)

    truth: Truth = {}
    vendor = box.vendors[subject.vendor]
    for row, record in records_of(vendor, subject.stream, subject.origin, decode):
        time = row.time(subject.time) if subject.time else 0
        if time is None:
            msg = f"{subject.name}: a record without the time of the bookmark: {row.key}"
            raise ValueError(msg)
        key = subject.key_of(record)
        convert(subject.vendor, subject.stream, record)
        group = row.group if subject.time else ""
        truth[key] = Expected(canonical(record), time * subject.unit, group, row.key)
    return truth
