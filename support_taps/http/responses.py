"""The meaning of a response that holds no records, in one line for the user.

No URL is ever quoted, since a query may say who was asked for, and no header. What the
vendor wrote is quoted in part, because it often names the parameter that is wrong.
"""

from __future__ import annotations

import contextlib
import http
import http.client
import typing as t
import urllib.parse

import requests

from support_taps.errors import FatalResponseError, TransientError, UnauthorizedError
from support_taps.http.clock import date_of
from support_taps.http.retries import LONGEST_WAIT, is_retriable, parse_retry_after
from support_taps.json_codec import decode
from support_taps.redaction import one_line

if t.TYPE_CHECKING:
    from support_taps.redaction import Secrets

_READ_BYTES = 65_536
_CHUNK_BYTES = 4096
_QUOTED_CHARACTERS = 200
_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"


def retry_after_header(response: requests.Response) -> float | None:
    """Seconds the vendor asks to wait in ``Retry-After``; None where it does not say."""
    return parse_retry_after(response.headers.get("Retry-After"), date_of(response.headers))


def body_of(response: requests.Response, secrets: Secrets) -> t.Any:
    """The start of a response's body: decoded if it is JSON, else as text.

    Args:
        response: The response.
        secrets: What is struck out of the text: some vendors quote the credentials they refuse.
    """
    body, is_whole = bytearray(), False
    with contextlib.suppress(requests.RequestException):
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > _READ_BYTES:
                break
        else:
            is_whole = True
    with contextlib.suppress(TransientError):
        return decode(bytes(body)) if body else ""
    if b"<" in body[:_QUOTED_CHARACTERS]:
        return ""
    text = body.decode(errors="replace")
    return secrets.strike(text) if is_whole else secrets.strike_cut(text)


def refusal(  # noqa: PLR0913 - what a vendor may say differently
    response: requests.Response,
    body: t.Any,
    *,
    secrets: Secrets,
    retry_after: float | None,
    recovery: float,
    unauthorized_hint: str,
    forbidden_hint: str,
) -> TransientError | FatalResponseError:
    """The error that a response other than 200 stands for.

    Args:
        response: The response.
        body: What :func:`body_of` made of its body.
        secrets: What must not be quoted.
        retry_after: Seconds the vendor asks to wait.
        recovery: Seconds after which the rate limit is whole again: the wait after a 429 that
            does not say how long.
        unauthorized_hint: What to look at after a 401.
        forbidden_hint: What to look at after a 403 or 404.
    """
    status = response.status_code
    reason = response.reason or http.client.responses.get(status, "")
    reason = one_line(secrets.strike(str(reason)))[:_QUOTED_CHARACTERS]
    answered = f"the vendor answered {status} {reason}".rstrip() + _quoted(body, secrets)
    if is_retriable(status):
        if status == http.HTTPStatus.TOO_MANY_REQUESTS and retry_after is None:
            retry_after = min(recovery, LONGEST_WAIT)
        return TransientError(answered, response, retry_after=retry_after)
    if status == http.HTTPStatus.UNAUTHORIZED:
        return UnauthorizedError(f"{answered}; {unauthorized_hint}", status)
    if status in {http.HTTPStatus.FORBIDDEN, http.HTTPStatus.NOT_FOUND}:
        return FatalResponseError(f"{answered}; {forbidden_hint}", status)
    if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        hint = "lower the settings 'window_days' or 'page_size'"
        return FatalResponseError(f"{answered}; {hint}", status)
    if http.HTTPStatus.MULTIPLE_CHOICES <= status < http.HTTPStatus.BAD_REQUEST:
        host = urllib.parse.urlsplit(response.headers.get("Location", "")).hostname or "elsewhere"
        hint = f"a redirect to {host} is not followed, so that no token is sent there"
        return FatalResponseError(f"{answered}; {hint}; check the setting 'api_url'", status)
    return FatalResponseError(answered, status)


def broken(error: requests.RequestException, url: str) -> TransientError:
    """The passing error that a broken connection is.

    Raises:
        FatalResponseError: It is one that will not pass: a certificate, an impossible request.
    """
    host = urllib.parse.urlsplit(url).hostname
    if isinstance(error, requests.exceptions.SSLError) and _CERTIFICATE in str(error):
        msg = (
            f"the certificate of {host} is not trusted; if a proxy of yours signs it, name its "
            "certificate in the environment variable REQUESTS_CA_BUNDLE"
        )
        raise FatalResponseError(msg) from None
    if isinstance(error, requests.exceptions.InvalidHeader | requests.exceptions.InvalidURL):
        msg = "the request cannot be sent; check the settings 'api_url' and 'user_agent'"
        raise FatalResponseError(msg) from None
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return TransientError(f"the response of {host} cannot be decompressed")
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return TransientError(f"the response of {host} ended early")
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return TransientError(f"{host} did not respond in time (setting request_timeout)")
    return TransientError(f"no connection to {host}, or it broke: {_cause(error)}")


def _cause(error: BaseException) -> str:
    """The innermost reason, which is the operating system's: requests wraps it several times."""
    seen = [error]
    while (inner := _inner(seen[-1])) is not None and inner not in seen:
        seen.append(inner)
    for candidate in reversed(seen):
        if isinstance(candidate, OSError) and candidate.strerror:
            return candidate.strerror
    return type(seen[-1]).__name__


def _inner(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    for argument in error.args:
        if isinstance(argument, BaseException):
            return argument
    return error.__cause__ or error.__context__


def _quoted(body: t.Any, secrets: Secrets) -> str:
    """The vendor's words, shortened; nothing if there are no readable ones."""
    if isinstance(body, dict):
        told = [body[key] for key in ("message", "error", "detail", "description") if body.get(key)]
        body = "; ".join(dict.fromkeys(str(word) for word in told))
    text = one_line(secrets.strike(str(body)))[:_QUOTED_CHARACTERS]
    return f" ({text})" if text else ""
