"""Who is measured: our taps, the floors, and the peers, each as a command for a load."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from benchmarks.data import DAY
from benchmarks.measure import Command, MeasuredError
from benchmarks.sandboxes import ROOT
from scripts.taps import select, vendors

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.data import Load
    from benchmarks.environments import Environments
    from benchmarks.sandboxes import Served

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
TAPS = {vendor: f"tap_{vendor}" for vendor in vendors()}
"""The taps' modules by the sandbox's names of the vendors."""
CHATS, CONVERSATIONS = "zendesk_chat.chats", "dixa.conversations"
"""The streams that the peers read too."""
TAP, DOWNLOAD = "this tap", "download only"
DECODE, EACH, RAW = "floor: msgspec loop", "floor: msgspec, one by one", "floor: raw copy"
SDK, SINGER_IO, AIRBYTE, DLT = "SDK defaults", "singer-io tap-dixa", "Airbyte CDK", "dlt"
UNTHROTTLED = 1_000_000
_LONGEST_WINDOW = 31 * DAY - 1
"""Of Dixa."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """The place that a contender is pointed at.

    Args:
        load: What it shall read.
        box: The sandbox that holds it.
        folder: A folder for its files, empty.
        environments: Those of the peers.
        asked: The requests with which our tap read the load, for the floors.
    """

    load: Load
    box: Served
    folder: Path
    environments: Environments
    asked: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    @property
    def url(self) -> str:
        """The vendor's base URL."""
        return self.box.vendors[self.load.vendor].url

    @property
    def token(self) -> str:
        """The vendor's token."""
        return self.box.vendors[self.load.vendor].token

    @property
    def schema_file(self) -> Path:
        """Our schema of the stream."""
        return ROOT / TAPS[self.load.vendor] / "schemas" / f"{self.load.stream}.json"

    def file(self, name: str, content: object) -> str:
        """Write a JSON file."""
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def job(self) -> dict[str, t.Any]:
        """What a script is told of the load; the windows are Dixa's, in milliseconds."""
        starts = range(self.load.start, self.load.end, _LONGEST_WINDOW)
        return {
            "stream": self.load.stream,
            "url": self.url,
            "token": self.token,
            "windows": [(it, min(it + _LONGEST_WINDOW, self.load.end)) for it in starts],
        }


def tap_config(
    vendor: str, box: Served, start: int, share: float = UNTHROTTLED
) -> dict[str, t.Any]:
    """Settings of our tap: the sandbox, from a moment on, unthrottled."""
    return {
        **box.vendors[vendor].config,
        **({"bot_names": [box.bot]} if vendor == "deepconverse" else {}),
        "start_date": _iso(start),
        "rate_limit_share": share,
    }


def tap(stage: Stage, *, python: tuple[str, ...] = ("-m",), **settings: t.Any) -> Command:
    """Our tap, one stream of it selected.

    Args:
        stage: What to read.
        python: What stands between Python and the module's name, such as a profiler.
        settings: Settings beyond the usual.
    """
    vendor = stage.load.vendor
    config = tap_config(vendor, stage.box, stage.load.start) | settings
    discover = [sys.executable, "-m", TAPS[vendor], "--discover"]
    return Command(
        [
            *(sys.executable, *python, TAPS[vendor]),
            *("--config", stage.file("config.json", config)),
            *("--catalog", _catalog(stage, discover)),
        ],
        cwd=ROOT,
    )


def _catalog(stage: Stage, discover: list[str]) -> str:
    """A tap's own catalog with one stream selected."""
    done = subprocess.run(discover, cwd=ROOT, check=False, capture_output=True)  # noqa: S603
    if done.returncode:
        msg = f"{' '.join(discover)} failed:\n{done.stderr.decode()[-2000:]}"
        raise MeasuredError(msg)
    return stage.file("catalog.json", select(json.loads(done.stdout), {stage.load.stream}))


def _floor(mode: str) -> Callable[[Stage], Command]:
    def floor(stage: Stage) -> Command:
        array = {"dixa": None, "deepconverse": "data", "devrev": "conversations"}
        job = {
            "mode": mode,
            "stream": stage.load.stream,
            "url": stage.url,
            "token": stage.token,
            "key": stage.load.shape.key,
            "array": array.get(stage.load.vendor, stage.load.stream),
            "requests": stage.asked,
        }
        return Command(
            [sys.executable, str(HERE / "floors.py"), stage.file("job.json", job)],
            output=None if mode == "download" else "singer",
        )

    return floor


