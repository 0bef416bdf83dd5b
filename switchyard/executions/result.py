"""What a run has made: gathered from its history, its files, and its live endpoint."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.executions.history import ExecutionTree, Status, failed_state, failure_reason, find_in_states
from switchyard.executions.logs import readable_lines, state_logs
from switchyard.executions.runs import SavedExecution

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

# The workflows' own words for how they ended, where that decides what is to be said and done next.
PENDING_APPROVAL, APPROVED, COMPARED, NOTHING = "PENDING_APPROVAL", "APPROVED", "COMPARED", "NOTHING_TO_RELEASE"
_IN_VAIN = ("REJECTED", "ROLLED_BACK")
_LOG_LINES = 15
# Enough for the first row of any table.
_ROW_BYTES = 256 * 1024


@dataclass
class RunResult:
    """A run that has ended.

    Parameters
    ----------
    execution_arn, name
        The execution; no ARN when none was started.
    status
        Its status: `SUCCEEDED`, `FAILED`, `ABORTED`, `TIMED_OUT`.
    input, output
        The workflow's; None when there is none.
    metrics, test_metrics
        Measured on the validation data by the training, and on the test data by the batch transform.
    gate
        The conditions that they were held to.
    endpoint_name
        The endpoint that serves the model.
    prediction
        One real answer of it: `features`, `value`, `actual` (None where that is not known), `latency_ms`.
    predictions
        The batch transform's: `uri`, `path`, `rows`.
    model
        The model's archive: `uri`, `path`.
    duration_seconds
        From the start to the end of the execution.
    error
        Why it failed: `name`, `cause`, `state`.
    log
        The last lines of the job that failed.
    folder
        What is kept of it on this machine.
    cloud_goes_on
        Whether the cloud, and so the endpoint, is still there when the command has ended.
    release
        The release that followed; None when the run served its model itself, or when its model waits for approval.
    """

    execution_arn: str | None
    name: str
    status: str | None
    input: Any = None
    output: Any = None
    metrics: dict[str, float] | None = None
    test_metrics: dict[str, float] | None = None
    gate: list[dict[str, Any]] = field(default_factory=list)
    endpoint_name: str | None = None
    prediction: dict[str, Any] | None = None
    predictions: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    duration_seconds: float | None = None
    error: dict[str, str | None] | None = None
    log: list[str] = field(default_factory=list)
    folder: Path | None = None
    cloud_goes_on: bool = False
    release: RunResult | None = None

    @property
    def outcome(self) -> str:
        """The workflow's own word for how it ended (`DEPLOYED`, `REJECTED`, `RELEASED` ...), or else the status."""
        own = self.output.get("status") if isinstance(self.output, dict) else None
        return str(own) if own and self.status == Status.SUCCEEDED else str(self.status)

    @property
    def is_success(self) -> bool:
        """Whether it did what was asked for: a model that is rejected, taken back, or unlike what serves, is none."""
        if self.release is not None and not self.release.is_success:
            return False
        return self.status == Status.SUCCEEDED and not self.is_in_vain

    @property
    def is_in_vain(self) -> bool:
        """Whether it went as it should, and its model is no good."""
        is_unlike = self.comparison is not None and not self.comparison.get("passed")
        return is_unlike or self.outcome in _IN_VAIN

    @property
    def comparison(self) -> dict[str, Any] | None:
        """What a release as a shadow has found: `passed`, `answers`, `mean_difference` ...; None of any other."""
        found = self.output.get("comparison") if isinstance(self.output, dict) else None
        return found if isinstance(found, dict) and self.outcome == COMPARED else None

    def document(self) -> dict[str, Any]:
        """Give the JSON document of `--json`."""
        return {
            "execution_arn": self.execution_arn,
            "status": self.status,
            "output": self.output,
            "metrics": self.metrics,
            "endpoint_name": self.endpoint_name,
            "prediction": self.prediction,
            "predictions": self.predictions,
            "model": self.model,
            "duration_seconds": self.duration_seconds,
            "error": self.error,
            **({"release": self.release.document()} if self.release is not None else {}),
        }


def result_of(
    tree: ExecutionTree, *, name: str, arn: str, folder: Path | None = None, cloud: Cloud | None = None
) -> RunResult:
    """Gather what an execution has made.

    Parameters
    ----------
    tree
        Its states.
    name, arn
        The execution.
    folder
        What is kept of it on this machine.
    cloud
        Where it ran; None when that is gone.
    """
    output = _json(tree.output)
    known = output if isinstance(output, dict) else {}
    result = RunResult(
        execution_arn=arn,
        name=name,
        status=str(tree.status),
        input=_json(tree.input),
        output=output,
        metrics=known.get("metrics") or find_in_states(tree, "evaluation", "metrics"),
        test_metrics=known.get("test_metrics") or find_in_states(tree, "used", "predictions", "metrics"),
        gate=find_in_states(tree, "gate") or [],
        endpoint_name=known.get("endpoint_name"),
        duration_seconds=round(tree.seconds(), 3),
        folder=folder,
        cloud_goes_on=cloud is not None,
    )
    _add_model(result, tree)
    _add_predictions(result, tree)
    if tree.status is Status.SUCCEEDED:
        if cloud is not None and result.endpoint_name:
            result.prediction = _predict(cloud, tree, result.endpoint_name)
    else:
        _add_error(result, tree, cloud)
    return result


