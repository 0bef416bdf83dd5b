"""Roles and their policies.

Source: AWS::IAM::Role, AWS::IAM::Policy, AWS::IAM::ManagedPolicy (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import json
from typing import Any

from switchyard.cloud.cloudformation.types.base import (
    Clients,
    Properties,
    ResourceType,
    attributes,
    removed_tags,
    request,
    tags_of,
)
from switchyard.cloud.resource import Created, no_attributes


class Role(ResourceType):
    """AWS::IAM::Role."""

    name = "RoleName"
    fixed = frozenset({"Path", "RoleName"})
    properties = fixed | {
        "AssumeRolePolicyDocument",
        "Description",
        "ManagedPolicyArns",
        "MaxSessionDuration",
        "PermissionsBoundary",
        "Policies",
        "Tags",
    }
    required = ("AssumeRolePolicyDocument",)

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one with its policies; one that cannot have them all is not left behind."""
        iam = clients("iam")
        given = {
            key: properties.get(key) for key in ("Path", "Description", "MaxSessionDuration", "PermissionsBoundary")
        }
        asked = {**given, "RoleName": name, "Tags": tags_of(properties) or None}
        asked["AssumeRolePolicyDocument"] = _text(properties["AssumeRolePolicyDocument"])
        role = iam.create_role(**request("iam", "CreateRole", asked))["Role"]
        made = Created(name, attributes({"Arn": role["Arn"], "RoleId": role["RoleId"]}))
        try:
            _give(iam, name, {}, properties)
        except Exception:
            self.delete(clients, made, properties)
            raise
        return made

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Change its trust, its limits and its policies."""
        iam, name = clients("iam"), made.physical_id
        trust = _text(after["AssumeRolePolicyDocument"])
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
        iam.update_role(
            RoleName=name,
            Description=str(after.get("Description", "")),
            MaxSessionDuration=int(after.get("MaxSessionDuration", 3600)),
        )
        if boundary := after.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        elif before.get("PermissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=name)
        if gone := removed_tags(before, after):
            iam.untag_role(RoleName=name, TagKeys=gone)
        if tags := tags_of(after):
            iam.tag_role(RoleName=name, Tags=tags)
        _give(iam, name, before, after)
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it with the policies that it was given."""
        iam, name = clients("iam"), made.physical_id
        attached = {
            policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        }
        inline = set(iam.list_role_policies(RoleName=name)["PolicyNames"])
        for arn in attached & set(properties.get("ManagedPolicyArns", [])):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for policy in inline & {policy["PolicyName"] for policy in properties.get("Policies", [])}:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)


class Policy(ResourceType):
    """AWS::IAM::Policy: the same policy, put into roles."""

    properties = frozenset({"PolicyDocument", "PolicyName", "Roles"})
    required = ("PolicyDocument", "PolicyName", "Roles")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Put it into each role."""
        self._put(clients, properties)
        return Created(name, no_attributes("AWS::IAM::Policy"))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Put it anew, and take it from where it should not be any more."""
        self._put(clients, after)
        for role in before["Roles"]:
            if role not in after["Roles"] or before["PolicyName"] != after["PolicyName"]:
                clients("iam").delete_role_policy(RoleName=role, PolicyName=before["PolicyName"])
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Take it from each role."""
        for role in properties["Roles"]:
            clients("iam").delete_role_policy(RoleName=role, PolicyName=properties["PolicyName"])

    def _put(self, clients: Clients, properties: Properties) -> None:
        for role in properties["Roles"]:
            clients("iam").put_role_policy(
                RoleName=role, PolicyName=properties["PolicyName"], PolicyDocument=_text(properties["PolicyDocument"])
            )


class ManagedPolicy(ResourceType):
    """AWS::IAM::ManagedPolicy."""

    name, longest = "ManagedPolicyName", 128
    fixed = frozenset({"Description", "ManagedPolicyName", "Path"})
    properties = fixed | {"PolicyDocument", "Roles"}
    required = ("PolicyDocument",)

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one and attach it."""
        iam = clients("iam")
        given = {key: properties.get(key) for key in ("Description", "Path")}
        document = _text(properties["PolicyDocument"])
        asked = request("iam", "CreatePolicy", {**given, "PolicyName": name, "PolicyDocument": document})
        arn: str = iam.create_policy(**asked)["Policy"]["Arn"]
        for role in properties.get("Roles", []):
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return Created(arn, attributes({"PolicyArn": arn}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Give it another document, by a version in place of the one that it had, and attach it anew."""
        iam, arn = clients("iam"), made.physical_id
        if before["PolicyDocument"] != after["PolicyDocument"]:
            versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
            iam.create_policy_version(PolicyArn=arn, PolicyDocument=_text(after["PolicyDocument"]), SetAsDefault=True)
            for version in versions:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        earlier, now = set(before.get("Roles", [])), set(after.get("Roles", []))
        for role in now - earlier:
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        for role in earlier - now:
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Detach and delete it."""
        for role in properties.get("Roles", []):
            clients("iam").detach_role_policy(RoleName=role, PolicyArn=made.physical_id)
        clients("iam").delete_policy(PolicyArn=made.physical_id)


def _give(iam: Any, role: str, before: Properties, after: Properties) -> None:
    """Give a role its policies, and take those that it should not have any more."""
    inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in after.get("Policies", [])}
    for name, document in inline.items():
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=_text(document))
    for policy in before.get("Policies", []):
        if policy["PolicyName"] not in inline:
            iam.delete_role_policy(RoleName=role, PolicyName=policy["PolicyName"])
    attached = after.get("ManagedPolicyArns", [])
    for arn in attached:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    for arn in before.get("ManagedPolicyArns", []):
        if arn not in attached:
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)
