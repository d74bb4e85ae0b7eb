"""Outages, and what waiting costs. A second of the growing waits lasts a few milliseconds here."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from resilience.cases import Case
from resilience.play import play
from resilience.target import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilience.stage import Stage

PATIENCE = 0.008
TEN_MINUTES = 600 * PATIENCE
DEFAULT_TRIES = 20


def outage(seconds: float) -> Case:
    return Case(
        f"an outage of {seconds} s",
        "an outage",
        faults=({"kind": "refused", "at": 4, "seconds": seconds},),
        settings={"max_tries": DEFAULT_TRIES},
        patience=PATIENCE,
    )


@pytest.mark.parametrize("name", ["tap-dixa/messages", "tap-zendesk-chat/chats"])
def test_ten_minutes_in_the_middle_are_survived_with_default_settings(
    stage_of: Callable[[str], Stage], name: str
) -> None:
    runs = play(stage_of(name), outage(TEN_MINUTES), None)
    assert [run.written.code for run in runs] == [0]
    assert runs[0].written.seconds > TEN_MINUTES


def test_a_day_ends_the_run_cleanly_and_the_next_one_goes_on(stage: Stage) -> None:
    case = Case(
        "a day",
        "an outage",
        faults=({"kind": "status", "status": 503, "at": range(4, 1000)},),
        settings={"max_tries": DEFAULT_TRIES},
        patience=PATIENCE / 5,
        fails=True,
    )
    failed, resumed = play(stage, case, None)
    assert failed.written.code == 1
    assert resumed.written.code == 0
    assert failed.state is None
    assert resumed.state is not None
    assert b"gave up after 20 tries" in failed.written.stderr


@pytest.mark.parametrize(("harm", "code"), [("term", 143), ("int", 130)])
def test_a_signal_cuts_a_wait_short(stage: Stage, harm: str, code: int) -> None:
    stage.set_up(Case("a wait", "", faults=(waiting(60),)))
    written = stage.run(Case("a wait", ""), None, Stop("in a wait", 1, harm))  # type: ignore[arg-type]
    assert written.code == code
    assert written.seconds < 30
    assert b"trying again in 60 s" in written.stderr


def test_waiting_uses_no_cpu(stage: Stage) -> None:
    case = Case("a wait", "", faults=(waiting(3),))
    stage.set_up(case)
    written = stage.run(case, None, None)
    assert written.code == 0
    assert written.seconds > 3
    stage.set_up(Case("no wait", ""))
    without = stage.run(case, None, None)
    assert written.cpu - without.cpu < 0.5


def test_connections_refused_use_no_cpu_either(stage: Stage) -> None:
    stage.set_up(Case("refused", ""))
    stage.box.pause_listening()
    started = time.monotonic()
    resume = threading.Timer(2.0, stage.box.resume_listening)
    resume.start()
    case = Case("refused", "", settings={"max_tries": DEFAULT_TRIES}, patience=PATIENCE)
    written = stage.run(case, None, None)
    resume.join()
    assert written.code == 0
    assert time.monotonic() - started > 2
    assert written.cpu < 1


def waiting(seconds: int) -> dict[str, object]:
    return {"kind": "status", "status": 503, "retry_after": seconds, "at": 3}
