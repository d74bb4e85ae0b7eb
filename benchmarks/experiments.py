"""Experiments: each function one section of the report."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import pstats
import statistics
import sys
import tempfile
import typing as t
from pathlib import Path

from benchmarks import contenders
from benchmarks.contenders import CHATS, CONTENDERS, CONVERSATIONS, DECODE, TAP, TAPS, Stage
from benchmarks.data import DAY, SHAPES, Load
from benchmarks.measure import Command, Cost, MeasuredError, median, run
from benchmarks.results import Growth, Profile, RateLimitUse, Row, Start
from benchmarks.sandboxes import ROOT, served
from scripts import taps

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.environments import Environments
    from benchmarks.results import Findings
    from benchmarks.sandboxes import Served

_ONE_RESPONSE = 54_000
"""Dixa conversations that are 100 MB of JSON."""
_LARGE_CHAT = 100_000
_ALLOWED = {"conversations": (10, 60.0), "messages": (3, 60.0)}
_RATE_LIMIT_FACTOR = 60
_BACKFILL = dt.timedelta(days=3 * 365)
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

    @contextlib.contextmanager
    def staged(self, load: Load, box: Served, asked: Sequence[t.Any] = ()) -> Iterator[Stage]:
        """A stage with a folder that goes away."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Stage(load, box, Path(folder), self.environments, list(asked))


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def told(findings: Findings, what: str) -> Iterator[None]:
    """Tell of a failure, and go on."""
    try:
        yield
    except MeasuredError as error:
        findings.failures.append(f"{what}: {error}")
        say(f"  {what}: FAILED: {error}")


def compare(
    plan: Plan, findings: Findings, load: Load, whom: Sequence[str], runs: int | None = None
) -> list[Row]:
    """Run contenders in turn, several times, and check what each wrote."""
    say(f"{load.name}: {load.count} records")
    found: dict[str, list[tuple[Cost, float]]] = {who: [] for who in whom}
    asked: list[dict[str, t.Any]] = []
    with served([load]) as box:
        for _ in range(runs or plan.runs):
            for who in whom:
                with told(findings, f"{load.name}, {who}"), plan.staged(load, box, asked) as stage:
                    found[who].append(run(CONTENDERS[who](stage), load, box))
                    cost = found[who][-1][0]
                    peak = cost.peak / 1e6
                    say(f"  {who}: {cost.cpu:.2f} s CPU, {cost.wall:.2f} s, {peak:.0f} MB")
                asked = asked or [it for it in box.ask("requests") if it["status"] == 200]  # noqa: PLR2004
    return [
        Row(
            load.name,
            who,
            load.count,
            box.bytes[load.name],
            median([cost for cost, _ in each]),
            statistics.median(cpu for _, cpu in each),
        )
        for who, each in found.items()
        if each
    ]


def streams(plan: Plan, findings: Findings, names: Sequence[str]) -> None:
    """Each stream: our tap, the floors, and the peers that read it."""
    for name in names:
        load = Load(name, plan.count(SHAPES[name].count), grow_to=SHAPES[name].grow_to)
        findings.rows += compare(plan, findings, load, contenders.contenders_of(name))


def memory(plan: Plan, findings: Findings) -> None:
    """One Dixa response of 100 MB and one of 1 GB; pages of Zendesk chats of 100 kB each."""
    response = Load(CONVERSATIONS, plan.count(_ONE_RESPONSE), days=30)
    findings.memory += _grown(plan, findings, response, "one response", DECODE)
    load = Load(CHATS, 2000 if plan.is_full else 1000, grow_to=_LARGE_CHAT)
    findings.memory += compare(plan, findings, load, [TAP, DECODE], runs=1)


def growth(plan: Plan, findings: Findings) -> None:
    """Chats at one size and at ten times that."""
    full = SHAPES[CHATS].count
    _grown(plan, findings, Load(CHATS, plan.count(full if plan.is_full else full // 2)))


def _grown(plan: Plan, findings: Findings, load: Load, what: str = "", *beside: str) -> list[Row]:
    """A load at its size, where others are run beside the tap, and at ten times that."""
    found = compare(plan, findings, load, [TAP, *beside])
    found += compare(plan, findings, dataclasses.replace(load, count=load.count * 10), [TAP])
    # What every run costs: starting, and what is set up once.
    one = dataclasses.replace(load, count=1, days=1, start=load.end - DAY)
    fixed = compare(plan, findings, one, [TAP], runs=3)
    ours = [row for row in found if row.who == TAP]
    if len(ours) == 2 and fixed:  # noqa: PLR2004 - small and large
        name = ", ".join(filter(None, (load.name, what)))
        findings.growth.append(Growth(name, fixed[0].cost, *ours))
    return found


def start(plan: Plan, findings: Findings) -> None:
    """`--version` and `--discover`, beside the bare import of the SDK."""
    say("start-up")
    commands = {("import singer_sdk", 0): [sys.executable, "-c", "import singer_sdk"]}
    for name, tap in taps.taps().items():
        argv = [sys.executable, "-m", TAPS[taps.vendor_of(name)]]
        commands[f"{name} --version", 0] = [*argv, "--version"]
        commands[f"{name} --discover", len(taps.streams(tap))] = [*argv, "--discover"]
    costs: dict[tuple[str, int], list[Cost]] = {each: [] for each in commands}
    for _ in range(plan.runs * 2 + 1):
        for each, argv in commands.items():
            costs[each].append(run(Command(argv, output=None, cwd=ROOT))[0])
    findings.start = [Start(name, median(it), count) for (name, count), it in costs.items()]


def rate_limit(plan: Plan, findings: Findings) -> None:
    """A three-year Dixa backfill within rate limits that are sixty times the published ones."""
    say("rate limit: three years of Dixa")
    end = dt.datetime.fromtimestamp(Load(CONVERSATIONS, 1, days=1).end / 1000, dt.timezone.utc)
    load = Load(CONVERSATIONS, 1, start=int((end - _BACKFILL).timestamp()) * 1000)
    options = {
        "size": 2000,
        "span": (end - _BACKFILL, end),
        "rate_limits": True,
        "rate_limit_factor": _RATE_LIMIT_FACTOR,
    }
    with (
        served([], options) as box,
        plan.staged(load, box) as stage,
    ):
        box.ask("status")  # makes the sandbox make its data now, and not at the first request
        config = contenders.tap_config("dixa", box, load.start, _RATE_LIMIT_FACTOR)
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
        with served([load]) as box, plan.staged(load, box) as stage:
            output = stage.folder / "profile"
            run(contenders.tap(stage, python=(str(PROFILED), str(output))), load, box)
            findings.profiles.append(profile_of(TAPS[load.vendor], load, output))


def profile_of(program: str, load: Load, file: Path) -> Profile:
    """The functions of a profile that took most."""
    stats: t.Any = pstats.Stats(str(file))
    functions = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:_LISTED_FUNCTIONS]
    spent = [(_function(*where), calls, own) for where, (_, calls, own, _, _) in functions]
    return Profile(program, load.name, load.count, stats.total_tt, spent)


def _function(file: str, line: int, name: str) -> str:
    """A function's name, without the path of this machine."""
    if file in {"~", ""}:
        return name.strip("<>")
    return f"{'/'.join(Path(file).parts[-2:])}:{line} {name}"
