"""Model packages made by hand, good and bad ones, and releases of them."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

from switchyard.project import Project
from tests.runs.conftest import Execution, Site, add_recipe

# No model here is judged by how fast a busy machine answers, if its test does not say so: an alarm's minute is six
# tenths of a second at the local cloud's usual pace, and one late answer would be all of it.
UNHURRIED = {"latency_ms": 60_000}
PATIENT = "59,2,32.1,101,157,93.2,38,4,4.8598,87"
# Quick: a step is a look of two tenths of a second at the local cloud's usual pace.
QUICK = {"bake_seconds": 20, "minimum_requests": 10}
_numbers = itertools.count(1)


class Models:
    """A trained model of one recipe, and packages of it with whatever code serves them.

    Parameters
    ----------
    trained
        The package of the run that trained it.
    project
        What more code is published from.
    """

    def __init__(self, site: Site, recipe: str, trained: str, project: Project | None = None) -> None:
        self.site, self.recipe, self.group = site, recipe, f"switchyard-{recipe}"
        found = site.client("sagemaker").describe_model_package(ModelPackageName=trained)
        self._specification = found["InferenceSpecification"]
        self._trained_by = found["CustomerMetadataProperties"]["execution"]
        self._project = project

    @classmethod
    def train(cls, site: Site, project: Project, recipe: str, **changes: Any) -> Models:
        """Add a recipe to a project, and run it."""
        add_recipe(project, recipe, **changes)
        site.publish(project, recipe)
        output = json.loads(site.start(recipe, f"{recipe}-trained").wait()["output"])
        return cls(site, recipe, output["model_package_arn"], project)

    def package(self, *, then: str = "", status: str = "Approved", group: str | None = None) -> str:
        """Register the model, with more code behind its inference script; return the package's ARN."""
        sagemaker = self.site.client("sagemaker")
        specification = copy.deepcopy(self._specification)
        if then:
            environment = specification["Containers"][0]["Environment"]
            environment["SAGEMAKER_SUBMIT_DIRECTORY"] = self._publish_code(then)
        group = group or self.group
        created = sagemaker.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification=specification,
            ModelApprovalStatus=status,
            CustomerMetadataProperties={
                "execution": self._trained_by,
                "recipe": group.removeprefix("switchyard-"),
                "release": "requested",
            },
        )
        return str(created["ModelPackageArn"])

    def _publish_code(self, then: str) -> str:
        assert self._project is not None
        name = f"{self.recipe}-code-{next(_numbers)}"
        script = (self._project.root / "training_code/tabular_regression/inference.py").read_text()
        add_recipe(self._project, name, scripts={"inference.py": f"{script}\n\n{then}"})
        self.site.publish(self._project, name)
        s3, bucket = self.site.client("s3"), self.site.outputs["ArtifactBucketName"]
        pointer = json.load(s3.get_object(Bucket=bucket, Key=f"recipes/{name}/current.json")["Body"])
        published = json.load(s3.get_object(Bucket=bucket, Key=pointer["key"])["Body"])
        return str(published["code_uri"])

    def release(self, package: str, name: str | None = None, reason: str | None = None, **release: Any) -> Execution:
        """Start the release of a package, of any speed as long as no `limits` are given."""
        name = name or f"{self.recipe}-release-{next(_numbers)}"
        answer = self.site.client("stepfunctions").start_execution(
            stateMachineArn=self.site.outputs["ReleaseStateMachineArn"],
            name=name,
            input=json.dumps({"model_package": package, "release": {"limits": UNHURRIED, **release}, "reason": reason}),
        )
        return Execution(self.site, answer["executionArn"], name)

    def metadata(self, package: str) -> dict[str, str]:
        """Return the package's metadata, with its approval status and why."""
        found = self.site.client("sagemaker").describe_model_package(ModelPackageName=package)
        return {
            **found["CustomerMetadataProperties"],
            "status": found["ModelApprovalStatus"],
            "why": found.get("ApprovalDescription", ""),
        }

    def endpoint(self) -> dict[str, Any]:
        """Return what DescribeEndpoint says of the recipe's endpoint."""
        found: dict[str, Any] = self.site.client("sagemaker").describe_endpoint(EndpointName=self.group)
        return found

    def left(self) -> tuple[dict[str, list[str]], list[str]]:
        """Return what there is of endpoints, configurations, models, and of releases' alarms."""
        found = self.site.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"switchyard-release-{self.recipe}")
        return self.site.made(), [alarm["AlarmName"] for alarm in found["MetricAlarms"]]
