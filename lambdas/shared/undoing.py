"""Deletes what a run or a release made; what is gone already is no error."""

from __future__ import annotations

import functools
from collections.abc import Callable

from shared.aws import ClientError, client, is_missing


def delete(call: Callable[[], object]) -> bool:
    """Make a request that deletes; say whether there was anything to delete."""
    try:
        call()
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True


def delete_alarms(names: list[str]) -> None:
    """Delete alarms, together; one by one where some are gone, since none is deleted then."""
    cloudwatch = client("cloudwatch")
    if not delete(lambda: cloudwatch.delete_alarms(AlarmNames=names)):
        for name in names:
            delete(functools.partial(cloudwatch.delete_alarms, AlarmNames=[name]))


def delete_config(name: str) -> bool:
    """Delete an endpoint configuration."""
    return delete(lambda: client("sagemaker").delete_endpoint_config(EndpointConfigName=name))


def delete_model(name: str) -> bool:
    """Delete a model."""
    return delete(lambda: client("sagemaker").delete_model(ModelName=name))
