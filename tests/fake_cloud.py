"""A cloud that answers from recorded histories: enough of Step Functions and its neighbours for the command line."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from switchyard.aws.client import Cloud
from switchyard.executions.history import build_tree
from tests.recorded import DEFINITION, recorded

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:switchyard-train-and-deploy"
EXECUTION = MACHINE.replace(":stateMachine:", ":execution:")
OUTPUTS = {
    "TrainAndDeployStateMachineArn": MACHINE,
    "ArtifactBucketName": "artifacts",
    "DataBucketName": "data",
}


def refusal(code: str, message: str = "", operation: str = "Operation", **more: Any) -> ClientError:
    """The exception that boto3 raises for an error that AWS answers with."""
    return ClientError({"Error": {"Code": code, "Message": message}, **more}, operation)


class FakeStepFunctions:
    """Executions by name; a new one plays a recorded history."""

    def __init__(self, plays: str) -> None:
        self.plays = plays
        self.executions: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.page_size = 40

    def add(self, name: str, history: str, input_: Any = None) -> None:
        tree = build_tree(recorded(history))
        self.executions[name] = {
            "executionArn": f"{EXECUTION}:{name}",
            "stateMachineArn": MACHINE,
            "name": name,
            "status": str(tree.status),
            "startDate": tree.started_at,
            "stopDate": tree.stopped_at,
            "input": json.dumps(input_ if input_ is not None else {"recipe": "diabetes"}),
            "history": recorded(history),
        }

    def _of(self, arn: str) -> dict[str, Any]:
        name = arn.rsplit(":", 1)[-1]
        if name not in self.executions or not arn.startswith(EXECUTION):
            raise refusal("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self.executions[name]

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        if name in self.executions:
            raise refusal("ExecutionAlreadyExists", f"Execution Already Exists: '{name}'")
        self.add(name, self.plays, json.loads(input))
        return {"executionArn": f"{EXECUTION}:{name}", "startDate": datetime.now(UTC)}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {key: value for key, value in self._of(executionArn).items() if key != "history"}

    def get_execution_history(
        self,
        *,
        executionArn: str,  # noqa: N803
        reverseOrder: bool,  # noqa: N803
        maxResults: int,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        assert reverseOrder
        events = self._of(executionArn)["history"][::-1]
        start, end = int(nextToken), int(nextToken) + min(self.page_size, maxResults)
        more = {"nextToken": str(end)} if end < len(events) else {}
        return {"events": events[start:end], **more}

    def list_executions(self, *, stateMachineArn: str, maxResults: int) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        return {"executions": list(self.executions.values())[:maxResults]}

    def describe_state_machine(self, *, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        return {"definition": json.dumps(DEFINITION)}

    def stop_execution(self, *, executionArn: str, error: str, cause: str) -> dict[str, Any]:  # noqa: N803
        assert error
        assert cause
        self.stopped.append(executionArn)
        return {"stopDate": datetime.now(UTC)}

    def redrive_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        execution = self._of(executionArn)
        if execution["status"] == "SUCCEEDED":
            execution["redriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
            raise refusal("ExecutionNotRedrivable", execution["redriveStatusReason"])
        execution["redriveCount"] = execution.get("redriveCount", 0) + 1
        return {"redriveDate": datetime.now(UTC)}


class FakeLogs:
    """Log groups with the same lines in each."""

    def filter_log_events(self, *, logGroupName: str, **_query: Any) -> dict[str, Any]:  # noqa: N803
        if "ProcessingJobs" in logGroupName:
            raise refusal("ResourceNotFoundException")
        return {"events": [{"message": f"a line of {logGroupName}\n"}]}


class FakeS3:
    """The test split of a run."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "switchyard-artifactbucket"
        return {"Contents": [{"Key": f"{Prefix}test.csv", "Size": 20}]}

    def get_object(self, *, Bucket: str, Key: str, Range: str) -> dict[str, Any]:  # noqa: N803
        assert Range.startswith("bytes=0-")
        return {"Body": io.BytesIO(b"75.0,48,1.5\n90.0,50,2\n")}


class FakeEndpoints:
    """An endpoint that always predicts the same, and a list of endpoints."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.refuses: ClientError | None = None

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.refuses is not None:
            raise self.refuses
        return {
            "Body": io.BytesIO(b"71.8\n"),
            "ContentType": "text/csv",
            "InvokedProductionVariant": "AllTraffic",
        }

    def list_endpoints(self, **_request: Any) -> dict[str, Any]:
        return {"Endpoints": [{"EndpointName": "switchyard-diabetes"}]}


class FakeCloud(Cloud):
    """A cloud of the fakes above.

    Parameters
    ----------
    plays
        The recorded history that new executions have.
    """

    def __init__(self, plays: str = "deployed") -> None:
        super().__init__(session=None, endpoint_url="http://127.0.0.1:1")
        self.stepfunctions = FakeStepFunctions(plays)
        self.endpoints = FakeEndpoints()
        self.outputs = OUTPUTS
        self._clients = {
            "stepfunctions": self.stepfunctions,
            "sagemaker-runtime": self.endpoints,
            "sagemaker": self.endpoints,
            "s3": FakeS3(),
            "logs": FakeLogs(),
        }

    @property
    def region(self) -> str:
        return "us-east-1"

    def workflows(self) -> dict[str, str]:
        return {"TrainAndDeploy": MACHINE}

    def __str__(self) -> str:
        return "the fake cloud"
