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


class LeaseSettings(BaseModel):
    """Environment of each function that acts for a release."""

    lock_table: str = Field(validation_alias="LOCK_TABLE")


class DeployCandidateSettings(BaseModel):
    """Environment of DeployCandidateFunction."""

    role_arn: str = Field(validation_alias="SAGEMAKER_EXECUTION_ROLE_ARN")
    project_name: str = Field(validation_alias="PROJECT_NAME")


class RetireEndpointSettings(BaseModel):
    """Environment of RetireEndpointFunction."""

    project_name: str = Field(validation_alias="PROJECT_NAME")


class NotifySettings(BaseModel):
    """Environment of NotifyFunction."""

    topic_arn: str = Field(validation_alias="NOTIFICATION_TOPIC_ARN")
    execution_url: str = Field(validation_alias="EXECUTION_URL")  # what an execution's ARN is put behind


class HousekeepingSettings(BaseModel):
    """Environment of DeleteUnusedFunction, and a part of FindUnusedFunction's."""

    artifact_bucket: str = Field(validation_alias="ARTIFACT_BUCKET")
    project_name: str = Field(validation_alias="PROJECT_NAME")
    state_machine_arns: str = Field(validation_alias="STATE_MACHINE_ARNS")

    @property
    def machines(self) -> list[str]:
        """The state machines whose executions make, need or undo things."""
        return self.state_machine_arns.split(",")


class FindUnusedSettings(HousekeepingSettings):
    """Environment of FindUnusedFunction; the limits are those that an execution's input does not give."""

    idle_periods: int = Field(validation_alias="IDLE_PERIODS")
    idle_period_hours: int = Field(validation_alias="IDLE_PERIOD_HOURS")
    unused_days: int = Field(validation_alias="UNUSED_DAYS")
    artifact_days: int = Field(validation_alias="ARTIFACT_DAYS")
    keep_packages: int = Field(validation_alias="KEEP_PACKAGES")


class ReportHousekeepingSettings(NotifySettings):
    """Environment of ReportHousekeepingFunction."""

    artifact_bucket: str = Field(validation_alias="ARTIFACT_BUCKET")


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
