"""Whether a machine's role allows the calls that its states make, as far as the template tells.

Actions are compared exactly. Resources are compared by what both sides can be: a name that is known only at run
time, or a substitution, can be anything. What lies outside of the template (a role given by its ARN, a managed
policy) allows everything, for all that is known here.

Source: "How Step Functions generates IAM policies for integrated services" and its page for each service
(AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from switchyard.checks.integrations import SYNC, SYNC_2, Integration, find_integration, is_function
from switchyard.checks.shapes import service_model
from switchyard.checks.template import stands_for
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchyard.checks.template import Template

_ANY = "*"

# SageMaker's operations to the kinds of resources that they act on; the first is the one that they make.
_SAGEMAKER = {
    "CreateEndpoint": ("endpoint", "endpoint-config"),
    "CreateEndpointConfig": ("endpoint-config",),
    "CreateHyperParameterTuningJob": ("hyper-parameter-tuning-job",),
    "CreateLabelingJob": ("labeling-job",),
    "CreateModel": ("model",),
    "CreateProcessingJob": ("processing-job",),
    "CreateTrainingJob": ("training-job",),
    "CreateTransformJob": ("transform-job",),
    "UpdateEndpoint": ("endpoint", "endpoint-config"),
}
# The rule by which Step Functions learns that a `.sync` job has ended.
_EVENT_RULES = {
    "CreateHyperParameterTuningJob": "StepFunctionsGetEventsForSageMakerTuningJobsRule",
    "CreateLabelingJob": "StepFunctionsGetEventsForSageMakerLabelingJobsRule",
    "CreateProcessingJob": "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    "CreateTrainingJob": "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "CreateTransformJob": "StepFunctionsGetEventsForSageMakerTransformJobsRule",
    "StartExecution": "StepFunctionsGetEventsForStepFunctionsExecutionRule",
}
_EVENT_ACTIONS = ("events:DescribeRule", "events:PutRule", "events:PutTargets")
# Source: "Logging using CloudWatch Logs", "IAM policies for logging to CloudWatch Logs".
_LOG_ACTIONS = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
# Source: "Trace Step Functions request data in AWS X-Ray".
_TRACE_ACTIONS = (
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
# Operations whose action has another name, or another service's (Service Authorization Reference).
_ACTIONS = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "ListBuckets"): "s3:ListAllMyBuckets",
    ("s3", "CopyObject"): "s3:PutObject",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPartCopy"): "s3:PutObject",
    ("s3", "ListObjectVersions"): "s3:ListBucketVersions",
    ("sns", "PublishBatch"): "sns:Publish",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("bedrock-runtime", "Converse"): "bedrock:InvokeModel",
    ("iot-data", "Publish"): "iot:Publish",
    ("apigatewaymanagementapi", "PostToConnection"): "execute-api:ManageConnections",
    # What these need depends on what is asked of them.
    ("dynamodb", "TransactGetItems"): "",
    ("dynamodb", "TransactWriteItems"): "",
    ("dynamodb", "ExecuteStatement"): "",
    ("dynamodb", "BatchExecuteStatement"): "",
    ("dynamodb", "ExecuteTransaction"): "",
    ("kms", "ReEncrypt"): "",
}
# Of S3 few other actions are called as the operations are; of those that are, these are called by workflows.
_S3_ACTIONS = frozenset(
    f"{verb}Object{what}" for verb in ("Get", "Put", "Delete") for what in ("", "Tagging", "Acl")
) | {"AbortMultipartUpload", "CreateBucket", "DeleteBucket", "GetObjectAttributes", "RestoreObject"}
_PREFIXES = {
    "stepfunctions": "states",
    "sagemaker-runtime": "sagemaker",
    "logs": "logs",
    "cloudwatch": "cloudwatch",
    "events": "events",
    "ses": "ses",
    "sesv2": "ses",
}
_ROLE_FIELDS = ("RoleArn", "ExecutionRoleArn")


@dataclass(frozen=True)
class Need:
    """A call that a role must allow.

    Parameters
    ----------
    action
        `sagemaker:CreateModel`.
    resources
        What its resource can look like; `*` where it is not known.
    service
        For iam:PassRole, the service that the role is passed to.
    """

    action: str
    resources: tuple[str, ...] = (_ANY,)
    service: str = ""


@dataclass(frozen=True)
class Statement:
    """An Allow statement of a role."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    passed_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """What a role allows; `is_known` when that is all."""

    name: str
    statements: tuple[Statement, ...] = field(default_factory=tuple)
    is_known: bool = True

    def refusal(self, need: Need) -> tuple[str, str] | None:
        """Say why a call is not allowed, and what is; None when it is, or may be."""
        if not self.is_known:
            return None
        for_action = [one for one in self.statements if any(_matches(need.action, action) for action in one.actions)]
        if not for_action:
            known = {action for statement in self.statements for action in statement.actions}
            service = need.action.partition(":")[0]
            same = {action for action in known if action.startswith(f"{service}:")} or known
            return f"{self.name} does not allow {need.action}", f"allowed: {', '.join(sorted(same)) or 'nothing'}"
        for_resource = [
            one
            for one in for_action
            if any(overlap(allowed, needed) for allowed in one.resources for needed in need.resources)
        ]
        if not for_resource:
            allowed = sorted({resource for one in for_action for resource in one.resources})
            what = need.resources[0]
            return f"{self.name} allows {need.action}, but not on {what}", f"allowed on {', '.join(allowed)}"
        if need.service and not any(not one.passed_to or need.service in one.passed_to for one in for_resource):
            passed = sorted({service for one in for_resource for service in one.passed_to})
            return (
                f"{self.name} does not allow to pass the role to {need.service}",
                f"{suggest(need.service, passed)}",
            )
        return None


def machine_role(logical_id: str, properties: Mapping[str, Any], template: Template) -> Role:
    """Read what a state machine's role allows."""
    role = properties.get("Role")
    if role is None:
        # SAM makes a role of the policies that the machine names.
        statements, is_known = _sam_policies(properties.get("Policies"), template)
        return Role(f"the role of {logical_id}", statements, is_known)
    name = stands_for(role)
    found = dict(template.resources("AWS::IAM::Role")).get(name)
    if found is None:
        return Role(name or "its role", is_known=False)
    documents = [policy.get("PolicyDocument") for policy in _list(found.get("Policies")) if isinstance(policy, dict)]
    is_known = not found.get("ManagedPolicyArns")
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        for _, policy in template.resources(kind):
            roles = [*_list(policy.get("Roles")), policy.get("RoleName")]
            if any(stands_for(one) == name for one in roles if one is not None):
                documents.append(policy.get("PolicyDocument"))
    statements = tuple(one for document in documents for one in _statements(document, template))
    return Role(name, statements, is_known and all(isinstance(document, dict) for document in documents))


