"""All the way: a tap and a target, by themselves and in `meltano run`, and dlt beside them."""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
import typing as t

import psutil
import psycopg
from psycopg import sql

from benchmarks import contenders
from benchmarks.contenders import CHATS, TAPS
from benchmarks.data import Load
from benchmarks.experiments import PROFILED, profile_of, say, told
from benchmarks.measure import LAUNCHER, Command, MeasuredError, Process, chain, run
from benchmarks.results import Route
from benchmarks.sandboxes import ROOT, served
from scripts.loaders import shipped
from scripts.made_up import postgres
from scripts.taps import tap_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.experiments import Plan
    from benchmarks.results import Findings

_RECORDS = 20_000
_PROFILED = 2000
"""Records of a profiled run: the clock by which it is profiled makes it slow."""
_TRIED_FROM = 0.5
"""The scale from which on what might help is tried too."""
_SETTLE = 0.5
"""Seconds after which a database process whose client is gone has ended, and is counted."""
JSONL, POSTGRES, PIPELINEWISE = "target-jsonl", "target-postgres", "pipelinewise-target-postgres"
SCHEMA = "bench"
"""Where all load into."""
_CLI = {JSONL: "target_jsonl:main", POSTGRES: "target_postgres.target:TargetPostgres.cli"}
_SHIPPED = shipped(POSTGRES).settings


class Database:
    """A PostgreSQL of its own, and a schema of it for each run.

    Args:
        folder: Where it listens.
    """

    def __init__(self, folder: Path) -> None:
        """Take down where it is."""
        self.folder = folder
        self._pid = int((folder / "postmaster.pid").read_text(encoding="ascii").split()[0])

    def cpu(self) -> float:
        """Seconds of CPU it has used, in processes that have ended and in its main one."""
        time.sleep(_SETTLE)
        times = psutil.Process(self._pid).cpu_times()
        return float(sum(times[:4]))  # its own, and of children that ended

    def count_away(self, table: str) -> int:
        """How many rows a table has; the schema goes, so that the next run finds none."""
        with psycopg.connect(host=str(self.folder), user="postgres") as connection:
            count = sql.SQL("select count(*) from {}").format(sql.Identifier(SCHEMA, table))
            try:
                (found,) = connection.execute(count).fetchall()
            except psycopg.Error as error:
                raise MeasuredError(str(error)) from error
            connection.execute(f"drop schema {SCHEMA} cascade".encode())
        return int(found[0])


@contextlib.contextmanager
def _database() -> Iterator[Database]:
    with postgres("bench-pg-") as folder:
        yield Database(folder)


class Sink(t.NamedTuple):
    """A target and its settings beyond those that say where to write."""

    target: str
    settings: dict[str, t.Any] = {}  # noqa: RUF012 - nobody changes it

    @property
    def is_database(self) -> bool:
        """Whether it writes into one."""
        return self.target != JSONL

    def config(self, stage: Stage, database: Database) -> dict[str, t.Any]:
        """All settings: into a folder of its own, or into a schema of the database."""
        folder = str(database.folder)
        place: dict[str, t.Any] = {"default_target_schema": SCHEMA}
        match self.target:
            case "target-jsonl":
                (stage.folder / "output").mkdir()
                place = {"destination_path": str(stage.folder / "output")}
            case "target-postgres":
                place["sqlalchemy_url"] = f"postgresql+psycopg://postgres@/postgres?host={folder}"
            case _:
                place |= {"host": folder, "port": 5432, "user": "postgres", "password": "-"}
                place["dbname"] = "postgres"
        return self.settings | place

    def program(self, stage: Stage) -> str:
        """The target's program, in its own environment."""
        name = "target-postgres" if self.is_database else self.target
        return stage.environments.bin(self.target, name)


Go = t.Callable[["Stage", Database], tuple[dict[str, float], float]]
"""Runs one way to its end; seconds of CPU of each part but the database, and on the clock."""


