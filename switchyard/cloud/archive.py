"""Keeps what an execution leaves behind, so that it can be read after this process has ended.

``runs/<execution>/``: input.json, output.json, execution.json, definition.json, history.json, logs/<state>.log,
jobs/<kind>-<job>.json, and what the jobs made: model.tar.gz, predictions/.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from switchyard.cloud.identity import Identity
from switchyard.cloud.sagemaker.s3 import TransferError, download_object, download_prefix

LOG = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^\w .?!,-]")  # a state's name is the template author's; a file's name must stay in its folder
# How a kind of job is described, and where it logs.
_JOBS = {
    "training-job": ("TrainingJobName", "describe_training_job", "/aws/sagemaker/TrainingJobs"),
    "processing-job": ("ProcessingJobName", "describe_processing_job", "/aws/sagemaker/ProcessingJobs"),
    "transform-job": ("TransformJobName", "describe_transform_job", "/aws/sagemaker/TransformJobs"),
}


@dataclass(frozen=True)
class Task:
    """One attempt of a Task state, as the history tells it."""

    state: str
    resource_type: str
    parameters: dict[str, Any]
    began: datetime.datetime
    ended: datetime.datetime
    job_arn: str | None


class Archive:
    """The folder of past runs.

    Parameters
    ----------
    identity : Identity
        Reads through this cloud's own API, as the account.
    folder : Path
        Gets one folder an execution.
    """

    def __init__(self, identity: Identity, folder: Path) -> None:
        self._identity = identity
        self._folder = folder
        self._kept: dict[str, Path] = {}
        self._changed = threading.Condition()
        # An execution that was redriven can end again while its first end is still being written.
        self._writing: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def keep(self, execution_arn: str) -> None:
        """Write down an execution that has ended."""
        machine, _, name = execution_arn.rpartition(":execution:")[2].partition(":")
        target = self._target(machine, name)
        with self._writing[target]:
            has_ended = self._replace(execution_arn, target)
        if not has_ended:
            return  # it was redriven meanwhile: it will be kept when it has ended again
        with self._changed:
            self._kept[name] = target
            self._changed.notify_all()

    def forget(self, execution_arn: str) -> None:
        """Take an execution for one that has not ended: it is about to be redriven."""
        with self._changed:
            self._kept.pop(execution_arn.rpartition(":")[2], None)

    def _replace(self, execution_arn: str, target: Path) -> bool:
        """Write an execution into its folder, in place of what is there; return whether it has ended."""
        try:
            partial = self._folder / f".{target.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            status = self._write(execution_arn, partial)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        except (ClientError, OSError):
            LOG.exception("the execution %s could not be kept", execution_arn)
            return True
        return status != "RUNNING"

    def wait(self, name: str, timeout: float) -> Path | None:
        """Return the folder of an execution once it is complete; None if there is no such one, or not in time."""
        if name not in self._kept and not self._exists(name):
            return None
        with self._changed:
            self._changed.wait_for(lambda: name in self._kept, timeout)
            return self._kept.get(name)

    def _target(self, machine: str, name: str) -> Path:
        """Return the folder for an execution: its name, with the machine's where another machine has the name."""
        safe = name if name.strip(".") and "/" not in name else f"execution {name.replace('/', '_')}"
        target = self._folder / safe
        try:
            other = json.loads((target / "execution.json").read_text())["executionArn"]
        except (OSError, ValueError, KeyError):
            return target
        return target if f":execution:{machine}:" in other else self._folder / f"{machine} {safe}"

    def _exists(self, name: str) -> bool:
        states = self._identity.client("stepfunctions")
        machines = states.get_paginator("list_state_machines").paginate()
        return any(
            execution["name"] == name
            for page in machines
            for machine in page["stateMachines"]
            for executions in states.get_paginator("list_executions").paginate(
                stateMachineArn=machine["stateMachineArn"]
            )
            for execution in executions["executions"]
        )

    def _write(self, execution_arn: str, folder: Path) -> str:
        """Write an execution down, and return the status that was written."""
        states = self._identity.client("stepfunctions")
        execution = states.describe_execution(executionArn=execution_arn)
        machine = states.describe_state_machine_for_execution(executionArn=execution_arn)
        pages = states.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        events = [event for page in pages for event in page["events"]]
        _write_json(folder / "execution.json", execution)
        _write_json(folder / "history.json", {"events": events})
        (folder / "definition.json").write_text(machine["definition"])
        (folder / "input.json").write_text(execution.get("input", "{}"))
        if "output" in execution:
            (folder / "output.json").write_text(execution["output"])
        for task in _tasks(events):
            try:
                self._write_task(task, folder)
            except (ClientError, TransferError) as error:
                LOG.warning("of the state %s not everything could be kept: %s", task.state, error)
        return str(execution["status"])

    def _write_task(self, task: Task, folder: Path) -> None:
        if task.job_arn is not None:
            self._write_job(task, folder)
        elif task.resource_type == "lambda" and "FunctionName" in task.parameters:
            function = (
                str(task.parameters["FunctionName"]).rpartition(":function:")[2] or task.parameters["FunctionName"]
            )
            configuration = self._identity.client("lambda").get_function_configuration(FunctionName=function)
            self._write_log(folder, task, configuration["LoggingConfig"]["LogGroup"], "")

    def _write_job(self, task: Task, folder: Path) -> None:
        kind, _, name = str(task.job_arn).partition(":")[2].rpartition(":")[2].partition("/")
        if kind not in _JOBS:
            return
        key, describe, group = _JOBS[kind]
        job = getattr(self._identity.client("sagemaker"), describe)(**{key: name})
        (folder / "jobs").mkdir(exist_ok=True)
        _write_json(folder / "jobs" / f"{kind}-{name}.json", job)
        self._write_log(folder, task, group, f"{name}/")
        s3 = self._identity.client("s3")
        if model := job.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
            download_object(s3, model, folder / "model.tar.gz")
        if kind == "transform-job" and job["TransformJobStatus"] == "Completed":
            download_prefix(s3, job["TransformOutput"]["S3OutputPath"].rstrip("/") + "/", folder / "predictions")

    def _write_log(self, folder: Path, task: Task, group: str, stream_prefix: str) -> None:
        arguments: dict[str, Any] = {"logGroupName": group, "interleaved": True}
        if stream_prefix:
            arguments["logStreamNamePrefix"] = stream_prefix
        else:  # a function's stream holds other executions too: only what was said while the task ran
            arguments["startTime"] = int(task.began.timestamp() * 1000) - 1
            arguments["endTime"] = int(task.ended.timestamp() * 1000) + 50
        path = folder / "logs" / f"{_UNSAFE.sub('_', task.state)}.log"
        path.parent.mkdir(exist_ok=True)
        logs = self._identity.client("logs")
        try:
            pages = logs.get_paginator("filter_log_events").paginate(**arguments)
            with path.open("a") as file:
                for page in pages:
                    file.writelines(f"{event['message']}\n" for event in page["events"])
        except logs.exceptions.ResourceNotFoundException:
            return  # it printed nothing


