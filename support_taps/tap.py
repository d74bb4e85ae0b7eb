"""The one base class of all taps: settings, errors and the end of a run.

The SDK stays in charge of command line, catalog, state and mapping.
"""

from __future__ import annotations

import abc
import functools
import json
import sys
import typing as t

import click
from requests import RequestException
from singer_sdk import Stream
from typing_extensions import override

from support_taps.command import OneLineErrors, told
from support_taps.errors import FatalResponseError, StateError, UnauthorizedError
from support_taps.http.clock import VendorClock
from support_taps.http.rate_limits import HeaderRateLimiter, WindowRateLimiter
from support_taps.http.retries import LONGEST_RETRY_AFTER
from support_taps.redaction import Secrets, protect_log
from support_taps.sdk_overrides import SdkTap
from support_taps.settings import Settings, secrets
from support_taps.writer import LineWriter

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

DISTRIBUTION = "support-taps"


class SupportTap(SdkTap, abc.ABC):
    """A tap of this distribution."""

    package_name = DISTRIBUTION
    message_writer_class = LineWriter
    message_writer: LineWriter

    default_api_url: t.ClassVar[str]
    """The vendor's own base URL, without a slash at the end."""

    streams_module: ModuleType | tuple[ModuleType, ...]
    """Holds the stream classes of the tap, all of which are its streams."""

    other_urls: t.ClassVar[Mapping[str, str]] = {}
    """Base URLs of further hosts of the vendor, by the setting that changes them."""

    was_read = False
    """Whether any stream was read to its end."""

    holds_failures = False
    """Whether an error ends its stream only. Not unless the run can tell of it at its end."""

    def __init__(self, **options: t.Any) -> None:
        """Take the SDK's options; read the settings at once if they are to be checked."""
        self.failures: dict[str, Exception] = {}
        self.missing: dict[str, FatalResponseError] = {}
        self._rate_limiters: dict[str, WindowRateLimiter] = {}
        self.clock = VendorClock(self.logger)
        super().__init__(**options)
        if options.get("validate_config", True):
            self.settings  # noqa: B018 - so that a wrong one is told before anything is sent
        self.secrets = Secrets(secrets(self.config, self.config_jsonschema))
        protect_log(self.secrets)

    @functools.cached_property
    def settings(self) -> Settings:
        """The common settings, ready for use."""
        urls = {name: self.config.get(name) or self.vendor_url(name) for name in self.url_settings}
        return Settings.read(self.config, urls)

    @property
    def url_settings(self) -> Sequence[str]:
        """The settings for those hosts of the vendor that are used."""
        return ("api_url", *self.other_urls)

    def vendor_url(self, setting: str) -> str:
        """The vendor's own base URL of one of its hosts.

        Args:
            setting: The one that changes it.
        """
        return self.other_urls.get(setting, self.default_api_url)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        return [stream(self) for stream in self.stream_classes()]

    @classmethod
    def stream_classes(cls) -> list[type[Stream]]:
        """Every stream class that the tap's ``streams.py`` defines."""
        told = cls.streams_module
        return [
            stream
            for module in (told if isinstance(told, tuple) else (told,))
            for stream in vars(module).values()
            if isinstance(stream, type)
            and issubclass(stream, Stream)
            and stream.__module__ == module.__name__
        ]

    def check_selection(self) -> None:
        """Refuse a selection that cannot be read. For taps to override."""

    def rate_limiter(self, name: str, requests: int, seconds: float) -> WindowRateLimiter:
        """The rate limit of this name, which all streams that ask for it share.

        Args:
            name: What the vendor counts together: an endpoint, or the whole API.
            requests: How many requests the vendor allows.
            seconds: Within how many seconds.
        """
        if name not in self._rate_limiters:
            share = self.settings.rate_limit_share
            self._rate_limiters[name] = WindowRateLimiter(requests, seconds, share)
        return self._rate_limiters[name]

    @functools.cached_property
    def told_rate_limiter(self) -> HeaderRateLimiter:
        """The rate limit that the vendor tells with each response, for all streams together."""
        return HeaderRateLimiter(self.settings.rate_limit_share, longest=LONGEST_RETRY_AFTER)

    def failed(self, stream: str, error: Exception) -> None:
        """Keep a stream's error until the other streams have been read.

        Args:
            stream: The stream, with its partition.
            error: What ended it; called while it is handled.

        Raises:
            Exception: The error itself, where it concerns the whole run: refused credentials, a
                target that is gone, a disk that is full.
        """
        # requests' errors are OSErrors too, but of the connection to the vendor.
        is_ours = isinstance(error, OSError) and not isinstance(error, RequestException)
        if not self.holds_failures or is_ours or isinstance(error, UnauthorizedError):
            raise error
        self.logger.debug("where it happened", exc_info=error)
        self.failures[stream] = error

    def skipped(self, stream: str, error: FatalResponseError) -> None:
        """Warn that a stream is not there, or not for this token; the run goes on without it.

        If no stream of the run can be read, that is an error after all: then the address or the
        token is wrong rather than a plan or a role.

        Args:
            stream: The stream, with its partition.
            error: The refusal (403, 404).
        """
        if not self.holds_failures:
            raise error
        self.missing[stream] = error

    @override
    def test_connection(self) -> None:
        """Print what the account gives to each stream.

        Raises:
            FatalAPIError: A stream could not be read.
        """
        from support_taps.connection_test import ConnectionTest  # noqa: PLC0415 - a run needs none

        self.message_writer.is_muted = True
        for line in ConnectionTest(self).report():
            click.echo(line)

    @override
    def load_state(self, state: dict[str, t.Any]) -> None:
        """Take over the state of an earlier run.

        Raises:
            StateError: It does not have the form of a Singer state.
        """
        bookmarks = state.get("bookmarks", {})
        if not isinstance(bookmarks, dict):
            msg = "the state's 'bookmarks' is not an object"
            raise StateError(msg)
        for stream, bookmark in bookmarks.items():
            partitions = bookmark.get("partitions", []) if isinstance(bookmark, dict) else None
            if not isinstance(partitions, list) or not all(
                isinstance(part, dict) and isinstance(part.get("context"), dict)
                for part in partitions
            ):
                msg = f"the state's bookmark of stream '{stream}' is not one"
                raise StateError(msg)
        super().load_state(state)

    @override
    @classmethod
    def invoke(  # type: ignore[override]  # as in the SDK
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: t.Any = None,
        state: t.IO[str] | None = None,
        catalog: t.IO[str] | None = None,
    ) -> None:
        """Run the tap from the command line.

        The same as the SDK's, but a stream that fails does not hold the others back.
        """
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        tap = cls(
            config=config.config if config else None,
            state=_json_file(state, "state"),
            catalog=_json_file(catalog, "catalog"),
            parse_env_config=bool(config and config.parse_env),
        )
        tap.holds_failures = True
        tap.check_selection()
        tap.sync_all()
        if tap.was_read:
            for stream, error in tap.missing.items():
                cls.logger.warning("stream '%s' was skipped: %s", stream, told(error))
        else:
            tap.failures.update(tap.missing)
        for stream, failure in tap.failures.items():
            cls.logger.error("stream '%s' failed: %s", stream, told(failure))
        if tap.failures:
            sys.exit(1)

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command, with errors told in one line."""
        command = super().get_singer_command()
        return OneLineErrors(
            name=command.name,
            callback=command.callback,
            params=command.params,
            context_settings=command.context_settings,
            help=command.help,
            logger=cls.logger,
        )


def _json_file(file: t.IO[str] | None, what: str) -> dict[str, t.Any] | None:
    if file is None:
        return None
    try:
        content = json.load(file)
    except ValueError as error:
        msg = f"the {what} file is not JSON: {error}"
        raise StateError(msg) from None
    if not isinstance(content, dict):
        msg = f"the {what} file does not hold a JSON object"
        raise StateError(msg)
    return content
