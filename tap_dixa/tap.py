"""The tap for Dixa."""

from __future__ import annotations

from typing import ClassVar

from singer_sdk import typing as th

from support_taps.settings import common_settings
from support_taps.tap import SupportTap
from tap_dixa import streams
from tap_dixa.client import LONGEST_WINDOW_DAYS


class TapDixa(SupportTap):
    """Conversations and messages from Dixa's Exports API, all else from its main API."""

    name = "tap-dixa"
    streams_module = streams
    default_api_url = "https://exports.dixa.io"
    other_urls: ClassVar = {"platform_api_url": "https://dev.dixa.io"}

    config_jsonschema = th.PropertiesList(
        th.Property(
            "api_token",
            th.StringType,
            required=True,
            secret=True,
            title="API token",
            description="Token from Dixa's Settings > Integrations > API Tokens.",
        ),
        th.Property(
            "window_days",
            th.IntegerType(minimum=1, maximum=LONGEST_WINDOW_DAYS),
            default=LONGEST_WINDOW_DAYS,
            title="Window days",
            description="Days asked for with one request. Dixa allows up to 31.",
        ),
        th.Property(
            "platform_api_url",
            th.StringType,
            title="Platform API URL",
            description="Base URL of the main API, which has the agents, teams and other tables. "
            "Default: `https://dev.dixa.io`.",
        ),
        th.Property(
            "enduser_custom_attributes",
            th.BooleanType,
            default=False,
            title="Custom attributes of end users",
            description="Whether `endusers` have their `customAttributes`. Dixa leaves them out of "
            "its list, so this costs a request for each end user, of which there can be 10 a "
            "second: 28 hours for a million.",
        ),
        *common_settings(api_url=default_api_url, lookback_minutes=60),
    ).to_dict()
