"""What a request does: its actions, the resources they act on, and the keys that conditions may ask for.

Source: Actions, resources, and condition keys for AWS services (AWS Service Authorization Reference); Granting a
user permissions to pass a role to an AWS service (AWS IAM User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from switchyard.cloud.account import REGION, arn
from switchyard.cloud.iam import s3_actions
from switchyard.cloud.iam.access import Access
from switchyard.cloud.iam.requests import Request
from switchyard.cloud.iam.resources import resources

_INVOKE_ENDPOINT = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
_INVOKE_FUNCTION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
_ENDPOINT_ACTIONS = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
# Where the name that a service signs with is not the prefix of its actions.
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag", "email": "ses"}
# Where an action's name is not the operation's.
_RENAMED = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
    ("lambda", "AddPermission20150331"): "AddPermission",
}
# What everybody may do, whatever the policies say.
_ALWAYS = {"sts:GetCallerIdentity"}
# Keys of conditions that are one member of the request each.
_KEYS = {
    "sns": (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint")),
    "sts": (("sts:ExternalId", "ExternalId"), ("sts:RoleSessionName", "RoleSessionName")),
}
_TAG_ACTIONS = {"sagemaker": "AddTags", "ssm": "AddTagsToResource", "sqs": "TagQueue"}
# What makes a thing by another verb. Source: PutMetricAlarm, "Tags" (Amazon CloudWatch API Reference).
_MAKES = {("cloudwatch", "PutMetricAlarm")}
_GIVES_ROLES = ("Create", "Put", "Update", "Register", "Start", "Run")
# Maps of the caller's own, whose keys are no members of the request.
_OWN_MAPS = {"Environment", "HyperParameters", "Tags", "tags"}
_ROLE_MEMBER = re.compile(r"(?:.*role_?arn|role)", re.IGNORECASE)


def needs_body(request: Request) -> bool:
    """Return whether the body says what a request does, and not only with what."""
    if request.service == "s3":
        return request.method == "POST" and "delete" in request.arguments
    return not _INVOKE_ENDPOINT.fullmatch(request.path) and not _INVOKE_FUNCTION.fullmatch(request.path)


def accesses(request: Request) -> list[Access]:
    """Return all that a request does; an empty list for what everybody may do."""
    service = request.service
    if service == "s3":
        return s3_actions.accesses(request)
    if found := _INVOKE_ENDPOINT.fullmatch(request.path):
        name = unquote(found.group(1)).lower()
        return [Access(f"sagemaker:{_ENDPOINT_ACTIONS[found.group(2)]}", arn("sagemaker", f"endpoint/{name}"))]
    if found := _INVOKE_FUNCTION.fullmatch(request.path):
        return [Access("lambda:InvokeFunction", _function(unquote(found.group(1)), request.arguments))]
    if service == "apigateway":
        resource = f"arn:aws:apigateway:{REGION}::{request.path}"
        return [Access(f"apigateway:{request.method}", resource)]
    operation, parameters = _operation(request)
    prefix = _PREFIXES.get(service, service)
    return _accesses(prefix, operation, parameters)


def _accesses(prefix: str, operation: str, parameters: dict[str, Any]) -> list[Access]:
    action = f"{prefix}:{_RENAMED.get((prefix, operation), operation)}"
    if action in _ALWAYS:
        return []
    context = _context(prefix, parameters)
    acted_on = resources(prefix, operation, parameters)
    concerned: list[str] | list[None] = acted_on or [None]
    found = [Access(action, resource, context) for resource in concerned]
    makes = operation.startswith("Create") or (prefix, operation) in _MAKES
    if makes and "aws:TagKeys" in context:
        tag = f"{prefix}:{_TAG_ACTIONS.get(prefix, 'TagResource')}"
        found.append(Access(tag, acted_on[0] if acted_on else None, context))
    if operation.startswith(_GIVES_ROLES):
        passed = {"iam:PassedToService": f"{prefix}.amazonaws.com"}
        found += [Access("iam:PassRole", role, passed) for role in sorted(set(_roles(parameters)))]
    return found


def _operation(request: Request) -> tuple[str, dict[str, Any]]:
    target = request.headers.get("x-amz-target")
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    # A form's, or the query's, Action goes before the header.
    if target and "Action" not in (request.form if is_form else request.arguments):
        return target.rpartition(".")[2], request.document
    if found := _CBOR.fullmatch(request.path):
        return found.group(1), {}
    if "Action" in request.form:
        form: dict[str, Any] = dict(request.form)
        return str(form.pop("Action")), form
    operation, parameters = rest_operation(request.service, request.method, request.path, request.arguments)
    return (operation, {**request.document, **parameters}) if operation else ("?", {})


def rest_operation(
    service: str, method: str, path: str, arguments: Mapping[str, str]
) -> tuple[str | None, dict[str, Any]]:
    """Return the operation of a REST service that a request is, and the members that its address has; else None.

    Parameters
    ----------
    path : str
        As it was sent, still quoted.
    arguments : mapping
        Of its query.
    """
    for verb, pattern, operation, names in _routes(service):
        if verb == method and (found := pattern.fullmatch(path)):
            given = {name: unquote(value) for name, value in found.groupdict().items()}
            uri = {names.get(name, name): value for name, value in given.items()}
            asked = {names.get(name, name): value for name, value in arguments.items()}
            return operation, {**asked, **uri}
    return None, {}


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str, dict[str, str]]]:
    """Return method, path, name and members' names of a REST service's operations, the longest paths first."""
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    try:
        model = botocore.session.Session().get_service_model(service)
    except UnknownServiceError:
        return []
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = operation.http["requestUri"].partition("?")[0]
        members = operation.input_shape.members if operation.input_shape else {}
        names = {shape.serialization.get("name", member): member for member, shape in members.items()}
        routes.append((path, operation.http["method"], name, names))
    routes.sort(key=lambda route: (route[0].count("{"), -len(route[0])))
    return [(method, _path_pattern(path), name, names) for path, method, name, names in routes]


def _path_pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^}]+)\}", path)
    text = "".join(
        re.escape(part) if place % 2 == 0 else f"(?P<{part.rstrip('+')}>{'.+' if part.endswith('+') else '[^/]+'})"
        for place, part in enumerate(parts)
    )
    return re.compile(text + "/?")


def _function(name: str, arguments: dict[str, str]) -> str:
    function = name if name.startswith("arn:") else arn("lambda", f"function:{name.rpartition(':function:')[2]}")
    qualifier = arguments.get("Qualifier")
    return f"{function}:{qualifier}" if qualifier else function


def _context(prefix: str, parameters: dict[str, Any]) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    tags = dict(_tags(parameters))
    if tags:
        context["aws:TagKeys"] = list(tags)
        context.update({f"aws:RequestTag/{key}": value for key, value in tags.items()})
    if prefix == "cloudwatch" and isinstance(namespace := parameters.get("Namespace"), str):
        context["cloudwatch:namespace"] = namespace
    elif prefix == "sagemaker":
        if types := sorted(set(_values(parameters, "InstanceType"))):
            context["sagemaker:InstanceTypes"] = types
        if isinstance(status := parameters.get("ModelApprovalStatus"), str):
            context["sagemaker:ModelApprovalStatus"] = status
    elif prefix == "events":
        entries = parameters.get("Entries") or []
        for key, member in (("events:source", "Source"), ("events:detail-type", "DetailType")):
            if values := sorted({entry[member] for entry in entries if member in entry}):
                context[key] = values
    for key, member in _KEYS.get(prefix, ()):
        if isinstance(value := parameters.get(member), str):
            context[key] = value
    return context


def _tags(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    given = parameters.get("Tags") or parameters.get("tags") or []
    if isinstance(given, dict):
        yield from ((str(key), str(value)) for key, value in given.items())
        return
    for tag in given if isinstance(given, list) else []:
        if isinstance(tag, dict) and (key := tag.get("Key") or tag.get("key")):
            yield str(key), str(tag.get("Value") or tag.get("value") or "")


def _roles(value: Any) -> Iterator[str]:
    """Yield each role that a request gives to a service."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and ":role/" in inner and _ROLE_MEMBER.fullmatch(key):
                yield inner
            elif key not in _OWN_MAPS:
                yield from _roles(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _roles(inner)


def _values(value: Any, member: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == member and isinstance(inner, str):
                yield inner
            else:
                yield from _values(inner, member)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, member)
