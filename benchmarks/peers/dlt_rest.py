"""dlt's REST client: `python dlt_rest.py JSON`.

It extracts and normalises to JSONL files; or, if a database is named, loads into it by key.
"""

# mypy: ignore-errors
# (dlt is in an environment of its own)

from __future__ import annotations

import json
import sys
import typing as t

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator, SinglePagePaginator

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response


class NextPage(JSONLinkPaginator):
    """Follows `next_page`, which is never null, until a page is empty."""

    def update_state(self, response: Response, data: list[t.Any] | None = None) -> None:
        """Stop after an empty page."""
        super().update_state(response, data)
        if not data:
            self._has_next_page = False


def pages(job: dict[str, t.Any]) -> Iterator[t.Any]:
    """The pages of chats, or of Dixa conversations."""
    client = RESTClient(job["url"], auth=BearerTokenAuth(job["token"]))
    if job["stream"] == "chats":
        start = job["windows"][0][0] // 1000
        yield from client.paginate(
            "/incremental/chats",
            params={"start_time": start, "limit": 1000, "fields": "chats(*)"},
            paginator=NextPage(next_url_path="next_page"),
            data_selector="chats",
        )
        return
    for after, before in job["windows"]:
        yield from client.paginate(
            "/v1/conversation_export",
            params={"updated_after": after, "updated_before": before},
            paginator=SinglePagePaginator(),
            data_selector="$",
        )


def main() -> None:
    """Read, and load where that is asked for."""
    job = json.loads(sys.argv[1])
    database = job["database"]
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=job["folder"],
        destination=dlt.destinations.postgres(database) if database else "filesystem",
        dataset_name="bench",
    )
    by_key = {"disposition": "merge", "strategy": "upsert"}
    records = dlt.resource(
        pages(job),
        name=job["stream"],
        primary_key="id",
        write_disposition=by_key if database else "append",
    )
    if database:
        pipeline.run(records)
    else:
        pipeline.extract(records, loader_file_format="jsonl")
        pipeline.normalize()


if __name__ == "__main__":
    main()