def _piped(sink: Sink, **tap_settings: t.Any) -> Go:
    """`tap | target`."""

    def go(stage: Stage, database: Database) -> tuple[dict[str, float], float]:
        settings = dict(tap_settings)
        if "batch_config" in settings:
            (stage.folder / "batches").mkdir()
            storage = {"root": f"file://{stage.folder / 'batches'}", "prefix": "bench-"}
            settings["batch_config"] = {**settings["batch_config"], "storage": storage}
        path = stage.file("target.json", sink.config(stage, database))
        tap, target, wall = chain(
            contenders.tap(stage, **settings),
            Command([sink.program(stage), "--config", path], output=None),
        )
        return {"tap": tap.cpu, "target": target.cpu}, wall

    return go


def _orchestrated(sink: Sink) -> Go:
    """`meltano run`, in a project that is made for the run.

    Its plugins are scripts that start the tap and the target through the launcher, which writes
    down what each cost; the rest is Meltano's.
    """

    def go(stage: Stage, database: Database) -> tuple[dict[str, float], float]:
        folder, tap = stage.folder / "project", tap_of(stage.load.vendor)
        folder.mkdir()
        tap_config = contenders.tap_config(stage.load.vendor, stage.box, stage.load.start)
        extractor = _plugin(folder, tap, [sys.executable, "-m", TAPS[stage.load.vendor]])
        extractor |= {
            "capabilities": ["catalog", "discover", "state"],
            "config": tap_config,
            "settings": [{"name": name} for name in tap_config],
            "select": [f"{stage.load.stream}.*"],
        }
        loader = _plugin(folder, sink.target, [sink.program(stage)])
        loader["config"] = sink.config(stage, database)
        project = {
            "default_environment": "bench",
            "environments": [{"name": "bench"}],
            "send_anonymous_usage_stats": False,
            "plugins": {"extractors": [extractor], "loaders": [loader]},
        }
        folder.joinpath("meltano.yml").write_text(json.dumps(project), encoding="utf-8")
        meltano = stage.environments.bin("meltano", "meltano")
        argv = [meltano, "run", "--no-install", tap, sink.target]
        env = {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        total = Process(Command(argv, None, env=env, cwd=folder)).finish()
        parts = {"tap": _spent(folder, tap), "target": _spent(folder, sink.target)}
        return {"Meltano": total.cpu - sum(parts.values())} | parts, total.wall

    return go


def _dlt(stage: Stage, database: Database) -> tuple[dict[str, float], float]:
    """Dlt, merging by key."""
    url = f"postgresql://postgres:-@localhost/postgres?host={database.folder}"
    cost, _ = run(contenders.dlt(stage, url))
    return {"all": cost.cpu}, cost.wall


def _plugin(folder: Path, name: str, argv: list[str]) -> dict[str, t.Any]:
    """A plugin whose program writes what each of its runs cost beside itself."""
    script = folder / f"{name}.sh"
    launcher = f"{sys.executable} -I -S {LAUNCHER} {folder / name}.$$.cost"
    script.write_text(f'#!/bin/sh\nexec {launcher} {" ".join(argv)} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {"name": name, "namespace": name.replace("-", "_"), "executable": str(script)}


def _spent(folder: Path, name: str) -> float:
    """Seconds of CPU that all runs of a plugin took."""
    files = folder.glob(f"{name}.*.cost")
    return sum(float(json.loads(file.read_bytes())["cpu"]) for file in files)


def _require_all(stage: Stage, database: Database, *, in_database: bool) -> None:
    """Check that all records arrived.

    Raises:
        MeasuredError: They did not.
    """
    if in_database:
        loaded = database.count_away(stage.load.stream)
    else:
        files = (stage.folder / "output").glob("*.jsonl")
        loaded = sum(file.read_bytes().count(b"\n") for file in files)
    if loaded != stage.load.count:
        msg = f"{loaded} of {stage.load.count} records were loaded"
        raise MeasuredError(msg)


def _measured(plan: Plan, findings: Findings, ways: dict[str, Go], runs: int) -> list[Route]:
    """Run all ways in turn, several times; the medians."""
    load = Load(CHATS, plan.count(_RECORDS))
    found: dict[str, list[Route]] = {what: [] for what in ways}
    with served([load]) as box, _database() as database:
        for _ in range(runs):
            for what, go in ways.items():
                with told(findings, what), plan.staged(load, box) as stage:
                    before = database.cpu()
                    cpu, wall = go(stage, database)
                    in_database = JSONL not in what
                    if in_database:
                        cpu["database"] = database.cpu() - before
                    _require_all(stage, database, in_database=in_database)
                    found[what].append(Route(what, load.count, cpu, wall))
                    parts = ", ".join(f"{part} {it:.2f}" for part, it in cpu.items())
                    say(f"  {what}: {parts} s CPU, {wall:.2f} s")
    return [
        Route(
            what,
            load.count,
            {part: statistics.median(it.cpu[part] for it in routes) for part in routes[0].cpu},
            statistics.median(it.wall for it in routes),
        )
        for what, routes in found.items()
        if routes
    ]


def pipes(plan: Plan, findings: Findings) -> None:
    """Chats into target-jsonl and target-postgres, as they are and with what might help."""
    say("into targets")
    usual = f"as it is ({(plan.count(_RECORDS) - 1) // 1000 + 1} STATE messages)"
    encoding = {"format": "jsonl", "compression": "gzip"}
    many, batches = {"page_size": 100}, {"encoding": encoding, "batch_size": 10_000}
    unchecked = {"validate_records": False}
    ways = {
        f"{JSONL}, {usual}": _piped(Sink(JSONL)),
        f"{POSTGRES}, {usual}": _piped(Sink(POSTGRES)),
    }
    if plan.scale >= _TRIED_FROM:
        often = "10 times as many STATE messages"
        ways |= {
            f"{JSONL}, {often}": _piped(Sink(JSONL), **many),
            f"{POSTGRES}, {often}": _piped(Sink(POSTGRES), **many),
            f"{POSTGRES}, BATCH files of 10,000 records": _piped(
                Sink(POSTGRES), batch_config=batches
            ),
            f"{POSTGRES}, its validation off": _piped(Sink(POSTGRES, unchecked)),
            f"{POSTGRES}, its validation off, COPY": _piped(
                Sink(POSTGRES, unchecked | {"use_copy": True})
            ),
        }
    findings.pipes = _measured(plan, findings, ways, runs=1)


def end_to_end(plan: Plan, findings: Findings) -> None:
    """Chats all the way with `meltano run`, and with dlt; and the profile of each target."""
    say("end to end")
    ways = {
        f"{POSTGRES}, as shipped": _orchestrated(Sink(POSTGRES, _SHIPPED)),
        f"{POSTGRES}, its defaults": _orchestrated(Sink(POSTGRES)),
        PIPELINEWISE: _orchestrated(Sink(PIPELINEWISE)),
        contenders.DLT: _dlt,
        JSONL: _orchestrated(Sink(JSONL)),
    }
    findings.end_to_end = _measured(plan, findings, ways, plan.runs)
    load = Load(CHATS, _PROFILED)
    for target, program in _CLI.items():
        say(f"profile: {target}")
        sink = Sink(target, _SHIPPED if target == POSTGRES else {})
        with (
            told(findings, f"profile of {target}"),
            served([load]) as box,
            _database() as database,
            plan.staged(load, box) as stage,
        ):
            file = stage.folder / "profile"
            config = stage.file("target.json", sink.config(stage, database))
            argv = [stage.environments.bin(target), str(PROFILED), str(file), program]
            chain(contenders.tap(stage), Command([*argv, "--config", config], output=None))
            findings.profiles.append(profile_of(target, load, file))
