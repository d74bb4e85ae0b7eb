"""Taps, targets and Meltano as processes of their own, and where their programs are.

The targets and Meltano are installed beforehand, each in an environment of its own, by
``make install``. They are found in the project's ``.meltano`` and beside this Python, or where
these variables say: ``TARGET_POSTGRES``, ``TARGET_JSONL``, ``MELTANO``,
``PIPELINEWISE_TARGET_POSTGRES`` and ``SINGER_TOOLS`` (programs), and ``TARGETS_PROJECT`` (a folder
with a ``meltano.yml`` and a ``.meltano``; default: this project).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from scripts import taps
from tests.conftest import exports_only

from .truth import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sandbox import Sandbox
    from sandbox.vendor import Vendor

PATIENCE = 300.0
"""Seconds after which a process is given up."""

START, END = "2025-01-01", "2025-04-01"
"""Settings of a first run: all that the sandbox has."""

_RECORDS_READ = re.compile(r"completed processing .*?, (\d+) records")


def program(variable: str, *places: Path) -> str:
    """The path of a program; a failed test when it is nowhere."""
    if found := os.environ.get(variable):
        places = (Path(found),)
    for place in places:
        if place.is_file():
            return str(place)
    looked = ", ".join(map(str, places))
    pytest.fail(f"no {looked}: `make install` installs it (or set {variable})", pytrace=False)


def meltano_project() -> Path:
    """The folder whose ``meltano.yml`` and installed plugins are used."""
    return Path(os.environ.get("TARGETS_PROJECT", PROJECT))


def loader(name: str) -> str:
    """The program of a target."""
    venv = meltano_project() / ".meltano" / "loaders" / name / "venv"
    return program(name.replace("-", "_").upper(), venv / "bin" / name)


def tool(package: str, name: str) -> str:
    """A program that no project needs, only these tests."""
    venv = meltano_project() / ".meltano" / "tools" / package
    return program(package.replace("-", "_").upper(), venv / "bin" / name)


def meltano() -> str:
    """The program of Meltano."""
    beside, on_path = Path(sys.executable).with_name("meltano"), shutil.which("meltano")
    return program("MELTANO", beside, *([Path(on_path)] if on_path else []))


def environment() -> dict[str, str]:
    """This process's, without what could configure a tap, a target, Meltano or PostgreSQL."""
    configures = re.compile(r"(TAP|TARGET|MELTANO)_.*|PG[A-Z]+|.*LOGLEVEL")
    return {name: value for name, value in os.environ.items() if not configures.fullmatch(name)}


def tap_config(box: Sandbox, vendor: str, **changes: Any) -> dict[str, Any]:
    """A configuration with small windows and pages, so that a run consists of many."""
    declared = taps.taps()[taps.tap_of(vendor)].config_jsonschema["properties"]
    small = {"page_size": 30}
    if "window_days" in declared:
        small |= {"window_days": 10, "lookback_minutes": 10}
    return {
        **box.vendors[vendor].config,
        "start_date": START,
        "end_date": END,
        "rate_limit_share": 1_000_000,
        **{name: value for name, value in small.items() if name in declared},
        **changes,
    }


