"""The guard leaves no process behind, however its own parent ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from support_fleet import guard

from tests.conftest import PATIENCE

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Starts a child; both write their ids, and the child takes no notice of SIGTERM if it is told to.
FAMILY = """
import os, signal, subprocess, sys, time
deaf, folder = sys.argv[1:]
if deaf == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
path = f"{folder}/{'parent' if child else 'child'}"
with open(path + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(path + ".new", path)
time.sleep(600)
"""
# A parent that is killed: the guard's standard input is a pipe from it.
PARENT = """
import subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
print(process.pid, flush=True)
process.wait()
"""


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def lives(process: int) -> bool:
    """Whether a process is there, and no zombie."""
    command = ["ps", "-o", "stat=", "-p", str(process)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


class Family:
    """A guarded program with a child.

    Args:
        folder: Where it writes.
        kind: ``deaf`` or anything else.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        folder.mkdir()
        # Patience is cut short: nothing waits for it to pass but a program that is deaf.
        shortened = f"import sys; sys.path.insert(0, {str(Path(guard.__file__).parent)!r}); "
        shortened += "import guard; guard.PATIENCE = 0.5; sys.exit(guard.main(*sys.argv[1:]))"
        command = [sys.executable, "-I", "-c", shortened, str(folder.parent / "lock")]
        command += [sys.executable, "-c", FAMILY, kind, str(folder)]
        self.folder = folder
        self.parent = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", PARENT, *command], stdout=subprocess.PIPE, text=True
        )
        assert self.parent.stdout
        self.guard = int(self.parent.stdout.readline())

    @property
    def members(self) -> list[int]:
        """The guarded program and its child, as soon as both have started."""
        until(lambda: all((self.folder / name).exists() for name in ("parent", "child")))
        return [int((self.folder / name).read_text()) for name in ("parent", "child")]

    def close(self) -> None:
        """End it."""
        for process in (self.parent.pid, self.guard):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        self.parent.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, str], Family]]:
    with contextlib.ExitStack() as stack:

        def start(name: str, kind: str) -> Family:
            family = Family(tmp_path / name, kind)
            stack.callback(family.close)
            return family

        yield start


@pytest.mark.parametrize("kind", ["polite", "deaf"])
def test_a_killed_parent_leaves_no_process(start: Callable[[str, str], Family], kind: str) -> None:
    family = start("one", kind)
    members = family.members
    assert all(map(lives, members))
    family.parent.kill()
    until(lambda: not any(map(lives, [family.guard, *members])))


def test_a_program_that_is_killed_leaves_no_child(start: Callable[[str, str], Family]) -> None:
    family = start("one", "polite")
    program, child = family.members
    os.kill(program, signal.SIGKILL)
    until(lambda: not any(map(lives, [family.guard, child])))


def test_a_guard_that_is_told_to_end_ends_what_it_guards(
    start: Callable[[str, str], Family],
) -> None:
    family = start("one", "polite")
    members = family.members
    os.kill(family.guard, signal.SIGTERM)
    until(lambda: not any(map(lives, [family.guard, *members])))


def test_a_second_guard_waits_until_all_of_the_first_is_gone(
    start: Callable[[str, str], Family],
) -> None:
    first = start("one", "deaf")
    members = first.members
    second = start("two", "polite")
    first.parent.kill()
    assert second.members
    assert not any(map(lives, members))


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_exit_code_is_passed_on(tmp_path: Path, script: str, code: int) -> None:
    command = [sys.executable, "-I", guard.__file__, str(tmp_path / "lock"), "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603
        assert process.wait(PATIENCE) == code
