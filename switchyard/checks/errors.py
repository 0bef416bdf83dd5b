"""Which error names a state can meet, so that a Retry or Catch for any other is found.

Source: "Handling errors in Step Functions workflows" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchyard.checks.shapes import service_model
from switchyard.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchyard.checks.integrations import Integration

RESERVED = frozenset(
    {
        "States.ALL",
        "States.BranchFailed",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.Http.Socket",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.QueryEvaluationError",
        "States.ResultPathMatchFailure",
        "States.ResultWriterFailed",
        "States.Runtime",
        "States.TaskFailed",
        "States.Timeout",
    }
)

# What an HTTP Task raises for an answer that is no success ("Call HTTPS APIs in Step Functions workflows").
_HTTP_STATUS = re.compile(r"States\.Http\.StatusCode\.[1-5]\d\d")
# How a service's model may end the name of an error; Step Functions has "Exception" for all.
_ENDINGS = re.compile(r"(?:Exception|Fault|Error)$")

# What Lambda itself raises, and its runtime for a function ("Handle transient Lambda service exceptions").
_LAMBDA = frozenset(
    {
        "Lambda.AWSLambdaException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.SdkClientException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Runtime.HandlerNotFound",
        "Runtime.ImportModuleError",
        "Runtime.MarshalError",
        "Runtime.UnmarshalError",
        "Runtime.UserCodeSyntaxError",
        "Sandbox.Timedout",
    }
)
# Any Python code can raise these.
_PYTHON = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)
)
# The names that a service's own base exception has in Step Functions, beside the modelled ones.
_BASES = {
    "sagemaker": "SageMaker.AmazonSageMakerException",
    "sns": "SNS.AmazonSNSException",
    "sqs": "SQS.AmazonSQSException",
    "dynamodb": "DynamoDB.AmazonDynamoDBException",
    "stepfunctions": "StepFunctions.AWSStepFunctionsException",
    "glue": "Glue.AWSGlueException",
    "athena": "Athena.AmazonAthenaException",
    "events": "EventBridge.FailedEntry",
}


@dataclass(frozen=True)
class Raised:
    """What a state can raise.

    Parameters
    ----------
    names
        The errors, as Step Functions names them.
    is_all
        Whether that is all; a function without a contract raises what it likes.
    ignores_case
        Whether upper and lower case count; how the SDK writes a service's name is not in its model.
    """

    names: frozenset[str] = frozenset()
    is_all: bool = True
    ignores_case: bool = False

    def __or__(self, other: Raised) -> Raised:
        return Raised(self.names | other.names, self.is_all and other.is_all, self.ignores_case or other.ignores_case)


NOTHING = Raised()
ANYTHING = Raised(is_all=False)


def raised_by_integration(integration: Integration) -> Raised:
    """Name what a call itself can raise, the invoked function's own exceptions aside."""
    if not integration.service or (not integration.is_sdk and integration.service not in (*_BASES, "lambda")):
        return ANYTHING
    model = service_model(integration.service)
    # The SDK knows all of a service's errors, whichever operation meets them.
    shapes = model.error_shapes if integration.is_sdk else model.operation_model(integration.operation).error_shapes
    prefix = integration.error_prefix
    names = {f"{prefix}.{name if name.endswith('Exception') else f'{name}Exception'}" for name in _error_names(shapes)}
    if integration.is_sdk:
        names |= {f"{prefix}.{_ENDINGS.sub('', name)}Exception" for name in _error_names(shapes)}
    names.add(f"{prefix}.SdkClientException")
    if integration.is_sdk:
        names.add(f"{prefix}.{prefix}Exception")
    elif integration.service == "lambda":
        names |= _LAMBDA
    else:
        names.add(_BASES[integration.service])
    if integration.pattern == "waitForTaskToken":
        return Raised(frozenset(names), is_all=False)
    return Raised(frozenset(names), ignores_case=integration.is_sdk)


def raised_by_function(errors: Iterable[str] | None) -> Raised:
    """Name what a function can raise; None when it has no contract."""
    return ANYTHING if errors is None else Raised(frozenset(errors) | _PYTHON | _LAMBDA)


def unknown_error(name: str, raised: Raised, what: str) -> tuple[str, str] | None:
    """Say why an error name in a Retry or Catch can never match, and what can; None when it can.

    Parameters
    ----------
    name
        One of ErrorEquals.
    raised
        What the state can raise.
    what
        What raises it, for the message.
    """
    if name.startswith("States."):
        if name in RESERVED or _HTTP_STATUS.fullmatch(name):
            return None
        return f"{name!r} is no error of Step Functions", suggest(name, RESERVED)
    known = {one.lower() for one in raised.names} if raised.ignores_case else raised.names
    if (name.lower() if raised.ignores_case else name) in known:
        return None
    if not raised.is_all:
        # Of services the names are known even where a function may raise what it likes.
        prefix = name.partition(".")[0]
        if "." not in name or not any(one.startswith(f"{prefix}.") for one in raised.names):
            return None
    shown = raised.names - _PYTHON if not re.fullmatch(r"\w*Error", name) else raised.names
    return f"{name!r} is raised by nothing here: {what} never raises it", suggest(name, shown)


def _error_names(shapes: Iterable[object]) -> Iterable[str]:
    for shape in shapes:
        yield str(getattr(shape, "name", ""))
