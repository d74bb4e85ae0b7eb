"""The base class of all streams: from a context to pages, and from pages to lines.

It joins the SDK's public hooks with the packages beside it, knows no vendor and no notion of time.
``incremental.py`` adds spans, bookmarks and checkpoints. A tap's ``client.py`` adds the vendor's
rules: ``get_http_request``, the authenticator, what a rate limit is and what errors mean.

:meth:`SupportStream.walk` is the whole story: ask for a page at the vendor's pace; read its records
while they arrive; when it breaks, try again from its start; when its last record has been written,
read the children of its records, keep the page's checkpoint, and go on to the next page.
"""

from __future__ import annotations

import abc
import functools
import http
import time
import typing as t

from singer_sdk import metrics
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.streams.rest import PageContext
from typing_extensions import override

from support_taps.bookmarks import reached, was_read
from support_taps.errors import FatalResponseError, ShapeError
from support_taps.http import responses
from support_taps.http.page_reader import PageReader
from support_taps.json_array import JsonArray
from support_taps.json_codec import decode, encode
from support_taps.pagination import BasePaginator, LoopGuard, PageRead, SdkPages
from support_taps.progress import Progress
from support_taps.records.plan import RecordPlan
from support_taps.sdk_overrides import SdkStream
from support_taps.timestamps import MILLISECOND, from_epoch, isoformat

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from requests import PreparedRequest, Response
    from singer_sdk.helpers.types import Context

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import RateLimiter
    from support_taps.tap import SupportTap

Token = t.TypeVar("Token")
Batch = t.TypeVar("Batch")

_SDK_WORK = ("stream_maps", "flattening_enabled")


def token_of(page: PageContext[Token]) -> Token:
    """The token of a page in ``get_http_request``, which here is never None."""
    if page.next_page_token is None:
        msg = "a page without a token"
        raise TypeError(msg)
    return page.next_page_token


