"""``make fleet``: hundreds of accounts on made-up data, through Dagster into PostgreSQL.

The sandbox that stands in for the vendors is part of this process. PostgreSQL comes with a package
and holds what Dagster, Meltano and the target keep, in three databases; Dagster runs as three
processes, as on a server: code location, daemon and page. All of it lives in one temporary folder
and is gone at the end; the page can be looked at until Ctrl-C.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import datetime as dt
import itertools
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import psutil
import requests
import yaml

from scripts.made_up import ROOT, MadeUpError, ends_well, postgres, sandbox
from scripts.taps import taps, vendor_of

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sandbox import Sandbox

ORCHESTRATE = ROOT / "orchestrate"
ACCOUNTS = 200
SIZE = 100
"""Conversations of each vendor, which all accounts of it read alike."""
DAYS = 110
"""The sandbox has data of the last hundred."""
DATABASES = ("dagster", "meltano", "warehouse")
USER = "postgres"

SELECTION = {
    "tap-deepconverse": ["conversations", "messages"],
    "tap-devrev": ["conversations", "accounts"],
    "tap-dixa": ["conversations", "messages", "agents"],
    "tap-zendesk-chat": ["chats", "agent_timeline", "agents"],
}
"""A few streams of each tap: two hundred accounts shall be done in minutes."""

HOST = "127.0.0.1"
CODE = ("--module-name", "support_fleet.definitions", "--working-directory", str(ORCHESTRATE))

LOCATION = "fleet"
UNTHROTTLED = 1_000_000

_PATIENCE = 60.0
"""Seconds that processes have to end when they are told to; a guard needs some."""
_START = 180.0
"""Seconds in which Dagster has to answer; the machine may be busy."""
_LOOK = 3.0
"""Seconds between two looks at runs and processes, which cost something themselves."""
_TELL = 10.0
"""Seconds between two lines about how far it is."""
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")

_LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on Error { message }
  }
}
"""
_LOADED = """
query {
  workspaceOrError {
    ... on Workspace { locationEntries { locationOrLoadError { ... on Error { message } } } }
  }
}
"""
_RUNS = """
query { runsOrError { ... on Runs { results { jobName status startTime endTime } } } }
"""
_RECORDS = """
query {
  assetNodes {
    assetKey { path }
    assetMaterializations {
      metadataEntries { label ... on IntMetadataEntry { intValue } }
    }
  }
}
"""


@dataclasses.dataclass(frozen=True)
class Dagster:
    """Dagster's three processes at work.

    Args:
        home: Its folder; every process that it starts has it in its environment.
        url: Address of the page.
    """

    home: Path
    url: str

    def ask(self, query: str, **variables: t.Any) -> t.Any:
        """The answer to a question in GraphQL, as the page itself asks."""
        try:
            response = requests.post(
                f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
            )
            response.raise_for_status()
        except requests.RequestException as error:
            msg = f"Dagster does not answer: {error}"
            raise MadeUpError(msg) from None
        answer = response.json()
        if answer.get("errors"):
            msg = f"Dagster refuses: {answer['errors'][0]['message']}"
            raise MadeUpError(msg)
        return answer["data"]


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes that a Dagster home has started, whoever their parent is now.

    They are known by ``TMPDIR``, which Dagster, guard, Meltano and its plugins all pass on.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TMPDIR") == str(home):
                found.append(process)
    return found


