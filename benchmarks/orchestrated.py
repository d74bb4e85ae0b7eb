"""`meltano run`: what the runner itself costs, beside the tap and the target it runs.

The project is made for the run. Its plugins are scripts that start the tap and the target through
the launcher, which writes down what each cost; the rest is Meltano's.
"""

from __future__ import annotations

import json
import sys
import time
import typing as t

from benchmarks import contenders, endtoend
from benchmarks.contenders import TAPS
from benchmarks.data import Load
from benchmarks.experiments import CHATS, PROFILED, profile_of, say, staged
from benchmarks.measure import LAUNCHER, Command, MeasuredError, Process, chain
from benchmarks.results import Orchestrated
from benchmarks.sandboxes import ROOT, served

if t.TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contenders import Stage
    from benchmarks.endtoend import Database
    from benchmarks.experiments import Plan
    from benchmarks.results import Findings

_RECORDS = 20_000
_PROFILED = 2000
"""Records of a profiled run: the clock by which it is profiled makes it slow."""
_CLI = {
    "target-jsonl": "target_jsonl:main",
    "target-postgres": "target_postgres.target:TargetPostgres.cli",
}
_TAP = "tap-zendesk-chat"


def runs(plan: Plan, findings: Findings) -> None:
    """Chats through Meltano into both targets; and the profile of each target."""
    load, profiled = Load(CHATS, plan.count(_RECORDS)), Load(CHATS, _PROFILED)
    environments = plan.environments
    with endtoend.database(environments.bin("target-postgres")) as postgres:
        for target, program in _CLI.items():
            say(f"meltano run: {target}")
            try:
                with served([load]) as box, staged(load, box) as stage:
                    findings.orchestrated.append(_run(plan, stage, target, postgres))
                say(f"profile: {target}")
                with served([profiled]) as box, staged(profiled, box) as stage:
                    file = stage.folder / "profile"
                    config = endtoend.target_config(stage, target, postgres, "profiled")
                    path = stage.file("target.json", config)
                    argv = [environments.bin(target), str(PROFILED), str(file), program]
                    loader = Command([*argv, "--config", path], output=None)
                    chain(contenders.tap(stage), loader)
                    findings.profiles.append(profile_of(target, profiled, file))
            except MeasuredError as error:
                findings.failures.append(f"meltano run, {target}: {error}")
                say(f"  FAILED: {error}")


def _run(plan: Plan, stage: Stage, target: str, postgres: Database) -> Orchestrated:
    """One run, and whether all records arrived."""
    folder = stage.folder / "project"
    folder.mkdir()
    tap_config = contenders.tap_config(stage.load.vendor, stage.box, stage.load.start)
    target_config = endtoend.target_config(stage, target, postgres, "orchestrated")
    extractor = _plugin(folder, _TAP, [sys.executable, "-m", TAPS[stage.load.vendor]])
    loader = _plugin(folder, target, [plan.environments.bin(target, target)])
    project = {
        "default_environment": "bench",
        "environments": [{"name": "bench"}],
        "send_anonymous_usage_stats": False,
        "plugins": {
            "extractors": [
                {
                    **extractor,
                    "capabilities": ["catalog", "discover", "state"],
                    "config": tap_config,
                    "settings": [{"name": name} for name in tap_config],
                    "select": [f"{stage.load.stream}.*"],
                }
            ],
            "loaders": [{**loader, "config": target_config}],
        },
    }
    folder.joinpath("meltano.yml").write_text(json.dumps(project), encoding="utf-8")
    meltano = plan.environments.bin("meltano", "meltano")
    environment = {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    before = postgres.cpu()
    total = Process(
        Command([meltano, "run", "--no-install", _TAP, target], None, env=environment, cwd=folder)
    ).finish()
    time.sleep(endtoend.SETTLE)
    database = postgres.cpu() - before
    endtoend.require_all(stage, target, postgres, "orchestrated")
    tap, sink = _cpu(folder, _TAP), _cpu(folder, target)
    return Orchestrated(
        target,
        stage.load.count,
        total.wall,
        total.cpu - tap - sink,
        tap,
        sink,
        database if target == "target-postgres" else None,
    )


def _plugin(folder: Path, name: str, argv: list[str]) -> dict[str, t.Any]:
    """A plugin whose program writes what each of its runs cost beside itself."""
    script = folder / f"{name}.sh"
    launcher = f"{sys.executable} -I -S {LAUNCHER} {folder / name}.$$.cost"
    script.write_text(f'#!/bin/sh\nexec {launcher} {" ".join(argv)} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {"name": name, "namespace": name.replace("-", "_"), "executable": str(script)}


def _cpu(folder: Path, name: str) -> float:
    """Seconds that all runs of a plugin took."""
    files = folder.glob(f"{name}.*.cost")
    return sum(float(json.loads(file.read_bytes())["cpu"]) for file in files)