def needs_of_task(task: Mapping[str, Any], substitutions: Mapping[str, Any], template: Template) -> Iterator[Need]:
    """Give the calls that a Task makes.

    Parameters
    ----------
    task
        The state.
    substitutions
        The machine's DefinitionSubstitutions.
    template
        Where they lead to.
    """
    resource = task.get("Resource")
    if not isinstance(resource, str):
        return
    parameters = task.get("Parameters", task.get("Arguments"))
    parameters = parameters if isinstance(parameters, dict) else {}
    where = _Where(substitutions, template)
    if is_function(resource) or (where.kind(resource) == "AWS::Serverless::Function"):
        yield Need("lambda:InvokeFunction", where.resources(resource))
        return
    integration = find_integration(resource)
    if not isinstance(integration, Integration) or not integration.service:
        return
    action = iam_action(integration.service, integration.operation)
    if not action:
        return
    if not integration.is_sdk and integration.service in ("eks", "emr", "batch", "ecs", "codebuild", "mediaconvert"):
        yield Need(action)
        return
    yield from _needs(integration, action, parameters, where)
    for name in _ROLE_FIELDS if integration.service != "sts" else ():  # which is given the role to become it
        if f"{name}.$" in parameters or isinstance(parameters.get(name), str):
            role = where.resources(parameters.get(name))
            passed_to = "sagemaker.amazonaws.com" if integration.service == "sagemaker" else ""
            yield Need("iam:PassRole", role, passed_to)