def _tasks(events: list[dict[str, Any]]) -> Iterator[Task]:
    by_id = {event["id"]: event for event in events}
    for event in events:
        if event["type"] != "TaskScheduled":
            continue
        details = event["taskScheduledEventDetails"]
        followers = list(_followers(event, events))
        submitted = next((later for later in followers if later["type"] == "TaskSubmitted"), None)
        yield Task(
            state=_state(event, by_id),
            resource_type=details["resourceType"],
            parameters=json.loads(details.get("parameters") or "{}"),
            began=event["timestamp"],
            ended=followers[-1]["timestamp"] if followers else events[-1]["timestamp"],
            job_arn=_job_arn(submitted) if submitted is not None else None,
        )


def _followers(event: dict[str, Any], events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    last = event["id"]
    for later in events:
        if later["previousEventId"] == last and later["type"].startswith("Task") and later["id"] > last:
            if later["type"] in {"TaskScheduled", "TaskStateEntered", "TaskStateExited"}:
                return
            last = later["id"]
            yield later


def _state(event: dict[str, Any], by_id: dict[int, dict[str, Any]]) -> str:
    while event.get("previousEventId"):
        event = by_id[event["previousEventId"]]
        if "stateEnteredEventDetails" in event:
            return str(event["stateEnteredEventDetails"]["name"])
    return "execution"


def _job_arn(submitted: dict[str, Any]) -> str | None:
    output = json.loads(submitted["taskSubmittedEventDetails"].get("output") or "{}")
    return next((value for key, value in output.items() if key.endswith("JobArn")), None)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    document = {key: value for key, value in document.items() if key != "ResponseMetadata"}
    path.write_text(json.dumps(document, indent=2, default=_as_text) + "\n")


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)
