"""Findings of a run of the benchmark, ready to be judged and told."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from benchmarks.measure import Cost

TAP, DOWNLOAD = "this tap", "download only"
DECODE, EACH, RAW = "floor: msgspec loop", "floor: msgspec, one by one", "floor: raw copy"
SDK, SINGER_IO, AIRBYTE, DLT = "SDK defaults", "singer-io tap-dixa", "Airbyte CDK", "dlt"


@dataclasses.dataclass(frozen=True)
class Row:
    """One contender on one load.

    Args:
        load: Vendor and stream.
        who: The contender.
        records: How many the load has.
        size: Bytes of JSON it has.
        cost: Medians.
        runs: How many runs they are of.
        sandbox_cpu: Seconds of CPU that the sandbox used meanwhile, the median.
        written: Bytes on standard output, of the last run.
    """

    load: str
    who: str
    records: int
    size: int
    cost: Cost
    runs: int
    sandbox_cpu: float
    written: int


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
class RateLimitUse:
    """How much of a rate limit a stream used."""

    stream: str
    requests: int
    seconds: float
    least: float
    """Seconds that the vendor's rate limit makes of so many requests, and no client can beat."""
    refused: int

    @property
    def share(self) -> float:
        """The part of what the vendor allows."""
        return self.least / self.seconds if self.seconds else 1.0


@dataclasses.dataclass(frozen=True)
class Pipe:
    """A tap and a target, one writing to the other."""

    target: str
    what: str
    records: int
    tap: Cost
    loader: Cost
    wall: float
    database: float | None


@dataclasses.dataclass(frozen=True)
class Orchestrated:
    """`meltano run` with a tap and a target; seconds of CPU of each program."""

    target: str
    records: int
    wall: float
    meltano: float
    tap: float
    loader: float
    database: float | None


@dataclasses.dataclass(frozen=True)
class Spent:
    """Where a profile says the time went."""

    function: str
    calls: int
    own: float
    share: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """A profiled run of a program on a load."""

    program: str
    load: str
    records: int
    total: float
    functions: list[Spent]


@dataclasses.dataclass
class Findings:
    """Everything that was measured; what was not is empty."""

    rows: list[Row] = dataclasses.field(default_factory=list)
    memory: list[Row] = dataclasses.field(default_factory=list)
    growth: list[Growth] = dataclasses.field(default_factory=list)
    bare_import: Cost | None = None
    start: dict[str, Cost] = dataclasses.field(default_factory=dict)
    rate_limit: list[RateLimitUse] = dataclasses.field(default_factory=list)
    pipes: list[Pipe] = dataclasses.field(default_factory=list)
    orchestrated: list[Orchestrated] = dataclasses.field(default_factory=list)
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
        if ours is None or theirs is None:
            return None
        return ours.cost.cpu / theirs.cost.cpu
