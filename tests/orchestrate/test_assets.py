"""One run of an account through Meltano into PostgreSQL, as Dagster shows it."""

from __future__ import annotations

import datetime as dt
import typing as t

import dagster as dg
import pytest

from tests.targets.postgres import assert_holds_truth
from tests.targets.tools import END

if t.TYPE_CHECKING:
    from sandbox import Sandbox

    from .conftest import Project

ACME = ["conversations", "messages", "agents", "tags", "teams", "team_members"]


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, t.Any]]:
    """The metadata of each stream that was materialized."""
    events = [
        it.step_materialization_data.materialization
        for it in result.get_asset_materialization_events()
    ]
    return {
        event.asset_key.path[-1]: {name: it.value for name, it in event.metadata.items()}
        for event in events
    }


def problems(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """The streams whose check failed, and why."""
    return {
        found.asset_key.path[-1]: found.description or ""
        for found in result.get_asset_check_evaluations()
        if not found.passed
    }


def test_streams_are_assets_whose_metadata_say_what_was_read(
    project: Project,
    instance: dg.DagsterInstance,
    small_box: Sandbox,
    capfd: pytest.CaptureFixture[str],
) -> None:
    small_box.fault(kind="fields", stream="agents", value={"brand_new": 1})
    small_box.fault(kind="drift", stream="tags", path="name", to="object")
    project.add("acme", "dixa", ACME)
    result = project.run("acme", instance)
    assert result.success

    found = metadata(result)
    assert found.keys() == set(ACME)
    for stream in ACME:
        asked = [it for it in small_box.requests if it.stream == stream]
        assert found[stream]["requests"] == len(asked)
        assert found[stream]["records"] == sum(it.rows for it in asked)
        assert found[stream]["retries"] == 0
        assert found[stream]["rate_limit_wait_seconds"] == 0
    until = dt.datetime.fromisoformat(f"{END}T00:00:00+00:00").timestamp()
    assert {name: it.get("bookmark") for name, it in found.items()} == {
        **dict.fromkeys(ACME),
        **dict.fromkeys(["conversations", "messages"], until),
    }
    assert found["agents"]["unknown_fields"] == 1
    assert found["agents"]["unknown_fields_names"] == {"brand_new": found["agents"]["records"]}
    assert found["agents"]["dagster/row_count"] == found["agents"]["records"]
    assert problems(result) == {"tags": "fields of another type than the schema says: name"}
    assert_holds_truth(project.database, small_box, "dixa", ["conversations", "messages"], "acme")

    printed = capfd.readouterr()
    shown = [*map(str, instance.all_logs(result.run_id)), printed.out, printed.err]
    assert any("tap-dixa.conversations: " in text for text in shown)
    for secret in (project.variables["ACME_API_TOKEN"], project.database.url):
        assert not any(secret in text for text in shown)


def test_a_stream_that_fails_fails_its_check_and_the_run_and_no_other_asset(
    project: Project, instance: dg.DagsterInstance, small_box: Sandbox
) -> None:
    small_box.fault(kind="status", status=400, stream="teams")
    project.add("acme", "dixa", ["agents", "teams", "team_members"])
    failed = project.run("acme", instance)
    assert not failed.success
    assert metadata(failed).keys() == {"agents"}
    refused = "the vendor answered 400 Bad Request"
    assert problems(failed) == {"teams": refused, "team_members": f"teams: {refused}"}
    (event,) = [it for it in failed.all_events if it.is_step_failure]
    assert f"stream 'teams' failed: {refused}" in str(event.step_failure_data)


@pytest.mark.fleet
def test_nothing_is_materialized_that_the_target_did_not_take(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.add("acme", "dixa", ["agents", "tags"])
    project.variables["WAREHOUSE"] = "postgresql+psycopg://me:my-password@127.0.0.1:1/nowhere"
    failed = project.run("acme", instance, streams=["agents"])
    assert not failed.success
    assert metadata(failed) == {}
    ((stream, problem),) = problems(failed).items()
    assert stream == "agents"
    assert "Connection refused" in problem
    assert not any("my-password" in str(it) for it in instance.all_logs(failed.run_id))


@pytest.mark.fleet
def test_a_bookmark_that_stands_still_fails_the_check(
    project: Project, instance: dg.DagsterInstance
) -> None:
    project.add("acme", "dixa", ["conversations", "messages"], settings={"end_date": None})
    for stream, year in (("conversations", 2030), ("messages", 2020)):
        reached = dt.datetime(year, 1, 1, tzinfo=dt.timezone.utc)
        before = dg.AssetMaterialization(
            ["acme", "dixa", stream],
            metadata={"bookmark": dg.MetadataValue.timestamp(reached), "records": 0},
        )
        instance.report_runless_asset_event(before)
    result = project.run("acme", instance)
    assert result.success
    ((stream, problem),) = problems(result).items()
    assert stream == "conversations"
    assert problem.startswith("the bookmark stands still at 20")


@pytest.mark.fleet
def test_some_streams_can_be_read_alone(
    project: Project, instance: dg.DagsterInstance, small_box: Sandbox
) -> None:
    project.add("acme", "dixa", [*ACME, "!agents.email"])
    result = project.run("acme", instance, streams=["team_members", "agents"])
    assert result.success
    assert metadata(result).keys() == {"team_members", "agents"}
    assert {it.stream for it in small_box.requests} == {"teams", "team_members", "agents"}
    columns = "select column_name from information_schema.columns where table_schema = 'acme'"
    found = {name for (name,) in project.database.ask(f"{columns} and table_name = 'agents'")}
    assert "id" in found
    assert "email" not in found


@pytest.mark.fleet
def test_a_backfill_is_a_launch_with_another_start_and_leaves_the_bookmark_alone(
    project: Project, instance: dg.DagsterInstance, small_box: Sandbox
) -> None:
    project.add("acme", "dixa", ["conversations"], start_date="2025-03-01")
    assert project.run("acme", instance).success
    some = project.database.table("dixa", "conversations", "acme")
    assert 0 < len(some) < len(small_box.dixa.truth("conversations"))
    before = project.states()
    assert before.keys() == {"prod:tap-dixa-to-target-postgres:acme"}

    backfill = project.run("acme", instance, start_date="2025-01-01")
    assert backfill.success
    assert_holds_truth(project.database, small_box, "dixa", ["conversations"], "acme")
    after = project.states()
    assert after.keys() - before.keys() == {
        f"prod:tap-dixa-to-target-postgres:acme-{backfill.run_id}"
    }
    assert {name: after[name] for name in before} == before
