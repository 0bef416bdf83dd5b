"""Lock, wait, shift, try, watch: what each says of an endpoint in mid-release."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import deploy_candidate
import lock_endpoint
import pytest
import shift_traffic
import try_candidate
import wait_for_candidate
import watch_candidate
from botocore.response import StreamingBody
from release_events import CANDIDATE, EARLIER, ENDPOINT, EXECUTION, PACKAGE, SHARED, STEM, description, event, package
from shared.aws import client
from shared.errors import (
    CandidateUnfit,
    EndpointBusy,
    EndpointFailed,
    EndpointNotReady,
    EndpointTakenOver,
    InvalidRelease,
    LeaseLost,
)
from shared.leases import acquire, holder_of

Stub = Callable[[str], Any]
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{ENDPOINT}"
ALARMS = [f"{STEM}-{kind}" for kind in ("latency", "5xx", "4xx")]
HALF = {"AllTraffic": 50.0, CANDIDATE.replace("-", "_"): 50.0}


@pytest.fixture
def held(locks: Any) -> None:
    """The release holds the endpoint."""
    acquire(ENDPOINT, EXECUTION, 60)


@pytest.fixture
def sagemaker(held: None, stub: Stub) -> Any:
    return stub("sagemaker")


@pytest.mark.parametrize(
    "module", [deploy_candidate, wait_for_candidate, shift_traffic, try_candidate, watch_candidate]
)
def test_whoever_does_not_hold_the_endpoint_does_nothing(module: Any, locks: Any, stub: Stub, context: Any) -> None:
    for service in ("sagemaker", "cloudwatch", "sagemaker-runtime"):
        stub(service)
    more = {"place": "beside", "endpoint_config": SHARED, "samples_sent": 0}
    with pytest.raises(LeaseLost):
        module.handler(event(**more), context)


# Lock endpoint


def config_of(**more: Any) -> dict[str, Any]:
    variant = {"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
    return {
        "EndpointConfigName": EARLIER,
        "EndpointConfigArn": ARN.replace("endpoint/", "endpoint-config/"),
        "CreationTime": "2026-07-01T12:00:00Z",
        "ProductionVariants": [variant],
        **more,
    }


PARAMETER = "/switchyard/diabetes/model-package"
OTHER = PACKAGE.replace("/2", "/3")


def finds(sagemaker: Any, found: Any, serving: str | None = None) -> None:
    """Let the package, an endpoint and the note of what serves be found."""
    sagemaker.add_response("describe_model_package", found)
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=3.0))
    sagemaker.add_response("describe_endpoint_config", config_of())
    if serving is not None:
        client("ssm").put_parameter(Name=PARAMETER, Value=serving, Type="String")


def notes_releasing(sagemaker: Any, **more: str) -> None:
    gone = ["release_reason", *(["release_before"] if "release_before" not in more else [])]
    sagemaker.add_response(
        "update_model_package",
        {"ModelPackageArn": PACKAGE},
        {
            "ModelPackageArn": PACKAGE,
            "CustomerMetadataProperties": {"release": "releasing", "release_execution": EXECUTION, **more},
            "CustomerMetadataPropertiesToRemove": gone,
        },
    )


def test_the_lock_shows_what_serves_and_notes_the_package(locks: Any, stub: Stub, context: Any) -> None:
    sagemaker = stub("sagemaker")
    finds(sagemaker, package(release="requested"))
    notes_releasing(sagemaker)
    assert lock_endpoint.handler(event(), context) == {
        "is_needed": True,
        "reason": "",
        "before": {
            "exists": True,
            "endpoint_config": EARLIER,
            "variants": [{"name": "AllTraffic", "weight": 3.0, "count": 2}],
            "watched_variant": CANDIDATE,
            "final_variant": "AllTraffic",
            "switch": None,
        },
        "endpoint": ENDPOINT,
        "leaves_endpoint": False,
    }
    assert holder_of(ENDPOINT) == EXECUTION


@pytest.mark.parametrize(
    ("found", "by_approval", "reason"),
    [
        (package(release="released", release_execution="a-1"), True, "It is released already by execution a-1."),
        (package(release="deployed", execution="run-1"), True, "It is deployed already by execution run-1."),
        (package("Rejected"), False, "It is Rejected by now."),
        (None, False, f"The model package '{PACKAGE}' is gone."),
    ],
)
def test_what_became_of_the_package_meanwhile_is_seen(
    locks: Any, stub: Stub, context: Any, found: Any, by_approval: bool, reason: str
) -> None:
    sagemaker = stub("sagemaker")
    if found is None:
        sagemaker.add_client_error("describe_model_package", "ValidationException", "It does not exist.", 400)
    else:
        sagemaker.add_response("describe_model_package", found)
    result = lock_endpoint.handler(event(by_approval=by_approval), context)
    assert (result["is_needed"], result["reason"], result["endpoint"]) == (False, reason, ENDPOINT)
    assert holder_of(ENDPOINT) is None


@pytest.mark.parametrize("strategy", ["canary", "blue-green-endpoints"])
@pytest.mark.parametrize("status", ["released", "deployed"])
def test_what_serves_is_not_released_again(locks: Any, stub: Stub, context: Any, strategy: str, status: str) -> None:
    finds(stub("sagemaker"), package(release=status, release_execution="a-1"), serving=PACKAGE)
    result = lock_endpoint.handler(event(plan={"strategy": strategy}), context)
    assert (result["is_needed"], result["reason"]) == (False, f"It is {status} already by execution a-1.")
    assert holder_of(ENDPOINT) is None


@pytest.mark.parametrize(
    ("metadata", "before"),
    [
        ({"release": "released"}, "released"),
        ({"release": "deployed", "recipe": "diabetes"}, "deployed"),
        ({}, "deployed"),  # of a time before there were releases
        # Of this very execution: its answer was lost.
        ({"release": "releasing", "release_execution": EXECUTION, "release_before": "released"}, "released"),
    ],
)
def test_by_hand_what_served_earlier_is_released_again(
    locks: Any, stub: Stub, context: Any, metadata: dict[str, str], before: str
) -> None:
    sagemaker = stub("sagemaker")
    finds(sagemaker, package(**metadata), serving=OTHER)
    notes_releasing(sagemaker, release_before=before)
    assert lock_endpoint.handler(event(), context)["is_needed"] is True


def test_by_hand_what_serves_comes_back_when_its_endpoint_is_gone(locks: Any, stub: Stub, context: Any) -> None:
    sagemaker = stub("sagemaker")
    sagemaker.add_response("describe_model_package", package(release="released"))
    sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint.", 400)
    notes_releasing(sagemaker, release_before="released")
    assert lock_endpoint.handler(event(), context)["is_needed"] is True


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/"}}}, "is asynchronous"),
        (
            {"ProductionVariants": [{
                "VariantName": "v", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
            }]},
            "is serverless",
        ),
    ],
)  # fmt: skip
def test_an_endpoint_that_takes_no_second_variant_is_refused(
    locks: Any, stub: Stub, context: Any, more: Any, why: str
) -> None:
    sagemaker = stub("sagemaker")
    sagemaker.add_response("describe_model_package", package())
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
    sagemaker.add_response("describe_endpoint_config", config_of(**more))
    with pytest.raises(InvalidRelease, match=why):
        lock_endpoint.handler(event(), context)
    assert holder_of(ENDPOINT) is None


def test_an_endpoint_that_is_being_changed_is_waited_for(locks: Any, stub: Stub, context: Any) -> None:
    sagemaker = stub("sagemaker")
    sagemaker.add_response("describe_model_package", package())
    sagemaker.add_response("describe_endpoint", description("Updating", EARLIER))
    with pytest.raises(EndpointBusy):
        lock_endpoint.handler(event(), context)
    assert holder_of(ENDPOINT) == EXECUTION


# Wait


def wait(context: Any, config: str = SHARED, **more: Any) -> Any:
    return wait_for_candidate.handler(event(endpoint_config=config, **more), context)


def test_it_waits_until_the_weights_are_there(sagemaker: Any, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description("Updating", **HALF))
    with pytest.raises(EndpointNotReady):
        wait(context, share=50)
    sagemaker.add_response("describe_endpoint", description(**HALF))
    assert wait(context, share=50)["weights"] == {"AllTraffic": 50.0, CANDIDATE: 50.0}
    sagemaker.add_response("describe_endpoint", description(**HALF))
    with pytest.raises(EndpointTakenOver, match="somebody else changed them"):
        wait(context, share=60)


def test_a_candidate_that_sagemaker_gave_up_is_unfit(sagemaker: Any, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, reason="no ping.", AllTraffic=1.0))
    with pytest.raises(CandidateUnfit, match="did not come up: no ping"):
        wait(context)
    sagemaker.add_response("describe_endpoint", description("Failed", STEM, "no ping."))
    with pytest.raises(CandidateUnfit, match="did not come up: no ping"):
        wait(context, STEM, existed=False)


def test_what_somebody_else_did_to_the_endpoint_is_no_fault_of_the_candidate(sagemaker: Any, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description(config="switchyard-later", AllTraffic=1.0))
    with pytest.raises(EndpointTakenOver, match="instead of"):
        wait(context)
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
    with pytest.raises(EndpointTakenOver):
        wait(context)
    sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint.", 400)
    with pytest.raises(EndpointFailed, match="somebody deleted it in mid-release"):
        wait(context)


# Try


@pytest.mark.parametrize(
    ("answer", "sample", "why"),
    [
        ("152.1\n", {}, None),
        ('{"predictions": [{"score": 152.1}]}', {"minimum": 25, "maximum": 346}, None),
        ("yes", {}, None),
        ("1,2\n3,4", {"minimum": 1, "maximum": 4}, None),
        ("1,2\n3,4", {"maximum": 3}, "4, above the expected maximum 3"),
        ("[[5], [-1]]", {"minimum": 0}, "-1, below the expected minimum 0"),
        ("nan", {}, "nan, which is not finite"),
        ("Infinity", {}, "inf, which is not finite"),
        ("yes", {"minimum": 0}, "'yes', which is no number"),
        ("", {}, "no prediction: ''"),
        ("[]", {}, "no prediction: '[]'"),
        ("null", {"minimum": 0}, "'None', which is no number"),
    ],
)
def test_an_answer_is_held_against_what_is_expected(
    held: None, stub: Stub, context: Any, answer: str, sample: dict[str, float], why: str | None
) -> None:
    body = answer.encode()
    stub("sagemaker-runtime").add_response(
        "invoke_endpoint",
        {"Body": StreamingBody(io.BytesIO(body), len(body))},
        {"EndpointName": ENDPOINT, "TargetVariant": CANDIDATE, "ContentType": "text/csv", "Accept": "text/csv",
         "Body": b"1,2"},
    )  # fmt: skip
    given = event(samples=[{"body": "1,2", **sample}], variant=CANDIDATE)
    if why is None:
        assert try_candidate.handler(given, context) == {"sent": 1}
    else:
        with pytest.raises(CandidateUnfit) as unfit:
            try_candidate.handler(given, context)
        assert str(unfit.value) == f"Sample 1 of 1: the candidate answered {why}."


def test_an_error_of_the_model_is_told_from_one_of_the_endpoint(held: None, stub: Stub, context: Any) -> None:
    runtime = stub("sagemaker-runtime")
    runtime.add_client_error("invoke_endpoint", "ModelError", "Received server error (500)", 424)
    with pytest.raises(CandidateUnfit, match="the candidate refused it: Received server error"):
        try_candidate.handler(event(), context)
    runtime.add_client_error("invoke_endpoint", "ValidationError", "Endpoint not found.", 400)
    with pytest.raises(EndpointFailed, match=r"Endpoint not found\. Somebody deleted or updated it"):
        try_candidate.handler(event(), context)


# Watch


@pytest.fixture
def watch(sagemaker: Any, stub: Stub, context: Any) -> Callable[..., dict[str, Any]]:
    """Look once at the second of three steps, which has baked with this look."""
    cloudwatch = stub("cloudwatch")

    def look(
        counts: tuple[float, ...] = (1101, 0, 0, 10e6), raised: dict[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        given = event(**{"samples_sent": 0, **more})
        sagemaker.add_response("describe_endpoint", description(**HALF))
        names = ("requests", "errors_5xx", "errors_4xx", "latency")
        results = [{"Id": name, "Values": [n], "StatusCode": "Complete"} for name, n in zip(names, counts, strict=True)]
        cloudwatch.add_response("get_metric_data", {"MetricDataResults": results})
        states = dict.fromkeys([*ALARMS, *given["release"]["alarms"]], "OK") | (raised or {})
        alarms = [
            {"AlarmName": name, "StateValue": state, "StateReason": "so it is."}
            for name, state in states.items()
            if state != "gone"
        ]
        cloudwatch.add_response("describe_alarms", {"MetricAlarms": alarms})
        return dict(watch_candidate.handler(given, context))

    return look


def test_a_step_that_has_baked_and_was_asked_enough_is_over(watch: Any) -> None:
    step = watch()
    assert (step["verdict"], step["index"], step["looks"]) == ("SHIFT", 2, 2)
    assert step["done"] == [
        {"share": 50, "looks": 2, "requests": 100, "errors_5xx": 0, "errors_4xx": 0, "latency_ms": 99.0}
    ]


def test_the_last_step_is_the_end(watch: Any) -> None:
    step = {"index": 2, "share": 100, "looks": 4, "base": {"requests": 1000}}
    assert watch(step=step)["verdict"] == "DONE"


@pytest.mark.parametrize(
    ("counts", "more"),
    [
        ((1100, 0, 0, 1e6), {}),  # one short, since a sample is none of the callers'
        ((1200, 0, 0, 1e6), {"step": {"index": 1, "share": 50, "looks": 0, "base": {"requests": 1000}}}),  # not baked
    ],
)
def test_a_step_that_is_not_over_is_looked_at_again(watch: Any, counts: Any, more: Any) -> None:
    assert watch(counts, **more)["verdict"] == "LOOK"


@pytest.mark.parametrize(
    ("counts", "raised", "more", "why"),
    [
        ((1100, 0, 0, 51e6), {}, {}, "it took 510 ms on average, more than 500 ms"),
        ((1100, 2, 0, 1e6), {}, {}, "2 of 100 answers were 5xx, more than 1 %"),
        ((1100, 0, 6, 1e6), {}, {}, "6 of 100 answers were 4xx, more than 5 %"),
        ((1000, 0, 0, 0), {ALARMS[0]: "ALARM"}, {}, f"the alarm '{ALARMS[0]}' is raised: so it is"),
        ((1000, 0, 0, 0), {ALARMS[1]: "gone"}, {}, f"the alarm '{ALARMS[1]}' is gone"),
        ((1000, 0, 0, 0), {"mine": "ALARM"}, {"plan": {"alarms": ["mine"]}}, "the alarm 'mine' is raised: so it is"),
        (
            (1050, 0, 0, 1e6),
            {},
            {"step": {"index": 1, "share": 50, "looks": 3, "base": {"requests": 1000}}},
            "has answered 50 of the 100 requests that the step asks for, and patience_seconds are over",
        ),
    ],
)
def test_a_breach_makes_the_candidate_unfit(watch: Any, counts: Any, raised: Any, more: Any, why: str) -> None:
    with pytest.raises(CandidateUnfit) as unfit:
        watch(counts, raised, **more)
    assert why in str(unfit.value)
    assert str(unfit.value).startswith("With 50 % of the traffic: ")


def test_one_error_in_a_hundred_is_within_the_limit(watch: Any) -> None:
    assert watch((1101, 1, 5, 10e6))["verdict"] == "SHIFT"


def test_a_first_endpoint_waits_for_no_requests(sagemaker: Any, stub: Stub, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description(config=STEM, AllTraffic=1.0))
    cloudwatch = stub("cloudwatch")
    cloudwatch.add_response("get_metric_data", {"MetricDataResults": []})
    found = [{"AlarmName": name, "StateValue": "INSUFFICIENT_DATA"} for name in ALARMS]
    cloudwatch.add_response("describe_alarms", {"MetricAlarms": found})
    step = watch_candidate.handler(event(existed=False, samples_sent=1), context)
    assert step["verdict"] == "SHIFT"


def test_an_endpoint_that_serves_something_else_fails_the_release(sagemaker: Any, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description(config="switchyard-later", AllTraffic=1.0))
    with pytest.raises(EndpointTakenOver, match="in mid-release"):
        watch_candidate.handler(event(samples_sent=0), context)
    sagemaker.add_response("describe_endpoint", description("Deleting", SHARED))
    with pytest.raises(EndpointFailed, match="somebody deleted it"):
        watch_candidate.handler(event(samples_sent=0), context)


# Deploy


def test_what_an_earlier_call_made_is_not_made_again(sagemaker: Any, stub: Stub, context: Any) -> None:
    cloudwatch = stub("cloudwatch")
    sagemaker.add_client_error("create_model", "ValidationException", "Cannot create already existing model", 400)
    for _ in ALARMS:
        cloudwatch.add_response("put_metric_alarm", {})
    for _ in range(2):
        sagemaker.add_response("describe_endpoint_config", config_of(KmsKeyId="key"))
    sagemaker.add_client_error("create_endpoint_config", "ValidationException", "already existing", 400)
    sagemaker.add_response("describe_endpoint", description(**HALF))
    assert deploy_candidate.handler(event(place="beside"), context) == {"endpoint_config": SHARED}


def test_the_candidate_is_put_beside_what_serves_with_weight_0(sagemaker: Any, stub: Stub, context: Any) -> None:
    cloudwatch, tags = stub("cloudwatch"), {"switchyard:project": "switchyard", "switchyard:execution": EXECUTION}
    tagged = [{"Key": key, "Value": value} for key, value in {**tags, "switchyard:recipe": "diabetes"}.items()]
    sagemaker.add_response("create_model", {"ModelArn": f"{ARN}-of-a-model"})
    for _ in ALARMS:
        cloudwatch.add_response("put_metric_alarm", {})
    for _ in range(2):
        sagemaker.add_response("describe_endpoint_config", config_of(KmsKeyId="key"))
    sagemaker.add_response(
        "create_endpoint_config",
        {"EndpointConfigArn": f"{ARN}-of-a-config"},
        {
            "EndpointConfigName": SHARED,
            "KmsKeyId": "key",
            "ProductionVariants": [
                {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.t2.medium",
                 "InitialInstanceCount": 2, "InitialVariantWeight": 1.0},
                {"VariantName": CANDIDATE, "ModelName": STEM, "InstanceType": "ml.t2.medium",
                 "InitialInstanceCount": 2, "InitialVariantWeight": 0.0},
            ],
            "Tags": tagged,
        },
    )  # fmt: skip
    sagemaker.add_response("describe_endpoint", description(config=EARLIER, AllTraffic=1.0))
    sagemaker.add_response(
        "update_endpoint", {"EndpointArn": ARN}, {"EndpointName": ENDPOINT, "EndpointConfigName": SHARED}
    )
    assert deploy_candidate.handler(event(place="beside"), context) == {"endpoint_config": SHARED}


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (description("Updating", EARLIER), EndpointBusy),
        (description(config="switchyard-later", AllTraffic=1.0), EndpointTakenOver),
        (None, EndpointFailed),
    ],
)
def test_an_endpoint_that_is_not_as_it_was_is_left(sagemaker: Any, context: Any, found: Any, error: Any) -> None:
    sagemaker.add_response("describe_endpoint_config", config_of())
    sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": f"{ARN}-of-a-config"})
    if found is None:
        sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint.", 400)
    else:
        sagemaker.add_response("describe_endpoint", found)
    with pytest.raises(error):
        deploy_candidate.handler(event(place="alone"), context)


# Shift


def test_weights_that_are_there_already_are_not_set_again(sagemaker: Any, stub: Stub, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description(**HALF))
    results = [{"Id": "requests", "Values": [40.0, 2.0], "StatusCode": "Complete"}]
    stub("cloudwatch").add_response("get_metric_data", {"MetricDataResults": results})
    step = shift_traffic.handler(event(), context)
    assert (step["share"], step["looks"], step["base"]["requests"]) == (50, 0, 42)


def test_an_endpoint_that_changes_its_weights_takes_no_others(sagemaker: Any, context: Any) -> None:
    sagemaker.add_response("describe_endpoint", description("Updating", AllTraffic=90.0))
    sagemaker.add_client_error(
        "update_endpoint_weights_and_capacities", "ValidationException", "Cannot update in-progress endpoint", 400
    )
    sagemaker.add_response("describe_endpoint", description("Updating", AllTraffic=90.0))
    with pytest.raises(EndpointBusy):
        shift_traffic.handler(event(), context)
