from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import (
    SAY,
    SUM_ROWS,
    create_config,
    create_model,
    invoke,
    serve,
    serve_config,
    settled_endpoint,
    start_endpoint,
    variant,
)
from tests.cloud.local_cloud import IMAGE, LocalCloud, is_alive, wait_until

LIMIT = 6 * 1024 * 1024
JSON_MODEL = """
    import json
    def model_fn(model_dir): pass
    def input_fn(body, content_type): return json.loads(body)["instances"]
    def predict_fn(rows, model): return [sum(row) for row in rows]
    def output_fn(sums, accept): return json.dumps({"predictions": sums, "accept": accept}), "application/json"
"""


def say(word: str) -> str:
    """The script of a model that answers with a word and its process."""
    return SAY.format(word=word)


def words(answer: bytes) -> tuple[str, int]:
    """The word and the process of an answer."""
    word, pid = answer.decode().split()
    return word, int(pid)


@pytest.fixture(scope="module")
def sums(cloud: LocalCloud) -> Iterator[str]:
    serve(cloud, "sums-endpoint", SUM_ROWS)
    yield "sums-endpoint"
    cloud.client("sagemaker").delete_endpoint(EndpointName="sums-endpoint")


def test_an_endpoint_comes_into_service(cloud: LocalCloud, name: str) -> None:
    start_endpoint(cloud, name, SUM_ROWS)
    assert cloud.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"] in {"Creating", "InService"}
    endpoint = settled_endpoint(cloud, name)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointArn"] == f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
    assert endpoint["EndpointConfigName"] == name
    (served,) = endpoint["ProductionVariants"]
    assert (served["VariantName"], served["CurrentWeight"], served["CurrentInstanceCount"]) == ("all", 1.0, 1)


def test_an_endpoint_answers_csv(cloud: LocalCloud, sums: str) -> None:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=sums, Body="1,2\n3,4\n", ContentType="text/csv"
    )
    assert answer["Body"].read() == b"3.0\n7.0\n"
    assert answer["ContentType"] == "text/csv"
    assert answer["InvokedProductionVariant"] == "all"


def test_an_endpoint_answers_json(cloud: LocalCloud, name: str) -> None:
    serve(cloud, name, JSON_MODEL)
    body = json.dumps({"instances": [[1, 2], [3, 4]]})
    answer = json.loads(invoke(cloud, name, body, ContentType="application/json", Accept="application/json"))
    assert answer == {"predictions": [3, 7], "accept": "application/json"}


def test_a_model_without_functions_of_its_own_gets_those_of_the_container(cloud: LocalCloud, name: str) -> None:
    script = """
        class Model:
            def predict(self, rows): return rows.sum(axis=1)
        def model_fn(model_dir): return Model()
    """
    serve(cloud, name, script)
    assert invoke(cloud, name, "1,2\n3,4\n", Accept="text/csv") == b"3.0\n7.0\n"
    assert json.loads(invoke(cloud, name, "[[1, 2]]", ContentType="application/json")) == [3]
    assert json.loads(invoke(cloud, name, "1,2\n3,4\n")) == [3, 7]  # as the container answers who does not say
    assert invoke(cloud, name, "1,2\n", Accept="text/html, text/csv") == b"3.0\n"
    sent = io.BytesIO()
    numpy.save(sent, numpy.array([[1, 2], [3, 4]]))
    got = invoke(cloud, name, sent.getvalue(), ContentType="application/x-npy", Accept="application/x-npy")
    assert numpy.load(io.BytesIO(got)).tolist() == [3, 7]
    with pytest.raises(ClientError, match="'text/html' cannot be written") as refused:
        invoke(cloud, name, "1,2\n", Accept="text/html")
    assert refused.value.response["OriginalStatusCode"] == 406
    with pytest.raises(ClientError, match="the content type 'image/png'") as refused:
        invoke(cloud, name, "1,2\n", ContentType="image/png")
    assert refused.value.response["OriginalStatusCode"] == 415


