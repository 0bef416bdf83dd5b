"""Functions that are made through Lambda's API: archives, changes, versions, and what is refused."""

from __future__ import annotations

import io
import json
import stat
import urllib.request
import zipfile
from textwrap import dedent
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import machine, run, start

HELLO = """
    import os
    from inner.words import WORD

    def handler(event, context):
        print("said", event)
        return {
            "word": WORD,
            "event": event,
            "greeting": os.environ.get("GREETING"),
            "version": context.function_version,
            "arn": context.invoked_function_arn,
        }
"""
TOO_LONG = {"Variables": {"LONG": "x" * 4096}}
SIGNING = f"arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-{'a' * 17}"
FILES = {"app.py": HELLO, "inner/__init__.py": "", "inner/words.py": "WORD = 'hello'"}


def packed(files: dict[str, str]) -> bytes:
    """Pack files as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), dedent(text))  # whenever it is packed, the same
    return buffer.getvalue()


def request_for(cloud: LocalCloud, name: str, **changes: Any) -> dict[str, Any]:
    """Return a CreateFunction request."""
    return {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": f"arn:aws:iam::123456789012:role/{cloud.resource('EchoFunctionRole')}",
        "Handler": "app.handler",
        "Code": {"ZipFile": packed(FILES)},
        **changes,
    }


def create(cloud: LocalCloud, name: str, **changes: Any) -> dict[str, Any]:
    """Make a function."""
    made: dict[str, Any] = cloud.client("lambda").create_function(**request_for(cloud, name, **changes))
    return made


def call(cloud: LocalCloud, name: str, event: Any = None, **options: Any) -> Any:
    """Invoke a function; return what it answers."""
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **options)
    with answer["Payload"] as payload:
        return json.load(payload)


def refused(cloud: LocalCloud, code: str, match: str) -> Any:
    """Expect an error of that code."""
    return pytest.raises(ClientError, match=rf"\({code}\)(?s:.*){match}")


def test_a_function_of_an_archive_in_the_call_runs(cloud: LocalCloud, name: str) -> None:
    made = create(cloud, name, Environment={"Variables": {"GREETING": "Hi"}}, Timeout=9, Tags={"team": "data"})
    cloud.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    assert made["FunctionArn"] == f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert (made["Timeout"], made["MemorySize"], made["Version"]) == (9, 128, "$LATEST")
    assert made["CodeSize"] == len(packed(FILES))
    for known_as in (name, made["FunctionArn"], f"{name}:$LATEST", f"123456789012:function:{name}"):
        answer = call(cloud, known_as, {"a": 1})
        assert answer == {
            "word": "hello",
            "event": {"a": 1},
            "greeting": "Hi",
            "version": "$LATEST",
            "arn": made["FunctionArn"],
        }
    found = cloud.client("lambda").get_function(FunctionName=name)
    assert found["Tags"] == {"team": "data"}
    assert found["Configuration"]["CodeSha256"] == made["CodeSha256"]
    with urllib.request.urlopen(found["Code"]["Location"]) as archive:
        assert archive.read() == packed(FILES)
    wait_until(lambda: "said {'a': 1}" in cloud.log(f"/aws/lambda/{name}"))


def test_a_function_starts_with_the_execution_that_will_invoke_it(cloud: LocalCloud, name: str) -> None:
    create(cloud, name, Code={"ZipFile": packed({**FILES, "app.py": 'print("is ready")\n' + dedent(HELLO)})})
    greet = {"Type": "Task", "Resource": f"arn:aws:lambda:us-east-1:123456789012:function:{name}"}
    execution = start(cloud, machine(Hold={"Type": "Wait", "Seconds": 99_999_999}, Greet=greet))
    wait_until(lambda: cloud.log(f"/aws/lambda/{name}") == ["is ready"])
    states = cloud.client("stepfunctions")
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    states.stop_execution(executionArn=execution)
    assert call(cloud, name)["word"] == "hello"
    assert cloud.log(f"/aws/lambda/{name}").count("is ready") == 1  # by the worker that was there


def test_a_function_of_an_archive_in_s3_runs(cloud: LocalCloud, name: str) -> None:
    cloud.put(f"{name}/code.zip", packed(FILES))
    create(cloud, name, Code={"S3Bucket": cloud.bucket, "S3Key": f"{name}/code.zip"})
    assert call(cloud, name)["word"] == "hello"


def test_new_code_and_another_configuration_count_from_the_next_invocation(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("lambda")
    first = create(cloud, name)
    assert call(cloud, name)["word"] == "hello"
    dry = client.update_function_code(FunctionName=name, ZipFile=packed({"app.py": "x = 1"}), DryRun=True)
    assert dry["CodeSha256"] != first["CodeSha256"]
    assert call(cloud, name)["word"] == "hello"
    changed = {**FILES, "inner/words.py": "WORD = 'good bye'"}
    second = client.update_function_code(FunctionName=name, ZipFile=packed(changed), RevisionId=first["RevisionId"])
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert call(cloud, name)["word"] == "good bye"
    third = client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"GREETING": "Ciao"}}, Timeout=30, Handler="app.handler"
    )
    client.get_waiter("function_updated").wait(FunctionName=name)
    assert (third["Timeout"], third["CodeSha256"]) == (30, second["CodeSha256"])
    assert call(cloud, name)["greeting"] == "Ciao"
    with refused(cloud, "PreconditionFailedException", "does not match the latest RevisionId"):
        client.update_function_code(FunctionName=name, ZipFile=packed(FILES), RevisionId=first["RevisionId"])


def test_a_published_version_stays_as_it_was(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("lambda")
    assert create(cloud, name, Publish=True)["Version"] == "1"
    assert client.publish_version(FunctionName=name)["Version"] == "1"  # nothing has changed
    client.update_function_code(FunctionName=name, ZipFile=packed({**FILES, "inner/words.py": "WORD = 'two'"}))
    second = client.publish_version(FunctionName=name, Description="the second")
    assert (second["Version"], second["Description"]) == ("2", "the second")
    client.update_function_code(FunctionName=name, ZipFile=packed({**FILES, "inner/words.py": "WORD = 'three'"}))
    assert [call(cloud, name, Qualifier=each)["word"] for each in ("1", "2", "$LATEST")] == ["hello", "two", "three"]
    assert call(cloud, second["FunctionArn"])["version"] == "2"
    versions = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in versions] == ["$LATEST", "1", "2"]
    client.delete_function(FunctionName=name, Qualifier="1")
    with refused(cloud, "ResourceNotFoundException", f"Function not found: .*{name}:1"):
        call(cloud, name, Qualifier="1")
    assert call(cloud, name, Qualifier="2")["word"] == "two"


def test_a_function_that_is_deleted_is_gone(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("lambda")
    create(cloud, name, Publish=True)
    call(cloud, name)
    client.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    client.delete_function(FunctionName=name)
    for attempt in (client.get_function, client.delete_function, client.list_versions_by_function):
        with refused(cloud, "ResourceNotFoundException", f"function:{name}"):
            attempt(FunctionName=name)
    create(cloud, name)
    with refused(cloud, "ResourceNotFoundException", "does not exist"):
        client.get_policy(FunctionName=name)
    assert call(cloud, name)["version"] == "$LATEST"


def test_functions_are_listed_in_pages(cloud: LocalCloud, name: str) -> None:
    made = [f"{name}-{number}" for number in range(3)]
    for each in made:
        create(cloud, each)
    client = cloud.client("lambda")
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    names = [found["FunctionName"] for page in pages for found in page["Functions"]]
    assert set(made) <= set(names)
    assert len(names) == len(set(names))
    with refused(cloud, "InvalidParameterValueException", "Invalid Marker"):
        client.list_functions(Marker="nonsense")


def test_tags_are_kept(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("lambda")
    arn = create(cloud, name, Tags={"a": "1"})["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"b": "2", "c": "3"})
    client.untag_resource(Resource=arn, TagKeys=["a", "c"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_layers_are_left_out_and_the_log_says_so(cloud: LocalCloud, name: str) -> None:
    layer = "arn:aws:lambda:us-east-1:123456789012:layer:pandas:3"
    assert create(cloud, name, Layers=[layer])["Layers"] == [{"Arn": layer}]
    call(cloud, name)
    (note,) = [line for line in cloud.whole_log(f"/aws/lambda/{name}") if line.startswith("[local cloud]")]
    assert f"Layers are not loaded: {layer}." in note


@pytest.mark.parametrize("by", ["name", "arn", "resource", "version"])
def test_a_state_machine_calls_it(cloud: LocalCloud, name: str, by: str) -> None:
    arn = create(cloud, name, Publish=True)["FunctionArn"]
    state: dict[str, Any] = {"Type": "Task", "End": True, "Resource": arn}
    if by != "resource":
        function = {"name": name, "arn": arn.removesuffix(":1"), "version": arn}[by]
        state["Resource"] = "arn:aws:states:::lambda:invoke"
        state["Parameters"] = {"FunctionName": function, "Payload.$": "$"}
        state["OutputPath"] = "$.Payload"
    assert run(cloud, {"StartAt": "Call", "States": {"Call": state}}, {"n": 3})["event"] == {"n": 3}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"Code": {"ZipFile": b"no archive"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
        ({"Code": {"ZipFile": b""}}, "InvalidParameterValueException", "non-empty zip"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide either the ZipFile, or the S3Bucket"),
        ({"Code": {"S3Bucket": "no-such", "S3Key": "k"}}, "InvalidParameterValueException", "NoSuchBucket"),
        ({"Role": "arn:aws:iam::123456789012:role/nobody"}, "InvalidParameterValueException", "cannot be assumed"),
        ({"Role": "nobody"}, "ValidationException", "at 'role' failed to satisfy constraint"),
        ({"Timeout": 901}, "ValidationException", "at 'timeout' failed"),
        ({"MemorySize": 64}, "ValidationException", "at 'memorySize' failed"),
        ({"FunctionName": "no spaces", "Timeout": 0}, "ValidationException", "2 validation errors detected"),
        ({"Handler": None}, "InvalidParameterValueException", "Handler is mandatory"),
        ({"Runtime": "nodejs22.x"}, "NotImplementedException", "CreateFunction with the Runtime nodejs22.x"),
        ({"PackageType": "Image", "Code": {"ImageUri": "x"}}, "NotImplementedException", "container image"),
        ({"CodeSigningConfigArn": SIGNING}, "NotImplementedException", "CreateFunction with CodeSigningConfigArn"),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"LONG": "x" * 4096}}},
            "InvalidParameterValueException",
            "exceeded the 4KB limit",
        ),
    ],
)
def test_a_function_that_aws_would_not_make_is_refused(
    cloud: LocalCloud, name: str, changes: dict[str, Any], code: str, message: str
) -> None:
    request = {key: value for key, value in request_for(cloud, name, **changes).items() if value is not None}
    with refused(cloud, code, message):
        cloud.client("lambda").create_function(**request)
    assert name not in {each["FunctionName"] for each in cloud.client("lambda").list_functions()["Functions"]}


def test_a_name_is_taken_once(cloud: LocalCloud, name: str) -> None:
    create(cloud, name)
    with refused(cloud, "ResourceConflictException", f"Function already exist: {name}"):
        create(cloud, name)


def link(target: str) -> bytes:
    """Pack a symbolic link."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("app.py")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
    return buffer.getvalue()


