"""The tap for Zendesk Chat."""

from __future__ import annotations

import re

from singer_sdk import typing as th
from typing_extensions import override

from support_taps.errors import SettingsError
from support_taps.settings import common_settings
from support_taps.tap import SupportTap
from tap_zendesk_chat import streams
from tap_zendesk_chat.client import LARGEST_PAGE

_SUBDOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class TapZendeskChat(SupportTap):
    """Chats, agent timeline, conversions and department events from the Zendesk Chat API."""

    name = "tap-zendesk-chat"
    streams_module = streams
    default_api_url = "https://{subdomain}.zendesk.com/api/v2/chat"

    config_jsonschema = th.PropertiesList(
        th.Property(
            "access_token",
            th.StringType,
            required=True,
            secret=True,
            title="Access token",
            description="OAuth token of a Chat API client. Tokens of Zendesk Support do not work.",
        ),
        th.Property(
            "subdomain",
            th.StringType,
            title="Subdomain",
            description="The part of your Zendesk address before `.zendesk.com`. "
            "Required unless `api_url` is given.",
        ),
        th.Property(
            "page_size",
            th.IntegerType(minimum=1, maximum=LARGEST_PAGE),
            default=LARGEST_PAGE,
            title="Page size",
            description="Records asked for with one request. Zendesk allows up to 1000.",
        ),
        *common_settings(api_url=default_api_url, lookback_minutes=0),
    ).to_dict()

    @override
    def vendor_api_url(self) -> str:
        subdomain = self.config.get("subdomain")
        if not subdomain:
            msg = (
                "setting 'subdomain' is missing: the part of your Zendesk address before "
                ".zendesk.com (or give the setting 'api_url')"
            )
            raise SettingsError(msg)
        if not _SUBDOMAIN.fullmatch(subdomain):
            msg = (
                "setting 'subdomain' must be the part of your Zendesk address before "
                f".zendesk.com only, not {subdomain!r}"
            )
            raise SettingsError(msg)
        return self.default_api_url.format(subdomain=subdomain)
