"""Helpers that the tests of tap-zendesk-chat, tap-deepconverse and tap-devrev share."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import re
import typing as t

import jsonschema

from sandbox import Sandbox
from scripts.taps import vendor_of
from tests.conftest import EXPORTS, PATIENCE, UNTHROTTLED, Run, discovered, run_tap

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sandbox.vendor import Vendor
    from support_taps.tap import SupportTap
    from tests.conftest import Json, Record

DEBUG = {"LOGLEVEL": "DEBUG"}


def instant(text: str) -> dt.datetime:
    """A moment written as text, to the microsecond, whatever the length of its fraction."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", text)
    assert found, text
    fraction = (found[2] or "")[:6].ljust(6, "0")
    return dt.datetime.fromisoformat(f"{found[1]}.{fraction}+00:00")


def begun(state: Record, start: str = "2025-01-01T00:00:00.000Z") -> Record:
    """The state with the note that each of its bookmarks was begun with a ``start_date``."""
    noted: Record = copy.deepcopy(state)
    for bookmark in noted["bookmarks"].values():
        for place in bookmark.get("partitions", [bookmark]):
            place["start_date"] = start
    return noted


def up_to_each_state(run: Run) -> list[Run]:
    """Cut a run after each STATE that differs from the last one, as a target has seen it."""
    cuts: dict[str, Run] = {}
    for number, message in enumerate(run.messages):
        if message["type"] == "STATE":
            seen = b"\n".join(run.lines[: number + 1]) + b"\n"
            cuts.setdefault(json.dumps(message["value"]), Run(0, seen, ""))
    return list(cuts.values())


def assert_records_follow_their_schemas(run: Run) -> None:
    """Every RECORD comes after its SCHEMA and fits it."""
    validators: dict[str, jsonschema.Draft7Validator] = {}
    for message in run.messages:
        if message["type"] == "SCHEMA":
            jsonschema.Draft7Validator.check_schema(message["schema"])
            validators[message["stream"]] = jsonschema.Draft7Validator(
                message["schema"], format_checker=jsonschema.FormatChecker()
            )
        elif message["type"] == "RECORD":
            validators[message["stream"]].validate(message["record"])
    assert validators
    assert all(run.records(stream) for stream in validators)


def ordered(records: Iterable[Record]) -> list[Record]:
    """The records in an order that is the same whatever came first."""
    return sorted(records, key=lambda record: json.dumps(record, sort_keys=True))


def assert_catalog_is(golden: Path, module: str) -> None:
    """``--discover`` prints the golden catalog.

    After a change that is meant: ``python -m tap_x --discover > tests/tap_x/goldens/catalog.json``.
    """
    assert discovered(module) == json.loads(golden.read_text(encoding="utf-8"))


def undescribed(catalog: Record) -> list[str]:
    """The properties, at any depth, that have no description."""

    def within(schema: Record, path: str) -> Iterator[str]:
        for name, inner in schema.get("properties", {}).items():
            if not inner.get("description", "").strip():
                yield f"{path}.{name}"
            yield from within(inner, f"{path}.{name}")
        for each in schema.get("anyOf", ()):
            yield from within(each, path)
        if isinstance(schema.get("items"), dict):
            yield from within(schema["items"], f"{path}[]")

    return [
        path for entry in catalog["streams"] for path in within(entry["schema"], entry["stream"])
    ]


def assert_debug_log_is_discreet(failed: Run) -> None:
    """The most talkative log shows no query, body or header; that of a run that failed."""
    assert failed.exit_code == 1
    assert failed.log("DEBUG")
    for word in ("start_time=", '"after"', "authorization", "x-api-key", "bearer "):
        assert word not in failed.stderr.lower()


def seconds_waited(run: Run) -> dict[str, float]:
    """Seconds that each stream says it has spent waiting for the vendor's rate limit.

    Unlike the time that passed, they do not grow on a busy machine.
    """
    found = re.findall(r"\| (\w+): .*, (\d+\.\d|\d+) s spent waiting for", run.stderr)
    return {stream: float(seconds) for stream, seconds in found}


def waits_told(run: Run) -> list[float]:
    """Seconds before each of the further tries that the log tells of."""
    return [float(told) for told in re.findall(r"trying again in (\d+(?:\.\d)?) s ", run.stderr)]


def gaps(box: Sandbox) -> list[float]:
    """Seconds between the arrivals of requests."""
    moments = [request.monotonic for request in box.requests]
    return [later - earlier for earlier, later in itertools.pairwise(moments)]


def quick_config(vendor: Vendor, settings: Record) -> Record:
    """A configuration for a vendor of the sandbox: at full speed, and giving up soon.

    Args:
        vendor: Whose address is used.
        settings: Settings in addition; one that is None is left out.
    """
    config = {
        **vendor.config,
        "start_date": "2025-01-01",
        "rate_limit_share": UNTHROTTLED,
        "request_timeout": PATIENCE,
        "max_tries": 3,
        **settings,
    }
    return {name: value for name, value in config.items() if value is not None}


def bare(tap: type[SupportTap], catalog: Json = None, **settings: Json) -> SupportTap:
    """A tap with what it needs and no vendor, for tests of what it does with records."""
    vendor = Sandbox().vendors[vendor_of(tap.name)]
    vendor.host_url = "http://127.0.0.1:9"
    needed = {name: it[:1] if isinstance(it, list) else it for name, it in vendor.config.items()}
    return tap(config={**needed, "start_date": "2025-01-01", **settings}, catalog=catalog)


def runner(module: str, config: Callable[..., Record]) -> Callable[..., Run]:
    """A function that runs a tap: ``run(page_size=7, state=...)``.

    Args:
        module: The tap's package.
        config: Makes its configuration of the settings that are given.
    """

    def run(
        *,
        state: Json = None,
        catalog: Json = EXPORTS,
        environment: dict[str, str] | None = None,
        **settings: Json,
    ) -> Run:
        return run_tap(
            module, config(**settings), state=state, catalog=catalog, environment=environment
        )

    return run
