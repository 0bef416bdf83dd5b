"""What properties of templates are in the requests of the services' APIs.

Source: AWS::S3::Bucket, AWS::StepFunctions::StateMachine (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import json
import re
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.intrinsics import TemplateError


def configure_bucket(s3: Any, name: str, properties: dict[str, Any]) -> None:
    """Give a bucket what its properties say; what they do not say stays as it is."""
    if "VersioningConfiguration" in properties:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    if "PublicAccessBlockConfiguration" in properties:
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
    if "BucketEncryption" in properties:
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=_encryption(properties))
    if "NotificationConfiguration" in properties:
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=_notifications(properties))


def bucket_attributes(name: str) -> dict[str, str]:
    """Return what ``Fn::GetAtt`` gives of a bucket."""
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
    }


def substituted(definition: str, substitutions: dict[str, Any]) -> str:
    """Put values into the ``${}`` of a state machine's definition.

    Raises
    ------
    TemplateError
        One of them has no value.
    """

    def replace(match: re.Match[str]) -> str:
        if match.group(1) not in substitutions:
            raise TemplateError(f"the definition's ${{{match.group(1)}}} has no DefinitionSubstitution")
        return json.dumps(str(substitutions[match.group(1)]))[1:-1]

    return re.sub(r"\$\{([^}]+)\}", replace, definition)


def in_camel_case(value: Any) -> Any:
    """Return a property as the API takes it, whose members begin with small letters."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: in_camel_case(inner) for name, inner in value.items()}
    return [in_camel_case(inner) for inner in value] if isinstance(value, list) else value


def _encryption(properties: dict[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]:
        default = rule.get("ServerSideEncryptionByDefault", {})
        rules.append({"ApplyServerSideEncryptionByDefault": default})
    return {"Rules": rules}


def _notifications(properties: dict[str, Any]) -> dict[str, Any]:
    given = properties["NotificationConfiguration"]
    told: dict[str, Any] = {}
    if str(given.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", False)).lower() == "true":
        told["EventBridgeConfiguration"] = {}
    for kind, member in (("Lambda", "Function"), ("Queue", "Queue"), ("Topic", "Topic")):
        for each in given.get(f"{kind}Configurations", []):
            named = "LambdaFunctionArn" if kind == "Lambda" else f"{kind}Arn"
            entry = {named: each[member], "Events": [each["Event"]]}
            if "Filter" in each:
                entry["Filter"] = {"Key": {"FilterRules": each["Filter"]["S3Key"]["Rules"]}}
            told.setdefault(
                f"{kind}FunctionConfigurations" if kind == "Lambda" else f"{kind}Configurations", []
            ).append(entry)
    return told
