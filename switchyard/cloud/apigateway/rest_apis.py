"""The REST APIs that there are, and their stages."""

from __future__ import annotations

import datetime
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.apigateway.model import Definition
from switchyard.cloud.apigateway.openapi import read
from switchyard.cloud.iam.policy import Policy

# What `Fn::GetAtt RootResourceId` and identifiers of resources are made of, besides digits.
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def identifier(*parts: str) -> str:
    """Return the ten characters that name an API; the same parts give the same name."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8], "big")
    characters = []
    for _ in range(10):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(characters)


@dataclass(frozen=True)
class MethodSettings:
    """A stage's settings for a method, or for all of them.

    Parameters
    ----------
    rate : float
        Requests a second that pass for good.
    burst : int
        Requests that pass at once.
    """

    rate: float | None = None
    burst: int | None = None


@dataclass
class Stage:
    """A stage: a name under which an API is called."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, MethodSettings] = field(default_factory=dict)
    access_log_group: str = ""
    access_log_format: str = ""
    description: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class RestApi:
    """A REST API.

    Parameters
    ----------
    document : dict
        Its OpenAPI (or Swagger) document, which is all that describes it.
    policy : Policy or None
        Its resource policy.
    """

    id: str
    name: str
    document: dict[str, Any]
    description: str = ""
    binary_media_types: tuple[str, ...] = ()
    endpoint_types: tuple[str, ...] = ("EDGE",)
    policy: Policy | None = None
    is_disabled: bool = False
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(tz=datetime.UTC))
    stages: dict[str, Stage] = field(default_factory=dict)
    # Of AWS::ApiGateway::Resource: paths by identifier.
    resources: dict[str, str] = field(default_factory=dict)

    @property
    def root_resource_id(self) -> str:
        """The identifier of the resource ``/``."""
        return self.resource_id("/")

    @property
    def domain_name(self) -> str:
        """The host name that it has on AWS."""
        return f"{self.id}.execute-api.{REGION}.amazonaws.com"

    @cached_property
    def definition(self) -> Definition:
        """The document, read; when it is first asked for, since a template may build it piece by piece."""
        return read(self.document, self.binary_media_types)

    def changed(self) -> None:
        """Have the document read anew."""
        self.__dict__.pop("definition", None)

    def resource_id(self, path: str) -> str:
        """Return the identifier of a resource, by its path."""
        return identifier(self.id, path)[:6]


class RestApis:
    """The REST APIs of this cloud, by identifier."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._apis: dict[str, RestApi] = {}

    def add(self, api: RestApi) -> None:
        """Add an API, or put another in its place."""
        with self._lock:
            self._apis[api.id] = api

    def get(self, api_id: str) -> RestApi | None:
        """Find an API."""
        return self._apis.get(api_id)

    def list(self) -> list[RestApi]:
        """Return every API, by name."""
        with self._lock:
            return sorted(self._apis.values(), key=lambda api: (api.name, api.id))
