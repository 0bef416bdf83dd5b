from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.cloud.local_cloud import HERE, LocalCloud, wait_until
from tests.cloud.stacks import alarm, create, delete, outputs, parameters, preview, settled, update

TEMPLATE = """
Parameters:
  Value: {Type: String, Default: one}
  Group: {Type: String, Default: a}
Resources:
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Ref Value}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/${AWS::StackName}/${Group}", RetentionInDays: 7}
  Place:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Ref Logs}
  Named:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub "${Logs}/name", Type: String, Value: x}
"""


@pytest.fixture
def stack(cloud: LocalCloud, name: str) -> Iterator[str]:
    create(cloud, name, TEMPLATE)
    yield name
    delete(cloud, name)


def by_name(change_set: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A change set's changes by logical id."""
    return {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in change_set["Changes"]}


def test_a_stack_is_made_by_a_change_set(cloud: LocalCloud, name: str) -> None:
    cloudformation = cloud.client("cloudformation")
    change_set = preview(cloud, name, TEMPLATE, ChangeSetType="CREATE")
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    (reviewed,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert reviewed["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert {key: change["Action"] for key, change in by_name(change_set).items()} == dict.fromkeys(
        ["Setting", "Logs", "Place", "Named"], "Add"
    )
    assert json.loads(by_name(change_set)["Setting"]["AfterContext"]) == {
        "Properties": {"Type": "String", "Value": "one"}
    }
    cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    assert settled(cloud, name)["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="already exists and cannot be created again"):
        preview(cloud, name, TEMPLATE, ChangeSetType="CREATE")
    delete(cloud, name)


def test_a_stack_that_only_was_reviewed_is_gone_at_once(cloud: LocalCloud, name: str) -> None:
    preview(cloud, name, TEMPLATE, ChangeSetType="CREATE")
    assert delete(cloud, name)["StackStatus"] == "DELETE_COMPLETE"


def test_a_change_in_place_names_what_causes_it(cloud: LocalCloud, stack: str) -> None:
    change = by_name(preview(cloud, stack, TEMPLATE, {"Value": "two"}))
    assert list(change) == ["Setting"]
    setting = change["Setting"]
    assert (setting["Action"], setting["Replacement"], setting["Scope"]) == ("Modify", "False", ["Properties"])
    (detail,) = setting["Details"]
    assert detail["ChangeSource"] == "ParameterReference"
    assert detail["CausingEntity"] == "Value"
    assert detail["Evaluation"] == "Static"
    target = detail["Target"]
    assert (target["Attribute"], target["Name"], target["RequiresRecreation"]) == ("Properties", "Value", "Never")
    assert (target["BeforeValue"], target["AfterValue"]) == ("one", "two")
    # Without being asked for, values are not told.
    listed = cloud.client("cloudformation").list_change_sets(StackName=stack)["Summaries"]
    plain = cloud.client("cloudformation").describe_change_set(ChangeSetName=listed[0]["ChangeSetId"])
    assert "BeforeValue" not in plain["Changes"][0]["ResourceChange"]["Details"][0]["Target"]


def test_a_replacement_and_what_it_may_cause_are_told_apart(cloud: LocalCloud, stack: str) -> None:
    changes = by_name(preview(cloud, stack, TEMPLATE, {"Group": "b"}))
    assert {name: change["Replacement"] for name, change in changes.items()} == {
        "Logs": "True",  # by a value that is known
        "Place": "False",  # its value can change in place
        "Named": "Conditional",  # its name comes of what is still to be made
    }
    assert changes["Logs"]["PolicyAction"] == "ReplaceAndDelete"
    assert changes["Logs"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    (place,) = changes["Place"]["Details"]
    assert (place["Evaluation"], place["ChangeSource"], place["CausingEntity"]) == (
        "Dynamic",
        "ResourceReference",
        "Logs",
    )
    assert place["Target"]["AfterValue"] == "{{changeSet:KNOWN_AFTER_APPLY}}"


def test_what_comes_and_goes_is_told(cloud: LocalCloud, stack: str) -> None:
    changed = TEMPLATE.replace("  Named:", "  Other:").replace("RetentionInDays: 7", "RetentionInDays: 14")
    changes = by_name(preview(cloud, stack, changed))
    assert {name: change["Action"] for name, change in changes.items()} == {
        "Logs": "Modify",
        "Other": "Add",
        "Named": "Remove",
    }
    (detail,) = changes["Logs"]["Details"]
    assert detail["ChangeSource"] == "DirectModification"
    assert "CausingEntity" not in detail
    assert changes["Named"]["PolicyAction"] == "Delete"


def test_a_change_set_is_executed_once(cloud: LocalCloud, stack: str) -> None:
    cloudformation = cloud.client("cloudformation")
    first = preview(cloud, stack, TEMPLATE, {"Value": "two"})
    second = preview(cloud, stack, TEMPLATE, {"Value": "three"})
    cloudformation.execute_change_set(ChangeSetName=first["ChangeSetId"])
    assert settled(cloud, stack)["StackStatus"] == "UPDATE_COMPLETE"
    # The others, which were made for the stack as it was, are gone with it.
    for change_set in (first, second):
        with pytest.raises(ClientError, match="does not exist") as refused:
            cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        assert refused.value.response["Error"]["Code"] == "ChangeSetNotFound"


def test_a_change_set_can_be_thrown_away(cloud: LocalCloud, stack: str) -> None:
    cloudformation = cloud.client("cloudformation")
    change_set = preview(cloud, stack, TEMPLATE, {"Value": "two"})
    cloudformation.delete_change_set(ChangeSetName=change_set["ChangeSetName"], StackName=stack)
    assert cloudformation.list_change_sets(StackName=stack)["Summaries"] == []
    assert settled(cloud, stack)["StackStatus"] == "CREATE_COMPLETE"


def test_a_change_set_without_changes_fails(cloud: LocalCloud, stack: str) -> None:
    change_set = preview(cloud, stack, TEMPLATE)
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert change_set["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(WaiterError, match="FAILED"):
        cloud.client("cloudformation").get_waiter("change_set_create_complete").wait(
            ChangeSetName=change_set["ChangeSetId"]
        )
    with pytest.raises(ClientError, match="cannot be executed in its current status") as refused:
        cloud.client("cloudformation").execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    assert refused.value.response["Error"]["Code"] == "InvalidChangeSetStatus"


def triggers(arn: str, minutes: int = 0) -> dict[str, Any]:
    """A rollback configuration."""
    return {
        "RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"}],
        "MonitoringTimeInMinutes": minutes,
    }


@pytest.mark.parametrize(("state", "reason"), [("ALARM", "is in ALARM: Somebody says so."), ("", "does not exist")])
def test_a_trigger_that_is_in_alarm_or_missing_takes_an_update_back(
    cloud: LocalCloud, stack: str, state: str, reason: str
) -> None:
    arn = alarm(cloud, stack, state or "OK")
    if not state:
        cloud.client("cloudwatch").delete_alarms(AlarmNames=[stack])
    after = update(cloud, stack, None, {"Value": "two"}, RollbackConfiguration=triggers(arn))
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    (turn,) = [event for event in events if event["ResourceStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS"]
    assert reason in turn["ResourceStatusReason"]
    assert stack in turn["ResourceStatusReason"]


def test_an_alarm_within_the_monitoring_time_takes_an_update_back(cloud: LocalCloud, stack: str) -> None:
    arn = alarm(cloud, stack, "OK")
    cloudformation = cloud.client("cloudformation")
    cloudformation.update_stack(
        StackName=stack,
        UsePreviousTemplate=True,
        Parameters=parameters({"Value": "two", "Group": "b"}),
        RollbackConfiguration=triggers(arn, minutes=100),
    )
    setting = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Setting")
    physical_id = setting["StackResourceDetail"]["PhysicalResourceId"]

    def value() -> str:
        return str(cloud.client("ssm").get_parameter(Name=physical_id)["Parameter"]["Value"])

    wait_until(lambda: value() == "two")
    cloud.client("cloudwatch").set_alarm_state(AlarmName=stack, StateValue="ALARM", StateReason="Too slow.")
    after = settled(cloud, stack)
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert after["RollbackConfiguration"] == {}  # that of what serves
    assert value() == "one"
    groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix=f"/{stack}/")["logGroups"]
    assert [group["logGroupName"] for group in groups] == [f"/{stack}/a"]


def test_an_update_without_an_alarm_waits_for_the_monitoring_time(cloud: LocalCloud, stack: str) -> None:
    arn = alarm(cloud, stack, "OK")
    before = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    assert "LastUpdatedTime" not in before
    after = update(cloud, stack, None, {"Value": "two"}, RollbackConfiguration=triggers(arn, minutes=1))
    assert after["StackStatus"] == "UPDATE_COMPLETE"
    assert after["RollbackConfiguration"]["MonitoringTimeInMinutes"] == 1
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    # A minute takes 0.6 s at this time scale.
    assert (events[0]["Timestamp"] - after["LastUpdatedTime"]).total_seconds() >= 0.6


def test_an_update_can_be_cancelled(cloud: LocalCloud, stack: str) -> None:
    cloudformation = cloud.client("cloudformation")
    cloudformation.update_stack(
        StackName=stack,
        UsePreviousTemplate=True,
        Parameters=parameters({"Value": "two"}),
        RollbackConfiguration={"MonitoringTimeInMinutes": 100},
    )
    with pytest.raises(ClientError, match="is in UPDATE_IN_PROGRESS state and can not be updated"):
        update(cloud, stack, None, {"Value": "three"})
    cloudformation.cancel_update_stack(StackName=stack)
    assert settled(cloud, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="cannot be called from current stack status"):
        cloudformation.cancel_update_stack(StackName=stack)


def test_the_loaded_stack_can_be_previewed_and_not_changed(cloud: LocalCloud) -> None:
    text = (HERE / "template.yaml").read_text()
    changed = text.replace("VersioningConfiguration: {Status: Enabled}", "VersioningConfiguration: {Status: Suspended}")
    acknowledged = {"Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]}
    same = preview(cloud, "trial", text, {"Greeting": "Good day"}, **acknowledged)
    assert set(by_name(same)) <= {"Dashboard", "OddAlarm"}  # which the local cloud could not make
    change_set = preview(cloud, "trial", changed, {"Greeting": "Good night"}, **acknowledged)
    changes = by_name(change_set)
    assert {name for name, change in changes.items() if change["Action"] == "Modify"} == {"DataBucket", "EchoFunction"}
    cloudformation = cloud.client("cloudformation")
    with pytest.raises(ClientError, match="it is the one that this local cloud was started with"):
        cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    with pytest.raises(ClientError, match="it is the one that this local cloud was started with"):
        cloudformation.delete_stack(StackName="trial")
    for each in cloudformation.list_change_sets(StackName="trial")["Summaries"]:
        cloudformation.delete_change_set(ChangeSetName=each["ChangeSetId"])
    assert outputs(settled(cloud, "trial"))["JobRoleArn"] == cloud.role_arn
