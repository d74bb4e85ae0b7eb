"""The sandbox: the vendors with their data, rules and faults behind one server."""

from __future__ import annotations

import itertools
import socket
import threading
import time
import urllib.parse
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from sandbox.call import Call
from sandbox.control import Control
from sandbox.deepconverse import DeepConverse
from sandbox.devrev import DevRev
from sandbox.dixa import Dixa
from sandbox.faults import Fault
from sandbox.log import LoggedRequest
from sandbox.rate_limits import Turnstile, Verdict
from sandbox.responses import RefusedError, Response, json_response
from sandbox.server import Handler, Server
from sandbox.vendor import Scene, Vendor
from sandbox.zendesk_chat import ZendeskChat

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_TELLING_HEADERS = (
    "accept",
    "accept-encoding",
    "connection",
    "content-type",
    "host",
    "user-agent",
    "x-devrev-scope",
    "x-devrev-version",
)


class Sandbox:
    """A server on the loopback that stands in for the four vendors.

    Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        seed: int = 1,
        size: int = 500,
        span: tuple[datetime, datetime] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limits: bool = True,
        rate_limit_factor: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`size` conversations over `span` (default: the last 100 days, going on).

        `clock` is the vendors': it dates their responses and says what is in their future.
        """
        self.clock = clock
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
        self.failures: list[BaseException] = []
        """Defects of the sandbox itself, met while answering."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        """Of the faults: they count the requests that they see."""
        self._requests: list[LoggedRequest] = []
        self._numbers = itertools.count(1)
        self._turnstile = Turnstile()
        self._address = (host, port)
        self._server: Server | None = None
        self._reserved: socket.socket | None = None
        self._control = Control(self)

    def __enter__(self) -> Sandbox:  # noqa: PYI034 - Self needs Python 3.11
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    # Handles.

    def fault(self, fault: Fault | None = None, **fields: Any) -> Fault:
        """Install a fault, given whole or by its fields; see `Fault`."""
        installed = Fault(**fields) if fault is None else fault
        with self._lock:
            self._faults.append(installed)
        return installed

    def clear_faults(self) -> None:
        """Behave again."""
        with self._lock:
            self._faults.clear()

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request to a vendor, in order of arrival."""
        return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the requests so far; their numbers go on."""
        self._requests.clear()

    @property
    def violations(self) -> int:
        """Requests beyond a rate limit."""
        return self._turnstile.violations

    def reset(self) -> None:
        """Back to the data of the seed, no faults, an empty log, full rate limits.

        Switches stay as they are.
        """
        self.clear_faults()
        self.clear_requests()
        self._turnstile.clear()
        for vendor in self.vendors.values():
            vendor.reset_data()

    # Life.

    def start(self) -> Sandbox:
        """Listen and serve in the background."""
        self._release()
        self._server = Server(self._address, self._respond, self.failures)
        self._address = (self._address[0], self._server.port)
        for vendor in self.hosts.values():
            vendor.host_url = self.url
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop listening and drop every connection."""
        self._release()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _release(self) -> None:
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    def pause_listening(self) -> None:
        """Drop every connection and refuse new ones; no other process gets the port meanwhile."""
        self.stop()
        # A socket that is bound and does not listen: connections are refused all the same.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(self._address)

    def resume_listening(self) -> None:
        """Listen again, on the same port."""
        self.start()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{self._address[0]}:{self._address[1]}"

    @property
    def port(self) -> int:
        """The port."""
        return self._address[1]

    # Requests.

    def _respond(self, handler: Handler, body: bytes) -> None:
        wall, monotonic = time.time(), time.monotonic()
        path, _, query = handler.path.partition("?")
        params = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path.startswith("/_sandbox/"):
            handler.send(self._control.response(handler.command, path, body))
            return
        name, _, rest = path[1:].partition("/")
        vendor = self.hosts.get(name)
        if vendor is None:
            handler.send(json_response({"message": f"no vendor {name!r} here"}, 404))
            return
        based = f"/{rest}".startswith(vendor.base_path)
        own_path = f"/{rest}"[len(vendor.base_path) :] if based else ""
        headers = {key.lower(): value for key, value in handler.headers.items()}
        stream, parent = vendor.route(handler.command, own_path)
        call = Call(
            name, stream, handler.command, handler.path, own_path, params, headers, body,
            self.clock(), self.port, parent,
        )  # fmt: skip
        call.stream, call.parent = vendor.narrowed(call)
        entry = LoggedRequest(
            number=next(self._numbers),
            monotonic=monotonic,
            wall=wall,
            vendor=name,
            stream=call.stream,
            method=handler.command,
            path=own_path,
            params=params,
            json=None if stream == "oauth" else call.json,
            headers={key: headers[key] for key in _TELLING_HEADERS if key in headers},
            credentials_sent="authorization" in headers or "x-api-key" in headers,
        )
        self._requests.append(entry)
        response = self._response(vendor, call, entry)
        entry.status = 0 if response.reset_at else response.status
        entry.rows = len(response.rows)
        try:
            handler.send(response)
            entry.finished = True
        finally:
            entry.seconds = time.monotonic() - monotonic

    def _response(self, vendor: Vendor, call: Call, entry: LoggedRequest) -> Response:
        """Credentials first, then the rate limit, then the rules; faults have the last word."""
        verdicts: dict[str, Verdict] = {}
        entry.auth_ok = vendor.authorised(call)
        if not entry.auth_ok:
            response = vendor.unauthorised(call)
        else:
            for scope in vendor.scopes(call):
                if (limit := vendor.rate_limits.get(scope)) is not None:
                    verdicts[scope] = self._turnstile.arrive(vendor.name, scope, limit, call.moment)
            if wait := max((verdict.wait for verdict in verdicts.values()), default=0):
                entry.over_rate_limit = True
                response = vendor.error(429, retry_after=wait)
            elif not call.stream:
                response = vendor.error(404)
            elif status := vendor.denied.get(call.stream):
                told = f"{call.stream} is not available to this account"
                response = vendor.error(status, told)
            else:
                try:
                    response = vendor.response(call)
                except RefusedError as refused:
                    response = vendor.error(refused.status, refused.message, **refused.details)
        response.gzip = response.gzip or vendor.gzip
        with self._lock:
            striking = [fault for fault in self._faults if fault.strikes(call)]
        for fault in striking:
            response = fault.bend(response, call, vendor.error)
        entry.faults = tuple(fault.kind for fault in striking)
        vendor.decorate(response, verdicts)
        response.headers.setdefault("Date", formatdate(self.clock(), usegmt=True))
        return response
