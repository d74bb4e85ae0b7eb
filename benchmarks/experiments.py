"""Experiments: each function one section of the report."""

from __future__ import annotations

import contextlib
import dataclasses
import pstats
import statistics
import sys
import tempfile
import typing as t
from pathlib import Path

from benchmarks import contenders
from benchmarks.contenders import TAPS, Stage
from benchmarks.data import DAY, SHAPES, Load
from benchmarks.measure import Command, Cost, MeasuredError, median, run
from benchmarks.results import (
    AIRBYTE,
    DECODE,
    DLT,
    DOWNLOAD,
    EACH,
    RAW,
    SDK,
    SINGER_IO,
    TAP,
    Growth,
    Profile,
    RateLimitUse,
    Row,
    Spent,
)
from benchmarks.sandboxes import ROOT, Served, served

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.environments import Environments
    from benchmarks.measure import Run
    from benchmarks.results import Findings

CHATS, CONVERSATIONS = "zendesk_chat.chats", "dixa.conversations"
_ONE_ANSWER = 54_000
"""Dixa conversations that are 100 MB of JSON."""
_LARGE_CHAT = 100_000
_ALLOWED = {"conversations": (10, 60.0), "messages": (3, 60.0)}
_RATE_LIMIT_FACTOR = 60
_BACKFILL_DAYS = 3 * 365
_LISTED_FUNCTIONS = 12
PROFILED = contenders.HERE / "profiled.py"


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    Args:
        runs: Runs of which the median is told.
        scale: Part of the full load.
        environments: Those of the peers.
    """

    runs: int
    scale: float
    environments: Environments

    @property
    def is_full(self) -> bool:
        """Whether the targets are measured as the issue states them."""
        return self.scale >= 1

    def count(self, full: int) -> int:
        """Records at this scale."""
        return max(int(full * self.scale), 1000)


Make = t.Callable[[Stage], Command]


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def staged(load: Load, box: Served) -> Iterator[Stage]:
    """A stage with a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Stage(load, box, Path(folder))


def compare(
    load: Load, box: Served, makes: dict[str, Make], runs: int, failures: list[str]
) -> list[Row]:
    """Run contenders in turn, several times, and check what each wrote."""
    found: dict[str, list[Run]] = {who: [] for who in makes}
    for _ in range(runs):
        for who, make in makes.items():
            try:
                with staged(load, box) as stage:
                    found[who].append(run(make(stage), load, box))
            except MeasuredError as error:
                failures.append(f"{load.name}, {who}: {error}")
                say(f"  {who}: FAILED: {error}")
                continue
            cost = found[who][-1].cost
            say(f"  {who}: {cost.cpu:.2f} s CPU, {cost.wall:.2f} s, {cost.peak / 1e6:.0f} MB")
    return [
        Row(
            load.name,
            who,
            load.count,
            box.bytes[load.name],
            median([each.cost for each in each_run]),
            len(each_run),
            statistics.median(each.sandbox_cpu for each in each_run),
            each_run[-1].bytes,
        )
        for who, each_run in found.items()
        if each_run
    ]


def _floor(mode: str) -> Make:
    return lambda stage: contenders.floor(stage, mode)


def _peer(make: Callable[[Stage, Environments], Command], environments: Environments) -> Make:
    return lambda stage: make(stage, environments)


def streams(plan: Plan, findings: Findings, names: Sequence[str]) -> None:
    """Each stream: our tap, the floors, and the peers that read it."""
    peers: dict[str, Callable[[Stage, Environments], Command]] = {
        SDK: contenders.sdk_default,
        AIRBYTE: contenders.airbyte,
        DLT: contenders.dlt,
    }
    for name in names:
        load = Load(name, plan.count(SHAPES[name].count), grow_to=SHAPES[name].grow_to)
        makes: dict[str, Make] = {TAP: contenders.tap}
        makes |= {DECODE: _floor("decode"), EACH: _floor("each")}
        makes |= {RAW: _floor("raw"), DOWNLOAD: _floor("download")}
        if name in {CHATS, CONVERSATIONS}:
            makes |= {who: _peer(make, plan.environments) for who, make in peers.items()}
        if name == CONVERSATIONS:
            makes[SINGER_IO] = _peer(contenders.singer_io, plan.environments)
        say(f"{name}: {load.count} records")
        with served([load]) as box:
            findings.rows += compare(load, box, makes, plan.runs, findings.failures)


def memory(plan: Plan, findings: Findings) -> None:
    """One Dixa response of 100 MB and one of 1 GB; pages of Zendesk chats of 100 kB each."""
    answers = []
    for times in (1, 10):
        load = Load(CONVERSATIONS, plan.count(_ONE_ANSWER) * times, days=30)
        say(f"one Dixa response: {load.count} records")
        makes: dict[str, Make] = {TAP: contenders.tap}
        if times == 1:
            makes[DECODE] = _floor("decode")
        with served([load]) as box:
            fixed = _fixed_cost(load, box, plan.runs)
            answers += compare(load, box, makes, plan.runs, findings.failures)
    findings.memory += answers
    ours = [row for row in answers if row.who == TAP]
    if len(ours) == 2:  # noqa: PLR2004 - small and large
        findings.growth.append(Growth("dixa.conversations, one response", fixed, *ours))
    load = Load(CHATS, 2000 if plan.is_full else 1000, grow_to=_LARGE_CHAT)
    say(f"pages of 1,000 chats of 100 kB: {load.count} records")
    with served([load]) as box:
        findings.memory += compare(
            load, box, {TAP: contenders.tap, DECODE: _floor("decode")}, 1, findings.failures
        )


