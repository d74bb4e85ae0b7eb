"""Reads from Meltano's log what a run has brought of each stream."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import re
import typing as t

import dagster as dg

if t.TYPE_CHECKING:
    from collections.abc import Collection

    from support_fleet.meltano import Stream

_FAILED = re.compile(r"stream '(\w+)[^']*' (failed|was skipped): (.*)", re.DOTALL)
_NOISE = re.compile(r"Skipping (deselected stream|parse of)|Added '\w+' as child stream|METRIC")
HIDDEN = "***"
_LEVELS = {
    name.lower(): getattr(logging, name)
    for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
}


class Line(t.NamedTuple):
    """A line to show.

    Args:
        level: Its level, as in ``logging``.
        text: Its words, with who says them.
    """

    level: int
    text: str


@dataclasses.dataclass
class Reading:
    """The part of a run that concerns one stream.

    Args:
        facts: The fields of the tap's last line about it; empty: it was not read to its end.
        failure: Why it failed.
        skipped: Why the account does not have it.
    """

    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    failure: str = ""
    skipped: str = ""

    @property
    def bookmark(self) -> dt.datetime | None:
        """The instant before which everything has been read."""
        text = self.facts.get("bookmark")
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None

    def metadata(self, stream: Stream) -> dict[str, t.Any]:
        """The facts as metadata of an asset; Dagster plots the numbers over time."""
        facts = self.facts
        told: dict[str, t.Any] = {
            "records": facts["records"],
            "requests": facts["requests"],
            "retries": facts["retries"],
            "rate_limit_wait_seconds": float(facts["rate_limit_wait_seconds"]),
            "skipped_parents": facts["skipped_parents"],
            "unknown_fields": len(facts["unknown_fields"]),
            "drifted_fields": len(facts["drifted_fields"]),
        }
        if stream.is_whole and not stream.parent:
            told["dagster/row_count"] = facts["records"]
        for name in ("unknown_fields", "drifted_fields"):
            if facts[name]:
                told[f"{name}_names"] = dg.MetadataValue.json(facts[name])
        if self.bookmark:
            told["bookmark"] = dg.MetadataValue.timestamp(self.bookmark)
            age = dt.datetime.now(dt.timezone.utc) - self.bookmark
            told["bookmark_age_hours"] = round(age.total_seconds() / 3600, 3)
        return told


class Log:
    """The log of one run.

    Args:
        tap: The tap's name.
        streams: The account's streams.
        secrets: Texts that nobody may see.
    """

    def __init__(self, tap: str, streams: Collection[Stream], secrets: Collection[str]) -> None:
        """Begin with nothing read."""
        self._tap = tap
        self._streams = streams
        self._secrets = sorted(secrets, key=len, reverse=True)
        self.readings = {stream.name: Reading() for stream in streams}
        self.error = ""
        """The first error of the run, in one line."""
        self._is_loaded = True

    def take(self, text: str) -> Line | None:
        """Note what a line says.

        Args:
            text: The line.

        Returns:
            How to show it; None: it says nothing to a person.
        """
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN).replace(json.dumps(secret)[1:-1], HIDDEN)
        try:
            entry = json.loads(text)
            words = str(entry["event"])
        except (ValueError, TypeError, KeyError):
            return Line(logging.INFO, text.rstrip()) if text.strip() else None
        level = _LEVELS.get(str(entry.get("level")), logging.INFO)
        logger = str(entry.get("plugin_logger", ""))
        if not self.error and level >= logging.ERROR:
            self.error = words.partition("\n")[0]
        if "loaders" in str(entry.get("exit_codes", "")):
            self._is_loaded = False
        if logger.partition(".")[0] == self._tap:
            self._note(logger.partition(".")[2], entry, words)
        if _NOISE.match(words) or (not logger and level < logging.WARNING):
            return None
        return Line(level, f"{logger}: {words}" if logger else words)

    def _note(self, stream: str, entry: dict[str, t.Any], words: str) -> None:
        if (reading := self.readings.get(stream)) and "rate_limit_wait_seconds" in entry:
            reading.facts = entry
        elif found := _FAILED.match(words):
            name, what, why = found.groups()
            if (reading := self.readings.get(name)) is not None:
                if what == "failed":
                    reading.failure = why
                else:
                    reading.skipped = why

    def close(self, exit_code: int) -> None:
        """Draw the conclusions, once the run has ended.

        Args:
            exit_code: Meltano's.
        """
        some_failed = any(reading.failure for reading in self.readings.values())
        for stream in self._streams:  # parents first
            reading = self.readings[stream.name]
            parent = self.readings.get(stream.parent, Reading())
            if parent.failure or parent.skipped:  # not read for all of the parent's records
                reading.failure = parent.failure and f"{stream.parent}: {parent.failure}"
                reading.skipped = parent.skipped
            elif reading.skipped or reading.failure:
                continue
            elif not reading.facts or not self._is_loaded or (exit_code and not some_failed):
                reading.failure = self.error or f"Meltano ended with exit code {exit_code}"
