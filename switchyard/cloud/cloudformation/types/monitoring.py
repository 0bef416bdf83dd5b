"""Alarms and dashboards.

Source: AWS::CloudWatch::Alarm, AWS::CloudWatch::Dashboard (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

from switchyard.cloud.account import arn
from switchyard.cloud.cloudformation.types.base import Clients, Properties, ResourceType, attributes, request
from switchyard.cloud.resource import Created, no_attributes


class Alarm(ResourceType):
    """AWS::CloudWatch::Alarm."""

    name, longest = "AlarmName", 255
    fixed = frozenset({"AlarmName"})
    properties = fixed | {
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EvaluateLowSampleCountPercentile",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "InsufficientDataActions",
        "MetricName",
        "Metrics",
        "Namespace",
        "OKActions",
        "Period",
        "Statistic",
        "Threshold",
        "TreatMissingData",
        "Unit",
    }
    required = ("ComparisonOperator", "EvaluationPeriods")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Put the alarm."""
        asked = request("cloudwatch", "PutMetricAlarm", {**properties, "AlarmName": name})
        clients("cloudwatch").put_metric_alarm(**asked)
        return Created(name, attributes({"Arn": arn("cloudwatch", f"alarm:{name}")}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Put it anew."""
        return self.create(clients, made.physical_id, after)

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        clients("cloudwatch").delete_alarms(AlarmNames=[made.physical_id])


class Dashboard(ResourceType):
    """AWS::CloudWatch::Dashboard."""

    name, longest = "DashboardName", 255
    fixed = frozenset({"DashboardName"})
    properties = fixed | {"DashboardBody"}
    required = ("DashboardBody",)

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Put the dashboard."""
        clients("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=properties["DashboardBody"])
        return Created(name, no_attributes("AWS::CloudWatch::Dashboard"))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Put it anew."""
        return self.create(clients, made.physical_id, after)

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        clients("cloudwatch").delete_dashboards(DashboardNames=[made.physical_id])
