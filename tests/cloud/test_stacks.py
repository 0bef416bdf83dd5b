from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.stacks import create, delete, happened, outputs, parameters, settled, update

SETTINGS = """
Parameters:
  Value: {Type: String, Default: one}
  Name: {Type: String, Default: ""}
Conditions:
  IsNamed: !Not [!Equals [!Ref Name, ""]]
Resources:
  Second:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: !Sub "${First}: ${First.Value}"
  First:
    Type: AWS::SSM::Parameter
    Properties:
      Name: !If [IsNamed, !Ref Name, !Ref "AWS::NoValue"]
      Type: String
      Value: !Ref Value
Outputs:
  First: {Value: !Ref First, Description: The first one}
  Second: {Value: !GetAtt Second.Value}
"""
# Only the service knows that there is no such type.
BROKEN = """
Parameters:
  Value: {Type: String, Default: one}
Resources:
  First:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Ref Value}
  Bad:
    Type: AWS::SSM::Parameter
    DependsOn: First
    Properties: {Type: NoSuchType, Value: x}
"""


@pytest.fixture
def stack(cloud: LocalCloud, name: str) -> Iterator[str]:
    yield name
    cloud.client("cloudformation").delete_stack(StackName=name)


def value(cloud: LocalCloud, name: str) -> str:
    return str(cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def test_a_stack_is_made_in_the_order_of_its_references(cloud: LocalCloud, stack: str) -> None:
    made = create(cloud, stack, SETTINGS, {"Value": "hello"}, Tags=[{"Key": "team", "Value": "ml"}])
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert made["Tags"] == [{"Key": "team", "Value": "ml"}]
    assert re.fullmatch(
        rf"arn:aws:cloudformation:us-east-1:123456789012:stack/{stack}/[0-9a-f-]{{36}}", made["StackId"]
    )
    first = outputs(made)["First"]
    assert re.fullmatch(rf"{stack}-First-[A-Z0-9]{{12}}", first)
    assert value(cloud, first) == "hello"
    assert outputs(made)["Second"] == f"{first}: hello"
    assert happened(cloud, stack) == [
        (stack, "CREATE_IN_PROGRESS"),
        ("First", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_COMPLETE"),
        ("Second", "CREATE_IN_PROGRESS"),
        ("Second", "CREATE_IN_PROGRESS"),
        ("Second", "CREATE_COMPLETE"),
        (stack, "CREATE_COMPLETE"),
    ]


def test_waiters_wait_for_each_end(cloud: LocalCloud, stack: str) -> None:
    cloudformation = cloud.client("cloudformation")
    stack_id = cloudformation.create_stack(StackName=stack, TemplateBody=SETTINGS)["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack)
    cloudformation.update_stack(StackName=stack, UsePreviousTemplate=True, Parameters=parameters({"Value": "two"}))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack)
    change_set = cloudformation.create_change_set(
        StackName=stack, ChangeSetName="next", UsePreviousTemplate=True, Parameters=parameters({"Value": "three"})
    )
    cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=change_set["Id"])
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_id)
    with pytest.raises(ClientError, match=f"Stack with id {stack} does not exist"):
        cloudformation.describe_stacks(StackName=stack)
    statuses = {each["StackId"]: each["StackStatus"] for each in cloudformation.list_stacks()["StackSummaries"]}
    assert statuses[stack_id] == "DELETE_COMPLETE"
    deleted = cloudformation.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert stack_id in {each["StackId"] for each in deleted}


def test_a_waiter_is_told_of_a_failure_at_once(cloud: LocalCloud, stack: str) -> None:
    cloud.client("cloudformation").create_stack(StackName=stack, TemplateBody=BROKEN)
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        cloud.client("cloudformation").get_waiter("stack_create_complete").wait(StackName=stack)


