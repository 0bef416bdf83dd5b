"""What API Gateway's own API says of the REST APIs of the template: GetRestApis, GetStages, GetExport and others.

Source: "Amazon API Gateway REST API reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.apigateway.addresses import PREFIX
from switchyard.cloud.apigateway.openapi import without_extensions
from switchyard.cloud.apigateway.proxy import Reply
from switchyard.cloud.apigateway.rest_apis import RestApi, RestApis, Stage, identifier

_PATH = re.compile(r"/restapis(?:/([^/]+)(?:/(.+))?)?/?")
_EXTENSION = "x-amazon-apigateway-"


@dataclass(frozen=True)
class Query:
    """A request about an API.

    Parameters
    ----------
    path, query : str
        As they were sent.
    endpoint_url : str
        Where this cloud listens, for an exported document's ``servers``.
    """

    path: str
    query: str = ""
    accept: str = ""
    endpoint_url: str = ""


def answer(apis: RestApis, query: Query) -> Reply | None:
    """Answer one GET request, or return None when it is not about the APIs of the template."""
    match = _PATH.fullmatch(query.path)
    if match is None:
        return None
    api_id, rest = match.groups()
    if api_id is None:
        return _json({"item": [_api(api) for api in apis.list()]}) if apis.list() else None
    api = apis.get(unquote(api_id))
    if api is None:
        return None
    return _of_api(api, rest or "", query)


def _of_api(api: RestApi, rest: str, query: Query) -> Reply:
    if rest.startswith("stages/"):
        return _of_stage(api, rest, query)
    collections: dict[str, Callable[[], Any]] = {
        "": lambda: _api(api),
        "stages": lambda: {"item": [_stage(api, stage) for stage in api.stages.values()]},
        "deployments": lambda: {"item": [{"id": _deployment(api), "createdDate": api.created.timestamp()}]},
        "resources": lambda: {"item": [_resource(api, path) for path in sorted({"/", *api.definition.methods})]},
    }
    if rest not in collections:
        return _not_answered(query)
    return _json(collections[rest]())


def _of_stage(api: RestApi, rest: str, query: Query) -> Reply:
    name, _, behind = rest.removeprefix("stages/").partition("/")
    stage = api.stages.get(unquote(name))
    if stage is None:
        return _error(404, "NotFoundException", "Invalid stage identifier specified")
    if not behind:
        return _json(_stage(api, stage))
    kind, _, export = behind.partition("/")
    return _export(api, stage, export, query) if kind == "exports" else _not_answered(query)


def _not_answered(query: Query) -> Reply:
    return _error(501, "NotImplementedException", f"the local cloud does not answer GET {query.path}")


def _api(api: RestApi) -> dict[str, Any]:
    return {
        "id": api.id,
        "name": api.name,
        "description": api.description or None,
        "createdDate": api.created.timestamp(),
        "apiKeySource": "HEADER",
        "endpointConfiguration": {"types": list(api.endpoint_types), "ipAddressType": "ipv4"},
        "binaryMediaTypes": list(api.definition.binary_media_types) or None,
        "disableExecuteApiEndpoint": api.is_disabled,
        "rootResourceId": api.root_resource_id,
    }


def _stage(api: RestApi, stage: Stage) -> dict[str, Any]:
    given = stage.description
    settings = {
        key.replace("* *", "*/*"): {
            "throttlingRateLimit": found.rate if found.rate is not None else 10000.0,
            "throttlingBurstLimit": found.burst if found.burst is not None else 5000,
        }
        for key, found in stage.settings.items()
    }
    logs = {
        "destinationArn": given.get("AccessLogSetting", {}).get("DestinationArn"),
        "format": stage.access_log_format,
    }
    return {
        "deploymentId": str(given.get("DeploymentId", _deployment(api))),
        "stageName": stage.name,
        "description": given.get("Description"),
        "cacheClusterEnabled": False,
        "methodSettings": settings,
        "variables": dict(stage.variables) or None,
        "tracingEnabled": str(given.get("TracingEnabled", False)).lower() == "true",
        "accessLogSettings": logs if stage.access_log_group else None,
        "createdDate": api.created.timestamp(),
        "lastUpdatedDate": api.created.timestamp(),
    }


def _deployment(api: RestApi) -> str:
    return identifier(api.id, "deployment")[:6]


def _resource(api: RestApi, path: str) -> dict[str, Any]:
    methods = api.definition.methods.get(path, {})
    return {
        "id": api.resource_id(path),
        "path": path,
        "pathPart": path.rpartition("/")[2] or None,
        "resourceMethods": {name: {} for name in methods} or None,
    }


def _export(api: RestApi, stage: Stage, kind: str, query: Query) -> Reply:
    own = "oas30" if "openapi" in api.document else "swagger"
    if kind not in {"oas30", "swagger"}:
        return _error(400, "BadRequestException", f"Unsupported export type: {kind}. Supported: oas30, swagger")
    if kind != own:
        message = f"the local cloud exports this API as {own}, which its template has, and does not translate it"
        return _error(501, "NotImplementedException", message)
    document = _exported(api, stage, query)
    if "yaml" in query.accept:
        import yaml

        content, content_type = yaml.safe_dump(document, sort_keys=False), "application/yaml"
    else:
        content, content_type = json.dumps(document, indent=2), "application/json"
    name = f"{kind}_{api.created:%Y%m%d%H%M%S}.{content_type.rpartition('/')[2]}"
    headers = (("content-type", content_type), ("content-disposition", f'attachment; filename="{name}"'))
    return Reply(200, content.encode(), headers)


def _exported(api: RestApi, stage: Stage, query: Query) -> dict[str, Any]:
    wanted = ",".join(parse_qs(query.query).get("extensions", []))
    kept = {f"{_EXTENSION}integration"} if wanted else set()
    if "apigateway" in wanted:
        kept |= _extensions(api.document)
    document = dict(without_extensions(api.document, tuple(kept)))
    version = api.created.isoformat(timespec="seconds")
    document["info"] = {"version": version, "title": api.name, **document.get("info", {})}
    if "openapi" in document:
        variables = {"basePath": {"default": stage.name}}
        document["servers"] = [{"url": f"{query.endpoint_url}{PREFIX}{api.id}/{{basePath}}", "variables": variables}]
        return document
    host = query.endpoint_url.partition("://")[2]
    return {**document, "host": host, "basePath": f"{PREFIX}{api.id}/{stage.name}", "schemes": ["http"]}


def _extensions(document: Any) -> set[str]:
    if isinstance(document, dict):
        here = {key for key in document if str(key).startswith(_EXTENSION)}
        return here.union(*(_extensions(value) for value in document.values()))
    return set().union(*(_extensions(item) for item in document)) if isinstance(document, list) else set()


def _json(document: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(_present(document)).encode(), (("content-type", "application/json"),))


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return [_present(item) for item in value] if isinstance(value, list) else value


def _error(status: int, code: str, message: str) -> Reply:
    body = json.dumps({"message": message, "accountId": ACCOUNT_ID}).encode()
    return Reply(status, body, (("content-type", "application/json"), ("x-amzn-errortype", code)))
