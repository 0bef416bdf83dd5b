"""What is stored and nothing more: experiments, trials, trial components, model cards."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_cloud import LocalCloud


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    found: str = error.value.response["Error"]["Code"]
    return found


def test_experiments_have_trials_and_these_have_components(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    client.create_experiment(ExperimentName=name, Description="which is best", Tags=[{"Key": "a", "Value": "b"}])
    client.create_trial(TrialName=f"{name}-t", ExperimentName=name)
    client.create_trial_component(TrialComponentName=f"{name}-c", Parameters={"depth": {"NumberValue": 3.0}})
    client.create_trial_component(TrialComponentName=f"{name}-other")
    client.associate_trial_component(TrialComponentName=f"{name}-c", TrialName=f"{name}-t")

    assert client.describe_experiment(ExperimentName=name)["Description"] == "which is best"
    assert client.describe_trial(TrialName=f"{name}-t")["ExperimentName"] == name
    assert client.list_experiments()["ExperimentSummaries"][0]["ExperimentName"] == name
    trials = client.list_trials(ExperimentName=name, TrialComponentName=f"{name}-c")["TrialSummaries"]
    assert [trial["TrialName"] for trial in trials] == [f"{name}-t"]
    for within in ({"TrialName": f"{name}-t"}, {"ExperimentName": name}):
        components = client.list_trial_components(**within)["TrialComponentSummaries"]
        assert [component["TrialComponentName"] for component in components] == [f"{name}-c"]

    with pytest.raises(ClientError, match="has trials"):
        client.delete_experiment(ExperimentName=name)
    with pytest.raises(ClientError, match="has trial components"):
        client.delete_trial(TrialName=f"{name}-t")
    with pytest.raises(ClientError, match="is in trials"):
        client.delete_trial_component(TrialComponentName=f"{name}-c")
    client.disassociate_trial_component(TrialComponentName=f"{name}-c", TrialName=f"{name}-t")
    client.delete_trial_component(TrialComponentName=f"{name}-c")
    client.delete_trial(TrialName=f"{name}-t")
    client.delete_experiment(ExperimentName=name)
    with pytest.raises(ClientError, match=f"Experiment '{name}' does not exist") as missing:
        client.describe_experiment(ExperimentName=name)
    assert code(missing) == "ResourceNotFound"


def test_metrics_are_put_to_a_component_and_summed_up(cloud: LocalCloud, name: str) -> None:
    client, metrics = cloud.client("sagemaker"), cloud.client("sagemaker-metrics")
    client.create_experiment(ExperimentName=name)
    client.create_trial(TrialName=name, ExperimentName=name)
    client.create_trial_component(TrialComponentName=name)
    client.associate_trial_component(TrialComponentName=name, TrialName=name)
    for step, value in enumerate([4.0, 1.0, 1.0]):
        entry = {"MetricName": "loss", "Timestamp": 1_800_000_000 + step, "Step": step, "Value": value}
        assert not metrics.batch_put_metrics(TrialComponentName=name, MetricData=[entry]).get("Errors")

    component = client.describe_trial_component(TrialComponentName=name)
    (loss,) = component["Metrics"]
    assert loss.pop("TimeStamp") == datetime.datetime.fromtimestamp(1_800_000_002, tz=datetime.UTC)
    assert loss.pop("StdDev") == pytest.approx(2**0.5)
    assert loss == {
        "MetricName": "loss",
        "SourceArn": component["TrialComponentArn"],
        "Max": 4.0,
        "Min": 1.0,
        "Last": 1.0,
        "Count": 3,
        "Avg": 2.0,
    }
    within = {"Filters": [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": name}]}
    (found,) = client.search(Resource="ExperimentTrialComponent", SearchExpression=within)["Results"]
    assert found["TrialComponent"]["Parents"] == [{"TrialName": name, "ExperimentName": name}]

    entry = {"MetricName": "loss", "Timestamp": 0, "Value": 1.0}
    with pytest.raises(ClientError, match="does not exist"):
        metrics.batch_put_metrics(TrialComponentName="no-such-component", MetricData=[entry])
    with pytest.raises(ClientError, match=r"'NaN' at 'metricData\.1\.member\.value'"):
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=[{**entry, "Value": float("nan")}])
    query = {"MetricName": "loss", "ResourceArn": component["TrialComponentArn"], "MetricStat": "Last"}
    with pytest.raises(ClientError, match="BatchGetMetrics is not run by the local cloud"):
        metrics.batch_get_metrics(MetricQueries=[{**query, "Period": "OneMinute", "XAxisType": "Timestamp"}])


def test_what_is_said_of_them_can_be_changed(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    client.create_experiment(ExperimentName=name)
    client.create_trial(TrialName=name, ExperimentName=name)
    client.update_experiment(ExperimentName=name, DisplayName="Shown", Description="said later")
    client.update_trial(TrialName=name, DisplayName="Shown-too")
    assert client.describe_experiment(ExperimentName=name)["DisplayName"] == "Shown"
    assert client.describe_trial(TrialName=name)["DisplayName"] == "Shown-too"

    began = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    client.create_trial_component(
        TrialComponentName=name, Parameters={"a": {"StringValue": "x"}, "b": {"NumberValue": 1.0}}
    )
    client.update_trial_component(
        TrialComponentName=name,
        Status={"PrimaryStatus": "Completed"},
        StartTime=began,
        Parameters={"b": {"NumberValue": 2.0}},
        ParametersToRemove=["a"],
    )
    component = client.describe_trial_component(TrialComponentName=name)
    assert component["Parameters"] == {"b": {"NumberValue": 2.0}}
    assert component["StartTime"] == began
    assert component["Status"] == {"PrimaryStatus": "Completed"}
    with pytest.raises(ClientError, match=r"names must be unique .* already exists") as taken:
        client.create_experiment(ExperimentName=name)
    assert code(taken) == "ValidationException"
    with pytest.raises(ClientError, match="does not exist") as missing:
        client.create_trial(TrialName=f"{name}-2", ExperimentName="nobody-s")
    assert code(missing) == "ResourceNotFound"


def test_a_model_card_keeps_its_versions(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")

    def create(content: str) -> Any:
        return client.create_model_card(ModelCardName=name, Content=content, ModelCardStatus="Draft")

    for content in ("not JSON", "[]"):
        with pytest.raises(ClientError, match="has to be"):
            create(content)
    create('{"model_overview": {}}')
    client.update_model_card(ModelCardName=name, ModelCardStatus="Approved")
    client.update_model_card(ModelCardName=name, Content='{"intended_uses": {}}')
    card = client.describe_model_card(ModelCardName=name)
    assert (card["ModelCardVersion"], card["ModelCardStatus"]) == (3, "Approved")
    assert card["Content"] == '{"intended_uses": {}}'
    first = client.describe_model_card(ModelCardName=name, ModelCardVersion=1)
    assert (first["ModelCardStatus"], first["Content"]) == ("Draft", '{"model_overview": {}}')
    listed = client.list_model_card_versions(ModelCardName=name, MaxResults=2)
    assert [each["ModelCardVersion"] for each in listed["ModelCardVersionSummaryList"]] == [3, 2]
    rest = client.list_model_card_versions(ModelCardName=name, MaxResults=2, NextToken=listed["NextToken"])
    assert [each["ModelCardVersion"] for each in rest["ModelCardVersionSummaryList"]] == [1]
    approved = client.list_model_cards(ModelCardStatus="Approved", NameContains=name)["ModelCardSummaries"]
    assert [each["ModelCardName"] for each in approved] == [name]
    with pytest.raises(ClientError, match="already exists"):
        create("{}")
    with pytest.raises(ClientError, match="has no version 4"):
        client.describe_model_card(ModelCardName=name, ModelCardVersion=4)
    client.delete_model_card(ModelCardName=name)
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_model_card(ModelCardName=name)
