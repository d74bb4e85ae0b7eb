"""The harness itself: what it aims at, how it reads, and what it counts."""

from __future__ import annotations

import json

import pytest

from resilience.cases import FAULTS, Case, Course, cases_of, sample
from resilience.checks import Ledger, faults_at_the_end
from resilience.expected import Expected, Truth
from resilience.mutants import MUTANTS
from resilience.report import markdown
from resilience.runs import Run
from resilience.singer import BadLineError, Message, Reader, last_state, marks
from resilience.subjects import SUBJECTS
from resilience.target import Aim, Stop, Written
from resilience.workers import Result

COURSE = Course(requests=8, records=60, states=8, size=100_000)
DIXA = SUBJECTS["tap-dixa/conversations"]
RECORD = b'{"type":"RECORD","stream":"conversations","record":{"id":1}}\n'
STATE = b'{"type":"STATE","value":{}}\n'
PROPERTIES = b'{"id":{"type":"integer"},"at":{"type":["string","null"],"format":"date-time"}}'
SCHEMA_LINE = (
    b'{"type":"SCHEMA","stream":"conversations","schema":{"properties":' + PROPERTIES + b"}}\n"
)
OUTPUT = SCHEMA_LINE + RECORD + RECORD + STATE + RECORD + STATE
FIRST_STATE = OUTPUT.index(STATE)


def test_a_full_run_has_two_thousand_distinct_points() -> None:
    cases = [(name, case.name) for name, s in SUBJECTS.items() for case in cases_of(s, COURSE, 1)]
    assert len(set(cases)) == len(cases) > 2000


def test_every_kind_of_fault_is_played_for_every_stream() -> None:
    for subject in SUBJECTS.values():
        assert {case.kind for case in cases_of(subject, COURSE, 1)} >= set(FAULTS)


def test_a_seed_decides_everything() -> None:
    assert cases_of(DIXA, COURSE, 5) == cases_of(DIXA, COURSE, 5)
    assert cases_of(DIXA, COURSE, 5) != cases_of(DIXA, COURSE, 6)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fits_the_functions_that_it_breaks(name: str) -> None:
    for function, code in MUTANTS[name].broken():
        sound, function.__code__ = function.__code__, code
        function.__code__ = sound
        assert code.co_code != sound.co_code or code.co_consts != sound.co_consts


@pytest.mark.parametrize("tap", {subject.tap: None for subject in SUBJECTS.values()})
def test_a_sample_of_a_taps_streams_holds_every_kind(tap: str) -> None:
    streams = [cases_of(subject, COURSE, 1) for subject in SUBJECTS.values() if subject.tap == tap]
    kinds = {case.kind for cases in streams for case in cases}
    chosen = [sample(cases, 1, turn, len(streams)) for turn, cases in enumerate(streams)]
    assert {case.kind for cases in chosen for case in cases} == kinds
    kills = {kind for kind in kinds if kind.startswith("kill")}
    assert all(kills <= {case.kind for case in cases} for cases in chosen)


