"""One run of a tap within a case."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resilience.singer import Message
    from resilience.target import Stop, Written
    from sandbox import LoggedRequest


@dataclasses.dataclass(frozen=True)
class Run:
    """A run: what it was given and what came of it.

    Args:
        written: What came of it.
        seen: The messages that the target has.
        whole: The messages that left the tap.
        state: What the run was given.
        requests: What it asked for.
        stop: How it was harmed, if it was.
        is_hopeless: Whether it could not succeed.
    """

    written: Written
    seen: list[Message]
    whole: list[Message]
    state: dict[str, Any] | None
    requests: list[LoggedRequest]
    stop: Stop | None
    is_hopeless: bool

    @property
    def strikes(self) -> int:
        """How many requests were struck by faults."""
        return sum(bool(request.faults) for request in self.requests)
