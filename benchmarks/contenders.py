"""Who is measured: our taps, the floors, and the peers, each as a command for a load."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import subprocess
import sys
import typing as t
from pathlib import Path

from benchmarks.data import DAY
from benchmarks.measure import Command, MeasuredError
from benchmarks.sandboxes import ROOT
from scripts.taps import select, vendors

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.data import Load
    from benchmarks.environments import Environments
    from benchmarks.sandboxes import Served

HERE = Path(__file__).resolve().parent
TAPS = {vendor: f"tap_{vendor}" for vendor in vendors()}
"""The taps' modules by the sandbox's names of the vendors."""
_UNTHROTTLED = 1_000_000
_WINDOW = {"dixa": 31 * DAY - 1, "deepconverse": 7 * DAY, "devrev": 7 * DAY}


@dataclasses.dataclass(frozen=True)
class Stage:
    """The place that a contender is pointed at.

    Args:
        load: What it shall read.
        box: The sandbox that holds it.
        folder: A folder for its files, empty.
    """

    load: Load
    box: Served
    folder: Path

    @property
    def url(self) -> str:
        """The vendor's base URL."""
        return self.box.vendors[self.load.vendor].url

    @property
    def token(self) -> str:
        """The vendor's token."""
        return self.box.vendors[self.load.vendor].token

    @property
    def windows(self) -> list[tuple[int, int]]:
        """The windows that a client asks for, in milliseconds; one where there are none."""
        length = _WINDOW.get(self.load.vendor)
        if length is None:
            return [(self.load.start, self.load.end)]
        starts = range(self.load.start, self.load.end, length)
        return [(start, min(start + length, self.load.end)) for start in starts]

    def file(self, name: str, content: object) -> str:
        """Write a JSON file."""
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def job(self) -> dict[str, t.Any]:
        """Arguments of the scripts of the floors and peers."""
        return {
            "vendor": self.load.vendor,
            "stream": self.load.stream,
            "url": self.url,
            "token": self.token,
            "key": self.load.shape.key,
            "bot": self.box.bot,
            "windows": self.windows,
        }


def tap_config(vendor: str, box: Served, start: int) -> dict[str, t.Any]:
    """Settings of our tap: the sandbox, from a moment on, unthrottled."""
    return {
        **box.vendors[vendor].config,
        **({"bot_names": [box.bot]} if vendor == "deepconverse" else {}),
        "start_date": _iso(start),
        "rate_limit_share": _UNTHROTTLED,
    }


def tap(
    stage: Stage,
    *,
    python: tuple[str, ...] = ("-m",),
    **settings: t.Any,
) -> Command:
    """Our tap, one stream of it selected.

    Args:
        stage: What to read.
        python: What stands between Python and the module's name, such as a profiler.
        settings: Settings beyond the usual.
    """
    vendor = stage.load.vendor
    config = tap_config(vendor, stage.box, stage.load.start) | settings
    return Command(
        [
            *(sys.executable, *python, TAPS[vendor]),
            *("--config", stage.file("config.json", config)),
            *("--catalog", stage.file("catalog.json", catalog(vendor, stage.load.stream))),
        ],
        cwd=ROOT,
    )


def catalog(vendor: str, stream: str) -> t.Any:
    """The tap's own catalog with one stream selected."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", TAPS[vendor], "--discover"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    if done.returncode:
        msg = f"{TAPS[vendor]} --discover failed:\n{done.stderr.decode()[-2000:]}"
        raise MeasuredError(msg)
    return select(json.loads(done.stdout), {stream})


def floor(stage: Stage, mode: str) -> Command:
    """A floor: `decode`, `raw` or `download`."""
    job = stage.job() | {"mode": mode}
    return Command(
        [sys.executable, str(HERE / "floors.py"), json.dumps(job)],
        output=None if mode == "download" else "singer",
    )


def sdk_default(stage: Stage, environments: Environments) -> Command:
    """A tap of the SDK with nothing tuned."""
    schema = ROOT / TAPS[stage.load.vendor] / "schemas" / f"{stage.load.stream}.json"
    config = {
        "stream": stage.load.stream,
        "url": stage.url,
        "token": stage.token,
        "schema_file": str(schema),
        "windows": stage.windows,
    }
    return Command(
        [
            *(environments.bin("singer-sdk"), "-I", str(HERE / "peers" / "sdk_default.py")),
            *("--config", stage.file("config.json", config)),
        ],
    )


def singer_io(stage: Stage, environments: Environments) -> Command:
    """singer-io's tap-dixa."""
    python = environments.bin("singer-io")
    code = "import tap_dixa; tap_dixa.discover({}).dump()"
    done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True)  # noqa: S603
    found = select(json.loads(done.stdout), {stage.load.stream})
    config = {"api_token": stage.token, "start_date": _iso(stage.load.start)}
    return Command(
        [
            *(python, "-I", str(HERE / "peers" / "singer_io_dixa.py"), stage.url),
            *("--config", stage.file("config.json", config)),
            *("--catalog", stage.file("catalog.json", found)),
        ],
        env={"TZ": "UTC"},  # it takes the machine's local time for UTC
    )