@pytest.mark.parametrize("archive", [packed({"../app.py": HELLO}), packed({"/tmp/app.py": HELLO}), link("/etc/passwd")])
def test_an_archive_that_climbs_out_of_its_folder_is_refused(cloud: LocalCloud, name: str, archive: bytes) -> None:
    with refused(cloud, "InvalidParameterValueException", "outside of the function's folder"):
        create(cloud, name, Code={"ZipFile": archive})


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.one_of(st.binary(max_size=200), st.integers(0, 400).map(lambda size: packed(FILES)[:size])))
def test_no_archive_at_all_is_an_error_of_the_caller(cloud: LocalCloud, content: bytes) -> None:
    with pytest.raises(ClientError) as error:
        create(cloud, "never-made", Code={"ZipFile": content})
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_alias", {"FunctionName": "echo", "Name": "live", "FunctionVersion": "1"}),
        ("create_event_source_mapping", {"FunctionName": "echo", "EventSourceArn": "arn:aws:sqs:us-east-1:1:q"}),
        ("put_function_concurrency", {"FunctionName": "echo", "ReservedConcurrentExecutions": 1}),
        ("create_function_url_config", {"FunctionName": "echo", "AuthType": "NONE"}),
        ("publish_layer_version", {"LayerName": "l", "Content": {"ZipFile": b"x"}}),
        ("get_account_settings", {}),
    ],
)
def test_what_is_not_run_is_refused_by_name(cloud: LocalCloud, operation: str, arguments: dict[str, Any]) -> None:
    words = "".join(word.title() for word in operation.split("_"))
    with refused(cloud, "NotImplementedException", f"{words} is not run by the local cloud"):
        getattr(cloud.client("lambda"), operation)(**arguments)