def test_a_script_gets_csv_and_json_as_text_and_the_rest_as_bytes(cloud: LocalCloud, name: str) -> None:
    script = """
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): return type(body).__name__
    """
    serve(cloud, name, script)
    kinds = ("text/csv; charset=utf-8", "application/json", "text/plain", "application/x-npy")
    assert [invoke(cloud, name, b"1", ContentType=kind) for kind in kinds] == [b"str", b"str", b"bytes", b"bytes"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\xfe\x00\x01", "the body is not UTF-8 text: byte 0 is 0xff"),
        (b"1,two\n", "could not convert string to float: 'two'"),
        (b"<html>", "could not convert string to float: '<html>'"),
    ],
)
def test_bytes_that_are_not_csv_are_refused_with_the_reason_and_the_server_lives(
    cloud: LocalCloud, sums: str, body: bytes, reason: str
) -> None:
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        invoke(cloud, sums, body)
    answer = refused.value.response
    assert answer["OriginalStatusCode"] == 400
    assert answer["OriginalMessage"] == reason
    assert answer["Message"].startswith(f'Received client error (400) from primary with message "{reason}"')
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert invoke(cloud, sums, "1,2\n") == b"3.0\n"


def test_a_model_that_raises_answers_500_and_its_traceback_is_in_the_log(cloud: LocalCloud, name: str) -> None:
    script = """
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): raise RuntimeError("the weights are gone")
    """
    serve(cloud, name, script)
    with pytest.raises(ClientError, match="the weights are gone") as refused:
        invoke(cloud, name, "1\n")
    assert refused.value.response["OriginalStatusCode"] == 500
    log = wait_until(lambda: cloud.log(f"/aws/sagemaker/Endpoints/{name}"))
    wait_until(lambda: "RuntimeError: the weights are gone" in cloud.log(f"/aws/sagemaker/Endpoints/{name}"))
    assert log[0] == "Traceback (most recent call last):"


def test_a_body_over_six_megabytes_is_refused(cloud: LocalCloud, name: str) -> None:
    script = """
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): return str(len(body))
    """
    serve(cloud, name, script)
    assert invoke(cloud, name, b"x" * LIMIT) == str(LIMIT).encode()
    with pytest.raises(ClientError, match=f"larger than the {LIMIT}") as refused:
        invoke(cloud, name, b"x" * (LIMIT + 1))
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_an_endpoint_that_does_not_exist_is_not_found(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="Endpoint no-such-endpoint of account 123456789012 not found") as refused:
        invoke(cloud, "no-such-endpoint", "1\n")
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    for operation in ("describe_endpoint", "delete_endpoint"):
        with pytest.raises(ClientError, match="Could not find endpoint"):
            getattr(cloud.client("sagemaker"), operation)(EndpointName="no-such-endpoint")