def test_a_stack_that_cannot_be_made_leaves_nothing_behind(cloud: LocalCloud, stack: str) -> None:
    made = create(cloud, stack, BROKEN)
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Bad"
    assert "NoSuchType" in failed["ResourceStatusReason"]
    (turn,) = [event for event in events if event["ResourceStatus"] == "ROLLBACK_IN_PROGRESS"]
    assert turn["ResourceStatusReason"].startswith("The following resource(s) failed to create: [Bad].")
    assert ("First", "DELETE_COMPLETE") in happened(cloud, stack)
    first = next(event["PhysicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_COMPLETE")
    with pytest.raises(ClientError, match="ParameterNotFound"):
        value(cloud, first)
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        update(cloud, stack, SETTINGS)


@pytest.mark.parametrize(("on_failure", "status"), [("DO_NOTHING", "CREATE_FAILED"), ("DELETE", "DELETE_COMPLETE")])
def test_what_a_failed_creation_leaves_is_as_it_was_asked_for(
    cloud: LocalCloud, name: str, on_failure: str, status: str
) -> None:
    cloudformation = cloud.client("cloudformation")
    stack_id = cloudformation.create_stack(StackName=name, TemplateBody=BROKEN, OnFailure=on_failure)["StackId"]
    assert settled(cloud, stack_id)["StackStatus"] == status
    if status == "CREATE_FAILED":
        assert delete(cloud, name)["StackStatus"] == "DELETE_COMPLETE"


def test_an_update_changes_in_place_what_can_be(cloud: LocalCloud, stack: str) -> None:
    first = outputs(create(cloud, stack, SETTINGS))["First"]
    changed = update(cloud, stack, None, {"Value": "two"})
    assert changed["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(changed) == {"First": first, "Second": f"{first}: two"}
    assert value(cloud, first) == "two"
    with pytest.raises(ClientError, match=r"No updates are to be performed\."):
        update(cloud, stack, None, {"Value": "two"})


def test_a_replacement_is_there_before_what_it_replaces_goes(cloud: LocalCloud, stack: str) -> None:
    first = outputs(create(cloud, stack, SETTINGS))["First"]
    changed = update(cloud, stack, None, {"Name": f"/{stack}/first"})
    assert outputs(changed)["First"] == f"/{stack}/first"
    assert happened(cloud, stack)[-10:] == [
        (stack, "UPDATE_IN_PROGRESS"),
        ("First", "UPDATE_IN_PROGRESS"),
        ("First", "UPDATE_IN_PROGRESS"),
        ("First", "UPDATE_COMPLETE"),
        ("Second", "UPDATE_IN_PROGRESS"),
        ("Second", "UPDATE_COMPLETE"),
        (stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("First", "DELETE_IN_PROGRESS"),
        ("First", "DELETE_COMPLETE"),
        (stack, "UPDATE_COMPLETE"),
    ]
    with pytest.raises(ClientError, match="ParameterNotFound"):
        value(cloud, first)
    resources = cloud.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    assert {each["LogicalResourceId"]: each["ResourceStatus"] for each in resources} == {
        "First": "UPDATE_COMPLETE",
        "Second": "UPDATE_COMPLETE",
    }


def test_a_failed_update_goes_back_to_what_was(cloud: LocalCloud, stack: str) -> None:
    kept = SETTINGS.replace("Outputs:", "  Extra:\n    Type: AWS::SNS::Topic\nOutputs:")
    before = create(cloud, stack, kept)
    first = outputs(before)["First"]
    # Another name and another value; what fails comes last.
    broken = SETTINGS.replace(
        "Outputs:",
        """  New:
    Type: AWS::SNS::Topic
  Bad:
    Type: AWS::SSM::Parameter
    DependsOn: [New, Second]
    Properties: {Type: NoSuchType, Value: x}
Outputs:""",
    )
    after = update(cloud, stack, broken, {"Value": "two", "Name": f"/{stack}/other"})
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(after) == outputs(before)
    assert value(cloud, first) == "one"
    second = cloud.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="Second")
    assert value(cloud, second["StackResourceDetail"]["PhysicalResourceId"]) == f"{first}: one"
    with pytest.raises(ClientError, match="ParameterNotFound"):
        value(cloud, f"/{stack}/other")
    topics = [topic["TopicArn"] for topic in cloud.client("sns").list_topics()["Topics"] if stack in topic["TopicArn"]]
    assert len(topics) == 1  # the one that the update would have removed
    # It can be updated again.
    assert update(cloud, stack, kept, {"Value": "three"})["StackStatus"] == "UPDATE_COMPLETE"


def test_what_has_a_name_of_its_own_cannot_be_replaced_under_it(cloud: LocalCloud, stack: str) -> None:
    template = """
Parameters: {Rows: {Type: Number, Default: 1}}
Resources:
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: %s
      StateMachineType: %s
      RoleArn: %s
      Definition: {StartAt: Only, States: {Only: {Type: Succeed}}}
"""
    create(cloud, stack, template % (stack, "STANDARD", cloud.role_arn))
    changed = update(cloud, stack, template % (stack, "EXPRESS", cloud.role_arn))
    assert changed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "UPDATE_FAILED"]
    assert failed["ResourceStatusReason"].endswith(f"Rename {stack} and update the stack again.")


def test_what_is_to_be_retained_is(cloud: LocalCloud, name: str) -> None:
    template = SETTINGS.replace("  First:\n    Type", "  First:\n    DeletionPolicy: Retain\n    Type", 1)
    first = outputs(create(cloud, name, template))["First"]
    assert delete(cloud, name)["StackStatus"] == "DELETE_COMPLETE"
    assert value(cloud, first) == "one"
    cloud.client("ssm").delete_parameter(Name=first)


def test_what_cannot_be_deleted_is_told_and_can_be_left(cloud: LocalCloud, name: str) -> None:
    made = create(cloud, name, "Resources: {Bucket: {Type: AWS::S3::Bucket}}\nOutputs: {Name: {Value: !Ref Bucket}}")
    bucket = outputs(made)["Name"]
    cloud.client("s3").put_object(Bucket=bucket, Key="k", Body=b"")
    stack = delete(cloud, name)
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Bucket]."
    cloud.client("cloudformation").delete_stack(StackName=name, RetainResources=["Bucket"])
    assert settled(cloud, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_a_protected_stack_is_not_deleted(cloud: LocalCloud, name: str) -> None:
    create(cloud, name, SETTINGS, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        delete(cloud, name)
    cloud.client("cloudformation").update_termination_protection(StackName=name, EnableTerminationProtection=False)
    assert delete(cloud, name)["StackStatus"] == "DELETE_COMPLETE"


def test_one_stack_imports_what_another_exports(cloud: LocalCloud, name: str) -> None:
    exporting = SETTINGS.replace("Value: !Ref First, ", f"Value: !Ref First, Export: {{Name: {name}}}, ")
    importing = (
        f"Resources: {{P: {{Type: AWS::SSM::Parameter, Properties: {{Type: String, Value: !ImportValue {name}}}}}}}"
    )
    with pytest.raises(ClientError, match=f"No export named {name} found"):
        create(cloud, f"{name}-user", importing)
    create(cloud, name, exporting)
    assert create(cloud, f"{name}-user", importing)["StackStatus"] == "CREATE_COMPLETE"
    cloudformation = cloud.client("cloudformation")
    assert cloudformation.list_imports(ExportName=name)["Imports"] == [f"{name}-user"]
    assert name in {each["Name"] for each in cloudformation.list_exports()["Exports"]}
    with pytest.raises(ClientError, match=f"Export {name} cannot be deleted as it is in use by {name}-user"):
        cloudformation.delete_stack(StackName=name)
    delete(cloud, f"{name}-user")
    delete(cloud, name)


PARAMETERS = """
Parameters:
  Size: {Type: Number, Default: 3, MinValue: 1, MaxValue: 5}
  Kind: {Type: String, Default: small, AllowedValues: [small, large]}
  Code: {Type: String, Default: ab, AllowedPattern: "[a-z]+", MaxLength: 3}
  Told: {Type: String, Default: x, AllowedPattern: "[a-z]", ConstraintDescription: one small letter}
  Secret: {Type: String, NoEcho: true}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Rules:
  LargeOnes:
    RuleCondition: !Equals [!Ref Kind, large]
    Assertions:
      - Assert: !Not [!Equals [!Ref Size, "1"]]
        AssertDescription: large ones have more than one
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Select [1, !Ref Zones], Description: !Ref Secret}}
"""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"Parameters: \[Secret\] must have values"),
        ({"Secret": "s", "Sise": 3}, r"Parameters: \[Sise\] do not exist in the template"),
        ({"Secret": "s", "Size": 6}, "Parameter 'Size' must be a number not greater than 5"),
        ({"Secret": "s", "Size": -1}, "Parameter 'Size' must be a number not less than 1"),
        ({"Secret": "s", "Size": "many"}, "Parameter 'Size' must be a number"),
        ({"Secret": "s", "Kind": "tiny"}, r"Parameter 'Kind' must be one of AllowedValues \(small, large\)"),
        ({"Secret": "s", "Code": "A"}, r"Parameter 'Code' must match pattern \[a-z\]\+"),
        ({"Secret": "s", "Code": "abcd"}, "Parameter 'Code' must contain at most 3 characters"),
        ({"Secret": "s", "Told": "XY"}, "Parameter 'Told' failed to satisfy constraint: one small letter"),
        ({"Secret": "s", "Kind": "large", "Size": 1}, "large ones have more than one"),
    ],
)
def test_a_parameter_that_breaks_its_rule_is_refused(
    cloud: LocalCloud, name: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        create(cloud, name, PARAMETERS, values)
    with pytest.raises(ClientError, match="does not exist"):
        settled(cloud, name)


def test_a_secret_is_never_shown(cloud: LocalCloud, stack: str) -> None:
    made = create(cloud, stack, PARAMETERS, {"Secret": "pssst-42"})
    assert {"ParameterKey": "Secret", "ParameterValue": "****"} in made["Parameters"]
    change_set = cloud.client("cloudformation").create_change_set(
        StackName=stack, ChangeSetName="c", UsePreviousTemplate=True, Parameters=parameters({"Secret": "pssst-43"})
    )
    shown = cloud.client("cloudformation").describe_change_set(
        ChangeSetName=change_set["Id"], IncludePropertyValues=True
    )
    assert shown["Changes"]
    assert "pssst" not in json.dumps(shown, default=str)


def test_a_parameter_can_come_from_the_parameter_store(cloud: LocalCloud, stack: str) -> None:
    cloud.client("ssm").put_parameter(Name=f"/{stack}/given", Type="String", Value="kept there")
    template = """
Parameters: {Given: {Type: "AWS::SSM::Parameter::Value<String>"}}
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub "${Given}, {{resolve:ssm:/%s/given}}"}}
Outputs: {Value: {Value: !GetAtt P.Value}}
"""
    made = create(cloud, stack, template % stack, {"Given": f"/{stack}/given"})
    assert outputs(made)["Value"] == "kept there, kept there"
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/no/such\] from parameter store"):
        create(cloud, f"{stack}-2", template % stack, {"Given": "/no/such"})


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "Member must have length greater than or equal to 1"),
        ("Resources: [", "not valid YAML"),
        ("Resources: {}", "At least one Resources member must be defined"),
        ("Resorces: {}", "has no Resources"),
        ("Resources: {T: {Type: AWS::SNS::Topic}}\nOutput: {}", r"Invalid template property or properties \[Output\]"),
        ("Resources: {V: {Type: AWS::EC2::VPC}}", r"Unrecognized resource types: \[AWS::EC2::VPC\]"),
        (
            "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Nobody}}}",
            r"Unresolved resource dependencies \[Nobody\] in the Resources block",
        ),
        (
            "Resources: {T: {Type: AWS::SNS::Topic, DependsOn: Nobody}}",
            r"Unresolved resource dependencies \[Nobody\]",
        ),
        (
            "Resources: {T: {Type: AWS::SNS::Topic, Properties: {Displayname: x}}}",
            r"T \(AWS::SNS::Topic\): Encountered unsupported property Displayname",
        ),
        (
            "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: String}}}",
            r"P \(AWS::SSM::Parameter\): Property validation failure: \[Value\] is required",
        ),
        ("Resources: {T: {Type: AWS::SNS::Topic, Condition: Nothing}}", "Unresolved condition dependency Nothing"),
        (
            "Resources: {A: {Type: AWS::SNS::Topic, DependsOn: B}, B: {Type: AWS::SNS::Topic, DependsOn: A}}",
            "in a circle",
        ),
        ("Transform: MyMacro\nResources: {T: {Type: AWS::SNS::Topic}}", "No transform named MyMacro found"),
    ],
)
def test_a_template_that_cannot_be_made_is_refused(cloud: LocalCloud, name: str, template: str, message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        create(cloud, name, template)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="does not exist"):
        settled(cloud, name)


