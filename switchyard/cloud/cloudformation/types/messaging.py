"""Topics, queues and rules, with their policies.

Source: AWS::SNS::Topic, AWS::SNS::Subscription, AWS::SNS::TopicPolicy, AWS::SQS::Queue, AWS::SQS::QueuePolicy,
AWS::Events::Rule (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import json
from typing import Any

from switchyard.cloud.account import arn
from switchyard.cloud.cloudformation.types.base import (
    Clients,
    Properties,
    ResourceType,
    attributes,
    removed_tags,
    request,
    tags_of,
)
from switchyard.cloud.resource import Created, no_attributes


class Topic(ResourceType):
    """AWS::SNS::Topic."""

    name, longest = "TopicName", 256
    fixed = frozenset({"FifoTopic", "TopicName"})
    properties = fixed | {"DisplayName", "KmsMasterKeyId", "Subscription", "Tags"}

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one with its subscriptions."""
        sns = clients("sns")
        given = {key: properties[key] for key in ("FifoTopic", "DisplayName", "KmsMasterKeyId") if key in properties}
        asked = {"Name": name, "Attributes": given, "Tags": tags_of(properties) or None}
        topic: str = sns.create_topic(**request("sns", "CreateTopic", asked))["TopicArn"]
        for each in properties.get("Subscription", []):
            sns.subscribe(TopicArn=topic, Protocol=each["Protocol"], Endpoint=each["Endpoint"])
        return Created(topic, attributes({"TopicArn": topic, "TopicName": name}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Change what it shows of itself and who subscribes."""
        sns, topic = clients("sns"), made.physical_id
        for key in ("DisplayName", "KmsMasterKeyId"):
            if before.get(key) != after.get(key):
                value = str(after.get(key, ""))
                sns.set_topic_attributes(TopicArn=topic, AttributeName=key, AttributeValue=value)
        earlier, now = before.get("Subscription", []), after.get("Subscription", [])
        for each in now:
            if each not in earlier:
                sns.subscribe(TopicArn=topic, Protocol=each["Protocol"], Endpoint=each["Endpoint"])
        gone = [(each["Protocol"], each["Endpoint"]) for each in earlier if each not in now]
        for found in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] if gone else ():
            if (found["Protocol"], found["Endpoint"]) in gone:
                sns.unsubscribe(SubscriptionArn=found["SubscriptionArn"])
        if keys := removed_tags(before, after):
            sns.untag_resource(ResourceArn=topic, TagKeys=keys)
        if tags := tags_of(after):
            sns.tag_resource(ResourceArn=topic, Tags=tags)
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        clients("sns").delete_topic(TopicArn=made.physical_id)


class Subscription(ResourceType):
    """AWS::SNS::Subscription."""

    fixed = frozenset({"Endpoint", "Protocol", "TopicArn"})
    properties = fixed | {"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery"}
    required = ("Endpoint", "Protocol", "TopicArn")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Subscribe."""
        answer = clients("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties["Endpoint"],
            Attributes=self._attributes(properties),
            ReturnSubscriptionArn=True,
        )
        return Created(answer["SubscriptionArn"], no_attributes("AWS::SNS::Subscription"))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Change what is delivered and how."""
        defaults = {"FilterPolicy": "{}", "FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": "false"}
        earlier, now = self._attributes(before), self._attributes(after)
        for key in {*earlier, *now}:
            if earlier.get(key) != now.get(key):
                value = now.get(key, defaults[key])
                clients("sns").set_subscription_attributes(
                    SubscriptionArn=made.physical_id, AttributeName=key, AttributeValue=value
                )
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Unsubscribe."""
        clients("sns").unsubscribe(SubscriptionArn=made.physical_id)

    def _attributes(self, properties: Properties) -> dict[str, str]:
        names = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")
        return {key: _text(properties[key]) for key in names if key in properties}


class TopicPolicy(ResourceType):
    """AWS::SNS::TopicPolicy."""

    properties = frozenset({"PolicyDocument", "Topics"})
    required = ("PolicyDocument", "Topics")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Give each topic the policy."""
        for topic in properties["Topics"]:
            self._put(clients, topic, _text(properties["PolicyDocument"]))
        return Created(name, attributes({"Id": name}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Give it anew, and take it from the topics that should not have it any more."""
        self.create(clients, made.physical_id, after)
        self._take(clients, [topic for topic in before["Topics"] if topic not in after["Topics"]])
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Take it from each topic, which has its own default then."""
        self._take(clients, properties["Topics"])

    def _take(self, clients: Clients, topics: list[str]) -> None:
        for topic in topics:
            owner = {"AWS": f"arn:aws:iam::{topic.split(':')[4]}:root"}
            statement = {"Effect": "Allow", "Principal": owner, "Action": "sns:*", "Resource": topic}
            self._put(clients, topic, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    def _put(self, clients: Clients, topic: str, policy: str) -> None:
        clients("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


class Queue(ResourceType):
    """AWS::SQS::Queue."""

    name, longest = "QueueName", 80
    fixed = frozenset({"FifoQueue", "QueueName"})
    _SETTINGS = frozenset(
        {
            "DelaySeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds",
            "RedrivePolicy",
            "SqsManagedSseEnabled",
            "VisibilityTimeout",
        }
    )
    properties = fixed | _SETTINGS | {"Tags"}

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one."""
        given = {key: _text(properties[key]) for key in self._SETTINGS | {"FifoQueue"} if key in properties}
        tags = {tag["Key"]: tag["Value"] for tag in tags_of(properties)}
        url: str = clients("sqs").create_queue(QueueName=name, Attributes=given, tags=tags)["QueueUrl"]
        return Created(url, attributes({"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Set it anew."""
        changed = {key: _text(after[key]) for key in self._SETTINGS if key in after and before.get(key) != after[key]}
        if changed:
            clients("sqs").set_queue_attributes(QueueUrl=made.physical_id, Attributes=changed)
        if keys := removed_tags(before, after):
            clients("sqs").untag_queue(QueueUrl=made.physical_id, TagKeys=keys)
        if tags := tags_of(after):
            clients("sqs").tag_queue(QueueUrl=made.physical_id, Tags={tag["Key"]: tag["Value"] for tag in tags})
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it with its messages."""
        clients("sqs").delete_queue(QueueUrl=made.physical_id)


class QueuePolicy(ResourceType):
    """AWS::SQS::QueuePolicy."""

    properties = frozenset({"PolicyDocument", "Queues"})
    required = ("PolicyDocument", "Queues")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Give each queue the policy."""
        for url in properties["Queues"]:
            self._put(clients, url, _text(properties["PolicyDocument"]))
        return Created(name, attributes({"Id": name}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Give it anew, and take it from the queues that should not have it any more."""
        self.create(clients, made.physical_id, after)
        for url in before["Queues"]:
            if url not in after["Queues"]:
                self._put(clients, url, "")
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Take it from each queue."""
        for url in properties["Queues"]:
            self._put(clients, url, "")

    def _put(self, clients: Clients, url: str, policy: str) -> None:
        clients("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


class Rule(ResourceType):
    """AWS::Events::Rule."""

    name = "Name"
    fixed = frozenset({"EventBusName", "Name"})
    properties = fixed | {"Description", "EventPattern", "RoleArn", "ScheduleExpression", "State", "Targets"}

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one with its targets; one that cannot have them is not left behind."""
        made = self._put(clients("events"), name, properties)
        try:
            self._aim(clients("events"), name, {}, properties)
        except Exception:
            self.delete(clients, made, {**properties, "Targets": []})
            raise
        return made

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Change when it acts and on what."""
        name = made.physical_id.rpartition("|")[2]
        changed = self._put(clients("events"), name, after)
        self._aim(clients("events"), name, before, after)
        return changed

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it with its targets."""
        events, name = clients("events"), made.physical_id.rpartition("|")[2]
        self._aim(events, name, properties, {"EventBusName": properties.get("EventBusName", "default")})
        events.delete_rule(Name=name, EventBusName=properties.get("EventBusName", "default"))

    def _put(self, events: Any, name: str, properties: Properties) -> Created:
        pattern = properties.get("EventPattern")
        asked = {key: properties.get(key) for key in ("Description", "RoleArn", "ScheduleExpression", "State")}
        bus = str(properties.get("EventBusName", "default"))
        asked |= {"Name": name, "EventBusName": bus, "EventPattern": _text(pattern) if pattern else None}
        rule: str = events.put_rule(**request("events", "PutRule", asked))["RuleArn"]
        return Created(name if bus == "default" else f"{bus}|{name}", attributes({"Arn": rule, "RuleName": name}))

    def _aim(self, events: Any, name: str, before: Properties, after: Properties) -> None:
        bus = after.get("EventBusName", "default")
        targets = after.get("Targets", [])
        kept = {target["Id"] for target in targets}
        if gone := [target["Id"] for target in before.get("Targets", []) if target["Id"] not in kept]:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=gone)
        if targets:
            asked = {"Rule": name, "EventBusName": bus, "Targets": targets}
            answer = events.put_targets(**request("events", "PutTargets", asked))
            for failed in answer.get("FailedEntries", []):
                raise ValueError(failed.get("ErrorMessage") or failed.get("ErrorCode"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
