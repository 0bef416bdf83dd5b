"""The types of resources that stacks can have here."""

from __future__ import annotations

from switchyard.cloud.cloudformation.types import compute, iam, messaging, monitoring, nothing, sagemaker, storage
from switchyard.cloud.cloudformation.types.base import Clients, Properties, ResourceType, is_gone

__all__ = ["TYPES", "Clients", "Properties", "ResourceType", "is_gone"]

TYPES: dict[str, ResourceType] = {
    "AWS::CDK::Metadata": nothing.Nothing(),
    "AWS::CloudFormation::WaitConditionHandle": nothing.Nothing(),
    "AWS::CloudWatch::Alarm": monitoring.Alarm(),
    "AWS::CloudWatch::Dashboard": monitoring.Dashboard(),
    "AWS::Events::Rule": messaging.Rule(),
    "AWS::IAM::ManagedPolicy": iam.ManagedPolicy(),
    "AWS::IAM::Policy": iam.Policy(),
    "AWS::IAM::Role": iam.Role(),
    "AWS::Lambda::Function": compute.Function(),
    "AWS::Lambda::Permission": compute.Permission(),
    "AWS::Logs::LogGroup": storage.LogGroup(),
    "AWS::S3::Bucket": storage.Bucket(),
    "AWS::S3::BucketPolicy": storage.BucketPolicy(),
    "AWS::SNS::Subscription": messaging.Subscription(),
    "AWS::SNS::Topic": messaging.Topic(),
    "AWS::SNS::TopicPolicy": messaging.TopicPolicy(),
    "AWS::SQS::Queue": messaging.Queue(),
    "AWS::SQS::QueuePolicy": messaging.QueuePolicy(),
    "AWS::SSM::Parameter": storage.Parameter(),
    "AWS::SageMaker::Endpoint": sagemaker.Endpoint(),
    "AWS::SageMaker::EndpointConfig": sagemaker.EndpointConfig(),
    "AWS::SageMaker::Model": sagemaker.Model(),
    "AWS::SageMaker::ModelPackageGroup": sagemaker.ModelPackageGroup(),
    "AWS::StepFunctions::StateMachine": compute.StateMachine(),
}
