"""``make demo``: all taps on made-up data, through Meltano into JSONL files.

The sandbox that stands in for the vendors is part of this process, so that it ends with it, however
that comes. What is read goes to ``output/sandbox``. Meltano keeps the state: a second run reads on
from where the first one stopped.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import textwrap
import time
import typing as t

from scripts.made_up import (
    MELTANO,
    ROOT,
    MadeUpError,
    ends_well,
    run_meltano,
    sandbox,
    variable,
)
from scripts.tables import way
from scripts.taps import programs, streams, taps, vendor_of

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OUTPUT = ROOT / "output" / "sandbox"
LOG = OUTPUT / "demo.log"

_HEAD = ("stream", "records", "new or changed", "first", "last", "file, or why there is none")
_NUMBERS = ("records", "new or changed")
_SAMPLE_LINES = 3
_LONGEST_TEXT = 32
_SKIPPED = re.compile(r"\] (tap-[\w-]+) +stream '(\w+)' was skipped: .*?\b(40[34])\b")


@dataclasses.dataclass(frozen=True)
class Harvest:
    """The records that a run brought of a stream.

    Args:
        stream: The stream's name.
        keys: Its keys, the replication key last where it has one.
        file: What this run wrote; None: nothing.
        earlier: What the runs before wrote.
        is_incremental: Whether it has a replication key.
        skipped: Why it was not read; empty: it was.
    """

    stream: str
    keys: Sequence[str]
    file: Path | None
    earlier: Sequence[Path]
    is_incremental: bool
    skipped: str = ""

    @property
    def lines(self) -> list[str]:
        """The records, as they stand in the file."""
        return _lines(self.file) if self.file else []

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        if self.skipped:
            return (f"  {self.stream}", "-", "-", "-", "-", self.skipped)
        lines = self.lines
        seen = {line for file in self.earlier for line in _lines(file)}
        new = sum(line not in seen for line in lines)
        times = (str(json.loads(line)[self.keys[-1]])[:10] for line in lines)
        days = (sorted(times) if self.is_incremental else []) or ["-"]
        file = self.file.name if self.file else "nothing new"
        return (f"  {self.stream}", f"{len(lines):,}", f"{new:,}", days[0], days[-1], file)

    def sample(self, width: int) -> list[str]:
        """The last record, as much of it as fits into a few lines."""
        record = json.loads(self.lines[-1])
        names = dict.fromkeys([*self.keys, *(name for name in record if record[name])])
        parts = [f"{name}: {_shortened(record[name])}" for name in names]
        room = width * _SAMPLE_LINES - 24
        shown = 1
        while shown < len(parts) and len(", ".join(parts[: shown + 1])) < room:
            shown += 1
        if more := len(record) - shown:
            parts[shown:] = [f"and {more} more"]
        return textwrap.wrap(", ".join(parts), width, break_on_hyphens=False)


def main() -> int:
    """Run it.

    Returns:
        The exit code.
    """
    return ends_well("demo", _demo)


def _demo() -> None:
    before = set(OUTPUT.rglob("*.jsonl"))
    with sandbox() as box:
        # Limited availability: most accounts do not have it.
        box.zendesk_chat.denied["agent_events"] = 403
        taps = [tap for tap in programs() if vendor_of(tap) in box.vendors]
        print(f"A stand-in for the vendors listens on {box.url}. Meltano runs")
        print(f"  {', '.join(taps)} into target-jsonl …", flush=True)
        started = time.monotonic()
        run_meltano(box, taps, ["run", *(it for tap in taps for it in (tap, "target-jsonl"))], LOG)
        seconds = time.monotonic() - started
    _show({tap: _harvest(tap, before) for tap in taps}, seconds)
    _tell_of_real_accounts(taps)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _harvest(tap: str, before: set[Path]) -> list[Harvest]:
    """Read from the files and the log what this run brought of each stream of a tap."""
    refused = {
        stream: f"skipped: the account does not have it ({status})"
        for program, stream, status in _SKIPPED.findall(LOG.read_text(encoding="utf-8"))
        if program == tap
    }
    found = []
    for stream in streams(taps()[tap]):
        files = sorted((OUTPUT / tap).glob(f"{stream.name}-*.jsonl"))
        skipped = refused.get(stream.name, "")
        if not stream.selected_by_default:
            skipped = way(stream).replace("`", "")
        if not (files or skipped):
            msg = f"{tap} brought no {stream.name} (log: {LOG.relative_to(ROOT)})"
            raise MadeUpError(msg)
        earlier = [file for file in files if file in before]
        file = files[-1] if files and files[-1] not in before else None
        keys = [*(stream.primary_keys or ()), *filter(None, [stream.replication_key])]
        is_incremental = bool(stream.replication_key)
        found.append(Harvest(stream.name, keys, file, earlier, is_incremental, skipped))
    return found


def _show(harvests: dict[str, list[Harvest]], seconds: float) -> None:
    again = any(harvest.earlier for found in harvests.values() for harvest in found)
    rows: list[tuple[str, ...]] = [_HEAD]
    for tap, found in harvests.items():
        rows.append((f"{tap} in {(OUTPUT / tap).relative_to(ROOT)}/",))
        rows += [harvest.row() for harvest in found]
    widths = [max(len(row[at]) for row in rows if len(row) > 1) for at in range(len(_HEAD))]
    print()
    for row in rows:
        cells = zip(row, widths, _HEAD, strict=False)
        line = "  ".join(
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for cell, width, name in cells
        )
        print(line.rstrip())
    records = sum(len(harvest.lines) for found in harvests.values() for harvest in found)
    told = "It went on from the last run's state" if again else "Run it again: it goes on from here"
    print(f"\n{records:,} records in {seconds:.1f} s. {told}.")
    width = shutil.get_terminal_size((100, 24)).columns - 4
    for tap, found in harvests.items():
        read = [each for each in found if each.is_incremental and each.lines]
        if read:
            shown = max(read, key=lambda harvest: len(harvest.lines[-1]))
            print(f"\nThe last of {tap}'s {shown.stream}:")
            print(textwrap.indent("\n".join(shown.sample(width)), "  "))


def _shortened(value: t.Any) -> str:
    """A value in a few words."""
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, list):
        return f"[{len(value)}]"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 2]}…" + '"'


def _tell_of_real_accounts(taps: Sequence[str]) -> None:
    """The variables that ``.env`` needs, and the command."""
    names = [line.partition("=")[0] for line in _lines(ROOT / ".env.example")]
    print("\nThe same with a real account: cp .env.example .env, and fill in")
    for tap in taps:
        own = [name for name in names if name.startswith(variable(tap, ""))]
        print(f"  {', '.join(own)}")
    print("then")
    for tap in taps:
        job = f"{tap.removeprefix('tap-')}-to-jsonl"
        print(f"  {MELTANO.relative_to(ROOT)} run {job}")
    print("All of them as one support desk, with a page to look at: make desk")


if __name__ == "__main__":
    sys.exit(main())
