"""One case: runs that are harmed, resumed from the last STATE, until the data is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience.cases import Case, Course
from resilience.checks import Broken, Ledger, faults_at_the_end, faults_of_run
from resilience.expected import truth_of
from resilience.runs import Run
from resilience.singer import BadLineError, last_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilience.stage import Stage
    from resilience.target import Stop


def course_of(stage: Stage) -> Course:
    """Find out what an undisturbed run does.

    Raises:
        Broken: It does not even get through undisturbed.
    """
    (run,) = play(stage, Case("undisturbed", "undisturbed"), None)
    stage.usual = run.written.seconds
    whole = run.written.whole
    records = whole.count(b'\n{"type":"RECORD"')  # of a parent as well
    return Course(len(run.requests), records, whole.count(b'\n{"type":"STATE"'), len(whole))


def play(stage: Stage, case: Case, course: Course | None) -> list[Run]:
    """Play a case and check everything that must hold.

    Args:
        stage: Where.
        case: What.
        course: What an undisturbed run does; None where that is being found out.

    Raises:
        Broken: A promise is broken.
    """
    stage.set_up(case)
    ledger = Ledger(stage.subject, stage.truth, case, stage.moved)
    runs = []
    for run in _runs(stage, case):
        runs.append(run)
        _refuse(ledger.faults(run))
        _refuse(faults_of_run(stage, case, run, ledger, course))
    truth = truth_of(stage.box, stage.subject) if case.moves else stage.truth
    _refuse(faults_at_the_end(ledger, truth))
    _refuse(f"a defect of the sandbox: {failure!r}" for failure in stage.box.failures)
    return runs


def _refuse(faults: Iterator[str]) -> None:
    for fault in faults:
        raise Broken(fault)


def _runs(stage: Stage, case: Case) -> Iterator[Run]:
    """Harmed runs, the one that completes, and for data that moved the one of the next day."""
    state: dict[str, Any] | None = None
    stops: list[Stop | None] = [*case.stops, None]
    if case.fails and not case.stops:
        stops.append(None)
    if case.moves:
        stops.append(None)
    for number, stop in enumerate(stops):
        is_first, is_later = number == 0, bool(case.moves) and number == len(stops) - 1
        if is_later:
            stage.behave()  # what has not moved by now does not move any more
        sink = case.sink if is_first else "pipe"
        written = stage.run(case, state, stop, later=is_later, sink=sink)
        try:
            seen, whole = map(stage.reader.messages, (written.seen, written.whole))
        except BadLineError as error:
            raise Broken(str(error)) from None
        is_hopeless = case.fails and is_first
        yield Run(written, seen, whole, state, stage.requests, stop, is_hopeless)
        state = last_state(seen) or state
        if is_hopeless:
            stage.behave()