def test_an_update_moves_to_the_new_model_and_loses_no_request(cloud: LocalCloud, name: str) -> None:
    serve(cloud, name, say("old"))
    old_pid = words(invoke(cloud, name, "x"))[1]
    create_model(cloud, f"{name}-new", say("new"))
    create_config(cloud, f"{name}-new", variant(f"{name}-new"))
    ended = threading.Event()

    def ask() -> list[str]:
        answers = []
        while not ended.is_set():
            answers.append(words(invoke(cloud, name, "x"))[0])
        return answers

    with ThreadPoolExecutor(max_workers=4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        cloud.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
        endpoint = settled_endpoint(cloud, name)
        wait_until(lambda: words(invoke(cloud, name, "x"))[0] == "new")
        ended.set()
        answers = [task.result() for task in asking]
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", f"{name}-new")
    for each in answers:
        assert set(each) <= {"old", "new"}
        assert each == sorted(each, key=["old", "new"].index)  # never back to the old one
    wait_until(lambda: not is_alive(old_pid))


def test_a_request_under_way_is_answered_by_the_model_that_it_reached(cloud: LocalCloud, name: str) -> None:
    script = """
        import pathlib, threading
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept):
            started, go = body.split()
            pathlib.Path(started).touch()
            while not pathlib.Path(go).exists():
                threading.Event().wait(0.01)
            return "old"
    """
    serve(cloud, name, script)
    create_model(cloud, f"{name}-new", say("new"))
    create_config(cloud, f"{name}-new", variant(f"{name}-new"))
    started, go = cloud.home / "started", cloud.home / "go"
    with ThreadPoolExecutor(max_workers=1) as pool:
        slow = pool.submit(invoke, cloud, name, f"{started} {go}")
        wait_until(started.exists)
        cloud.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
        settled_endpoint(cloud, name)
        assert words(invoke(cloud, name, "x"))[0] == "new"
        go.touch()
        assert slow.result() == b"old"


def test_an_update_to_a_broken_model_keeps_the_old_one_and_says_why(cloud: LocalCloud, name: str) -> None:
    serve(cloud, name, say("old"))
    create_model(cloud, f"{name}-new", "def model_fn(model_dir): raise OSError('no weights')")
    create_config(cloud, f"{name}-new", variant(f"{name}-new"))
    cloud.client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
    endpoint = settled_endpoint(cloud, name)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", name)
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert endpoint["FailureReason"].endswith("Its last words: OSError: no weights")
    assert words(invoke(cloud, name, "x"))[0] == "old"


def test_an_endpoint_whose_model_is_broken_fails_and_can_be_deleted(cloud: LocalCloud, name: str) -> None:
    endpoint = serve(cloud, name, "import a_module_that_nobody_has")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "ModuleNotFoundError: No module named 'a_module_that_nobody_has'" in endpoint["FailureReason"]
    assert "ProductionVariants" not in endpoint
    with pytest.raises(ClientError, match="is Failed"):
        invoke(cloud, name, "x")
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        cloud.client("sagemaker").describe_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("pass", "inference.py has no model_fn(model_dir)"),
        ("import os; os._exit(1)", "it printed nothing"),
        ("def model_fn(model_dir) return 1", "SyntaxError"),
        ("def model_fn(d): pass\ntransform_fn = input_fn = model_fn", "transform_fn, which stands for input_fn"),
    ],
)
def test_every_way_not_to_come_up_has_a_reason(cloud: LocalCloud, name: str, script: str, reason: str) -> None:
    endpoint = serve(cloud, name, script)
    assert endpoint["EndpointStatus"] == "Failed"
    assert reason in endpoint["FailureReason"]


def test_an_endpoint_cannot_be_deleted_while_it_is_created(cloud: LocalCloud, name: str) -> None:
    start_endpoint(cloud, name, "import os, threading; print(os.getpid()); threading.Event().wait()")
    pid = int(wait_until(lambda: cloud.log(f"/aws/sagemaker/Endpoints/{name}"))[0])
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    assert is_alive(pid)  # until the health check's time is over, or the cloud's
    assert cloud.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"


@pytest.mark.parametrize("lost", ["model.tar.gz", "sourcedir.tar.gz"])
def test_an_archive_that_is_not_there_is_named(cloud: LocalCloud, name: str, lost: str) -> None:
    create_model(cloud, name, SUM_ROWS)
    create_config(cloud, name, variant(name))
    cloud.client("s3").delete_object(Bucket=cloud.bucket, Key=f"{name}/{lost}")
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = settled_endpoint(cloud, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert f"NoSuchKey for 's3://{cloud.bucket}/{name}/{lost}'" in endpoint["FailureReason"]


def test_an_image_without_a_local_runtime_fails_by_name(cloud: LocalCloud, name: str) -> None:
    image = IMAGE.replace("scikit-learn", "my-own")
    container = {"Image": image}
    cloud.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container)
    create_config(cloud, name, variant(name))
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    reason = settled_endpoint(cloud, name)["FailureReason"]
    assert f"no local runtime stands in for the image '{image}'" in reason


def test_the_script_of_a_model_may_lie_in_its_own_archive(cloud: LocalCloud, name: str) -> None:
    script = "def model_fn(model_dir): return open(model_dir + '/word.txt').read()\n"
    script += "def transform_fn(model, body, content_type, accept): return model"
    create_model(cloud, name, "pass", **{"code/inference.py": script, "word.txt": "hello"})
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{cloud.bucket}/{name}/model.tar.gz"}
    cloud.client("sagemaker").create_model(
        ModelName=f"{name}-alone", ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container
    )
    create_config(cloud, name, variant(f"{name}-alone"))
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled_endpoint(cloud, name)["EndpointStatus"] == "InService"
    assert invoke(cloud, name, "x") == b"hello"


