"""Findings of a run of the benchmark, ready to be judged and told."""

from __future__ import annotations

import dataclasses
import typing as t

from benchmarks.contenders import DECODE, EACH, TAP

if t.TYPE_CHECKING:
    from benchmarks.measure import Cost


@dataclasses.dataclass(frozen=True)
class Row:
    """One contender on one load.

    Args:
        load: Vendor and stream.
        who: The contender.
        records: How many the load has.
        size: Bytes of JSON it has.
        cost: Medians.
        sandbox_cpu: Seconds of CPU that the sandbox used meanwhile, the median.
    """

    load: str
    who: str
    records: int
    size: int
    cost: Cost
    sandbox_cpu: float


@dataclasses.dataclass(frozen=True)
class Growth:
    """The same stream at one size and at ten times that.

    Args:
        load: Vendor and stream.
        fixed: What a run costs that finds one record.
        small: The one size.
        large: Ten times that.
    """

    load: str
    fixed: Cost
    small: Row
    large: Row

    def rate(self, row: Row) -> float:
        """Records for each second of CPU, what every run costs left aside."""
        return row.records / max(row.cost.cpu - self.fixed.cpu, 0.001)

    @property
    def ratio(self) -> float:
        """The rate at ten times the data, as a multiple of that at once the data."""
        return self.rate(self.large) / self.rate(self.small)


@dataclasses.dataclass(frozen=True)
class Start:
    """What a tap costs before it reads.

    Args:
        command: Its program and option; of the bare import the code.
        cost: Medians.
        streams: How many it discovers; 0: it does not.
    """

    command: str
    cost: Cost
    streams: int = 0


@dataclasses.dataclass(frozen=True)
class RateLimitUse:
    """How much of a rate limit a stream used.

    Args:
        least: Seconds that the vendor's rate limit makes of so many requests; no client beats it.
    """

    stream: str
    requests: int
    seconds: float
    least: float
    refused: int

    @property
    def share(self) -> float:
        """The part of what the vendor allows."""
        return self.least / self.seconds if self.seconds else 1.0


@dataclasses.dataclass(frozen=True)
class Route:
    """Records that went all the way into a file or a database.

    Args:
        what: The programs and their settings.
        cpu: Seconds of each part: `tap`, `target`, `Meltano`, `database`, or `all` where reading
            and loading are one program's.
        wall: Seconds.
    """

    what: str
    records: int
    cpu: dict[str, float]
    wall: float

    @property
    def clients_cpu(self) -> float:
        """Seconds of CPU of all parts but the database."""
        return self.all_cpu - self.cpu.get("database", 0.0)

    @property
    def all_cpu(self) -> float:
        """Seconds of CPU of all parts."""
        return sum(self.cpu.values())


@dataclasses.dataclass(frozen=True)
class Profile:
    """Where the CPU of a program went on a load.

    Args:
        total: Seconds.
        functions: Those that took most: name, calls, seconds of their own.
    """

    program: str
    load: str
    records: int
    total: float
    functions: list[tuple[str, int, float]]


@dataclasses.dataclass
class Findings:
    """Everything that was measured; what was not is empty."""

    rows: list[Row] = dataclasses.field(default_factory=list)
    memory: list[Row] = dataclasses.field(default_factory=list)
    growth: list[Growth] = dataclasses.field(default_factory=list)
    start: list[Start] = dataclasses.field(default_factory=list)
    """The first is the bare import."""
    rate_limit: list[RateLimitUse] = dataclasses.field(default_factory=list)
    pipes: list[Route] = dataclasses.field(default_factory=list)
    end_to_end: list[Route] = dataclasses.field(default_factory=list)
    profiles: list[Profile] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    def row(self, load: str, who: str) -> Row | None:
        """A contender's row."""
        return next((row for row in self.rows if (row.load, row.who) == (load, who)), None)

    def decoding_floor(self, load: str) -> str:
        """The cheaper of the two loops that decode and write with msgspec."""
        rows = [row for who in (DECODE, EACH) if (row := self.row(load, who)) is not None]
        return min(rows, key=lambda row: row.cost.cpu).who if rows else DECODE

    def ratio(self, load: str, who: str) -> float | None:
        """The CPU of this tap as a multiple of a contender's."""
        ours, theirs = self.row(load, TAP), self.row(load, who)
        return ours.cost.cpu / theirs.cost.cpu if ours and theirs else None
