"""What a Task's Resource stands for: the call it makes, what that takes and gives, and what it may raise.

Source: "Integrating services with Step Functions" and, for each service, "Call ... with Step Functions"
(AWS Step Functions Developer Guide); requests and responses are those of botocore's service models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from switchyard.checks.shapes import operation_type, service_model, service_names
from switchyard.checks.types import (
    ANY_OBJECT,
    STRING,
    UNKNOWN,
    Member,
    Number,
    Object,
    Presence,
    String,
    Type,
    Unknown,
)
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST, SYNC, SYNC_2, TOKEN = "", "sync", "sync:2", "waitForTaskToken"
_ONE = (REQUEST,)
_CALLBACK = (REQUEST, TOKEN)
_JOB = (REQUEST, SYNC)
_ALL = (REQUEST, SYNC, TOKEN)

_RESOURCE = re.compile(r"arn:(?:aws[a-z-]*|\$\{[^}]*\}):states:::(?P<rest>.*)")
_FUNCTION = re.compile(r"arn:[^:]*:lambda:.*:function:.*")


@dataclass(frozen=True)
class Integration:
    """A call that a Task can make.

    Parameters
    ----------
    resource
        What stands behind `arn:aws:states:::`.
    pattern
        "", "sync", "sync:2" or "waitForTaskToken".
    service
        botocore's name of the service; empty where no model is known.
    operation
        The API's name of the operation, such as `CreateTrainingJob`.
    request, response
        What it takes as Parameters, what it gives as the Task's result.
    error_prefix
        What stands before the point in its errors' names.
    is_sdk
        Whether it is one of the `aws-sdk:` integrations.
    """

    resource: str
    pattern: str
    service: str
    operation: str
    request: Type
    response: Type
    error_prefix: str
    is_sdk: bool = False


@dataclass(frozen=True)
class UnknownResource:
    """A Resource that Step Functions does not know: what is wrong, and what there is."""

    message: str
    fix: str


@dataclass(frozen=True)
class _Service:
    """One optimized integration: botocore's name, actions with their patterns, the prefix of its errors.

    Where `is_typed` is false, Parameters and results have forms of their own that are not described here.
    """

    botocore: str
    actions: Mapping[str, tuple[str, ...]]
    error_prefix: str
    is_typed: bool = True


_OPTIMIZED: dict[str, _Service] = {
    "apigateway": _Service("", {"invoke": _CALLBACK}, "ApiGateway", is_typed=False),
    "athena": _Service(
        "athena",
        {
            "startQueryExecution": _JOB,
            "stopQueryExecution": _ONE,
            "getQueryExecution": _ONE,
            "getQueryResults": _ONE,
        },
        "Athena",
    ),
    "aws-sdk": _Service("", {}, "", is_typed=False),
    "batch": _Service("batch", {"submitJob": _ALL}, "Batch", is_typed=False),
    "bedrock": _Service(
        "bedrock", {"invokeModel": _ALL, "createModelCustomizationJob": _JOB}, "Bedrock", is_typed=False
    ),
    "codebuild": _Service(
        "codebuild",
        {
            "startBuild": _JOB,
            "stopBuild": _ONE,
            "batchDeleteBuilds": _ONE,
            "batchGetReports": _ONE,
            "startBuildBatch": _JOB,
            "stopBuildBatch": _ONE,
            "retryBuildBatch": _JOB,
            "deleteBuildBatch": _ONE,
        },
        "CodeBuild",
        is_typed=False,
    ),
    "databrew": _Service("databrew", {"startJobRun": _JOB}, "DataBrew", is_typed=False),
    "dynamodb": _Service(
        "dynamodb", {"getItem": _ONE, "putItem": _ONE, "deleteItem": _ONE, "updateItem": _ONE}, "DynamoDB"
    ),
    "ecs": _Service("ecs", {"runTask": _ALL}, "ECS", is_typed=False),
    "eks": _Service(
        "eks",
        {
            "createCluster": _JOB,
            "deleteCluster": _JOB,
            "createFargateProfile": _JOB,
            "deleteFargateProfile": _JOB,
            "createNodegroup": _JOB,
            "deleteNodegroup": _JOB,
            "runJob": _JOB,
            "call": _ONE,
        },
        "EKS",
        is_typed=False,
    ),
    "elasticmapreduce": _Service(
        "emr",
        {
            "createCluster": _JOB,
            "setClusterTerminationProtection": _ONE,
            "terminateCluster": _JOB,
            "addStep": _JOB,
            "cancelStep": _ONE,
            "modifyInstanceFleetByName": _ONE,
            "modifyInstanceGroupByName": _ONE,
        },
        "ElasticMapReduce",
        is_typed=False,
    ),
    "emr-containers": _Service(
        "emr-containers",
        {"createVirtualCluster": _ONE, "deleteVirtualCluster": _JOB, "startJobRun": _JOB},
        "EMRContainers",
        is_typed=False,
    ),
    "emr-serverless": _Service(
        "emr-serverless",
        {
            "createApplication": _JOB,
            "startApplication": _JOB,
            "stopApplication": _JOB,
            "deleteApplication": _JOB,
            "startJobRun": _JOB,
            "cancelJobRun": _JOB,
        },
        "EMRServerless",
        is_typed=False,
    ),
    "events": _Service("events", {"putEvents": _CALLBACK}, "EventBridge"),
    "glue": _Service("glue", {"startJobRun": _JOB}, "Glue"),
    "http": _Service("", {"invoke": _ONE}, "Http", is_typed=False),
    "lambda": _Service("lambda", {"invoke": _CALLBACK}, "Lambda"),
    "mediaconvert": _Service("mediaconvert", {"createJob": _JOB}, "MediaConvert", is_typed=False),
    "sagemaker": _Service(
        "sagemaker",
        {
            "createEndpoint": _ONE,
            "createEndpointConfig": _ONE,
            "createHyperParameterTuningJob": _JOB,
            "createLabelingJob": _JOB,
            "createModel": _ONE,
            "createProcessingJob": _JOB,
            "createTrainingJob": _JOB,
            "createTransformJob": _JOB,
            "updateEndpoint": _ONE,
        },
        "SageMaker",
    ),
    "sns": _Service("sns", {"publish": _CALLBACK}, "SNS"),
    "sqs": _Service("sqs", {"sendMessage": _CALLBACK}, "SQS"),
    "states": _Service("stepfunctions", {"startExecution": (REQUEST, SYNC, SYNC_2, TOKEN)}, "StepFunctions"),
}

# `aws-sdk` names a service as the AWS SDK for Java does, which is botocore's name without hyphens, but for these.
_SDK_NAMES = {
    "applicationdiscoveryservice": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costandusagereportservice": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "databasemigrationservice": "dms",
    "directory": "ds",
    "directoryservice": "ds",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "elasticsearchservice": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}

# What an optimized integration adds to a service's response.
_METADATA = {
    "SdkHttpMetadata": Member(
        Object(
            {
                "AllHttpHeaders": Member(ANY_OBJECT),
                "HttpHeaders": Member(ANY_OBJECT),
                "HttpStatusCode": Member(Number(is_integer=True)),
            }
        )
    ),
    "SdkResponseMetadata": Member(Object({"RequestId": Member(STRING)})),
}

# Texts of Step Functions' own operations that hold JSON.
_JSON_TEXTS = frozenset({"Input", "Output"})

# `.sync` gives what describes the finished job. Source: "Run a Job (.sync)".
_DESCRIBES = {
    "CreateHyperParameterTuningJob": "DescribeHyperParameterTuningJob",
    "CreateLabelingJob": "DescribeLabelingJob",
    "CreateProcessingJob": "DescribeProcessingJob",
    "CreateTrainingJob": "DescribeTrainingJob",
    "CreateTransformJob": "DescribeTransformJob",
    "StartExecution": "DescribeExecution",
    "StartQueryExecution": "GetQueryExecution",
    "StartJobRun": "GetJobRun",
}


@cache
def find_integration(resource: str) -> Integration | UnknownResource | None:
    """Find what a Resource calls.

    Parameters
    ----------
    resource
        A Task's Resource.

    Returns
    -------
    Integration, UnknownResource or None
        None for what is no service integration: a function's ARN, an activity's, a substitution.
    """
    match = _RESOURCE.fullmatch(resource)
    if match is None or "${" in match["rest"]:
        return None
    name, _, rest = match["rest"].partition(":")
    service = _OPTIMIZED.get(name)
    if service is None:
        return UnknownResource(f"Step Functions has no integration {name!r}", suggest(name, _OPTIMIZED))
    if name == "aws-sdk":
        return _sdk_integration(match["rest"], rest)
    action, _, pattern = rest.partition(".")
    if action not in service.actions:
        message = f"Step Functions has no {name}:{action}"
        sdk = next((sdk for sdk, other in _SDK_NAMES.items() if other == service.botocore), service.botocore)
        other = f"; every other action is at aws-sdk:{sdk.replace('-', '')}:" if service.botocore else ""
        return UnknownResource(message, suggest(action, service.actions) + other)
    if pattern not in service.actions[action]:
        return _unknown_pattern(f"{name}:{action}", pattern, service.actions[action])
    operation = _capital(action)
    request, response = _optimized_types(service, operation, pattern) if service.is_typed else (UNKNOWN, UNKNOWN)
    return Integration(match["rest"], pattern, service.botocore, operation, request, response, service.error_prefix)


def is_function(resource: str) -> bool:
    """Tell whether a Resource is a function's own ARN."""
    return _FUNCTION.fullmatch(resource) is not None


