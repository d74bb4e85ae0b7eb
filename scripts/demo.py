"""``make demo``: all taps on made-up data, through Meltano into JSONL files.

The sandbox that stands in for the vendors is part of this process, so that it ends with it, however
that comes. What is read goes to ``output/sandbox``. Meltano keeps the state: a second run reads on
from where the first one stopped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import typing as t
from pathlib import Path

from sandbox import Sandbox
from scripts.taps import programs, streams, taps, vendor_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "output" / "sandbox"
LOG = OUTPUT / "demo.log"
MELTANO = Path(sys.executable).with_name("meltano")
SIZE = 1000
"""Conversations of each vendor, spread over the last hundred days."""

_HEAD = ("stream", "records", "new or changed", "first", "last", "file")
_NUMBERS = ("records", "new or changed")
_SAMPLE_LINES = 3
_LONGEST_TEXT = 32
_PATIENCE = 5.0
"""Seconds that Meltano and its plugins have to end when they are told to."""

_COMPLAINT = re.compile(r"^\S+ \[(?:error|critical) *\] (\S+) +(.*)$", re.MULTILINE)


class DemoError(Exception):
    """Why there is nothing to show, in one line."""


@dataclasses.dataclass(frozen=True)
class Harvest:
    """The records that a run brought of a stream.

    Args:
        stream: The stream's name.
        keys: Its keys, the replication key last where it has one.
        file: What this run wrote; None: nothing.
        earlier: What the runs before wrote.
        is_incremental: Whether it has a replication key.
    """

    stream: str
    keys: Sequence[str]
    file: Path | None
    earlier: Sequence[Path]
    is_incremental: bool

    @property
    def lines(self) -> list[str]:
        """The records, as they stand in the file."""
        return _lines(self.file) if self.file else []

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        lines = self.lines
        seen = {line for file in self.earlier for line in _lines(file)}
        new = sum(line not in seen for line in lines)
        times = (str(json.loads(line)[self.keys[-1]])[:10] for line in lines)
        days = (sorted(times) if self.is_incremental else []) or ["-"]
        file = self.file.name if self.file else "-"
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
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        before = set(OUTPUT.rglob("*.jsonl"))
        with _sandbox() as box:
            taps = [tap for tap in programs() if vendor_of(tap) in box.vendors]
            print(f"A stand-in for the vendors listens on {box.url}. Meltano runs")
            print(f"  {', '.join(taps)} into target-jsonl …", flush=True)
            started = time.monotonic()
            _run_meltano(box, taps)
            seconds = time.monotonic() - started
        _show({tap: _harvest(tap, before) for tap in taps}, seconds)
        _tell_of_real_accounts(taps)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: stopped before the end", file=sys.stderr)
        return 130
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signals have it
    raise KeyboardInterrupt


def _variable(tap: str, setting: str) -> str:
    return f"{tap}_{setting}".replace("-", "_").upper()


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


@contextlib.contextmanager
def _sandbox() -> Iterator[Sandbox]:
    """A sandbox on a free port, without the vendors' rate limits: nobody shall have to wait."""
    box = Sandbox(size=SIZE, rate_limits=False)
    try:
        box.start()
    except OSError as error:
        msg = f"the sandbox cannot listen: {error}"
        raise DemoError(msg) from None
    try:
        yield box
    finally:
        box.stop()


def _run_meltano(box: Sandbox, taps: Sequence[str]) -> None:
    """Run all taps with one Meltano, which takes longer to start than they to read.

    Neither ``.env`` nor exported variables of a real account reach it.
    """
    OUTPUT.mkdir(parents=True, exist_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TARGET_", "MELTANO_"))
    }
    for tap in taps:
        urls = box.vendors[vendor_of(tap)].urls
        environment |= {_variable(tap, setting): url for setting, url in urls.items()}
    blocks = [plugin for tap in taps for plugin in (tap, "target-jsonl")]
    options = ["--environment=sandbox", f"--env-file={os.devnull}", "--log-format=uncolored"]
    with LOG.open("w", encoding="utf-8") as log:
        try:
            meltano = subprocess.Popen(  # noqa: S603 - our own command
                [MELTANO, *options, "run", *blocks],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            msg = f"Meltano cannot be started: {error}"
            raise DemoError(msg) from None
        try:
            code = meltano.wait()
        finally:
            _stop_all_of(meltano)
    if code:
        complaints = _COMPLAINT.findall(LOG.read_text(encoding="utf-8"))
        reason = ": ".join(complaints[0]) if complaints else f"exit code {code}"
        msg = f"Meltano failed: {reason} (all of its log: {LOG.relative_to(ROOT)})"
        raise DemoError(msg)


def _stop_all_of(meltano: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind: Meltano's plugins are in its process group."""
    for number, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _PATIENCE)):
        until = time.monotonic() + patience
        with contextlib.suppress(ProcessLookupError):
            os.killpg(meltano.pid, number)
            while time.monotonic() < until:
                meltano.poll()
                os.killpg(meltano.pid, 0)
                time.sleep(0.02)


def _harvest(tap: str, before: set[Path]) -> list[Harvest]:
    """Read from the files what this run brought of each stream of a tap."""
    found = []
    for stream in streams(taps()[tap]):
        files = sorted((OUTPUT / tap).glob(f"{stream.name}-*.jsonl"))
        if not files:
            if not stream.selected_by_default:
                continue
            msg = f"{tap} brought no {stream.name} (log: {LOG.relative_to(ROOT)})"
            raise DemoError(msg)
        earlier = [file for file in files if file in before]
        file = files[-1] if files[-1] not in before else None
        keys = [*(stream.primary_keys or ()), *filter(None, [stream.replication_key])]
        found.append(Harvest(stream.name, keys, file, earlier, bool(stream.replication_key)))
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
        for harvest in found:
            if harvest.lines:
                print(f"\n{tap} {harvest.stream}")
                print(textwrap.indent("\n".join(harvest.sample(width)), "  "))


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
        own = [name for name in names if name.startswith(_variable(tap, ""))]
        print(f"  {', '.join(own)}")
    print("then")
    for tap in taps:
        job = f"{tap.removeprefix('tap-')}-to-jsonl"
        print(f"  {MELTANO.relative_to(ROOT)} run {job}")


if __name__ == "__main__":
    sys.exit(main())
