"""Creates what a template has of ``AWS::ApiGateway::*``.

Methods and resources that a template has one by one are written into the API's OpenAPI document, so that there is one
description of an API, whichever way it came.

Source: "Amazon API Gateway resource type reference" (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.apigateway.openapi import ANY
from switchyard.cloud.apigateway.rest_apis import MethodSettings, RestApi, RestApis, Stage, identifier
from switchyard.cloud.iam.policy import Policy, PolicyError
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.resource import Created, Creators, no_attributes

_EXTENSION = "x-amazon-apigateway-"
_MODEL = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[^/]+/models/(\w+)")
_PLACES = {"querystring": "query", "path": "path", "header": "header"}


def creators(apis: RestApis) -> Creators:
    """Return the creators that add to `apis`."""
    room = _Room(apis)
    return {
        "AWS::ApiGateway::Account": room.account,
        "AWS::ApiGateway::Deployment": room.deployment,
        "AWS::ApiGateway::GatewayResponse": room.gateway_response,
        "AWS::ApiGateway::Method": room.method,
        "AWS::ApiGateway::Model": room.model,
        "AWS::ApiGateway::RequestValidator": room.request_validator,
        "AWS::ApiGateway::Resource": room.resource,
        "AWS::ApiGateway::RestApi": room.rest_api,
        "AWS::ApiGateway::Stage": room.stage,
    }


class _Room:
    def __init__(self, apis: RestApis) -> None:
        self._apis = apis

    def account(self, logical_id: str, _: dict[str, Any]) -> Created:
        # Access logs need no role here: it is this process that writes them.
        return Created(identifier("account"), no_attributes(logical_id))

    def rest_api(self, logical_id: str, properties: dict[str, Any]) -> Created:
        if "BodyS3Location" in properties:
            raise TemplateError(f"{logical_id}: only an OpenAPI document in the template (Body) can be loaded")
        body = properties.get("Body")
        name = properties.get("Name") or (body or {}).get("info", {}).get("title") or logical_id
        document = body or {"openapi": "3.0.1", "info": {"title": name, "version": "1"}, "paths": {}}
        types = properties.get("EndpointConfiguration", {}).get("Types")
        types = types or [properties.get("Parameters", {}).get("endpointConfigurationTypes", "EDGE")]
        api_id = identifier(logical_id, name)
        api = RestApi(
            api_id,
            name,
            document,
            properties.get("Description", ""),
            tuple(kind.replace("~1", "/") for kind in properties.get("BinaryMediaTypes", [])),
            tuple(types),
            _policy(logical_id, api_id, properties.get("Policy") or document.get(f"{_EXTENSION}policy")),
            str(properties.get("DisableExecuteApiEndpoint", False)).lower() == "true",
        )
        _read(logical_id, api)
        self._apis.add(api)
        attributes = {"RootResourceId": api.root_resource_id, "RestApiId": api.id}
        return Created(api.id, attributes.__getitem__)

    def deployment(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        _read(logical_id, api)
        created = identifier(api.id, logical_id)[:6]
        if properties.get("StageName"):
            described = {"StageName": properties["StageName"], **properties.get("StageDescription", {})}
            api.stages.setdefault(properties["StageName"], _stage({**described, "DeploymentId": created}))
        return Created(created, {"DeploymentId": created}.__getitem__)

    def stage(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        stage = _stage(properties)
        api.stages[stage.name] = stage
        return Created(stage.name, no_attributes(logical_id))

    def gateway_response(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        responses = api.document.setdefault(f"{_EXTENSION}gateway-responses", {})
        responses[properties["ResponseType"]] = {
            "statusCode": properties.get("StatusCode"),
            "responseParameters": properties.get("ResponseParameters", {}),
            "responseTemplates": properties.get("ResponseTemplates", {}),
        }
        api.changed()
        created = identifier(api.id, properties["ResponseType"])
        return Created(created, {"Id": created}.__getitem__)

    def resource(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        path = f"{_path(logical_id, api, properties['ParentId']).rstrip('/')}/{properties['PathPart']}"
        created = api.resource_id(path)
        api.resources[created] = path
        api.document["paths"].setdefault(path, {})
        api.changed()
        return Created(created, {"ResourceId": created}.__getitem__)

    def method(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        path = _path(logical_id, api, properties["ResourceId"])
        verb = properties["HttpMethod"]
        operation: dict[str, Any] = {"parameters": list(_parameters(properties.get("RequestParameters", {})))}
        kind = properties.get("AuthorizationType", "NONE")
        if kind != "NONE" or properties.get("ApiKeyRequired"):
            # Whatever is not IAM is refused when it is called.
            operation[f"{_EXTENSION}auth"] = {"type": kind if kind != "NONE" else "API_KEY"}
        if properties.get("RequestModels"):
            content = {
                content_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}
                for content_type, name in properties["RequestModels"].items()
            }
            operation["requestBody"] = {"content": content}
        if properties.get("RequestValidatorId"):
            operation[f"{_EXTENSION}request-validator"] = properties["RequestValidatorId"]
        if properties.get("Integration"):
            operation[f"{_EXTENSION}integration"] = _integration(properties["Integration"])
        item = api.document["paths"].setdefault(path, {})
        item[ANY if verb == "ANY" else verb.lower()] = operation
        api.changed()
        return Created(f"{api.id}-{api.resource_id(path)}-{verb}", no_attributes(logical_id))

    def model(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        name = properties.get("Name") or re.sub(r"\W", "", logical_id)
        schemas = api.document.setdefault("components", {}).setdefault("schemas", {})
        schemas[name] = _with_local_references(properties.get("Schema", {}))
        api.changed()
        return Created(name, no_attributes(logical_id))

    def request_validator(self, logical_id: str, properties: dict[str, Any]) -> Created:
        api = self._api(logical_id, properties)
        created = identifier(api.id, logical_id)[:6]
        api.document.setdefault(f"{_EXTENSION}request-validators", {})[created] = {
            "validateRequestBody": _true(properties.get("ValidateRequestBody")),
            "validateRequestParameters": _true(properties.get("ValidateRequestParameters")),
        }
        api.changed()
        return Created(created, {"RequestValidatorId": created}.__getitem__)

    def _api(self, logical_id: str, properties: dict[str, Any]) -> RestApi:
        api = self._apis.get(properties["RestApiId"])
        if api is None:
            raise TemplateError(f"{logical_id}: there is no REST API {properties['RestApiId']}")
        return api


def _policy(logical_id: str, api_id: str, document: Any) -> Policy | None:
    if not document:
        return None
    # An API's own policy may leave out of its resources what is the same in all of them: execute-api:/stage/GET/path.
    whole = re.sub(r'"execute-api:/', f'"{arn("execute-api", api_id)}/', json.dumps(document))
    try:
        return Policy(json.loads(whole), "resource policy")
    except PolicyError as error:
        raise TemplateError(f"{logical_id}: {error}") from None


def _read(logical_id: str, api: RestApi) -> None:
    try:
        api.changed()
        api.definition  # noqa: B018 - to be told now what is wrong with it
    except TemplateError as error:
        raise TemplateError(f"{logical_id}: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TemplateError(f"{logical_id}: the OpenAPI document has a part of a wrong form: {error}") from None


def _stage(properties: dict[str, Any]) -> Stage:
    logs = properties.get("AccessLogSetting", {})
    return Stage(
        properties["StageName"],
        {name: str(value) for name, value in properties.get("Variables", {}).items()},
        {_settings_key(given): _settings(given) for given in properties.get("MethodSettings", [])},
        str(logs.get("DestinationArn", "")).partition(":log-group:")[2].removesuffix(":*"),
        logs.get("Format", ""),
        properties,
    )


def _settings_key(given: Mapping[str, Any]) -> str:
    path, verb = given.get("ResourcePath", "/*"), given.get("HttpMethod", "*")
    # The path's slashes are written ~1, behind one that is not: /~1runs~1{name}.
    path = "*" if path == "/*" else path.removeprefix("/").replace("~1", "/")
    return f"{path} {verb}"


def _settings(given: Mapping[str, Any]) -> MethodSettings:
    rate, burst = given.get("ThrottlingRateLimit"), given.get("ThrottlingBurstLimit")
    return MethodSettings(
        float(rate) if rate is not None else None,
        int(burst) if burst is not None else None,
    )


def _path(logical_id: str, api: RestApi, resource_id: str) -> str:
    if resource_id == api.root_resource_id:
        return "/"
    if resource_id not in api.resources:
        raise TemplateError(f"{logical_id}: the API {api.name} has no resource {resource_id}")
    return api.resources[resource_id]


def _parameters(given: Mapping[str, Any]) -> Any:
    for key, is_required in given.items():
        place, _, name = key.removeprefix("method.request.").partition(".")
        if place in _PLACES:
            yield {"in": _PLACES[place], "name": name, "required": _true(is_required), "schema": {"type": "string"}}


def _integration(given: Mapping[str, Any]) -> dict[str, Any]:
    responses = {
        response.get("SelectionPattern") or "default": {
            "statusCode": str(response["StatusCode"]),
            "responseParameters": response.get("ResponseParameters", {}),
            "responseTemplates": response.get("ResponseTemplates", {}),
        }
        for response in given.get("IntegrationResponses", [])
    }
    integration = {
        "type": given.get("Type", ""),
        "httpMethod": given.get("IntegrationHttpMethod", "POST"),
        "uri": given.get("Uri", ""),
        "requestTemplates": given.get("RequestTemplates", {}),
        "responses": responses,
    }
    if "TimeoutInMillis" in given:
        integration["timeoutInMillis"] = given["TimeoutInMillis"]
    return integration


def _with_local_references(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: _MODEL.sub(r"#/components/schemas/\1", value)
            if key == "$ref" and isinstance(value, str)
            else _with_local_references(value)
            for key, value in schema.items()
        }
    return [_with_local_references(item) for item in schema] if isinstance(schema, list) else schema


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