class SupportStream(SdkStream[Token], abc.ABC):
    """A stream that is read page by page.

    Args:
        tap: The tap it belongs to.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    """``RecordPlan`` conforms. The SDK's own levels drop unknown fields and cast silently."""

    allow_redirects = False
    """The vendors' APIs redirect nowhere, and some credentials would follow a redirect."""

    records_key: t.ClassVar[str | tuple[str, ...] | None] = None
    """Key of the top-level object that holds the records; None: the array is at the top.

    Keys joined with dots where it is an object inside; several where the vendor sorts them into
    several arrays."""

    holds_one: t.ClassVar[bool] = False
    """Whether one object, itself a record, stands in the place of the array."""

    added_fields: t.ClassVar[Mapping[str, t.Any]] = {}
    """Fields that each record gets, where the vendor's have nothing to be told apart by."""

    records_are_optional: t.ClassVar[bool] = False
    """Whether the vendor's document lets that key be absent or null, for no records."""

    sends_epochs: t.ClassVar[bool] = False
    """Whether the vendor sends times as numbers."""

    epoch_unit: t.ClassVar[dt.timedelta | None] = None
    """The unit of such numbers; None: seconds and milliseconds, told apart by size."""

    names_zones: t.ClassVar[bool] = False
    """Whether the vendor writes times with the name of a zone, or without one where it is UTC."""

    url_setting: t.ClassVar[str] = "api_url"
    """The setting that holds the base URL: a vendor can have more than one host."""

    parent_fields: t.ClassVar[Mapping[str, str]] = {}
    """For a child: the fields that its records have of their parent, by the parent's names."""

    inner_keys: t.ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Key properties that are added because the vendor has them inside an object: the way there."""

    asks_for_each_parent: t.ClassVar[bool] = False
    """For a child: whether it is read with requests for each record of its parent."""

    def __init__(self, tap: SupportTap) -> None:
        """Read no setting: discovery has none."""
        super().__init__(tap)
        self.tap = tap
        self._progress: Progress | None = None
        self._plan: RecordPlan | None = None
        self._partition: dict[str, t.Any] = {}
        self._record_counter: metrics.Counter | None = None
        self._contexts: list[Context] = []
        self._parents_read: set[int] = set()
        self._has_begun = False
        self.last_headers: Mapping[str, str] = {}
        """The headers of the last response."""

    # Declared by a vendor's client

    @property
    @abc.abstractmethod
    def rate_limiter(self) -> RateLimiter:
        """The rate limit that this stream's requests count towards."""

    def unauthorized_hint(self) -> str:
        """Say which setting to look at when the credentials are not accepted (401)."""
        return "check the token"

    def forbidden_hint(self) -> str:
        """Say what to look at when the vendor denies or does not know the resource (403, 404)."""
        return "check what the token's owner may read"

    def retry_after(self, response: Response, body: t.Any) -> float | None:  # noqa: ARG002
        """Seconds the vendor asks to wait, in a header or the body; None: it does not say."""
        return responses.retry_after_header(response)

    # Asked for by the SDK

    @property
    @override
    def url_base(self) -> str:
        return self.tap.settings.urls[self.url_setting]

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
            if self.writes_lines:
                for lines in self.read_pages(context, self._lines):
                    self._write(lines)
            else:
                yield from self.request_records(context)
            self.tap.was_read = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the other streams run
            self.ended_by(error)
        finally:
            self.progress.stop()

    @override
    def ended_by(self, error: Exception) -> None:
        """Keep an error for the end of the run; a child's ends its parent.

        The parent's checkpoint would promise children that have not been read.
        """
        if self.parent_stream_type is not None:
            raise error
        if isinstance(error, FatalResponseError) and error.is_missing and not self._was_read_before:
            self.tap.skipped(self.progress.where, error)
        else:
            self.tap.failed(self.progress.where, error)

    @property
    def _was_read_before(self) -> bool:
        """Whether this run or an earlier one, by its state, has read some of the stream.

        What has never been there is missing from the plan, or is not for this token. What was there
        and is refused now is an error; so is a partition that the user named.
        """
        return self.partitions is not None or bool(self.progress.records) or was_read(self)

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
        body = responses.body_of(response, self.tap.secrets)
        raise responses.refusal(
            response,
            body,
            secrets=self.tap.secrets,
            retry_after=self.retry_after(response, body),
            recovery=self.rate_limiter.recovery,
            unauthorized_hint=self.unauthorized_hint(),
            forbidden_hint=self.forbidden_hint(),
        )

    @override
    def log_sync_costs(self) -> None:
        """The SDK calls this once for each stream at the end of a run."""
        if self._progress is not None:
            self._progress.summary(self.plan.unknown, self.plan.drifted, reached(self))

    # Parents and children

    @functools.cached_property
    def children(self) -> list[SupportStream[t.Any]]:
        """The child streams that are selected, or have a child that is."""
        return [
            child
            for child in self.child_streams
            if isinstance(child, SupportStream)
            and (child.selected or child.has_selected_descendents)
        ]

    @functools.cached_property
    def _asking_children(self) -> list[SupportStream[t.Any]]:
        return [child for child in self.children if child.asks_for_each_parent]

    @override
    def get_child_context(
        self, record: dict[str, t.Any], context: Context | None
    ) -> Context | None:
        """The fields that the children want of a record."""
        wanted = {
            own: theirs for child in self.children for own, theirs in child.parent_fields.items()
        }
        return {own: record[theirs] for own, theirs in wanted.items()}

    @override
    def found_parent(self, context: Context) -> None:
        """Note a record whose children are to be read, at the end of its page.

        Not at once: meanwhile the vendor would wait for the page to be taken. A run for a few
        records only (the SDK's ``--test``) never comes to the end of a page.
        """
        if self.ABORT_AT_RECORD_COUNT is not None:
            self._read_children([context])
        elif self._asking_children:
            self._contexts.append(context)

    def take_parent_records(self, raws: list[bytes]) -> None:
        """Take some records of the parent, as the bytes they came as. For streams made of them."""

    def begin(self) -> None:
        """Announce the stream to the target: for a child the SDK would do so for each parent."""
        if not self._has_begun:
            self._has_begun = True
            self.write_beginning()

    def read_for(self, context: Context) -> None:
        """Read the stream for one record of its parent, and write what comes.

        Args:
            context: The fields of ``parent_fields``.
        """
        self.begin()
        if self.writes_lines:
            for lines in self.read_pages(context, self._lines):
                self._write(lines)
        else:
            for record in self.request_records(context):
                self.write_record(record, context)

    def write_raws(self, raws: list[bytes]) -> None:
        """Write records, given as bytes."""
        if self.writes_lines:
            self._write(self._lines(raws))
        else:
            for record in self._decoded(raws):
                self.write_record(record, None)

    def _read_children(self, contexts: list[Context]) -> None:
        """Read the children of parents, once for parents that come again as they were.

        A window that is read again, in parts, would otherwise cost a request for each of its
        records again.
        """
        for context in contexts:
            if (parent := hash(repr(sorted(context.items())))) in self._parents_read:
                continue
            self._parents_read.add(parent)
            for child in self._asking_children:
                own = {name: context[name] for name in child.parent_fields}
                child.read_for(own or context)

    # From a context to pages

    def read_pages(
        self, context: Context | None, convert: Callable[[list[bytes]], Batch]
    ) -> Iterator[Batch]:
        """Read every page, in batches of records.

        Args:
            context: The partition, or None.
            convert: What is made of a batch of records, given as bytes.
        """
        self.enter(context)
        yield from self.walk(self.all_pages(), context, convert)

    def all_pages(self) -> BasePaginator[t.Any, t.Any]:
        """The pages of a table, or of one parent: those of the SDK's ``get_new_paginator``."""
        return SdkPages(self.get_new_paginator())

    def enter(self, context: Context | None) -> None:
        """Begin with a partition: its fields are added to records, and the log names it."""
        self._partition = {**self.added_fields, **(context or {})}
        self.progress.partition = ", ".join(map(str, context.values())) if context else ""

    def walk(
        self,
        paginator: BasePaginator[t.Any, t.Any],
        context: Context | None,
        convert: Callable[[list[bytes]], Batch],
        keep: Callable[[Checkpoint, str], None] | None = None,
    ) -> Iterator[Batch]:
        """Read the pages of a paginator, one after the other.

        Args:
            paginator: Which pages.
            context: The partition, or None.
            convert: What is made of a batch of records, given as bytes.
            keep: Told the checkpoint of a page and the page in words, after its last record has
                been written and its children have been read.
        """
        guard = LoopGuard()
        token = paginator.first
        guard.check(token, paginator.describe(token))
        with self.get_http_request_counter() as request_counter:
            request_counter.with_context(context)
            reader = self._page_reader(paginator, request_counter)
            while True:
                asked = PageContext(context, token)
                try:
                    page = yield from self._page(asked, paginator, reader, convert)
                except FatalResponseError as refusal:
                    if (token := paginator.refused(token, refusal)) is None:
                        raise
                    guard.check(token, paginator.describe(token))
                    continue
                step = paginator.after(page)
                if step.checkpoint is not None and keep is not None:
                    keep(step.checkpoint, paginator.describe(token))
                if step.next is None:
                    return
                token = step.next
                guard.check(token, paginator.describe(token))

    # From a page to batches of records

    def _page(
        self,
        page: PageContext[t.Any],
        paginator: BasePaginator[t.Any, t.Any],
        reader: PageReader,
        convert: Callable[[list[bytes]], Batch],
    ) -> Generator[Batch, None, PageRead[t.Any, t.Any]]:
        """Read one page; then the children of its records."""
        witness = paginator.witness()
        sources = [child for child in self.children if not child.asks_for_each_parent]
        finds_parents = self.writes_lines and self._asking_children

        def begin() -> Callable[[list[bytes]], Batch]:
            nonlocal witness
            witness = paginator.witness()
            self._contexts.clear()

            def take(raws: list[bytes]) -> Batch:
                witness.note(raws)
                raws = self.completed(raws)
                batch = convert(raws)
                for child in sources:
                    child.take_parent_records(raws)
                if finds_parents:  # the SDK finds them in records that it writes itself
                    for raw in raws:
                        self.find_parents(decode(raw), page.stream_context)
                self.progress.records += len(raws)
                return batch

            return take

        parse = functools.partial(
            JsonArray,
            key=self.records_key,
            holds_one=self.holds_one,
            is_optional=self.records_are_optional,
        )
        body = yield from reader.read(lambda: self._prepare(page), parse, begin)
        contexts, self._contexts = self._contexts, []
        self._read_children(contexts)
        return PageRead(page.next_page_token, body.rows, body.envelope, witness, body.response)

    def completed(self, raws: list[bytes]) -> list[bytes]:
        """The records with what the vendor's list leaves out. For streams to override."""
        return raws

    def _prepare(self, page: PageContext[t.Any]) -> PreparedRequest:
        """The HTTP request of a page, as the client's ``get_http_request`` describes it."""
        request = self.get_http_request(page=page)
        return self.build_prepared_request(
            method=request.method,
            url=request.url,
            params=request.encode_params(),
            headers=request.headers,
            json=request.data,
        )

    def _page_reader(
        self, paginator: BasePaginator[t.Any, t.Any], request_counter: metrics.Counter
    ) -> PageReader:
        def responded(response: Response) -> None:
            request_counter.increment()
            self.last_headers = response.headers
            self._measure(response)
            self.tap.clock.hear(response.headers, response.elapsed)

        return PageReader(
            session=self.requests_session,
            rate_limiter=self.rate_limiter,
            progress=self.progress,
            base_url=self.url_base,
            timeout=self.timeout,
            max_tries=self.tap.settings.max_tries,
            allow_redirects=self.allow_redirects,
            keeps_body=paginator.keeps_body,
            responded=responded,
            validate=self._validate,
        )

    def _validate(self, response: Response) -> None:
        """Pass a response on, or raise; look at the clock unless it is to be tried again."""
        try:
            self.validate_response(response)
        except FatalResponseError:
            self.clock_heard()  # it may have been refused for a time in the vendor's future
            raise
        self.clock_heard()

    def clock_heard(self) -> None:
        """Called when a response has told the vendor's clock. For streams in order of time."""

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

    # From records to lines

    @property
    def progress(self) -> Progress:
        """The counts and times of the run so far, and the lines about them."""
        if self._progress is None:
            self._progress = Progress(self.logger, self.name)
        return self._progress

    @property
    def plan(self) -> RecordPlan:
        """The way of each record to its line."""
        if self._plan is None:
            self._plan = RecordPlan(
                self.schema,
                self._sent_keys,
                epochs=self.sends_epochs,
                epoch_unit=self.epoch_unit,
                names_zones=self.names_zones,
                mask=self.mask,
                on_drift=self.progress.drifting,
                output=self.emitter.output(self.name) if self.writes_lines else None,
            )
        return self._plan

    @property
    def _sent_keys(self) -> list[str]:
        """The key properties that the vendor sends, without those that are added."""
        of_parent = self.parent_fields if self.asks_for_each_parent else ()
        added = {*self.added_fields, *self.inner_keys, *of_parent}
        return [key for key in self.primary_keys or () if key not in added]

    @functools.cached_property
    @override
    def writes_lines(self) -> bool:
        return (
            self.selected
            and self.ABORT_AT_RECORD_COUNT is None
            and self.replication_method in {"INCREMENTAL", "FULL_TABLE"}
            and not self.overrides_record_hooks
            and not self.inner_keys
            and not any(self.config.get(name) for name in _SDK_WORK)
        )

    @property
    def _version(self) -> bytes:
        """The table's version as a part of a RECORD line, where ACTIVATE_VERSION was sent."""
        version = self.version_in_force
        return b"" if version is None else b',"version":%d' % version

    def _decoded(self, raws: list[bytes]) -> list[dict[str, t.Any]]:
        records = [self._partition | self.plan.record(raw) for raw in raws]
        for key, path in self.inner_keys.items():
            for record in records:
                record[key] = _key_at(record, path)
        return records

    def _lines(self, raws: list[bytes]) -> bytes:
        """Lines for :meth:`_write`: RECORD messages extracted at this moment, or bare records.

        SCHEMA messages that they need are written at once.
        """
        start, end = b"", b"\n"
        if self.batch_files is None:
            start = b'{"type":"RECORD","stream":' + encode(self.name) + b',"record":'
            moment = isoformat(from_epoch(time.time_ns() // 1_000_000, MILLISECOND))
            end = b'%b,"time_extracted":"%b"}\n' % (self._version, moment.encode())
        lines = self.plan.lines(raws, start, end, self._partition)
        for message in self.emitter.changes():
            self.tap.write_message(message)
        if self._record_counter is not None:
            self._record_counter.increment(len(raws))
        return lines

    def _write(self, lines: bytes) -> None:
        """Write lines into the file of a BATCH that is being made, or to the target."""
        (self.batch_files or self.tap.message_writer).write_lines(lines)


def _key_at(record: t.Any, path: tuple[str, ...]) -> str | int:
    """The value of a key inside an object of a record.

    Raises:
        ShapeError: There is none.
    """
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    if isinstance(record, str | int):
        return record
    msg = f"a record has no '{'.'.join(path)}', which is part of its key"
    raise ShapeError(msg)
