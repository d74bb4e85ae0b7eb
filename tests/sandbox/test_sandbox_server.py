"""The sandbox's own handles: faults, rate limits, log, data, control, the command."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox import Fault, Sandbox
from sandbox.rate_limits import RateLimit, Turnstile

if TYPE_CHECKING:
    from sandbox.table import RawRow
    from tests.sandbox.conftest import Client

ROOT = Path(__file__).parents[2]
LIVE = {"dixa": "conversations", "deepconverse": "conversations", "zendesk_chat": "chats",
        "devrev": "conversations"}  # fmt: skip
MARCH = {"updated_after": "2025-03-01", "updated_before": "2025-03-31"}


def raw(box: Sandbox) -> bytes:
    """Everything that comes over the wire, until the connection closes."""
    path = "/dixa/v1/conversation_export?updated_after=2025-03-01&updated_before=2025-03-31"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {box.dixa.token}\r\n"
        "Connection: close\r\n\r\n"
    )
    received = b""
    with socket.create_connection(("127.0.0.1", box.port), timeout=60) as connection:
        connection.sendall(request.encode())
        while piece := connection.recv(65536):
            received += piece
    return received


# Faults.


@pytest.mark.parametrize("ending", ["clean", "missing"])
@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("place", ["string", "number", "record", "comma", "bracket", "half"])
def test_a_body_can_be_cut_anywhere(
    box: Sandbox, ask: Client, place: Any, framing: Any, ending: Any
) -> None:
    whole = ask.dixa(**MARCH).content
    box.fault(kind="cut", place=place, framing=framing, ending=ending)
    if ending == "missing" and framing != "close":
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            ask.dixa(**MARCH)
        return
    part = ask.dixa(**MARCH).content
    assert whole.startswith(part)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
        json.loads(part)
    inside = {"record": part.endswith(b"}"), "comma": part.endswith(b"},"),
              "bracket": part == whole[:-1], "number": part[-1:].isdigit()}  # fmt: skip
    assert inside.get(place, True)
    if place == "string":
        with pytest.raises(ValueError, match="Unterminated string"):
            json.loads(part)


@pytest.mark.parametrize("place", ["string", "number", "record", "comma", "bracket", "half"])
@pytest.mark.parametrize("records", [[], [{"id": 1, "updated_at": 1741000000000}]])
def test_a_small_body_is_cut_all_the_same(
    box: Sandbox, ask: Client, place: Any, records: list[Any]
) -> None:
    box.dixa.load("conversations", records)
    box.fault(kind="cut", place=place)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
        json.loads(ask.dixa(**MARCH).content)


@pytest.mark.parametrize(
    "fields", [{"point": "before"}, {"point": "headers"}, {"point": "body", "after": 300}]
)
def test_a_connection_can_be_reset(box: Sandbox, fields: dict[str, Any]) -> None:
    box.fault(kind="reset", vendor="dixa", **fields)
    with pytest.raises(ConnectionResetError):
        raw(box)
    assert box.requests[-1].faults == ("reset",)
    assert box.requests[-1].status == (200 if fields["point"] == "body" else 0)
    assert not box.requests[-1].finished


def test_faults_strike_the_requests_they_are_meant_for(box: Sandbox, ask: Client) -> None:
    box.fault(kind="status", status=503, stream="messages", at=[2, 4])
    box.fault(kind="status", status=502, stream="conversations", times=2)
    window = {"created_after": "2025-03-01", "created_before": "2025-03-02"}
    assert [ask.dixa("messages", **window).status_code for _ in range(5)] == [
        200,
        503,
        200,
        503,
        200,
    ]
    assert [ask.dixa(**window).status_code for _ in range(3)] == [502, 502, 200]
    box.clear_faults()
    box.fault(kind="status", where=lambda call: call.params["created_before"] == "2025-03-02")
    assert ask.dixa(**window).status_code == 500
    assert ask.dixa(**{**window, "created_before": "2025-03-03"}).status_code == 200
    with pytest.raises(ValueError, match="no fault of kind"):
        Fault(kind="rest")  # type: ignore[arg-type]


def test_chance_is_the_same_for_the_same_seed(box: Sandbox, ask: Client) -> None:
    outcomes = []
    for _ in range(2):
        box.clear_faults()
        box.fault(kind="status", probability=0.5, seed=7)
        outcomes.append([ask.dixa(**MARCH).status_code for _ in range(20)])
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0]) == {200, 500}


def test_429_has_retry_after_in_the_form_asked_for(box: Sandbox, ask: Client) -> None:
    box.fault(kind="status", status=429, at=1)
    box.fault(kind="status", status=429, at=2, retry_after=7)
    box.fault(kind="status", status=429, at=3, retry_after=7, retry_after_as="date")
    assert "Retry-After" not in ask.devrev().headers
    second = ask.devrev()
    assert second.headers["Retry-After"] == "7"
    assert second.json()["retry_after"] == 7
    until = parsedate_to_datetime(ask.devrev().headers["Retry-After"])
    assert 6 < until.timestamp() - box.requests[-1].wall <= 7


def test_responses_can_have_another_shape(box: Sandbox, ask: Client) -> None:
    box.fault(kind="html", at=1)
    box.fault(kind="empty", at=2)
    box.fault(kind="json", value={"error": "soon"}, at=3)
    box.fault(kind="redirect", at=4)
    answers = [ask.dixa(**MARCH) for _ in range(4)]
    assert answers[0].text.startswith("<!DOCTYPE html>")
    assert answers[1].content == b""
    assert answers[2].json() == {"error": "soon"}
    assert answers[3].status_code == 302
    assert answers[3].headers["Location"].startswith(f"http://localhost:{box.port}/dixa/v1/")


def test_records_can_gain_fields_and_change_types(box: Sandbox, ask: Client) -> None:
    box.fault(kind="fields", value={"new": [1]}, every=2)
    box.fault(kind="drift", path="status", to="list")
    box.fault(kind="drift", path="queue_name", to="absent")
    box.fault(kind="drift", path="id", to=str)
    records = ask.dixa(**MARCH).json()
    assert [("new" in record) for record in records[:4]] == [True, False, True, False]
    assert all(record["status"] in (["open"], ["closed"]) for record in records)
    assert not any("queue_name" in record for record in records)
    assert all(isinstance(record["id"], str) for record in records)
    assert box.dixa.truth("conversations")[0]["queue_name"]


def test_responses_can_be_slow(box: Sandbox, ask: Client) -> None:
    whole = ask.dixa(**MARCH)
    box.fault(kind="stall", seconds=0.2, at=1)
    box.fault(kind="stall", seconds=0.2, after=100, at=2)
    box.fault(kind="trickle", after=len(whole.content) // 4, seconds=0.05, at=3)
    for _ in range(3):
        began = time.monotonic()
        assert ask.dixa(**MARCH).content == whole.content
        assert time.monotonic() - began >= 0.19


def test_gzip_is_sent_only_to_those_who_take_it(box: Sandbox, ask: Client) -> None:
    plain = raw(box)
    box.dixa.gzip = True
    assert b"Content-Encoding" not in raw(box)
    response = ask.dixa(**MARCH)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.content[-100:] in plain
    box.fault(kind="gzip_bomb", after=10_000_000)
    headers = {"Authorization": f"Bearer {box.dixa.token}"}
    url = f"{box.dixa.url}/v1/conversation_export"
    with requests.get(url, params=MARCH, headers=headers, stream=True, timeout=60) as bomb:
        packed = bomb.raw.read(decode_content=False)
    assert len(packed) < 1_000_000
    assert len(gzip.decompress(packed)) > 10_000_000


def test_listening_can_pause(box: Sandbox, ask: Client) -> None:
    assert ask.dixa(**MARCH).status_code == 200
    url = box.url
    box.pause_listening()
    with pytest.raises(requests.exceptions.ConnectionError):
        ask.dixa(**MARCH)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", box.port))  # nobody takes the port meanwhile
    box.resume_listening()
    assert box.url == url
    assert ask.dixa(**MARCH).status_code == 200


# Allowances.


@pytest.mark.parametrize(
    ("vendor", "stream", "allowed"),
    [("dixa", "messages", 3), ("dixa", "conversations", 10), ("deepconverse", "messages", 3)],
)
def test_documented_rate_limits(
    client_of: type[Client], vendor: str, stream: str, allowed: int
) -> None:
    with Sandbox(size=1) as box:
        ask = getattr(client_of(box), vendor)
        statuses = [ask(stream).status_code for _ in range(allowed + 2)]
        assert statuses == [400] * allowed + [429, 429]
        assert box.violations == 2
        assert [entry.over_rate_limit for entry in box.requests[-3:]] == [False, True, True]


def test_an_allowance_comes_back_after_its_period() -> None:
    limit = RateLimit(3, 60).faster(2)
    turnstile = Turnstile()
    arrivals = (0, 10, 20, 29.9, 30, 39.9, 40)
    waits = [turnstile.arrive("token", "messages", limit, at).wait for at in arrivals]
    assert waits == pytest.approx([0, 0, 0, 0.1, 0, 0.1, 0])


def test_devrev_counts_down_and_says_when_to_come_back(client_of: type[Client]) -> None:
    with Sandbox(size=1) as box:
        box.devrev.rate_limits["all"] = RateLimit(3, 10**9, fixed=True)  # no border is near
        answers = [client_of(box).devrev() for _ in range(4)]
    assert [response.headers["X-Ratelimit-Remaining"] for response in answers] == [
        "2",
        "1",
        "0",
        "0",
    ]
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.json()["type"] == "too_many_requests"
    assert refused.json()["retry_after"] == int(refused.headers["Retry-After"]) > 0
    reset = int(refused.headers["X-Ratelimit-Reset"])
    assert abs(reset - box.requests[-1].wall - refused.json()["retry_after"]) <= 2


# Data.


def test_data_is_the_same_for_the_same_seed(box: Sandbox) -> None:
    span = datetime(2025, 1, 1, tzinfo=timezone.utc), datetime(2025, 4, 1, tzinfo=timezone.utc)
    twin, other = Sandbox(seed=1, size=200, span=span), Sandbox(seed=2, size=200, span=span)
    for name, vendor in box.vendors.items():
        for stream in vendor.streams:
            assert vendor.truth(stream) == twin.vendors[name].truth(stream)
            if stream not in {table.stream for table in vendor.references}:
                assert vendor.truth(stream) != other.vendors[name].truth(stream)


@pytest.mark.parametrize("restarted", [True, False])
def test_a_little_happens_in_a_few_minutes(*, restarted: bool) -> None:
    now = [datetime(2026, 6, 1, 12, tzinfo=timezone.utc).timestamp()]
    box = Sandbox(size=600, clock=lambda: now[0])
    before = {name: texts(box, name, stream) for name, stream in LIVE.items()}
    now[0] += timedelta(hours=6).total_seconds()
    later = Sandbox(size=600, clock=lambda: now[0]) if restarted else box
    for name, stream in LIVE.items():
        after = texts(later, name, stream)
        assert 1 <= len(after - before[name]) <= 40
        assert 0 <= len(after) - len(before[name]) <= 4


def texts(box: Sandbox, vendor: str, stream: str) -> set[str]:
    return {json.dumps(record) for record in box.vendors[vendor].truth(stream)}


def kinds(value: Any, path: str = "") -> set[str]:
    """Paths and the JSON types seen there."""
    if isinstance(value, dict):
        return {f"{path}: dict"}.union(
            *(kinds(item, f"{path}.{key}") for key, item in value.items())
        )
    if isinstance(value, list):
        return {f"{path}: list"}.union(*(kinds(item, f"{path}[]") for item in value))
    return {f"{path}: {type(value).__name__}"}


VARIANCES = {
    ("dixa", "messages"): {
        ".to: str",
        ".to: list",
        ".to: NoneType",
        ".duration: float",
        ".duration: int",
        ".form_submission: dict",
        ".attached_files[]: str",
        ".text: NoneType",
    },
    ("dixa", "conversations"): {
        ".custom_fields[].value: str",
        ".custom_fields[].value: list",
        ".ratings[].rating_cancelled_timestamp: str",
        ".ratings[].rating_unscheduled_timestamp: int",
        ".anonymized_at: int",
        ".transfer_time: int",
        ".tags_info[].is_deactivated: bool",
    },
    ("zendesk_chat", "chats"): {
        ".unread: int",
        ".unread: bool",
        ".history[].msg_id: int",
        ".history[].msg_id: str",
        ".engagements[].agent_id: str",
        ".engagements[].agent_id: int",
        ".history[].prev_department_id: str",
        ".history[].prev_department_id: int",
        ".webpath[]: list",
        ".abandon_time: float",
        ".response_time.avg: float",
        ".triggered_response: NoneType",
    },
    ("zendesk_chat", "department_events"): {
        ".previous_value: dict",
        ".previous_value: NoneType",
        ".department_id: NoneType",
        ".value: dict",
    },
    ("zendesk_chat", "agent_events"): {
        ".value: str",
        ".value: int",
    },
    ("zendesk_chat", "conversions"): {
        ".attribution.chat_id: NoneType",
        ".attribution.agent_id: int",
    },
    ("deepconverse", "messages"): {
        ".outMsg: str",
        ".outMsg: dict",
        ".outMsg: list",
        ".outMsg: NoneType",
        ".userInput: str",
        ".userInput: dict",
        ".userInput: list",
        ".sender: str",
    },
    ("deepconverse", "conversations"): {
        ".metadata.customerTier: int",
        ".metadata.customerTier: str",
        ".metadata.customerTier: dict",
        ".tags[]: str",
        ".locale: NoneType",
    },
    ("devrev", "conversations"): {
        ".sentiment.value: dict",
        ".sentiment.value: float",
        ".messages[].event.updated.field_deltas[].name: str",
        ".members[].rev_org.dev_slug: str",
        ".messages[].snap_kit_body.body: dict",
        ".custom_fields.tnt__flags[]: bool",
    },
}


@pytest.mark.parametrize(("vendor", "stream"), VARIANCES)
def test_documented_variances_occur(box: Sandbox, vendor: str, stream: str) -> None:
    seen = set().union(*(kinds(record) for record in box.vendors[vendor].truth(stream)))
    assert VARIANCES[vendor, stream] <= seen


def test_some_keys_are_absent_rather_than_null(box: Sandbox) -> None:
    offline = [chat for chat in box.zendesk_chat.truth("chats") if chat["type"] == "offline_msg"]
    assert offline
    assert not any("history" in chat for chat in offline)
    fractions = {len(record["modified_date"]) for record in box.devrev.truth("conversations")}
    assert {20, 22, 23, 24, 27, 30} <= fractions
    assert any(record["id"] > 2**53 for record in box.dixa.truth("conversations"))


def test_data_can_be_changed(box: Sandbox, ask: Client) -> None:
    first = box.dixa.truth("conversations")[0]
    box.dixa.put("conversations", {**first, "status": "reopened 🎉"})
    assert {**first, "status": "reopened 🎉"} in box.dixa.truth("conversations")
    assert ask.dixa(csids=first["id"]).json()[0]["status"] == "reopened 🎉"
    box.dixa.remove("conversations", first["id"])
    assert ask.dixa(csids=first["id"]).json() == []
    box.reset()
    assert first in box.dixa.truth("conversations")


def test_ready_made_rows_are_served_as_they_are(box: Sandbox, ask: Client) -> None:
    at = 1740787200000
    rows: list[RawRow] = [
        (at, 2, b'{"id": 2,  "n": 0.10000000000000000001}'),
        (at + 1, 1, lambda: b'{"id":1}'),
    ]
    box.dixa.load_raw("conversations", rows)
    assert ask.dixa(**MARCH).content == b'[{"id": 2,  "n": 0.10000000000000000001},{"id":1}]'


# Log, control, command.


def test_the_log_holds_no_credential(box: Sandbox, ask: Client) -> None:
    ask.dixa(**MARCH)
    ask.deepconverse(start_time=1)
    ask.devrev(first=1)
    log = requests.get(f"{box.url}/_sandbox/requests", timeout=60)
    for vendor in box.vendors.values():
        assert vendor.token not in log.text
    dixa, deepconverse, devrev = log.json()
    assert dixa["params"] == MARCH
    assert (deepconverse["status"], deepconverse["credentials_sent"]) == (400, True)
    assert (devrev["json"], devrev["headers"]["x-devrev-scope"]) == ({"first": 1}, "beta")


def test_control_over_http(box: Sandbox, ask: Client) -> None:
    def control(path: str, value: Any = None) -> Any:
        if value is None:
            return requests.get(f"{box.url}/_sandbox/{path}", timeout=60).json()
        return requests.post(f"{box.url}/_sandbox/{path}", json=value, timeout=60)

    record = {"id": 5, "updated_at": 1741000000000}
    control("put/dixa/conversations", record)
    assert record in control("truth/dixa/conversations")
    control("faults", [{"kind": "status", "status": 502, "times": 1}])
    assert [ask.dixa(**MARCH).status_code for _ in range(2)] == [502, 200]
    control("switches/deepconverse", {"paging.short_pages": 3, "times": "iso"})
    assert (box.deepconverse.paging.short_pages, box.deepconverse.times) == (3, "iso")
    assert control("switches/dixa", {"no_such": 1}).status_code == 400
    assert control("faults", {"kind": "nonsense"}).status_code == 400
    control("reset", {})
    assert record not in control("truth/dixa/conversations")
    assert control("requests") == []
    assert control("status")["vendors"]["dixa"]["records"]["conversations"] == 200


def test_only_the_loopback() -> None:
    with pytest.raises(ValueError, match="loopback only"):
        Sandbox(host="0.0.0.0").start()  # noqa: S104


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_starts_and_stops(tmp_path: Path, stop: signal.Signals) -> None:
    ready = tmp_path / "ready"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--size", "10",
               "--ready-file", str(ready)]  # fmt: skip
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        url = ready.read_text().strip()
        assert line == f"sandbox listening on {url}\n"
        assert requests.get(f"{url}/_sandbox/status", timeout=60).json()["violations"] == 0
        process.send_signal(stop)
        assert process.wait(timeout=60) == 0
