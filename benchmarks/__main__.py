"""`python -m benchmarks`: measure, and write the report and the plot."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import experiments, plot, report, routes
from benchmarks.data import SHAPES
from benchmarks.environments import PACKAGES, Environments
from benchmarks.experiments import Plan, say
from benchmarks.results import Findings
from benchmarks.sandboxes import ROOT

_SECTIONS = {
    "memory": experiments.memory,
    "growth": experiments.growth,
    "start": experiments.start,
    "rate-limit": experiments.rate_limit,
    "pipes": routes.pipes,
    "end-to-end": routes.end_to_end,
    "profiles": experiments.profiles,
}
_QUICK_SCALE = 0.05
_RUNS = 3


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small load, one run: minutes")
    parser.add_argument("--runs", type=int, help=f"runs of each (default: {_RUNS})")
    parser.add_argument("--scale", type=float, help="part of the full load (default: 1)")
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        choices=[*SHAPES, *_SECTIONS],
        help="a stream or a section, may be repeated: %(choices)s",
    )
    parser.add_argument(
        "--environments",
        type=Path,
        default=ROOT / ".bench",
        help="folder of the peers' environments, made when missing (default: .bench)",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks", help="of the report")
    options = parser.parse_args()

    plan = Plan(
        runs=options.runs or (1 if options.quick else _RUNS),
        scale=options.scale or (_QUICK_SCALE if options.quick else 1.0),
        environments=Environments(options.environments.absolute()),
    )
    wanted = options.only or [*SHAPES, *_SECTIONS]
    findings = Findings()
    for name in PACKAGES:
        plan.environments.bin(name)
        findings.versions[name] = plan.environments.version(name)
    began = time.monotonic()
    experiments.streams(plan, findings, [name for name in SHAPES if name in wanted])
    for name, section in _SECTIONS.items():
        if name in wanted:
            section(plan, findings)
    path = options.output / "report.md"
    path.write_text(report.markdown(findings, plan), encoding="utf-8")
    if findings.rows:
        (options.output / "report.svg").write_text(plot.svg(findings), encoding="utf-8")
    say(f"{path} ({time.monotonic() - began:.0f} s)")
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main())
