"""The floors: what no tap of this kind can cost less than, over the same HTTP.

`python floors.py FILE`: a job that has the requests with which our tap read the stream, and a mode:

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
import sys
import typing as t
from pathlib import Path

import msgspec
import requests

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 20


class Job(msgspec.Struct):
    """The stream to read, and how much of it is looked at.

    Args:
        array: Where a page has its records; None: it is a list of them.
        requests: As the sandbox logs them.
    """

    mode: str
    stream: str
    url: str
    token: str
    key: str
    array: str | None
    requests: list[dict[str, t.Any]]


def pages(job: Job) -> Iterator[bytes]:
    """Each response's body, whole, over one connection."""
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {job.token}", "x-api-key": job.token})
    session.headers["X-Devrev-Scope"] = "beta"
    for asked in job.requests:
        with session.request(
            asked["method"],
            job.url + asked["path"],
            params=asked["params"],
            json=asked["json"],
            stream=True,
        ) as response:
            response.raise_for_status()
            body = b"".join(response.iter_content(_PIECE))
        yield body


def main() -> None:
    """Read every page of the job."""
    gc.disable()  # nothing here is circular, and a floor pays for nothing it does not need
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    out = sys.stdout.buffer
    moment = dt.datetime.now(tz=dt.timezone.utc).isoformat()
    line = {"type": "RECORD", "stream": job.stream, "record": None, "time_extracted": moment}
    out.write(msgspec.json.encode({"type": "SCHEMA", "stream": job.stream}) + b"\n")

    decode = msgspec.json.Decoder().decode
    encode = msgspec.json.Encoder().encode
    raw_list: t.Any = list[msgspec.Raw]
    if job.array is not None:
        raw_list = msgspec.defstruct("Page", [("rows", raw_list)], rename={"rows": job.array})
    decode_raw = msgspec.json.Decoder(raw_list).decode
    key = msgspec.defstruct("Key", [("key", t.Any)], rename={"key": job.key})
    decode_key = msgspec.json.Decoder(key).decode
    before, after = encode(line).split(b"null", 1)
    after += b"\n"

    for body in pages(job):
        if job.mode == "decode":
            page = decode(body)
            lines = []
            for record in page if job.array is None else page[job.array]:
                line["record"] = record
                lines.append(encode(line))
            lines.append(b"")
            out.write(b"\n".join(lines))
        elif job.mode in {"each", "raw"}:
            page = decode_raw(body)
            pieces: list[t.Any] = []
            for raw in page if job.array is None else page.rows:
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
