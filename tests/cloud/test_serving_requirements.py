"""requirements.txt beside an inference script: installed for the model's server alone."""

from __future__ import annotations

from textwrap import dedent

from tests.cloud.jobs import create_config, invoke, settled_endpoint, variant
from tests.cloud.local_cloud import IMAGE, LocalCloud, archive
from tests.cloud.test_job_requirements import environments, needs, wheel

SAY = """
    import {module}
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept): return str({module}.VALUE)
"""


def come_up(cloud: LocalCloud, name: str, module: str, files: dict[str, str | bytes]) -> tuple[str, str]:
    """Deploy a script that says a module's VALUE, with files beside it; return status and reason of the endpoint."""
    code = {"inference.py": dedent(SAY).format(module=module), **files}
    data = cloud.put(f"{name}/model.tar.gz", archive({f"code/{path}": content for path, content in code.items()}))
    client = cloud.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": data}
    client.create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container)
    create_config(cloud, name, variant(name))
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = settled_endpoint(cloud, name)
    return endpoint["EndpointStatus"], endpoint.get("FailureReason", "")


def test_a_model_server_has_what_its_script_requires(cloud: LocalCloud, name: str) -> None:
    made = environments(cloud)
    assert come_up(cloud, name, "tiny_nine", needs(wheel("tiny_nine", "1.0", "VALUE = 9"))) == ("InService", "")
    assert invoke(cloud, name, "1") == b"9"
    assert environments(cloud) == made + 1
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_another_version_of_the_framework_s_own_library_is_the_server_s_alone(cloud: LocalCloud, name: str) -> None:
    files = needs(wheel("joblib", "0.0.1", "VALUE = 'another joblib'"))
    assert come_up(cloud, name, "joblib", files) == ("InService", "")
    assert invoke(cloud, name, "1") == b"another joblib"
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_requirements_that_cannot_be_installed_fail_the_endpoint_with_pip_s_reason(
    cloud: LocalCloud, name: str
) -> None:
    status, reason = come_up(cloud, name, "nothing", {"requirements.txt": "./wheels/lost-1.0-py3-none-any.whl\n"})
    assert status == "Failed"
    assert "pip install -r requirements.txt failed: " in reason
    assert "lost-1.0" in reason
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
