"""``make fleet``: accounts side by side, and a clean stop."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import psycopg
import pytest

from sandbox import Sandbox
from scripts.fleet import DATABASES, fleet, processes_of
from scripts.made_up import ROOT
from scripts.taps import vendor_of
from tests.targets.conftest import SPAN, postgres  # noqa: F401 - a fixture
from tests.targets.postgres import Database, assert_holds_truth

if t.TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.fleet

ACCOUNTS = 20
PATIENCE = 600.0


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """All accounts of a vendor read the same."""
    with Sandbox(seed=1, size=60, span=SPAN, rate_limits=False) as box:
        yield box
        assert not box.failures


@pytest.fixture
def warehouse(postgres: Path) -> Iterator[Database]:  # noqa: F811
    """The accounts' database, beside Dagster's and Meltano's."""
    with psycopg.connect(host=str(postgres), user="postgres", autocommit=True) as connection:
        for name in set(DATABASES) - {"warehouse"}:
            connection.execute(f"create database {name}".encode())
    database = Database(postgres, "warehouse")
    yield database
    database.close()


def test_accounts_side_by_side_have_all_their_records(
    box: Sandbox,
    warehouse: Database,
) -> None:
    with fleet(box, warehouse.server, ACCOUNTS, 4, SPAN[0].date()) as started:
        started.launch()
        started.follow()
        home = started.dagster.home
        assert {run["status"] for run in started.runs()} == {"SUCCESS"}
        records = started.records()
        for entry in started.entries:
            check(entry, records, warehouse, box)
    assert not processes_of(home)


def check(
    entry: t.Mapping[str, t.Any], records: t.Mapping[str, int], warehouse: Database, box: Sandbox
) -> None:
    """An account's tables hold what its vendor has, and its assets say how much was read."""
    name, vendor = entry["name"], vendor_of(entry["tap"])
    assert_holds_truth(warehouse, box, vendor, entry["select"], name)
    held = sum(len(warehouse.table(vendor, stream, name)) for stream in entry["select"])
    assert records[name] >= held  # a record on the border of two windows is read with both


def test_ctrl_c_leaves_no_process_behind() -> None:
    """In the middle of runs: Dagster, guards, Meltano, taps, targets and PostgreSQL are gone."""
    command = [sys.executable, "-m", "scripts.fleet", "--accounts", "4", "--at-once", "2"]
    process = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = ""
    while "Dagster's folder" not in told:
        told += process.stdout.readline()
    server, home = re.findall(r"(\S*fleet-\S+?)[.,]?\s", told)
    until = time.monotonic() + PATIENCE
    while not any("target-postgres" in " ".join(it.cmdline()) for it in processes_of(Path(home))):
        assert time.monotonic() < until, "no target was started"
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, complaint
    assert complaint == "fleet: stopped before the end\n"
    assert not processes_of(Path(home))
    assert not Path(home).exists()
    assert not Path(server).exists()
