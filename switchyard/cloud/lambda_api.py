"""Lambda's REST API: the operations that make, change, describe and invoke functions, and say who may invoke them.

Source: AWS Lambda API Reference, each operation by its name.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.exceptions import ClientError

from switchyard.cloud import shapes
from switchyard.cloud.account import arn
from switchyard.cloud.function_code import FunctionCode
from switchyard.cloud.function_policies import StatementExistsError
from switchyard.cloud.functions import LARGEST_PAYLOAD, LATEST, Function, Functions
from switchyard.cloud.iam.actions import rest_operation
from switchyard.cloud.identity import Identity
from switchyard.cloud.invocations import Invocations, InvokeConfig
from switchyard.cloud.lambda_changes import LARGEST_REQUEST, configured, created, plain_name, stamped, unpacked
from switchyard.cloud.lambda_errors import LambdaError, invalid, missing, not_run

# The operations have dates of their own; their paths tell them apart.
PATHS = re.compile(r"/20\d\d-\d\d-\d\d/functions(?:/.*)?")
_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
PAGE = 50
LONGEST_LOG = 4096
LARGEST_EVENT = 1024 * 1024
NO_ROLE = "The role defined for the function cannot be assumed by Lambda."


@dataclass(frozen=True)
class LambdaAnswer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lambda:
    """What the API answers from.

    Parameters
    ----------
    invocations : Invocations
        Takes what is invoked asynchronously.
    code : FunctionCode
        Where the code of functions goes that are made here.
    identity : Identity
        Reads code from S3.
    """

    functions: Functions
    invocations: Invocations
    code: FunctionCode
    identity: Identity

    def answer(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> LambdaAnswer:
        """Answer one request of the Lambda API.

        Parameters
        ----------
        path : str
            As it was sent, still quoted.
        headers : dict
            The request's headers, names in lower case.
        """
        arguments = parse_qsl(query, keep_blank_values=True)
        try:
            if (found := _INVOCATION.fullmatch(path)) and method == "POST":
                function = self.find(unquote(found.group(1)), dict(arguments).get("Qualifier", ""))
                return _invoke(self, function, headers, body)
            operation, parameters = rest_operation("lambda", method, path, dict(arguments))
            if operation is None or operation not in _OPERATIONS:
                raise not_run(operation or f"{method} {path}")
            if "TagKeys" in parameters:
                parameters["TagKeys"] = [value for name, value in arguments if name == "tagKeys"]
            return _OPERATIONS[operation](self, _checked(operation, {**_document(body), **parameters}))
        except LambdaError as error:
            return _error(error)

    def find(self, name: str, qualifier: str = "") -> Function:
        """Return a function.

        Raises
        ------
        LambdaError
            There is none.
        """
        function = self.functions.get(name, qualifier)
        if function is None:
            inner = f":{qualifier}" if qualifier and qualifier != LATEST else ""
            named = name if name.startswith("arn:") else arn("lambda", f"function:{name}")
            raise missing(f"Function not found: {named}{inner}")
        return function

    def changeable(self, parameters: dict[str, Any]) -> Function:
        """Return the function that a request changes.

        Raises
        ------
        LambdaError
            There is none, or it is not any more as the request takes it to be.
        """
        function = self.find(plain_name(parameters["FunctionName"]))
        if parameters.get("RevisionId") not in {None, function.revision}:
            raise LambdaError(
                412,
                "PreconditionFailedException",
                "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to "
                "retrieve the latest RevisionId for your resource.",
            )
        return function

    def fetch(self, bucket: str, key: str, version: str | None) -> bytes:
        """Return an object of S3 that has a function's code.

        Raises
        ------
        LambdaError
            It cannot be read.
        """
        versioned = {"VersionId": version} if version else {}
        try:
            with self.identity.client("s3").get_object(Bucket=bucket, Key=key, **versioned)["Body"] as content:
                return bytes(content.read())
        except ClientError as error:
            said = error.response["Error"]
            raise invalid(
                f"Error occurred while GetObject. S3 Error Code: {said['Code']}. S3 Error Message: {said['Message']}"
            ) from None

    def check_role(self, function: Function) -> None:
        """Refuse a function whose role Lambda cannot assume; raises LambdaError."""
        if not self.functions.can_assume_role(function):
            raise invalid(NO_ROLE)


def _create(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    function = created(parameters, cloud.code, cloud.fetch)
    cloud.check_role(function)
    if not cloud.functions.add(function):
        raise LambdaError(409, "ResourceConflictException", f"Function already exist: {function.name}")
    return _json(201, _published(cloud, function, parameters).describe())


def _update_code(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    function = cloud.changeable(parameters)
    if parameters.get("PublishTo"):
        raise not_run("UpdateFunctionCode with PublishTo")
    package = unpacked(function.name, parameters, cloud.code, cloud.fetch)
    if "Architectures" in parameters:
        function = replace(function, others={**function.others, "Architectures": parameters["Architectures"]})
    changed = stamped(replace(function, code=package.folder, package=package))
    if parameters.get("DryRun"):
        return _json(200, changed.describe())
    cloud.functions.register(changed)
    return _json(200, _published(cloud, changed, parameters).describe())


def _update_configuration(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    changed = configured(cloud.changeable(parameters), parameters, "UpdateFunctionConfiguration")
    cloud.check_role(changed)
    cloud.functions.register(changed)
    return _json(200, changed.describe())


def _published(cloud: Lambda, function: Function, parameters: dict[str, Any]) -> Function:
    return cloud.functions.publish(function, "") if parameters.get("Publish") else function


def _publish_version(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    function = cloud.changeable(parameters)
    if function.package is None:
        raise not_run("PublishVersion of a function of the loaded template")
    if parameters.get("CodeSha256") not in {None, function.package.sha256}:
        raise invalid(
            f"CodeSHA256 ({parameters['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
            f"({function.package.sha256}). Please try again with the CodeSHA256 in $LATEST."
        )
    return _json(201, cloud.functions.publish(function, parameters.get("Description") or "").describe())


def _list_versions(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(plain_name(parameters["FunctionName"]))
    return _page("Versions", [each.describe() for each in cloud.functions.versions(function)], parameters)


def _delete(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(parameters["FunctionName"], parameters.get("Qualifier", ""))
    cloud.functions.remove(function)
    if function.version == LATEST:
        cloud.invocations.configure(function, None)
        cloud.code.remove(function.name)
    return LambdaAnswer(204, b"")


def _list(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    functions = cloud.functions.list()
    if parameters.get("FunctionVersion") == "ALL":
        functions = [version for function in functions for version in cloud.functions.versions(function)]
    return _page("Functions", [function.describe() for function in functions], parameters)


def _get_function(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(parameters["FunctionName"], parameters.get("Qualifier", ""))
    location = function.package.archive if function.package else function.code
    tags = {"Tags": function.tags} if function.tags else {}
    code = {"RepositoryType": "S3", "Location": location.as_uri()}
    return _json(200, {"Configuration": function.describe(), "Code": code, **tags})


def _get_configuration(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    return _json(200, cloud.find(parameters["FunctionName"], parameters.get("Qualifier", "")).describe())


def _list_tags(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    return _json(200, {"Tags": cloud.find(parameters["Resource"]).tags})


def _tag(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    cloud.find(parameters["Resource"]).tags.update(parameters["Tags"])
    return LambdaAnswer(204, b"")


def _untag(cloud: Lambda, parameters: dict[str, Any]) -> LambdaAnswer:
    tags = cloud.find(parameters["Resource"]).tags
    for key in parameters["TagKeys"]:
        tags.pop(key, None)
    return LambdaAnswer(204, b"")


def _add_permission(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    try:
        statement = cloud.functions.policies.add(function.arn, document["StatementId"], document)
    except StatementExistsError as error:
        raise LambdaError(409, "ResourceConflictException", str(error)) from None
    return _json(201, {"Statement": json.dumps(statement)})


def _get_policy(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    policy = cloud.functions.policies.document(function.arn)
    if policy is None:
        raise missing("The resource you requested does not exist.")
    return _json(200, {"Policy": json.dumps(policy), "RevisionId": "local"})


def _remove_permission(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    if not cloud.functions.policies.remove(function.arn, document["StatementId"]):
        raise missing(f"Statement {document['StatementId']} is not found in resource policy.")
    return LambdaAnswer(204, b"")


def _put_invoke_config(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    config = InvokeConfig.of(document)
    cloud.invocations.configure(function, config)
    return _json(200, config.describe(function.arn))


def _update_invoke_config(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    known = cloud.invocations.config(function) or InvokeConfig()
    described = known.describe(function.arn)
    destinations = {**described["DestinationConfig"], **(document.get("DestinationConfig") or {})}
    return _put_invoke_config(cloud, {**described, **document, "DestinationConfig": destinations})


def _get_invoke_config(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    config = cloud.invocations.config(function)
    if config is None:
        message = f"The function {function.arn}:$LATEST doesn't have an EventInvokeConfig"
        raise missing(message)
    return _json(200, config.describe(function.arn))


def _list_invoke_configs(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    config = cloud.invocations.config(function)
    return _json(200, {"FunctionEventInvokeConfigs": [config.describe(function.arn)] if config else []})


def _delete_invoke_config(cloud: Lambda, document: dict[str, Any]) -> LambdaAnswer:
    function = cloud.find(document["FunctionName"], document.get("Qualifier", ""))
    cloud.invocations.configure(function, None)
    return LambdaAnswer(204, b"")


def _invoke(cloud: Lambda, function: Function, headers: dict[str, str], body: bytes) -> LambdaAnswer:
    if not cloud.functions.can_assume_role(function):
        raise LambdaError(403, "AccessDeniedException", NO_ROLE)
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    if kind == "DryRun":
        return LambdaAnswer(204, b"")
    if len(body) > LARGEST_PAYLOAD:
        message = f"{len(body)} byte payload is too large for an invocation (limit {LARGEST_PAYLOAD} bytes)"
        raise LambdaError(413, "RequestTooLargeException", message)
    _parsed(body)
    if kind == "Event":
        if len(body) > LARGEST_EVENT:
            message = (
                f"{len(body)} byte payload is too large for the Event invocation type (limit {LARGEST_EVENT} bytes)"
            )
            raise LambdaError(413, "RequestTooLargeException", message)
        request_id = cloud.invocations.submit(function, body or b"{}")
        return LambdaAnswer(202, b"", {"x-amzn-requestid": request_id})
    result = cloud.functions.invoke(function, body or b"{}")
    answered = {"x-amz-executed-version": function.version}
    if result.error:
        answered["x-amz-function-error"] = result.error
    if headers.get("x-amz-log-type") == "Tail":
        answered["x-amz-log-result"] = base64.b64encode(result.log_tail.encode()[-LONGEST_LOG:]).decode()
    return LambdaAnswer(200, result.payload, answered)


def _checked(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a request's members; raises LambdaError when they are not as Lambda's model has them."""
    shape = _model().operation_model(operation).input_shape
    if str(parameters.get("MaxItems", "")).isdigit():  # the one number that comes in addresses
        parameters["MaxItems"] = int(parameters["MaxItems"])
    if found := list(shapes.problems(parameters, shape)):
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        raise LambdaError(400, "ValidationException", f"{count}: {'; '.join(found)}")
    return parameters


