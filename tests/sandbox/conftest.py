"""A sandbox for each test, and a way to ask it as a plain HTTP client would."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN = datetime(2025, 1, 1, tzinfo=timezone.utc), datetime(2025, 4, 1, tzinfo=timezone.utc)
PATHS = {
    "dixa": {
        "conversations": "/v1/conversation_export",
        "messages": "/v1/message_export",
        "agents": "/v1/agents",
    },
    "deepconverse": {
        "conversations": "/conversations/export/v1/conversations",
        "messages": "/conversations/export/v1/messages",
    },
    "zendesk_chat": {
        name: f"/incremental/{name}"
        for name in ("chats", "agent_timeline", "conversions", "department_events", "agent_events")
    }
    | {
        "account": "/account",
        "bans": "/bans",
        "routing_settings": "/routing_settings/account",
        "shortcuts": "/shortcuts",
    },
}


class Client:
    """Knows the vendors' headers; everything else is the test's."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.session = requests.Session()

    def dixa(self, stream: str = "conversations", **params: Any) -> requests.Response:
        return self.get("dixa", stream, {"Authorization": f"Bearer {self.box.dixa.token}"}, params)

    def deepconverse(self, stream: str = "conversations", **params: Any) -> requests.Response:
        return self.get("deepconverse", stream, {"x-api-key": self.box.deepconverse.token}, params)

    def zendesk_chat(self, stream: str = "chats", **params: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.box.zendesk_chat.token}"}
        return self.get("zendesk_chat", stream, headers, params)

    def devrev(self, method: str = "export", **body: Any) -> requests.Response:
        return self.devrev_at(f"/conversations.{method}", **body)

    def devrev_at(self, path: str, /, **body: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self.box.devrev.token}",
            "X-Devrev-Scope": "beta",
        }
        url = self.box.devrev.url + path
        return self.session.post(url, json=body, headers=headers, timeout=60)

    def get(
        self, vendor: str, stream: str, headers: dict[str, str], params: dict[str, Any]
    ) -> requests.Response:
        url = self.box.vendors[vendor].url + PATHS[vendor][stream]
        return self.session.get(
            url, params=params, headers=headers, timeout=60, allow_redirects=False
        )


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox over a fixed span that never says 429."""
    with Sandbox(seed=1, size=200, span=SPAN, rate_limits=False) as box:
        yield box
        assert not box.failures


@pytest.fixture
def ask(box: Sandbox) -> Client:
    """A client of that sandbox."""
    return Client(box)


@pytest.fixture(scope="session")
def client_of() -> type[Client]:
    """For tests that start a sandbox of their own."""
    return Client
