"""Running a command, counting what it writes, and what it cost."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import msgspec

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.data import Load
    from benchmarks.sandboxes import Served

LAUNCHER = Path(__file__).with_name("launch.py")
_BUFFER = 1 << 20
_QUOTED = 3000


class MeasuredError(Exception):
    """A contender did not do what it should have done."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of one process.

    Args:
        cpu: Seconds, user and system.
        wall: Seconds.
        peak: Bytes of memory.
    """

    cpu: float
    wall: float
    peak: float


@dataclasses.dataclass(frozen=True)
class Command:
    """A contender's process.

    Args:
        argv: What is run.
        output: How its output tells records: lines of Singer or of Airbyte on standard output, or
            a folder of JSONL files; None: none are expected.
        folder: Where a folder of JSONL files is.
        env: Added to the environment.
        cwd: Where it runs.
    """

    argv: Sequence[str]
    output: t.Literal["singer", "airbyte", "files"] | None = "singer"
    folder: Path | None = None
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cwd: Path | None = None


@dataclasses.dataclass
class Counted:
    """The records that a contender wrote."""

    records: int = 0
    keys: set[t.Any] = dataclasses.field(default_factory=set)

    def lines(self, lines: Iterable[bytes], output: str | None, key: str) -> None:
        """Read lines to their end, and keep the keys of the records."""
        key_of = _key_reader(output, key) if output else None
        for line in lines:
            # What does not decode is a log line that is no JSON.
            with contextlib.suppress(msgspec.DecodeError):
                if key_of is not None and (found := key_of(line)) is not None:
                    self.records += 1
                    self.keys.add(found[0])

    def check(self, load: Load, who: str) -> None:
        """All records of the load, and no more of them twice than the way of reading makes.

        Keys are compared, not only counted.

        Raises:
            MeasuredError: Some are missing, or came often.
        """
        expected = load.keys()
        if self.keys != expected:
            missing, strange = len(expected - self.keys), len(self.keys - expected)
            msg = f"{who}: {missing} of {load.count} records are missing, {strange} are unknown"
            raise MeasuredError(msg)
        if self.records > load.count * (1 + load.shape.most_copies) + 2:
            msg = f"{who}: {self.records} records were written for {load.count}"
            raise MeasuredError(msg)


def _key_reader(output: str, key: str) -> Callable[[bytes], tuple[t.Any] | None]:
    """A reader of lines that tells a record's key, which may be null; None: another message."""
    row: t.Any = msgspec.defstruct("Row", [("key", t.Any, None)], rename={"key": key})
    if output == "files":
        decode_row = msgspec.json.Decoder(row).decode
        return lambda line: (decode_row(line).key,)
    is_airbyte = output == "airbyte"
    record = msgspec.defstruct("Record", [("data", row)]) if is_airbyte else row
    message = msgspec.defstruct("Message", [("type", str), ("record", record | None, None)])
    decode: Callable[[bytes], t.Any] = msgspec.json.Decoder(message).decode

    def key_of(line: bytes) -> tuple[t.Any] | None:
        found = decode(line).record
        if found is None:
            return None
        return (found.data.key if is_airbyte else found.key,)

    return key_of


class Process:
    """A command that has been started; `finish` tells its cost."""

    def __init__(
        self, command: Command, *, stdin: t.Any = subprocess.DEVNULL, stdout: t.Any = None
    ) -> None:
        """Start it."""
        self._command = command
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._result = Path(self._folder.name, "cost.json")
        self._log = Path(self._folder.name, "stderr")
        # As on a user's machine: with compiled modules kept and output buffered. And our tap_dixa
        # must not be found by singer-io's.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(self._result)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [*launcher, *command.argv],
                stdin=stdin,
                stdout=subprocess.DEVNULL if stdout is None else stdout,
                stderr=log,
                bufsize=_BUFFER,
                cwd=command.cwd,
                env=environment | dict(command.env),
            )

    @property
    def output(self) -> t.IO[bytes]:
        """What it writes; it was started with a pipe."""
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        return self._process.stdout

    def finish(self) -> Cost:
        """Wait for its end.

        Raises:
            MeasuredError: It failed; with the end of its log.
        """
        self._process.wait()
        log = self._log.read_text(encoding="utf-8", errors="replace")[-_QUOTED:]
        cost = {"code": 1}
        with contextlib.suppress(OSError, ValueError):
            cost = json.loads(self._result.read_text(encoding="ascii"))
        self._folder.cleanup()
        if cost.pop("code"):
            msg = f"{' '.join(self._command.argv[:3])} … failed:\n{log}"
            raise MeasuredError(msg)
        return Cost(**cost)


def run(
    command: Command, load: Load | None = None, box: Served | None = None
) -> tuple[Cost, float]:
    """Run a command once, drain its output, and check that all records of the load are there.

    Returns:
        Its cost, and the seconds of CPU that the sandbox used meanwhile.
    """
    counted = Counted()
    before = box.cpu() if box else 0.0
    process = Process(command, stdout=subprocess.PIPE)
    key = load.shape.key if load else ""
    in_lines = command.output if load and not command.folder else None
    reader = threading.Thread(target=counted.lines, args=(process.output, in_lines, key))
    reader.start()
    cost = process.finish()
    reader.join()
    process.output.close()
    sandbox_cpu = (box.cpu() if box else 0.0) - before
    if load is not None and command.output is not None:
        # Of a folder of files those of the stream bear its name.
        for path in command.folder.rglob(f"{load.stream}.*.jsonl") if command.folder else ():
            with path.open("rb") as file:
                counted.lines(file, command.output, key)
        counted.check(load, " ".join(command.argv[:3]))
    return cost, sandbox_cpu


def chain(first: Command, second: Command) -> tuple[Cost, Cost, float]:
    """Run two commands, the first's output into the second; also seconds for both."""
    began = time.perf_counter()
    source = Process(first, stdout=subprocess.PIPE)
    sink = Process(second, stdin=source.output)
    source.output.close()
    loaded = sink.finish()  # first: where it failed, all that the other has to tell is that
    return source.finish(), loaded, time.perf_counter() - began


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    figures = zip(*map(dataclasses.astuple, costs), strict=True)
    return Cost(*map(statistics.median, figures))
