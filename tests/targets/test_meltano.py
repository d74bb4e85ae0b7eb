"""The project's ``meltano.yml`` at work, in a copy of the project.

The copy is a folder with ``meltano.yml`` and links to the installed plugins: Meltano looks for the
program of a plugin in ``.meltano/<kind>/<name>/venv/bin`` of its project, and does not mind a link.
State, logs and configuration files of a run go into the copy's own ``.meltano``. ``--no-install``
keeps every command from installing anything: the setting ``auto_install`` does not (Meltano 4.4).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from scripts.taps import tap_of

from .postgres import Database, assert_holds_truth
from .test_jsonl import assert_holds_truth as assert_files_hold_truth
from .tools import END, PATIENCE, START, environment, meltano, meltano_project, more, program
from .truth import DEFAULTS, EXPORTS, STREAMS

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

SINCE = datetime(2025, 4, 10, 9, 30, tzinfo=timezone.utc)


class Project:
    """A copy of the project.

    Args:
        folder: Where it is made.
        box: What the taps read, at most as fast as the vendors allow.
        database: What target-postgres writes to.
    """

    def __init__(self, folder: Path, box: Sandbox, database: Database) -> None:
        self.folder = folder
        self.output = folder / "lines"
        self.output.mkdir()
        (folder / "output").mkdir()
        (folder / ".meltano").mkdir()
        shutil.copy(meltano_project() / "meltano.yml", folder)
        for kind in ("extractors", "loaders"):
            installed = meltano_project() / ".meltano" / kind
            if not installed.is_dir():
                pytest.fail(f"no {installed}: `make install` installs it", pytrace=False)
            (folder / ".meltano" / kind).symlink_to(installed)
        self.environment = {
            **environment(),
            "NO_COLOR": "1",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TARGET_POSTGRES_SQLALCHEMY_URL": database.url,
            "TARGET_JSONL_DESTINATION_PATH": str(self.output),
            "TAP_DEEPCONVERSE_WINDOW_DAYS": "100",
            "TAP_DEEPCONVERSE_PAGE_SIZE": "1000",
        }
        for name, vendor in box.vendors.items():
            settings = {**vendor.config, "start_date": START, "end_date": END}
            self.environment |= {
                f"TAP_{name}_{setting}".upper(): it if isinstance(it, str) else json.dumps(it)
                for setting, it in settings.items()
            }

    def meltano(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Meltano in the copy."""
        return subprocess.run(  # noqa: S603
            [meltano(), *arguments],
            cwd=self.folder,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def succeeds(self, *arguments: str, **settings: str) -> str:
        """Run a command that ends well; what it printed."""
        done = self.meltano(*arguments, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def project(tmp_path: Path, box: Sandbox, database: Database) -> Project:
    """A copy of the project, for this test alone."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder, box, database)


@pytest.mark.parametrize("vendor", STREAMS)
def test_runs_into_postgres_and_goes_on_from_its_own_state(
    project: Project, box: Sandbox, database: Database, vendor: str
) -> None:
    run = ("run", "--no-install", tap_of(vendor), "target-postgres")
    project.succeeds(*run)
    assert_holds_truth(database, box, vendor, DEFAULTS[vendor])

    box.clear_requests()
    for stream in EXPORTS[vendor]:
        box.vendors[vendor].put(stream, *more(box.vendors[vendor], stream, 3, SINCE))
    until = {f"TAP_{vendor.upper()}_END_DATE": "2025-04-20"}
    project.succeeds(*run, **until)
    assert_holds_truth(database, box, vendor, DEFAULTS[vendor])
    asked = [request for request in box.requests if request.stream in EXPORTS[vendor]]
    sent_again = sum(request.rows for request in asked)
    assert sent_again < sum(len(box.vendors[vendor].truth(it)) for it in EXPORTS[vendor]) // 4


@pytest.mark.parametrize("vendor", STREAMS)
def test_runs_into_files_of_lines(project: Project, box: Sandbox, vendor: str) -> None:
    project.succeeds("run", "--no-install", tap_of(vendor), "target-jsonl")
    assert_files_hold_truth(project.output, box, vendor, DEFAULTS[vendor])


@pytest.mark.parametrize("vendor", STREAMS)
def test_the_configuration_can_be_tested(project: Project, vendor: str) -> None:
    test = ("config", "test", "--no-install", tap_of(vendor))
    assert "Plugin configuration is valid" in project.succeeds(*test)


def test_a_wrong_token_fails_the_test_of_the_configuration_and_is_not_shown(
    project: Project,
) -> None:
    test = ("config", "test", "--no-install", "tap-dixa")
    refused = project.meltano(*test, TAP_DIXA_API_TOKEN="wrong-token")  # noqa: S106
    assert refused.returncode == 1
    assert "401" in refused.stdout + refused.stderr
    assert "wrong-token" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("vendor", STREAMS)
def test_an_installed_tap_tells_its_streams_and_settings(vendor: str) -> None:
    """Without any configuration."""
    venv = meltano_project() / ".meltano" / "extractors" / tap_of(vendor) / "venv"
    tap = program("TAP", venv / "bin" / tap_of(vendor))
    catalog = json.loads(_printed(tap, "--discover"))
    assert {entry["tap_stream_id"] for entry in catalog["streams"]} == set(STREAMS[vendor])
    about = _printed(tap, "--about", "--format", "markdown")
    assert about.startswith(f"# `{tap_of(vendor)}`")
    assert "| start_date " in about


def _printed(*command: str) -> str:
    return subprocess.run(  # noqa: S603
        command, env=environment(), stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True
    ).stdout


@pytest.mark.parametrize("setting", ["rate_limit_share", "request_timeout"])
def test_a_setting_with_a_fraction_can_come_from_the_environment(
    project: Project, setting: str
) -> None:
    """Meltano 4.4 fails on what it reads as kind `decimal` from `.env` or the environment."""
    variable = {f"TAP_DEVREV_{setting.upper()}": "2.5"}
    project.succeeds("run", "--no-install", "tap-devrev", "target-jsonl", **variable)
