"""Alarms and dashboards of templates.

Source: AWS::CloudWatch::Alarm, AWS::CloudWatch::Dashboard (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import json
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, REGION
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.monitoring.alarms import Alarm
from switchyard.cloud.monitoring.api import CloudWatch
from switchyard.cloud.monitoring.errors import MonitoringError, NotEvaluatedError
from switchyard.cloud.resource import Created, Creators, UnsupportedTypeError, generated_name, no_attributes

_INTEGERS = ("EvaluationPeriods", "DatapointsToAlarm", "Period")


def creators(cloudwatch: CloudWatch, stack_name: str = "stack") -> Creators:
    """Give the creators of the types that CloudWatch has.

    Parameters
    ----------
    stack_name : str
        Generated names begin with it.
    """

    def alarm(logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("AlarmName") or generated_name(stack_name, logical_id)
        request = _typed({**properties, "AlarmName": name})
        try:
            cloudwatch.put_metric_alarm(request)
        except NotEvaluatedError as error:
            raise UnsupportedTypeError(f"AWS::CloudWatch::Alarm: {error.message}") from error
        except MonitoringError as error:
            raise TemplateError(f"{logical_id} (AWS::CloudWatch::Alarm) was refused: {error.message}") from None
        made = Alarm({"AlarmName": name}, [], "", 0, 0.0, 0.0)
        return Created(name, {"Arn": made.arn}.__getitem__)

    def dashboard(logical_id: str, properties: dict[str, Any]) -> Created:
        from moto.cloudwatch.models import cloudwatch_backends

        name = properties.get("DashboardName") or generated_name(stack_name, logical_id)
        body = properties["DashboardBody"]
        try:
            json.loads(body)
        except ValueError as error:
            raise TemplateError(f"{logical_id}: the DashboardBody is no JSON: {error}") from None
        cloudwatch_backends[ACCOUNT_ID][REGION].put_dashboard(name, body)
        return Created(name, no_attributes(logical_id))

    return {"AWS::CloudWatch::Alarm": alarm, "AWS::CloudWatch::Dashboard": dashboard}


def _typed(properties: dict[str, Any]) -> dict[str, Any]:
    """Templates and their parameters give numbers as text, too."""
    typed = dict(properties)
    for name in _INTEGERS:
        if name in typed:
            typed[name] = int(typed[name])
    if "Threshold" in typed:
        typed["Threshold"] = float(typed["Threshold"])
    if "ActionsEnabled" in typed:
        typed["ActionsEnabled"] = str(typed["ActionsEnabled"]).lower() == "true"
    typed["Metrics"] = [_typed_query(entry) for entry in typed["Metrics"]] if typed.get("Metrics") else None
    return typed


def _typed_query(entry: dict[str, Any]) -> dict[str, Any]:
    typed = dict(entry)
    if "ReturnData" in typed:
        typed["ReturnData"] = str(typed["ReturnData"]).lower() == "true"
    if "Period" in typed:
        typed["Period"] = int(typed["Period"])
    if "MetricStat" in typed:
        typed["MetricStat"] = {**typed["MetricStat"], "Period": int(typed["MetricStat"]["Period"])}
    return typed
