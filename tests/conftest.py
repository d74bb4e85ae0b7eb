"""Tools that the tests of all four taps share: a sandbox, and a tap run as a user runs it.

``run_tap("tap_dixa", config)`` runs the tap in a process of its own, with files for configuration,
state and catalog, and hands back a :class:`Run`. Nothing of the tap is patched. ``box`` is a fresh
sandbox. What is left to each tap's own ``conftest.py``: its configuration, and what its records
should look like.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime as dt
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import hypothesis
import pytest

from resilience import forks
from sandbox import Sandbox
from scripts.taps import select, taps

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sandbox import Fault

    Json = t.Any
    Record = dict[str, t.Any]

ROOT = Path(__file__).parent.parent
SPAN = (
    dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc),
    dt.datetime(2025, 4, 1, tzinfo=dt.timezone.utc),
)
UNTHROTTLED = 1_000_000
LOGS = {"activity_logs"}
"""Streams in order of time that are no exports: tests of their own read them."""
EXPORTS = "the exports alone"
"""In the place of a catalog: without the tables that the records' ids point to."""
PATIENCE = 300.0
"""Seconds after which a test fails that waits for something; the machine may be busy."""

# Properties are checked without a clock, since the machine may be busy, and leave no files.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

_LOG_LINE = re.compile(r"^\d{4}-\S+ \S+ \| (\w+) +\| (\S+) +\| (.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Run:
    """The result of one run of a tap.

    Args:
        exit_code: The process's; -9 if it was killed by signal 9.
        stdout: All that it wrote. A last line without its end is no message.
        stderr: Its log.
    """

    exit_code: int
    stdout: bytes
    stderr: str

    @functools.cached_property
    def lines(self) -> list[bytes]:
        """The complete lines, as they were written."""
        return self.stdout[: self.stdout.rfind(b"\n") + 1].splitlines()

    @functools.cached_property
    def messages(self) -> list[Record]:
        """The Singer messages, in order."""
        return [json.loads(line) for line in self.lines]

    def records(self, stream: str) -> list[Record]:
        """Every record of a stream, in order, copies included."""
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def by_key(self, stream: str) -> dict[Json, Record]:
        """The last record of each key, as a target has them; a key of several fields is a tuple."""
        return by_key(self.records(stream), self.schemas[stream]["key_properties"])

    @property
    def schemas(self) -> dict[str, Record]:
        """The last SCHEMA message of each stream."""
        return {
            message["stream"]: message for message in self.messages if message["type"] == "SCHEMA"
        }

    @property
    def states(self) -> list[Record]:
        """The value of every STATE message, in order."""
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def bookmarks(self) -> dict[str, Record]:
        """The bookmarks of the last STATE, by stream."""
        bookmarks: dict[str, Record] = self.states[-1].get("bookmarks", {})
        return bookmarks

    def log(self, level: str) -> list[str]:
        """The texts of all log lines of a level, ``"ERROR"`` for example."""
        return [text for found, _, text in _LOG_LINE.findall(self.stderr) if found == level]

    def complaint(self) -> str:
        """The one readable line with which this run failed; anything else is a failed test."""
        assert self.exit_code == 1, self.stderr
        assert "Traceback" not in self.stderr
        (line,) = self.log("ERROR") + self.log("CRITICAL")
        # Every line of the log has its time and level: nothing was printed beside it.
        assert all(_LOG_LINE.match(printed) for printed in self.stderr.splitlines()), self.stderr
        return line

    def succeeded(self) -> Run:
        """Itself, if it ended well."""
        assert self.exit_code == 0, self.stderr
        assert not self.log("ERROR")
        return self


@dataclasses.dataclass(frozen=True)
class Stop:
    """When a run is stopped from outside: as soon as all of this has happened.

    A run does not wait for its reader: let it stall, or wait, where it is to be stopped.

    Args:
        lines: It has written so many lines.
        stalls: The sandbox stalls a response by this fault, so that the run cannot go on.
        logs: Its log has these words.
        by: The signal that is sent to it.
    """

    lines: int = 0
    stalls: Fault | None = None
    logs: str = ""
    by: signal.Signals = signal.SIGKILL

    def has_come(self, output: bytearray, log: Path) -> bool:
        """Whether all of it has happened."""
        return (
            output.count(b"\n") >= self.lines
            and (self.stalls is None or self.stalls.stalls.is_set())
            and self.logs in log.read_text(encoding="utf-8")
        )


def run_tap(  # noqa: PLR0913 - each is one thing that a user can give
    module: str,
    config: Mapping[str, Json],
    *,
    state: Json = None,
    catalog: Json = EXPORTS,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stop: Stop | None = None,
    as_program: bool = False,
) -> Run:
    """Run a tap as a process of its own.

    No run may show a secret of its configuration, in whatever it writes: that is checked here.

    Args:
        module: The tap's package: ``tap_dixa``.
        config: Its settings.
        state: Its state, or a text to be put into the file as it is.
        catalog: Its catalog, or a text to be put into the file as it is; None: none, so that all
            streams that are selected by default are read.
        arguments: Further arguments: ``["--discover"]``.
        environment: Further environment variables.
        stop: When it is stopped, if it is.
        as_program: Start Python for it, as ``python -m tap_dixa``. Otherwise it is forked from a
            process that has imported all it needs, which costs a tenth: for all tests but those
            about the process itself.
    """
    if catalog == EXPORTS:
        catalog = None if arguments else exports_only(module)
    with tempfile.TemporaryDirectory() as folder:
        options = []
        for name, content in (("config", config), ("state", state), ("catalog", catalog)):
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content)
                file = Path(folder, f"{name}.json")
                file.write_text(text, encoding="utf-8")
                options += [f"--{name}", str(file)]
        options += arguments
        log = Path(folder, "stderr")
        with contextlib.ExitStack() as stack:
            read_end, write_end = os.pipe()
            pipe = stack.enter_context(os.fdopen(read_end, "rb", buffering=0))
            with os.fdopen(write_end, "wb") as stdout, log.open("wb") as stderr:
                start = _program if as_program else _fork
                process = stack.enter_context(
                    start(module, options, environment or {}, stdout.fileno(), stderr.fileno())
                )
            output = bytearray()
            reader = threading.Thread(target=_read_to_the_end, args=(pipe, output), daemon=True)
            reader.start()
            until = time.monotonic() + PATIENCE
            while stop and reader.is_alive() and time.monotonic() < until:
                if stop.has_come(output, log):
                    process.send_signal(stop.by)
                    stop = None
                else:
                    reader.join(0.01)
            reader.join(max(until - time.monotonic(), 0))
            is_late = reader.is_alive()
            if is_late:
                process.kill()
                reader.join()
            run = Run(process.wait(), bytes(output), log.read_text(encoding="utf-8"))
        assert not is_late, f"{module} was still running after {PATIENCE} s: {run.stderr}"
        assert not stop, f"{module} ended before it was stopped: {run.stderr}"
    for name in secrets_of(module):
        if secret := str(config.get(name) or "").strip():
            assert secret not in run.stderr, f"{name} is in the log"
            assert secret.encode() not in run.stdout, f"{name} is in the output"
    return run