def _unknown_pattern(action: str, pattern: str, known: tuple[str, ...]) -> UnknownResource:
    ways = [f"{action}.{one}" if one else action for one in known]
    return UnknownResource(f"{action} cannot be called as .{pattern}", f"known: {', '.join(ways)}")


def _optimized_types(service: _Service, operation: str, pattern: str) -> tuple[Type, Type]:
    if operation == "Invoke":
        return _INVOKE_REQUEST, UNKNOWN if pattern == TOKEN else INVOKE_RESPONSE
    request = operation_type(service.botocore, operation, "request", "capital")
    if operation == "StartExecution":
        # The child's input may be written as JSON; Step Functions makes a text of it.
        request = Object({**request.members, "Input": Member(UNKNOWN, Presence.USUALLY)}, None, operation)
    elif service.botocore in ("sns", "sqs"):
        body = "Message" if service.botocore == "sns" else "MessageBody"
        request = Object({**request.members, body: Member(UNKNOWN, request.members[body].presence)}, None, operation)
    elif service.botocore == "events":
        return UNKNOWN if pattern == TOKEN else _EVENTS_REQUEST, UNKNOWN
    if pattern == TOKEN:
        return request, UNKNOWN
    if pattern in (SYNC, SYNC_2):
        return request, _job_result(service, operation, pattern)
    found = operation_type(service.botocore, operation, "response", "capital")
    return request, Object({**found.members, **_METADATA}, None, f"{operation}'s response")


