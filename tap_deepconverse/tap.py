"""The tap for DeepConverse."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th
from typing_extensions import override

from support_taps.settings import LONGEST_DAYS, common_settings
from support_taps.tap import SupportTap
from tap_deepconverse import streams
from tap_deepconverse.client import LARGEST_PAGE


class TapDeepConverse(SupportTap):
    """Conversations and messages from DeepConverse's Export API."""

    name = "tap-deepconverse"
    streams_module = streams
    default_api_url = "https://api.converseapps.com"

    config_jsonschema = th.PropertiesList(
        th.Property(
            "api_key",
            th.StringType,
            required=True,
            secret=True,
            title="API key",
            description="API access token from the dashboard's Account > API.",
        ),
        th.Property(
            "bot_names",
            th.ArrayType(th.StringType(min_length=1)),
            required=True,
            title="Bot names",
            description="Names or ids of the bots to read, as the dashboard shows them.",
        ),
        th.Property(
            "window_days",
            th.IntegerType(minimum=1, maximum=LONGEST_DAYS),
            default=7,
            title="Window days",
            description="Days asked for with one series of pages.",
        ),
        th.Property(
            "page_size",
            th.IntegerType(minimum=1, maximum=LARGEST_PAGE),
            default=LARGEST_PAGE,
            title="Page size",
            description="Records asked for with one request. DeepConverse allows up to 1000.",
        ),
        *common_settings(api_url=default_api_url, lookback_minutes=1440),
    ).to_dict()
    config_jsonschema["properties"]["bot_names"]["minItems"] = 1

    @override
    def prepare_settings(self, config: dict[str, t.Any]) -> None:
        """Take a bare string for a list of one, and each bot once."""
        bot_names = config.get("bot_names")
        if isinstance(bot_names, str):
            bot_names = [bot_names] if bot_names.strip() else []
        if isinstance(bot_names, list) and all(isinstance(name, str) for name in bot_names):
            config["bot_names"] = list(dict.fromkeys(name.strip() for name in bot_names))
