"""Reads the log and the job of one visit, and keeps what was read for the next look."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from switchyard.console.jobs import (
    MetricCurves,
    describe_job,
    has_ended,
    job_view,
    metric_definitions,
    no_job,
    running_time,
    told_by_history,
)
from switchyard.console.problems import RequestError
from switchyard.console.schema import Job, Log
from switchyard.console.state_logs import JobLines, LogReader, is_live, saved_entries, saved_log

if TYPE_CHECKING:
    from switchyard.console.schema import ExecutionRow
    from switchyard.console.sources import Source
    from switchyard.executions.history import HistoryBuilder
    from switchyard.executions.visits import Job as StateJob
    from switchyard.executions.visits import StateVisit


class Execution(Protocol):
    """What it has to know of an execution, as it is now: the history may be made anew."""

    arn: str
    source: Source
    row: ExecutionRow
    builder: HistoryBuilder


class StateReader:
    """Reads the log and the job of one visit.

    Parameters
    ----------
    execution
        The execution.
    visit
        Which visit, by its id.
    """

    def __init__(self, execution: Execution, visit: int) -> None:
        self._execution = execution
        self._id = visit
        self._lock = threading.Lock()
        self._log: LogReader | None = None
        self._job: StateJob | None = None
        self._description: Mapping[str, Any] | None = None
        self._curves: MetricCurves | None = None
        self._lines: JobLines | None = None
        self._is_final = False

    @property
    def is_live(self) -> bool:
        """Whether more may come: a log line, or another status of the job."""
        return self._execution.source.cloud is not None and is_live(self._visit, self._execution.builder)

    def log(self) -> Log:
        """Give what the state has logged until now."""
        with self._lock:
            execution = self._execution
            if execution.source.saved is not None:
                return saved_log(execution.source.saved, execution.row.name, execution.builder, self._visit)
            if self._log is None:
                cloud = execution.source.cloud
                assert cloud is not None  # noqa: S101 - it comes from the one or the other
                self._log = LogReader(cloud, execution.row.name, execution.builder, self._id)
            return self._log.read()

    def job(self) -> Job:
        """Give the job that the state runs, as it is now.

        Raises
        ------
        RequestError
            When it runs none (404).
        """
        with self._lock:
            job = self._visit.job
            if job is None:
                raise RequestError(404, f"the state {self._visit.name!r} runs no SageMaker job")
            if job != self._job:
                # Another attempt has another job, or a redrive has.
                self._job, self._description, self._curves, self._lines = job, None, None, None
                self._is_final = False
            if not self._is_final:
                problem = self._describe(job)
                if self._description is None:
                    return no_job(job, problem or "it is not known")
            assert self._description is not None  # noqa: S101 - it is there, or was refused above
            aws_arn = self._execution.arn if self._execution.source.aws_console_url else None
            return job_view(job, self._description, self._curves, aws_arn=aws_arn)

    @property
    def _visit(self) -> StateVisit:
        return self._execution.builder.visits[self._id]

    def _describe(self, job: StateJob) -> str | None:
        """Read what is new of a job; say why it cannot be."""
        cloud, saved = self._execution.source.cloud, self._execution.source.saved
        problem: str | None = None
        description: Mapping[str, Any] | None
        if cloud is not None:
            description, problem = describe_job(cloud, job)
        else:
            description = saved.job(job.kind, job.name) if saved is not None else None
            problem = "the run has not kept this job's description"
        if description is None:
            description = told_by_history(self._execution.builder, self._visit, job)
        if description is None:
            return problem
        # What was logged is read after it: when the job has ended by then, nothing is missing.
        self._description = description
        if job.kind == "Training":
            self._read_metrics(job, description)
        self._is_final = saved is not None or (has_ended(job.kind, description) and not self.is_live)
        return None

    def _read_metrics(self, job: StateJob, description: Mapping[str, Any]) -> None:
        definitions = metric_definitions(description)
        if not definitions:
            return
        cloud, saved = self._execution.source.cloud, self._execution.source.saved
        self._curves = self._curves or MetricCurves(definitions)
        if cloud is not None:
            self._lines = self._lines or JobLines(cloud, job.log_group, f"{job.name}/")
            self._curves.add(self._lines.read())
        elif saved is not None:
            entries, _ = saved_entries(saved, self._execution.row.name, self._execution.builder, self._visit)
            self._curves.add(entries, running_time(job.kind, description))
