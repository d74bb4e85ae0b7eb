"""A request as the rules see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Call:
    """One request for a vendor's path."""

    vendor: str
    stream: str
    """Empty for a path that the vendor does not have."""
    method: str
    target: str
    """Path and query as they came, with the vendor's prefix."""
    path: str
    """The vendor's own path."""
    params: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case. They hold the credentials: not to be logged whole."""
    body: bytes
    moment: float
    """When it came, by the vendor's clock."""
    port: int
    parent: str = ""
    """The parent's id in the path of a child."""

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer`; None for another scheme."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @cached_property
    def json(self) -> Any:
        """The body decoded, or None when it is not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None