@cache
def _model() -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model("lambda")


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST_REQUEST:
        message = f"Request must be smaller than {LARGEST_REQUEST} bytes for this operation"
        raise LambdaError(413, "RequestEntityTooLargeException", message)
    document = _parsed(body)
    if not isinstance(document, dict):
        raise LambdaError(400, "InvalidRequestContentException", "Could not parse request body into json: no object")
    return document


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise LambdaError(400, "InvalidRequestContentException", message) from None


def _page(member: str, items: list[dict[str, Any]], parameters: dict[str, Any]) -> LambdaAnswer:
    """Answer with a page; its marker is the ARN of its last item."""
    if marker := parameters.get("Marker"):
        places = [place for place, item in enumerate(items) if item["FunctionArn"] == marker]
        if not places:
            raise invalid("Invalid Marker provided")
        items = items[places[0] + 1 :]
    most = min(parameters.get("MaxItems") or PAGE, PAGE)
    more = {"NextMarker": items[most - 1]["FunctionArn"]} if len(items) > most else {}
    return _json(200, {member: items[:most], **more})


def _json(status: int, document: object) -> LambdaAnswer:
    return LambdaAnswer(status, json.dumps(document).encode(), {"content-type": "application/json"})


def _error(error: LambdaError) -> LambdaAnswer:
    body = json.dumps({"Type": "User", "Message": error.message}).encode()
    return LambdaAnswer(error.status, body, {"content-type": "application/json", "x-amzn-errortype": error.code})


_OPERATIONS: dict[str, Callable[[Lambda, dict[str, Any]], LambdaAnswer]] = {
    "AddPermission": _add_permission,
    "CreateFunction": _create,
    "DeleteFunction": _delete,
    "DeleteFunctionEventInvokeConfig": _delete_invoke_config,
    "GetFunction": _get_function,
    "GetFunctionConfiguration": _get_configuration,
    "GetFunctionEventInvokeConfig": _get_invoke_config,
    "GetPolicy": _get_policy,
    "ListFunctionEventInvokeConfigs": _list_invoke_configs,
    "ListFunctions": _list,
    "ListTags": _list_tags,
    "ListVersionsByFunction": _list_versions,
    "PublishVersion": _publish_version,
    "PutFunctionEventInvokeConfig": _put_invoke_config,
    "RemovePermission": _remove_permission,
    "TagResource": _tag,
    "UntagResource": _untag,
    "UpdateFunctionCode": _update_code,
    "UpdateFunctionConfiguration": _update_configuration,
    "UpdateFunctionEventInvokeConfig": _update_invoke_config,
}
OPERATIONS = {"Invoke", *_OPERATIONS}
