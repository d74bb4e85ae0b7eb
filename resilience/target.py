"""The other end of the pipe: reads what a tap writes, and does it harm at the chosen byte.

The pipe is made as small as the system allows, so that the tap is never more than a page of memory
ahead of what has been read: a kill strikes it close to where it was aimed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import selectors
import signal
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilience.forks import ForkServer, Job

Moment = Literal[
    "after a SCHEMA",
    "in a RECORD",
    "before a STATE",
    "after a STATE",
    "at a byte",
    "at a time",
    "in a wait",
]
Harm = Literal["kill", "term", "int", "close"]
Sink = Literal["pipe", "slow pipe", "file", "/dev/full"]

_SMALLEST_PIPE = 4096
_FILES: dict[Sink, Callable[[], IO[bytes]]] = {
    "file": tempfile.TemporaryFile,
    "/dev/full": lambda: Path("/dev/full").open("w+b"),  # noqa: SIM115
}
_SLOW_READ = 700
_SLOW_PAUSE = 0.003
_WAITS = b"; trying again in "
"""Words of the log before a wait between two tries."""
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}
_PREFIXES = {
    "after a SCHEMA": b'{"type":"SCHEMA"',
    "in a RECORD": b'{"type":"RECORD"',
    "before a STATE": b'{"type":"STATE"',
    "after a STATE": b'{"type":"STATE"',
}


@dataclasses.dataclass(frozen=True)
class Stop:
    """When a run is harmed, and how.

    Args:
        moment: The kind of moment.
        number: Which of its kind (from 1); the byte; or hundredths of the time that an undisturbed
            run takes, so that the cases of a seed are the same on every machine.
        harm: SIGKILL, SIGTERM, SIGINT, or the pipe is closed.
        inside: Bytes into the RECORD line.
        dies_too: Whether a target that is killed with the tap has read no further; otherwise it
            gets what was still in the pipe.
    """

    moment: Moment
    number: int
    harm: Harm = "kill"
    inside: int = 100
    dies_too: bool = True

    def __str__(self) -> str:
        """For the name of a case."""
        unit = " %" if self.moment == "at a time" else ""
        rest = "" if self.harm != "kill" or self.dies_too else ", pipe read on"
        return f"{self.harm} {self.moment} {self.number}{unit}{rest}"


@dataclasses.dataclass(frozen=True)
class Written:
    """The outcome of a run.

    Args:
        seen: What the target has, up to the harm if it died as well.
        whole: All that left the tap.
        stderr: The log.
        code: Exit code, negative for a signal.
        struck: Whether the harm was done before the run was over.
        hung: Whether it had to be killed because it did not end.
        seconds: How long it took from the harm, or from the start where there was none.
        cpu: Seconds of CPU that the run used; -1 where the system does not say.
    """

    seen: bytes
    whole: bytes
    stderr: bytes
    code: int
    struck: bool
    hung: bool
    seconds: float
    cpu: float = -1.0


class Aim:
    """Looks for the byte at which a run is to be harmed, while it is being written."""

    def __init__(self, stop: Stop) -> None:
        """Have seen nothing."""
        self._stop = stop
        self._line = 0
        self._count = 0
        self._counted_line = -1

    def offset(self, output: bytearray) -> int | None:
        """Where to strike, once that much has been written."""
        stop = self._stop
        if stop.moment == "at a byte":
            return stop.number if len(output) >= stop.number else None
        prefix = _PREFIXES.get(stop.moment)
        if prefix is None:
            return None
        while len(output) - self._line >= len(prefix):
            if self._counted_line != self._line:
                self._counted_line = self._line
                self._count += output.startswith(prefix, self._line)
            is_it = self._count == stop.number and output.startswith(prefix, self._line)
            end = output.find(b"\n", self._line)
            if is_it and (found := self._within(output, end)) is not None:
                return found
            if end < 0:
                return None
            self._line = end + 1
        return None

    def _within(self, output: bytearray, end: int) -> int | None:
        if self._stop.moment == "before a STATE":
            return self._line
        if self._stop.moment == "in a RECORD":
            place = self._line + self._stop.inside
            if end >= 0:
                return min(place, end)
            return place if len(output) >= place else None
        return end + 1 if end >= 0 else None


def watch(  # noqa: PLR0913, PLR0917
    server: ForkServer,
    job: Job,
    stop: Stop | None,
    sink: Sink,
    limit: float,
    usual: float = 0.0,
) -> Written:
    """Start a run, read it to its end, and harm it on the way.

    Args:
        server: Who starts it.
        job: What is run.
        stop: The harm; None for none.
        sink: What the tap writes to.
        limit: Seconds after which a run hangs.
        usual: Seconds that an undisturbed run takes.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_FILES[sink]()) if sink in _FILES else None
        stderr_end, stderr = os.pipe()
        if file is None:
            stdout_end, stdout = os.pipe()
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
        else:
            stdout_end, stdout = -1, os.dup(file.fileno())
        try:
            fork = stack.enter_context(server.start(job, stdout, stderr))
        finally:
            os.close(stdout)
            os.close(stderr)
        reading = _Reading(fork.pid, stop, limit, usual, slow=sink == "slow pipe")
        written = reading.to_the_end(stdout_end, stderr_end)
        code, cpu = fork.wait(), _cpu_seconds(fork.pid)
        if sink == "file" and file is not None:
            file.seek(0)
            whole = file.read()
            written = dataclasses.replace(written, seen=whole, whole=whole)
        return dataclasses.replace(written, code=code, cpu=cpu)


