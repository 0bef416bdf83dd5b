"""Report plan, Report what went, Report trouble: tell people what housekeeping found and did, in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict
from urllib.parse import quote

from pydantic import BaseModel, Field
from shared.aws import client
from shared.causes import readable_cause
from shared.housekeeping import Item, Outcome, Plan, folder, outcomes_key, read, read_plan, write
from shared.s3 import S3Location, list_objects
from shared.settings import ReportHousekeepingSettings, read_settings
from shared.tasks import TaskEvent, task
from shared.unused import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

# Of each kind; the report in the artifact bucket has all of them.
MOST_LINES = 20
MAX_SUBJECT = 100  # SNS Publish's documentation, "Subject"
WORDS = {
    "endpoint": "endpoints",
    "endpoint-config": "endpoint configurations",
    "model": "models",
    "model-package": "model packages",
    "artifacts": "artifacts of runs",
}


class TaskError(BaseModel):
    """What a Catch leaves in the state."""

    error: str = Field(default="Unknown", validation_alias="Error")
    cause: str = Field(default="", validation_alias="Cause")


class Batch(BaseModel):
    """A batch that was to be deleted; with the error if that failed."""

    first: int
    count: int
    error: TaskError | None = None


class Event(TaskEvent):
    """The payload: how housekeeping ended, and what it had to do."""

    status: Literal["PLANNED", "CLEANED", "FAILED"]
    execution_arn: str
    batches: list[Batch] = Field(default_factory=list)
    error: TaskError | None = None


class Result(TypedDict):
    """The machine's output: how many things of each kind, and where the whole report is."""

    status: str
    planned: dict[str, int]
    deleted: dict[str, int]
    kept: int
    failed: int
    planned_bytes: int
    freed_bytes: int
    left_out: int
    report_uri: str | None
    message_id: str | None


class Line(NamedTuple):
    """A thing of the plan in the report."""

    item: Item
    outcome: Outcome | None = None

    def is_(self, outcome: str) -> bool:
        """Tell whether that became of it."""
        return self.outcome is not None and self.outcome.outcome == outcome


@task
def handler(event: dict[str, Any], _context: LambdaContext) -> Result:
    """Answer the states ``Report ...``."""
    return report(Event.model_validate(event), read_settings(ReportHousekeepingSettings))


def report(ended: Event, settings: ReportHousekeepingSettings) -> Result:
    """Write the report, and send it to the topic if there is anything to tell.

    Returns
    -------
    dict
        ``deleted`` and ``planned`` by kind; ``report_uri``, the report with each thing; ``message_id``, or None when
        nothing may go and nothing failed.
    """
    bucket = settings.artifact_bucket
    plan = Plan(limits={}, items=[]) if ended.status == "FAILED" else read_plan(bucket, ended.execution)
    lines = list(_outcomes(plan, ended, bucket)) if ended.status == "CLEANED" else [*map(Line, plan.items)]
    result: Result = {
        "status": ended.status,
        "planned": _count(line.item for line in lines),
        "deleted": _count(line.item for line in lines if line.is_("deleted")),
        "kept": sum(line.is_("kept") for line in lines),
        "failed": sum(line.is_("failed") for line in lines),
        "planned_bytes": sum(line.item.bytes for line in lines),
        "freed_bytes": sum(line.item.bytes for line in lines if line.is_("deleted")),
        "left_out": plan.left_out,
        "report_uri": None,
        "message_id": None,
    }
    if ended.status != "FAILED":
        document = {
            **result,
            "limits": plan.limits,
            "items": [
                {
                    **item.model_dump(mode="json"),
                    "outcome": None if outcome is None else outcome.outcome,
                    "why_not": "" if outcome is None else outcome.why,
                }
                for item, outcome in lines
            ],
        }
        result["report_uri"] = write(bucket, f"{folder(ended.execution)}report.json", document)
    if lines or ended.status == "FAILED":
        link = settings.execution_url + quote(ended.execution_arn, safe=":/")
        published = client("sns").publish(
            TopicArn=settings.topic_arn,
            Subject=subject(result)[:MAX_SUBJECT],
            Message=message(ended, result, lines, link),
        )
        result["message_id"] = published["MessageId"]
    return result


def subject(result: Result) -> str:
    """Give the e-mail's subject."""
    if result["status"] == "FAILED":
        return "Switchyard: housekeeping failed"
    if result["status"] == "PLANNED":
        return f"Switchyard: {_things(result['planned'])} may go"
    failed = f", {result['failed']} could not be deleted" if result["failed"] else ""
    return f"Switchyard: {_things(result['deleted'])} deleted{failed}"


def _things(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return "1 thing" if total == 1 else f"{total} things"


def message(ended: Event, result: Result, lines: list[Line], link: str) -> str:
    """Write the message: what went or may go, with names and reasons, and what could not be deleted."""
    blocks = list(_blocks(ended, result, lines))
    if result["report_uri"]:
        blocks.append(f"Each of them: {result['report_uri']}")
    return "\n\n".join([*blocks, link]) + "\n"


def _blocks(ended: Event, result: Result, lines: list[Line]) -> Iterator[str]:
    if ended.status == "FAILED":
        error = ended.error or TaskError()
        yield f"Housekeeping failed: {error.error}\n{readable_cause(error.cause)}"
        return
    if ended.status == "PLANNED":
        yield "A dry run: nothing was deleted."
        yield from _listed("May go", lines)
    else:
        yield from _listed("Deleted", [line for line in lines if line.is_("deleted")])
        yield from _listed("Kept after all", [line for line in lines if line.is_("kept")])
        yield from _listed("Could not be deleted", [line for line in lines if line.is_("failed")])
    size = result["planned_bytes"] if ended.status == "PLANNED" else result["freed_bytes"]
    if size:
        yield f"{size:,} bytes in S3"
    if result["left_out"]:
        yield f"{result['left_out']} more may go; the next execution takes them."


def _listed(title: str, lines: list[Line]) -> Iterator[str]:
    for kind in KINDS:
        some = [line for line in lines if line.item.kind == kind]
        if not some:
            continue
        texts = [f"  {line.item.name}: {_why(line)}" for line in some[:MOST_LINES]]
        if len(some) > MOST_LINES:
            texts.append(f"  ... and {len(some) - MOST_LINES} more")
        yield "\n".join([f"{title}: {WORDS[kind]} ({len(some)})", *texts])


def _why(line: Line) -> str:
    outcome = line.outcome
    return outcome.why if outcome is not None and outcome.why else line.item.why


def _outcomes(plan: Plan, ended: Event, bucket: str) -> Iterator[Line]:
    written = {entry["Key"] for entry in list_objects(S3Location(bucket, folder(ended.execution)))}
    for batch in ended.batches:
        key = outcomes_key(ended.execution, batch.first)
        known = read(bucket, key) if key in written else {}
        error = batch.error or TaskError()
        missing = Outcome(outcome="failed", why=f"{error.error}: {readable_cause(error.cause)}")
        for item in plan.items[batch.first : batch.first + batch.count]:
            outcome = Outcome.model_validate(known[item.name]) if item.name in known else missing
            yield Line(item, outcome)


def _count(items: Iterable[Item]) -> dict[str, int]:
    return dict(Counter(item.kind for item in items))
