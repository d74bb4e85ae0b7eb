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
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.data import Load
    from benchmarks.sandboxes import Served

LAUNCHER = Path(__file__).with_name("launch.py")
_PIECE = 1 << 20
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
    """The output of a contender."""

    records: int = 0
    bytes: int = 0
    states: int = 0
    keys: set[t.Any] = dataclasses.field(default_factory=set)


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a contender."""

    cost: Cost
    sandbox_cpu: float
    records: int
    bytes: int
    states: int


def _line_reader(output: str, key: str) -> Callable[[bytes], t.Any]:
    """A reader of lines: a tuple of a record's key, or the type of another message."""
    keyed = msgspec.defstruct("Keyed", [("key", t.Any, None)], rename={"key": key})
    record: t.Any = keyed
    if output == "airbyte":
        record = msgspec.defstruct("Wrapped", [("data", keyed)])
    line_type = msgspec.defstruct("Line", [("type", str), ("record", record | None, None)])
    decode_line: Callable[[bytes], t.Any] = msgspec.json.Decoder(line_type).decode
    decode_keyed: Callable[[bytes], t.Any] = msgspec.json.Decoder(keyed).decode

    def of_singer(line: bytes) -> t.Any:
        message = decode_line(line)
        return message.type if message.record is None else (message.record.key,)

    def of_airbyte(line: bytes) -> t.Any:
        message = decode_line(line)
        return message.type if message.record is None else (message.record.data.key,)

    def of_files(line: bytes) -> t.Any:
        return (decode_keyed(line).key,)

    return {"singer": of_singer, "airbyte": of_airbyte, "files": of_files}[output]


def count_stream(pipe: t.IO[bytes], counted: Counted, output: str | None, key: str) -> None:
    """Read lines to their end, and keep the keys of the records."""
    read = _line_reader(output, key) if output in {"singer", "airbyte"} else None
    rest = b""
    descriptor = pipe.fileno()
    while piece := os.read(descriptor, _PIECE):
        counted.bytes += len(piece)
        if read is None:
            continue
        *lines, rest = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
        for line in lines:
            if not line:
                continue
            try:
                found = read(line)
            except msgspec.DecodeError:
                continue  # a log line that is no JSON
            if isinstance(found, tuple):
                counted.records += 1
                counted.keys.add(found[0])
            elif found == "STATE":
                counted.states += 1


def count_files(folder: Path, stream: str, counted: Counted, key: str) -> None:
    """Count the records of a folder of JSONL files, of which those of a stream bear its name."""
    read = _line_reader("files", key)
    for path in sorted(folder.rglob(f"{stream}.*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                counted.records += 1
                counted.keys.add(read(line)[0])
        counted.bytes += path.stat().st_size


def check(counted: Counted, load: Load, who: str) -> None:
    """All records of the load, and no more of them twice than the stream's way of reading makes.

    Keys are compared, not only counted.

    Raises:
        MeasuredError: Some are missing, or came often.
    """
    expected = load.keys()
    if counted.keys != expected:
        missing, strange = len(expected - counted.keys), len(counted.keys - expected)
        msg = f"{who}: {missing} of {load.count} records are missing, {strange} are unknown"
        raise MeasuredError(msg)
    if counted.records > load.count * (1 + load.shape.most_copies) + 2:
        msg = f"{who}: {counted.records} records were written for {load.count}"
        raise MeasuredError(msg)


class Process:
    """A command that has been started; `finish` tells its cost."""

    def __init__(
        self,
        command: Command,
        *,
        stdin: t.Any = None,
        stdout: t.Any = subprocess.DEVNULL,
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
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                [
                    *(sys.executable, "-I", "-S", str(LAUNCHER)),
                    *(str(self._result), *command.argv),
                ],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=stdout,
                stderr=log,
                cwd=command.cwd,
                env=environment | dict(command.env),
            )

    def finish(self) -> Cost:
        """Wait for its end.

        Raises:
            MeasuredError: It failed; with the end of its log.
        """
        self.process.wait()
        log = self._log.read_text(encoding="utf-8", errors="replace")[-_QUOTED:]
        cost = {"code": 1}
        with contextlib.suppress(OSError, ValueError):
            cost = json.loads(self._result.read_text(encoding="ascii"))
        self._folder.cleanup()
        if cost["code"]:
            msg = f"{' '.join(self._command.argv[:3])} … failed ({cost['code']}):\n{log}"
            raise MeasuredError(msg)
        return Cost(cost["cpu"], cost["wall"], cost["peak"])


def run(command: Command, load: Load | None = None, box: Served | None = None) -> Run:
    """Run a command once, drain its output, and check that all records of the load are there."""
    counted = Counted()
    before = box.cpu() if box else 0.0
    process = Process(command, stdout=subprocess.PIPE)
    pipe = process.process.stdout
    assert pipe is not None  # noqa: S101 - for the type checker
    key = load.shape.key if load else ""
    reader = threading.Thread(
        target=count_stream, args=(pipe, counted, command.output, key), daemon=True
    )
    reader.start()
    cost = process.finish()
    reader.join()
    pipe.close()
    sandbox_cpu = (box.cpu() if box else 0.0) - before
    if load is not None and command.folder is not None:
        count_files(command.folder, load.stream, counted, key)
    if load is not None and command.output is not None:
        check(counted, load, " ".join(command.argv[:3]))
    return Run(cost, sandbox_cpu, counted.records, counted.bytes, counted.states)


def chain(first: Command, second: Command) -> tuple[Cost, Cost, float]:
    """Run two commands, the first's output into the second; also seconds for both."""
    began = time.perf_counter()
    source = Process(first, stdout=subprocess.PIPE)
    sink = Process(second, stdin=source.process.stdout)
    assert source.process.stdout is not None  # noqa: S101 - for the type checker
    source.process.stdout.close()
    costs = source.finish(), sink.finish()
    return *costs, time.perf_counter() - began


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        *(
            statistics.median(getattr(cost, field.name) for cost in costs)
            for field in dataclasses.fields(Cost)
        )
    )