def _sdk_default(stage: Stage) -> Command:
    """A tap of the SDK with nothing tuned."""
    config = stage.job() | {"schema_file": str(stage.schema_file)}
    return Command(
        [
            *(stage.environments.bin("singer-sdk"), "-I", str(PEERS / "sdk_default.py")),
            *("--config", stage.file("config.json", config)),
        ],
    )


def _singer_io(stage: Stage) -> Command:
    """singer-io's tap-dixa."""
    python = stage.environments.bin("singer-io")
    discover = [python, "-I", "-c", "import tap_dixa; tap_dixa.discover({}).dump()"]
    config = {"api_token": stage.token, "start_date": _iso(stage.load.start)}
    return Command(
        [
            *(python, "-I", str(PEERS / "singer_io_dixa.py"), stage.url),
            *("--config", stage.file("config.json", config)),
            *("--catalog", _catalog(stage, discover)),
        ],
        env={"TZ": "UTC"},  # it takes the machine's local time for UTC
    )


def dlt(stage: Stage, database: str | None = None) -> Command:
    """Dlt's REST client, into files or into a database, by key."""
    folder = stage.folder / "pipelines"
    job = stage.job() | {"folder": str(folder), "database": database}
    return Command(
        [stage.environments.bin("dlt"), "-I", str(PEERS / "dlt_rest.py"), json.dumps(job)],
        output=None if database else "files",
        # The records themselves; lists within them become tables of their own beside it.
        folder=None if database else folder / "bench" / "load" / "normalized",
        env={
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "DLT_DATA_DIR": str(stage.folder),
        }
        | ({} if database else dict.fromkeys(_PLAIN_FILES, "true")),
        cwd=stage.folder,
    )


_PLAIN_FILES = (
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION",
    "DATA_WRITER__DISABLE_COMPRESSION",
)


def _airbyte(stage: Stage) -> Command:
    """Airbyte's CDK, running a declarative manifest."""
    schema = json.loads(stage.schema_file.read_text(encoding="utf-8"))
    file = PEERS / f"airbyte_{stage.load.stream}.yaml"
    manifest = yaml.safe_load(file.read_text(encoding="utf-8"))
    for stream in manifest["streams"]:
        stream["schema_loader"] = {"type": "InlineSchemaLoader", "schema": schema}
    stream = {
        "name": stage.load.stream,
        "json_schema": schema,
        "supported_sync_modes": ["full_refresh", "incremental"],
    }
    sync = {"sync_mode": "incremental", "destination_sync_mode": "append"}
    config = {
        "url": stage.url,
        "token": stage.token,
        "start_s": str(stage.load.start // 1000),
        "start_ms": str(stage.load.start),
        "end_ms": str(stage.load.end),
    }
    return Command(
        [
            *(stage.environments.bin("airbyte", "source-declarative-manifest"), "read"),
            *("--config", stage.file("config.json", config)),
            *("--catalog", stage.file("catalog.json", {"streams": [{"stream": stream, **sync}]})),
            *("--manifest-path", stage.file("manifest.yaml", manifest)),
        ],
        output="airbyte",
        cwd=stage.folder,
    )


CONTENDERS: dict[str, Callable[[Stage], Command]] = {
    TAP: tap,
    DECODE: _floor("decode"),
    EACH: _floor("each"),
    RAW: _floor("raw"),
    DOWNLOAD: _floor("download"),
    SDK: _sdk_default,
    AIRBYTE: _airbyte,
    DLT: dlt,
    SINGER_IO: _singer_io,
}
"""The tap comes first: the floors read what it asked for."""
_BOTH = {CHATS, CONVERSATIONS}
_ONLY = {SDK: _BOTH, AIRBYTE: _BOTH, DLT: _BOTH, SINGER_IO: {CONVERSATIONS}}
"""The streams of those who do not read all."""


def contenders_of(load: str) -> list[str]:
    """Who reads a stream."""
    return [who for who in CONTENDERS if load in _ONLY.get(who, {load})]


def _iso(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, tz=dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
