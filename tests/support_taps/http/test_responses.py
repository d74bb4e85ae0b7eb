"""Words about a response that is none."""

from __future__ import annotations

import io
import typing as t

import pytest
import requests
import urllib3

from support_taps.errors import FatalResponseError, TransientError, UnauthorizedError
from support_taps.http import responses
from support_taps.redaction import Secrets

URL = "https://api.example.com/export?token=hunter2"


def response(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    """A response that is still to be read."""
    made = requests.Response()
    made.status_code = status
    made.url = URL
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    made.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
    return made


SECRETS = Secrets(["sesame-open-sesame"])


def refusal(made: requests.Response, retry_after: float | None = None) -> Exception:
    return responses.refusal(
        made,
        responses.body_of(made, SECRETS),
        secrets=SECRETS,
        retry_after=retry_after,
        recovery=42,
        unauthorized_hint="check the token",
        forbidden_hint="check the rights",
    )


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, FatalResponseError, "400 Bad Request"),
        (401, UnauthorizedError, "401 Unauthorized; check the token"),
        (403, FatalResponseError, "403 Forbidden; check the rights"),
        (404, FatalResponseError, "404 Not Found; check the rights"),
        (408, TransientError, "408"),
        (425, TransientError, "425"),
        (429, TransientError, "429 Too Many Requests"),
        (500, TransientError, "500"),
        (504, TransientError, "504"),
        (204, FatalResponseError, "204"),
        (206, FatalResponseError, "206"),
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
    assert isinstance(error, TransientError)
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


@pytest.mark.parametrize("before", [b"x" * 190, b" " * 4090 + b"x" * 190, b" " * 65_530])
@pytest.mark.parametrize("form", ['{"message": "%s no"}', "%s no"])
def test_a_token_that_comes_back_is_struck_out_before_the_text_is_cut(
    before: bytes, form: str
) -> None:
    line = str(refusal(response(403, form.encode() % (before + b"sesame-open-sesame"))))
    assert "ses" not in line


def test_what_the_vendor_wrote_stays_one_line_whatever_it_holds() -> None:
    made = response(400, b'{"message": "no\\n2026-01-01 | ERROR | x\\u001b[2J\\u2028\\u0000end"}')
    made.reason = "Bad\x0b\x1b[31m Request\x85!"
    assert str(refusal(made)) == (
        "the vendor answered 400 Bad [31m Request ! (no 2026-01-01 | ERROR | x [2J end)"
    )


def test_a_long_response_is_quoted_in_part() -> None:
    assert len(str(refusal(response(400, b"x" * 100_000)))) < 400


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            requests.exceptions.ConnectTimeout(),
            "did not respond in time (setting request_timeout)",
        ),
        (requests.exceptions.ReadTimeout(), "did not respond in time (setting request_timeout)"),
        (requests.exceptions.ChunkedEncodingError(), "ended early"),
        (requests.exceptions.ContentDecodingError(), "cannot be decompressed"),
        (
            requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer")),
            "reset by",
        ),
    ],
)
def test_a_broken_connection_may_pass(error: requests.RequestException, words: str) -> None:
    passing = responses.broken(error, URL)
    assert isinstance(passing, TransientError)
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
    with pytest.raises(FatalResponseError) as caught:
        responses.broken(error, URL)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_innermost_reason_is_told() -> None:
    inner = OSError(111, "Connection refused")
    middle = urllib3.exceptions.MaxRetryError(t.cast("t.Any", None), "/x?token=hunter2", inner)
    line = str(responses.broken(requests.ConnectionError(middle), URL))
    assert line.endswith("Connection refused")
    assert "hunter2" not in line
