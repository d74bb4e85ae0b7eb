"""Meltano underneath: one ``meltano run`` for an account, in an environment of its own.

All accounts share one project directory. What is installed is shared by links; what a run writes
(run folders, caches, and the state where it is not in PostgreSQL) is the account's own.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import copy
import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import yaml

from support_fleet.accounts import AccountsError

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from support_fleet.accounts import Account, Fleet, Secret, Target

PROJECT = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path(__file__).parents[2])
GUARD = Path(__file__).with_name("guard.py")
PATIENCE = 40.0
"""Seconds in which a guard that is told to end has ended; it kills after fewer."""

_PASSED_ON = {
    *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "TZ", "TMPDIR", "PYTHONWARNINGS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "MELTANO_DATABASE_URI"),
}
"""All that a run inherits, with ``MELTANO_STATE_BACKEND_*``: no ``TAP_*`` of another account."""

_CHILD = re.compile(rb"Added '(\w+)' as child stream to '(\w+)'")
"""The SDK's log is the only place that tells it: a catalog knows no parents."""


@dataclasses.dataclass(frozen=True)
class Stream:
    """A stream of a catalog.

    Args:
        name: Its name.
        parent: The stream whose records it is read for; empty: none.
        is_default: Whether the tap selects it by itself.
        is_whole: Whether each run reads all of it.
    """

    name: str
    parent: str
    is_default: bool
    is_whole: bool


@functools.cache
def plugins(kind: str) -> dict[str, dict[str, bool]]:
    """The settings of each plugin of ``meltano.yml``, with whether they are secret.

    Args:
        kind: ``extractors`` or ``loaders``.
    """
    text = (PROJECT / "meltano.yml").read_text(encoding="utf-8")
    return {
        plugin["name"]: {it["name"]: bool(it.get("sensitive")) for it in plugin["settings"]}
        for plugin in yaml.safe_load(text)["plugins"][kind]
    }


def _catalog_file(tap: str) -> Path:
    """The file that keeps what a tap discovered, so that neither a load nor a run has to ask it."""
    return PROJECT / ".meltano" / "accounts" / f"{tap}.catalog.json"


def discover(taps: Iterable[str]) -> None:
    """Keep the catalogs of taps.

    Raises:
        AccountsError: A tap is not installed, or cannot tell.
    """
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(_discover, sorted(set(taps))))


def _discover(tap: str) -> None:
    program = PROJECT / ".meltano" / "extractors" / tap / "venv" / "bin" / tap
    try:
        done = subprocess.run(  # noqa: S603 - a tap of meltano.yml
            [program, "--discover"], env=_inherited(), capture_output=True, timeout=120, check=True
        )
        catalog = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        msg = f"{tap} does not tell its streams ({type(error).__name__}): meltano install {tap}"
        raise AccountsError(msg) from None
    catalog["parents"] = {
        child.decode(): parent.decode() for child, parent in _CHILD.findall(done.stderr)
    }
    _write(_catalog_file(tap), catalog)


