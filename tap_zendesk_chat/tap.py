"""The tap for Zendesk Chat, and for Messaging, its successor."""

from __future__ import annotations

import functools
import re
import typing as t

from singer_sdk import typing as th
from typing_extensions import override

from support_taps.errors import SettingsError
from support_taps.settings import LONGEST_DAYS, Settings, common_settings
from support_taps.streams.base import SupportStream
from tap_zendesk_chat import streams, support_streams
from tap_zendesk_chat.client import LARGEST_PAGE
from tap_zendesk_chat.support_access import SupportAccess

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk import Stream

_SUBDOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_CREDENTIALS = {
    "api_url": "'access_token' (of a Chat API client)",
    "support_api_url": "'support_client_id' and 'support_client_secret' (or "
    "'support_access_token')",
}
"""The settings that the streams of each host need, in words."""


class TapZendeskChat(SupportAccess):
    """Chats, agents' timelines and more from the Zendesk Chat API; conversations of Messaging."""

    name = "tap-zendesk-chat"
    streams_module = (streams, support_streams)
    default_api_url = "https://{subdomain}.zendesk.com/api/v2/chat"
    other_urls: t.ClassVar = {"support_api_url": "https://{subdomain}.zendesk.com"}

    config_jsonschema = th.PropertiesList(
        th.Property(
            "access_token",
            th.StringType,
            secret=True,
            title="Access token",
            description="OAuth token of a Chat API client. Tokens of Zendesk Support do not work. "
            "Required for the streams of Chat.",
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
        th.Property(
            "support_client_id",
            th.StringType,
            title="Support client ID",
            description="Identifier of an OAuth client of Zendesk Support (kind: confidential), "
            "made by an administrator. Required for the streams of Messaging.",
        ),
        th.Property(
            "support_client_secret",
            th.StringType,
            secret=True,
            title="Support client secret",
            description="Secret of that OAuth client. The tap fetches its tokens by itself.",
        ),
        th.Property(
            "support_access_token",
            th.StringType,
            secret=True,
            title="Support access token",
            description="OAuth token of Zendesk Support with the scope `read`, in the place of a "
            "client. The tap cannot renew it.",
        ),
        th.Property(
            "support_api_url",
            th.StringType,
            title="Support API URL",
            description="Base URL of the Support API, which has the streams of Messaging. "
            f"Default: `{other_urls['support_api_url']}`.",
        ),
        th.Property(
            "support_lookback_minutes",
            th.IntegerType(minimum=0, maximum=LONGEST_DAYS * 24 * 60),
            default=60,
            title="Support lookback minutes",
            description="How far before its bookmark a run starts to read `tickets` (with their "
            "`conversation_log`) and `users`.",
        ),
        th.Property(
            "messaging_only",
            th.BooleanType,
            default=True,
            title="Messaging only",
            description="Whether `conversation_log` is read for tickets that came through a "
            "messaging channel only, and not for e-mail and the others.",
        ),
        *common_settings(api_url=default_api_url, lookback_minutes=0),
    ).to_dict()

    @functools.cached_property
    @override
    def settings(self) -> Settings:
        client = [bool(self.config.get(f"support_client_{part}")) for part in ("id", "secret")]
        if any(client) and not all(client):
            missing = "support_client_secret" if client[0] else "support_client_id"
            msg = f"setting '{missing}' is missing: both parts of the OAuth client are needed"
            raise SettingsError(msg)
        if not self.config.get("access_token") and "api_url" in self.url_settings:
            msg = (
                "setting 'access_token' is missing: OAuth token of a Chat API client (or, for "
                f"Messaging alone, {_CREDENTIALS['support_api_url']})"
            )
            raise SettingsError(msg)
        return super().settings

    @property
    @override
    def url_settings(self) -> Sequence[str]:
        """Those that there are credentials for; that of Chat where there are none at all."""
        names = ("support_client_id", "support_client_secret", "support_access_token")
        has_support = any(self.config.get(name) for name in names)
        has_chat = self.config.get("access_token") or not has_support
        return [
            *(["api_url"] if has_chat else []),
            *(["support_api_url"] if has_support else []),
        ]

    @override
    def vendor_url(self, setting: str) -> str:
        subdomain = self.config.get("subdomain")
        if not subdomain:
            msg = (
                "setting 'subdomain' is missing: the part of your Zendesk address before "
                f".zendesk.com (or give the setting '{setting}')"
            )
            raise SettingsError(msg)
        if not _SUBDOMAIN.fullmatch(subdomain):
            msg = (
                "setting 'subdomain' must be the part of your Zendesk address before "
                f".zendesk.com only, not {subdomain!r}"
            )
            raise SettingsError(msg)
        return super().vendor_url(setting).format(subdomain=subdomain)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        """Every stream; those without credentials are not selected by default."""
        found = super().discover_streams()
        for stream in found:
            if self._needs(stream) not in self.url_settings:
                stream.selected_by_default = False
        return found

    @override
    def check_selection(self) -> None:
        """Refuse streams without credentials.

        Raises:
            SettingsError: Some are selected.
        """
        for setting, credentials in _CREDENTIALS.items():
            wanted = [
                stream.name
                for stream in self.streams.values()
                if stream.selected and self._needs(stream) == setting
            ]
            if wanted and setting not in self.url_settings:
                msg = (
                    f"selected without credentials: {', '.join(wanted)}. Give the settings "
                    f"{credentials}, or deselect them"
                )
                raise SettingsError(msg)

    @staticmethod
    def _needs(stream: Stream) -> str:
        return stream.url_setting if isinstance(stream, SupportStream) else ""
