"""One case: runs that are harmed, resumed from the last STATE, until the data is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience.cases import Case, Course
from resilience.checks import Broken, Ledger, check_end, check_run
from resilience.runs import Run
from resilience.singer import BadLineError, last_state
from resilience.truth import truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilience.stage import Stage
    from resilience.target import Stop

_MOST_RUNS = 12


def course_of(stage: Stage) -> Course:
    """Find out what an undisturbed run does.

    Raises:
        Broken: It does not even get through undisturbed.
    """
    case = Case("undisturbed", "undisturbed")
    runs = play(stage, case, None)
    run = runs[0]
    stage.usual = run.written.seconds
    return Course(
        requests=len(run.requests),
        records=run.written.whole.count(b'\n{"type":"RECORD"'),  # of a parent as well
        states=run.written.whole.count(b'\n{"type":"STATE"'),
        size=len(run.written.whole),
    )


def play(stage: Stage, case: Case, course: Course | None) -> list[Run]:
    """Play a case and check everything that must hold.

    Args:
        stage: Where.
        case: What.
        course: What an undisturbed run does; None where that is being found out.

    Raises:
        Broken: A checkpoint is broken.
    """
    stage.set_up(case)
    ledger = Ledger(stage.subject, stage.truth, case)
    ledger.moved = stage.moved
    runs = []
    for run in _runs(stage, case):
        runs.append(run)
        ledger.take(run)
        check_run(stage, case, run, ledger, course)
    check_end(ledger, truth_of(stage.box, stage.subject) if case.moves else stage.truth)
    if stage.box.failures:
        msg = f"a defect of the sandbox: {stage.box.failures[0]!r}"
        raise Broken(msg)
    return runs


def _runs(stage: Stage, case: Case) -> Iterator[Run]:
    """Harmed runs, the one that completes, and for data that moved the one of the next day."""
    state: dict[str, Any] | None = None
    stops: list[Stop | None] = [*case.stops, None]
    if case.fails and not case.stops:
        stops = [None, None]
    if case.moves:
        stops.append(None)
    for number, stop in enumerate(stops):
        is_hopeless = case.fails and number == 0
        is_later = bool(case.moves) and number == len(stops) - 1
        sink = case.sink if number == 0 else "pipe"
        if is_later:
            stage.behave()  # what has not moved by now does not move any more
        written = stage.run(case, state, stop, later=is_later, sink=sink)
        try:
            seen = stage.reader.messages(written.seen)
            whole = seen
            if len(written.whole) > len(written.seen):
                whole = stage.reader.messages(written.whole)
        except BadLineError as error:
            raise Broken(str(error)) from None
        requests = stage.requests
        strikes = sum(bool(request.faults) for request in requests)
        yield Run(written, seen, whole, state, requests, strikes, stop, is_later, is_hopeless)
        state = last_state(seen) or state
        if is_hopeless:
            stage.behave()
