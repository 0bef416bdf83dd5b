from __future__ import annotations

import base64
import json
import time
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SAY, create_config, create_model, invoke, serve_config, settled_endpoint, variant
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.metric_queries import total
from tests.cloud.raw_requests import Asker

BROKEN = """
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept): raise RuntimeError("the candidate is broken")
"""
SLOW = """
    import threading
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept):
        threading.Event().wait(1)
        return "slow"
"""


def serve_shadowed(cloud: LocalCloud, name: str, script: str, share: float = 1.0, **config: Any) -> dict[str, Any]:
    """Create an endpoint whose production variant says "old", and whose shadow runs a script."""
    create_model(cloud, f"{name}-old", SAY.format(word="old"))
    create_model(cloud, f"{name}-new", script)
    shadow = variant(f"{name}-new", "candidate", InitialVariantWeight=share)
    return serve_config(cloud, name, variant(f"{name}-old"), ShadowProductionVariants=[shadow], **config)


def asked(cloud: LocalCloud, name: str, who: str, metric: str = "Invocations") -> float:
    return total(cloud, "AWS/SageMaker", metric, EndpointName=name, VariantName=who) or 0


def test_a_shadow_gets_a_copy_of_what_is_asked_and_nobody_sees_its_answers(cloud: LocalCloud, name: str) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{cloud.bucket}/{name}/captured",
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    }
    endpoint = serve_shadowed(cloud, name, SAY.format(word="new"), DataCaptureConfig=capture)
    (shadow,) = endpoint["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentWeight"], shadow["CurrentInstanceCount"]) == ("candidate", 1.0, 1)
    assert [each["VariantName"] for each in endpoint["ProductionVariants"]] == ["all"]
    for number in range(3):
        assert invoke(cloud, name, "x", InferenceId=f"request-{number}").startswith(b"old ")
    with pytest.raises(ClientError, match="Variant candidate not found"):
        invoke(cloud, name, "x", TargetVariant="candidate")
    wait_until(lambda: asked(cloud, name, "candidate") == 3)
    assert asked(cloud, name, "all") == 3
    assert asked(cloud, name, "candidate", "ModelLatency") > 0

    def answers() -> dict[str, set[tuple[str, str]]] | None:
        found: dict[str, set[tuple[str, str]]] = {}
        for key in cloud.keys(f"{name}/captured/{name}/"):
            lines = cloud.get(f"s3://{cloud.bucket}/{name}/captured/{name}/{key}").decode().splitlines()
            for event in map(json.loads, lines):
                said = base64.b64decode(event["captureData"]["endpointOutput"]["data"]).decode().split()[0]
                metadata = event["eventMetadata"]
                found.setdefault(said, set()).add((metadata["inferenceId"], metadata["eventId"]))
        return found if sum(map(len, found.values())) == 6 else None

    found = wait_until(answers)
    assert found is not None
    assert found["old"] == found["new"]  # of each request both answers, by the same ids
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize("script", [BROKEN, SLOW])
def test_what_a_shadow_does_wrong_touches_no_answer(cloud: LocalCloud, name: str, script: str) -> None:
    serve_shadowed(cloud, name, script)
    began = time.monotonic()
    with Asker(cloud, name) as asker:
        answers = [asker.ask("x") for _ in range(100)]
    assert {(answer.status, answer.variant, answer.body.split()[0]) for answer in answers} == {(200, "all", b"old")}
    assert time.monotonic() - began < 60  # one after the other the slow one would have taken 100 s
    if script is BROKEN:
        wait_until(lambda: asked(cloud, name, "candidate", "Invocation5XXErrors") > 0)
    assert asked(cloud, name, "all", "Invocation5XXErrors") == 0
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_shadow_gets_the_part_that_its_weight_is_of_the_production_variants(cloud: LocalCloud, name: str) -> None:
    serve_shadowed(cloud, name, SAY.format(word="new"), share=0.0)
    client = cloud.client("sagemaker")
    with Asker(cloud, name) as asker:
        for _ in range(20):
            asker.ask("x")
    assert asked(cloud, name, "all") == 20
    assert asked(cloud, name, "candidate") == 0
    client.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "candidate", "DesiredWeight": 0.5}]
    )
    assert settled_endpoint(cloud, name)["ShadowProductionVariants"][0]["CurrentWeight"] == 0.5
    with Asker(cloud, name) as asker:
        assert Counter(asker.ask("x").status for _ in range(600)) == {200: 600}
    # Beyond these bounds by chance: less than once in a million runs.
    wait_until(lambda: asked(cloud, name, "candidate") >= 239)
    assert asked(cloud, name, "candidate") <= 361
    create_config(cloud, f"{name}-promoted", variant(f"{name}-new"))
    client.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-promoted")
    assert "ShadowProductionVariants" not in settled_endpoint(cloud, name)
    assert invoke(cloud, name, "x").startswith(b"new ")
    client.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("production", "shadows", "config", "reason"),
    [
        (["a", "b"], ["c"], {}, "one variant in ProductionVariants and one in ShadowProductionVariants"),
        (["a"], ["b", "c"], {}, "these are 1 and 2"),
        (["a"], ["a"], {}, "have the same name, a"),
        (["a"], ["b"], {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/k"}}}, "real-time inference"),
    ],
)
def test_what_does_not_go_with_a_shadow_is_refused(
    cloud: LocalCloud, said: str, production: list[str], shadows: list[str], config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason) as refused:
        cloud.client("sagemaker").create_endpoint_config(
            EndpointConfigName=said,
            ProductionVariants=[variant(said, each) for each in production],
            ShadowProductionVariants=[variant(said, each) for each in shadows],
            **config,
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.fixture(scope="module")
def said(cloud: LocalCloud) -> str:
    create_model(cloud, "shadowed", SAY.format(word="hello"))
    return "shadowed"