def test_a_deleted_endpoint_serves_no_more_and_its_server_is_gone(cloud: LocalCloud, name: str) -> None:
    serve(cloud, name, say("here"))
    pid = words(invoke(cloud, name, "x"))[1]
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError, match="not found"):
        invoke(cloud, name, "x")
    wait_until(lambda: not is_alive(pid))
    wait_until(lambda: not list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")))


def test_weights_and_counts_are_changed_while_it_serves_and_kept_when_that_is_asked_for(
    cloud: LocalCloud, name: str
) -> None:
    client = cloud.client("sagemaker")
    for word in ("one", "two"):
        create_model(cloud, f"{name}-{word}", say(word))
    create_config(cloud, name, variant(f"{name}-one", "one"), variant(f"{name}-two", "two"))
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    settled_endpoint(cloud, name)

    def change(**desired: Any) -> None:
        client.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[desired])

    def now() -> dict[str, tuple[float, int]]:
        variants = settled_endpoint(cloud, name)["ProductionVariants"]
        return {each["VariantName"]: (each["CurrentWeight"], each["DesiredInstanceCount"]) for each in variants}

    change(VariantName="one", DesiredWeight=0.0, DesiredInstanceCount=3)
    assert now() == {"one": (0.0, 3), "two": (1.0, 1)}
    assert {words(invoke(cloud, name, "x"))[0] for _ in range(20)} == {"two"}
    client.update_endpoint(
        EndpointName=name,
        EndpointConfigName=name,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    assert now() == {"one": (0.0, 1), "two": (1.0, 1)}
    client.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert now() == {"one": (1.0, 1), "two": (1.0, 1)}
    with pytest.raises(ClientError, match=r'"three" is/are not present within endpoint configuration'):
        change(VariantName="three", DesiredWeight=1.0)
    with pytest.raises(ClientError, match="a DesiredInstanceCount of 0 is not run"):
        change(VariantName="one", DesiredInstanceCount=0)
    with pytest.raises(ClientError, match="ServerlessUpdateConfig is not run"):
        change(VariantName="one", ServerlessUpdateConfig={"MaxConcurrency": 1})
    client.delete_endpoint(EndpointName=name)


def test_weights_share_the_requests_out(cloud: LocalCloud, name: str) -> None:
    for word in ("never", "always"):
        create_model(cloud, f"{name}-{word}", say(word))
    create_config(
        cloud,
        name,
        variant(f"{name}-never", "never", InitialVariantWeight=0.0),
        variant(f"{name}-always", "always", InitialVariantWeight=3.0),
    )
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled_endpoint(cloud, name)["EndpointStatus"] == "InService"
    assert {words(invoke(cloud, name, "x"))[0] for _ in range(20)} == {"always"}
    assert words(invoke(cloud, name, "x", TargetVariant="never"))[0] == "never"
    with pytest.raises(ClientError, match="Variant other not found"):
        invoke(cloud, name, "x", TargetVariant="other")


def test_a_server_that_dies_is_started_again(cloud: LocalCloud, name: str) -> None:
    serve(cloud, name, say("here"))
    first = words(invoke(cloud, name, "x"))[1]
    os.kill(first, signal.SIGKILL)

    def ask() -> int | None:
        with contextlib.suppress(cloud.client("sagemaker-runtime").exceptions.ModelError):
            return words(invoke(cloud, name, "x"))[1]
        return None

    second = wait_until(ask)
    assert second != first
    assert "it is started again" in cloud.log(f"/aws/sagemaker/Endpoints/{name}")[0]


def test_a_server_killed_before_its_endpoint_is_deleted_does_not_come_back(cloud: LocalCloud, name: str) -> None:
    serve(cloud, name, say("here"))
    os.kill(words(invoke(cloud, name, "x"))[1], signal.SIGKILL)
    wait_until(lambda: cloud.log(f"/aws/sagemaker/Endpoints/{name}"))
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)

    def folder() -> bool:
        return bool(list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")))

    wait_until(lambda: not folder())
    with pytest.raises(AssertionError, match="has not come true"):
        wait_until(folder, 1.5)  # longer than the pause before a restart


def test_an_update_to_a_configuration_that_does_not_exist_changes_nothing(cloud: LocalCloud, sums: str) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        cloud.client("sagemaker").update_endpoint(EndpointName=sums, EndpointConfigName="no-such-config")
    assert settled_endpoint(cloud, sums)["EndpointStatus"] == "InService"


def test_an_endpoint_that_is_updating_is_not_updated_again(cloud: LocalCloud, name: str, tmp_path: Path) -> None:
    script = f"""
        import pathlib, threading
        def model_fn(model_dir):
            while not pathlib.Path({str(tmp_path / "go")!r}).exists():
                threading.Event().wait(0.01)
        def transform_fn(model, body, content_type, accept): return "new"
    """
    serve(cloud, name, say("old"))
    create_model(cloud, f"{name}-new", script)
    create_config(cloud, f"{name}-new", variant(f"{name}-new"))
    client = cloud.client("sagemaker")
    client.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
    try:
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            client.update_endpoint(EndpointName=name, EndpointConfigName=name)
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            client.delete_endpoint(EndpointName=name)
    finally:
        (tmp_path / "go").touch()
    endpoint = settled_endpoint(cloud, name)
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", f"{name}-new")


def test_names_of_models_configurations_and_endpoints_are_used_only_once(cloud: LocalCloud, sums: str) -> None:
    client = cloud.client("sagemaker")
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        create_model(cloud, sums, SUM_ROWS)
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        create_config(cloud, sums, variant(sums))
    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        client.create_endpoint(EndpointName=sums, EndpointConfigName=sums)
    assert invoke(cloud, sums, "1,2\n") == b"3.0\n"  # and what was there before still is


def test_what_is_deleted_can_be_made_again(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    for _ in range(2):
        assert serve(cloud, name, SUM_ROWS)["EndpointStatus"] == "InService"
        client.delete_endpoint(EndpointName=name)
        client.get_waiter("endpoint_deleted").wait(EndpointName=name)
        client.delete_endpoint_config(EndpointConfigName=name)
        client.delete_model(ModelName=name)
    for operation, argument in (
        ("describe_model", "ModelName"),
        ("delete_model", "ModelName"),
        ("describe_endpoint_config", "EndpointConfigName"),
        ("delete_endpoint_config", "EndpointConfigName"),
    ):
        with pytest.raises(ClientError, match=f'Could not find .*{name}"'):
            getattr(client, operation)(**{argument: name})


def test_a_configuration_needs_models_that_exist(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError, match=r'Could not find model ".*no-such-model"'):
        create_config(cloud, name, variant("no-such-model"))


def test_models_and_configurations_are_described_as_they_were_made(cloud: LocalCloud, sums: str) -> None:
    client = cloud.client("sagemaker")
    model = client.describe_model(ModelName=sums)
    assert model["PrimaryContainer"]["Image"] == IMAGE
    assert model["ExecutionRoleArn"] == cloud.role_arn
    config = client.describe_endpoint_config(EndpointConfigName=sums)
    assert config["ProductionVariants"] == [variant(sums)]


def test_a_script_that_returns_a_booster_needs_no_functions_more(cloud: LocalCloud, name: str) -> None:
    script = """
        import numpy, xgboost
        def model_fn(model_dir):
            rows = xgboost.DMatrix(numpy.array([[0.0], [1.0]] * 8), label=[2.0, 5.0] * 8)
            return xgboost.train({"eta": 1, "lambda": 0, "min_child_weight": 0}, rows, num_boost_round=2)
    """
    create_model(cloud, f"{name}-script", script)
    container = cloud.client("sagemaker").describe_model(ModelName=f"{name}-script")["PrimaryContainer"]
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    cloud.client("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer={**container, "Image": image}
    )
    assert serve_config(cloud, name, variant(name))["EndpointStatus"] == "InService"
    assert json.loads(invoke(cloud, name, "0\n1\n")) == pytest.approx([2, 5], abs=1e-3)
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
