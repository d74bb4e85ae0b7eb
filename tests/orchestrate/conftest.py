"""A copy of the project with accounts that read a sandbox, and Dagster at work on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError
from support_fleet import accounts, meltano
from support_fleet.component import SupportAccounts

from scripts.taps import tap_of
from tests.conftest import PATIENCE, UNTHROTTLED, secrets_of
from tests.targets.conftest import new_database, postgres  # noqa: F401 - fixtures
from tests.targets.postgres import IN_UTC, Database
from tests.targets.tools import END, START, environment, meltano_project

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox import Sandbox

ORCHESTRATE = Path(__file__).parents[2] / "orchestrate"


class Project:
    """A copy of the project: a folder with ``meltano.yml`` and links to the installed plugins.

    Args:
        folder: Where it is made.
        box: What the accounts read.
        database: Where they are loaded.
        state: Meltano's own database.
    """

    def __init__(self, folder: Path, box: Sandbox, database: Database, state: Database) -> None:
        self.folder = folder
        self.box = box
        self.database = database
        self._state = state
        self.file = folder / "accounts.yaml"
        self.variables = {
            "MELTANO_PROJECT_ROOT": str(folder),
            "MELTANO_DATABASE_URI": state.url,
            "FLEET_ACCOUNTS": str(self.file),
            "WAREHOUSE": database.url,
        }
        self._accounts: list[dict[str, t.Any]] = []
        (folder / ".meltano").mkdir(parents=True)
        shutil.copy(meltano_project() / "meltano.yml", folder)
        for kind in ("extractors", "loaders"):
            installed = meltano_project() / ".meltano" / kind
            if not installed.is_dir():
                pytest.fail(f"no {installed}: `make install` installs it", pytrace=False)
            (folder / ".meltano" / kind).symlink_to(installed)

    def add(self, name: str, vendor: str, select: list[str], **changes: t.Any) -> None:
        """Add an account, whose secrets are in variables of its name."""
        settings = {
            **self.box.vendors[vendor].config,
            "end_date": END,
            "rate_limit_share": UNTHROTTLED,
            "max_tries": 2,
            **changes.pop("settings", {}),
        }
        settings = {setting: value for setting, value in settings.items() if value is not None}
        credentials = {}
        for setting in secrets_of(f"tap_{vendor}"):
            if setting in settings:
                variable = f"{name}_{setting}".upper()
                self.variables[variable] = settings.pop(setting)
                credentials[setting] = {"variable": variable}
        self._accounts.append(
            {
                "name": name,
                "tap": tap_of(vendor),
                "target": "warehouse",
                "start_date": START,
                "select": select,
                "settings": settings,
                "credentials": credentials,
                **changes,
            }
        )
        warehouse = {
            "loader": "target-postgres",
            "credentials": {"sqlalchemy_url": {"variable": "WAREHOUSE"}},
        }
        attributes = {"targets": {"warehouse": warehouse}, "accounts": self._accounts}
        document = {"type": "support_fleet.SupportAccounts", "attributes": attributes}
        self.file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def states(self) -> dict[str, t.Any]:
        """What Meltano has kept, by the state's id."""
        return dict(self._state.ask("select state_id, completed_state from state"))

    def run(
        self,
        name: str,
        instance: dg.DagsterInstance,
        streams: list[str] | None = None,
        **config: str,
    ) -> dg.ExecuteInProcessResult:
        """Run an account's job in this process.

        Args:
            name: The account.
            instance: What keeps the events.
            streams: Some of its streams; None: all.
            config: What a launch can be told.
        """
        fleet = accounts.read(self.file)
        assert fleet
        job = SupportAccounts(fleet).build_defs().resolve_job_def(name)
        (account,) = [it for it in fleet.accounts if it.name == name]
        keys = [dg.AssetKey([name, account.vendor, it]) for it in streams or []]
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in self.variables.items():
                patch.setenv(variable, value)
            return job.execute_in_process(
                instance=instance,
                run_config={"ops": {f"read_{name}": {"config": config}}},
                asset_selection=keys or None,
                raise_on_error=False,
            )