def more(vendor: Vendor, stream: str, count: int, at: datetime) -> list[dict[str, Any]]:
    """More records at one moment, as far as the sandbox makes such by itself."""
    try:
        return vendor.make(stream, count, at)
    except ValueError:
        return []


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a tap and a target.

    Args:
        tap_code: Exit code of the tap.
        target_code: Exit code of the target.
        emitted: What the tap wrote, as far as it went to the target.
        states: What the target wrote: states that it has made good.
        tap_log: The tap's log.
        target_log: The target's log.
    """

    tap_code: int
    target_code: int
    emitted: bytes
    states: bytes
    tap_log: str
    target_log: str

    @property
    def state(self) -> dict[str, Any] | None:
        """The last state that the target has made good."""
        lines = self.states.splitlines()
        return json.loads(lines[-1]) if lines else None

    def records(self, stream: str) -> list[dict[str, Any]]:
        """The records of a stream that went to the target."""
        messages = [json.loads(line) for line in self.emitted.splitlines(keepends=False)]
        return [
            message["record"]
            for message in messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def succeeded(self) -> Outcome:
        """Itself, if both ended well."""
        assert self.tap_code == 0, self.tap_log
        assert self.target_code == 0, self.target_log
        return self


class Pipeline:
    """``tap --config … --state … | target --config …``.

    Args:
        folder: Where its files go.
        vendor: Whose tap.
        target: The target's program.
        target_config: The target's configuration.
        variables: Further environment variables.
        catalog: Makes the catalog of a tap by its package.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        folder: Path,
        vendor: str,
        target: str,
        target_config: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
        catalog: Callable[[str], Any] = exports_only,
    ) -> None:
        self.folder = folder
        self.vendor = vendor
        text = catalog(f"tap_{vendor}")
        self._catalog = self._file(
            "catalog.json", json.loads(text) if isinstance(text, str) else text
        )
        self._target = [target, "--config", self._file("target.json", target_config)]
        self._environment = {**environment(), **(variables or {})}

    def run(self, config: Mapping[str, Any], state: Any = None) -> Outcome:
        """Run it to its end, as a shell does; `tee` keeps a copy of what goes through."""
        copy = self.folder / "emitted.jsonl"
        with ExitStack() as stack:
            tap = self._start(stack, "tap", self._tap(config, state))
            tee = self._start(stack, "tee", ["tee", str(copy)], tap.stdout)
            target = self._start(stack, "target", self._target, tee.stdout)
            for feeding in (tap, tee):
                assert feeding.stdout is not None
                feeding.stdout.close()  # only the next process reads it, and notices its end
            states, _ = target.communicate(timeout=PATIENCE)
            tap.wait(PATIENCE)
            tee.wait(PATIENCE)
        return self._outcome(tap, target, copy.read_bytes(), states)

    def run_until(
        self, config: Mapping[str, Any], *, kill: str, state: Any = None, cut: bool = False
    ) -> Outcome:
        """Run it until it is in the middle of a page, then kill the tap or the target.

        The middle is where at least three states have come, and five records after the last.

        Args:
            config: The tap's configuration.
            kill: `tap` or `target`: killed by signal 9, so that it can do nothing more.
            state: The tap's state.
            cut: The tap is killed half-way through a line.
        """
        with ExitStack() as stack:
            tap = self._start(stack, "tap", self._tap(config, state))
            target = self._start(stack, "target", self._target, subprocess.PIPE)
            assert tap.stdout is not None
            assert target.stdin is not None
            passed: list[bytes] = []
            since_state, states = 0, 0
            for line in tap.stdout:
                is_record = line.startswith(b'{"type":"RECORD"')
                if is_record and states >= 3 and since_state >= 5:
                    if cut:
                        passed.append(line[: len(line) // 2])
                    break
                passed.append(line)
                since_state = since_state + 1 if is_record else 0
                states += line.startswith(b'{"type":"STATE"')
            else:
                pytest.fail("the run ended before its middle was reached")
            target.stdin.write(b"".join(passed))
            target.stdin.flush()
            if kill == "target":
                self._wait_for_log("target", "Inserting")
                target.kill()
                tap.stdout.close()
            else:
                tap.kill()
            done, _ = target.communicate(timeout=PATIENCE)
            tap.wait(PATIENCE)
        return self._outcome(tap, target, b"".join(passed), done)

    def _tap(self, config: Mapping[str, Any], state: Any) -> list[str]:
        command = [sys.executable, "-m", f"tap_{self.vendor}"]
        command += ["--config", self._file("tap.json", config), "--catalog", self._catalog]
        return command + (["--state", self._file("state.json", state)] if state else [])

    def _file(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def _start(
        self,
        stack: ExitStack,
        name: str,
        command: Sequence[str],
        stdin: int | IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        log = stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = stack.enter_context(
            subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=PROJECT,
                env=self._environment,
            )
        )
        stack.callback(process.kill)
        return process

    def _log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _wait_for_log(self, name: str, words: str) -> None:
        until = time.monotonic() + PATIENCE
        while words not in self._log(name):
            assert time.monotonic() < until, f"no {words!r} in the log: {self._log(name)}"
            time.sleep(0.02)

    def _outcome(
        self,
        tap: subprocess.Popen[bytes],
        target: subprocess.Popen[bytes],
        emitted: bytes,
        states: bytes,
    ) -> Outcome:
        codes = tap.returncode, target.returncode
        return Outcome(*codes, emitted, states, self._log("tap"), self._log("target"))
