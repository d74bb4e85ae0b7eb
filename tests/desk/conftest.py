"""One load of all four vendors, and the desk built from all, from two and from none of them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import typing as t
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from scripts.desk import streams_of
from tests.conftest import Run, open_box, run_tap, selecting
from tests.targets.conftest import new_database, postgres  # noqa: F401 - fixtures
from tests.targets.postgres import IN_UTC, Database
from tests.targets.tools import PATIENCE, environment, loader, meltano_project, program, tap_config

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox

PROJECT = Path(__file__).parents[2] / "transform"
VENDORS = ("deepconverse", "devrev", "dixa", "zendesk_chat")
TWO = ("devrev", "dixa")
MARTS = (
    "support_agent_status",
    "support_conversations",
    "support_daily_metrics",
    "support_handoffs",
    "support_messages",
    "support_participants",
    "support_transcripts",
)
CHUNK_TOKENS = 200
"""Few, so that many transcripts have several chunks."""

Row = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Desk:
    """The marts of a build, and what it printed.

    Args:
        vendors: Those that were loaded.
        marts: The rows of each.
        log: All that dbt printed.
        page: The page, if it was drawn.
    """

    vendors: tuple[str, ...]
    marts: dict[str, list[Row]]
    log: str
    page: str = ""

    def of(self, mart: str, vendor: str) -> list[Row]:
        """The rows of a vendor."""
        return [row for row in self.marts[mart] if row["vendor"] == vendor]


def read(box: Sandbox, vendor: str) -> Run:
    """A run of the vendor's tap that reads what the models need."""
    wanted = streams_of(vendor)
    catalog = selecting(f"tap_{vendor}", lambda entry: entry["tap_stream_id"] in wanted)
    return run_tap(f"tap_{vendor}", tap_config(box, vendor), catalog=catalog).succeeded()


@pytest.fixture(scope="session")
def filled() -> Iterator[Sandbox]:
    """What the desk is built from."""
    with open_box(size=120) as box:
        yield box


@pytest.fixture(scope="session")
def loaded(new_database: Callable[[], Database], filled: Sandbox) -> Iterator[Database]:  # noqa: F811
    """A database with all four vendors, each in its schema, through target-postgres."""
    lines: list[bytes] = []
    streams: list[tuple[str, str]] = []
    for vendor in VENDORS:
        run = read(filled, vendor)
        streams += [(vendor, stream) for stream in run.schemas]
        for message in run.messages:
            if message["type"] in ("SCHEMA", "RECORD"):
                # One target for all of them, since it is slow to start: it knows one schema.
                message["stream"] = f"{vendor}_{message['stream']}"
                lines.append(json.dumps(message).encode())
    database = new_database()
    done = subprocess.run(  # noqa: S603
        [loader("target-postgres"), "--config=ENV"],
        input=b"\n".join(lines),
        env={
            **environment(),
            **IN_UTC,
            "TARGET_POSTGRES_SQLALCHEMY_URL": database.url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "loaded",
            "TARGET_POSTGRES_SANITIZE_NULL_TEXT_CHARACTERS": "true",
        },
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    for vendor, stream in streams:
        ask(database, f"create schema if not exists tap_{vendor}")
        ask(database, f"alter table loaded.{vendor}_{stream} set schema tap_{vendor}")
        ask(database, f"alter table tap_{vendor}.{vendor}_{stream} rename to {stream}")
    yield database
    database.close()


class Builder:
    """The desk's own environment at work on a database.

    Args:
        database: What it is built in.
        folder: Where dbt puts what it writes.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        venv = meltano_project() / ".meltano" / "utilities" / "desk" / "venv"
        self._python = program("DESK_PYTHON", venv / "bin" / "python")
        self._database = database
        self._page = folder / "page.html"
        self._environment = {
            **environment(),
            "DESK_HOST": str(database.server),
            "DESK_USER": "postgres",
            "DESK_DATABASE": database.name,
            "DESK_PAGE": str(self._page),
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_USE_COLORS": "false",
        }
        self._dbt = subprocess.Popen(  # noqa: S603
            [self._python, Path(__file__).with_name("builder.py")],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        """End dbt's process."""
        self._dbt.communicate(timeout=PATIENCE)

    def build(self, *vendors: str) -> Desk:
        """Build and test all models."""
        variables = json.dumps({"transcript_chunk_tokens": CHUNK_TOKENS})
        assert self._dbt.stdin is not None
        assert self._dbt.stdout is not None
        self._dbt.stdin.write(json.dumps(["build", "--vars", variables]) + "\n")
        self._dbt.stdin.flush()
        printed = []
        for line in self._dbt.stdout:
            printed.append(line)
            if line.startswith(("SUCCEEDED", "FAILED")):
                break
        log = "".join(printed)
        if not printed[-1].startswith("SUCCEEDED"):
            pytest.fail(log, pytrace=False)
        marts = {mart: ask(self._database, f"select * from support.{mart}") for mart in MARTS}  # noqa: S608
        return Desk(vendors, marts, log)

    def page(self) -> str:
        """Draw the page of what was built last."""
        command = [self._python, str(PROJECT / "page.py")]
        subprocess.run(command, env=self._environment, timeout=PATIENCE, check=True)  # noqa: S603
        return self._page.read_text(encoding="utf-8")


def ask(database: Database, query: str, *values: t.Any) -> list[Row]:
    """The rows of a query, with times in UTC."""
    with psycopg.connect(
        host=str(database.server),
        user="postgres",
        dbname=database.name,
        options="-c timezone=UTC",
        row_factory=dict_row,
    ) as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def desks(loaded: Database, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Desk]:
    """The desk of four vendors, of two with some columns left out, and of none."""
    builder = Builder(loaded, tmp_path_factory.mktemp("desk"))
    four = dataclasses.replace(builder.build(*VENDORS, "zendesk_messaging"), page=builder.page())
    ask(loaded, "alter schema tap_deepconverse rename to elsewhere_1")
    ask(loaded, "alter schema tap_zendesk_chat rename to elsewhere_2")
    ask(loaded, "drop table tap_devrev.conversation_timeline_entries cascade")
    ask(loaded, "alter table tap_devrev.conversations drop column tags cascade")
    ask(loaded, "alter table tap_dixa.messages drop column text cascade")
    two = builder.build(*TWO)
    ask(loaded, "alter schema tap_devrev rename to elsewhere_3")
    ask(loaded, "alter schema tap_dixa rename to elsewhere_4")
    none = dataclasses.replace(builder.build(), page=builder.page())
    builder.close()
    return {"four": four, "two": two, "none": none}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker: they share what is built."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("desk"))
