"""template.yaml: that AWS's own transform takes it, and that no role may do more than it needs."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE = yaml_parse(TEXT)
RESOURCES = TEMPLATE["Resources"]

# What has no resource to name, so that a statement for it can only say `*`.
WITHOUT_RESOURCE = {
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModelPackageGroups",
    "sagemaker:ListModels",
    "sagemaker:ListTransformJobs",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


FUNCTIONS = of_type("AWS::Serverless::Function")
MACHINES = of_type("AWS::Serverless::StateMachine")
ROLES = of_type("AWS::IAM::Role")
BUCKETS = of_type("AWS::S3::Bucket")
STATEMENTS = {
    f"{role}/{statement['Sid']}": statement
    for role, properties in ROLES.items()
    for policy in properties["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]
}


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    # As `sam deploy` does before AWS transforms: what lies here is uploaded.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/functions.zip"
    for name in MACHINES:
        template["Resources"][name]["Properties"]["DefinitionUri"] = "s3://bucket/definition.json"
    policies = Mock(load=dict)  # the template uses none of AWS's managed policies
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "mars-west-1")
        return transform(template, {}, policies)["Resources"]


def test_it_transforms_without_a_network(transformed):
    assert "AWS::Serverless" not in json.dumps(transformed)
    assert {name for name, r in transformed.items() if r["Type"] == "AWS::Lambda::Function"} == set(FUNCTIONS)
    assert {name for name, r in transformed.items() if r["Type"] == "AWS::StepFunctions::StateMachine"} == set(MACHINES)


def test_the_transform_adds_no_role_of_its_own(transformed):
    assert {name for name, r in transformed.items() if r["Type"].startswith("AWS::IAM::")} == set(ROLES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_module_its_role_and_its_log_group(name):
    module, _, handler = FUNCTIONS[name]["Handler"].partition(".")
    assert handler == "handler"
    assert (ROOT / "lambdas" / f"{module}.py").is_file()
    stem = name.removesuffix("Function")
    assert FUNCTIONS[name]["Role"] == {"Fn::GetAtt": [f"{stem}Role", "Arn"]}
    assert FUNCTIONS[name]["LoggingConfig"] == {"LogGroup": {"Ref": f"{stem}LogGroup"}}


def test_no_two_things_share_a_role():
    used = [
        role
        for resource in RESOURCES.values()
        for role in roles_in(resource["Properties"])
        if resource["Type"] != "AWS::Scheduler::Schedule"  # they differ in nothing but the recipe that they name
    ]
    assert sorted([*used, "SageMakerExecutionRole", "ScheduleRole", "HousekeepingScheduleRole"]) == sorted(ROLES)


def roles_in(value: Any) -> list[str]:
    """Return the roles that a resource's properties give to something: a function, a machine, a rule's target."""
    if isinstance(value, list):
        return [role for item in value for role in roles_in(item)]
    if not isinstance(value, dict):
        return []
    given = [value[key]["Fn::GetAtt"][0] for key in ("Role", "RoleArn") if key in value]
    return given + [role for item in value.values() for role in roles_in(item)]


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_logs_are_not_kept_for_ever(name):
    assert of_type("AWS::Logs::LogGroup")[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_roles_have_nothing_but_their_own_statements():
    for properties in ROLES.values():
        assert "ManagedPolicyArns" not in properties
    assert "FullAccess" not in TEXT


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_names_its_actions_and_resources(name):
    actions = as_list(STATEMENTS[name]["Action"])
    resources = as_list(STATEMENTS[name]["Resource"])
    assert not [action for action in actions if "*" in action or "?" in action]
    if "*" in resources:
        assert set(actions) <= WITHOUT_RESOURCE
        assert resources == ["*"]


def test_a_resource_of_everything_says_why():
    for line in TEXT.splitlines():
        if re.search(r'(Resource|Principal): "\*"', line):
            assert re.search(r"  # \w+", line), line


def test_a_role_is_passed_to_sagemaker_only():
    passing = {name: s for name, s in STATEMENTS.items() if "iam:PassRole" in as_list(s["Action"])}
    assert list(passing) == ["TrainAndDeployRole/GiveJobsTheirRole", "DeployCandidateRole/GiveRoleToSageMaker"]
    for statement in passing.values():
        assert statement["Action"] == "iam:PassRole"
        assert statement["Resource"] == {"Fn::GetAtt": ["SageMakerExecutionRole", "Arn"]}
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_may_invoke_exactly_the_functions_that_it_names(name):
    resources = STATEMENTS[f"{name.removesuffix('StateMachine')}Role/InvokeFunctions"]["Resource"]
    given = MACHINES[name]["DefinitionSubstitutions"].values()
    named = {value["Fn::GetAtt"][0] for value in given if "Fn::GetAtt" in value}
    assert sorted(r["Fn::GetAtt"][0] for r in resources) == sorted(named & FUNCTIONS.keys())


def test_the_machine_may_call_what_its_states_call():
    definition = (ROOT / "workflows/train_and_deploy.asl.json").read_text()
    integrations = re.findall(r"states:::(?:aws-sdk:)?sagemaker:(\w+)", definition)
    called = {f"sagemaker:{api[0].upper()}{api[1:]}" for api in integrations}
    for job in re.findall(r"states:::sagemaker:create(\w+)\.sync", definition):
        called |= {f"sagemaker:Describe{job}", f"sagemaker:Stop{job}"}
    allowed = {
        action
        for name, statement in STATEMENTS.items()
        if name.startswith("TrainAndDeployRole/")
        for action in as_list(statement["Action"])
        if action.startswith("sagemaker:")
    }
    assert allowed - called == {"sagemaker:AddTags", "sagemaker:ListTags"}
    assert called <= allowed


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_encrypted_private_versioned_and_tls_only(name):
    bucket = BUCKETS[name]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (statement,) = RESOURCES[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"


def test_uploads_reach_eventbridge():
    assert BUCKETS["DataBucket"]["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }


def test_models_of_runs_never_expire():
    for rule in BUCKETS["ArtifactBucket"]["LifecycleConfiguration"]["Rules"]:
        assert "ExpirationInDays" not in rule or rule["Prefix"] in {"captures/", "housekeeping/"}


def test_every_parameter_has_a_default():
    assert [name for name, parameter in TEMPLATE["Parameters"].items() if "Default" not in parameter] == []


def test_the_outputs_are_those_that_tools_read():
    assert set(TEMPLATE["Outputs"]) == {
        "TrainAndDeployStateMachineArn",
        "ReleaseStateMachineArn",
        "CleanUpStateMachineArn",
        "HousekeepingStateMachineArn",
        "ArtifactBucketName",
        "DataBucketName",
        "NotificationTopicArn",
        "SageMakerExecutionRoleArn",
        "RunsApiUrl",
        "RunsApiId",
    }


def test_every_alarm_tells_the_topic_and_can_be_switched_off():
    alarms = {name: r for name, r in RESOURCES.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(alarms) >= 6
    for name, alarm in alarms.items():
        assert alarm["Condition"] == "HasAlarms", name
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "NotificationTopic"}], name
        assert alarm["Properties"]["TreatMissingData"], name


def test_the_dashboards_own_metrics_are_those_that_functions_publish():
    body = RESOURCES["SwitchyardDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body.replace("${!", "${"))["widgets"]
    rows = [row for widget in widgets for row in widget["properties"]["metrics"]]
    searches = [row[0]["expression"] for row in rows if isinstance(row[0], dict)]
    own = {re.findall(r'MetricName="(\w+)"', search)[0] for search in searches if "{Switchyard," in search}
    own |= {row[1] for row in rows if row[0] in ("Switchyard", ".") and str(row[1]).startswith(("Runs", "Releases"))}
    assert own >= {
        "RunsDeployed",
        "ReleasesDone",
        "ModelsDeployed",
        "RunDuration",
        "GatePassed",
        "RowsPredicted",
        "test_rmse",
    }
    code = "".join(path.read_text() for path in (ROOT / "lambdas").rglob("*.py"))
    assert {name for name in own if f'"{name}"' not in code and not name.startswith("test_")} == set()
