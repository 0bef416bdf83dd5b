"""Buckets and their policies, parameters of Systems Manager, log groups.

Source: AWS::S3::Bucket, AWS::S3::BucketPolicy, AWS::SSM::Parameter, AWS::Logs::LogGroup (AWS CloudFormation Template
Reference).
"""

from __future__ import annotations

import json
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.cloudformation.types.base import (
    Clients,
    Properties,
    ResourceType,
    attributes,
    removed_tags,
    request,
    tags_of,
)
from switchyard.cloud.properties import bucket_attributes, configure_bucket
from switchyard.cloud.resource import Created, no_attributes


class Bucket(ResourceType):
    """AWS::S3::Bucket."""

    name, longest, is_lower = "BucketName", 63, True
    fixed = frozenset({"BucketName"})
    properties = fixed | {
        "BucketEncryption",
        "NotificationConfiguration",
        "PublicAccessBlockConfiguration",
        "Tags",
        "VersioningConfiguration",
    }

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one; one that cannot be as described is not left behind."""
        s3 = clients("s3")
        s3.create_bucket(Bucket=name)
        made = Created(name, attributes(bucket_attributes(name)))
        try:
            configure_bucket(s3, name, properties)
            _tag(s3, name, properties)
        except Exception:
            s3.delete_bucket(Bucket=name)
            raise
        return made

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Configure it anew; what the template does not say any more goes back to what a bucket has by itself."""
        s3, name = clients("s3"), made.physical_id
        configure_bucket(s3, name, after)
        gone = set(before) - set(after)
        if "VersioningConfiguration" in gone:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
        if "PublicAccessBlockConfiguration" in gone:
            s3.delete_public_access_block(Bucket=name)
        if "BucketEncryption" in gone:
            s3.delete_bucket_encryption(Bucket=name)
        if "NotificationConfiguration" in gone:
            s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={})
        if "Tags" in gone:
            s3.delete_bucket_tagging(Bucket=name)
        _tag(s3, name, after)
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it, if it is empty."""
        clients("s3").delete_bucket(Bucket=made.physical_id)


class BucketPolicy(ResourceType):
    """AWS::S3::BucketPolicy."""

    fixed = frozenset({"Bucket"})
    properties = fixed | {"PolicyDocument"}
    required = ("Bucket", "PolicyDocument")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Put the policy."""
        bucket = str(properties["Bucket"])
        clients("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(properties["PolicyDocument"]))
        return Created(bucket, no_attributes("AWS::S3::BucketPolicy"))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Put another policy."""
        return self.create(clients, "", after)

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete the policy."""
        clients("s3").delete_bucket_policy(Bucket=made.physical_id)


class Parameter(ResourceType):
    """AWS::SSM::Parameter."""

    name, longest = "Name", 128
    fixed = frozenset({"Name"})
    properties = fixed | {"AllowedPattern", "DataType", "Description", "Tags", "Tier", "Type", "Value"}
    required = ("Type", "Value")
    attributes_change = frozenset({"Type", "Value"})

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Put the parameter; one that is there already is not overwritten."""
        return self._put(clients, name, {**properties, "Tags": _plain_tags(properties)}, overwrite=False)

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Put another value."""
        ssm, name = clients("ssm"), made.physical_id
        if gone := [key for key in before.get("Tags", {}) if key not in after.get("Tags", {})]:
            ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=gone)
        if tags := _plain_tags(after):
            ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags)
        return self._put(clients, name, {**after, "Tags": None}, overwrite=True)

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        clients("ssm").delete_parameter(Name=made.physical_id)

    def _put(self, clients: Clients, name: str, members: Properties, *, overwrite: bool) -> Created:
        asked = request("ssm", "PutParameter", {**members, "Name": name, "Overwrite": overwrite})
        clients("ssm").put_parameter(**asked)
        values = {
            "Type": members["Type"],
            "Value": members["Value"],
            "Arn": arn("ssm", f"parameter/{name.lstrip('/')}"),
        }
        return Created(name, attributes(values))


class LogGroup(ResourceType):
    """AWS::Logs::LogGroup."""

    name, longest = "LogGroupName", 512
    fixed = frozenset({"LogGroupName"})
    properties = fixed | {"RetentionInDays", "Tags"}

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one."""
        logs = clients("logs")
        tags = {"tags": {tag["Key"]: tag["Value"] for tag in tags_of(properties)}} if properties.get("Tags") else {}
        logs.create_log_group(logGroupName=name, **tags)
        self._retain(logs, name, properties)
        return Created(name, attributes({"Arn": f"{arn('logs', f'log-group:{name}')}:*"}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Keep events for another while."""
        logs, name = clients("logs"), made.physical_id
        if before.get("RetentionInDays") and not after.get("RetentionInDays"):
            logs.delete_retention_policy(logGroupName=name)
        self._retain(logs, name, after)
        if gone := removed_tags(before, after):
            logs.untag_log_group(logGroupName=name, tags=gone)
        if tags := tags_of(after):
            logs.tag_log_group(logGroupName=name, tags={tag["Key"]: tag["Value"] for tag in tags})
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it with its events."""
        clients("logs").delete_log_group(logGroupName=made.physical_id)

    def _retain(self, logs: Any, name: str, properties: Properties) -> None:
        if days := properties.get("RetentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))


def _tag(s3: Any, name: str, properties: Properties) -> None:
    if tags := tags_of(properties):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})


def _plain_tags(properties: Properties) -> list[dict[str, str]] | None:
    """Tags of parameters are a mapping in templates, not a list."""
    given = properties.get("Tags")
    return [{"Key": str(key), "Value": str(value)} for key, value in given.items()] if given else None
