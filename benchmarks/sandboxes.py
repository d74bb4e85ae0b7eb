"""The sandbox in a process of its own, as the benchmark sees it."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import typing as t
from pathlib import Path

import psutil
import requests

from benchmarks.data import fill
from sandbox import Sandbox

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

    from benchmarks.data import Load

ROOT = Path(__file__).absolute().parent.parent


@dataclasses.dataclass(frozen=True)
class Vendor:
    """Where one vendor is, and the settings with which its tap reads it."""

    url: str
    token: str
    config: dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Served:
    """A sandbox that is running, and how many bytes of each load it holds."""

    pid: int
    url: str
    vendors: dict[str, Vendor]
    bytes: dict[str, int]

    @property
    def bot(self) -> str:
        """The bot whose records are loaded."""
        return str(self.vendors["deepconverse"].config["bot_names"][0])

    def cpu(self) -> float:
        """Seconds of CPU it has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def ask(self, path: str) -> t.Any:
        """Ask its control interface."""
        return requests.get(f"{self.url}/_sandbox/{path}", timeout=600).json()


def _serve(pipe: Connection, loads: Sequence[Load], options: dict[str, t.Any]) -> None:
    """Serve until the other end of the pipe says so, and tell then what failed."""
    with Sandbox(**options) as box:
        sizes = {load.name: fill(box, load) for load in loads}
        vendors = {
            name: Vendor(vendor.url, vendor.token, dict(vendor.config))
            for name, vendor in box.vendors.items()
        }
        pipe.send(Served(os.getpid(), box.url, vendors, sizes))
        with contextlib.suppress(EOFError):  # whoever measured has failed
            pipe.recv()
            pipe.send([repr(failure) for failure in box.failures])


@contextlib.contextmanager
def served(loads: Sequence[Load], options: Mapping[str, t.Any] | None = None) -> Iterator[Served]:
    """Run a sandbox that holds these loads, and nothing else unless the options say so.

    Args:
        loads: What it holds.
        options: Of `Sandbox`; by default there is no rate limit.

    Raises:
        RuntimeError: The sandbox failed meanwhile.
    """
    spawning = multiprocessing.get_context("spawn")
    pipe, other = spawning.Pipe()
    options = {"size": 0, "rate_limits": False, **(options or {})}
    process = spawning.Process(target=_serve, args=(other, loads, options), daemon=True)
    process.start()
    other.close()
    try:
        yield pipe.recv()
        pipe.send(None)
        failures = pipe.recv()
    finally:
        pipe.close()
        process.join(timeout=10)
        process.kill()
    if failures:
        msg = f"the sandbox failed: {failures[0]}"
        raise RuntimeError(msg)
