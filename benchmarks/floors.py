"""The floors: what no tap of this kind can cost less than, over the same HTTP.

`python floors.py JSON` with a mode:

- `decode`: read a page, decode it with msgspec, write a RECORD line for each record with msgspec.
- `each`: the same, but find the bytes of each record first, and decode one after the other, so that
  no more than one record is there as objects at a time. It is kinder to the processor's caches.
- `raw`: read a page, find the bytes of each record, read only its key, write its bytes as a line.
- `download`: read the pages and drop them.

A page is held whole, nothing is converted, checked, selected or promised; a page is one write.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import sys
import typing as t

import msgspec
import requests

if t.TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 1000
_PIECE = 1 << 20


class Job(msgspec.Struct):
    """The stream to read, and how much of it is looked at."""

    mode: str
    vendor: str
    stream: str
    url: str
    token: str
    key: str
    bot: str
    windows: list[tuple[int, int]]
    """Milliseconds, both ends included."""


class Reader:
    """Gets pages, whole."""

    def __init__(self, job: Job) -> None:
        """Keep one connection."""
        self._session = requests.Session()
        name = "x-api-key" if job.vendor == "deepconverse" else "Authorization"
        token = job.token if job.vendor == "deepconverse" else f"Bearer {job.token}"
        self._session.headers.update({name: token, "X-Devrev-Scope": "beta"})
        self._url = job.url

    def page(self, path: str, params: dict[str, t.Any], body: t.Any = None) -> bytes:
        """One response's body."""
        method = "GET" if body is None else "POST"
        with self._session.request(
            method, self._url + path, params=params, json=body, stream=True
        ) as response:
            response.raise_for_status()
            return b"".join(response.iter_content(_PIECE))


def _tail(body: bytes) -> dict[str, t.Any]:
    """The part of a page's object that follows the array."""
    rest = body[body.rindex(b"]") + 1 :]
    tail: dict[str, t.Any] = json.loads(b"{" + rest.removeprefix(b","))
    return tail


def _dixa(job: Job, reader: Reader) -> Iterator[bytes]:
    noun, name = {"conversations": ("conversation", "updated")}.get(
        job.stream, ("message", "created")
    )
    for after, before in job.windows:
        yield reader.page(f"/v1/{noun}_export", {f"{name}_after": after, f"{name}_before": before})


def _deepconverse(job: Job, reader: Reader) -> Iterator[bytes]:
    for start, end in job.windows:
        cursor = None
        while True:
            params = {
                "start_time": start // 1000,
                "end_time": end // 1000,
                "bot_name": job.bot,
                "per_page": PAGE,
                "cursor": cursor,
            }
            body = reader.page(f"/conversations/export/v1/{job.stream}", params)
            yield body
            cursor = _tail(body)["cursor"]
            if cursor is None:
                break


def _zendesk_chat(job: Job, reader: Reader) -> Iterator[bytes]:
    start = job.windows[0][0]
    is_timeline = job.stream == "agent_timeline"
    cursor: dict[str, t.Any] = {
        "start_time": start * 1000 if is_timeline else start // 1000,
        "start_id": None,
    }
    fields = f"{job.stream}(*)" if job.stream in {"chats", "conversions"} else None
    while True:
        params = {**cursor, "limit": PAGE, "fields": fields}
        body = reader.page(f"/incremental/{job.stream}", params)
        tail = _tail(body)
        following = {"start_time": tail["end_time"], "start_id": tail.get("end_id")}
        yield body
        if tail["count"] == 0 or following == cursor:
            break
        cursor = following


def _devrev(job: Job, reader: Reader) -> Iterator[bytes]:
    for after, before in job.windows:
        texts = (
            dt.datetime.fromtimestamp(at / 1000, tz=dt.timezone.utc).isoformat()
            for at in (after, before)
        )
        body = {"modified_date": dict(zip(("after", "before"), texts, strict=True)), "first": PAGE}
        yield reader.page("/conversations.export", {}, body)


_PAGES = {
    "dixa": _dixa,
    "deepconverse": _deepconverse,
    "zendesk_chat": _zendesk_chat,
    "devrev": _devrev,
}


def main() -> None:
    """Read every page of the job."""
    gc.disable()  # nothing here is circular, and a floor pays for nothing it does not need
    job = msgspec.json.decode(sys.argv[1], type=Job)
    array = {"dixa": None, "deepconverse": "data", "devrev": "conversations"}.get(
        job.vendor, job.stream
    )
    out = sys.stdout.buffer
    moment = dt.datetime.now(tz=dt.timezone.utc).isoformat()
    line = {"type": "RECORD", "stream": job.stream, "record": None, "time_extracted": moment}
    out.write(msgspec.json.encode({"type": "SCHEMA", "stream": job.stream}) + b"\n")

    decode = msgspec.json.Decoder().decode
    encode = msgspec.json.Encoder().encode
    raw_list: t.Any = list[msgspec.Raw]
    if array is not None:
        raw_list = msgspec.defstruct("Page", [("rows", raw_list)], rename={"rows": array})
    decode_raw = msgspec.json.Decoder(raw_list).decode
    key = msgspec.defstruct("Key", [("key", t.Any)], rename={"key": job.key})
    decode_key = msgspec.json.Decoder(key).decode
    before, after = encode(line).split(b"null", 1)
    after += b"\n"

    for body in _PAGES[job.vendor](job, Reader(job)):
        if job.mode == "decode":
            page = decode(body)
            lines = []
            for record in page if array is None else page[array]:
                line["record"] = record
                lines.append(encode(line))
            lines.append(b"")
            out.write(b"\n".join(lines))
        elif job.mode in {"each", "raw"}:
            page = decode_raw(body)
            pieces: list[t.Any] = []
            for raw in page if array is None else page.rows:
                if job.mode == "raw":
                    decode_key(raw)
                    pieces += (before, raw, after)
                else:
                    line["record"] = decode(raw)
                    pieces += (encode(line), b"\n")
            out.write(b"".join(pieces))
        out.flush()


if __name__ == "__main__":
    main()
