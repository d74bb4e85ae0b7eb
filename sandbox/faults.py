"""Misbehaviour on request: one declarative type says when it strikes and what it does."""

from __future__ import annotations

import json
import random
import re
import threading
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Literal, get_args

from sandbox.responses import Ending, Framing, Response, empty_response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sandbox.call import Call

Kind = Literal[
    "status",
    "reset",
    "cut",
    "damage",
    "html",
    "empty",
    "json",
    "stall",
    "trickle",
    "gzip",
    "gzip_bomb",
    "redirect",
    "head",
    "fields",
    "drift",
]
Place = Literal["string", "number", "record", "comma", "bracket", "half"]

_HTML = b"<!DOCTYPE html>\n<html><body><h1>Maintenance</h1>Back soon.</body></html>\n"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*', re.DOTALL)
_MIN_TOKEN = 3


@dataclass
class Fault:
    """When it strikes, and what it does.

    A fault counts the requests that match `vendor`, `stream` and `where` from the moment it is
    installed. It strikes the ones numbered `at` (from 1), or the first `times`, or each with
    `probability`; with none of the three, all. Several faults may strike one request.

    Kinds and the fields they read:
      status     `status`, `retry_after` (seconds; `retry_after_as` "seconds" or "date"),
                 `value` (a JSON body; default: the vendor's own error body)
      reset      RST `point` "before" the response, in the "headers", or in the "body" after `after`
                 bytes (default 100)
      cut        the body ends at `place` (in a "string", in a "number", after a "record", after the
                 "comma" behind it, before the last "bracket", in the "half"), or after `after`
                 bytes; `ending` "clean" (valid HTTP, truncated JSON), "missing" (no last chunk, or
                 too short for its Content-Length) or "reset"; `framing` "chunked", "length" or
                 "close" (default: the response's own)
      damage     half a surrogate pair in UTF-8, which that has not, at `place` of the body
      html       an HTML page, with `status` (default 200)
      empty      no body, with `status` (default 200)
      json       `value` instead of the response, with `status` (default 200)
      stall      `seconds` before the headers, or after `after` bytes of the body
      trickle    `after` bytes (default 16) every `seconds` (default 0.01)
      gzip       the response compressed, if the client takes gzip
      gzip_bomb  `after` bytes of spaces (default 256 MiB) inside an array, compressed the same way
      redirect   `status` (default 302) to `location` (default: the same URL on host `localhost`)
      head       `headers` replaced (a value of None takes one away), `line` put behind them as it
                 is, and `reason` as the reason phrase; bytes that are no Latin-1 cannot be sent
      fields     `value` (a dict) added to every `every`-th row
      drift      the value at `path` ("a.b") of every `every`-th row changed by `to`: a callable, or
                 "text", "number", "list", "object", "null", "absent"
    """

    kind: Kind
    vendor: str | None = None
    stream: str | None = None
    at: int | Collection[int] | None = None
    times: int | None = None
    probability: float | None = None
    seed: int = 0
    where: Callable[[Call], bool] | None = None

    status: int | None = None
    retry_after: float | None = None
    retry_after_as: Literal["seconds", "date"] = "seconds"
    value: Any = None
    point: Literal["before", "headers", "body"] = "before"
    after: int | None = None
    place: Place = "string"
    ending: Ending = "clean"
    framing: Framing | None = None
    seconds: float | None = None
    location: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    line: str | None = None
    reason: str | None = None
    every: int = 1
    path: str = ""
    to: str | Callable[[Any], Any] = "text"

    seen: int = field(default=0, init=False)
    """Matching requests so far."""
    struck: int = field(default=0, init=False)
    """Requests struck so far."""
    stalls: threading.Event = field(default_factory=threading.Event, init=False, compare=False)
    """Set as soon as a response is being stalled: all that comes before the stall has been sent."""

    def __post_init__(self) -> None:
        """Refuse a misspelt kind at once: a fault that never strikes makes a test pass wrongly."""
        if self.kind not in get_args(Kind):
            msg = f"no fault of kind {self.kind!r}; there are {', '.join(get_args(Kind))}"
            raise ValueError(msg)
        if isinstance(self.to, str) and self.to not in DRIFTS:
            msg = f"no drift to {self.to!r}; there are {', '.join(DRIFTS)}"
            raise ValueError(msg)
        self._random = random.Random(self.seed)  # noqa: S311

    def strikes(self, call: Call) -> bool:
        """Count a request and say whether it is struck."""
        if self.vendor not in (None, call.vendor) or self.stream not in (None, call.stream):
            return False
        if self.where is not None and not self.where(call):
            return False
        self.seen += 1
        strikes = True
        if self.at is not None:
            strikes = self.seen in ([self.at] if isinstance(self.at, int) else self.at)
        if self.times is not None:
            strikes = strikes and self.struck < self.times
        if self.probability is not None:
            strikes = strikes and self._random.random() < self.probability
        self.struck += strikes
        return strikes

    def bend(self, response: Response, call: Call, error: Callable[..., Response]) -> Response:
        """Make the response go wrong; `error` gives the vendor's documented error responses."""
        bent: Response = getattr(self, f"_{self.kind}")(response, call, error)
        return bent

    def _status(self, _response: Response, call: Call, error: Callable[..., Response]) -> Response:
        status = 500 if self.status is None else self.status
        response = error(status, retry_after=self.retry_after)
        if self.value is not None:
            response = json_response(self.value, status, response.headers)
        response.headers.pop("Retry-After", None)
        if self.retry_after is not None:
            response.headers["Retry-After"] = (
                f"{self.retry_after:g}"
                if self.retry_after_as == "seconds"
                else formatdate(call.moment + self.retry_after, usegmt=True)
            )
        return response

    def _reset(self, response: Response, _call: Call, _error: object) -> Response:
        if self.point == "body":
            return replace(
                response, stop_after=100 if self.after is None else self.after, ending="reset"
            )
        return replace(response, reset_at=self.point)

    def _cut(self, response: Response, _call: Call, _error: object) -> Response:
        response = replace(response, framing=self.framing or response.framing, ending=self.ending)
        if self.after is not None and response.framing != "length":
            response.stop_after = self.after
            return response
        body = response.body()
        end = cut_at(response, body, self.place) if self.after is None else self.after
        if self.ending != "clean":
            response.promised = len(body)
        return response.with_body(body[:end])

    def _damage(self, response: Response, _call: Call, _error: object) -> Response:
        body = response.body()
        end = cut_at(response, body, self.place)
        return response.with_body(body[:end] + b"\xed\xa0\x80" + body[end:])

    def _html(self, _response: Response, _call: Call, _error: object) -> Response:
        headers: dict[str, str | None] = {"Content-Type": "text/html; charset=utf-8"}
        return Response(self.status or 200, headers, prefix=_HTML, framing="length")

    def _empty(self, _response: Response, _call: Call, _error: object) -> Response:
        return empty_response(self.status or 200, {"Content-Type": "application/json"})

    def _json(self, _response: Response, _call: Call, _error: object) -> Response:
        return json_response(self.value, self.status or 200)

    def _stall(self, response: Response, _call: Call, _error: object) -> Response:
        return replace(response, stall=(self.seconds or 1.0, self.after), on_stall=self.stalls.set)

    def _trickle(self, response: Response, _call: Call, _error: object) -> Response:
        return replace(response, trickle=(self.after or 16, self.seconds or 0.01))

    def _gzip(self, response: Response, _call: Call, _error: object) -> Response:
        return replace(response, gzip=True)

    def _gzip_bomb(self, response: Response, _call: Call, _error: object) -> Response:
        return replace(response, gzip=True, padding=self.after or 256 * 1024 * 1024)

    def _redirect(self, _response: Response, call: Call, _error: object) -> Response:
        location = self.location or f"http://localhost:{call.port}{call.target}"
        return empty_response(self.status or 302, {"Location": location})

    def _head(self, response: Response, _call: Call, _error: object) -> Response:
        headers = {**response.headers, **self.headers}
        return replace(response, headers=headers, line=self.line, reason=self.reason)

    def _fields(self, response: Response, _call: Call, _error: object) -> Response:
        extra: Mapping[str, Any] = self.value or {"not_in_the_documents": {"since": 2026}}

        def add(position: int, record: Any) -> Any:
            return {**record, **extra} if position % self.every == 0 else record

        return replace(response, bend=[*response.bend, add])

    def _drift(self, response: Response, _call: Call, _error: object) -> Response:
        change = DRIFTS[self.to] if isinstance(self.to, str) else self.to

        def drift(position: int, record: Any) -> Any:
            if position % self.every == 0:
                *parents, name = self.path.split(".")
                place = record
                for parent in parents:
                    place = place.get(parent) if isinstance(place, dict) else None
                if isinstance(place, dict) and name in place:
                    place[name] = change(place[name])
                    if place[name] is ABSENT:
                        del place[name]
            return record

        return replace(response, bend=[*response.bend, drift])


