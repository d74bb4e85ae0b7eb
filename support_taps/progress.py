"""Lines for a person who watches the log.

Plain English in the message, the same facts as fields for the SDK's structured log.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from support_taps.wording import counted, duration, named

if t.TYPE_CHECKING:
    import datetime as dt
    import logging
    from collections.abc import Iterable, Mapping

    from support_taps.records.conformance import Drift
    from support_taps.windows import Window

QUIET_SECONDS = 5.0
"""At most one line about finished windows in this time."""


@dataclasses.dataclass
class Progress:
    """Counts and times of one stream, and the lines about them.

    Args:
        logger: The stream's logger.
        name: The stream.
        partition: The partition that is being read; empty where there are none.
    """

    logger: logging.Logger
    name: str
    partition: str = ""
    records: int = 0
    requests: int = 0
    retries: int = 0
    waited: float = 0.0

    def __post_init__(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()
        self._said = 0.0
        self._span_started = self._started
        self._stopped: float | None = None
        self._skipped_parents = 0
        self._first_skipped = ""
        self._odd_parts: set[str] = set()

    @property
    def where(self) -> str:
        """The stream, with its partition where it has some."""
        return f"{self.name} of {self.partition}" if self.partition else self.name

    def skipped_parent(self, context: Mapping[str, t.Any]) -> None:
        """Note a parent whose children the vendor refuses (403, 404).

        Args:
            context: The fields that name the parent.
        """
        self._skipped_parents += 1
        if self._skipped_parents == 1:
            self._first_skipped = ", ".join(f"{name}={value}" for name, value in context.items())

    def odd_parts(self, field: str, got: str, documented: str) -> None:
        """Say once that a parent's field, or an element of it, has another form than documented."""
        if field not in self._odd_parts:
            self._odd_parts.add(field)
            self.logger.warning(
                "%s: '%s' holds a value of type %s where %s is documented; no records are made of "
                "it (the parent's record has it)",
                self.name,
                field,
                got,
                documented,
            )

    def span(self, span: Window) -> None:
        """Note the span of time that is read."""
        self._span = span
        self._span_started = time.monotonic()

    def stop(self) -> None:
        """Stop the clock: the stream has been read, or has failed."""
        self._stopped = time.monotonic()

    def finished(self, what: str, until: dt.datetime) -> None:
        """Say that everything before an instant has been emitted, if a line is due.

        Args:
            what: The window or page that was finished, in words.
            until: Its end.
        """
        now = time.monotonic()
        is_last = until >= self._span.end
        if now - self._said < QUIET_SECONDS and not is_last:
            return
        self._said = now
        seconds = max(now - self._started, 1e-3)
        rate = self.records / seconds
        message = (
            f"{self.where}: {what} done; {self.records:,} records so far, {rate:,.0f} records/s"
        )
        fields: dict[str, t.Any] = {"records": self.records, "records_per_second": round(rate, 1)}
        whole = self._span.end - self._span.start
        share = min(1.0, (until - self._span.start) / whole) if whole else 1.0
        if 0 < share < 1:
            left = (now - self._span_started) * (1 - share) / share
            message += f", about {duration(left)} left"
            fields["seconds_left"] = round(left)
        self.logger.info(message, extra={**fields, "until": until.isoformat()})

    def retrying(self, error: Exception, wait: float, failures: int, max_tries: int) -> None:
        """Say that a page is tried again."""
        self.retries += 1
        self.logger.warning(
            "%s: %s; trying again in %s (try %d of %d)",
            self.where,
            error,
            duration(wait),
            failures + 1,
            max_tries,
            extra={"wait_seconds": round(wait, 1), "failures": failures},
        )

    def summary(
        self, unknown: Mapping[str, int], drifted: Iterable[str], bookmark: str | None = None
    ) -> None:
        """Say what the whole run did for this stream."""
        seconds = (self._stopped or time.monotonic()) - self._started
        drifted = list(drifted)
        message = (
            f"{self.name}: {counted(self.records, 'record')} in {duration(seconds)}, "
            f"{counted(self.requests, 'request')}, {counted(self.retries, 'retry', 'retries')}, "
            f"{duration(self.waited)} spent waiting for the vendor's rate limit"
        )
        if drifted:
            message += f"; of another type than the schema says: {named(drifted)}"
        self.logger.info(
            message,
            extra={
                "records": self.records,
                "requests": self.requests,
                "retries": self.retries,
                "rate_limit_wait_seconds": round(self.waited, 1),
                "skipped_parents": self._skipped_parents,
                "unknown_fields": dict(unknown),
                "drifted_fields": drifted,
                "bookmark": bookmark,
            },
        )
        if self._skipped_parents:
            self.logger.warning(
                "%s: the vendor refused it for %s (403 or 404), the first one with %s; these were "
                "skipped",
                self.name,
                counted(self._skipped_parents, "parent"),
                self._first_skipped,
            )
        if unknown:
            counts = [f"{name} ({count:,})" for name, count in sorted(unknown.items())]
            self.logger.warning(
                "%s: fields that the schema does not list, carried under their own names: %s",
                self.name,
                named(counts),
            )

    def drifting(self, path: str, drift: Drift) -> None:
        """Say that a field's value passes although the schema lists another type."""
        self.logger.warning(
            "%s: field '%s' is of type %s in the record with %s, and the schema says %s; "
            "it is passed on as it is",
            self.where,
            path,
            drift.got,
            drift.key,
            drift.expected,
        )
