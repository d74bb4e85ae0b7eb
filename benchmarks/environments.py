"""The peers' environments: each installed from PyPI, each in a venv of its own."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import typing as t
import venv

from benchmarks.sandboxes import ROOT

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PACKAGES: dict[str, Sequence[str]] = {
    "singer-io": ("tap-dixa==1.0.10",),
    "singer-sdk": ("singer-sdk==0.54.9",),
    "airbyte": ("airbyte-cdk==7.39.1",),
    "dlt": ("dlt==1.31.0", "psycopg2-binary"),
    "meltano": ("meltano==4.4.1",),
    "target-jsonl": ("target-jsonl==0.1.4",),
    "target-postgres": ("meltanolabs-target-postgres==0.8.1",),
    "pipelinewise-target-postgres": ("pipelinewise-target-postgres==2.1.2",),
}
"""Packages by the name of the environment; the first one gives the version."""


@dataclasses.dataclass(frozen=True)
class Environments:
    """Venvs under one folder; one that is there already is taken as it is."""

    folder: Path

    def bin(self, name: str, program: str = "python") -> str:
        """A program of an environment, which is made if it is not there."""
        # What `make install` has made already; its pins cannot be had for every Python.
        tool = ROOT / ".meltano" / "tools" / name
        path = tool if tool.exists() else self.folder / name
        if not (path / "bin" / "python").exists():
            print(f"installing {', '.join(PACKAGES[name])}", file=sys.stderr)
            venv.create(path, with_pip=True)
            subprocess.run(  # noqa: S603 - our own command
                [str(path / "bin" / "python"), "-m", "pip", "install", "-q", *PACKAGES[name]],
                check=True,
            )
        return str(path / "bin" / program)

    def version(self, name: str) -> str:
        """Name and version of what is installed."""
        package = PACKAGES[name][0].partition("==")[0]
        return f"{package} {version_in(self.bin(name), package)}"


def version_in(python: str, package: str) -> str:
    """The version of a package in an environment, or "unknown"."""
    code = f"import importlib.metadata as m, json; print(json.dumps(m.version({package!r})))"
    done = subprocess.run(  # noqa: S603 - our own command
        [python, "-c", code], check=False, capture_output=True, text=True
    )
    return str(json.loads(done.stdout)) if done.returncode == 0 else "unknown"
