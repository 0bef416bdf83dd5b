"""IAM: policies of roles."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any


def attach_managed_policies() -> None:
    """Roles of templates lose their ManagedPolicyArns, and no policy of AWS's own can be attached to anything."""
    from moto.iam.models import AWSManagedPolicy, IAMBackend, Role, aws_managed_policies_data

    @functools.cache
    def documents() -> dict[str, Any]:
        policies: dict[str, Any] = json.loads(aws_managed_policies_data)
        return policies

    def load(backend: Any, arn: str) -> None:
        name = arn.rpartition("/")[2]
        if arn in backend.managed_policies or ":iam::aws:policy/" not in arn or name not in documents():
            return
        policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, documents()[name])
        backend.managed_policies[policy.arn] = policy

    def loading(method: Callable[..., Any]) -> Callable[..., Any]:
        def loaded(self: Any, policy_arn: str, *arguments: Any, **options: Any) -> Any:
            load(self, policy_arn)
            return method(self, policy_arn, *arguments, **options)

        return loaded

    for name in ("attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy"):
        setattr(IAMBackend, name, loading(getattr(IAMBackend, name)))
    create = Role.create_from_cloudformation_json

    def create_from_cloudformation_json(
        resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **options: Any
    ) -> Any:
        from moto.iam.models import iam_backends

        role = create(resource_name, cloudformation_json, account_id, region_name, **options)
        for arn in cloudformation_json["Properties"].get("ManagedPolicyArns", []):
            iam_backends[account_id][role.partition].attach_role_policy(arn, role.name)
        return role

    Role.create_from_cloudformation_json = staticmethod(create_from_cloudformation_json)


def keep_policies_as_json() -> None:
    """GetRolePolicy answers for a template's role with Python's way to write a dictionary, which no client reads."""
    from moto.iam.models import Role

    original = Role.put_policy

    def put_policy(self: Any, policy_name: str, policy_json: Any) -> None:
        original(self, policy_name, policy_json if isinstance(policy_json, str) else json.dumps(policy_json))

    Role.put_policy = put_policy
