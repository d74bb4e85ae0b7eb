"""The four vendors with their faults and log, as tests and the control interface handle them."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from sandbox.deepconverse import DeepConverse
from sandbox.devrev import DevRev
from sandbox.dixa import Dixa
from sandbox.faults import Fault, Faults
from sandbox.log import LoggedRequest, RequestLog
from sandbox.rate_limits import Turnstile, Verdict
from sandbox.responses import RefusedError
from sandbox.vendor import Scene, Vendor
from sandbox.zendesk_chat import ZendeskChat

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sandbox.call import Call
    from sandbox.responses import Response


class World:
    """All but the server: data, rules, faults and a log of requests."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        seed: int = 1,
        size: int = 500,
        span: tuple[datetime, datetime] | None = None,
        rate_limits: bool = True,
        rate_limit_factor: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`size` conversations over `span` (default: the last 100 days, going on).

        `clock` is the vendors': it dates their responses and says what is in their future.
        """
        self.log = RequestLog()
        self.clock = clock
        self.faults = Faults()
        self.turnstile = Turnstile()
        scene = Scene(seed, size, span, clock, rate_limits, rate_limit_factor)
        self.dixa = Dixa(scene)
        self.deepconverse = DeepConverse(scene)
        self.zendesk_chat = ZendeskChat(scene)
        self.devrev = DevRev(scene)
        self.vendors: dict[str, Vendor] = {
            vendor.name: vendor
            for vendor in (self.dixa, self.deepconverse, self.zendesk_chat, self.devrev)
        }
        support = self.zendesk_chat.support
        self.hosts: dict[str, Vendor] = {**self.vendors, support.name: support}
        """Zendesk has two."""

    def fault(self, fault: Fault | None = None, **fields: Any) -> Fault:
        """Install a fault, given whole or by its fields; see `Fault`."""
        installed = Fault(**fields) if fault is None else fault
        self.faults.install(installed)
        return installed

    def clear_faults(self) -> None:
        """Behave again."""
        self.faults.clear()

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request to a vendor, in order of arrival."""
        return self.log.entries()

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self.log.clear()

    @property
    def violations(self) -> int:
        """Requests beyond a rate limit."""
        return self.turnstile.violations

    def reset(self) -> None:
        """Back to the data of the seed, no faults, an empty log, full rate limits.

        Switches stay as they are.
        """
        self.faults.clear()
        self.log.clear()
        self.turnstile.clear()
        for vendor in self.vendors.values():
            vendor.reset_data()

    def respond(self, vendor: Vendor, call: Call, entry: LoggedRequest) -> Response:
        """Credentials first, then the rate limit, then the rules; faults have the last word."""
        verdicts: dict[str, Verdict] = {}
        entry.auth_ok = vendor.authorised(call)
        if not entry.auth_ok:
            response = vendor.unauthorised(call)
        else:
            for scope in vendor.scopes(call):
                if (limit := vendor.rate_limits.get(scope)) is not None:
                    verdicts[scope] = self.turnstile.arrive(vendor.name, scope, limit, call.moment)
            if wait := max((verdict.wait for verdict in verdicts.values()), default=0):
                entry.over_rate_limit = True
                response = vendor.error(429, retry_after=wait)
            elif not call.stream:
                response = vendor.error(404)
            else:
                try:
                    response = vendor.response(call)
                except RefusedError as refused:
                    response = vendor.error(refused.status, refused.message, **refused.details)
        response.gzip = response.gzip or vendor.gzip
        striking = self.faults.striking(call)
        for fault in striking:
            response = fault.bend(response, call, vendor.error)
        entry.faults = tuple(fault.kind for fault in striking)
        vendor.decorate(response, verdicts)
        response.headers.setdefault("Date", formatdate(self.clock(), usegmt=True))
        return response
