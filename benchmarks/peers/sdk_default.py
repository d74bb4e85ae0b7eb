"""A tap as the SDK's template and guides would have it, with nothing tuned.

`python sdk_default.py --config FILE`: reads Zendesk chats or Dixa conversations. The settings name
the stream, the URL, the token, the schema file and the windows.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseAPIPaginator

if t.TYPE_CHECKING:
    from requests import Response


class Peer(RESTStream[t.Any]):
    """The common part of both streams; a page's token is its parameters."""

    primary_keys = ("id",)

    @property
    def url_base(self) -> str:
        """The API."""
        return str(self.config["url"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """A token."""
        return BearerTokenAuthenticator(token=self.config["token"])

    def get_url_params(self, context: t.Any, next_page_token: t.Any) -> dict[str, t.Any]:  # noqa: ARG002
        """The page."""
        return dict(next_page_token)


class ChatsPaginator(BaseAPIPaginator[t.Any]):
    """Follows `end_time` and `end_id` until a page is empty."""

    def get_next(self, response: Response) -> dict[str, t.Any] | None:
        """The cursor of the response."""
        page = response.json()
        cursor = {"start_time": page["end_time"], "start_id": page["end_id"]}
        return self.current_value | cursor if page["count"] else None


class Chats(Peer):
    """Zendesk chats."""

    name = "chats"
    path = "/incremental/chats"
    replication_key = "update_timestamp"
    records_jsonpath = "$.chats[*]"

    def get_new_paginator(self) -> ChatsPaginator:
        """A cursor."""
        start = self.config["windows"][0][0] // 1000
        return ChatsPaginator({"start_time": start, "limit": 1000, "fields": "chats(*)"})


class WindowPaginator(BaseAPIPaginator[t.Any]):
    """One page for each window."""

    def __init__(self, windows: list[list[int]]) -> None:
        """Start with the first."""
        self._windows = iter([{"updated_after": it, "updated_before": end} for it, end in windows])
        super().__init__(next(self._windows))

    def get_next(self, response: Response) -> dict[str, int] | None:  # noqa: ARG002
        """The next window."""
        return next(self._windows, None)

    def continue_if_empty(self, response: Response) -> bool:  # noqa: ARG002
        """A window may be empty."""
        return True


class Conversations(Peer):
    """Dixa conversations; epoch numbers stay numbers."""

    name = "conversations"
    path = "/v1/conversation_export"
    replication_key = "updated_at"
    records_jsonpath = "$[*]"

    def get_new_paginator(self) -> WindowPaginator:
        """Windows."""
        return WindowPaginator(self.config["windows"])


class TapPeer(Tap):
    """One stream."""

    name = "tap-peer"
    config_jsonschema = th.PropertiesList(
        th.Property("windows", th.ArrayType(th.ArrayType(th.IntegerType)), required=True),
    ).to_dict()

    def discover_streams(self) -> list[Peer]:
        """The one that is asked for."""
        schema = json.loads(Path(self.config["schema_file"]).read_text(encoding="utf-8"))
        if self.config["stream"] == "chats":
            return [Chats(self, schema=schema)]
        for declaration in schema["properties"].values():
            if declaration.pop("format", None) == "date-time":
                declaration["type"] = ["integer", "null"]
        return [Conversations(self, schema=schema)]


if __name__ == "__main__":
    TapPeer.cli()
