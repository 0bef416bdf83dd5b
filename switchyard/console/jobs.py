"""The SageMaker job behind a state: what it was told, how it goes, its metrics over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.console.aws_pages import job_page
from switchyard.console.metric_lines import TooSlowError, find_metrics
from switchyard.console.plain import plain_text
from switchyard.console.problems import problem_of
from switchyard.console.schema import DataPlace, Job, JobStep, Point, Series
from switchyard.executions.causes import read_json
from switchyard.executions.history import read_time

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.console.state_logs import Entry
    from switchyard.executions.history import HistoryBuilder, StateVisit
    from switchyard.executions.visits import Job as StateJob

Description = Mapping[str, Any]

_MAX_POINTS = 2000
_ENDED = ("Completed", "Failed", "Stopped")
# The output of a state that waited for its job has times in milliseconds.
_MILLISECONDS_FROM = 1e11
_TEXT_CHARACTERS = 4000
_MAX_PLACES = 200
_TOO_SLOW = "the job's regular expressions took too long on what it has logged: some curves are missing"
_SPREAD = "a past run's log has no times: its values are spread evenly over the time that the job ran"


def describe_job(cloud: Cloud, job: StateJob) -> tuple[Description | None, str | None]:
    """Call DescribeTrainingJob or its like; or say why there is no answer."""
    describe = getattr(cloud.client("sagemaker"), f"describe_{job.kind.lower()}_job")
    try:
        answer: Description = describe(**{f"{job.kind}JobName": job.name})
    except (ClientError, BotoCoreError) as error:
        return None, problem_of(error).detail
    return answer, None


def told_by_history(builder: HistoryBuilder, visit: StateVisit, job: StateJob) -> Description | None:
    """Find a job's description in the output of the state that waited for it; None when it is not there."""
    for event in reversed(list(builder.events_of(visit.id))):
        details = event.get("taskSucceededEventDetails")
        output = read_json(details["output"]) if isinstance(details, Mapping) and "output" in details else None
        if isinstance(output, dict) and output.get(f"{job.kind}JobName") == job.name:
            return output
    return None


def has_ended(kind: str, description: Description) -> bool:
    """Whether a job will change no more."""
    return description.get(f"{kind}JobStatus") in _ENDED


def no_job(job: StateJob, problem: str) -> Job:
    """Say why a job cannot be described."""
    return _job(job, {}).model_copy(update={"problem": problem})


def job_view(job: StateJob, description: Description, curves: MetricCurves | None, *, aws_arn: str | None) -> Job:
    """Write a job.

    Parameters
    ----------
    job
        Which.
    description
        What SageMaker says of it.
    curves
        Its metrics over time, if it is one that trains.
    aws_arn
        Its execution's ARN, when it is on AWS; else None.
    """
    final = {}
    for item in _items(description.get("FinalMetricDataList")):
        value = item.get("Value")
        if isinstance(value, (int, float)) and math.isfinite(value):
            final[plain_text(item.get("MetricName"))] = float(value)
    metrics = curves.series() if curves is not None else []
    for series in metrics:
        final.setdefault(series.name, series.points[-1].value)
    return _job(job, description).model_copy(
        update={
            "metrics": metrics,
            "final_metrics": final,
            "metrics_note": curves.note if curves is not None else None,
            "aws_console_url": job_page(aws_arn, job.kind, job.name) if aws_arn else None,
        }
    )


def metric_definitions(description: Description) -> list[tuple[str, str]]:
    """Give the names and regular expressions of a training job's metrics."""
    algorithm = _mapping(description.get("AlgorithmSpecification"))
    return [
        (item["Name"], item["Regex"])
        for item in _items(algorithm.get("MetricDefinitions"))
        if isinstance(item.get("Name"), str) and isinstance(item.get("Regex"), str)
    ]


class MetricCurves:
    """A training job's metrics over time, as CloudWatch would have them: by its definitions, in its log.

    Parameters
    ----------
    definitions
        Names and regular expressions.
    """

    def __init__(self, definitions: list[tuple[str, str]]) -> None:
        self._definitions = definitions
        self._points: dict[str, list[Point]] = {name: [] for name, _ in definitions}
        self.note: str | None = None

    def add(self, entries: list[Entry], spread_over: tuple[float, float] | None = None) -> None:
        """Find metrics in what was logged.

        Parameters
        ----------
        entries
            Lines that come after those of earlier calls.
        spread_over
            From when to when the job ran: lines without times are taken to be written evenly.
        """
        if self.note == _TOO_SLOW:
            return
        try:
            found = find_metrics(self._definitions, [entry.message for entry in entries])
        except TooSlowError:
            self.note = _TOO_SLOW
            return
        start, end = spread_over or (0.0, 0.0)
        last = max(1, len(entries) - 1)
        for name, number, value in found:
            at = entries[number].at
            seconds = at / 1000 if at is not None else start + (end - start) * number / last
            self._points[name].append(Point(at=seconds, value=value))
            if at is None:
                self.note = _SPREAD

    def series(self) -> list[Series]:
        """Give the curves."""
        return [Series(name=plain_text(name), points=_thinned(found)) for name, found in self._points.items() if found]


def running_time(kind: str, description: Description) -> tuple[float, float]:
    """Give from when to when a job ran, as far as is known."""
    start = _time(description.get(f"{kind}StartTime")) or _time(description.get("CreationTime")) or 0.0
    return start, _time(description.get(f"{kind}EndTime")) or start


