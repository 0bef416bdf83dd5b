"""What CreateFunction and its like make of a function.

Sources: CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration (AWS Lambda API Reference); "Defined runtime
environment variables", "Lambda quotas" (AWS Lambda Developer Guide).
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from switchyard.cloud.function_code import FunctionCode, Package
from switchyard.cloud.functions import Function
from switchyard.cloud.lambda_errors import LambdaError, invalid, not_run
from switchyard.cloud.shapes import words

# The service's model has the limits of kinds of functions that are not run here.
LONGEST_TIMEOUT = 900
LARGEST_MEMORY = 10240
LARGEST_ENVIRONMENT = 4096
LARGEST_REQUEST = 70_167_211
RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
}
# Nothing acts on these here, so a request that has one asks for what it would not get.
_NOT_RUN = (
    "FileSystemConfigs",
    "ImageConfig",
    "CodeSigningConfigArn",
    "TenancyConfig",
    "CapacityProviderConfig",
    "DurableConfig",
    "AcceleratorConfig",
    "PublishTo",
)
# What is told again as it was given: where a function runs, and with how much, is this machine's affair.
_KEPT = ("VpcConfig", "KMSKeyArn", "EphemeralStorage", "SnapStart", "RuntimeConfig")
Fetch = Callable[[str, str, str | None], bytes]


def created(parameters: dict[str, Any], code: FunctionCode, fetch: Fetch) -> Function:
    """Return the function that a CreateFunction request describes, its code unpacked.

    Parameters
    ----------
    fetch : callable
        Gets an object of S3: bucket, key, version.

    Raises
    ------
    LambdaError
        The request is refused.
    """
    if parameters.get("PackageType", "Zip") == "Image" or "ImageUri" in parameters["Code"]:
        raise not_run("CreateFunction with a container image")
    for member in ("Runtime", "Handler"):
        if not parameters.get(member):
            raise invalid(f"{member} is mandatory for functions created with deployment packages.")
    name = plain_name(parameters["FunctionName"])
    blank = Function(name=name, handler="", code=Path(), role_arn="")
    function = configured(blank, parameters, "CreateFunction")
    package = unpacked(name, parameters["Code"], code, fetch)
    return replace(function, code=package.folder, package=package, tags=dict(parameters.get("Tags") or {}))


def configured(function: Function, parameters: dict[str, Any], operation: str) -> Function:
    """Return a function with the configuration that a request changes.

    Raises
    ------
    LambdaError
        The request is refused.
    """
    for member in _NOT_RUN:
        if parameters.get(member):
            raise not_run(f"{operation} with {member}")
    runtime = parameters.get("Runtime") or function.runtime
    if not runtime.startswith("python3."):
        raise not_run(f"{operation} with the Runtime {runtime} (functions in Python are run)")
    for member, most in (("Timeout", LONGEST_TIMEOUT), ("MemorySize", LARGEST_MEMORY)):
        if (value := parameters.get(member)) is not None and value > most:
            problem = words(
                value, member[:1].lower() + member[1:], f"Member must have value less than or equal to {most}"
            )
            raise LambdaError(400, "ValidationException", f"1 validation error detected: {problem}")
    given: dict[str, Any] = {}
    for member, field in (
        ("Handler", "handler"),
        ("Role", "role_arn"),
        ("Runtime", "runtime"),
        ("Timeout", "timeout"),
        ("MemorySize", "memory_size"),
        ("Description", "description"),
    ):
        if parameters.get(member) is not None:
            given[field] = parameters[member]
    if parameters.get("Environment") is not None:
        given["environment"] = _environment(parameters["Environment"].get("Variables") or {})
    if parameters.get("Layers") is not None:
        given["layers"] = tuple(parameters["Layers"])
    if parameters.get("TracingConfig") is not None:
        given["is_traced"] = parameters["TracingConfig"].get("Mode") == "Active"
    if parameters.get("DeadLetterConfig") is not None:
        given["dead_letter_arn"] = parameters["DeadLetterConfig"].get("TargetArn") or ""
    if parameters.get("LoggingConfig") is not None:
        given["log_group"] = parameters["LoggingConfig"].get("LogGroup") or ""
    kept = {member: parameters[member] for member in _KEPT if parameters.get(member) is not None}
    return stamped(replace(function, **given, others={**function.others, **kept}))


def unpacked(name: str, source: dict[str, Any], code: FunctionCode, fetch: Fetch) -> Package:
    """Return the code that a request names: in itself, or in S3.

    Raises
    ------
    LambdaError
        There is none, or it cannot be unpacked.
    """
    if source.get("ImageUri"):
        raise not_run("A function of a container image")
    in_s3 = bool(source.get("S3Bucket") and source.get("S3Key"))
    if source.get("ZipFile") is not None and not in_s3:
        try:
            content = base64.b64decode(source["ZipFile"], validate=True)
        except binascii.Error as error:
            raise LambdaError(400, "InvalidRequestContentException", f"Could not parse request body: {error}") from None
    elif in_s3 and source.get("ZipFile") is None:
        content = fetch(source["S3Bucket"], source["S3Key"], source.get("S3ObjectVersion"))
    else:
        raise invalid("Please provide either the ZipFile, or the S3Bucket and the S3Key, of the function's code.")
    if not content:
        raise invalid("Uploaded file must be a non-empty zip")
    return code.unpack(name, content)


def stamped(function: Function) -> Function:
    """Return a function as it is changed now."""
    moment = datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    return replace(function, modified=moment, revision=str(uuid.uuid4()))


def plain_name(name: str) -> str:
    """Return the name of a function out of its name or ARN."""
    return (name.rpartition("function:")[2] or name).partition(":")[0]


def _check(parameters: dict[str, Any], operation: str) -> None:
    for member in _NOT_RUN:
        if parameters.get(member):
            raise not_run(f"{operation} with {member}")
    if not (runtime := parameters.get("Runtime") or "python3.").startswith("python3."):
        raise not_run(f"{operation} with the Runtime {runtime} (functions in Python are run)")
    if (parameters.get("LoggingConfig") or {}).get("LogFormat", "Text") != "Text":
        raise not_run(f"{operation} with LoggingConfig.LogFormat JSON")
    for member, most in (("Timeout", LONGEST_TIMEOUT), ("MemorySize", LARGEST_MEMORY)):
        if (value := parameters.get(member)) is not None and value > most:
            constraint = f"Member must have value less than or equal to {most}"
            problem = words(value, member[:1].lower() + member[1:], constraint)
            raise LambdaError(400, "ValidationException", f"1 validation error detected: {problem}")


def _environment(variables: dict[str, str]) -> dict[str, str]:
    complaint = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    if taken := sorted(RESERVED & set(variables)):
        raise invalid(
            f"{complaint} contains reserved keys that are currently not supported for modification. Reserved keys used "
            f"in this request: {', '.join(taken)}"
        )
    if len(text := json.dumps(variables, separators=(",", ":"))) > LARGEST_ENVIRONMENT:
        raise invalid(f"{complaint} exceeded the 4KB limit. String measured: {text[:200]}")
    return dict(variables)