def dlt(stage: Stage, environments: Environments) -> Command:
    """Dlt's REST client."""
    folder = stage.folder / "pipelines"
    job = stage.job() | {"folder": str(folder)}
    return Command(
        [environments.bin("dlt"), "-I", str(HERE / "peers" / "dlt_rest.py"), json.dumps(job)],
        output="files",
        # The records themselves; lists within them become tables of their own beside it.
        folder=folder / "bench" / "load" / "normalized",
        env={
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
            "DATA_WRITER__DISABLE_COMPRESSION": "true",
            "RUNTIME__LOG_LEVEL": "ERROR",
            "DLT_DATA_DIR": str(stage.folder),
        },
        cwd=stage.folder,
    )


def airbyte(stage: Stage, environments: Environments) -> Command:
    """Airbyte's CDK, running a declarative manifest."""
    schema_file = ROOT / TAPS[stage.load.vendor] / "schemas" / f"{stage.load.stream}.json"
    schema = json.loads(schema_file.read_text(encoding="utf-8"))
    manifest = _MANIFESTS[stage.load.name](stage, schema)
    configured = {
        "streams": [
            {
                "stream": {
                    "name": stage.load.stream,
                    "json_schema": schema,
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental",
                "destination_sync_mode": "append",
            }
        ]
    }
    return Command(
        [
            *(environments.bin("airbyte", "source-declarative-manifest"), "read"),
            *("--config", stage.file("config.json", {"token": stage.token})),
            *("--catalog", stage.file("catalog.json", configured)),
            *("--manifest-path", stage.file("manifest.yaml", manifest)),
        ],
        output="airbyte",
        cwd=stage.folder,
    )


def _manifest(  # noqa: PLR0913 - what differs between two streams
    stage: Stage,
    schema: t.Any,
    *,
    path: str,
    field_path: list[str],
    params: Mapping[str, str],
    paginator: Mapping[str, t.Any],
    cursor: Mapping[str, t.Any],
) -> dict[str, t.Any]:
    """A manifest of one stream, as Airbyte's builder would write it; JSON is YAML."""
    stream = {
        "type": "DeclarativeStream",
        "name": stage.load.stream,
        "primary_key": ["id"],
        "schema_loader": {"type": "InlineSchemaLoader", "schema": schema},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": stage.url,
                "path": path,
                "http_method": "GET",
                "request_parameters": params,
                "authenticator": {
                    "type": "BearerAuthenticator",
                    "api_token": "{{ config['token'] }}",
                },
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": field_path},
            },
            "paginator": paginator,
        },
        "incremental_sync": {"type": "DatetimeBasedCursor", **cursor},
    }
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": [stage.load.stream]},
        "streams": [stream],
        "spec": {
            "type": "Spec",
            "connection_specification": {
                "type": "object",
                "properties": {"token": {"type": "string"}},
            },
        },
    }


def _chats_manifest(stage: Stage, schema: t.Any) -> dict[str, t.Any]:
    return _manifest(
        stage,
        schema,
        # Not an option of the cursor, which would put it into every `next_page` again.
        path="/incremental/chats?start_time={{ stream_interval['start_time'] }}",
        field_path=["chats"],
        params={"limit": "1000", "fields": "chats(*)"},
        paginator={
            "type": "DefaultPaginator",
            "page_token_option": {"type": "RequestPath"},
            "pagination_strategy": {
                "type": "CursorPagination",
                "cursor_value": "{{ response['next_page'] }}",
                "stop_condition": "{{ response['count'] == 0 }}",
            },
        },
        cursor={
            "cursor_field": "update_timestamp",
            "datetime_format": "%s",
            "cursor_datetime_formats": ["%Y-%m-%dT%H:%M:%SZ"],
            "start_datetime": {
                "type": "MinMaxDatetime",
                "datetime": str(stage.load.start // 1000),
                "datetime_format": "%s",
            },
        },
    )


def _conversations_manifest(stage: Stage, schema: t.Any) -> dict[str, t.Any]:
    def bound(name: str) -> dict[str, str]:
        return {
            "type": "RequestOption",
            "inject_into": "request_parameter",
            "field_name": name,
        }

    return _manifest(
        stage,
        schema,
        path="/v1/conversation_export",
        field_path=[],
        params={},
        paginator={"type": "NoPagination"},
        cursor={
            "cursor_field": "updated_at",
            "datetime_format": "%ms",
            "cursor_datetime_formats": ["%ms"],
            "start_datetime": {
                "type": "MinMaxDatetime",
                "datetime": str(stage.load.start),
                "datetime_format": "%ms",
            },
            "end_datetime": {
                "type": "MinMaxDatetime",
                "datetime": str(stage.load.end),
                "datetime_format": "%ms",
            },
            "step": "P31D",
            "cursor_granularity": "PT0.001S",
            "start_time_option": bound("updated_after"),
            "end_time_option": bound("updated_before"),
        },
    )


_MANIFESTS: dict[str, Callable[[Stage, t.Any], dict[str, t.Any]]] = {
    "zendesk_chat.chats": _chats_manifest,
    "dixa.conversations": _conversations_manifest,
}


def _iso(at: int) -> str:
    return dt.datetime.fromtimestamp(at / 1000, tz=dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