@functools.cache
def secrets_of(module: str) -> list[str]:
    """The settings of a tap that nobody may see."""
    declared = taps()[module.replace("_", "-")].config_jsonschema["properties"]
    return [name for name, schema in declared.items() if schema.get("secret")]


def _read_to_the_end(pipe: t.BinaryIO, output: bytearray) -> None:
    while piece := pipe.read(1 << 16):
        output += piece


class _Process(t.Protocol):
    """The common part of forks and programs."""

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...

    def wait(self) -> int: ...


def _program(
    module: str, options: list[str], environment: Mapping[str, str], stdout: int, stderr: int
) -> contextlib.AbstractContextManager[_Process]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", module, *options],
        stdout=stdout,
        stderr=stderr,
        cwd=ROOT,
        env={**forks.clean_environment(), **environment},
    )


def _fork(
    module: str, options: list[str], environment: Mapping[str, str], stdout: int, stderr: int
) -> contextlib.AbstractContextManager[_Process]:
    job = forks.Job(module.replace("_", "-"), options, environment=dict(environment), patience=1.0)
    return forks.start(job, stdout, stderr)


def by_key(records: Sequence[Record], keys: Sequence[str]) -> dict[Json, Record]:
    """The last record of each key."""
    if len(keys) == 1:
        return {record[keys[0]]: record for record in records}
    return {tuple(record[key] for key in keys): record for record in records}


