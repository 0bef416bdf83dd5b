"""Ask a recipe's live endpoint, whichever that is by now: its name is a parameter that releases change.

python examples/resolve_endpoint.py PROJECT RECIPE 59,2,32.1,101,157,93.2,38,4,4.8598,87
"""

from __future__ import annotations

import sys
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError


class LiveEndpoint:
    """The endpoint that a recipe's requests go to.

    Parameters
    ----------
    project
        The project's name, as the stack's parameter ProjectName has it.
    recipe
        The recipe's name.
    cache_seconds
        How long a name is taken for true. A release that is taken back deletes its endpoint 15 seconds after it has
        sent its clients back, so keep it below that.
    session
        Where its clients come from; boto3's default one if left out.
    """

    def __init__(self, project: str, recipe: str, *, cache_seconds: float = 10, session: Any = boto3) -> None:
        self._usual, self._parameter = f"{project}-{recipe}", f"/{project}/{recipe}/endpoint"
        self._cache_seconds = cache_seconds
        self._ssm, self._runtime = session.client("ssm"), session.client("sagemaker-runtime")
        self._name, self._until = "", 0.0

    def name(self) -> str:
        """Give the endpoint's name; before the first release it is the recipe's own."""
        if time.monotonic() >= self._until:
            try:
                self._name = self._ssm.get_parameter(Name=self._parameter)["Parameter"]["Value"]
            except self._ssm.exceptions.ParameterNotFound:
                self._name = self._usual
            self._until = time.monotonic() + self._cache_seconds
        return self._name

    def invoke(self, **request: Any) -> Any:
        """Invoke the endpoint; if it is not there any more, the one that has taken its place."""
        name = self.name()
        try:
            return self._runtime.invoke_endpoint(EndpointName=name, **request)
        except ClientError as error:
            if not is_gone(error):
                raise
            self._until = 0.0
            if self.name() == name:
                raise
            return self._runtime.invoke_endpoint(EndpointName=self._name, **request)


def is_gone(error: ClientError) -> bool:
    """Tell whether SageMaker says that there is no such endpoint."""
    told = error.response["Error"]
    return told["Code"] == "ValidationError" and "not found" in told["Message"]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"usage: {sys.argv[0]} PROJECT RECIPE BODY")
    endpoint = LiveEndpoint(sys.argv[1], sys.argv[2])
    answer = endpoint.invoke(ContentType="text/csv", Accept="text/csv", Body=sys.argv[3])
    print(f"{endpoint.name()}: {answer['Body'].read().decode()}")
