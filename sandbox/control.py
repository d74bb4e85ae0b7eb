"""The same handles over HTTP, under `/_sandbox/`, for a sandbox in another process."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from sandbox.responses import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.faults import Fault
    from sandbox.log import LoggedRequest
    from sandbox.vendor import Vendor


class _Handles(Protocol):
    """The handles of `Sandbox` that are to be had over HTTP."""

    @property
    def vendors(self) -> dict[str, Vendor]: ...

    @property
    def requests(self) -> Sequence[LoggedRequest]: ...

    @property
    def violations(self) -> int: ...

    def fault(self, **fields: Any) -> Fault: ...

    def clear_faults(self) -> None: ...

    def clear_requests(self) -> None: ...

    def reset(self) -> None: ...


class Control:
    """Responds to requests under `/_sandbox/`.

    GET  /_sandbox/truth/<vendor>/<stream>   the records as the vendor would send them
    GET  /_sandbox/requests                  the log
    GET  /_sandbox/status                    URLs, tokens, counts, violations
    POST /_sandbox/faults                    one fault (the fields of `Fault`) or a list of them
    POST /_sandbox/put/<vendor>/<stream>     one record or a list of them
    POST /_sandbox/switches/<vendor>         an object of switches: {"paging.short_pages": 3}
    POST /_sandbox/reset                     as `Sandbox.reset`
    DELETE /_sandbox/faults, /_sandbox/requests
    """

    def __init__(self, box: _Handles) -> None:
        """Control these vendors."""
        self._box = box

    def response(self, method: str, path: str, body: bytes) -> Response:
        """Do what is asked, or say what was wrong with it."""
        try:
            value = json.loads(body) if body else None
            response = self._dispatch(method, path.removeprefix("/_sandbox/").split("/"), value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return json_response({"error": f"{type(error).__name__}: {error}"}, 400)
        if response is None:
            return json_response({"error": f"no {method} {path}"}, 404)
        return response

    def _dispatch(  # noqa: C901 - a table
        self, method: str, parts: list[str], value: Any
    ) -> Response | None:
        box = self._box
        match method, parts:
            case "GET", ["truth", vendor, stream]:
                return truth(box.vendors[vendor], stream)
            case "GET", ["requests"]:
                return json_response([asdict(entry) for entry in box.requests])
            case "GET", ["status"]:
                return json_response(self._status())
            case "POST", ["faults"]:
                for fields in value if isinstance(value, list) else [value]:
                    box.fault(**fields)
            case "POST", ["put", vendor, stream]:
                box.vendors[vendor].put(stream, *(value if isinstance(value, list) else [value]))
            case "POST", ["switches", vendor]:
                for name, setting in value.items():
                    switch(box.vendors[vendor], name, setting)
            case "POST", ["reset"]:
                box.reset()
            case "DELETE", ["faults"]:
                box.clear_faults()
            case "DELETE", ["requests"]:
                box.clear_requests()
            case _:
                return None
        return json_response({"ok": True})

    def _status(self) -> dict[str, Any]:
        return {
            "violations": self._box.violations,
            "vendors": {
                name: {
                    "url": vendor.url,
                    "token": vendor.token,
                    "records": {
                        stream: len(vendor.table(stream).rows()) for stream in vendor.streams
                    },
                }
                for name, vendor in self._box.vendors.items()
            },
        }


def truth(vendor: Vendor, stream: str) -> Response:
    """All records of a stream, streamed."""
    return Response(
        headers={"Content-Type": "application/json"},
        prefix=b"[",
        rows=vendor.table(stream).rows(),
        suffix=b"]",
        render=lambda row: vendor.render(stream, row),
    )


def switch(vendor: Vendor, name: str, setting: Any) -> None:
    """Set a switch by its dotted name; one that does not exist is a mistake."""
    *parents, last = name.split(".")
    place: Any = vendor
    for parent in parents:
        place = getattr(place, parent)
    if last.startswith("_") or callable(getattr(place, last)):
        msg = f"{name} is not a switch"
        raise ValueError(msg)
    setattr(place, last, setting)