def needs_of_machine(properties: Mapping[str, Any]) -> Iterator[Need]:
    """Give the calls that Step Functions makes for the machine itself: its logs and traces."""
    logging, tracing = properties.get("Logging"), properties.get("Tracing")
    if isinstance(logging, dict) and logging.get("Destinations") and logging.get("Level", "OFF") != "OFF":
        yield from map(Need, _LOG_ACTIONS)
    if isinstance(tracing, dict) and tracing.get("Enabled") is True:
        yield from map(Need, _TRACE_ACTIONS)


@cache
def iam_action(service: str, operation: str) -> str:
    """Give the IAM action of an operation; nothing when that is not known."""
    if (service, operation) in _ACTIONS:
        return _ACTIONS[service, operation]
    if service == "s3" and operation not in _S3_ACTIONS:
        return ""
    metadata = service_model(service).metadata
    prefix = _PREFIXES.get(service) or metadata.get("signingName") or metadata.get("endpointPrefix") or service
    return f"{prefix}:{operation}"


@cache
def overlap(left: str, right: str) -> bool:
    """Tell whether two patterns with `*` and `?` can mean the same text.

    Examples
    --------
    >>> overlap("arn:*:model/switchyard-*", "arn:*:model/*")
    True
    >>> overlap("arn:*:model/*", "arn:*:endpoint/*")
    False
    """
    # A function's version or alias is a resource of its own, which `arn` and `arn:*` may stand for.
    reached = {(0, 0)}
    ahead = [(0, 0)]
    while ahead:
        i, j = ahead.pop()
        if i == len(left) and j == len(right):
            return True
        steps = []
        if i < len(left) and left[i] == "*":
            steps += [(i + 1, j)] + ([(i, j + 1)] if j < len(right) else [])
        if j < len(right) and right[j] == "*":
            steps += [(i, j + 1)] + ([(i + 1, j)] if i < len(left) else [])
        here = (left[i : i + 1], right[j : j + 1])
        if all(here) and "*" not in here and (here[0] == here[1] or "?" in here):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in reached:
                reached.add(step)
                ahead.append(step)
    return False


def _needs(integration: Integration, action: str, parameters: Mapping[str, Any], where: _Where) -> Iterator[Need]:
    service, operation = integration.service, integration.operation
    if service == "lambda" and operation == "Invoke":
        yield Need(action, where.resources(parameters.get("FunctionName")))
    elif service == "stepfunctions" and operation.startswith("Start"):
        yield Need(action, where.resources(parameters.get("StateMachineArn")))
    elif service == "sns" and operation == "Publish":
        yield Need(action, where.resources(parameters.get("TopicArn")))
    elif service == "sagemaker" and operation in _SAGEMAKER:
        kinds = [f"arn:*:sagemaker:*:*:{kind}/*" for kind in _SAGEMAKER[operation]]
        yield from (Need(action, (kind,)) for kind in kinds)
        if "Tags" in parameters or "Tags.$" in parameters:
            yield Need("sagemaker:AddTags", (kinds[0],))
        if integration.pattern == SYNC:
            job = operation.removeprefix("Create")
            yield from (Need(f"sagemaker:{verb}{job}", (kinds[0],)) for verb in ("Describe", "Stop"))
            yield Need("sagemaker:ListTags", (kinds[0],))
    else:
        yield Need(action)
    if integration.is_sdk or integration.pattern not in (SYNC, SYNC_2):
        return
    if service == "stepfunctions":
        yield from (Need(f"states:{verb}Execution") for verb in ("Describe", "Stop"))
    if operation in _EVENT_RULES:
        rule = f"arn:*:events:*:*:rule/{_EVENT_RULES[operation]}"
        yield from (Need(one, (rule,)) for one in _EVENT_ACTIONS)


