"""The sandbox's process, as the benchmark sees it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import typing as t
import urllib.request
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.data import Load

ROOT = Path(__file__).absolute().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Vendor:
    """Where one vendor is, and the settings with which its tap reads it."""

    url: str
    token: str
    config: dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Served:
    """A sandbox that is running."""

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
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / _TICKS

    def ask(self, path: str) -> t.Any:
        """Ask its control interface."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/{path}") as response:  # noqa: S310
            return json.load(response)


@contextlib.contextmanager
def served(
    loads: Sequence[Load] = (),
    *,
    size: int = 0,
    span: tuple[int, int] | None = None,
    rate_limit_factor: float | None = None,
) -> Iterator[Served]:
    """Run a sandbox that holds these loads, and nothing else unless `size` says so."""
    wanted = {
        "loads": [dataclasses.asdict(load) for load in loads],
        "size": size,
        "span": span,
        "rate_limit_factor": rate_limit_factor,
    }
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.serve", json.dumps(wanted)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    assert process.stdout is not None  # noqa: S101
    try:
        line = process.stdout.readline()
        if not line:
            msg = "the sandbox did not start"
            raise RuntimeError(msg)
        told = json.loads(line)
        vendors = {name: Vendor(**fields) for name, fields in told["vendors"].items()}
        yield Served(process.pid, told["url"], vendors, told["bytes"])
    finally:
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        process.kill()
        process.wait()
    if process.returncode:
        msg = f"the sandbox ended with {process.returncode}"
        raise RuntimeError(msg)
