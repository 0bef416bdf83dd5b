"""The tags by which this project's things in SageMaker are known."""

from __future__ import annotations

from typing import NamedTuple

from shared.aws import client

PROJECT, EXECUTION, RECIPE = "switchyard:project", "switchyard:execution", "switchyard:recipe"


class Maker(NamedTuple):
    """Who made a thing: an execution of this project, for a recipe."""

    execution: str
    recipe: str


def maker_of(arn: str, project: str) -> Maker | None:
    """Say who made a thing; None unless its tags say that this project did."""
    pages = client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    if tags.get(PROJECT) != project or not tags.get(EXECUTION) or not tags.get(RECIPE):
        return None
    return Maker(tags[EXECUTION], tags[RECIPE])
