"""The account and region that everything in the local cloud belongs to."""

from __future__ import annotations

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
PARTITION = "aws"


def arn(service: str, resource: str) -> str:
    """Build the ARN of a resource of this account, such as ``arn("sagemaker", "model/m")``."""
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT_ID}:{resource}"
