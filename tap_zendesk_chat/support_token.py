"""The access token of the Support API, fetched with the credentials of an OAuth client.

From developer.zendesk.com/documentation/api-basics/authentication/api-tokens-to-oauth/ and
developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/: ``POST /oauth/tokens`` with
the grant ``client_credentials``; the response holds ``access_token`` and ``expires_in`` (seconds,
300 to 172,800; half an hour for newer clients). The scope ``read`` is for every GET; whether a
narrower one is enough for the conversation log is not documented.
"""

from __future__ import annotations

import datetime as dt
import http
import typing as t

import requests
from singer_sdk.authenticators import OAuthAuthenticator
from typing_extensions import override

from support_taps.errors import FatalResponseError, ShapeError, UnauthorizedError
from support_taps.http import responses
from support_taps.http.page_reader import PageReader
from support_taps.progress import Progress

if t.TYPE_CHECKING:
    from support_taps.http.rate_limits import RateLimiter
    from support_taps.tap import SupportTap

SCOPE = "read"
_MARGIN = 60
"""Seconds before its end at which a token is renewed; less for one that lives two minutes."""


class SupportToken(OAuthAuthenticator):
    """A token that is renewed before it ends, and when the vendor no longer takes it.

    The SDK's, but for how it asks. Its own request has another timeout than the setting, follows a
    redirect with the secret in its body, logs what the vendor answers, and ends in a traceback.

    Args:
        tap: Its configuration has the client's id and secret.
        rate_limiter: The limit that the requests count towards.
    """

    was_accepted = False
    """Whether a request with the present token has been answered."""

    def __init__(self, tap: SupportTap, rate_limiter: RateLimiter) -> None:
        """Ask for no token yet."""
        base_url = tap.settings.urls["support_api_url"]
        super().__init__(
            auth_endpoint=f"{base_url}/oauth/tokens",
            oauth_scopes=SCOPE,
            client_id=tap.config["support_client_id"],
            client_secret=tap.config["support_client_secret"],
        )
        self._tap = tap
        self._rate_limiter = rate_limiter
        self._user_agent = tap.config.get("user_agent") or f"{tap.name}/{tap.plugin_version}"
        self._reader = PageReader(
            session=requests.Session(),
            rate_limiter=rate_limiter,
            progress=Progress(tap.logger, "access token"),
            base_url=base_url,
            timeout=tap.settings.timeout,
            max_tries=tap.settings.max_tries,
            allow_redirects=False,
            keeps_body=True,
            responded=lambda response: tap.clock.hear(response.headers, response.elapsed),
            validate=self._validate,
        )

    @property
    @override
    def oauth_request_body(self) -> dict[str, t.Any]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.oauth_scopes,
        }

    @override
    def update_access_token(self) -> None:
        """Ask for a token, as pages are asked for.

        Raises:
            UnauthorizedError: The vendor gives none: no stream of the Support API can be read.
            ShapeError: Its response holds none.
        """
        moment = dt.datetime.now(dt.timezone.utc)
        told = self._reader.fetch(self._prepare)
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(token, str) or not token.strip():
            msg = "the response to a request for an access token holds none"
            raise ShapeError(msg)
        self._tap.secrets.add(token)
        seconds = told.get("expires_in")
        lives = seconds if isinstance(seconds, int) and seconds > 0 else None
        self.access_token = token
        # None and 0 are the SDK's words for a token without an end: then a 401 tells it.
        self.expires_in = None if lives is None else max(1, lives - min(_MARGIN, lives // 2))
        self.last_refreshed = moment
        self.was_accepted = False

    def forget(self) -> bool:
        """Give up a token that was refused, so that the next request has a new one.

        Returns:
            Whether a new one can help: not if this one was new and has never been accepted.
        """
        can_help = self.was_accepted or not self.is_token_valid()
        self.last_refreshed = None
        return can_help

    def _prepare(self) -> requests.PreparedRequest:
        headers = {"Accept": "application/json", "User-Agent": self._user_agent}
        return requests.Request(
            "POST", self.auth_endpoint, headers=headers, json=self.oauth_request_body
        ).prepare()

    def _validate(self, response: requests.Response) -> None:
        if response.status_code in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
            return
        body = responses.body_of(response, self._tap.secrets)
        refused = responses.refusal(
            response,
            body,
            secrets=self._tap.secrets,
            retry_after=responses.retry_after_header(response),
            recovery=self._rate_limiter.recovery,
            unauthorized_hint=HINT,
            forbidden_hint=HINT,
        )
        if isinstance(refused, FatalResponseError):
            msg = f"no access token for the Support API: {refused}"
            if refused.status == http.HTTPStatus.BAD_REQUEST:
                msg += f"; {HINT}"
            raise UnauthorizedError(msg, refused.status)
        raise refused


HINT = (
    "check the settings 'support_client_id' and 'support_client_secret' (a confidential OAuth "
    "client that an administrator made) and 'subdomain'"
)
