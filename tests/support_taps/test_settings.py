"""Each complaint about a setting is one line that names it and shows no secret."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError

from support_taps.errors import SettingsError
from support_taps.settings import Settings, common_settings, secrets, validate

UTC = dt.timezone.utc
URL = "https://api.example.com"
SCHEMA = th.PropertiesList(
    th.Property("token", th.StringType, required=True, secret=True, description="The token."),
    th.Property(
        "names",
        th.CustomType({"type": "array", "items": {"type": "string"}, "minItems": 1}),
        description="Names.",
    ),
    *common_settings(api_url=URL, lookback_minutes=60),
).to_dict()


def checked(**config: t.Any) -> dict[str, t.Any]:
    """A configuration that has been checked against the schema."""
    config = {"token": "secret-token", "start_date": "2025-01-01", **config}
    validate(config, SCHEMA)
    return config


def read(**config: t.Any) -> Settings:
    return Settings.read(checked(**config), {"api_url": config.get("api_url") or URL})


def complaint(**config: t.Any) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**config)
    line = str(caught.value)
    assert "\n" not in line
    assert isinstance(caught.value, ConfigValidationError)
    return line


def test_defaults_are_filled_in() -> None:
    settings = read()
    assert settings.start == dt.datetime(2025, 1, 1, tzinfo=UTC)
    assert settings.end is None
    assert settings.lookback == dt.timedelta(hours=1)
    assert (settings.rate_limit_share, settings.timeout, settings.max_tries) == (1, 300, 20)
    assert settings.urls["api_url"] == URL


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-01-31", dt.datetime(2025, 1, 31, tzinfo=UTC)),
        ("2024-02-29", dt.datetime(2024, 2, 29, tzinfo=UTC)),
        ("2025-01-31T10:00:00Z", dt.datetime(2025, 1, 31, 10, tzinfo=UTC)),
        ("2025-01-31T10:00:00", dt.datetime(2025, 1, 31, 10, tzinfo=UTC)),
        ("2025-01-31T10:00:00+05:30", dt.datetime(2025, 1, 31, 4, 30, tzinfo=UTC)),
        ("2025-01-31 10:00", dt.datetime(2025, 1, 31, 10, tzinfo=UTC)),
        ("2025-01-31T10:00:00.123456Z", dt.datetime(2025, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_utc_unless_they_say_otherwise(text: str, moment: dt.datetime) -> None:
    assert read(start_date=text).start == moment
    assert read(end_date=text, start_date="2020-01-01").end == moment


@pytest.mark.parametrize(
    "text", ["", "2025-02-29", "2025-13-01", "10:00", "P1D", "31.01.2025", "2025-01-01/2025-02-01"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    line = complaint(start_date=text)
    assert "'start_date'" in line
    assert repr(text) in line


def test_now_is_no_date_either() -> None:
    """It would read nothing, and with each run from another moment on."""
    assert "must be a date" in complaint(start_date="now")


def test_an_end_before_the_start_is_refused_and_the_same_moment_is_not() -> None:
    line = complaint(start_date="2025-02-01", end_date="2025-01-31")
    assert "'end_date' (2025-01-31) is before 'start_date' (2025-02-01)" in line
    assert read(end_date="2025-01-01").end == read().start


@pytest.mark.parametrize("value", [0.5, 2, 1e6])
def test_a_share_is_a_float_whatever_was_written(value: float) -> None:
    """The SDK reads a configuration's fractions as Decimals, with which no clock can be read."""
    from decimal import Decimal  # noqa: PLC0415

    settings = read(rate_limit_share=Decimal(str(value)), request_timeout=Decimal(str(value)))
    assert type(settings.rate_limit_share) is float
    assert type(settings.timeout) is float
    assert settings.timeout == value


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"start_date": None}, "'start_date'"),
        ({"lookback_minutes": "1"}, "'lookback_minutes' must be of type integer"),
        ({"lookback_minutes": -1}, "'lookback_minutes' must be 0 or more, not -1"),
        ({"rate_limit_share": 0}, "'rate_limit_share' must be more than 0, not 0"),
        ({"rate_limit_share": "all"}, "'rate_limit_share' must be of type number"),
        ({"request_timeout": -5}, "'request_timeout' must be more than 0"),
        ({"max_tries": 0}, "'max_tries' must be 1 or more, not 0"),
        ({"max_tries": 2.5}, "'max_tries' must be of type integer"),
        ({"user_agent": 5}, "'user_agent' must be of type string"),
        ({"names": []}, "'names' must not be empty"),
        ({"names": "one"}, "'names' must be of type array"),
        ({"names": ["a", 5]}, "'names.1' must be of type string"),
        ({"api_url": 5}, "'api_url' must be of type string"),
    ],
)
def test_a_value_that_does_not_fit_is_named(config: dict[str, t.Any], words: str) -> None:
    assert words in complaint(**config)


def test_what_is_missing_is_said_with_its_description() -> None:
    config = {"start_date": "2025-01-01"}
    with pytest.raises(SettingsError, match=r"^setting 'token' is missing: The token\.$"):
        validate(config, SCHEMA)


@pytest.mark.parametrize(
    "token",
    [
        b"bytes",
        123456789,
        ["in-a-list"],
        {"in": "an-object"},
        "white space",
        "line\nbreak",
        "ümlaut",
    ],
)
def test_no_complaint_shows_a_secret(token: t.Any) -> None:
    line = complaint(token=token)
    assert "'token'" in line
    for part in ("123456789", "list", "object", "white", "break", "mlaut"):
        assert part not in line.replace("a line break", "").replace("of type string", "")


@pytest.mark.parametrize(
    "pasted",
    ["abc-123", " abc-123 ", "abc-123\n", "Bearer abc-123", "bearer  abc-123", "BEARER abc-123"],
)
def test_a_pasted_token_is_cleaned(pasted: str) -> None:
    assert checked(token=pasted)["token"] == "abc-123"  # noqa: S105


@pytest.mark.parametrize("token", ["", " ", "\n", "Bearer", "bearer "])
def test_a_token_of_nothing_is_empty(token: str) -> None:
    assert complaint(token=token) == "setting 'token' is empty"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443/v1//", "https://api.example.com:8443/v1"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.8.9.1/dixa", "http://127.8.9.1/dixa"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_urls_that_are_safe_for_a_token(url: str, kept: str) -> None:
    assert read(api_url=url).urls["api_url"] == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("api.example.com", "must be a URL"),
        ("//api.example.com", "must be a URL"),
        ("file:///etc/passwd", "must be a URL"),
        ("https://", "must be a URL"),
        ("https://host:port", "must be a URL"),
        ("https://host:99999", "must be a URL"),
        ("https://[::1", "must be a URL"),
        ("http://api.example.com", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("http://0.0.0.0", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("http://127.0.0.1@example.com", "user name or password"),
        ("https://u:hunter2@example.com", "user name or password"),
        ("https://example.com/?key=hunter2", "a query or a fragment"),
        ("https://example.com/#hunter2", "a query or a fragment"),
    ],
)
def test_urls_that_are_not(url: str, words: str) -> None:
    line = complaint(api_url=url)
    assert "'api_url'" in line
    assert words in line
    assert "hunter2" not in line


def test_secrets_are_the_settings_marked_so() -> None:
    assert secrets({"token": "secret-token", "user_agent": "x-agent"}, SCHEMA) == ["secret-token"]
    assert secrets({"token": "abc"}, SCHEMA) == []
    assert secrets({}, SCHEMA) == []
