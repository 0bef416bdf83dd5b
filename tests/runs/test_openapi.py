"""The runs API keeps what its OpenAPI document promises: schemathesis makes up requests, right ones and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from switchyard.project import Project
from tests.runs.conftest import Execution, Site, add_recipe
from tests.signed_http import signed_headers

OPERATIONS = [("/runs", "POST"), ("/runs", "GET"), ("/runs/{name}", "GET"), ("/runs/{name}", "DELETE")]


class Signed(AuthBase):
    """Signs what the HTTP library has prepared."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers.update(signed_headers(str(request.method), str(request.url), request.body or b""))
        return request


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    """The document as the cloud exports it; each request is signed, so none is made up without a signature."""
    exported = site.client("apigateway").get_export(
        restApiId=site.outputs["RunsApiId"], stageName="v1", exportType="oas30"
    )
    document = json.loads(exported["body"].read())
    del document["components"]["securitySchemes"]
    for _, _, operation in operations(document):
        del operation["security"]
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    items = [(path, verb.upper(), each) for path, item in document["paths"].items() for verb, each in item.items()]
    return [item for item in items if item[1] != "PARAMETERS"]


def try_out(
    document: dict[str, Any], path: str, verb: str, mode: GenerationMode, check: Callable[[schemathesis.Case], None]
) -> None:
    """Check made-up requests of one operation."""
    schema = schemathesis.openapi.from_dict(document)
    (server,) = document["servers"]
    schema.config.update(base_url=server["url"].format(basePath=server["variables"]["basePath"]["default"]))

    @given(case=schema[path][verb].as_strategy(generation_mode=mode))
    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def each(case: schemathesis.Case) -> None:
        check(case)

    each()


def keeps_its_promises(case: schemathesis.Case) -> None:
    case.call_and_validate(auth=Signed())


def test_the_operations_that_are_tried_are_all_there_are(document: dict[str, Any]) -> None:
    assert sorted(OPERATIONS) == sorted((path, verb) for path, verb, _ in operations(document))


@pytest.mark.parametrize(("path", "verb"), OPERATIONS)
def test_wrong_requests_are_refused_as_documented(document: dict[str, Any], path: str, verb: str) -> None:
    try_out(document, path, verb, GenerationMode.NEGATIVE, keeps_its_promises)


@pytest.mark.parametrize(("path", "verb"), [operation for operation in OPERATIONS if operation[0] != "/runs"])
def test_right_requests_for_a_run_are_answered_as_documented(document: dict[str, Any], path: str, verb: str) -> None:
    try_out(document, path, verb, GenerationMode.POSITIVE, keeps_its_promises)


def test_right_requests_for_a_list_are_answered_as_documented(document: dict[str, Any]) -> None:
    def check(case: schemathesis.Case) -> None:
        case.query.pop("next", None)  # only the API itself can make one up
        keeps_its_promises(case)

    try_out(document, "/runs", "GET", GenerationMode.POSITIVE, check)


def test_right_requests_start_runs_as_documented(site: Site, project: Project, document: dict[str, Any]) -> None:
    add_recipe(project, "tried")
    site.publish(project, "tried")
    statuses: set[int] = set()
    started: set[tuple[str, str]] = set()

    def check(case: schemathesis.Case) -> None:
        # A recipe that there is; and no data, so that the runs end at their first state.
        case.body = {**case.body, "recipe": "tried", "data": "s3://no-such-bucket/here"}
        # Overrides that no recipe of ours has are well-formed, and refused.
        answer = case.call_and_validate(auth=Signed(), excluded_checks=[positive_data_acceptance])
        statuses.add(answer.status_code)
        if answer.status_code == 202:
            started.add((answer.json()["execution_arn"], answer.json()["name"]))

    try_out(document, "/runs", "POST", GenerationMode.POSITIVE, check)
    for arn, name in started:
        assert Execution(site, arn, name).wait()["status"] == "FAILED"
    # 400 is for a share of 0 or 1: API Gateway's JSON Schema knows no exclusive bounds.
    assert {202} < statuses <= {202, 400, 409, 422}