def _add_model(result: RunResult, tree: ExecutionTree) -> None:
    uri = find_in_states(tree, "training_job", "model_uri")
    if uri:
        result.model = {"uri": uri, "path": _existing(result.folder, "model.tar.gz")}


def _add_predictions(result: RunResult, tree: ExecutionTree) -> None:
    uri = find_in_states(tree, "used", "predictions", "predictions_uri")
    if uri:
        path = _existing(result.folder, "predictions")
        files = [file for file in Path(path).rglob("*") if file.is_file()] if path else []
        result.predictions = {
            "uri": uri,
            "path": str(files[0]) if len(files) == 1 else path,
            "rows": find_in_states(tree, "used", "predictions", "rows"),
        }


def _existing(folder: Path | None, name: str) -> str | None:
    path = folder / name if folder else None
    return str(path) if path and path.exists() else None


def _add_error(result: RunResult, tree: ExecutionTree, cloud: Cloud | None) -> None:
    state = failed_state(tree)
    if tree.is_open:
        return
    name = tree.error or ("Stopped" if tree.status is Status.ABORTED else str(tree.status))
    result.error = {
        "name": name,
        "cause": failure_reason(tree.cause or "") or None,
        "state": state.name if state else None,
    }
    if state is None or state.job is None:
        return  # a function says why it failed in its error; what it logs then is a traceback
    lines: list[str] = []
    if result.folder is not None:
        lines = readable_lines(SavedExecution(result.folder).log(state.name))
    elif cloud is not None:
        # Whoever may run workflows need not be allowed to read logs.
        with contextlib.suppress(ClientError, BotoCoreError):
            lines = state_logs(cloud, result.name, tree, state.name).get(state.name, [])
    result.log = [line for line in lines if line.strip()][-_LOG_LINES:]


def error_reason(result: RunResult) -> str:
    """Say in one line why a run failed."""
    return failure_reason((result.error or {}).get("cause") or "")


@dataclass(frozen=True)
class _Question:
    """What to ask a live endpoint, and the answer where that is known."""

    body: str
    content_type: str
    accept: str
    actual: str | None = None


def _question(cloud: Cloud, tree: ExecutionTree) -> _Question | None:
    """Take the first row of the test data, or what a release has tested its model with."""
    if test_uri := find_in_states(tree, "data", "test_uri"):
        actual, comma, features = first_row(cloud.client("s3"), str(test_uri)).partition(",")
        takes, gives = (find_in_states(tree, "transform", key) or "text/csv" for key in ("content_type", "accept"))
        return _Question(features, takes, gives, actual) if comma else None
    for sample in find_in_states(tree, "samples") or []:
        takes, gives = (find_in_states(tree, "content_types", key) or "text/csv" for key in ("input", "output"))
        return _Question(str(sample["body"]), takes, gives)
    return None


def _predict(cloud: Cloud, tree: ExecutionTree, endpoint: str) -> dict[str, Any] | None:
    """Ask the live endpoint for one prediction; None when that cannot be had."""
    try:
        asked = _question(cloud, tree)
        if asked is None:
            return None
        start = time.perf_counter()
        answer = cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType=asked.content_type, Accept=asked.accept, Body=asked.body.encode()
        )
        text = answer["Body"].read().decode(errors="replace").strip()
        latency_ms = round((time.perf_counter() - start) * 1000, 1)
    except (ClientError, BotoCoreError):
        return None  # the run has succeeded; this is only for show
    return {
        "features": [_number(value) for value in asked.body.split(",")],
        "value": _number(text),
        "actual": _number(asked.actual) if asked.actual is not None else None,
        "latency_ms": latency_ms,
    }


def first_row(s3: Any, uri: str) -> str:
    """Read the first row of a table in S3; empty when there is none.

    Parameters
    ----------
    s3
        The client.
    uri
        An object, or a prefix.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        if item["Size"]:
            body = s3.get_object(Bucket=bucket, Key=item["Key"], Range=f"bytes=0-{_ROW_BYTES - 1}")["Body"].read()
            for line in body.decode("utf-8-sig", errors="replace").splitlines():
                if line.strip():
                    return str(line.strip())
    return ""


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