def _cpu_seconds(pid: int) -> float:
    """CPU that a process has used which has ended and is not yet reaped."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except OSError:
        return -1.0
    user, system = after_name.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class _Reading:
    """Reads both pipes of one run until they are closed."""

    def __init__(
        self, pid: int, stop: Stop | None, limit: float, usual: float, *, slow: bool
    ) -> None:
        self._pid = pid
        self._stop = stop
        self._aim = Aim(stop) if stop else None
        self._slow = slow
        self._started = self._counted_from = time.monotonic()
        self._limit = limit
        self._usual = usual
        self._output = bytearray()
        self._errors = bytearray()
        self._offset: int | None = None
        self._struck = False
        self._hung = False

    def to_the_end(self, stdout: int, stderr: int) -> Written:
        with selectors.DefaultSelector() as selector:
            for file in (stdout, stderr):
                if file >= 0:
                    selector.register(file, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(self._patience()):
                    file = key.fd
                    piece = os.read(file, _SLOW_READ if self._slow else 65_536)
                    if not piece or (file == stdout and self._takes(piece)):
                        selector.unregister(file)
                        os.close(file)
                    elif file == stderr:
                        self._errors += piece
                        self._look_at_the_log()
                self._look_at_the_clock()
        whole = bytes(self._output)
        cut = (
            self._offset is not None
            and self._stop is not None
            and (self._stop.harm == "close" or (self._stop.harm == "kill" and self._stop.dies_too))
        )
        seen = whole[: self._offset] if cut else whole
        seconds = time.monotonic() - self._counted_from
        return Written(seen, whole, bytes(self._errors), 0, self._struck, self._hung, seconds)

    def _takes(self, piece: bytes) -> bool:
        """Take a piece of the output; whether to close the pipe now."""
        self._output += piece
        if self._slow:
            time.sleep(_SLOW_PAUSE)
        if self._aim is None or self._struck:
            return False
        offset = self._aim.offset(self._output)
        if offset is None:
            return False
        self._offset = offset
        return self._strike()

    def _strike(self) -> bool:
        assert self._stop is not None  # noqa: S101
        self._struck = True
        self._counted_from = time.monotonic()
        if self._stop.harm == "close":
            del self._output[self._offset :]
            return True
        os.kill(self._pid, _SIGNALS[self._stop.harm])
        return False

    def _patience(self) -> float:
        now = time.monotonic()
        until = self._started + self._limit
        if self._is_timed and not self._struck:
            until = self._strikes_at
        return max(until - now, 0.001)

    @property
    def _is_timed(self) -> bool:
        return self._stop is not None and self._stop.moment == "at a time"

    @property
    def _strikes_at(self) -> float:
        assert self._stop is not None  # noqa: S101
        return self._started + self._stop.number / 100 * self._usual

    def _look_at_the_log(self) -> None:
        stop = self._stop
        if stop is None or stop.moment != "in a wait" or self._struck:
            return
        if self._errors.count(_WAITS) >= stop.number:
            self._strike()

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self._is_timed and not self._struck and now >= self._strikes_at:
            self._strike()
        if now - self._started > self._limit and not self._hung:
            self._hung = True
            os.kill(self._pid, signal.SIGKILL)
