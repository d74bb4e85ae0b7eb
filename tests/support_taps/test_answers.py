"""What is said about an answer that is no answer."""

from __future__ import annotations

import io
import typing as t

import pytest
import requests
import urllib3

from support_taps import answers
from support_taps.errors import PassingError, RefusedError, UnauthorizedError

URL = "https://api.example.com/export?token=hunter2"


def response(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    """An answer that is still to be read."""
    made = requests.Response()
    made.status_code = status
    made.url = URL
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    made.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
    return made


def refusal(made: requests.Response, retry_after: float | None = None) -> Exception:
    return answers.refusal(
        made,
        answers.body_of(made),
        retry_after=retry_after,
        recovery=42,
        unauthorized_hint="check the token",
        forbidden_hint="check the rights",
    )


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, RefusedError, "400 Bad Request"),
        (401, UnauthorizedError, "401 Unauthorized; check the token"),
        (403, RefusedError, "403 Forbidden; check the rights"),
        (404, RefusedError, "404 Not Found; check the rights"),
        (408, PassingError, "408"),
        (425, PassingError, "425"),
        (429, PassingError, "429 Too Many Requests"),
        (500, PassingError, "500"),
        (504, PassingError, "504"),
        (204, RefusedError, "204"),
        (206, RefusedError, "206"),
    ],
)
def test_a_status_has_its_error_and_its_hint(
    status: int, kind: type[Exception], words: str
) -> None:
    error = refusal(response(status))
    assert type(error) is kind
    assert words in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("status", [419, 499, 520, 529, 599])
def test_a_status_that_no_rfc_names_is_no_crash(status: int) -> None:
    error = refusal(response(status))
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("asked", "status", "wait"), [(7, 429, 7), (None, 429, 42), (None, 503, None), (3, 503, 3)]
)
def test_the_wait_is_the_vendors_or_the_allowances(
    asked: float | None, status: int, wait: float | None
) -> None:
    error = refusal(response(status), asked)
    assert isinstance(error, PassingError)
    assert error.retry_after == wait


def test_a_redirect_is_not_followed_and_says_where_it_leads() -> None:
    error = refusal(response(302, Location="https://evil.example.org/x?secret=1"))
    assert "a redirect to evil.example.org is not followed" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (b'{"message": "no such bot"}', "(no such bot)"),
        (b'{"error": "bad", "detail": "really"}', "(bad; really)"),
        (b'{"message": "same", "error": "same"}', "(same)"),
        (b'{"code": 5}', "400 Bad Request"),
        (b"plain words\n  in two lines", "(plain words in two lines)"),
        (b"<!DOCTYPE html><h1>secret page</h1>", "400 Bad Request"),
        (b"", "400 Bad Request"),
        (b'"text"', "(text)"),
    ],
)
def test_what_the_vendor_wrote_is_quoted_where_it_is_readable(body: bytes, quoted: str) -> None:
    line = str(refusal(response(400, body)))
    assert line.endswith(quoted)
    assert "secret page" not in line


def test_a_long_answer_is_quoted_in_part() -> None:
    assert len(str(refusal(response(400, b"x" * 100_000)))) < 400


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.exceptions.ConnectTimeout(), "did not answer in time (setting request_timeout)"),
        (requests.exceptions.ReadTimeout(), "did not answer in time (setting request_timeout)"),
        (requests.exceptions.ChunkedEncodingError(), "ended early"),
        (requests.exceptions.ContentDecodingError(), "cannot be decompressed"),
        (
            requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer")),
            "reset by",
        ),
    ],
)
def test_a_broken_connection_may_pass(error: requests.RequestException, words: str) -> None:
    passing = answers.broken(error, URL)
    assert isinstance(passing, PassingError)
    assert words in str(passing)
    assert "api.example.com" in str(passing)
    assert "hunter2" not in str(passing)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.InvalidHeader("token hunter2"), "'user_agent'"),
        (requests.exceptions.InvalidURL(URL), "'api_url'"),
    ],
)
def test_what_will_not_pass_is_refused(error: requests.RequestException, words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        answers.broken(error, URL)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_innermost_reason_is_told() -> None:
    inner = OSError(111, "Connection refused")
    middle = urllib3.exceptions.MaxRetryError(t.cast("t.Any", None), "/x?token=hunter2", inner)
    line = str(answers.broken(requests.ConnectionError(middle), URL))
    assert line.endswith("Connection refused")
    assert "hunter2" not in line
