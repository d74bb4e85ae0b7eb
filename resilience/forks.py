"""A process that has the SDK imported and forks for each run.

Starting a tap from the command line costs 0.4 s of CPU, nearly all of it imports. Here one process
imports once and then forks: a run has its own process id, real pipes, signals and exit code, and
starts in milliseconds. The fork server has no threads (the sandbox has many, and lives elsewhere).
Any number of runs can go on at once: each has a minder, a fork that does nothing but wait for it.

A run that has ended stays a zombie until it is closed, so that its process id cannot be another's
when it is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import gc
import importlib
import io
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.taps import taps, with_one

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_MESSAGE = 65_536
_ROOT = Path(__file__).parent.parent
_IS_ASKING = threading.Lock()


def clean_environment() -> dict[str, str]:
    """This process's, without what could configure a tap."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TAP_") and not name.endswith("LOGLEVEL")
    }
    # The SDK says so in every run on Python 3.10, in two lines of the log.
    return clean | {"PYTHONWARNINGS": "ignore:Python 3.10 reached its end of life"}


@dataclasses.dataclass(frozen=True)
class Job:
    """The work of a fork.

    Args:
        tap: Name of the tap.
        arguments: Its command line.
        stream: The only one that the tap has, with its parent, which is made in a third of the
            time; empty: it has all.
        environment: What is added to the environment.
        patience: What the growing waits before a retry are multiplied by.
        mutant: A break of the mechanism by its name in `resilience.mutants`.
        largest_file: RLIMIT_FSIZE: a disk that is full after so many bytes.
        largest_memory: RLIMIT_AS in bytes.
        unbuffered: Whether stdout is as PYTHONUNBUFFERED makes it, which many containers set.
    """

    tap: str
    arguments: list[str]
    stream: str = ""
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    patience: float = 0.01
    mutant: str = ""
    largest_file: int = 0
    largest_memory: int = 0
    unbuffered: bool = False


class Fork(contextlib.AbstractContextManager["Fork"]):
    """A run that has been started. Use it as a context manager: then its process id is its own.

    Args:
        minder: The other end is held by the process that waits for the run.
    """

    def __init__(self, minder: socket.socket) -> None:
        """Learn its process id."""
        with minder:
            self._told = minder.makefile("rb")
        self.pid = self.wait()

    def __exit__(self, *_: object) -> None:
        """Let go of its process id."""
        self._told.close()

    def send_signal(self, number: int) -> None:
        """Send it a signal; one that has ended does not mind."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by signal 9."""
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """The exit code; negative for the signal that killed it."""
        line = self._told.readline()
        if not line:
            msg = "the fork server has ended"
            raise RuntimeError(msg)
        return int(line)


def start(job: Job, stdout: int, stderr: int) -> Fork:
    """Start a run with these two files, which can be closed afterwards."""
    message = json.dumps(dataclasses.asdict(job)).encode()
    if len(message) >= _LONGEST_MESSAGE:
        msg = "a job too long for one message"
        raise ValueError(msg)
    ours, theirs = socket.socketpair()
    with theirs, _IS_ASKING:
        socket.send_fds(_server(), [message], [stdout, stderr, theirs.fileno()])
        theirs.close()  # so that the end of the server is noticed
        return Fork(ours)


@functools.cache
def _server() -> socket.socket:
    """This process's fork server, started when it is first needed; it ends with this socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "resilience.forks", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the harness alone
            cwd=_ROOT,
            env={**clean_environment(), "PYTHONUNBUFFERED": ""},
        )

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait(60)

    return ours


def serve(connection: socket.socket) -> None:
    """Fork for each message until the other end is closed."""
    # All that a run imports sooner or later.
    taps()
    for name in ("resilience.mutants", "pendulum", "encodings.idna", "email.utils"):
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # minders need no waiting for
    gc.freeze()  # a collection in a fork would copy all these pages
    while True:
        message, files, _, _ = socket.recv_fds(connection, _LONGEST_MESSAGE, 3)
        if not message:
            return
        if os.fork() == 0:
            connection.close()
            _mind(Job(**json.loads(message)), *files)
        for file in files:
            os.close(file)


def _mind(job: Job, stdout: int, stderr: int, told: int) -> None:
    """Fork the run, tell of its start and its end, and let go of it: never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _run(job, stdout, stderr)
    os.close(stdout)
    os.close(stderr)
    with socket.socket(fileno=told) as client, contextlib.suppress(OSError):
        client.sendall(b"%d\n" % pid)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None  # noqa: S101 - it is only with WNOHANG
        exited = ended.si_code == os.CLD_EXITED
        client.sendall(b"%d\n" % (ended.si_status if exited else -ended.si_status))
        client.recv(1)
    os._exit(0)


def _run(job: Job, stdout: int, stderr: int) -> None:
    """Be the tap's process: never returns."""
    code = 1
    try:
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.close(stdout)
        os.close(stderr)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if job.largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job.largest_file, job.largest_file))
        if job.largest_memory:
            resource.setrlimit(resource.RLIMIT_AS, (job.largest_memory, job.largest_memory))
        os.environ.update(job.environment)
        if job.unbuffered:
            sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
        _shorten_waits(job.patience)
        if job.mutant:
            from resilience.mutants import MUTANTS  # noqa: PLC0415

            MUTANTS[job.mutant].apply()
        tap = taps()[job.tap]
        sys.argv = [job.tap, *job.arguments]
        (with_one(tap, job.stream) if job.stream else tap).cli()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        code = 130
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    os._exit(_flushed(code))


def _flushed(code: int) -> int:
    """Flush as the interpreter does when it ends, or complain with exit code 120."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"Exception ignored in: {sys.stdout!r}\n{error!r}\n")
        code = 120
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    return code


def _shorten_waits(patience: float) -> None:
    """Multiply the growing waits before a retry: the only thing in the taps that is replaced.

    They start at a second or two, and thousands of cases are played. Their number, what
    is retried and what the vendor asks for in ``Retry-After`` stay as they are.
    """
    from support_taps.http import retries  # noqa: PLC0415

    original = retries._growing_waits  # noqa: SLF001

    def shortened() -> Iterator[float]:
        return (wait * patience for wait in original())

    retries._growing_waits = shortened  # noqa: SLF001


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        serve(asking)