ABSENT = object()
"""Returned by a drift to take the key away."""


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _as_number(value: Any) -> Any:
    try:
        return float(value) if "." in str(value) else int(value)
    except (TypeError, ValueError):
        return len(str(value))


DRIFTS: dict[str, Callable[[Any], Any]] = {
    "text": _as_text,
    "number": _as_number,
    "list": lambda value: [value],
    "object": lambda value: {"value": value},
    "null": lambda _: None,
    "absent": lambda _: ABSENT,
}


def cut_at(response: Response, body: bytes, place: Place) -> int:
    """Where to end the body so that its last byte is at such a place, past the middle if it can.

    A body that has no such place is cut in the middle.
    """
    middle = len(body) // 2
    if place == "bracket":
        return len(body.rstrip()) - 1
    if place in ("record", "comma"):
        texts = list(response.row_texts())
        kept = texts[: max(len(texts) // 2, 1)]
        if kept and (place == "record" or len(texts) > len(kept)):
            return len(response.prefix) + len(b",".join(kept)) + (place == "comma")
        return middle
    end = middle
    if place in ("string", "number"):
        for token in _TOKEN.finditer(body):
            long_enough = token.end() - token.start() >= _MIN_TOKEN
            if long_enough and token.group().startswith(b'"') == (place == "string"):
                end = (token.start() + token.end()) // 2
                if end >= middle:
                    break
    return end
