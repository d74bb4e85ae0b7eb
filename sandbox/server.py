"""HTTP/1.1 over the loopback: reads requests, sends answers, and breaks them when told to."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import sys
import threading
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from sandbox.responses import at_most, gzipped, in_pieces, split_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.responses import Response

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class BrokenOnPurposeError(ConnectionError):
    """The sandbox itself broke the connection, as asked."""


class Handler(BaseHTTPRequestHandler):
    """Hands each request over and sends what comes back."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    disable_nagle_algorithm = True
    wbufsize = 0
    server: Server

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        self.server.respond(self, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Stay silent: the request log says more."""

    def send(self, response: Response) -> None:
        """Send a response in the way it asks for."""
        if response.reset_at == "before":
            self.abort()
        if response.stall and response.stall[1] is None:
            self._stall(response)
        gzip = response.gzip and "gzip" in self.headers.get("Accept-Encoding", "")
        chunks: Iterator[bytes] = response.chunks()
        if gzip:
            chunks = gzipped(chunks)
        framing = response.framing
        if framing == "length":
            whole = b"".join(chunks)
            chunks = iter((whole,) if whole else ())
            length = len(whole) if response.promised is None else response.promised
        head = self._head(response, gzip=gzip, length=length if framing == "length" else None)
        if response.reset_at == "headers":
            self.connection.sendall(head[: len(head) * 2 // 3])
            self.abort()
        self.connection.sendall(head)
        for chunk in self._as_faulted(chunks, response):
            if framing == "chunked":
                self.connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            else:
                self.connection.sendall(chunk)
            if response.trickle:
                self._pause(response.trickle[1])
        self._finish(response)

    def _as_faulted(self, chunks: Iterator[bytes], response: Response) -> Iterator[bytes]:
        """The body as far and as slowly as it is to be sent."""
        if response.stop_after is not None:
            chunks = at_most(chunks, response.stop_after)
        if response.trickle:
            chunks = in_pieces(chunks, response.trickle[0])
        if response.stall and (after := response.stall[1]) is not None:
            chunks = split_at(chunks, after, lambda: self._stall(response))
        return chunks

    def _finish(self, response: Response) -> None:
        """End the body, or do not."""
        if response.ending == "reset":
            self._pause(0.05)  # let the bytes already sent arrive: RST overtakes them
            self.abort()
        if response.ending == "missing":
            self.close_connection = True
        elif response.framing == "chunked":
            self.connection.sendall(b"0\r\n\r\n")

    def _head(self, response: Response, *, gzip: bool, length: int | None) -> bytes:
        phrase = response.reason
        if phrase is None:
            try:
                phrase = HTTPStatus(response.status).phrase
            except ValueError:
                phrase = "Unknown"
        headers: dict[str, str | None] = {
            "Server": self.server_version, "Date": self.date_time_string(),
        }  # fmt: skip
        headers |= response.headers
        if gzip:
            headers["Content-Encoding"] = "gzip"
        if response.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif length is not None:
            headers["Content-Length"] = str(length)
        if response.framing == "close" or response.ending == "missing":
            self.close_connection = True
        if response.framing == "close":
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {response.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        lines += [] if response.line is None else [response.line]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _stall(self, response: Response) -> None:
        if response.on_stall:
            response.on_stall()
        if response.stall:
            self._pause(response.stall[0])

    def _pause(self, seconds: float) -> None:
        """Wait; a sandbox that stops meanwhile drops the connection."""
        if self.server.stopping.wait(seconds):
            self.abort()

    def abort(self) -> None:
        """Send RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.rfile.close()
        self.connection.close()
        raise BrokenOnPurposeError


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection; none outlives the process."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        respond: Callable[[Handler, bytes], None],
        failures: list[BaseException],
    ) -> None:
        """Listen at once; `respond` must call `Handler.send` exactly once."""
        if not ip_address(address[0]).is_loopback:
            msg = f"the sandbox listens on the loopback only, not on {address[0]}"
            raise ValueError(msg)
        self.respond = respond
        self.stopping = threading.Event()
        self.failures = failures
        self._connections: set[socket.socket] = set()
        self._serving: threading.Thread | None = None
        super().__init__(address, Handler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self.server_address[1]
        return port

    def start(self) -> None:
        """Serve in the background."""
        self._serving = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="sandbox"
        )
        self._serving.start()

    def stop(self) -> None:
        """Stop listening and drop every connection."""
        self.stopping.set()
        if self._serving is not None:
            self.shutdown()
            self._serving.join()
        self.server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that it can be dropped."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that goes away is no news; anything else is a defect of the sandbox."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            self.failures.append(error)
            traceback.print_exception(error)