def growth(plan: Plan, findings: Findings) -> None:
    """Chats at one size and at ten times that."""
    rows = []
    full = SHAPES[CHATS].count
    for times in (1, 10):
        load = Load(CHATS, plan.count(full if plan.is_full else full // 2) * times)
        say(f"growth: {load.count} chats")
        with served([load]) as box:
            fixed = _fixed_cost(load, box, plan.runs)
            makes: dict[str, Make] = {TAP: contenders.tap}
            rows += compare(load, box, makes, plan.runs, findings.failures)
    if len(rows) == 2:  # noqa: PLR2004 - small and large
        findings.growth.append(Growth(CHATS, fixed, *rows))


def _fixed_cost(load: Load, box: Served, runs: int) -> Cost:
    """Cost of a run that finds the last record alone: starting, and what is set up once."""
    last = dataclasses.replace(load, start=load.at(load.count - 1) - 1000, days=1)
    costs = []
    for _ in range(max(runs, 3)):
        with staged(last, box) as stage:
            costs.append(run(contenders.tap(stage)).cost)
    return median(costs)


def start(plan: Plan, findings: Findings) -> None:
    """`--version` and `--discover`, beside the bare import of the SDK."""
    say("start-up")
    commands = {"": Command([sys.executable, "-c", "import singer_sdk"], output=None)}
    for module in TAPS.values():
        for option in ("--version", "--discover"):
            commands[f"{module.replace('_', '-')} {option}"] = Command(
                [sys.executable, "-m", module, option], output=None, cwd=ROOT
            )
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(plan.runs * 2 + 1):
        for name, command in commands.items():
            costs[name].append(run(command).cost)
    findings.start = {name: median(each) for name, each in costs.items()}
    findings.bare_import = findings.start.pop("")


def rate_limit(_plan: Plan, findings: Findings) -> None:
    """A three-year Dixa backfill within rate limits that are sixty times the published ones."""
    say("rate limit: three years of Dixa")
    yesterday = Load(CONVERSATIONS, 1, days=1).end
    span = yesterday - _BACKFILL_DAYS * DAY, yesterday
    with (
        served(size=2000, span=span, rate_limit_factor=_RATE_LIMIT_FACTOR) as box,
        tempfile.TemporaryDirectory() as folder,
    ):
        box.ask("status")  # makes the sandbox make its data now, and not at the first request
        stage = Stage(Load(CONVERSATIONS, 1, start=span[0]), box, Path(folder))
        config = contenders.tap_config("dixa", box, span[0])
        config["rate_limit_share"] = _RATE_LIMIT_FACTOR
        argv = [sys.executable, "-m", TAPS["dixa"], "--config", stage.file("config.json", config)]
        run(Command(argv, cwd=ROOT))
        requests = box.ask("requests")
    for stream, (allowed, seconds) in _ALLOWED.items():
        asked = [each for each in requests if each["stream"] == stream]
        moments = [each["monotonic"] for each in asked if each["status"] == 200]  # noqa: PLR2004
        least = (len(moments) - 1) // allowed * seconds / _RATE_LIMIT_FACTOR
        refused = len(asked) - len(moments)
        findings.rate_limit.append(
            RateLimitUse(stream, len(moments), moments[-1] - moments[0], least, refused)
        )


def profiles(plan: Plan, findings: Findings) -> None:
    """Where the tap's time goes, function by function."""
    for name in (CHATS, CONVERSATIONS):
        say(f"profile: {name}")
        load = Load(name, plan.count(SHAPES[name].count))
        with served([load]) as box, staged(load, box) as stage:
            output = stage.folder / "profile"
            run(contenders.tap(stage, python=(str(PROFILED), str(output))), load, box)
            findings.profiles.append(profile_of(TAPS[load.vendor], load, output))


def profile_of(program: str, load: Load, file: Path) -> Profile:
    """The functions of a profile that took most."""
    stats: t.Any = pstats.Stats(str(file))
    total = stats.total_tt
    functions = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:_LISTED_FUNCTIONS]
    return Profile(
        program,
        load.name,
        load.count,
        total,
        [
            Spent(_function(*where), calls, own, own / total)
            for where, (_, calls, own, _, _) in functions
        ],
    )


def _function(file: str, line: int, name: str) -> str:
    """A function's name, without the path of this machine."""
    if file in {"~", ""}:
        return name.strip("<>")
    return f"{'/'.join(Path(file).parts[-2:])}:{line} {name}"
