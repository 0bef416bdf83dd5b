"""What an OpenAPI document says of a REST API: its methods, what stands behind them, how it words refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_TIMEOUT_SECONDS = 29.0


@dataclass(frozen=True)
class Integration:
    """What stands behind a method.

    Parameters
    ----------
    type : str
        ``AWS_PROXY``, ``MOCK``, or one that is not answered here.
    uri : str
        For ``AWS_PROXY``, the address of the function's invocation.
    timeout : float
        Seconds.
    """

    type: str
    uri: str = ""
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    request_templates: Mapping[str, str] = field(default_factory=dict)
    responses: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """One method of one resource.

    Parameters
    ----------
    resource : str
        The resource's path, such as ``/runs/{name}``.
    authorization : str
        ``NONE``, ``AWS_IAM``, or the name of another kind, which is refused here.
    required_parameters : tuple
        Pairs of a place (``header``, ``querystring``, ``path``) and a name that must be there.
    models : mapping
        The JSON Schema of the body, by content type.
    """

    http_method: str
    resource: str
    authorization: str
    integration: Integration | None
    needs_api_key: bool = False
    required_parameters: tuple[tuple[str, str], ...] = ()
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    validates_body: bool = False
    validates_parameters: bool = False


@dataclass(frozen=True)
class GatewayResponse:
    """How the API words one kind of its own refusals."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """An OpenAPI document as API Gateway reads it.

    Parameters
    ----------
    methods : mapping
        By the resource's path, then by HTTP method; ``ANY`` stands for all.
    """

    methods: Mapping[str, Mapping[str, Method]]
    gateway_responses: Mapping[str, GatewayResponse]
    binary_media_types: tuple[str, ...]
