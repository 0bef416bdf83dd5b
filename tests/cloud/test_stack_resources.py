"""Each type of resource that a stack can have is made, changed in place and deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.cloud.cloudformation.types import TYPES
from tests.cloud.local_cloud import LocalCloud
from tests.cloud.stacks import create, delete, outputs, parameters, settled

# What is first or second by the parameter `Turn` can change in place.
TEMPLATE = """
Parameters:
  Turn: {Type: String, AllowedValues: [first, second]}
Conditions:
  IsSecond: !Equals [!Ref Turn, second]
Mappings:
  Numbers: {first: {Days: 7, Seconds: 30, Threshold: 1}, second: {Days: 14, Seconds: 60, Threshold: 2.5}}
Resources:
  Handle: {Type: AWS::CloudFormation::WaitConditionHandle}
  Metadata: {Type: AWS::CDK::Metadata, Properties: {Analytics: !Ref Turn}}
  Group:
    Type: AWS::SageMaker::ModelPackageGroup
    Properties: {ModelPackageGroupName: !Ref AWS::StackName, Tags: [{Key: turn, Value: !Ref Turn}]}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {RetentionInDays: !FindInMap [Numbers, !Ref Turn, Days]}
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: !Ref Turn
      Tags: [{Key: !Ref Turn, Value: x}]
      Subscription: [{Protocol: sqs, Endpoint: !If [IsSecond, !GetAtt Other.Arn, !GetAtt Queue.Arn]}]
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Topic
      Protocol: lambda
      Endpoint: !GetAtt Function.Arn
      FilterPolicy: {turn: [!Ref Turn]}
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Sid: !Ref Turn, Effect: Allow, Principal: "*", Action: sns:Publish, Resource: !Ref Topic}]
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: !FindInMap [Numbers, !Ref Turn, Seconds]}
  Other: {Type: AWS::SQS::Queue}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!If [IsSecond, !Ref Other, !Ref Queue]]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: "*", Action: sqs:SendMessage, Resource: "*"}]
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [!Ref Turn]}
      Targets: [{Id: !Ref Turn, Arn: !GetAtt Queue.Arn}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: Nobody
      MetricName: nothing
      Statistic: Sum
      Period: "60"
      EvaluationPeriods: "1"
      Threshold: !FindInMap [Numbers, !Ref Turn, Threshold]
      ComparisonOperator: GreaterThanThreshold
      AlarmActions: [!Ref Topic]
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: !Sub '{"widgets": [{"type": "text", "properties": {"markdown": "${Turn}"}}]}'
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: !If [IsSecond, !Ref "AWS::NoValue", {Status: Enabled}]
      Tags: [{Key: turn, Value: !Ref Turn}]
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: !Ref Turn
            Effect: Allow
            Principal: {Service: sagemaker.amazonaws.com}
            Action: s3:GetObject
            Resource: !Sub "${Bucket.Arn}/*"
  Role:
    Type: AWS::IAM::Role
    Properties:
      Description: !Ref Turn
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: [lambda.amazonaws.com, states.amazonaws.com, !Sub "${Turn}.amazonaws.com"]}
            Action: sts:AssumeRole
      ManagedPolicyArns:
        - !If [IsSecond, arn:aws:iam::aws:policy/AmazonS3FullAccess, arn:aws:iam::aws:policy/AmazonSNSFullAccess]
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: !Sub by-${Turn}
      Roles: [!Ref Role]
      PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: s3:ListBucket, Resource: "*"}]}
  ManagedPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [!Ref Role]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Sid: !Ref Turn, Effect: Allow, Action: s3:ListBucket, Resource: "*"}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: {ZipFile: !Sub "def handler(event, context): return '${Turn}'"}
      Timeout: !FindInMap [Numbers, !Ref Turn, Seconds]
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref Function
      Action: lambda:InvokeFunction
      Principal: sns.amazonaws.com
      SourceArn: !Ref Topic
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !GetAtt Role.Arn
      DefinitionString: '{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "Result": "${Said}", "End": true}}}'
      DefinitionSubstitutions: {Said: !Ref Turn}
  Parameter:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Ref Turn, Tags: {turn: !Ref Turn}}
Outputs:
  Bucket: {Value: !Ref Bucket}
  Function: {Value: !Ref Function}
  Role: {Value: !Ref Role}
  Topic: {Value: !Ref Topic}
  Queue: {Value: !Ref Queue}
  Other: {Value: !Ref Other}
  Rule: {Value: !Ref Rule}
  Alarm: {Value: !Ref Alarm}
  Logs: {Value: !Ref Logs}
  Machine: {Value: !Ref Machine}
  ManagedPolicy: {Value: !Ref ManagedPolicy}
  Dashboard: {Value: !Ref Dashboard}
