"""What the template sets in a function's environment, parsed once a worker."""

from __future__ import annotations

import os
from functools import cache
from typing import TypeVar

from pydantic import BaseModel, Field


class PrepareRunSettings(BaseModel):
    """Environment of PrepareRunFunction."""

    artifact_bucket: str = Field(validation_alias="ARTIFACT_BUCKET")
    project_name: str = Field(validation_alias="PROJECT_NAME")
    region: str = Field(validation_alias="AWS_REGION")  # Lambda itself sets it


class StartRunSettings(BaseModel):
    """Environment of StartRunFunction."""

    state_machine_arn: str = Field(validation_alias="STATE_MACHINE_ARN")


class NotifySettings(BaseModel):
    """Environment of NotifyFunction."""

    topic_arn: str = Field(validation_alias="NOTIFICATION_TOPIC_ARN")
    execution_url: str = Field(validation_alias="EXECUTION_URL")  # what an execution's ARN is put behind


class RunsApiSettings(BaseModel):
    """Environment of RunsApiFunction."""

    artifact_bucket: str = Field(validation_alias="ARTIFACT_BUCKET")
    state_machine_arn: str = Field(validation_alias="STATE_MACHINE_ARN")


Settings = TypeVar("Settings", bound=BaseModel)


@cache
def read_settings(model: type[Settings]) -> Settings:
    """Parse the environment into `model`; a missing variable fails with its name.

    Raises
    ------
    pydantic.ValidationError
        When the template left a variable out.
    """
    return model.model_validate(dict(os.environ))
