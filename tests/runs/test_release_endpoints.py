"""Releases to an endpoint of their own, asked all the while by a client that resolves the name as the example does."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import urllib.parse
from typing import Any

import pytest

from tests.cloud.local_cloud import wait_until
from tests.runs.conftest import ROOT, Caller, Execution, Site
from tests.runs.releases import PATIENT, Models
from tests.runs.test_housekeeping import NOW
from tests.runs.test_release import SHIFTED, copy_of_project, output_of

OWN = {"strategy": "blue-green-endpoints", "bake_seconds": 20, "minimum_requests": 10, "grace_seconds": 60}
_numbers = itertools.count(1)


def resolving(site: Site, recipe: str) -> Any:
    """The example's client."""
    spec = importlib.util.spec_from_file_location("resolve_endpoint", ROOT / "examples/resolve_endpoint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # The cloud's time goes faster than the clock.
    return module.LiveEndpoint("switchyard", recipe, cache_seconds=0.02, session=site)


class Resolving(Caller):
    """A caller that resolves the name."""

    def _call(self) -> None:
        client = resolving(self._site, self._recipe)
        while not self._stop.is_set():
            try:
                answer = client.invoke(ContentType="text/csv", Accept="text/csv", Body=self._body)
                self.answers.append(answer["Body"].read().decode())
            except Exception as error:
                self.errors.append(error)


@pytest.fixture(scope="module")
def models(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models of a recipe whose endpoint is the one that its run has made."""
    return Models.train(site, copy_of_project(tmp_path_factory), "moves")


def parameter(models: Models) -> str | None:
    ssm = models.site.client("ssm")
    try:
        return str(ssm.get_parameter(Name=f"/switchyard/{models.recipe}/endpoint")["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def may_go(models: Models) -> set[str]:
    """What housekeeping would delete, were it told to."""
    site, name = models.site, f"{models.recipe}-housekeeping-{next(_numbers)}"
    started = site.client("stepfunctions").start_execution(
        stateMachineArn=site.outputs["HousekeepingStateMachineArn"], name=name, input=json.dumps(NOW)
    )
    document = urllib.parse.urlsplit(output_of(Execution(site, started["executionArn"], name).wait())["report_uri"])
    report = site.client("s3").get_object(Bucket=document.netloc, Key=document.path[1:])["Body"]
    return {item["name"] for item in json.load(report)["items"]}


def test_clients_are_sent_to_another_endpoint_and_back(models: Models) -> None:
    tags = {"switchyard:project": "switchyard", "switchyard:execution": "long-ago", "switchyard:recipe": models.recipe}
    serving = models.site.client("sagemaker").describe_model(ModelName=f"switchyard-{models.recipe}-trained")
    models.site.client("sagemaker").create_model(
        ModelName="switchyard-spare",
        PrimaryContainer=serving["PrimaryContainer"],
        ExecutionRoleArn=serving["ExecutionRoleArn"],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    cloudwatch = models.site.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="too-few-orders", Namespace="Shop", MetricName="Orders", Statistic="Sum", Period=86400,
        EvaluationPeriods=1, Threshold=0, ComparisonOperator="LessThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    package, left, before = models.package(then=SHIFTED), models.left(), parameter(models)

    with Resolving(models.site, models.recipe, PATIENT) as caller:
        bad = models.release(package, **{**OWN, "bake_seconds": 3600}, alarms=["too-few-orders"])
        wait_until(lambda: len(set(caller.answers)) == 2)  # both have answered
        assert parameter(models) not in (before, models.group)
        # What belongs to the recipe of a running release is left alone.
        assert "switchyard-spare" not in may_go(models)
        cloudwatch.set_alarm_state(AlarmName="too-few-orders", StateValue="ALARM", StateReason="nobody buys")
        back = output_of(bad.wait())

    assert back["status"] == "ROLLED_BACK"
    assert "'too-few-orders' is raised: nobody buys" in back["reasons"][0]
    assert (models.left(), parameter(models)) == (left, before)
    assert caller.errors == []
    cloudwatch.delete_alarms(AlarmNames=["too-few-orders"])
    assert "switchyard-spare" in may_go(models)
    old = models.group

    with Resolving(models.site, models.recipe, PATIENT) as caller:
        good = models.release(models.package(then=SHIFTED), **OWN)
        output = output_of(good.wait())

    assert output["status"] == "RELEASED"
    assert caller.errors == []
    live = output["endpoint_name"]
    assert live == parameter(models) != old
    retired = output["old_endpoint"]
    assert retired["why_kept"] == ""
    trained = f"switchyard-{models.recipe}-trained"
    assert retired["deleted"] == [f"endpoint/{old}", f"endpoint-config/{trained}", f"model/{trained}"]
    made, alarms = models.left()
    assert alarms == []
    assert (old in made["endpoints"], trained in made["configs"], trained in made["models"]) == (False,) * 3
    found = models.site.client("sagemaker").describe_endpoint(EndpointName=live)
    tags = models.site.client("sagemaker").list_tags(ResourceArn=found["EndpointArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {
        "switchyard:project": "switchyard",
        "switchyard:execution": good.name,
        "switchyard:recipe": models.recipe,
    }
    assert models.metadata(output["model_package_arn"])["released_endpoint"] == live

    # A run that deploys by itself does so where clients are sent to.
    run = models.site.start(models.recipe, f"{models.recipe}-again")
    assert output_of(run.wait())["endpoint_name"] == live
    assert models.site.client("sagemaker").describe_endpoint(EndpointName=live)["EndpointConfigName"] == (
        f"switchyard-{run.name}"
    )
    assert old not in models.site.made()["endpoints"]