class Watch(threading.Thread):
    """Counts processes and their memory, every few seconds.

    Args:
        home: The Dagster home whose processes are meant.
    """

    def __init__(self, home: Path) -> None:
        """Begin with nothing seen."""
        super().__init__(daemon=True)
        self.processes = 0
        self.memory = 0
        self._home = home
        self._done = threading.Event()

    def __enter__(self) -> Watch:  # noqa: PYI034 - Self needs Python 3.11
        """Begin."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._done.set()
        self.join()

    def run(self) -> None:
        """Look until told to end. What processes share counts once, where the system tells it."""
        while not self._done.wait(_LOOK):
            found = processes_of(self._home)
            memory = 0
            for process in found:
                with contextlib.suppress(psutil.Error):
                    full = process.memory_full_info()
                    memory += getattr(full, "pss", full.uss)
            self.processes = max(self.processes, len(found))
            self.memory = max(self.memory, memory)


@contextlib.contextmanager
def dagster(home: Path, variables: Mapping[str, str]) -> Iterator[Dagster]:
    """Start Dagster and end all that it started, however this ends.

    Args:
        home: Its folder, with a ``dagster.yaml``.
        variables: Further environment variables.
    """
    code, page = _free_port(), _free_port()
    (home / "workspace.yaml").write_text(
        yaml.safe_dump(
            {
                "load_from": [
                    {"grpc_server": {"host": HOST, "port": code, "location_name": LOCATION}}
                ]
            }
        )
    )
    workspace = ["-w", str(home / "workspace.yaml")]
    commands = {
        "code": ["dagster", "code-server", "start", *CODE, "-h", HOST, "-p", str(code)],
        "page": ["dagster-webserver", *workspace, "-h", HOST, "-p", str(page)],
        "daemon": ["dagster-daemon", "run", *workspace],
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name, (program, *words) in commands.items():
            with (home / f"{name}.log").open("wb") as log:
                started.append(
                    subprocess.Popen(  # noqa: S603 - our own command
                        [Path(sys.executable).with_name(program), *words],
                        cwd=ROOT,
                        env=_environment()
                        | {**variables, "DAGSTER_HOME": str(home), "TMPDIR": str(home)},
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
            if name == "code":
                _wait_for(code, started, home)
        _wait_for(page, started, home)
        running = Dagster(home, f"http://{HOST}:{page}")
        for entry in running.ask(_LOADED)["workspaceOrError"]["locationEntries"]:
            if message := entry["locationOrLoadError"].get("message"):
                msg = f"Dagster cannot load the accounts: {message.strip().splitlines()[-1]}"
                raise MadeUpError(msg)
        yield running
    finally:
        _end_all(home)
        for process in started:
            process.wait()


def _environment() -> dict[str, str]:
    """This process's, without what could lead to a real account or another Dagster."""
    foreign = ("TAP_", "TARGET_", "MELTANO_", "DAGSTER_", "PG")
    return {name: it for name, it in os.environ.items() if not name.startswith(foreign)}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, started: Sequence[subprocess.Popen[bytes]], home: Path) -> None:
    """Wait until a port is listened on."""
    until = time.monotonic() + _START
    while time.monotonic() < until and all(process.poll() is None for process in started):
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.1)
    logs = sorted(home.glob("*.log"), key=lambda log: log.stat().st_mtime)
    lines = logs[-1].read_text(encoding="utf-8", errors="replace").strip().splitlines()
    msg = f"Dagster cannot be started: {lines[-1] if lines else 'it says nothing'}"
    raise MadeUpError(msg)


def _end_all(home: Path) -> None:
    """End every process of a Dagster home; a second Ctrl-C does not keep it from that."""
    interrupts = {number: signal.signal(number, signal.SIG_IGN) for number in _INTERRUPTS}
    try:
        for number, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _PATIENCE)):
            told = set()
            until = time.monotonic() + patience
            while (found := processes_of(home)) and time.monotonic() < until:
                for process in found:
                    if process.pid not in told:
                        told.add(process.pid)
                        with contextlib.suppress(psutil.Error):
                            process.send_signal(number)
                time.sleep(0.1)
    finally:
        for number, handler in interrupts.items():
            signal.signal(number, handler)


# Accounts.


