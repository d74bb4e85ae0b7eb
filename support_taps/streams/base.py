"""The one base class of all streams: how a page is fetched, read and promised.

It joins the SDK's public hooks with the modules beside it and knows no vendor. A tap's
``client.py`` adds the vendor's rules: ``get_http_request``, a paginator, the authenticator.

:meth:`ExportStream.read_pages` is the whole story: ask for a page at the vendor's pace; read its
records while they arrive; when it breaks, try again from its start; and when its last record
has been written, move the bookmark and send a STATE.
"""

from __future__ import annotations

import abc
import contextlib
import datetime as dt
import functools
import http
import logging
import time
import typing as t

import requests
from singer_sdk import metrics
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import SchemaMessage
from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from support_taps.bookmarks import Bookmark
from support_taps.errors import TransientError, UnauthorizedError
from support_taps.http import responses
from support_taps.http.retries import Retries
from support_taps.json_array import JsonArray
from support_taps.json_codec import encode
from support_taps.pagination import PageRead
from support_taps.progress import Progress
from support_taps.records.plan import RecordPlan
from support_taps.sdk_overrides import SdkStream
from support_taps.timestamps import MILLISECOND, floor, from_epoch, isoformat
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from requests import PreparedRequest, Response
    from singer_sdk.helpers.types import Context

    from support_taps.http.rate_limits import RateLimiter
    from support_taps.pagination import ExportPaginator
    from support_taps.tap import SupportTap

Page = t.TypeVar("Page")
Batch = t.TypeVar("Batch")

ANY_JSON: t.Final = {
    "type": ["object", "array", "string", "number", "boolean", "null"],
    "description": "Sent by the vendor, and not in the schema of this tap.",
}
"""The schema of a field that is not in the schema; target-postgres makes it a jsonb column."""

_CHUNK_BYTES = 256 * 1024
_SDK_WORK = ("stream_maps", "flattening_enabled", "batch_config")


