"""Access to the Support API, which its streams share: the token, and the account's rate limit."""

from __future__ import annotations

import abc
import functools

from support_taps.tap import SupportTap
from tap_zendesk_chat.support_limits import SMALLEST_ACCOUNT, SupportRateLimiter, Told
from tap_zendesk_chat.support_token import SupportToken


class SupportAccess(SupportTap, abc.ABC):
    """A tap with streams of the Support API."""

    @functools.cached_property
    def support_token(self) -> SupportToken | None:
        """The token of the Support API that renews itself; None where a ready one is given."""
        if not self.config.get("support_client_id"):
            return None
        return SupportToken(self, self.support_rate_limiter())

    def support_rate_limiter(
        self, requests: int | None = None, part: float = 1.0
    ) -> SupportRateLimiter:
        """The limiter of some streams.

        Args:
            requests: An endpoint's limit in a minute; None: it has none of its own.
            part: The part of the account's limit that is used, where there is none.
        """
        window = self.rate_limiter(
            f"support {requests} {part}", requests or int(SMALLEST_ACCOUNT * part), 60
        )
        share = self.settings.rate_limit_share * part
        return SupportRateLimiter(window, self._account, share, None if requests else part)

    @functools.cached_property
    def _account(self) -> dict[str, Told]:
        """The vendor's words about the account's rate limit, for all streams."""
        return {}
