"""What AWS services do in a role's name, without a request to this cloud, when they are asked for something.

Sources: "How AWS Step Functions works with IAM", "Using CloudWatch Logs to log execution history", "IAM policies for
integrated services" (AWS Step Functions Developer Guide); "SageMaker AI roles" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from switchyard.cloud.account import PARTITION, arn

if TYPE_CHECKING:
    from switchyard.cloud.iam.conditions import Context

STATES, LAMBDA, SAGEMAKER = "states.amazonaws.com", "lambda.amazonaws.com", "sagemaker.amazonaws.com"
# The rules by which `.sync` learns that what it started has ended, by what is started.
_RULES = {
    "sagemaker:createTrainingJob": "SageMakerTrainingJobsRule",
    "sagemaker:createTransformJob": "SageMakerTransformJobsRule",
    "sagemaker:createProcessingJob": "SageMakerProcessingJobsRule",
    "sagemaker:createHyperParameterTuningJob": "SageMakerTuningJobsRule",
    "states:startExecution": "StepFunctionsExecutionRule",
    "batch:submitJob": "BatchJobsRule",
    "ecs:runTask": "ECSTaskRule",
    "glue:startJobRun": "GlueJobRule",
}
_SYNC = re.compile(r"arn:aws[\w-]*:states:::([\w]+:[\w]+)\.sync(?::2)?")
_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([\w-]+)\.amazonaws\.com[\w.]*/([^:@]+)")
_MACHINE_TRACES = (
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
)
_FUNCTION_TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")


class May(Protocol):
    """Decides and records a call of one role."""

    def __call__(self, action: str, resource: str = "*", context: Context | None = None) -> Any:
        """Return a verdict: true if the role may, else with the message that says why not."""


def create_machine(may: May, role_arn: str, request: dict[str, Any]) -> str | None:
    """Do what Step Functions does with a machine's role when it is created or updated.

    Parameters
    ----------
    request : dict
        Of CreateStateMachine or UpdateStateMachine.

    Returns
    -------
    str or None
        Why the machine is refused.
    """
    for rule in _rules(str(request.get("definition", ""))):
        actions = ("events:PutRule", "events:PutTargets", "events:DescribeRule")
        if not _all(may, actions, arn("events", f"rule/StepFunctionsGetEventsFor{rule}")):
            return f"'{role_arn}' is not authorized to create managed-rule."
    logging = request.get("loggingConfiguration") or {}
    if logging.get("level", "OFF") != "OFF" and not _all(may, _DELIVERY, "*"):
        return "The state machine IAM Role is not authorized to access the Log Destination"
    return None


def trace_machine(may: May) -> None:
    """Send a traced execution's segments; what is denied is lost."""
    _all(may, _MACHINE_TRACES, "*")


def trace_function(may: May) -> None:
    """Send a traced invocation's segments; what is denied is lost."""
    _all(may, _FUNCTION_TRACES, "*")


def pull_image(may: May, image: str) -> str | None:
    """Pull a container's image, if it lies in Amazon ECR; return why it is refused."""
    found = _IMAGE.match(image)
    if not found:
        return None
    if not (verdict := may("ecr:GetAuthorizationToken")):
        return str(verdict.message)
    account, region, repository = found.groups()
    for action in _PULL:
        if not (verdict := may(action, f"arn:{PARTITION}:ecr:{region}:{account}:repository/{repository}")):
            return str(verdict.message)
    return None


def artifacts(request: dict[str, Any]) -> Iterator[str]:
    """Yield the ARNs of the objects that a CreateModelPackage request names: SageMaker reads them as the caller."""
    for containers in (request.get("InferenceSpecification") or {}).get("Containers") or []:
        uri = urlsplit(str(containers.get("ModelDataUrl") or ""))
        if uri.scheme == "s3":
            yield f"arn:{PARTITION}:s3:::{uri.netloc}{uri.path}"


def _rules(definition: str) -> list[str]:
    started = set(_SYNC.findall(definition))
    return sorted(_RULES[name] for name in started if name in _RULES)


def _all(may: May, actions: tuple[str, ...], resource: str) -> bool:
    """Return whether all are allowed; each is asked for, so that the record has all that are not."""
    verdicts = [bool(may(action, resource)) for action in actions]
    return all(verdicts)
