"""Dagster's launcher for Celery, which also notices that a worker is gone.

Celery's result of a task stays "started" for ever when its worker is killed with -9 or loses its
machine, and the launcher of `dagster-celery` takes that for a run that is well: seen with 0.29.27,
the run stands in the page as running until somebody ends it, and its token's pool with it. So the
worker is asked whether it still has the task.
"""

from __future__ import annotations

import typing as t

from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from typing_extensions import override

if t.TYPE_CHECKING:
    from dagster import DagsterRun

_ANSWER = 5.0
"""Seconds in which a worker has to answer."""
_TRIES = 3
"""How often it is asked: a worker whose machine is busy is not gone."""


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """Starts runs as Celery tasks, and tells the monitor which of them lost their worker."""

    @override
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        health = super().check_run_worker_health(run)
        if health.status is not WorkerStatus.RUNNING:
            return health
        task = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        told = self.celery.AsyncResult(task).info
        worker = told.get("hostname") if isinstance(told, dict) else None
        if worker is None or self._has(worker, task):
            return health
        # It may have ended while the worker was asked.
        health = super().check_run_worker_health(run)
        if health.status is WorkerStatus.RUNNING:
            return CheckRunHealthResult(WorkerStatus.FAILED, f"Worker {worker} lost its task.")
        return health

    def _has(self, worker: str, task: str) -> bool:
        """Whether a worker answers and knows the task; one that was started anew knows it not."""
        for _ in range(_TRIES):
            inspect = self.celery.control.inspect(destination=[worker], timeout=_ANSWER)
            answers = inspect.query_task(task) or {}
            if worker in answers:
                return task in answers[worker]
        return False
