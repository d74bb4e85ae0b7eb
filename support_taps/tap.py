"""The one base class of all taps: settings, errors and the end of a run.

The SDK stays in charge of command line, catalog, state and mapping.
"""

from __future__ import annotations

import abc
import functools
import json
import logging
import os
import sys
import typing as t
import warnings

import click
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from support_taps.errors import StateError
from support_taps.pacing import Allowance
from support_taps.sdk_private import SdkTap
from support_taps.settings import Settings, secrets
from support_taps.writer import LineWriter

if t.TYPE_CHECKING:
    from collections.abc import Iterable

DISTRIBUTION = "support-taps"


class SupportTap(SdkTap, abc.ABC):
    """A tap of this distribution."""

    package_name = DISTRIBUTION
    message_writer_class = LineWriter
    message_writer: LineWriter

    default_api_url: t.ClassVar[str]
    """The vendor's own base URL, without a slash at the end."""

    stream_failures: tuple[type[Exception], ...] = ()
    """Errors that end a stream but not the run. None unless a run can tell of them at its end."""

    def __init__(self, **options: t.Any) -> None:
        """Take the SDK's options; read the settings at once if they are to be checked."""
        self._failures: dict[str, Exception] = {}
        self._allowances: dict[str, Allowance] = {}
        super().__init__(**options)
        if options.get("validate_config", True):
            self.settings  # noqa: B018 - so that a wrong one is told before anything is sent
        _protect_log(secrets(self.config, self.config_jsonschema))

    @functools.cached_property
    def settings(self) -> Settings:
        """The common settings, ready for use."""
        return Settings.read(self.config, self.config.get("api_url") or self.vendor_api_url())

    def vendor_api_url(self) -> str:
        """The vendor's own base URL."""
        return self.default_api_url

    def allowance(self, name: str, requests: int, seconds: float) -> Allowance:
        """The allowance of this name, which all streams that ask for it share.

        Args:
            name: What the vendor counts together: an endpoint, or the whole API.
            requests: How many requests the vendor allows.
            seconds: Within how many seconds.
        """
        if name not in self._allowances:
            share = self.settings.rate_limit_share
            self._allowances[name] = Allowance(requests, seconds, share)
        return self._allowances[name]

    def failed(self, stream: str, error: Exception) -> None:
        """Keep a stream's error until the other streams have been read."""
        self._failures[stream] = error

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
        tap.stream_failures = (SingerSDKError,)
        tap.sync_all()
        for stream, error in tap._failures.items():
            cls.logger.error("stream '%s' failed: %s", stream, error)
        if tap._failures:
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


class OneLineErrors(SingerCommand):
    """A command that ends with one line and exit code 1 where the SDK's shows a traceback."""

    @override
    def main(self, *args: t.Any, **options: t.Any) -> t.Any:
        """Run the command."""
        try:
            return super().main(*args, **options)
        except BrokenPipeError:
            # What is left in the buffer has nowhere to go; Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.logger.error("the target closed the pipe before the end")  # noqa: TRY400
        except (SingerSDKError, OSError, ValueError) as error:
            self.logger.error(_one_line(error))  # noqa: TRY400
            self.logger.debug("where it happened", exc_info=True)
        sys.exit(1)

    @override
    def invoke(self, ctx: click.Context) -> t.Any:
        """Run the callback; the SDK's own ``invoke`` tells a settings error in several lines."""
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        return click.Command.invoke(self, ctx)


class _WithoutSecrets(logging.Filter):
    """Keeps secrets out of whatever is logged, by whomever. The last line of defence."""

    def __init__(self, values: Iterable[str]) -> None:
        super().__init__()
        self._values = tuple(values)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if any(value in message for value in self._values):
            for value in self._values:
                message = message.replace(value, "***")
            record.msg, record.args = message, ()
        return True


def _protect_log(values: list[str]) -> None:
    """Let no secret, and no URL with a query, into the log."""
    # urllib3 logs every URL at DEBUG.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_WithoutSecrets(values))


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


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__
