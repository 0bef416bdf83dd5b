"""Hyperparameter tuning jobs: training jobs, several at a time, and the best of them.

Sources: DescribeHyperParameterTuningJob, ListTrainingJobsForHyperParameterTuningJob (Amazon SageMaker API Reference).
"""

from __future__ import annotations

import datetime
import os
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.errors import ResourceLimitExceededError
from switchyard.cloud.sagemaker.images import SCIKIT_LEARN
from switchyard.cloud.sagemaker.jobs import Job, JobFailedError, JobStoppedError
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.store import now
from switchyard.cloud.sagemaker.training import TrainingJob
from switchyard.cloud.sagemaker.tuning import request as asked
from switchyard.cloud.sagemaker.tuning.strategies import Values, strategy_of

# How long a stop goes unnoticed, at most; the end of a training job is noticed at once.
NOTICE_SECONDS = 0.2
Start = Callable[[dict[str, Any], str], TrainingJob]


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning job."""

    job: TrainingJob
    values: Values
    objective: dict[str, str]

    @property
    def name(self) -> str:
        """The training job's."""
        return self.job.name

    @property
    def arn(self) -> str:
        """The training job's."""
        return self.job.arn

    @property
    def created(self) -> datetime.datetime:
        """The training job's."""
        return self.job.created

    @property
    def status(self) -> str:
        """The training job's."""
        return self.job.status

    @property
    def value(self) -> float | None:
        """The objective: the metric's last value, once the job has ended with one."""
        metric = self.job.metrics.get(self.objective["MetricName"])
        is_over = self.job.wait(0) and self.job.status != "Failed"
        return float(metric["Value"]) if metric and is_over else None

    @property
    def cost(self) -> float | None:
        """The objective as something of which less is better."""
        if self.value is None or self.objective["Type"] == "Minimize":
            return self.value
        return -self.value

    @property
    def objective_status(self) -> str:
        """Pending, Succeeded or Failed."""
        if not self.job.wait(0):
            return "Pending"
        return "Failed" if self.value is None else "Succeeded"

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListTrainingJobsForHyperParameterTuningJob."""
        final = None if self.value is None else {**self.objective, "Value": self.value}
        return {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "CreationTime": self.created,
            "TrainingStartTime": self.job.training_started,
            "TrainingEndTime": self.job.ended_at,
            "TrainingJobStatus": self.status,
            "TunedHyperParameters": self.values,
            "FailureReason": self.job.failure_reason,
            "FinalHyperParameterTuningJobObjectiveMetric": final,
            "ObjectiveStatus": self.objective_status,
        }


class HyperParameterTuningJob(Job):
    """One tuning job.

    Parameters
    ----------
    start_training : callable
        Starts a training job, given its request and the ARN of the job that it is for.
    """

    kind = "HyperParameterTuningJob"
    log_group = "/aws/sagemaker/TrainingJobs"
    has_instances = False

    def __init__(self, context: Context, request: dict[str, Any], start_training: Start) -> None:
        asked.check(request)
        super().__init__(context, request)
        self.trials: list[Trial] = []
        self._start_training = start_training
        self._ends: queue.SimpleQueue[Trial] = queue.SimpleQueue()

    @property
    def label(self) -> str:
        """As it stands in the names of events."""
        return "HyperParameter Tuning Job"

    def role_arn(self) -> str:
        """Return the role in whose name the training jobs run."""
        return str(self.request["TrainingJobDefinition"]["RoleArn"])

    def perform(self) -> None:
        """Try values, as many at a time as allowed, until there have been enough."""
        config = self.request["HyperParameterTuningJobConfig"]
        limits = config["ResourceLimits"]
        strategy = strategy_of(config, asked.ranges(self.request), self._choose)
        most, deadline = asked.most_jobs(self.request), limits.get("MaxRuntimeInSeconds")
        began, running, values = time.monotonic(), 0, None
        try:
            while True:
                self.check_not_stopped()
                if deadline is not None and time.monotonic() - began > deadline:
                    raise JobStoppedError
                wants_more = len(self.trials) < most and not self._is_good_enough()
                if wants_more and running < limits["MaxParallelTrainingJobs"]:
                    values = values or strategy.propose(self._tried(), self._running())
                    if self._try(values, must=not running):
                        running, values = running + 1, None
                        continue
                elif not running:
                    break
                running -= self._await_one()
        finally:
            self._end_all()
        self._judge()

    def describe(self) -> dict[str, Any]:
        """Answer DescribeHyperParameterTuningJob."""
        statuses = Counter(trial.status for trial in self.trials)
        objectives = Counter(trial.objective_status for trial in self.trials)
        best = self.best()
        return {
            **{key: value for key, value in self.request.items() if key != "Tags"},
            "TrainingJobDefinition": self._definition(),
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "HyperParameterTuningEndTime": self.ended_at,
            "FailureReason": self.failure_reason,
            "BestTrainingJob": best.summary() if best else None,
            "TrainingJobStatusCounters": {
                "Completed": statuses["Completed"],
                "InProgress": statuses["InProgress"] + statuses["Stopping"],
                "RetryableError": 0,
                "NonRetryableError": statuses["Failed"],
                "Stopped": statuses["Stopped"],
            },
            "ObjectiveStatusCounters": {name: objectives[name] for name in ("Succeeded", "Pending", "Failed")},
            "ConsumedResources": {"RuntimeInSeconds": round(((self.ended_at or now()) - self.created).total_seconds())},
        }

    def summary(self) -> dict[str, Any]:
        """Answer for one entry of ListHyperParameterTuningJobs."""
        config = self.request["HyperParameterTuningJobConfig"]
        described = self.describe()
        counters = {key: described[key] for key in ("TrainingJobStatusCounters", "ObjectiveStatusCounters")}
        named = {key: value for key, value in super().summary().items() if key != "FailureReason"}
        return {**named, **counters, "Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}

    def best(self) -> Trial | None:
        """Return the training job with the best objective, if one has any."""
        costs = [(trial.cost, place) for place, trial in enumerate(self.trials) if trial.cost is not None]
        return self.trials[min(costs)[1]] if costs else None

    def list_trials(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListTrainingJobsForHyperParameterTuningJob."""
        by_objective = request.get("SortBy") == "FinalObjectiveMetricValue"
        listing = Listing(
            "TrainingJobSummaries", sorts={"FinalObjectiveMetricValue": lambda trial: trial.value}, by="Name"
        )
        trials = [trial for trial in self.trials if not by_objective or trial.value is not None]
        return listing.answer(trials, request)

    def _definition(self) -> dict[str, Any]:
        definition = self.request["TrainingJobDefinition"]
        static = {
            **(definition.get("StaticHyperParameters") or {}),
            asked.OBJECTIVE: asked.objective(self.request)["MetricName"],
        }
        # However the instances were given, and whoever gave the metrics: the SageMaker SDK's `attach` looks for both.
        return {
            **definition,
            "AlgorithmSpecification": asked.algorithm(self.request),
            "ResourceConfig": asked.resources(definition),
            "StaticHyperParameters": static,
        }

    def _try(self, values: Values, *, must: bool) -> bool:
        """Start a training job; return False when a quota does not allow another one beside those that run."""
        name = f"{self.name}-{len(self.trials) + 1:03d}-{uuid.uuid4().hex[:8]}"
        try:
            job = self._start_training(asked.training(self.request, name, values), self.arn)
        except ResourceLimitExceededError as error:
            if must:
                raise JobFailedError(f"ResourceLimitExceeded: {error.message}") from None
            return False
        trial = Trial(job, values, asked.objective(self.request))
        self.trials.append(trial)
        self.modified = now()
        threading.Thread(target=self._tell_end, args=(trial,), daemon=True).start()
        return True

    def _tell_end(self, trial: Trial) -> None:
        trial.job.wait()
        self._ends.put(trial)

    def _await_one(self) -> int:
        """Wait a while for a training job to end; return how many have."""
        try:
            self._ends.get(timeout=NOTICE_SECONDS)
        except queue.Empty:
            return 0
        self.modified = now()
        return 1

    def _end_all(self) -> None:
        for trial in self.trials:
            trial.job.stop()
        for trial in self.trials:
            trial.job.wait()

    def _tried(self) -> list[tuple[Values, float]]:
        return [(trial.values, trial.cost) for trial in self.trials if trial.cost is not None]

    def _running(self) -> list[Values]:
        return [trial.values for trial in self.trials if not trial.job.wait(0)]

    def _is_good_enough(self) -> bool:
        criteria = self.request["HyperParameterTuningJobConfig"].get("TuningJobCompletionCriteria") or {}
        target, best = criteria.get("TargetObjectiveMetricValue"), self.best()
        if target is None or best is None or best.value is None:
            return False
        return bool(best.value <= target if best.objective["Type"] == "Minimize" else best.value >= target)

    def _judge(self) -> None:
        if self.best() is not None:
            return
        if all(trial.status == "Failed" for trial in self.trials):
            raise JobFailedError(
                "All training jobs failed. Please take a look at the training jobs failures to get more details."
            )
        raise JobFailedError(
            f"No objective metrics found after running {len(self.trials)} training jobs. Please ensure that the custom "
            "algorithm is emitting the objective metric as defined by the regular expression provided."
        )

    def _choose(self, text: str) -> str:
        """Run the program that chooses among candidates."""
        process = self.context.runtimes.host(SCIKIT_LEARN).spawn(
            "switchyard.cloud.sagemaker.tuning.bayesian:main",
            [text],
            environment={"PATH": os.environ.get("PATH", os.defpath), "OMP_NUM_THREADS": "1"},
            directory=self.context.home,
        )
        with process.output:
            printed = b"".join(iter(lambda: process.output.read(65536), b"")).decode()
        if process.wait() != 0:
            raise JobFailedError(f"InternalServerError: the next values could not be found: {printed[-500:]}")
        return printed
