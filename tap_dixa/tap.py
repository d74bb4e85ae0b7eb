"""The tap for Dixa."""

from __future__ import annotations

from singer_sdk import typing as th
from typing_extensions import override

from support_taps.settings import common_settings
from support_taps.tap import SupportTap
from tap_dixa import streams
from tap_dixa.client import LONGEST_WINDOW_DAYS, DixaStream


class TapDixa(SupportTap):
    """Conversations and messages from Dixa's Exports API."""

    name = "tap-dixa"
    default_api_url = "https://exports.dixa.io"

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
        *common_settings(api_url=default_api_url, lookback_minutes=60),
    ).to_dict()

    @override
    def discover_streams(self) -> list[DixaStream]:
        return [streams.Conversations(self), streams.Messages(self)]