ROLE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      %s
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: Read
          PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: s3:GetObject, Resource: "*"}]}
"""


@pytest.mark.parametrize(
    ("named", "given", "lacking"),
    [
        ("Description: x", [], "CAPABILITY_IAM"),
        ("RoleName: a-role-of-its-own", ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ],
)
def test_a_role_has_to_be_acknowledged(
    cloud: LocalCloud, name: str, named: str, given: list[str], lacking: str
) -> None:
    with pytest.raises(ClientError, match=rf"Requires capabilities : \[{lacking}\]") as refused:
        create(cloud, name, ROLE % named, Capabilities=given)
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
    assert create(cloud, name, ROLE % named, Capabilities=[lacking])["StackStatus"] == "CREATE_COMPLETE"
    changed = update(cloud, name, (ROLE % named).replace("Read", "See"), Capabilities=[lacking])
    assert changed["StackStatus"] == "UPDATE_COMPLETE"
    (role,) = cloud.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    assert cloud.client("iam").list_role_policies(RoleName=role["PhysicalResourceId"])["PolicyNames"] == ["See"]
    delete(cloud, name)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        cloud.client("iam").get_role(RoleName=role["PhysicalResourceId"])


SERVERLESS = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Word: {Type: String, Default: hello}}
Resources:
  Answer:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: |
        import os
        def handler(event, context):
            return os.environ["WORD"]
      Environment: {Variables: {WORD: !Ref Word}}
Outputs: {Name: {Value: !Ref Answer}}
"""


