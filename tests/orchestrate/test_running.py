"""Dagster's daemon at work: what is cancelled, killed, or waits for its token."""

from __future__ import annotations

import os
import signal
import typing as t

import dagster as dg
import pytest

from tests.targets.postgres import assert_holds_truth

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.orchestrate.conftest import Dagster, Project

pytestmark = [
    pytest.mark.fleet,
    # Of the libraries of Dagster's client.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

STREAMS = ["conversations", "messages"]


def test_a_failing_account_holds_no_healthy_one_back(
    project: Project, dagster: Callable[..., Dagster], small_box: Sandbox
) -> None:
    project.add("acme", "dixa", STREAMS)
    project.add("broken", "devrev", ["conversations"], settings={"access_token": "wrong-token"})
    project.add("chat", "zendesk_chat", ["chats", "chat_history"])
    running = dagster()
    runs = {name: running.launch(name) for name in ("broken", "acme", "chat")}
    assert {name: running.ended(run) for name, run in runs.items()} == {
        "broken": dg.DagsterRunStatus.FAILURE,
        "acme": dg.DagsterRunStatus.SUCCESS,
        "chat": dg.DagsterRunStatus.SUCCESS,
    }
    assert_holds_truth(project.database, small_box, "dixa", STREAMS, "acme")
    assert_holds_truth(project.database, small_box, "zendesk_chat", ["chats"], "chat")
    shown = [running.log, *map(running.events, runs.values())]
    secrets = [value for name, value in project.variables.items() if "TOKEN" in name]
    assert len(secrets) > 3
    for secret in [*secrets, project.database.url]:
        assert not any(secret in text for text in shown)


def test_a_cancelled_run_leaves_no_process(
    project: Project, dagster: Callable[..., Dagster], small_box: Sandbox
) -> None:
    project.add("acme", "dixa", STREAMS)
    stall = small_box.fault(kind="stall", stream="messages", at=2, seconds=600, after=100)
    running = dagster()
    run = running.launch("acme")
    running.until(stall.stalls.is_set)
    assert running.started()
    running.client.terminate_run(run)
    assert running.ended(run) is dg.DagsterRunStatus.CANCELED
    running.until(lambda: not running.started())

    small_box.clear_faults()
    assert running.ended(running.launch("acme")) is dg.DagsterRunStatus.SUCCESS
    assert_holds_truth(project.database, small_box, "dixa", STREAMS, "acme")


def test_a_killed_worker_leaves_no_process_and_is_started_again_by_itself(
    project: Project, dagster: Callable[..., Dagster], small_box: Sandbox
) -> None:
    project.add("acme", "dixa", STREAMS)
    stall = small_box.fault(kind="stall", stream="messages", at=2, seconds=600, after=100)
    running = dagster()
    run = running.launch("acme")
    running.until(stall.stalls.is_set)
    small_box.clear_faults()
    before = running.started()
    assert before
    os.kill(running.worker(run), signal.SIGKILL)
    running.until(lambda: not {*before} & {*running.started()})
    assert running.ended(run) is dg.DagsterRunStatus.FAILURE

    def again() -> list[dg.DagsterRun]:
        found = running.instance.get_runs(dg.RunsFilter(tags={"dagster/parent_run_id": run}))
        return [it for it in found if it.is_finished]

    running.until(lambda: bool(again()))
    (second,) = again()
    assert second.is_success, running.events(second.run_id)
    assert_holds_truth(project.database, small_box, "dixa", STREAMS, "acme")
    assert not running.started()


def test_accounts_on_one_token_never_run_at_once(
    project: Project, dagster: Callable[..., Dagster], small_box: Sandbox
) -> None:
    """Each reads streams of its own, so that the requests tell them apart."""
    same = {"token": "shared", "credentials": {"api_token": {"variable": "ACME_API_TOKEN"}}}
    project.add("acme", "dixa", STREAMS, **same)
    project.add("agents", "dixa", ["agents", "tags"], **same)
    project.add("devrev", "devrev", ["conversations"])
    stall = small_box.fault(kind="stall", stream="messages", at=1, seconds=600, after=100)
    running = dagster()
    first = running.launch("acme")
    running.until(stall.stalls.is_set)
    second, other = running.launch("agents"), running.launch("devrev")
    assert running.ended(other) is dg.DagsterRunStatus.SUCCESS
    assert not [it for it in small_box.requests if it.stream in {"agents", "tags"}]
    small_box.clear_faults()
    small_box.pause_listening()
    small_box.resume_listening()
    assert running.ended(first) is dg.DagsterRunStatus.SUCCESS
    assert running.ended(second) is dg.DagsterRunStatus.SUCCESS
    last = max(it.number for it in small_box.requests if it.stream in STREAMS)
    assert all(it.number > last for it in small_box.requests if it.stream in {"agents", "tags"})
    assert_holds_truth(project.database, small_box, "dixa", STREAMS, "acme")
