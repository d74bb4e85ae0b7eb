"""Errors, as the user is told them: every message is one readable line.

The SDK's own hierarchy is kept, so that ``except FatalAPIError`` and friends still mean what
they mean everywhere else in the SDK.
"""

from __future__ import annotations

import http
import typing as t

from singer_sdk.exceptions import ConfigValidationError, FatalAPIError, RetriableAPIError

if t.TYPE_CHECKING:
    import requests


class SettingsError(ConfigValidationError):
    """A setting is missing or cannot be used. The message names the setting, never a secret."""

    def __init__(self, line: str) -> None:
        """Take the one line that the user reads."""
        super().__init__(line, errors=[line], schema={})


class StateError(FatalAPIError):
    """The state that was handed in cannot be read."""


class FatalResponseError(FatalAPIError):
    """The vendor said no, and asking again would not help (most of 4xx, redirects).

    Args:
        message: What happened, in words.
        status: The HTTP status; None where there was no response.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status

    @property
    def is_missing(self) -> bool:
        """Whether the resource is not there, or not for this token (403, 404)."""
        return self.status in {http.HTTPStatus.FORBIDDEN, http.HTTPStatus.NOT_FOUND}


class UnauthorizedError(FatalResponseError):
    """The credentials are not accepted (401): no other stream can succeed either."""


class ShapeError(FatalAPIError):
    """A 200 whose body is sound JSON of the wrong shape. Never read as "no records"."""


class TooLargeError(FatalAPIError):
    """One value of a response is larger or deeper than the limits of ``json_array``."""


class CursorLoopError(FatalAPIError):
    """The vendor handed out a cursor that it had handed out before."""


class GaveUpError(FatalAPIError):
    """A passing fault did not pass within the tries that ``max_tries`` allows."""


class TransientError(RetriableAPIError):
    """Worth another try: 408, 425, 429, 5xx, a broken connection, a body cut short.

    Args:
        message: What happened, in words.
        response: The response, where there was one.
        retry_after: Seconds the vendor asks to wait; None where it did not say.
    """

    def __init__(
        self,
        message: str,
        response: requests.Response | None = None,
        *,
        retry_after: float | None = None,
    ) -> None:
        """Keep what the vendor asked for beside the message."""
        super().__init__(message, response)
        self.retry_after = retry_after
