"""The other end of the pipe: reads what a tap writes, and does it harm at the chosen byte.

The pipe is made as small as the system allows, so that the tap is never more than a page of memory
ahead of what has been read: a kill strikes it close to where it was aimed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import math
import os
import selectors
import signal
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from resilience import forks

if TYPE_CHECKING:
    from collections.abc import Callable

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

LONGEST_RUN = 120.0
"""Seconds after which a run hangs; many, since the machine may be busy."""
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

    @property
    def ends_reading(self) -> bool:
        """Whether the target reads nothing that comes after the harm."""
        return self.harm == "close" or (self.harm == "kill" and self.dies_too)

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
        self._prefix = b'{"type":"%b"' % stop.moment.rpartition(" ")[2].encode()
        self._line = 0
        self._count = 0

    def offset(self, output: bytearray) -> int | None:
        """Where to strike, once that much has been written."""
        stop = self._stop
        if stop.moment == "at a byte":
            return stop.number if len(output) >= stop.number else None
        while True:
            end = output.find(b"\n", self._line)
            is_of_kind = output.startswith(self._prefix, self._line)
            if is_of_kind and self._count == stop.number - 1:
                return self._within(output, end)
            if end < 0:
                return None
            self._count += is_of_kind
            self._line = end + 1

    def _within(self, output: bytearray, end: int) -> int | None:
        if self._stop.moment == "before a STATE":
            return self._line
        if self._stop.moment == "in a RECORD":
            place = self._line + self._stop.inside
            if end >= 0:
                return min(place, end)
            return place if len(output) >= place else None
        return end + 1 if end >= 0 else None


class _Harm:
    """The harm that is done to one run.

    Args:
        stop: What and when; None: nothing.
        usual: Seconds that an undisturbed run takes.
    """

    def __init__(self, stop: Stop | None, usual: float) -> None:
        self._stop = stop
        self._aim = None if stop is None else Aim(stop)
        self.since = self._started = time.monotonic()
        self.at = math.inf
        if stop is not None and stop.moment == "at a time":
            self.at = self._started + stop.number / 100 * usual
        self.offset: int | None = None
        self.is_done = False

    def is_due(self, output: bytearray, errors: bytearray) -> bool:
        """Whether to strike now: once."""
        if self._stop is None or self._aim is None or self.is_done:
            return False
        if self._stop.moment == "at a time":
            is_due = time.monotonic() >= self.at
        elif self._stop.moment == "in a wait":
            is_due = errors.count(_WAITS) >= self._stop.number
        else:
            self.offset = self._aim.offset(output)
            is_due = self.offset is not None
        if is_due:
            self.is_done, self.since, self.at = True, time.monotonic(), math.inf
        return is_due


def watch(
    job: forks.Job, stop: Stop | None = None, sink: Sink = "pipe", usual: float = 0
) -> Written:
    """Start a run, read it to its end, and harm it on the way.

    Args:
        job: What is run.
        stop: The harm; None for none.
        sink: What the tap writes to.
        usual: Seconds that an undisturbed run takes.
    """
    output, errors = bytearray(), bytearray()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_FILES[sink]()) if sink in _FILES else None
        fork, stdout, stderr = _start(job, file)
        stack.enter_context(fork)
        selector = stack.enter_context(selectors.DefaultSelector())
        for end, taken in ((stdout, output), (stderr, errors)):
            if end is not None:
                selector.register(end, selectors.EVENT_READ, taken)
        harm = _Harm(stop, usual)
        hangs_at = harm.since + LONGEST_RUN
        while selector.get_map():
            until = min(harm.at, hangs_at)
            for key, _ in selector.select(max(until - time.monotonic(), 0.001)):
                _take(key, selector, is_slow=sink == "slow pipe" and key.data is output)
            if stop is not None and harm.is_due(output, errors):
                if stop.harm == "close" and stdout is not None:
                    del output[harm.offset :]
                    selector.unregister(stdout)
                    os.close(stdout)
                else:
                    fork.send_signal(_SIGNALS[stop.harm])
            if time.monotonic() > hangs_at:
                fork.kill()
        now = time.monotonic()
        if sink == "file" and file is not None:
            file.seek(0)
            output[:] = file.read()
        seen = output[: harm.offset] if stop is not None and stop.ends_reading else output
        hung, seconds = now > hangs_at, now - harm.since
        code, cpu = fork.wait(), _cpu_seconds(fork.pid)
    return Written(
        bytes(seen), bytes(output), bytes(errors), code, harm.is_done, hung, seconds, cpu
    )


def _start(job: forks.Job, file: IO[bytes] | None) -> tuple[forks.Fork, int | None, int]:
    """Start a run; it, and the ends from which its output (if there is no file) and log come."""
    stdout_end, (stderr_end, stderr) = None, os.pipe()
    if file is None:
        stdout_end, stdout = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
    else:
        stdout = os.dup(file.fileno())
    try:
        return forks.start(job, stdout, stderr), stdout_end, stderr_end
    finally:
        os.close(stdout)
        os.close(stderr)


def _take(key: selectors.SelectorKey, selector: selectors.BaseSelector, *, is_slow: bool) -> None:
    """Take a piece of what is written, or close the end that was closed there."""
    piece = os.read(key.fd, _SLOW_READ if is_slow else 65_536)
    key.data.extend(piece)
    if not piece:
        selector.unregister(key.fd)
        os.close(key.fd)
    elif is_slow:
        time.sleep(_SLOW_PAUSE)


def _cpu_seconds(pid: int) -> float:
    """CPU that a process has used which has ended and is not yet reaped."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except OSError:
        return -1.0
    user, system = after_name.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