def _job_result(service: _Service, operation: str, pattern: str) -> Type:
    describe = _DESCRIBES.get(operation)
    if describe is None:
        return UNKNOWN
    found = operation_type(service.botocore, describe, "response", "capital")
    if operation == "StartJobRun":  # of Glue: what describes the run, and not what is around it
        run = found.members["JobRun"].type
        return replace(run, name="the job run") if isinstance(run, Object) else UNKNOWN
    members = dict(found.members)
    if operation == "StartExecution":
        members["Output"] = Member(UNKNOWN if pattern == SYNC_2 else STRING)
        members["Input"] = Member(UNKNOWN if pattern == SYNC_2 else STRING)
    return Object(members, None, f"{describe}'s response")


@cache
def _sdk_service(name: str) -> str | None:
    if name in _SDK_NAMES:
        return _SDK_NAMES[name]
    renamed = set(_SDK_NAMES.values())
    return next((one for one in service_names() if one.replace("-", "") == name and one not in renamed), None)


def _sdk_integration(resource: str, rest: str) -> Integration | UnknownResource:
    name, _, call = rest.partition(":")
    action, _, pattern = call.partition(".")
    service = _sdk_service(name)
    if service is None:
        renamed = set(_SDK_NAMES.values())
        known = [*_SDK_NAMES, *(one.replace("-", "") for one in service_names() if one not in renamed)]
        return UnknownResource(f"aws-sdk has no service {name!r}", suggest(name, known))
    operations = {one[:1].lower() + one[1:]: one for one in service_model(service).operation_names}
    if action not in operations:
        return UnknownResource(f"{name} has no action {action!r}", suggest(action, operations))
    if pattern not in _CALLBACK:
        return _unknown_pattern(f"aws-sdk:{name}:{action}", pattern, _CALLBACK)
    operation = operations[action]
    response = UNKNOWN if pattern == TOKEN else operation_type(service, operation, "response", "sdk")
    request = operation_type(service, operation, "request", "sdk")
    if service == "stepfunctions":
        # These may be written as JSON; Step Functions makes a text of them.
        written = {key: Member(UNKNOWN, request.members[key].presence) for key in _JSON_TEXTS & request.members.keys()}
        request = Object({**request.members, **written}, None, operation)
    return Integration(resource, pattern, service, operation, request, response, name, is_sdk=True)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


# Source: "Invoke an AWS Lambda function with Step Functions": Payload is JSON rather than bytes both ways.
_INVOKE_REQUEST = Object(
    {
        "FunctionName": Member(STRING),
        "Payload": Member(UNKNOWN, Presence.USUALLY),
        "ClientContext": Member(STRING, Presence.USUALLY),
        "InvocationType": Member(String(frozenset({"RequestResponse", "Event", "DryRun"})), Presence.USUALLY),
        "Qualifier": Member(STRING, Presence.USUALLY),
    },
    None,
    "Invoke",
)
INVOKE_RESPONSE = Object(
    {
        "ExecutedVersion": Member(STRING),
        "Payload": Member(UNKNOWN),
        "StatusCode": Member(Number(is_integer=True)),
        **_METADATA,
    },
    None,
    "lambda:invoke's result",
)
# Source: "Add EventBridge events with Step Functions": Detail is JSON rather than text.
_EVENTS_REQUEST = Object(
    {
        "Entries": Member(UNKNOWN),
        "EndpointId": Member(STRING, Presence.USUALLY),
    },
    None,
    "PutEvents",
)


def invoke_response(payload: Type) -> Object:
    """Give lambda:invoke's result for a function whose own result is known."""
    members = {**INVOKE_RESPONSE.members, "Payload": Member(payload)}
    return INVOKE_RESPONSE if isinstance(payload, Unknown) else Object(members, None, INVOKE_RESPONSE.name)
