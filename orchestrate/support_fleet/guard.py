"""A process that starts another and ends all of its process group when it is left alone itself.

Killing a worker of Dagster does not end what Meltano has started. The guard's standard input is a
pipe from the worker: the kernel closes it however the worker ends, by signal 9 too.

    python -I guard.py LOCK PROGRAM ARGUMENT...

It imports little, for one stands beside every run. ``LOCK`` is a file that only one guard of this
machine holds at a time, together with what it has started: a new run waits for the rest of one that
was killed.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
import time

PATIENCE = 15.0
"""Seconds that the group has to end by itself; less than Dagster waits to free the pool."""
_PR_SET_CHILD_SUBREAPER = 36


def main(lock_file: str, *command: str) -> int:
    """Run a command.

    Args:
        lock_file: A file for the lock; made if it is not there.
        command: Program and arguments.

    Returns:
        Its exit code.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if select.select([sys.stdin, woken], [], [], 0.2)[0]:
                return 1
    with contextlib.suppress(AttributeError):  # of Linux; elsewhere the first process does it
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(  # noqa: S603 - the caller's own command
        command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=[lock]
    )
    ended = threading.Event()

    def end_with_parent() -> None:
        select.select([sys.stdin, woken], [], [])
        _signal(process.pid, signal.SIGTERM)
        if not ended.wait(PATIENCE):
            _signal(process.pid, signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()
    code = process.wait()
    # The rest of the group, which a program that was killed leaves behind.
    until = time.monotonic() + PATIENCE
    _signal(process.pid, signal.SIGTERM)
    while _lives(process.pid):
        if time.monotonic() > until:
            _signal(process.pid, signal.SIGKILL)
        time.sleep(0.02)
    ended.set()
    return code if code >= 0 else 128 - code


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _lives(group: int) -> bool:
    """Whether the group has a process; orphans that have ended are buried first."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
