"""Rules, buses, schedules, queues and the policies of targets, from templates.

Source: AWS::Events, AWS::Scheduler, AWS::SQS, AWS::SNS (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, REGION, arn
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.resource import Created, Creators, generated_name, no_attributes


def creators(stack_name: str) -> Creators:
    """Return the creators, by resource type; generated names begin with the stack's."""
    makers = _Makers(stack_name)
    return {
        "AWS::Events::EventBus": makers.event_bus,
        "AWS::Events::EventBusPolicy": makers.event_bus_policy,
        "AWS::Events::Rule": makers.rule,
        "AWS::SNS::TopicPolicy": makers.topic_policy,
        "AWS::Scheduler::Schedule": makers.schedule,
        "AWS::Scheduler::ScheduleGroup": makers.schedule_group,
        "AWS::SQS::Queue": makers.queue,
        "AWS::SQS::QueuePolicy": makers.queue_policy,
    }


class _Makers:
    def __init__(self, stack_name: str) -> None:
        self._stack_name = stack_name

    def event_bus(self, logical_id: str, properties: dict[str, Any]) -> Created:
        bus = _made(logical_id, lambda: _events().create_event_bus(name=properties["Name"]))
        return Created(bus.name, {"Arn": bus.arn, "Name": bus.name}.__getitem__)

    def event_bus_policy(self, logical_id: str, properties: dict[str, Any]) -> Created:
        statement = {"Sid": properties["StatementId"], **properties.get("Statement", {})}
        name = properties.get("EventBusName", "default")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        _made(logical_id, lambda: _events().put_permission(name, "", "", statement["Sid"], None, policy))
        return Created(statement["Sid"], no_attributes(logical_id))

    def rule(self, logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("Name") or self._name(logical_id)[-64:]
        bus = properties.get("EventBusName", "default")
        pattern = properties.get("EventPattern")

        def make() -> Any:
            rule = _events().put_rule(
                name,
                description=properties.get("Description"),
                event_bus_arn=bus,
                event_pattern=pattern if pattern is None or isinstance(pattern, str) else json.dumps(pattern),
                role_arn=properties.get("RoleArn"),
                scheduled_expression=properties.get("ScheduleExpression"),
                state=properties.get("State"),
            )
            if properties.get("Targets"):
                _events().put_targets(name=name, event_bus_arn=bus, targets=list(properties["Targets"]))
            return rule

        rule = _made(logical_id, make)
        physical = name if rule.event_bus_name == "default" else f"{rule.event_bus_name}|{name}"
        return Created(physical, {"Arn": rule.arn}.__getitem__)

    def schedule(self, logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("Name") or self._name(logical_id)[-64:]
        schedule = _made(
            logical_id,
            lambda: _scheduler().create_schedule(
                name=name,
                group_name=properties.get("GroupName"),
                description=properties.get("Description"),
                schedule_expression=properties["ScheduleExpression"],
                schedule_expression_timezone=properties.get("ScheduleExpressionTimezone"),
                flexible_time_window=properties["FlexibleTimeWindow"],
                target=dict(properties["Target"]),
                state=properties.get("State"),
                kms_key_arn=properties.get("KmsKeyArn"),
                start_date=_epoch(properties.get("StartDate")),
                end_date=_epoch(properties.get("EndDate")),
                action_after_completion=properties.get("ActionAfterCompletion"),
            ),
        )
        return Created(name, {"Arn": schedule.arn}.__getitem__)

    def schedule_group(self, logical_id: str, properties: dict[str, Any]) -> Created:
        name = properties.get("Name") or self._name(logical_id)[-64:]
        group = _made(logical_id, lambda: _scheduler().create_schedule_group(name, properties.get("Tags", [])))
        return Created(name, {"Arn": group.arn, "State": "ACTIVE"}.__getitem__)

    def queue(self, logical_id: str, properties: dict[str, Any]) -> Created:
        is_fifo = str(properties.get("FifoQueue", "false")).lower() == "true"
        name = properties.get("QueueName") or self._name(logical_id)[-75:] + (".fifo" if is_fifo else "")
        attributes = {
            key: json.dumps(value) if isinstance(value, dict) else _text(value)
            for key, value in properties.items()
            if key not in {"QueueName", "Tags"}
        }
        tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        queue = _made(logical_id, lambda: _sqs().create_queue(name, tags, region=REGION, **attributes))
        url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{queue.name}"
        return Created(url, {"Arn": arn("sqs", queue.name), "QueueName": queue.name, "QueueUrl": url}.__getitem__)

    def queue_policy(self, logical_id: str, properties: dict[str, Any]) -> Created:
        document = json.dumps(properties["PolicyDocument"])
        for url in properties["Queues"]:
            name = str(url).rpartition("/")[2]
            _made(logical_id, lambda name=name: _sqs().set_queue_attributes(name, {"Policy": document}))
        return Created(self._name(logical_id), {"Id": self._name(logical_id)}.__getitem__)

    def topic_policy(self, logical_id: str, properties: dict[str, Any]) -> Created:
        from moto.sns.models import sns_backends

        document = json.dumps(properties["PolicyDocument"])
        for topic_arn in properties["Topics"]:
            topic = _made(logical_id, lambda wanted=topic_arn: sns_backends[ACCOUNT_ID][REGION].get_topic(wanted))
            topic.policy = document
        return Created(self._name(logical_id), {"Id": self._name(logical_id)}.__getitem__)

    def _name(self, logical_id: str) -> str:
        return generated_name(self._stack_name, logical_id)


def _made(logical_id: str, make: Any) -> Any:
    """Make it; what moto refuses becomes the template's error."""
    from moto.core.exceptions import JsonRESTError, ServiceException

    try:
        return make()
    except (JsonRESTError, ServiceException) as error:
        raise TemplateError(f"{logical_id} was refused: {getattr(error, 'message', None) or error}") from None


def _epoch(text: Any) -> float | None:
    """Turn a template's time into what the API takes."""
    if not text:
        return None
    moment = datetime.datetime.fromisoformat(str(text))
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _events() -> Any:
    from moto.events.models import events_backends

    return events_backends[ACCOUNT_ID][REGION]


def _scheduler() -> Any:
    from moto.scheduler.models import scheduler_backends

    return scheduler_backends[ACCOUNT_ID][REGION]


def _sqs() -> Any:
    from moto.sqs.models import sqs_backends

    return sqs_backends[ACCOUNT_ID][REGION]