"""
# Endpoints have tests of their own, with models that answer.
ELSEWHERE = {"AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint"}


def seen(cloud: LocalCloud, made: dict[str, str]) -> dict[str, Any]:
    """What the services say of a stack's resources, of all that the template changes."""
    client = cloud.client
    role, topic = made["Role"], made["Topic"]
    (alarm,) = client("cloudwatch").describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"]
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=made["Logs"])["logGroups"]
    (target,) = client("events").list_targets_by_rule(Rule=made["Rule"])["Targets"]
    iam, sns = client("iam"), client("sns")
    version = iam.get_policy(PolicyArn=made["ManagedPolicy"])["Policy"]["DefaultVersionId"]
    managed = iam.get_policy_version(PolicyArn=made["ManagedPolicy"], VersionId=version)["PolicyVersion"]["Document"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    subscribers = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    (filtered,) = [each["SubscriptionArn"] for each in subscribers if each["Protocol"] == "lambda"]
    policies = {
        name: client("sqs").get_queue_attributes(QueueUrl=made[name], AttributeNames=["All"])["Attributes"]
        for name in ("Queue", "Other")
    }
    function = client("lambda").get_function_configuration(FunctionName=made["Function"])
    machine = client("stepfunctions").describe_state_machine(stateMachineArn=made["Machine"])
    s3 = client("s3")
    return {
        "alarm": alarm["Threshold"],
        "bucket policy": json.loads(s3.get_bucket_policy(Bucket=made["Bucket"])["Policy"])["Statement"][0]["Sid"],
        "bucket tags": s3.get_bucket_tagging(Bucket=made["Bucket"])["TagSet"],
        "dashboard": json.loads(client("cloudwatch").get_dashboard(DashboardName=made["Dashboard"])["DashboardBody"])[
            "widgets"
        ][0]["properties"]["markdown"],
        "function": json.load(client("lambda").invoke(FunctionName=made["Function"])["Payload"]),
        "inline": iam.list_role_policies(RoleName=role)["PolicyNames"],
        "logs": group["retentionInDays"],
        "machine": json.loads(machine["definition"])["States"]["Only"]["Result"],
        "managed": managed["Statement"][0]["Sid"],
        "attached": sorted(
            each["PolicyName"] for each in attached if each["PolicyArn"].startswith("arn:aws:iam::aws:")
        ),
        "filter": json.loads(sns.get_subscription_attributes(SubscriptionArn=filtered)["Attributes"]["FilterPolicy"]),
        "queue": policies["Queue"]["VisibilityTimeout"],
        "queue with policy": [name for name, found in policies.items() if found.get("Policy")],
        "role": iam.get_role(RoleName=role)["Role"]["Description"],
        "rule": json.loads(client("events").describe_rule(Name=made["Rule"])["EventPattern"])["source"],
        "subscriber": [each["Endpoint"].split("-")[-2] for each in subscribers if each["Protocol"] == "sqs"],
        "target": target["Id"],
        "timeout": function["Timeout"],
        "topic": sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"],
        "topic tags": [tag["Key"] for tag in sns.list_tags_for_resource(ResourceArn=topic)["Tags"]],
        "versioning": s3.get_bucket_versioning(Bucket=made["Bucket"]).get("Status"),
    }


def expected(turn: str) -> dict[str, Any]:
    """What they should say."""
    is_second = turn == "second"
    return {
        "alarm": 2.5 if is_second else 1.0,
        "bucket policy": turn,
        "bucket tags": [{"Key": "turn", "Value": turn}],
        "dashboard": turn,
        "function": turn,
        "inline": [f"by-{turn}"],
        "logs": 14 if is_second else 7,
        "machine": turn,
        "managed": turn,
        "attached": ["AmazonS3FullAccess" if is_second else "AmazonSNSFullAccess"],
        "filter": {"turn": [turn]},
        "queue": "60" if is_second else "30",
        "queue with policy": ["Other" if is_second else "Queue"],
        "role": turn,
        "rule": [turn],
        "subscriber": ["Other" if is_second else "Queue"],
        "target": turn,
        "timeout": 60 if is_second else 30,
        "topic": turn,
        "topic tags": [turn],
        "versioning": "Suspended" if is_second else "Enabled",
    }


def test_every_type_is_made_changed_and_deleted(cloud: LocalCloud, name: str) -> None:
    acknowledged = {"Capabilities": ["CAPABILITY_IAM"]}
    stack = create(cloud, name, TEMPLATE, {"Turn": "first"}, **acknowledged)
    assert stack["StackStatus"] == "CREATE_COMPLETE", failures(cloud, name)
    cloudformation = cloud.client("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    assert {each["ResourceType"] for each in resources} == set(TYPES) - ELSEWHERE
    made = outputs(stack)
    assert seen(cloud, made) == expected("first")
    for turn in ("second", "first", "second"):
        cloudformation.update_stack(
            StackName=name, UsePreviousTemplate=True, Parameters=parameters({"Turn": turn}), **acknowledged
        )
        assert settled(cloud, name)["StackStatus"] == "UPDATE_COMPLETE", failures(cloud, name)
        assert outputs(settled(cloud, name)) == made  # nothing was replaced
        assert seen(cloud, made) == expected(turn)
    assert delete(cloud, name)["StackStatus"] == "DELETE_COMPLETE", failures(cloud, stack["StackId"])
    for gone in (
        lambda: cloud.client("s3").head_bucket(Bucket=made["Bucket"]),
        lambda: cloud.client("iam").get_role(RoleName=made["Role"]),
        lambda: cloud.client("lambda").get_function(FunctionName=made["Function"]),
        lambda: cloud.client("sns").get_topic_attributes(TopicArn=made["Topic"]),
        lambda: cloud.client("events").describe_rule(Name=made["Rule"]),
        lambda: cloud.client("sagemaker").describe_model_package_group(ModelPackageGroupName=name),
    ):
        with pytest.raises(ClientError):
            gone()


def failures(cloud: LocalCloud, name: str) -> list[str]:
    """Why a stack's operations failed."""
    events = cloud.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    ]
