"""The sandbox as a whole: the vendors behind one server."""

from __future__ import annotations

import socket
import time
import urllib.parse
from typing import Any

from sandbox.call import Call
from sandbox.control import Control
from sandbox.log import LoggedRequest
from sandbox.responses import json_response
from sandbox.server import Handler, Server
from sandbox.world import World

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


class Sandbox(World):
    """A server on the loopback that stands in for the four vendors.

    Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, **scene: Any) -> None:
        """Listen there when started; the rest is as for `World`."""
        super().__init__(**scene)
        self._address = (host, port)
        self._server: Server | None = None
        self._reserved: socket.socket | None = None
        self.failures: list[BaseException] = []
        """Defects of the sandbox itself, met while answering."""
        self._control = Control(self)

    def __enter__(self) -> Sandbox:  # noqa: PYI034 - Self needs Python 3.11
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

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
            number=self.log.next_number(),
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
        self.log.add(entry)
        response = self.respond(vendor, call, entry)
        entry.status = 0 if response.reset_at else response.status
        entry.rows = len(response.rows)
        try:
            handler.send(response)
            entry.finished = True
        finally:
            entry.seconds = time.monotonic() - monotonic
