"""The settings that all four taps have, and what is said when one cannot be used.

Every complaint is one line that names the setting. The value of a secret is never in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import ipaddress
import math
import typing as t
import urllib.parse

from singer_sdk import typing as th
from singer_sdk.plugin_base import JSONSchemaValidator

from support_taps.errors import SettingsError
from support_taps.timestamps import EPOCH

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import ValidationError

_SHORTEST_SECRET = 4
"""Anything shorter is no token, and striking it out of a log would leave holes in its words."""


LONGEST_DAYS: t.Final = 36_500
"""Longest window and lookback in days: more than any vendor is old, less than a date can hold."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The common settings, ready for use.

    Args:
        start: Nothing older is asked for.
        end: Nothing from here on is asked for; None: up to the moment the run started.
        urls: Where the vendor's APIs are, without a slash at the end, by setting.
        lookback: How far before its bookmark a run starts.
        rate_limit_share: The part of the vendor's rate limit that this run may use.
        timeout: Seconds without a byte after which a request is tried again.
        max_tries: How often a page is tried.
    """

    start: dt.datetime
    end: dt.datetime | None
    urls: Mapping[str, str]
    lookback: dt.timedelta
    rate_limit_share: float
    timeout: float
    max_tries: int

    @classmethod
    def read(cls, config: Mapping[str, t.Any], urls: Mapping[str, str]) -> Settings:
        """Read the settings of a configuration that fits its schema.

        Args:
            config: The tap's configuration.
            urls: By setting, the one that is set, or the vendor's own.

        Raises:
            SettingsError: A value cannot be used.
        """
        start = _instant(config, "start_date")
        end = _instant(config, "end_date") if config.get("end_date") else None
        if end is not None and end < start:
            msg = (
                f"setting 'end_date' ({config['end_date']}) is before "
                f"'start_date' ({config['start_date']})"
            )
            raise SettingsError(msg)
        return cls(
            start=start,
            end=end,
            urls={name: _api_url(url, name) for name, url in urls.items()},
            lookback=dt.timedelta(minutes=config["lookback_minutes"]),
            rate_limit_share=float(config["rate_limit_share"]),
            timeout=float(config["request_timeout"]),
            max_tries=config["max_tries"],
        )


def common_settings(*, api_url: str, lookback_minutes: int) -> list[th.Property[t.Any]]:
    """The declarations of the settings that all taps have, with one tap's defaults.

    Args:
        api_url: The vendor's own, as the description states it.
        lookback_minutes: Minutes before the bookmark at which a run starts.
    """
    return [
        th.Property(
            "start_date",
            th.DateTimeType,
            required=True,
            title="Start date",
            description="Earliest date (UTC) or date-time to read from.",
        ),
        th.Property(
            "end_date",
            th.DateTimeType,
            title="End date",
            description="Date (UTC) or date-time to read up to. "
            "Default: the moment the run started.",
        ),
        th.Property(
            "api_url",
            th.StringType,
            title="API URL",
            description="Base URL of the API, for a proxy or another region. "
            f"Default: `{api_url}`.",
        ),
        th.Property(
            "lookback_minutes",
            th.IntegerType(minimum=0, maximum=LONGEST_DAYS * 24 * 60),
            default=lookback_minutes,
            title="Lookback minutes",
            description="How far before its bookmark a run starts, for records that "
            "appear late or change quietly.",
        ),
        th.Property(
            "rate_limit_share",
            th.NumberType(exclusive_minimum=0),
            default=1,
            title="Rate limit share",
            description="Share of the vendor's rate limit that this run may use: 0.5 if another "
            "tool uses the same token.",
        ),
        th.Property(
            "request_timeout",
            th.NumberType(exclusive_minimum=0, maximum=1_000_000),
            default=300,
            title="Request timeout",
            description="Seconds to wait for the next byte of a response before trying again.",
        ),
        th.Property(
            "max_tries",
            th.IntegerType(minimum=1),
            default=20,
            title="Max tries",
            description="How often a request is tried before its stream is given up: "
            "20 is enough for an outage of 13 minutes.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            title="User agent",
            description="User-Agent header to send. Default: name and version of the tap.",
        ),
    ]


def validate(config: dict[str, t.Any], schema: dict[str, t.Any]) -> None:
    """Fill in defaults, and say what does not fit the schema.

    Args:
        config: The tap's configuration; changed in place.
        schema: JSON schema of the settings.

    Raises:
        SettingsError: The first misfit.
    """
    for name, declaration in schema["properties"].items():
        value = config.get(name)
        if not isinstance(value, str):
            continue
        if declaration.get("secret"):
            # A line of .env that was left empty; one that is required is complained about.
            is_left_out = not value.strip() and name not in schema.get("required", ())
            config[name] = None if is_left_out else _secret(value, name)
        elif "number" in declaration.get("type", ()):
            # Meltano passes fractions from the environment on as text.
            with contextlib.suppress(ValueError):
                number = float(value)
                config[name] = number if math.isfinite(number) else value
    for error in JSONSchemaValidator(schema).iter_errors(config):
        raise SettingsError(_complaint(error, schema))


def secrets(config: Mapping[str, t.Any], schema: Mapping[str, t.Any]) -> list[str]:
    """The values of the settings that are marked secret."""
    return [
        config[name]
        for name, declaration in schema["properties"].items()
        if declaration.get("secret") and len(config.get(name) or "") >= _SHORTEST_SECRET
    ]


def _complaint(error: ValidationError, schema: Mapping[str, t.Any]) -> str:
    limit: t.Any = error.validator_value
    if error.validator == "required":
        missing = next(
            name for name in limit if name not in t.cast("dict[str, t.Any]", error.instance)
        )
        description = schema["properties"].get(missing, {}).get("description", "")
        return f"setting '{missing}' is missing: {description}".rstrip(": ")
    name = ".".join(str(part) for part in error.absolute_path)
    got = f", not {error.instance!r}"
    if schema["properties"].get(name, {}).get("secret"):
        got = ""
    elif not name:
        return error.message
    wanted = {
        "type": f"must be of type {limit if isinstance(limit, str) else ' or '.join(limit)}"
        if error.validator == "type"
        else "",
        "minimum": f"must be {limit} or more",
        "maximum": f"must be {limit} or less",
        "exclusiveMinimum": f"must be more than {limit}",
        "minItems": "must not be empty",
        "minLength": "must not be empty",
    }.get(str(error.validator))
    return f"setting '{name}' {wanted}{got}" if wanted else f"setting '{name}': {error.message}"


def _secret(value: str, name: str) -> str:
    """A token as it can be sent in a header: users paste spaces and the word Bearer with it."""
    value = value.strip()
    if value[:7].lower() in {"bearer", "bearer "}:
        value = value[7:].strip()
    if not value:
        msg = f"setting '{name}' is empty"
        raise SettingsError(msg)
    if not all("!" <= character <= "~" for character in value):
        msg = f"setting '{name}' holds characters that no token has (a space, a line break, …)"
        raise SettingsError(msg)
    return value


def _instant(config: Mapping[str, t.Any], name: str) -> dt.datetime:
    # Imported here: it takes a tenth of the time that --version takes.
    import pendulum  # noqa: PLC0415

    text = config[name]
    parsed = None
    if text[:1].isdigit():  # pendulum takes "now" as well
        with contextlib.suppress(OverflowError, ValueError):
            parsed = pendulum.parse(text, exact=True)
    # Nothing of any vendor is from before 1970, and their times cannot say so: they count from it.
    if isinstance(parsed, pendulum.DateTime):
        # In the first and last hours of the years 1 to 9999 there may be no such time in UTC.
        with contextlib.suppress(OverflowError, ValueError):
            utc = parsed.in_timezone("UTC").isoformat(timespec="microseconds")
            return max(dt.datetime.fromisoformat(utc), EPOCH)
    elif isinstance(parsed, pendulum.Date):
        midnight = dt.datetime(parsed.year, parsed.month, parsed.day, tzinfo=dt.timezone.utc)
        return max(midnight, EPOCH)
    msg = f"setting '{name}' must be a date or date-time such as 2025-01-31, not {text!r}"
    raise SettingsError(msg)


def _api_url(url: str, name: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        msg = f"setting '{name}' must be a URL such as https://api.example.com"
        raise SettingsError(msg)
    if parts.username is not None or parts.password is not None:
        msg = f"setting '{name}' must not hold a user name or password"
        raise SettingsError(msg)
    if parts.query or parts.fragment:
        msg = f"setting '{name}' must not hold a query or a fragment"
        raise SettingsError(msg)
    if parts.scheme == "http" and not is_loopback(host):
        msg = f"setting '{name}' must be https for the host {host}: a token is sent there"
        raise SettingsError(msg)
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
