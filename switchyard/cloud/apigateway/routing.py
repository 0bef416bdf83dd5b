"""Finds the method that a request is for.

Source: "Create a proxy resource" (API Gateway Developer Guide): the most specific resource wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from switchyard.cloud.apigateway.model import Method

Methods = Mapping[str, Mapping[str, Method]]


def find(methods: Methods, http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """Find a request's method and the parameters in its path, which stay as they are encoded.

    Parameters
    ----------
    methods : mapping
        By resource path, then by HTTP method.
    path : str
        The request's, without its stage.
    """
    wanted = path.rstrip("/").split("/")[1:] if path.rstrip("/") else []
    found = []
    for resource, of_resource in methods.items():
        method = of_resource.get(http_method) or of_resource.get("ANY")
        if method is None:
            continue
        parts = resource.rstrip("/").split("/")[1:] if resource.rstrip("/") else []
        parameters = _match(parts, wanted)
        if parameters is not None:
            found.append((_specificity(parts), method, parameters))
    if not found:
        return None
    _, method, parameters = max(found, key=lambda each: each[0])
    return method, parameters


def _match(parts: list[str], wanted: list[str]) -> dict[str, str] | None:
    parameters = {}
    for index, part in enumerate(parts):
        if index >= len(wanted):
            return None
        if part.startswith("{") and part.endswith("+}"):
            parameters[part[1:-2]] = "/".join(wanted[index:])
            return parameters
        if part.startswith("{") and part.endswith("}"):
            if not wanted[index]:
                return None
            parameters[part[1:-1]] = wanted[index]
        elif part != wanted[index]:
            return None
    return parameters if len(parts) == len(wanted) else None


def _specificity(parts: list[str]) -> list[int]:
    """Return what sorts a resource behind every less specific one: a name, a parameter, then a rest."""
    return [0 if part.endswith("+}") else 1 if part.startswith("{") else 2 for part in parts]