def test_a_serverless_template_is_transformed(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_AUTO_EXPAND\]"):
        create(cloud, name, SERVERLESS, Capabilities=["CAPABILITY_IAM"])
    both = {"Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
    function = outputs(create(cloud, name, SERVERLESS, **both))["Name"]

    def answer() -> Any:
        return json.load(cloud.client("lambda").invoke(FunctionName=function)["Payload"])

    assert answer() == "hello"
    update(cloud, name, None, {"Word": "good day"}, **both)
    assert answer() == "good day"
    cloudformation = cloud.client("cloudformation")
    processed = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
    kinds = {each["Type"] for each in processed["Resources"].values()}
    assert kinds == {"AWS::Lambda::Function", "AWS::IAM::Role"}
    assert cloudformation.get_template(StackName=name)["TemplateBody"] == SERVERLESS
    delete(cloud, name)


def test_a_template_is_told_of_before_it_is_used(cloud: LocalCloud) -> None:
    cloudformation = cloud.client("cloudformation")
    summary = cloudformation.get_template_summary(TemplateBody=PARAMETERS)
    sizes = {each["ParameterKey"]: each for each in summary["Parameters"]}
    assert sizes["Size"]["ParameterType"] == "Number"
    assert sizes["Kind"]["ParameterConstraints"] == {"AllowedValues": ["small", "large"]}
    assert sizes["Secret"]["NoEcho"] is True
    assert "DefaultValue" not in sizes["Secret"]
    assert summary["ResourceTypes"] == ["AWS::SSM::Parameter"]
    validated = cloudformation.validate_template(TemplateBody=ROLE % "RoleName: x")
    assert validated["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert "AWS::IAM::Role" in validated["CapabilitiesReason"]


def test_a_template_can_lie_in_s3(cloud: LocalCloud, stack: str) -> None:
    uri = cloud.put("templates/settings.yml", SETTINGS)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateURL=f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}")
    assert settled(cloud, stack)["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="S3 error"):
        cloudformation.validate_template(TemplateURL=f"https://s3.amazonaws.com/{bucket}/none.yml")


def test_a_name_can_be_given_once(cloud: LocalCloud, stack: str) -> None:
    create(cloud, stack, SETTINGS)
    with pytest.raises(ClientError, match=rf"Stack \[{stack}\] already exists") as taken:
        create(cloud, stack, SETTINGS)
    assert taken.value.response["Error"]["Code"] == "AlreadyExistsException"


def test_resources_are_made_in_the_name_of_who_asks_or_of_the_role_that_is_given(cloud: LocalCloud, stack: str) -> None:
    iam, sts = cloud.client("iam"), cloud.client("sts")

    def role(end: str, service: dict[str, str], actions: list[str]) -> str:
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}],
        }
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        made = iam.create_role(RoleName=f"{stack}-{end}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=f"{stack}-{end}", PolicyName="P", PolicyDocument=json.dumps(policy))
        return str(made)

    deployer = role("deployer", {"AWS": "123456789012"}, ["cloudformation:*", "iam:PassRole"])
    maker = role("maker", {"Service": "cloudformation.amazonaws.com"}, ["ssm:*"])
    keys = sts.assume_role(RoleArn=deployer, RoleSessionName="s")["Credentials"]
    cloudformation = boto3.client(
        "cloudformation",
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    cloudformation.create_stack(StackName=stack, TemplateBody=SETTINGS)
    assert settled(cloud, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    assert any(
        f"{stack}-deployer/s is not authorized to perform: ssm:PutParameter" in event.get("ResourceStatusReason", "")
        for event in events
    )
    cloudformation.delete_stack(StackName=stack)
    wait_until(lambda: stack not in str(cloudformation.describe_stacks()))
    cloudformation.create_stack(StackName=stack, TemplateBody=SETTINGS, RoleARN=maker)
    assert settled(cloud, stack)["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.close()
    with pytest.raises(ClientError, match="is invalid or cannot be assumed"):
        create(cloud, f"{stack}-2", SETTINGS, RoleARN=deployer)


def test_an_operation_that_is_not_run_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="CreateStackSet is not run by the local cloud"):
        cloud.client("cloudformation").create_stack_set(StackSetName="s")
    with pytest.raises(ClientError, match="CreateStack with StackPolicyBody is not run"):
        cloud.client("cloudformation").create_stack(StackName="s", TemplateBody=SETTINGS, StackPolicyBody="{}")