def accounts(box: Sandbox, count: int, folder: Path, start: dt.date) -> list[dict[str, t.Any]]:
    """Entries of a file of accounts, of all taps in turn.

    Args:
        box: What they read.
        count: How many.
        folder: Where their secrets are put, each in a file of its own.
        start: The day that they are read from.
    """
    found = []
    for number, tap in zip(range(count), itertools.cycle(SELECTION), strict=False):
        vendor = vendor_of(tap)
        declared = taps()[tap].config_jsonschema["properties"]
        name = f"sandbox_{vendor}_{number // len(SELECTION) + 1:03d}"
        config = {**box.vendors[vendor].config, "rate_limit_share": UNTHROTTLED, "max_tries": 3}
        credentials = {}
        for setting in [it for it in config if declared[it].get("secret")]:
            file = folder / f"{name}.{setting}"
            file.write_text(str(config.pop(setting)), encoding="utf-8")
            credentials[setting] = {"file": str(file)}
        found.append(
            {
                "name": name,
                "tap": tap,
                "target": "warehouse",
                "start_date": str(start),
                "credentials": credentials,
                "settings": config,
                "select": SELECTION[tap],
            }
        )
    return found


@dataclasses.dataclass(frozen=True)
class Fleet:
    """Accounts on a Dagster at work.

    Args:
        dagster: The Dagster.
        entries: The accounts, as the file has them.
    """

    dagster: Dagster
    entries: Sequence[Mapping[str, t.Any]]

    def launch(self) -> None:
        """Put a run of each account into the queue."""
        for entry in self.entries:
            selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
            answer = self.dagster.ask(
                _LAUNCH, params={"selector": {**selector, "jobName": entry["name"]}}
            )["launchRun"]
            if answer["__typename"] != "LaunchRunSuccess":
                msg = f"{entry['name']} is not launched: {answer.get('message', answer)}"
                raise MadeUpError(msg)

    def runs(self) -> list[dict[str, t.Any]]:
        """All runs, those that Dagster started again among them."""
        found: list[dict[str, t.Any]] = self.dagster.ask(_RUNS)["runsOrError"]["results"]
        return found

    def follow(self) -> None:
        """Tell how far it is, until every account has run."""
        started = told = time.monotonic()
        while True:
            counts = collections.Counter(run["status"] for run in self.runs())
            ended = {status: counts.pop(status, 0) for status in _ENDED}
            is_over = not counts
            if is_over or time.monotonic() - told >= _TELL:
                told = time.monotonic()
                words = [f"{sum(ended.values())} of {len(self.entries)} accounts have run"]
                words += [f"{counts['STARTED']} are running"] if counts["STARTED"] else []
                words += [f"{ended['FAILURE']} have failed"] if ended["FAILURE"] else []
                print(f"  {told - started:4.0f} s  {', '.join(words)}", flush=True)
            if is_over:
                return
            time.sleep(_LOOK)

    def records(self) -> dict[str, int]:
        """The records of each account, as the assets' metadata has them."""
        found: collections.Counter[str] = collections.Counter()
        for node in self.dagster.ask(_RECORDS)["assetNodes"]:
            for event in node["assetMaterializations"]:
                for entry in event["metadataEntries"]:
                    if entry["label"] == "records":
                        found[node["assetKey"]["path"][0]] += entry["intValue"]
        return found


def _write_accounts(entries: Sequence[Mapping[str, t.Any]], file: Path) -> None:
    """Write the file of accounts."""
    warehouse = {
        "loader": "target-postgres",
        "credentials": {"sqlalchemy_url": {"variable": "WAREHOUSE_URL"}},
    }
    attributes = {"targets": {"warehouse": warehouse}, "accounts": list(entries)}
    document = {"type": "support_fleet.SupportAccounts", "attributes": attributes}
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@contextlib.contextmanager
def fleet(box: Sandbox, server: Path, count: int, at_once: int, start: dt.date) -> Iterator[Fleet]:
    """Accounts on a Dagster of their own, for as long as this lasts.

    Args:
        box: What they read.
        server: The folder of a PostgreSQL that has the three databases.
        count: How many accounts.
        at_once: How many run side by side.
        start: The day that they are read from.
    """
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        home = Path(folder)
        entries = accounts(box, count, home, start)
        _write_accounts(entries, home / "accounts.yaml")
        instance = yaml.safe_load((ORCHESTRATE / "dagster.yaml").read_text(encoding="utf-8"))
        instance["concurrency"]["runs"]["max_concurrent_runs"] = at_once
        (home / "dagster.yaml").write_text(yaml.safe_dump(instance), encoding="utf-8")
        urls = {name: f"//{USER}@/{name}?host={server}" for name in DATABASES}
        variables = {
            "DAGSTER_POSTGRES_URL": f"postgresql:{urls['dagster']}",
            "MELTANO_DATABASE_URI": f"postgresql:{urls['meltano']}",
            "WAREHOUSE_URL": f"postgresql+psycopg:{urls['warehouse']}",
            "FLEET_ACCOUNTS": str(home / "accounts.yaml"),
        }
        with dagster(home, variables) as started:
            yield Fleet(started, entries)