@pytest.mark.parametrize(
    ("stop", "offset"),
    [
        (Stop("after a SCHEMA", 1), OUTPUT.index(b"\n") + 1),
        (Stop("in a RECORD", 2, inside=7), OUTPUT.index(RECORD) + len(RECORD) + 7),
        (Stop("in a RECORD", 1, inside=999), OUTPUT.index(RECORD) + len(RECORD) - 1),
        (Stop("before a STATE", 1), FIRST_STATE),
        (Stop("after a STATE", 1), FIRST_STATE + len(STATE)),
        (Stop("before a STATE", 2), len(OUTPUT) - len(STATE)),
        (Stop("at a byte", 10), 10),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_the_aim_is_the_same_however_the_output_arrives(stop: Stop, offset: int, step: int) -> None:
    aim, output = Aim(stop), bytearray()
    for start in range(0, len(OUTPUT), step):
        output += OUTPUT[start : start + step]
        if (found := aim.offset(output)) is not None:
            assert found == offset
            return
    pytest.fail("it never struck")


def test_a_line_that_is_cut_off_is_no_message() -> None:
    reader = Reader(DIXA)
    assert [message.kind for message in reader.messages(OUTPUT[:-5])] == [
        "SCHEMA", "RECORD", "RECORD", "STATE", "RECORD",
    ]  # fmt: skip
    with pytest.raises(BadLineError):
        reader.messages(b'{"type":"REC\n' + RECORD)


@pytest.mark.parametrize("record", [b'{"id":1,"new":2}', b'{"id":"1"}', b'{"id":1,"at":"soon"}'])
def test_a_record_that_does_not_keep_to_its_schema_is_seen(record: bytes) -> None:
    line = RECORD.replace(b'{"id":1}', record)
    with pytest.raises(BadLineError, match=r"SCHEMA|valid"):
        Reader(DIXA).messages(SCHEMA_LINE + RECORD + line)
    null = RECORD.replace(b"}}", b',"new":null,"at":null}}')
    assert len(Reader(DIXA).messages(SCHEMA_LINE + RECORD + null)) == 3


def test_the_last_whole_state_is_the_one_to_resume_from() -> None:
    lines = b"".join(
        json.dumps({"type": "STATE", "value": {"bookmarks": {"conversations": mark}}}).encode()
        + b"\n"
        for mark in (
            {"replication_key_value": "2025-01-07T00:00:00.001Z"},
            {"replication_key_value": "2025-01-08T00:00:00Z"},
        )
    )
    state = last_state(Reader(DIXA).messages(lines[:-1]))
    assert marks(state, "conversations")[""].until == 1736208000001_000_000


def ledger_after(*messages: Message) -> tuple[Ledger, list[str]]:
    truth: Truth = {(1,): Expected("one", 10**18, "", 1), (2,): Expected("two", 2 * 10**18, "", 2)}
    ledger = Ledger(DIXA, truth, Case("", ""), set())
    written = Written(b"", b"", b"", 0, struck=False, hung=False, seconds=0)
    run = Run(written, list(messages), [], None, [], None, is_hopeless=False)
    return ledger, list(ledger.faults(run))


def state(moment: str) -> Message:
    bookmark = {"replication_key_value": moment}
    return Message("STATE", value={"bookmarks": {"conversations": bookmark}})


SCHEMA = Message("SCHEMA")
ONE = Message("RECORD", (1,), "one")
TWO = Message("RECORD", (2,), "two")


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([SCHEMA, state("2010-01-01T00:00:00Z")], "passed the record"),
        ([SCHEMA, Message("RECORD", (1,), "0ne"), state("2010-01-01T00:00:00Z")], "differs"),
        ([SCHEMA, ONE, state("2010-01-01T00:00:00Z"), state("2009-01-01T00:00:00Z")], "backwards"),
        ([SCHEMA, ONE, state("2010-01-01T00:00:00Z"), Message("STATE", value={})], "forgot"),
        ([ONE], "before its SCHEMA"),
        ([SCHEMA, Message("RECORD", (1,), "one", version=1)], "version 1, where None is active"),
    ],
)
def test_a_promise_that_is_broken_within_a_run_is_noticed(
    messages: list[Message], fault: str
) -> None:
    assert fault in ledger_after(*messages)[1][0]


def test_a_record_that_is_lost_invented_or_bent_is_noticed() -> None:
    ledger, faults = ledger_after(SCHEMA, ONE, TWO, state("2034-01-01T00:00:00Z"))
    assert not faults
    truth = ledger.truth
    assert not list(faults_at_the_end(ledger, truth))
    others: list[tuple[Truth, str]] = [
        ({**truth, (3,): Expected("three", 0, "", 3)}, "lost"),
        ({(1,): truth[1,]}, "does not have"),
        ({**truth, (2,): Expected("tw0", 0, "", 2)}, "differs"),
    ]
    for other, fault in others:
        assert fault in next(faults_at_the_end(ledger, other))


def test_the_report_counts_and_says_how_to_play_again() -> None:
    results = [
        Result("tap-dixa/messages", "500", "500 @1", harms=1),
        Result("tap-dixa/messages", "500", "500 @it's", "lost"),
        Result("tap-devrev/conversations", "502", "502 @1", harms=1),
    ]
    told = markdown(results, 7, 1.0)
    assert "| 500 | 2 | 0 | 2 | 1 |" in told
    assert "3 distinct fault and kill points" in told
    assert """--seed 7 --only tap-dixa/messages --case '500 @it'"'"'s'""" in told