def _thinned(points: list[Point]) -> list[Point]:
    """Leave out points, evenly, that nobody could see; the last one stays."""
    step = -(-len(points) // _MAX_POINTS)
    points = sorted(points, key=lambda point: point.at)
    return points if step <= 1 else [*points[:-1:step], points[-1]]


def _job(job: StateJob, description: Description) -> Job:
    kind = job.kind
    instances = _instances(description)
    started = _time(description.get(f"{kind}StartTime"))
    ended = _time(description.get(f"{kind}EndTime"))
    billable = description.get("BillableTimeInSeconds")
    return Job(
        kind=kind,
        name=plain_text(job.name),
        arn=plain_text(description.get(f"{kind}JobArn") or ""),
        status=plain_text(description.get(f"{kind}JobStatus") or ""),
        secondary_status=plain_text(description.get("SecondaryStatus") or ""),
        reason=_text(description.get("FailureReason") or description.get("ExitMessage")) or None,
        created_at=_time(description.get("CreationTime")),
        started_at=started,
        ended_at=ended,
        billable_seconds=float(billable) if isinstance(billable, (int, float)) else None,
        image=_image(description),
        instance_type=plain_text(instances.get("InstanceType") or ""),
        instance_count=instances["InstanceCount"] if isinstance(instances.get("InstanceCount"), int) else 0,
        hyperparameters=_texts(description.get("HyperParameters")),
        environment=_texts(description.get("Environment")),
        inputs=list(_inputs(description))[:_MAX_PLACES],
        outputs=list(_outputs(description))[:_MAX_PLACES],
        steps=_steps(description, started, ended),
        metrics=[],
        final_metrics={},
        aws_console_url=None,
    )


def _instances(description: Description) -> Mapping[str, Any]:
    processing = _mapping(description.get("ProcessingResources"))
    found = (
        description.get("ResourceConfig") or description.get("TransformResources") or processing.get("ClusterConfig")
    )
    return _mapping(found)


def _image(description: Description) -> str:
    algorithm = _mapping(description.get("AlgorithmSpecification"))
    application = _mapping(description.get("AppSpecification"))
    found = algorithm.get("TrainingImage") or algorithm.get("AlgorithmName") or application.get("ImageUri")
    return plain_text(found or "")


def _inputs(description: Description) -> Iterator[DataPlace]:
    for channel in _items(description.get("InputDataConfig")):
        source = _mapping(_mapping(channel.get("DataSource")).get("S3DataSource"))
        detail = channel.get("ContentType") or source.get("S3DataType") or ""
        yield _place(channel.get("ChannelName"), source.get("S3Uri"), detail)
    for given in _items(description.get("ProcessingInputs")):
        source = _mapping(given.get("S3Input"))
        yield _place(given.get("InputName"), source.get("S3Uri"), source.get("LocalPath") or "")
    if transformed := _mapping(description.get("TransformInput")):
        source = _mapping(_mapping(transformed.get("DataSource")).get("S3DataSource"))
        yield _place("data", source.get("S3Uri"), transformed.get("ContentType") or "")
    if model := description.get("ModelName"):
        yield _place("model", "", model)


def _outputs(description: Description) -> Iterator[DataPlace]:
    if model := _mapping(description.get("ModelArtifacts")).get("S3ModelArtifacts"):
        yield _place("model", model, "")
    if output := _mapping(description.get("OutputDataConfig")):
        yield _place("output", output.get("S3OutputPath"), "")
    if checkpoints := _mapping(description.get("CheckpointConfig")):
        yield _place("checkpoints", checkpoints.get("S3Uri"), checkpoints.get("LocalPath") or "")
    for made in _items(_mapping(description.get("ProcessingOutputConfig")).get("Outputs")):
        target = _mapping(made.get("S3Output"))
        yield _place(made.get("OutputName"), target.get("S3Uri"), target.get("LocalPath") or "")
    if transformed := _mapping(description.get("TransformOutput")):
        yield _place("predictions", transformed.get("S3OutputPath"), transformed.get("Accept") or "")


def _steps(description: Description, started: float | None, ended: float | None) -> list[JobStep]:
    steps = []
    for item in _items(description.get("SecondaryStatusTransitions"))[:_MAX_PLACES]:
        start = _time(item.get("StartTime"))
        if start is not None:
            end = _time(item.get("EndTime"))
            message = _text(item.get("StatusMessage"))
            steps.append(JobStep(status=_text(item.get("Status")), started_at=start, ended_at=end, message=message))
    created = _time(description.get("CreationTime"))
    if not steps and created is not None:
        # Processing and transform jobs tell only when they were made, began and ended.
        steps.append(JobStep(status="Starting", started_at=created, ended_at=started or ended, message=""))
        if started is not None:
            steps.append(JobStep(status="InProgress", started_at=started, ended_at=ended, message=""))
    return steps


def _place(name: Any, uri: Any, detail: Any) -> DataPlace:
    return DataPlace(name=_text(name), uri=_text(uri), detail=_text(detail))


def _text(value: Any) -> str:
    return plain_text(value)[:_TEXT_CHARACTERS] if value is not None else ""


def _texts(value: Any) -> dict[str, str]:
    return {_text(key): _text(each) for key, each in value.items()} if isinstance(value, Mapping) else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, Iterable) else []


def _time(value: Any) -> float | None:
    if not value:
        return None
    if isinstance(value, (int, float)):
        seconds = value / 1000 if value > _MILLISECONDS_FROM else float(value)
        return seconds if math.isfinite(seconds) else None
    try:
        return read_time(value).timestamp()
    except (ValueError, OverflowError):
        return None