def _table(fleet: Fleet, watch: Watch, seconds: float) -> list[str]:
    """The figures of all runs."""
    runs = fleet.runs()
    records = fleet.records()
    head = ("tap", "accounts", "runs", "records", "failures", "seconds a run", "longest")
    rows: list[tuple[str, ...]] = [head]
    for tap in SELECTION:
        names = {entry["name"] for entry in fleet.entries if entry["tap"] == tap}
        rows.append((tap, *_figures(names, runs, records)))
    rows.append(("all", *_figures({entry["name"] for entry in fleet.entries}, runs, records)))
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [
        *lines,
        "",
        (
            f"{seconds:.0f} s, {len(fleet.entries) / seconds * 3600:.0f} accounts an hour; "
            f"at the peak {watch.processes} processes with {watch.memory / 2**20:.0f} MiB in all."
        ),
    ]


def _figures(
    names: Collection[str], runs: Sequence[Mapping[str, t.Any]], records: Mapping[str, int]
) -> tuple[str, ...]:
    own = [run for run in runs if run["jobName"] in names]
    took = [run["endTime"] - run["startTime"] for run in own if run["startTime"]]
    return (
        f"{len(names):,}",
        f"{len(own):,}",
        f"{sum(records.get(name, 0) for name in names):,}",
        f"{sum(run['status'] != 'SUCCESS' for run in own):,}",
        f"{statistics.median(took):.1f}" if took else "-",
        f"{max(took):.1f}" if took else "-",
    )


def main() -> int:
    """Run it.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="make fleet", description="Many accounts on Dagster.")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="how many (%(default)s)")
    parser.add_argument(
        "--at-once",
        type=int,
        default=2 * (os.cpu_count() or 1),
        help="runs side by side (%(default)s, two for each processor)",
    )
    parser.add_argument("--exit", action="store_true", help="end after the table")
    options = parser.parse_args()
    return ends_well("fleet", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    with sandbox(SIZE) as box, postgres("fleet-", *DATABASES) as server:
        count = options.accounts
        print(f"A stand-in for the vendors listens on {box.url}, PostgreSQL in {server}.")
        print(f"Dagster starts with {count} accounts …", flush=True)
        began = time.monotonic()
        start = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=DAYS)
        with fleet(box, server, count, options.at_once, start) as started:
            print(f"  {time.monotonic() - began:4.0f} s  the page: {started.dagster.url}")
            print(f"  Dagster's folder: {started.dagster.home}", flush=True)
            with Watch(started.dagster.home) as watch:
                began = time.monotonic()
                started.launch()
                print(f"  {time.monotonic() - began:4.0f} s  all are in the queue", flush=True)
                started.follow()
                seconds = time.monotonic() - began
            print("\n".join(["", *_table(started, watch, seconds)]), flush=True)
            if failed := [run["jobName"] for run in started.runs() if run["status"] != "SUCCESS"]:
                msg = f"a run failed, of {failed[0]} for one"
                raise MadeUpError(msg)
            if not options.exit:
                print(f"\nThe page: {started.dagster.url}. Ctrl-C ends all of it.", flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
