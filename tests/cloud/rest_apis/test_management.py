"""API Gateway's own API tells of the template's REST APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.cloud.local_cloud import LocalCloud


@pytest.fixture
def gateway(rest_cloud: LocalCloud) -> Any:
    return rest_cloud.client("apigateway")


def test_apis_and_their_stages_and_resources_are_listed(gateway: Any, rest_cloud: LocalCloud) -> None:
    apis = {api["name"]: api for api in gateway.get_rest_apis()["items"]}
    assert {"signed", "plain"} < set(apis)
    api = apis["signed"]
    assert api["id"] == rest_cloud.output("SignedApi")
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert api["binaryMediaTypes"] == ["image/*"]
    assert gateway.get_rest_api(restApiId=api["id"])["rootResourceId"] == api["rootResourceId"]
    stages = {stage["stageName"]: stage for stage in gateway.get_stages(restApiId=api["id"])["item"]}
    assert stages["live"]["variables"] == {"colour": "blue"}
    assert stages["live"]["accessLogSettings"]["destinationArn"].endswith(":log-group:/trial/signed-api:*")
    assert gateway.get_stage(restApiId=api["id"], stageName="live")["stageName"] == "live"
    resources = {resource["path"]: resource for resource in gateway.get_resources(restApiId=api["id"])["items"]}
    assert set(resources["/things/{thing}"]["resourceMethods"]) == {"GET", "OPTIONS"}
    assert len(gateway.get_deployments(restApiId=api["id"])["items"]) == 1


def test_an_api_is_exported_with_the_extensions_that_are_asked_for(gateway: Any, rest_cloud: LocalCloud) -> None:
    api = rest_cloud.output("PlainApi")

    def export(**options: Any) -> str:
        answer = gateway.get_export(restApiId=api, stageName="first", exportType="oas30", **options)
        return answer["body"].read().decode()

    document = json.loads(export())
    assert set(document["paths"]) == {"/orders", "/orders/{order}"}
    assert document["servers"][0]["url"] == f"{rest_cloud.url}/_aws/execute-api/{api}/{{basePath}}"
    assert "x-amazon-apigateway" not in json.dumps(document)
    assert "x-amazon-apigateway-integration" in export(parameters={"extensions": "integrations"})
    assert "x-amazon-apigateway-gateway-responses" in export(parameters={"extensions": "apigateway"})
    assert yaml.safe_load(export(accepts="application/yaml"))["paths"].keys() == document["paths"].keys()


@pytest.mark.parametrize(
    ("stage", "kind", "code"),
    [
        ("second", "oas30", "NotFoundException"),
        ("first", "wsdl", "BadRequestException"),
        ("first", "swagger", "NotImplementedException"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    gateway: Any, rest_cloud: LocalCloud, stage: str, kind: str, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        gateway.get_export(restApiId=rest_cloud.output("PlainApi"), stageName=stage, exportType=kind)
    assert refused.value.response["Error"]["Code"] == code


def test_apis_that_are_made_by_hand_are_kept_apart(gateway: Any, rest_cloud: LocalCloud) -> None:
    made = gateway.create_rest_api(name="by-hand")
    assert gateway.get_rest_api(restApiId=made["id"])["name"] == "by-hand"