def _write(file: Path, content: t.Any) -> None:
    """Replace a file as a whole, since others read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
        json.dump(content, new)
    Path(new.name).replace(file)


@functools.cache
def _catalog(tap: str) -> dict[str, t.Any]:
    if not _catalog_file(tap).is_file():
        discover([tap])
    found: dict[str, t.Any] = json.loads(_catalog_file(tap).read_bytes())
    return found


def _metadata(entry: dict[str, t.Any], *field: str) -> dict[str, t.Any] | None:
    """The metadata of a stream of a catalog, or of a field of it; None: there is no such field."""
    breadcrumb = [part for name in field for part in ("properties", name)]
    found = (it["metadata"] for it in entry["metadata"] if it["breadcrumb"] == breadcrumb)
    return next(found, None)


@functools.cache
def streams(tap: str) -> dict[str, Stream]:
    """The streams of a tap by name, parents first."""
    catalog = _catalog(tap)
    found = {
        entry["tap_stream_id"]: Stream(
            entry["tap_stream_id"],
            parent=catalog["parents"].get(entry["tap_stream_id"], ""),
            is_default=bool((_metadata(entry) or {}).get("selected")),
            is_whole=entry["replication_method"] == "FULL_TABLE",
        )
        for entry in catalog["streams"]
    }

    def depth(name: str) -> int:
        return 1 + depth(found[name].parent) if name else 0

    return {name: found[name] for name in sorted(found, key=depth)}


def selected(account: Account) -> list[Stream]:
    """The streams that an account is read for, parents first."""
    wanted = account.streams
    return [
        stream
        for stream in streams(account.tap).values()
        if stream.name in wanted or (stream.is_default and not wanted)
    ]


def _catalog_of(account: Account, wanted: Collection[str]) -> dict[str, t.Any]:
    """The catalog with some streams selected, and without the fields that are left out.

    Meltano selects nothing in a catalog that it is handed.

    Args:
        account: Whose.
        wanted: Names of streams.
    """
    entries = copy.deepcopy(_catalog(account.tap)["streams"])
    for entry in entries:
        (_metadata(entry) or {})["selected"] = entry["tap_stream_id"] in wanted
        for stream, *field in account.left_out:
            if stream == entry["tap_stream_id"] and (about := _metadata(entry, *field)):
                about["selected"] = False
    return {"streams": entries}


def check(fleet: Fleet) -> None:
    """Compare the accounts with ``meltano.yml`` and the taps' catalogs.

    Raises:
        AccountsError: Something is not there, or a secret stands among the settings.
    """
    for name, target in fleet.targets.items():
        _check_plugin(f"target '{name}'", "loader", target.loader, target)
    for account in fleet.accounts:
        here = f"account '{account.name}'"
        _check_plugin(here, "tap", account.tap, account)
        entries = {it["tap_stream_id"]: it for it in _catalog(account.tap)["streams"]}
        for stream, *field in (*((it,) for it in account.streams), *account.left_out):
            if stream not in entries:
                msg = f"{here}: select: {account.tap} has no stream '{stream}'"
                raise AccountsError(msg)
            if _metadata(entries[stream], *field) is None:
                msg = f"{here}: select: '{stream}' has no field '{'.'.join(field)}'"
                raise AccountsError(msg)


def _check_plugin(here: str, field: str, name: str, given: Account | Target) -> None:
    known = plugins("extractors" if field == "tap" else "loaders")
    if name not in known:
        msg = f"{here}: {field}: meltano.yml has no '{name}', only {', '.join(known)}"
        raise AccountsError(msg)
    for setting in (*given.settings, *given.credentials):
        if setting not in known[name]:
            group = "settings" if setting in given.settings else "credentials"
            msg = f"{here}: {group}: {name} has no setting '{setting}'"
            raise AccountsError(msg)
    for setting in given.settings:
        if known[name][setting]:
            msg = f"{here}: settings.{setting}: a secret: name its place under credentials"
            raise AccountsError(msg)


def prepare_database() -> None:
    """Bring Meltano's database up to date, before many runs find at once that it is not.

    Raises:
        AccountsError: It cannot be reached.
    """
    if "MELTANO_DATABASE_URI" not in os.environ:
        return
    done = subprocess.run(  # noqa: S603 - our own command
        [_meltano(), f"--env-file={os.devnull}", "state", "list"],
        cwd=PROJECT,
        env=_inherited() | {"MELTANO_SYS_DIR_ROOT": str(_folder("_fleet"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        msg = "MELTANO_DATABASE_URI: Meltano cannot use this database: meltano state list"
        raise AccountsError(msg)


@dataclasses.dataclass(frozen=True)
class Order:
    """A run that is asked for.

    Args:
        account: Whose.
        target: Where to.
        run_id: Its id, a UUID.
        state: The suffix of the state's id.
        streams: Names of the streams to read.
        changes: Settings of the tap for this run alone.
    """

    account: Account
    target: Target
    run_id: str
    state: str
    streams: Collection[str]
    changes: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def secrets(self) -> dict[str, str]:
        """The secrets by the variables that Meltano knows them by.

        Raises:
            AccountsError: One is not there.
        """
        account, target = self.account, self.target
        here = f"account '{account.name}'"
        return {
            **_read(f"{here}: credentials", account.tap, account.credentials),
            **_read(f"target '{account.target}': credentials", target.loader, target.credentials),
        }

    @property
    def _catalog_file(self) -> Path:
        return _folder(self.account.name) / "catalog.json"

    def prepare(self) -> None:
        """Write the files that the run needs."""
        _write(self._catalog_file, _catalog_of(self.account, self.streams))

    @property
    def environment(self) -> dict[str, str]:
        """All variables of the run."""
        account, target = self.account, self.target
        settings = {"start_date": account.start_date, **account.settings, **self.changes}
        # A schema for each account, by Meltano's own setting of where a tap is loaded.
        extras = {"_load_schema": account.name, "_catalog": str(self._catalog_file)}
        return {
            **_inherited(),
            "MELTANO_SYS_DIR_ROOT": str(_folder(account.name)),
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
            **_variables(account.tap, {**extras, **settings}),
            **_variables(
                target.loader,
                {
                    name: value.replace("{account}", account.name)
                    if isinstance(value, str)
                    else value
                    for name, value in target.settings.items()
                },
            ),
            **self.secrets,
        }

    @property
    def command(self) -> list[str]:
        """The guard, with Meltano to guard.

        Meltano would refuse to start for minutes after a run was killed; that no other run has this
        state is the token's pool and the guard's lock here, so it is told not to mind.
        """
        locks = PROJECT / ".meltano" / "accounts" / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        run = ["--no-install", "--force", "--run-id", self.run_id, "--state-id-suffix", self.state]
        return [
            *(sys.executable, "-I", str(GUARD), str(locks / self.account.pool)),
            *(_meltano(), f"--env-file={os.devnull}", "--log-format=json"),
            *("run", *run, self.account.tap, self.target.loader),
        ]


def _read(where: str, plugin: str, credentials: t.Mapping[str, Secret]) -> dict[str, str]:
    return {
        _variable(plugin, name): secret.read(f"{where}.{name}")
        for name, secret in credentials.items()
    }


def _variables(plugin: str, settings: t.Mapping[str, t.Any]) -> dict[str, str]:
    return {
        _variable(plugin, name): value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }


def _variable(plugin: str, setting: str) -> str:
    return f"{plugin}_{setting}".replace("-", "_").upper()


def _inherited() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith("MELTANO_STATE_BACKEND_")
    }


def _meltano() -> str:
    beside = Path(sys.executable).with_name("meltano")
    return str(beside) if beside.is_file() else shutil.which("meltano") or "meltano"


def _folder(name: str) -> Path:
    """A system directory for Meltano, with links to what is installed."""
    folder = PROJECT / ".meltano" / "accounts" / name
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("extractors", "loaders"):
        with contextlib.suppress(FileExistsError):
            (folder / kind).symlink_to(Path("..", "..", kind), target_is_directory=True)
    return folder


class Process:
    """A run of Meltano below its guard; leaving it ends all that it has started.

    Args:
        order: The run that is asked for.
    """

    def __init__(self, order: Order) -> None:
        """Say what is to be started."""
        self._order = order
        self.exit_code: int | None = None

    @contextlib.contextmanager
    def lines(self) -> Iterator[t.IO[str]]:
        """Start it, and hand out the lines that it writes, until it has ended."""
        self._order.prepare()
        with subprocess.Popen(  # noqa: S603 - our own command
            self._order.command,
            cwd=PROJECT,
            env=self._order.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C ends it by its pipe, in order
        ) as process:
            try:
                yield t.cast("t.IO[str]", process.stdout)
                self.exit_code = process.wait()
            finally:
                t.cast("t.IO[str]", process.stdin).close()
                process.wait(PATIENCE)
