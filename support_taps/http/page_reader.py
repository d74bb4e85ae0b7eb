"""A page: asked for at the vendor's pace, streamed, and tried again from its start if it breaks."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
import typing as t
import urllib.parse

import requests

from support_taps.errors import TransientError
from support_taps.http import responses
from support_taps.http.retries import Retries
from support_taps.json_codec import decode
from support_taps.settings import is_loopback

if t.TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from requests import PreparedRequest, Response

    from support_taps.http.rate_limits import RateLimiter
    from support_taps.json_array import JsonArray
    from support_taps.progress import Progress

_CHUNK_BYTES = 256 * 1024

Batch = t.TypeVar("Batch")


class PageBody(t.NamedTuple):
    """A body that has been read to its end.

    Args:
        rows: How many records it held.
        envelope: The other keys of its top-level object.
        response: The response it came with.
    """

    rows: int
    envelope: Mapping[str, t.Any]
    response: Response


@dataclasses.dataclass(frozen=True)
class PageReader:
    """Sends requests to one host and reads the records of each response while they arrive.

    Args:
        session: The connection; the credentials are in the prepared requests.
        rate_limiter: The limit that the requests count towards.
        progress: Told of requests, waits and retries.
        base_url: Any URL of the host.
        timeout: Seconds without a byte after which a response counts as broken.
        max_tries: How often a page is tried.
        allow_redirects: Whether redirects are followed.
        keeps_body: Whether bodies are held whole, for whoever reads ``response.content`` later.
        responded: Told of every response, sound or not.
        validate: Raises for a response that is none; see ``responses.refusal``.
    """

    session: requests.Session
    rate_limiter: RateLimiter
    progress: Progress
    base_url: str
    timeout: float
    max_tries: int
    allow_redirects: bool
    keeps_body: bool
    responded: Callable[[Response], None]
    validate: Callable[[Response], None]

    def fetch(self, prepare: Callable[[], PreparedRequest]) -> t.Any:
        """Read a small response that holds no records, decoded.

        Args:
            prepare: Makes the request, anew for each try.

        Raises:
            GaveUpError: It broke as often as it may be tried.
            FatalAPIError: The vendor said no.
        """
        retries = Retries(self.max_tries)
        while True:
            try:
                with contextlib.closing(self._send(prepare())) as response:
                    return decode(response.content)
            except (requests.RequestException, TransientError) as error:
                self._pause(retries, error)

    def read(
        self,
        prepare: Callable[[], PreparedRequest],
        parse: Callable[[Iterator[bytes]], JsonArray],
        begin: Callable[[], Callable[[list[bytes]], Batch]],
    ) -> Generator[Batch, None, PageBody]:
        """Read one page to its end.

        Args:
            prepare: Makes the request, anew for each try, so that credentials are fresh.
            parse: Finds the records in a body, given its pieces.
            begin: Called before each try; returns the function that takes its records.

        Yields:
            Whatever that function makes of each batch of records.

        Raises:
            GaveUpError: The page broke as often as it may be tried.
            FatalAPIError: The vendor said no, or sent what cannot be read.
        """
        retries = Retries(self.max_tries)
        while True:
            convert = begin()
            try:
                with contextlib.closing(self._send(prepare())) as response:
                    chunks = (
                        iter([response.content])
                        if self.keeps_body
                        else response.iter_content(_CHUNK_BYTES)
                    )
                    array = parse(chunks)
                    for raws in array:
                        yield convert(raws)
                    return PageBody(array.count, array.envelope, response)
            except (requests.RequestException, TransientError) as error:
                self._pause(retries, error)

    def _pause(self, retries: Retries, error: requests.RequestException | TransientError) -> None:
        """Wait before the next try, if there is one."""
        if isinstance(error, requests.RequestException):
            error = responses.broken(error, self.base_url)
        wait = retries.wait_after(error)
        self.progress.retrying(error, wait, retries.failures, retries.max_tries)
        time.sleep(wait)

    def _send(self, prepared: PreparedRequest) -> Response:
        """Send when the rate limit permits; return a sound response whose body is yet to come."""
        waited = self.rate_limiter.waited
        self.rate_limiter.wait()
        self.progress.waited += self.rate_limiter.waited - waited
        self.progress.requests += 1
        headers: Mapping[str, str] = {}
        try:
            response = self.session.send(
                prepared,
                timeout=self.timeout,
                allow_redirects=self.allow_redirects,
                **self._transport,
            )
            headers = response.headers
        finally:
            self.rate_limiter.responded(headers)
        self.responded(response)
        try:
            self.validate(response)
        except Exception:
            response.close()
            raise
        return response

    @functools.cached_property
    def _transport(self) -> Mapping[str, t.Any]:
        """Proxies and certificates as the environment has them, looked up once for the host.

        No proxy for this machine itself, where plain http is accepted: it would read the token.
        """
        settings: Mapping[str, t.Any] = self.session.merge_environment_settings(
            self.base_url, {}, stream=True, verify=None, cert=None
        )
        if is_loopback(urllib.parse.urlsplit(self.base_url).hostname or ""):
            return {**settings, "proxies": {}}
        return settings
