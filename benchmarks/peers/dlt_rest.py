"""dlt's REST client, extracting and normalising to JSONL files: `python dlt_rest.py JSON`."""

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
        yield from client.paginate(
            "/incremental/chats",
            params={
                "start_time": job["windows"][0][0] // 1000,
                "limit": 1000,
                "fields": "chats(*)",
            },
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
    """Extract and normalise; nothing is loaded."""
    job = json.loads(sys.argv[1])
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=job["folder"], destination="filesystem", dataset_name="bench"
    )
    records = dlt.resource(
        pages(job), name=job["stream"], primary_key="id", write_disposition="append"
    )
    pipeline.extract(records, loader_file_format="jsonl")
    pipeline.normalize()


if __name__ == "__main__":
    main()
