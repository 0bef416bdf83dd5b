"""The tags of resources.

Sources: AddTags, DeleteTags, ListTags (Amazon SageMaker API Reference); "Tag naming limits and requirements" (AWS
Tagging User Guide).
"""

from __future__ import annotations

from typing import Any

from switchyard.cloud.sagemaker.errors import ValidationError

MOST_TAGS = 50
RESERVED = "aws:"


def tags_of(request: dict[str, Any]) -> dict[str, str]:
    """Return a request's ``Tags`` as a dictionary.

    Raises
    ------
    ValidationError
        A key is there twice, or begins with the prefix that is AWS's own.
    """
    tags: dict[str, str] = {}
    for tag in request.get("Tags") or []:
        key = tag["Key"]
        if key in tags:
            raise ValidationError(f"Duplicate tag keys found: '{key}'. Each tag key must be unique.")
        if key.lower().startswith(RESERVED):
            raise ValidationError(f"Tag keys starting with '{RESERVED}' are reserved for system use: '{key}'.")
        tags[key] = tag["Value"]
    return tags


def add_tags(tags: dict[str, str], request: dict[str, Any]) -> None:
    """Add a request's tags to a resource's, or overwrite them.

    Raises
    ------
    ValidationError
        The tags are not allowed, or the resource would have more than 50.
    """
    together = {**tags, **tags_of(request)}
    if len(together) > MOST_TAGS:
        raise ValidationError(f"A resource can have at most {MOST_TAGS} tags; this one would have {len(together)}.")
    tags.update(together)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Return tags in the form of SageMaker's answers."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