@pytest.fixture
def project(
    tmp_path: Path,
    small_box: Sandbox,
    new_database: Callable[[], Database],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Project]:
    """A copy of the project for this test alone; this process runs there too."""
    database, state = new_database(), new_database()
    project = Project(tmp_path / "project", small_box, database, state)
    monkeypatch.setattr(meltano, "PROJECT", project.folder)
    yield project
    database.close()
    state.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Keeps what happened, in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Dagster:
    """``dagster dev`` on a project: the page, the daemon and a code server, with PostgreSQL.

    Args:
        project: The accounts, and the variables.
        home: Dagster's folder.
        storage: Dagster's database.
        settings: Changes of ``dagster.yaml``.
    """

    def __init__(
        self, project: Project, home: Path, storage: Database, settings: Mapping[str, t.Any]
    ) -> None:
        home.mkdir()
        file = yaml.safe_load((ORCHESTRATE / "dagster.yaml").read_text(encoding="utf-8"))
        for section, changes in settings.items():
            file[section] = {**file[section], **changes}
        (home / "dagster.yaml").write_text(yaml.safe_dump(file), encoding="utf-8")
        url = storage.url.replace("postgresql+psycopg", "postgresql")
        variables = {"DAGSTER_HOME": str(home), "DAGSTER_POSTGRES_URL": url, **IN_UTC}
        self.project = project
        self._log = home / "dagster.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "dagster", "dev", "--port", str(port)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command,
                cwd=ORCHESTRATE,
                env={**environment(), **project.variables, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.instance = dg.DagsterInstance.from_config(str(home))
        self.client = DagsterGraphQLClient("127.0.0.1", port_number=port)

    @property
    def log(self) -> str:
        """All that Dagster wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def launch(self, name: str) -> str:
        """Launch an account's job; the id of its run."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.client.submit_job_execution(name)
            except DagsterGraphQLClientError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def ended(self, run_id: str) -> dg.DagsterRunStatus:
        """How a run ended, as soon as it has."""
        self.until(lambda: self._run(run_id).is_finished)
        return self._run(run_id).status

    def events(self, run_id: str) -> str:
        """All that the page shows of a run."""
        return "\n".join(map(str, self.instance.all_logs(run_id)))

    def _run(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run
        return run

    def worker(self, run_id: str) -> int:
        """The process that Dagster started for a run."""
        for entry in self.instance.all_logs(run_id):
            words = entry.user_message or ""
            if "Executing steps in process (pid: " in words:
                return int(words.partition("pid: ")[2].rstrip(")"))
        pytest.fail(f"no worker: {self.log}")

    def started(self) -> list[str]:
        """The processes of Meltano, its plugins and guards that live in the project's folder."""
        listed = subprocess.run(
            ["ps", "-ewwo", "pid=,stat=,args="],  # noqa: S607
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return [
            line
            for line in listed.splitlines()
            if str(self.project.folder) in line and line.split()[1][0] != "Z"
        ]

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something."""
        until = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < until, self.log
            assert self.process.poll() is None, self.log
            time.sleep(0.1)

    def close(self) -> None:
        """End it, and all that it has started."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.instance.dispose()


@pytest.fixture
def dagster(
    project: Project,
    tmp_path: Path,
    new_database: Callable[[], Database],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Dagster]]:
    """Start Dagster on the project, with quick polls."""
    with contextlib.ExitStack() as stack:

        def start(**settings: t.Any) -> Dagster:
            storage = new_database()
            stack.callback(storage.close)
            quick = {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
            monkeypatch.setenv("DAGSTER_POSTGRES_URL", storage.url.replace("+psycopg", ""))
            running = Dagster(
                project, tmp_path / "home", storage, {"run_monitoring": quick, **settings}
            )
            stack.callback(running.close)
            return running

        yield start