class ExportStream(SdkStream[Page], abc.ABC):
    """A stream of an export API, read page by page in order of time.

    Args:
        tap: The tap it belongs to.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    """``RecordPlan`` conforms. The SDK's own levels drop unknown fields and cast silently."""

    allow_redirects = False
    """The vendors' exports redirect nowhere, and some credentials would follow a redirect."""

    records_key: t.ClassVar[str | None] = None
    """Key of the top-level object that holds the records; None: the array is at the top."""

    settles_after: t.ClassVar[dt.timedelta] = dt.timedelta(0)
    """How old a time must be before the vendor can be asked about it."""

    time_unit: t.ClassVar[dt.timedelta]
    """The vendor's smallest step in the time that is asked for."""

    sends_epochs: t.ClassVar[bool] = False
    """Whether the vendor sends times as numbers."""

    epoch_unit: t.ClassVar[dt.timedelta | None] = None
    """What such numbers count; None: seconds and milliseconds, told apart by size."""

    def __init__(self, tap: SupportTap) -> None:
        """Read no setting: discovery has none."""
        super().__init__(tap)
        self.tap = tap
        self.span: Window
        self.bookmark: Bookmark
        self._progress: Progress | None = None
        self._plan: RecordPlan | None = None
        self._partition: dict[str, t.Any] = {}
        self._announced: dict[str, t.Any] = {}
        self._record_counter: metrics.Counter | None = None

    # What a vendor's client declares

    @property
    @abc.abstractmethod
    def rate_limiter(self) -> RateLimiter:
        """The rate limit that this stream's requests use."""

    @abc.abstractmethod
    @override
    def get_new_paginator(self) -> ExportPaginator[Page]:
        """A paginator over :attr:`span`, which is not empty, from :attr:`bookmark`."""

    def unauthorized_hint(self) -> str:
        """What to look at when the credentials are refused."""
        return "check the token"

    def forbidden_hint(self) -> str:
        """What to look at when the vendor denies or does not know the export (403, 404)."""
        return "check what the token's owner may read"

    def retry_after(self, response: Response, body: t.Any) -> float | None:  # noqa: ARG002
        """Seconds the vendor asks to wait, in a header or the body; None: it does not say."""
        return responses.retry_after_header(response)

    # What the SDK asks for

    @property
    @override
    def url_base(self) -> str:
        return self.tap.settings.api_url

    @property
    @override
    def timeout(self) -> float:  # type: ignore[override]  # requests takes fractions as well
        return self.tap.settings.timeout

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}

    @functools.cached_property
    @override
    def user_agent(self) -> str:
        return self.config.get("user_agent") or f"{self.tap.name}/{self.tap.plugin_version}"

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """No signpost: a bookmark never promises more than was asked for."""

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """The bookmark as it is: ``start_date`` is weighed in :meth:`_span_to_read`."""
        return value

    @override
    def get_record_counter(
        self, *, endpoint: str | None = None, log_interval: float = metrics.DEFAULT_LOG_INTERVAL
    ) -> metrics.Counter:
        """The SDK's counter, kept for records that are written without it."""
        counter = super().get_record_counter(endpoint=endpoint, log_interval=log_interval)
        self._record_counter = counter
        return counter

    @override
    def get_records(self, context: Context | None) -> Iterable[dict[str, t.Any]]:
        """Write the records, or hand them to the SDK where it has work to do on them.

        A stream that fails does not hold the others back: its error is kept, and told at the end
        of the run. Refused credentials end the run at once.
        """
        try:
            if self._writes_lines:
                for lines in self.read_pages(context, self._lines):
                    self.tap.message_writer.write_lines(lines)
            else:
                yield from self.request_records(context)
        except UnauthorizedError:
            raise
        except self.tap.stream_failures as error:
            self.tap.failed(self.progress.where, error)
        finally:
            self.progress.stop()

    @override
    def request_records(self, context: Context | None) -> Iterator[dict[str, t.Any]]:
        """The conformed records, one by one."""
        for records in self.read_pages(context, self._decoded):
            yield from records

    @override
    def validate_response(self, response: Response) -> None:
        """Pass 200 only.

        Raises:
            TransientError: Worth another try.
            UnauthorizedError: 401.
            FatalResponseError: Anything else.
        """
        if response.status_code == http.HTTPStatus.OK:
            return
        body = responses.body_of(response)
        raise responses.refusal(
            response,
            body,
            retry_after=self.retry_after(response, body),
            recovery=self.rate_limiter.recovery,
            unauthorized_hint=self.unauthorized_hint(),
            forbidden_hint=self.forbidden_hint(),
        )

    # How a page is read

    @property
    def progress(self) -> Progress:
        """What has been done so far."""
        if self._progress is None:
            self._progress = Progress(self.logger, self.name)
        return self._progress

    @property
    def plan(self) -> RecordPlan:
        """What is done to each record."""
        if self._plan is None:
            self._plan = RecordPlan(
                self.schema,
                self.primary_keys or (),
                epochs=self.sends_epochs,
                epoch_unit=self.epoch_unit,
                mask=self.mask,
                on_drift=self.progress.drifting,
            )
        return self._plan

    @property
    def _writes_lines(self) -> bool:
        """Whether the SDK has nothing to do between a record and its line."""
        return (
            self.ABORT_AT_RECORD_COUNT is None
            and self.replication_method == "INCREMENTAL"
            and not any(self.config.get(name) for name in _SDK_WORK)
        )

    def _decoded(self, raws: list[bytes]) -> list[dict[str, t.Any]]:
        return [self._partition | self.plan.record(raw) for raw in raws]

    def _lines(self, raws: list[bytes]) -> bytes:
        """RECORD lines, all extracted at this moment."""
        start = b'{"type":"RECORD","stream":' + encode(self.name) + b',"record":'
        moment = isoformat(from_epoch(time.time_ns() // 1_000_000, MILLISECOND))
        end = b',"time_extracted":"' + moment.encode() + b'"}\n'
        lines = self.plan.lines(raws, start, end, self._partition)
        if fields := self.plan.new_fields():
            lines = self._schema_with(fields) + lines
        if self._record_counter is not None:
            self._record_counter.increment(len(raws))
        return lines

    def _schema_with(self, fields: list[str]) -> bytes:
        """The SCHEMA message again, with fields that the schema does not list.

        Targets that load into columns leave out what no SCHEMA has announced. The fields may hold
        any JSON: nothing is known of them but their first value.
        """
        listed = self.stream_maps[0].transformed_schema
        self._announced |= dict.fromkeys(fields, ANY_JSON)
        message = SchemaMessage(
            stream=self.name,
            schema={**listed, "properties": {**listed["properties"], **self._announced}},
            key_properties=self.primary_keys,
            bookmark_properties=[self.replication_key] if self.replication_key else None,
        )
        return encode(message.to_dict()) + b"\n"

    def read_pages(
        self, context: Context | None, convert: Callable[[list[bytes]], Batch]
    ) -> Iterator[Batch]:
        """Read every page of the span, in batches of records; keep each page's checkpoint.

        Args:
            context: The partition, or None.
            convert: What is made of a batch of records, given as bytes.
        """
        self._partition = dict(context or {})
        self.progress.partition = ", ".join(map(str, context.values())) if context else ""
        self.bookmark = Bookmark(self, context, self.tap.state_writer)
        self.span = self._span_to_read()
        if self.span.start >= self.span.end:
            # Within the time that the vendor takes to settle this is the normal end of a run.
            unsettled = self.span.start < self.span.end + self.settles_after
            self.logger.log(
                logging.INFO if unsettled else logging.WARNING,
                "%s: there is nothing to read yet: the time to read from (%s) is not before the "
                "time to read to (%s)",
                self.progress.where,
                *(isoformat(moment) for moment in self.span),
            )
            return
        self.progress.span(self.span)
        paginator = self.get_new_paginator()
        with self.get_http_request_counter() as request_counter:
            request_counter.with_context(context)
            while not paginator.finished:
                page_context = PageContext(context, paginator.current_value)
                response = yield from self._page(page_context, paginator, convert, request_counter)
                description = paginator.description
                if (checkpoint := paginator.checkpoint) is not None:
                    self.bookmark.move(checkpoint)
                    self.progress.finished(description, checkpoint.until)
                paginator.advance(response)

    def _page(
        self,
        page: PageContext[Page],
        paginator: ExportPaginator[Page],
        convert: Callable[[list[bytes]], Batch],
        request_counter: metrics.Counter,
    ) -> t.Generator[Batch, None, Response]:
        """Read one page to its end, from its start again whenever it breaks."""
        retries = Retries(self.tap.settings.max_tries)
        while True:
            try:
                with contextlib.closing(self._send(self._prepare(page))) as response:
                    request_counter.increment()
                    array = JsonArray(response.iter_content(_CHUNK_BYTES), self.records_key)
                    for raws in array:
                        batch = convert(raws)
                        self.progress.records += len(raws)
                        yield batch
                    paginator.page = PageRead(array.count, array.envelope)
                    return response
            except requests.RequestException as broken:
                error = responses.broken(broken, self.url_base)
            except TransientError as passing:
                error = passing
            wait = retries.wait_after(error)
            self.progress.retrying(error, wait, retries.failures, retries.max_tries)
            time.sleep(wait)

    def _prepare(self, page: PageContext[Page]) -> PreparedRequest:
        """The HTTP request of a page, as the client's ``get_http_request`` describes it."""
        request = self.get_http_request(page=page)
        return self.build_prepared_request(
            method=request.method,
            url=request.url,
            params=request.encode_params(),
            headers=request.headers,
            json=request.data,
        )

    def _send(self, prepared: PreparedRequest) -> Response:
        """Send when the rate limit permits; return a sound response whose body is yet to come."""
        waited = self.rate_limiter.waited
        self.rate_limiter.wait()
        self.progress.waited += self.rate_limiter.waited - waited
        self.progress.requests += 1
        headers: t.Mapping[str, str] = {}
        try:
            response = self.requests_session.send(
                prepared,
                timeout=self.timeout,
                allow_redirects=self.allow_redirects,
                **self._transport,
            )
            headers = response.headers
        finally:
            self.rate_limiter.responded(headers)
        self._measure(response)
        try:
            self.validate_response(response)
        except Exception:
            response.close()
            raise
        return response

    @functools.cached_property
    def _transport(self) -> t.Mapping[str, t.Any]:
        """Proxies and certificates as the environment has them, looked up once for the host."""
        settings: t.Mapping[str, t.Any] = self.requests_session.merge_environment_settings(
            self.url_base, {}, stream=True, verify=None, cert=None
        )
        return settings

    def _measure(self, response: Response) -> None:
        """The SDK's metric of a request."""
        succeeded = response.status_code < http.HTTPStatus.BAD_REQUEST
        tags: dict[str, t.Any] = {
            metrics.Tag.STREAM: self.name,
            metrics.Tag.ENDPOINT: self.path,
            metrics.Tag.HTTP_STATUS_CODE: response.status_code,
            metrics.Tag.STATUS: metrics.Status.SUCCEEDED if succeeded else metrics.Status.FAILED,
        }
        seconds = response.elapsed.total_seconds()
        point = metrics.Point("timer", metrics.Metric.HTTP_REQUEST_DURATION, seconds, tags)
        metrics.log(self.metrics_logger, point)

    def _span_to_read(self) -> Window:
        """From the bookmark less the lookback, or ``start_date``, to ``end_date`` or the start."""
        settings = self.tap.settings
        started = from_epoch(self.tap.initialized_at, MILLISECOND)
        start = settings.start
        if (checkpoint := self.bookmark.checkpoint) is not None:
            start = max(start, checkpoint.until - settings.lookback)
        newest = started - self.settles_after
        end = min(settings.end or newest, newest)
        return Window(floor(start, self.time_unit), floor(end, self.time_unit))

    @override
    def log_sync_costs(self) -> None:
        """The SDK calls this once for each stream at the end of a run."""
        if self._progress is not None:
            self._progress.summary(self.plan.unknown, self.plan.drifted)
