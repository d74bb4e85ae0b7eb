"""The component that makes Dagster's definitions of a file of accounts.

Dagster reads the annotations of an asset's function, so that they are no texts here.
"""

import datetime as dt
import importlib
import typing as t
from collections.abc import Iterator

import dagster as dg

from support_fleet import accounts, meltano
from support_fleet.accounts import Account, Fleet
from support_fleet.log import Log, Reading
from support_fleet.meltano import Stream

CHECK = "healthy"
_BOOKMARK = "bookmark"


class Launch(dg.Config):
    """Settings of one launch: a backfill reads with another start, and a bookmark of its own."""

    start_date: str | None = None
    end_date: str | None = None


class SupportAccounts(dg.Component):
    """Accounts of DeepConverse, DevRev, Dixa and Zendesk Chat; every stream of each is an asset."""

    def __init__(self, fleet: Fleet) -> None:
        """Take what the file says."""
        self._fleet = fleet

    @classmethod
    def get_model_cls(cls) -> type[Fleet]:
        """The attributes of ``defs.yaml``."""
        return Fleet

    @classmethod
    def load(cls, attributes: t.Any, context: dg.ComponentLoadContext) -> "SupportAccounts":  # noqa: ARG003
        """Make the component of attributes that have been checked."""
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext | None = None) -> dg.Definitions:  # noqa: ARG002
        """Make assets, checks, jobs and schedules."""
        meltano.check(self._fleet)
        made = [self._account(account) for account in self._fleet.accounts]
        return dg.Definitions.merge(*made) if made else dg.Definitions()

    def _account(self, account: Account) -> dg.Definitions:
        assets = _assets(self._fleet, account)
        job = dg.define_asset_job(
            account.name,
            selection=dg.AssetSelection.assets(*assets.keys),
            executor_def=_executor(self._fleet.executor),
            tags={"account": account.name, "token": account.pool},
            description=f"{account.tap} into {account.target}",
        )
        schedules = []
        if account.cron:
            schedules.append(
                dg.ScheduleDefinition(
                    name=f"{account.name}_schedule",
                    job=job,
                    cron_schedule=account.cron,
                    default_status=dg.DefaultScheduleStatus.RUNNING,
                )
            )
        return dg.Definitions(assets=[assets], jobs=[job], schedules=schedules)


def _executor(path: str | None) -> dg.ExecutorDefinition:
    if path is None:
        return dg.in_process_executor
    module, _, name = path.rpartition(".")
    return t.cast("dg.ExecutorDefinition", getattr(importlib.import_module(module), name))


def _key(account: Account, stream: str) -> dg.AssetKey:
    return dg.AssetKey([account.name, account.vendor, stream])


def _assets(fleet: Fleet, account: Account) -> dg.AssetsDefinition:
    """The streams of an account, which one run of Meltano reads."""
    target = fleet.targets[account.target]
    streams = meltano.selected(account)
    names = {stream.name for stream in streams}
    specs = [
        dg.AssetSpec(
            _key(account, stream.name),
            deps=[_key(account, stream.parent)] if stream.parent in names else [],
            group_name=account.name,
            kinds={"singer", "meltano"},
            skippable=True,
            metadata={"dagster/table_name": f"{account.name}.{stream.name}"},
            freshness_policy=dg.FreshnessPolicy.time_window(
                fail_window=dt.timedelta(hours=account.stale_after_hours)
            ),
        )
        for stream in streams
    ]
    checks = [
        dg.AssetCheckSpec(
            CHECK,
            asset=spec.key,
            description="Was read, no field drifted, and the bookmark goes on.",
        )
        for spec in specs
    ]

    @dg.multi_asset(
        name=f"read_{account.name}",  # the job has the account's name
        specs=specs,
        check_specs=checks,
        can_subset=True,
        pool=f"token_{account.pool}",
        op_tags={"account": account.name},
    )
    def read_account(
        context: dg.AssetExecutionContext, config: Launch
    ) -> Iterator[dg.MaterializeResult[t.Any] | dg.AssetCheckResult]:
        wanted = {key.path[-1] for key in context.selected_asset_keys}
        changes = {name: day for name, day in config.model_dump().items() if day}
        # A launch anew reads from its start; one that Dagster repeats goes on where it was.
        root = context.run.root_run_id or context.run.run_id
        order = meltano.Order(
            account,
            target,
            context.run.run_id,
            state=f"{account.name}-{root}" if changes else account.name,
            streams=wanted,
            changes=changes,
        )
        try:
            log = Log(account.tap, streams, order.secrets.values())
        except accounts.AccountsError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        process = meltano.Process(order)
        with process.lines() as lines:
            for text in lines:
                if line := log.take(text):
                    context.log.log(line.level, line.text)
        exit_code = process.exit_code or 0
        log.close(exit_code)
        is_moving = not changes and "end_date" not in account.settings
        for stream in streams:
            if stream.name in wanted:
                yield from _results(context, account, stream, log.readings[stream.name], is_moving)
        if exit_code:
            raise dg.Failure(
                log.error or "Meltano failed",
                metadata={"exit_code": exit_code},
                allow_retries=False,
            )

    return read_account


def _results(
    context: dg.AssetExecutionContext,
    account: Account,
    stream: Stream,
    reading: Reading,
    is_moving: bool,  # noqa: FBT001
) -> Iterator[dg.MaterializeResult[t.Any] | dg.AssetCheckResult]:
    """What one stream's reading says to Dagster."""
    key = _key(account, stream.name)
    if reading.skipped or reading.failure:
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=CHECK,
            passed=not reading.failure,
            description=reading.failure or f"not there: {reading.skipped}",
        )
        return
    problems = []
    if drifted := reading.facts["drifted_fields"]:
        problems.append(f"fields of another type than the schema says: {', '.join(drifted)}")
    if is_moving and (problem := _stands_still(context, key, reading)):
        problems.append(problem)
    yield dg.MaterializeResult(
        key,
        metadata=reading.metadata(stream),
        check_results=[
            dg.AssetCheckResult(
                asset_key=key,
                check_name=CHECK,
                passed=not problems,
                severity=dg.AssetCheckSeverity.WARN,
                description="; ".join(problems) or None,
            )
        ],
    )


def _stands_still(
    context: dg.AssetExecutionContext, key: dg.AssetKey, reading: Reading
) -> str | None:
    """Say that the bookmark does not move although there is more to read each time.

    Where the vendor's own cursor is kept, it stands still while nothing is new.
    """
    event = context.instance.get_latest_materialization_event(key)
    before = event.asset_materialization if event else None
    if before is None or reading.bookmark is None or _BOOKMARK not in before.metadata:
        return None
    then = t.cast("float", before.metadata[_BOOKMARK].value)
    records = t.cast("int", before.metadata["records"].value)
    now = reading.bookmark.timestamp()
    if now < then or (now == then and reading.facts["records"] > records):
        return f"the bookmark stands still at {reading.facts[_BOOKMARK]}"
    return None
