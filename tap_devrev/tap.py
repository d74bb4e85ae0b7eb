"""The tap for DevRev."""

from __future__ import annotations

from singer_sdk import typing as th

from support_taps.settings import LONGEST_DAYS, common_settings
from support_taps.tap import SupportTap
from tap_devrev import streams
from tap_devrev.client import LARGEST_PAGE


class TapDevRev(SupportTap):
    """Conversations with their threads, tickets, people, accounts and SLAs from DevRev's API."""

    name = "tap-devrev"
    streams_module = streams
    default_api_url = "https://api.devrev.ai"

    config_jsonschema = th.PropertiesList(
        th.Property(
            "access_token",
            th.StringType,
            required=True,
            secret=True,
            title="Access token",
            description="Personal access token, or token of a service account.",
        ),
        th.Property(
            "window_days",
            th.IntegerType(minimum=1, maximum=LONGEST_DAYS),
            default=7,
            title="Window days",
            description="Days asked for with one request. A window with too many records is "
            "halved by itself.",
        ),
        th.Property(
            "page_size",
            th.IntegerType(minimum=1, maximum=LARGEST_PAGE),
            default=1000,
            title="Page size",
            description="Records asked for with one request. DevRev allows up to 5000.",
        ),
        *common_settings(api_url=default_api_url, lookback_minutes=10),
    ).to_dict()