def discovered(module: str) -> Record:
    """The catalog as ``--discover`` prints it."""
    return copy.deepcopy(_discovered(module))


@functools.cache
def _discovered(module: str) -> Record:
    catalog: Record = json.loads(
        run_tap(module, {}, arguments=["--discover"], as_program=True).stdout
    )
    return catalog


def selecting(module: str, wanted: Callable[[Record], bool]) -> Record:
    """The catalog of a tap, with those of its streams selected that are wanted."""
    catalog = discovered(module)
    return select(catalog, {entry["stream"] for entry in catalog["streams"] if wanted(entry)})


def everything(module: str) -> Record:
    """The catalog of a tap, with all its streams selected."""
    return selecting(module, lambda _: True)


@functools.cache
def exports_only(module: str) -> str:
    """The catalog of a tap with nothing but its exports selected, as text."""
    return json.dumps(selecting(module, lambda entry: entry["stream"] in exports(module)))


def exports(module: str) -> set[str]:
    """The streams of a tap whose records come and change by themselves in the sandbox."""
    vendor = Sandbox().vendors[module.removeprefix("tap_")]
    return {each.stream for each in vendor.exports} - LOGS


def deselect(catalog: Record, stream: str, *breadcrumb: str) -> None:
    """Deselect a stream, or a field of it: ``deselect(catalog, "chats", "visitor", "email")``."""
    entry = next(entry for entry in catalog["streams"] if entry["tap_stream_id"] == stream)
    path = [part for name in breadcrumb for part in ("properties", name)]
    metadata = next((item for item in entry["metadata"] if item["breadcrumb"] == path), None)
    if metadata is None:
        metadata = {"breadcrumb": path, "metadata": {}}
        entry["metadata"].append(metadata)
    metadata["metadata"]["selected"] = False


@contextlib.contextmanager
def open_box(**options: t.Any) -> Iterator[Sandbox]:
    """A sandbox over :data:`SPAN` that never says 429, unless told otherwise."""
    with Sandbox(**{"seed": 1, "size": 200, "span": SPAN, "rate_limits": False, **options}) as box:
        yield box
        assert not box.failures, "the sandbox itself failed"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A fresh sandbox."""
    with open_box() as box:
        yield box


@pytest.fixture
def boxes() -> Iterator[Callable[..., Sandbox]]:
    """For tests that need a sandbox with options of their own: ``boxes(rate_limits=True)``."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(open_box(**options))


def assert_golden(file: Path, value: Json) -> None:
    """Compare with a golden file: a change of the public face of a tap is to be seen in review.

    ``UPDATE_GOLDENS=1 python -m pytest -k golden`` writes them anew; then read the diff.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDENS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8")) == value, (
        f"{file.name} differs; if that is meant: UPDATE_GOLDENS=1 python -m pytest -k golden"
    )


@pytest.fixture
def small_box() -> Iterator[Sandbox]:
    """A sandbox with little data, for tests that run a tap many times."""
    with open_box(size=30) as box:
        yield box
