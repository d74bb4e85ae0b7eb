"""A vendor's published rate limit: so many requests in so many seconds, for each token."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass


@dataclass(frozen=True)
class RateLimit:
    """`requests` in any `seconds`; with `fixed`, in each of the consecutive spans of `seconds`.

    Most vendors do not say how they count: the sliding reading is the stricter one. DevRev says
    that its window resets every 5 minutes, which is a fixed one.
    """

    requests: int
    seconds: float
    fixed: bool = False

    def faster(self, factor: float) -> RateLimit:
        """The same number of requests in a period shorter by `factor`."""
        return RateLimit(self.requests, self.seconds / factor, self.fixed)


@dataclass(frozen=True)
class Verdict:
    """The outcome of an arrival: seconds to wait (0 = let in), what is left, when it resets."""

    wait: float
    remaining: int
    reset: float


class Turnstile:
    """Counts arrivals by token and scope.

    A refused arrival is counted as a violation, but uses nothing up.
    """

    def __init__(self) -> None:
        """Start with no arrivals."""
        self.violations = 0
        self._arrivals: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def arrive(self, token: str, scope: str, limit: RateLimit, now: float) -> Verdict:
        """Let one request in, or say how long it should have waited."""
        with self._lock:
            arrivals = self._arrivals[token, scope]
            start = now - now % limit.seconds if limit.fixed else now - limit.seconds
            while arrivals and (arrivals[0] < start or (arrivals[0] == start and not limit.fixed)):
                arrivals.popleft()
            free = len(arrivals) < limit.requests
            if free:
                arrivals.append(now)
            else:
                self.violations += 1
            opens = start if limit.fixed or not arrivals else arrivals[0]
            reset = opens + limit.seconds
            wait = 0.0 if free else max(reset - now, 0.001)
            return Verdict(wait, max(limit.requests - len(arrivals), 0), reset)

    def clear(self) -> None:
        """Forget all arrivals and violations."""
        with self._lock:
            self._arrivals.clear()
            self.violations = 0