@dataclass(frozen=True)
class _Where:
    """Finds what a text of a definition stands for."""

    substitutions: Mapping[str, Any]
    template: Template

    def value(self, text: str) -> Any:
        """Give what is put in for `${X}`; the text itself when it is no substitution."""
        match = re.fullmatch(r"\$\{([^}]*)\}", text)
        return self.substitutions.get(match[1], text) if match else text

    def kind(self, text: str) -> str | None:
        """Give the type of the resource that a text stands for."""
        return self.template.kind(stands_for(self.value(text)))

    def resources(self, text: Any) -> tuple[str, ...]:
        """Give the forms that a resource's ARN may have in a policy."""
        if not isinstance(text, str):
            return (_ANY,)
        value = self.value(text)
        if isinstance(value, str):
            return (re.sub(r"\$\{[^}]*\}", _ANY, value),) if value.startswith("arn:") else (_ANY,)
        name = stands_for(value)
        known = _written(value, self.template)
        forms = [f"<{name}.Arn>" if name else known]
        properties = next((found for kind, found in _named(name, self.template) if kind), None)
        kind = self.template.kind(name)
        if kind == "AWS::Serverless::Function" and properties is not None:
            own = properties.get("FunctionName")
            forms.append(f"arn:*:lambda:*:*:function:{_written(own, self.template) if own else _ANY}")
        elif kind in ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine") and properties is not None:
            forms.append("arn:*:states:*:*:stateMachine:*")
        elif kind == "AWS::IAM::Role":
            forms.append("arn:*:iam::*:role/*")
        elif kind == "AWS::SNS::Topic":
            forms.append("arn:*:sns:*:*:*")
        else:
            forms = [_ANY]
        return tuple(forms)


def _named(name: str, template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = template.kind(name)
    if kind is not None:
        yield from ((kind, properties) for other, properties in template.resources(kind) if other == name)


def _statements(document: Any, template: Template) -> Iterator[Statement]:
    for statement in _list(document.get("Statement")) if isinstance(document, dict) else ():
        if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
            continue
        actions = tuple(str(action) for action in _list(statement.get("Action")))
        if "NotAction" in statement:
            actions = (_ANY,)
        resources = tuple(_written(resource, template) for resource in _list(statement.get("Resource", _ANY)))
        yield Statement(actions, resources, _passed_to(statement.get("Condition")))


def _passed_to(condition: Any) -> tuple[str, ...]:
    if not isinstance(condition, dict):
        return ()
    found = []
    for operator in ("StringEquals", "StringLike", "StringEqualsIfExists"):
        test = condition.get(operator)
        if isinstance(test, dict):
            found += [str(one) for one in _list(test.get("iam:PassedToService"))]
    return tuple(found)


def _sam_policies(policies: Any, template: Template) -> tuple[tuple[Statement, ...], bool]:
    statements: list[Statement] = []
    for policy in _list(policies):
        if isinstance(policy, dict) and "Statement" in policy:
            statements += _statements(policy, template)
        elif isinstance(policy, dict) and isinstance(policy.get("LambdaInvokePolicy"), dict):
            function = stands_for(policy["LambdaInvokePolicy"].get("FunctionName"))
            resource = f"<{function}.Arn>" if function else _ANY
            statements.append(Statement(("lambda:InvokeFunction",), (resource,)))
        else:
            return (), False
    return tuple(statements), policies is not None


def _written(value: Any, template: Template) -> str:
    """Write an ARN of a policy with `*` for what is known only in an account, `<X.Arn>` for a resource's own."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return _reference(name, template)
        case {"Fn::GetAtt": [str(name), "Arn"]}:
            return f"<{name}.Arn>"
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            return re.sub(r"\$\{([^}!]*)\}", lambda match: _substituted(match[1], template), text)
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(_written(part, template) for part in parts)
    return _ANY


def _substituted(name: str, template: Template) -> str:
    logical_id, _, attribute = name.partition(".")
    if attribute:
        return f"<{logical_id}.Arn>" if attribute == "Arn" else _ANY
    return _reference(name, template)


def _reference(name: str, template: Template) -> str:
    kind = template.kind(name)
    # Of most types Ref gives a name; of these the ARN.
    if kind in (
        "AWS::Serverless::StateMachine",
        "AWS::StepFunctions::StateMachine",
        "AWS::SNS::Topic",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::Alias",
    ):
        return f"<{name}.Arn>"
    return _ANY


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", text.lower())
    return re.compile("".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _matches(action: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(action.lower()) is not None
