"""Reads an OpenAPI 3.0 or Swagger 2.0 document, with API Gateway's extensions, as API Gateway imports it.

Source: "OpenAPI extensions for API Gateway"; "Amazon API Gateway important notes for REST APIs" (API Gateway Developer
Guide).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from switchyard.cloud.apigateway.model import DEFAULT_TIMEOUT_SECONDS, Definition, GatewayResponse, Integration, Method
from switchyard.cloud.intrinsics import TemplateError

LOG = logging.getLogger(__name__)
ANY = "x-amazon-apigateway-any-method"
_HTTP_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", ANY)
_PLACES = {"query": "querystring", "path": "path", "header": "header"}
_EXTENSION = "x-amazon-apigateway-"


def read(document: Mapping[str, Any], binary_media_types: tuple[str, ...] = ()) -> Definition:
    """Read a document.

    Raises
    ------
    TemplateError
        It has no paths, or one of them is not what a path is.
    """
    methods: dict[str, dict[str, Method]] = {}
    for path, item in _mapping(document.get("paths"), "paths").items():
        found = {}
        for key, operation in _mapping(item, f"paths.{path}").items():
            if key.lower() in _HTTP_METHODS:
                name = "ANY" if key == ANY else key.upper()
                found[name] = _method(document, path, name, item, _mapping(operation, f"paths.{path}.{key}"))
        methods[path] = found
    if document.get("security"):
        LOG.warning("API Gateway ignores `security` at a document's root; write it at each operation")
    return Definition(
        methods,
        {name: gateway_response(given) for name, given in document.get(f"{_EXTENSION}gateway-responses", {}).items()},
        tuple(dict.fromkeys((*binary_media_types, *document.get(f"{_EXTENSION}binary-media-types", [])))),
    )


def gateway_response(given: Mapping[str, Any]) -> GatewayResponse:
    """Read one of ``x-amazon-apigateway-gateway-responses``."""
    prefix = "gatewayresponse.header."
    return GatewayResponse(
        int(given["statusCode"]) if given.get("statusCode") else None,
        {
            name.removeprefix(prefix): str(value)
            for name, value in given.get("responseParameters", {}).items()
            if name.startswith(prefix)
        },
        {kind: str(template) for kind, template in given.get("responseTemplates", {}).items()},
    )


def without_extensions(document: Any, kept: tuple[str, ...] = ()) -> Any:
    """Return a document as GetExport gives it: without API Gateway's extensions, but for those in `kept`."""
    if isinstance(document, Mapping):
        return {
            key: without_extensions(value, kept)
            for key, value in document.items()
            if not str(key).startswith(_EXTENSION) or key in kept
        }
    if isinstance(document, list):
        return [without_extensions(item, kept) for item in document]
    return document


def _method(
    document: Mapping[str, Any], path: str, name: str, item: Mapping[str, Any], operation: Mapping[str, Any]
) -> Method:
    authorization, needs_api_key = _authorization(document, operation)
    parameters = [
        _resolved(document, given) for given in (*item.get("parameters", []), *operation.get("parameters", []))
    ]
    validators = document.get(f"{_EXTENSION}request-validators", {})
    key = f"{_EXTENSION}request-validator"
    validator = validators.get(operation.get(key, document.get(key)), {})
    return Method(
        name,
        path,
        authorization,
        _integration(operation.get(f"{_EXTENSION}integration")),
        needs_api_key,
        tuple(
            (_PLACES[parameter["in"]], parameter["name"])
            for parameter in parameters
            if parameter.get("required") and parameter.get("in") in _PLACES
        ),
        dict(_models(document, operation, parameters)),
        bool(validator.get("validateRequestBody")),
        bool(validator.get("validateRequestParameters")),
    )


def _authorization(document: Mapping[str, Any], operation: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the kind of authorization, and whether an API key is needed too."""
    schemes = document.get("securityDefinitions") or document.get("components", {}).get("securitySchemes", {})
    kind = str(operation.get(f"{_EXTENSION}auth", {}).get("type", "NONE"))
    needs_api_key = False
    for requirement in operation.get("security", []):
        for name in requirement:
            scheme = schemes.get(name, {})
            type_ = str(scheme.get(f"{_EXTENSION}authtype", ""))
            if type_.lower() == "awssigv4":
                kind = "AWS_IAM"
            elif scheme.get("type") == "apiKey" and not type_ and scheme.get("name", "").lower() == "x-api-key":
                needs_api_key = True
            elif name != "NONE":
                kind = type_ or name
    return kind, needs_api_key


def _integration(given: Mapping[str, Any] | None) -> Integration | None:
    if given is None:
        return None
    uri = given.get("uri", "")
    return Integration(
        str(given.get("type", "")).upper(),
        uri if isinstance(uri, str) else "",
        float(given.get("timeoutInMillis", DEFAULT_TIMEOUT_SECONDS * 1000)) / 1000,
        given.get("requestTemplates", {}),
        given.get("responses", {}),
    )


def _models(
    document: Mapping[str, Any], operation: Mapping[str, Any], parameters: list[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    # References lead from the document's root, so a schema brings along what they can lead to.
    around = {key: document[key] for key in ("components", "definitions") if key in document}
    body = _resolved(document, operation.get("requestBody", {}))
    for content_type, described in body.get("content", {}).items():
        if "schema" in described:
            yield content_type.lower(), {**around, **described["schema"]}
    for given in parameters:
        if given.get("in") == "body" and "schema" in given:
            for content_type in operation.get("consumes") or document.get("consumes") or ["application/json"]:
                yield content_type.lower(), {**around, **given["schema"]}


def _resolved(document: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = given.get("$ref")
    if not isinstance(reference, str):
        return given
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(found, Mapping) or part not in found:
            raise TemplateError(f"the OpenAPI document has no {reference}")
        found = found[part]
    return _mapping(found, reference)


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TemplateError(f"the OpenAPI document's {place} is not a mapping")
    return value
