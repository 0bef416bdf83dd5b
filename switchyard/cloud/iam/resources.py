"""Which resource an operation acts on, by the members of its request.

Source: Actions, resources, and condition keys for AWS services (AWS Service Authorization Reference).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore import xform_name

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, REGION, arn

Parameters = Mapping[str, Any]
Finder = Callable[[str, Parameters], "list[str]"]
# Operations for which the reference names no resource: their resource is "*".
_WITHOUT_RESOURCE = {
    "cloudwatch": r"PutMetricData|GetMetric\w+|ListMetrics|ListDashboards|DescribeAlarmsForMetric|GetInsightRule\w+",
    "cloudformation": r"ListStacks|ListExports|ListImports|ValidateTemplate|GetTemplateSummary|DescribeStacks",
    "dynamodb": r"List(?!Tags).*|Describe(Limits|Endpoints)",
    "ecr": r"GetAuthorizationToken|DescribeRegistry|\w*PullThroughCacheRules?",
    "events": r"List(EventBuses|Rules|RuleNamesByTarget|Archives|Connections|ApiDestinations)|TestEventPattern",
    "iam": r"List(Roles|Users|Groups|Policies|AccountAliases|InstanceProfiles)|GetAccount\w+|Simulate\w+",
    "lambda": r"List(Functions|EventSourceMappings|Layers)|GetAccountSettings|CreateEventSourceMapping",
    "logs": r"\w+LogDelivery|ListLogDeliveries|\w+ResourcePolic(y|ies)|DescribeQueries|StopQuery|GetQueryResults",
    "sagemaker": r"List(?!Tags$|ModelPackages$|\w+For|\w+By)\w+|Search|GetSearchSuggestions",
    "scheduler": r"ListSchedules|ListScheduleGroups",
    "sns": r"List(Topics|Subscriptions|PhoneNumbersOptedOut|PlatformApplications)|GetSMSAttributes|SetSMSAttributes",
    "sqs": r"ListQueues",
    "ssm": r"DescribeParameters",
    "states": r"List(StateMachines|Activities)|SendTask\w+|TestState|ValidateStateMachineDefinition",
    "xray": r"Put(TraceSegments|TelemetryRecords)|GetSampling\w+|(Batch)?GetTrace\w*|GetServiceGraph",
}
_NO_RESOURCE = {service: re.compile(pattern) for service, pattern in _WITHOUT_RESOURCE.items()}
# For each service the members that name a resource, and what its ARN has there. The first that is given counts.
_BY_MEMBER: dict[str, tuple[tuple[str, str], ...]] = {
    "cloudwatch": (
        ("AlarmName", "alarm:{}"),
        ("AlarmNames", "alarm:{}"),
        ("DashboardName", f"arn:{PARTITION}:cloudwatch::{ACCOUNT_ID}:dashboard/{{}}"),
        ("DashboardNames", f"arn:{PARTITION}:cloudwatch::{ACCOUNT_ID}:dashboard/{{}}"),
        ("ResourceARN", "{}"),
    ),
    "cloudformation": (("StackName", "stack/{}/*"),),
    "dynamodb": (("ResourceArn", "{}"), ("TableName", "table/{}"), ("RequestItems", "table/{}")),
    "ecr": (("resourceArn", "{}"), ("repositoryName", "repository/{}"), ("repositoryNames", "repository/{}")),
    "iam": (
        ("RoleName", f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/{{}}"),
        ("UserName", f"arn:{PARTITION}:iam::{ACCOUNT_ID}:user/{{}}"),
        ("GroupName", f"arn:{PARTITION}:iam::{ACCOUNT_ID}:group/{{}}"),
        ("InstanceProfileName", f"arn:{PARTITION}:iam::{ACCOUNT_ID}:instance-profile/{{}}"),
        ("PolicyArn", "{}"),
        ("PolicyName", f"arn:{PARTITION}:iam::{ACCOUNT_ID}:policy/{{}}"),
    ),
    "kms": (("KeyId", "key/{}"),),
    "lambda": (("FunctionName", "function:{}"), ("Resource", "{}"), ("LayerName", "layer:{}")),
    "scheduler": (("ResourceArn", "{}"),),
    "secretsmanager": (("SecretId", "secret:{}"),),
    "sns": (("TopicArn", "{}"), ("TargetArn", "{}"), ("ResourceArn", "{}"), ("Name", "{}")),
    "ssm": (("Name", "parameter/{}"), ("Names", "parameter/{}"), ("Path", "parameter/{}")),
    "states": (
        ("stateMachineArn", "{}"),
        ("executionArn", "{}"),
        ("activityArn", "{}"),
        ("mapRunArn", "{}"),
        ("resourceArn", "{}"),
        ("stateMachineVersionArn", "{}"),
        ("stateMachineAliasArn", "{}"),
    ),
    "sts": (("RoleArn", "{}"),),
}


def resources(service: str, operation: str, parameters: Parameters) -> list[str] | None:
    """Return the ARNs that an operation acts on; None when they are not known here.

    Parameters
    ----------
    service : str
        The prefix of its actions, such as ``cloudwatch``.
    operation : str
        As in the API, such as ``CreateTrainingJob``.
    """
    special = _SPECIAL.get(service)
    if special and (found := special(operation, parameters)):
        return found
    for member, form in _BY_MEMBER.get(service, ()):
        if (value := parameters.get(member)) is not None:
            values = list(value) if isinstance(value, list | dict) else [value]
            return [_arn(service, form, str(one)) for one in values if one is not None] or None
    without = _NO_RESOURCE.get(service)
    return ["*"] if without and without.fullmatch(operation) else None


def _arn(service: str, form: str, value: str) -> str:
    if value.startswith("arn:"):
        return value
    text = form.format(value.lstrip("/") if service == "ssm" else value)
    return text if text.startswith("arn:") else arn(service, text)


def _sagemaker(operation: str, parameters: Parameters) -> list[str]:
    if operation in {"CreateEndpoint", "UpdateEndpoint"}:
        return [
            arn("sagemaker", f"endpoint/{str(parameters.get('EndpointName')).lower()}"),
            arn("sagemaker", f"endpoint-config/{str(parameters.get('EndpointConfigName')).lower()}"),
        ]
    group = parameters.get("ModelPackageGroupName")
    if operation == "CreateModelPackage" and group:
        # Its version, and so its ARN, comes only with the answer.
        return [_sagemaker_arn("model-package-group", group), _versions_of(str(group))]
    if operation == "ListModelPackages":
        return [_versions_of(str(group))] if group else ["*"]
    if operation.startswith(("List", "Search")) and operation != "ListTags":
        return []
    kind = re.sub(r"^[A-Z][a-z]+", "", operation)  # what is left of CreateTrainingJob without its verb
    for member in ("ResourceArn", f"{kind}Name", f"{kind}Arn"):
        if isinstance(value := parameters.get(member), str):
            return [_sagemaker_arn(str(xform_name(kind, "-")), value)]
    return []


def _sagemaker_arn(kind: str, name: str) -> str:
    return name if name.startswith("arn:") else arn("sagemaker", f"{kind}/{name.lower()}")


def _versions_of(group: str) -> str:
    name = group.rpartition("/")[2].lower()
    return arn("sagemaker", f"model-package/{name}/*")


def _states(operation: str, parameters: Parameters) -> list[str]:
    if operation == "CreateStateMachine":
        return [arn("states", f"stateMachine:{parameters.get('name')}")]
    if operation == "CreateActivity":
        return [arn("states", f"activity:{parameters.get('name')}")]
    return []


def _logs(operation: str, parameters: Parameters) -> list[str]:
    if operation == "DescribeLogGroups":
        return [arn("logs", f"log-group:{parameters.get('logGroupNamePrefix') or ''}*")]
    if isinstance(resource := parameters.get("resourceArn"), str):
        return [resource]
    group = parameters.get("logGroupName") or parameters.get("logGroupIdentifier")
    if not group:
        return []
    name = str(group).partition(":log-group:")[2] or str(group)
    return [arn("logs", f"log-group:{name.removesuffix(':*')}:log-stream:{parameters.get('logStreamName') or ''}")]


def _events(operation: str, parameters: Parameters) -> list[str]:
    if operation == "PutEvents":
        entries = parameters.get("Entries") or [{}]
        return sorted({_bus(entry.get("EventBusName")) for entry in entries})
    if isinstance(resource := parameters.get("ResourceARN"), str):
        return [resource]
    if operation.endswith(("EventBus", "Permission")):
        return [_bus(parameters.get("Name") or parameters.get("EventBusName"))]
    if operation.endswith("Archive"):
        return [arn("events", f"archive/{parameters.get('ArchiveName')}")]
    rule = parameters.get("Rule") or (parameters.get("Name") if operation.endswith("Rule") else None)
    if not rule:
        return []
    bus = _bus(parameters.get("EventBusName")).rpartition("/")[2]
    return [arn("events", f"rule/{rule}" if bus == "default" else f"rule/{bus}/{rule}")]


def _bus(name: Any) -> str:
    text = str(name or "default")
    return text if text.startswith("arn:") else arn("events", f"event-bus/{text}")


def _scheduler(operation: str, parameters: Parameters) -> list[str]:
    name = parameters.get("Name")
    if not name:
        return []
    if operation.endswith("ScheduleGroup"):
        return [arn("scheduler", f"schedule-group/{name}")]
    return [arn("scheduler", f"schedule/{parameters.get('GroupName') or 'default'}/{name}")]


def _sns(operation: str, parameters: Parameters) -> list[str]:
    if subscription := parameters.get("SubscriptionArn"):
        return [str(subscription).rpartition(":")[0]]
    return ["*"] if operation == "Publish" and parameters.get("PhoneNumber") else []


def _sqs(_: str, parameters: Parameters) -> list[str]:
    name = str(parameters.get("QueueUrl") or parameters.get("QueueName") or "").rpartition("/")[2]
    return [arn("sqs", name)] if name else []


def _dynamodb(_: str, parameters: Parameters) -> list[str]:
    table, index = parameters.get("TableName"), parameters.get("IndexName")
    return [f"{_arn('dynamodb', 'table/{}', str(table))}/index/{index}"] if table and index else []


def _cloudwatch(operation: str, parameters: Parameters) -> list[str]:
    if operation == "DescribeAlarms" and not parameters.get("AlarmNames"):
        return [f"arn:{PARTITION}:cloudwatch:{REGION}:{ACCOUNT_ID}:alarm:*"]
    return []


_SPECIAL: dict[str, Finder] = {
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "logs": _logs,
    "sagemaker": _sagemaker,
    "scheduler": _scheduler,
    "sns": _sns,
    "sqs": _sqs,
    "states": _states,
}
