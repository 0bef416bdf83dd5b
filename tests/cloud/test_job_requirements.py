"""requirements.txt beside a script: installed in an environment of the job's own, kept by content."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

from tests.cloud.jobs import ended_training, start_training, train
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.test_training_jobs import GROUP


def wheel(name: str, version: str, source: str, files: dict[str, str] | None = None) -> tuple[str, bytes]:
    """Make a wheel of one module; return its file name and its content."""
    information = f"{name}-{version}.dist-info"
    content = BytesIO()
    written = {
        f"{name}.py": source,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{path.format(information=information): text for path, text in (files or {}).items()},
    }
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in written.items():
            archive.writestr(path, text)
        archive.writestr(f"{information}/RECORD", "".join(f"{path},,\n" for path in written))
    return f"{name}-{version}-py3-none-any.whl", content.getvalue()


def needs(*wheels: tuple[str, bytes]) -> dict[str, str | bytes]:
    """Return the files of code that needs these wheels, which it brings along."""
    lines = "".join(f"./wheels/{name}\n" for name, _ in wheels)
    return {"requirements.txt": lines, **{f"wheels/{name}": content for name, content in wheels}}


def said(cloud: LocalCloud, name: str) -> Any:
    """Return the JSON document that the job printed last."""
    return json.loads(cloud.log(GROUP, f"{name}/")[-1])


def environments(cloud: LocalCloud) -> int:
    return len(list((cloud.home / "cache" / "environments").glob("*/.ready")))


def test_a_job_finds_what_it_requires_and_the_framework_beside_it(cloud: LocalCloud, name: str) -> None:
    script = "import json, os, sys, sklearn, tiny_one; print(json.dumps([tiny_one.VALUE, sklearn.__version__]))"
    files = needs(wheel("tiny_one", "1.0", "VALUE = 7"))
    job = train(cloud, name, script, files)
    assert job["TrainingJobStatus"] == "Completed", job
    assert said(cloud, name)[0] == 7
    assert any("Successfully installed tiny" in line for line in cloud.log(GROUP, f"{name}/"))
    made = environments(cloud)
    train(cloud, f"{name}-again", script, files)
    assert not any("nstall" in line for line in cloud.log(GROUP, f"{name}-again/"))  # it was there
    assert environments(cloud) == made


def test_two_jobs_that_require_different_versions_do_not_meet(cloud: LocalCloud, name: str) -> None:
    script = "import json, tiny_two; print(json.dumps(tiny_two.VALUE))"
    versions = ("1.0", "2.0")
    for version in versions:
        files = needs(wheel("tiny_two", version, f"VALUE = {version!r}"))
        start_training(cloud, f"{name}-{version[0]}", script, files)
    for version in versions:
        assert ended_training(cloud, f"{name}-{version[0]}")["TrainingJobStatus"] == "Completed"
        assert said(cloud, f"{name}-{version[0]}") == version
    train(cloud, f"{name}-0", "import tiny_two")
    job = ended_training(cloud, f"{name}-0")
    assert "No module named 'tiny_two'" in job["FailureReason"]  # nothing of it is in the framework's environment


def test_two_jobs_at_once_share_one_installation(cloud: LocalCloud, name: str) -> None:
    files = needs(wheel("tiny_three", "1.0", "VALUE = 3"))
    made = environments(cloud)
    for number in range(2):
        start_training(cloud, f"{name}-{number}", "import json, tiny_three; print(tiny_three.VALUE)", files)
    for number in range(2):
        assert ended_training(cloud, f"{name}-{number}")["TrainingJobStatus"] == "Completed"
    assert environments(cloud) == made + 1


def test_another_version_of_the_framework_s_own_library_is_the_job_s_alone(cloud: LocalCloud, name: str) -> None:
    script = """
        import json, joblib, subprocess, sys
        other = subprocess.run([sys.executable, "-c", "import joblib; print(joblib.__version__)"], capture_output=True)
        print(json.dumps([joblib.__version__, other.stdout.decode().strip()]))
    """
    files = needs(wheel("joblib", "0.0.1", "__version__ = '0.0.1'"))
    job = train(cloud, name, script, files)
    assert job["TrainingJobStatus"] == "Completed", job
    assert said(cloud, name) == ["0.0.1", "0.0.1"]
    train(cloud, f"{name}-after", script)
    assert said(cloud, f"{name}-after")[0] != "0.0.1"


def test_commands_of_what_is_required_are_found(cloud: LocalCloud, name: str) -> None:
    entry_points = {"{information}/entry_points.txt": "[console_scripts]\ntiny-four = tiny_four:main\n"}
    files = needs(wheel("tiny_four", "1.0", "def main(): print('\"from its command\"')", entry_points))
    job = train(cloud, name, "import subprocess; subprocess.run(['tiny-four'], check=True)", files)
    assert job["TrainingJobStatus"] == "Completed", job
    assert said(cloud, name) == "from its command"


def test_what_is_there_already_is_not_installed(cloud: LocalCloud, name: str) -> None:
    made = environments(cloud)
    requirements = "# the image's own\nscikit-learn>=1.0  # at least\n\nnumpy\njoblib != 0.1, <99\n"
    job = train(cloud, name, "print('\"fine\"')", {"requirements.txt": requirements})
    assert job["TrainingJobStatus"] == "Completed"
    assert cloud.log(GROUP, f"{name}/") == ['"fine"']
    assert environments(cloud) == made


def test_what_cannot_be_installed_fails_the_job_with_pip_s_words(cloud: LocalCloud, name: str) -> None:
    made = environments(cloud)
    job = train(cloud, name, "print('never')", {"requirements.txt": "./nowhere-1.0-py3-none-any.whl\n"})
    assert job["TrainingJobStatus"] == "Failed"
    reason = job["FailureReason"]
    assert reason.startswith('AlgorithmError: InstallRequirementsError:\nExitCode 1\nErrorMessage "ERROR: ')
    assert "nowhere-1.0-py3-none-any.whl" in reason
    assert reason.endswith('Command "python3 -m pip install -r requirements.txt", exit code: 1')
    assert "never" not in cloud.log(GROUP, f"{name}/")
    assert environments(cloud) == made


def test_a_job_is_stopped_while_it_installs(cloud: LocalCloud, name: str) -> None:
    name_of_wheel, content = wheel("tiny_five", "1.0", "")
    requirements = {"requirements.txt": f"./wheels/{name_of_wheel}\n", f"wheels/{name_of_wheel}": content}
    start_training(cloud, name, "import threading; threading.Event().wait()", requirements)
    wait_until(lambda: cloud.log(GROUP, f"{name}/"))
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Stopped"


def test_each_host_of_a_job_has_what_it_requires(cloud: LocalCloud, name: str) -> None:
    files = needs(wheel("tiny_six", "1.0", "VALUE = 6"))
    resources = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
    job = train(cloud, name, "import tiny_six; print(tiny_six.VALUE)", files, ResourceConfig=resources)
    assert job["TrainingJobStatus"] == "Completed", job
    assert [line for line in cloud.log(GROUP, f"{name}/") if line == "6"] == ["6", "6"]


def test_the_job_s_log_says_which_version_really_runs(cloud: LocalCloud, name: str) -> None:
    import sklearn

    train(cloud, name, "print('hello')")
    note, *rest = cloud.whole_log(GROUP, f"{name}/")
    assert note.startswith("[local cloud] The image is scikit-learn 1.4-2-cpu-py3; this job runs scikit-learn ")
    assert sklearn.__version__ in note
    assert rest == ["hello"]
