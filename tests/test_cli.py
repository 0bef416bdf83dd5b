from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from switchyard import launcher
from switchyard.__main__ import main
from switchyard.aws import client
from switchyard.aws.target import Target
from switchyard.errors import DataError
from switchyard.executions import following as executions
from switchyard.executions import run
from switchyard.executions.report import show_result
from switchyard.executions.result import RunResult
from tests.fake_cloud import EXECUTION, FakeCloud, refusal
from tests.recorded import DEFINITION, recorded
from tests.sample_project import SampleProject

COMMANDS = [
    "run",
    "up",
    "console",
    "start",
    "watch",
    "ls",
    "stop",
    "faults",
    "redrive",
    "packages",
    "approve",
    "reject",
    "release",
    "logs",
    "invoke",
    "publish",
    "check",
    "render",
]
RUN_KEYS = [
    "execution_arn",
    "status",
    "output",
    "metrics",
    "endpoint_name",
    "prediction",
    "predictions",
    "model",
    "duration_seconds",
    "error",
]


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SampleProject:
    """A sample project as the current folder; no cloud of this machine is seen, none is started."""
    for name in ("AWS_ENDPOINT_URL", "SWITCHYARD_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    project = SampleProject.make(tmp_path)
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(launcher, "prestart", lambda _arguments: None)
    return project


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    """A cloud that is up; what is published to it goes nowhere."""
    fake = FakeCloud()
    monkeypatch.setattr(client, "connect", lambda *_arguments, **_options: fake)
    monkeypatch.setattr(run, "connect", lambda *_arguments, **_options: fake)
    monkeypatch.setattr("switchyard.publishing.publish.publish", lambda *_arguments, **_options: [])
    return fake


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs one command: its exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


Call = Callable[..., tuple[int, str, str]]


def keep_run(project: SampleProject, name: str, history: str, **input_: Any) -> Path:
    """Leave behind what the local cloud keeps of an execution."""
    folder = project.runs / name
    (folder / "logs").mkdir(parents=True)
    description = {
        "executionArn": f"{EXECUTION}:{name}",
        "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:switchyard-train-and-deploy",
        "name": name,
        "status": "SUCCEEDED" if history == "deployed" else "FAILED",
        "startDate": "2026-11-21T03:41:06+00:00",
        "stopDate": "2026-11-21T03:41:08+00:00",
    }
    (folder / "execution.json").write_text(json.dumps(description))
    (folder / "history.json").write_text(json.dumps({"events": recorded(history)}))
    (folder / "definition.json").write_text(json.dumps(DEFINITION))
    (folder / "input.json").write_text(json.dumps({"recipe": "trees", **input_}))
    (folder / "logs" / "Train model.log").write_text("epoch 1\ntrain.py: error: too few rows\n")
    return folder


# Help and usage


def test_without_a_command_there_is_help(call: Call):
    code, out, _ = call()
    assert code == 2
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(call: Call, command: str):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    assert "Examples" in out
    assert f"switchyard {command}" in out


def test_the_version_is_told(call: Call):
    code, out, _ = call("--version")
    assert code == 0
    assert re.fullmatch(r"switchyard \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["run"],
        ["run", "trees", "--no-such-option"],
        ["up", "--port", "99999"],
        ["up", "--port", "abc"],
        ["invoke", "endpoint"],
        ["ls", "--limit", "0"],
        ["watch"],
    ],
)
def test_wrong_usage_is_exit_code_2(call: Call, arguments: list[str]):
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err


def test_it_starts_as_a_module_and_fails_without_a_traceback():
    result = subprocess.run(
        [sys.executable, "-m", "switchyard", "run", "no-such-recipe"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("switchyard: error: no recipe 'no-such-recipe'")


def test_asking_for_help_loads_none_of_the_heavy_libraries():
    code = "import sys; from switchyard.__main__ import main; main(['run', '--help']); "
    code += "print(sorted({'boto3', 'botocore', 'moto', 'yaml', 'switchyard.recipes.loading'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "treez"], r"no recipe 'treez' in .*; did you mean 'trees'\?"),
        (["run", "trees", "--set", "hyperparametres.alpha=1"], r"unknown key 'hyperparametres.alpha'; did you mean"),
        (["run", "trees", "--data", "none.csv"], r"none.csv cannot be read"),
        (["run", "trees", "--name", "a b"], r"--name 'a b' cannot be an execution's name: use 1 to 80"),
        (["start", "machine", "--input", "{"], r"--input is not JSON: .* at line 1, column 2"),
        (["start", "machine", "--input", "@none.json"], r"none.json cannot be read"),
        (["start", "machine", "--input", '"' + "x" * 300_000 + '"'], r"300,002 bytes; Step Functions takes 262,144"),
        (["invoke", "e", "--body", "@none.csv"], r"none.csv cannot be read"),
        (["up", "--template", "none.yaml"], r"--template none.yaml: there is no such file"),
        (["render"], r"there is no .*\.venv-author.*make it with `make author`"),
        (["watch", "none"], r"there is no execution 'none'; there are none"),
    ],
)
def test_bad_input_is_named_and_exit_code_2(call: Call, arguments: list[str], message: str):
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("switchyard: error: ")
    assert re.search(message, err)
    assert not Path(".switchyard").exists()


@pytest.mark.parametrize(
    "arguments", [["start", "machine"], ["stop", "x"], ["invoke", "e", "--body", "1"], ["publish"]]
)
def test_without_a_cloud_it_is_told_how_to_start_one(call: Call, arguments: list[str]):
    code, _, err = call(*arguments)
    assert code == 1
    assert "no local cloud is up; start one with `switchyard up`" in err


def test_outside_of_a_project_that_is_said(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any):
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    code, _, err = call("run", "trees")
    assert code == 2
    assert "is not inside a Switchyard project" in err


def test_what_boto3_raises_is_translated(call: Call, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch):
    def deny(**_query: Any) -> None:
        raise refusal("AccessDeniedException", "not you", "ListExecutions")

    monkeypatch.setattr(cloud.stepfunctions, "list_executions", deny)
    code, _, err = call("ls")
    assert code == 1
    assert err == "switchyard: error: AWS denied ListExecutions: not you; ask for that permission or use --profile\n"


def test_a_bug_leaves_its_traceback_in_a_file(call: Call, monkeypatch: pytest.MonkeyPatch):
    def break_(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(client, "connect", break_)
    code, _, err = call("ls")
    assert code == 1
    assert "this is a bug in Switchyard: ZeroDivisionError: oops" in err
    path = Path(re.search(r"traceback is in (\S+);", err)[1])  # type: ignore[index]
    assert "break_" in path.read_text()
    path.unlink()


def test_ctrl_c_is_no_traceback(call: Call, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "connect", interrupt)
    assert call("ls") == (1, "", "switchyard: error: stopped by Ctrl-C\n")


def test_the_port_in_use_is_named(call: Call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("switchyard.up.free_port", lambda _port: False)
    monkeypatch.setattr("switchyard.up.probe", lambda _url: None)
    code, _, err = call("up", "--port", "4600")
    assert code == 2
    assert "port 4600 on 127.0.0.1 is taken; choose another with --port" in err


# The account or the local cloud


@pytest.mark.parametrize(
    ("options", "target"),
    [
        ([], Target()),
        (["--aws"], Target(aws=True)),
        (["--profile", "prod"], Target(aws=True, profile="prod")),
        (["--region", "eu-west-1", "--stack", "mine"], Target(region="eu-west-1", stack="mine")),
    ],
)
def test_global_options_choose_the_cloud(
    call: Call, monkeypatch: pytest.MonkeyPatch, options: list[str], target: Target
):
    asked = []
    monkeypatch.setattr(client, "connect", asked.append)
    call(*options, "ls")
    assert asked == [target]


# run


def test_a_run_is_one_json_document(call: Call, cloud: FakeCloud):
    code, out, err = call("run", "trees", "--name", "nightly", "--json")
    document = json.loads(out)
    assert code == 0
    assert list(document) == RUN_KEYS
    assert document["execution_arn"] == f"{EXECUTION}:nightly"
    assert document["status"] == "SUCCEEDED"
    assert document["output"]["status"] == "DEPLOYED"
    assert document["metrics"] == document["output"]["metrics"]
    assert document["endpoint_name"] == "switchyard-diabetes"
    assert document["prediction"]["value"] == 71.8
    assert document["prediction"]["actual"] == 75.0
    assert document["prediction"]["features"] == [48.0, 1.5]
    assert document["prediction"]["latency_ms"] >= 0
    assert document["predictions"]["rows"] == 66
    assert document["model"]["uri"].endswith("/model.tar.gz")
    assert document["duration_seconds"] > 0
    assert document["error"] is None
    assert "Train model: succeeded" in err
    assert cloud.endpoints.requests[0]["Body"] == b"48,1.5"


def test_a_run_passes_on_what_it_is_asked_for(call: Call, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("switchyard.publishing.publish.upload_data", lambda *_, **__: "s3://data/trees.csv")
    data = Path("mine.csv")
    data.write_bytes(Path("recipes/data/trees.csv").read_bytes())
    call("run", "trees", "--name", "n", "--data", str(data), "--set", "hyperparameters.alpha=0.5")
    assert json.loads(cloud.stepfunctions.executions["n"]["input"]) == {
        "recipe": "trees",
        "data": "s3://data/trees.csv",
        "overrides": {"hyperparameters": {"alpha": 0.5}},
    }


def test_a_run_ends_with_what_there_is_to_know(call: Call, cloud: FakeCloud):
    code, out, err = call("run", "trees", "--name", "nightly")
    assert (code, err) == (0, "")
    assert re.search(r"^DEPLOYED  nightly after \d", out, flags=re.MULTILINE)
    assert re.search(r"^rmse +48\.89 +52\.67 +<= 60 +yes", out, flags=re.MULTILINE)
    assert re.search(r"^prediction +71\.8 for a test row whose target is 75, in \d", out, flags=re.MULTILINE)
    assert "switchyard invoke switchyard-diabetes --body 48,1.5" in out


def test_a_failed_run_says_where_and_why(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.plays = "training_failed"
    code, out, _ = call("run", "trees", "--name", "nightly")
    assert code == 1
    assert re.search(r"^FAILED  nightly", out, flags=re.MULTILINE)
    assert re.search(r"^States.TaskFailed in state 'Train model': .*invalid choice: 'nope'", out, flags=re.MULTILINE)
    assert "a line of /aws/sagemaker/TrainingJobs" in out
    assert "switchyard logs nightly 'Train model'" in out


def test_a_failed_run_is_a_json_document_too(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.plays = "branch_failed"
    code, out, _ = call("run", "trees", "--json")
    document = json.loads(out)
    assert code == 1
    assert list(document) == RUN_KEYS
    assert document["status"] == "FAILED"
    assert document["error"]["name"] == "EndpointFailed"
    assert document["error"]["state"] == "Wait for endpoint"
    assert "did not pass the ping health check" in document["error"]["cause"]
    assert document["output"] is None
    assert document["prediction"] is None


def test_a_rejected_run_is_exit_code_1_with_its_reasons(call: Call, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch):
    cloud.stepfunctions.add("rejected", "deployed")
    events = cloud.stepfunctions.executions["rejected"]["history"]
    output = json.loads(events[-1]["executionSucceededEventDetails"]["output"])
    output |= {"status": "REJECTED", "reasons": ["rmse is 70, above 60"], "endpoint_name": None}
    events[-1]["executionSucceededEventDetails"]["output"] = json.dumps(output)
    code, out, _ = call("watch", "rejected")
    assert code == 1
    assert re.search(r"^REJECTED  rejected", out, flags=re.MULTILINE)
    assert "rmse is 70, above 60" in out
    assert json.loads(call("watch", "rejected", "--json")[1])["status"] == "SUCCEEDED"


def test_a_run_that_cannot_start_is_a_json_document_too(call: Call, cloud: FakeCloud):
    code, out, err = call("run", "trees", "--data", "none.csv", "--json")
    document = json.loads(out)
    assert code == 2
    assert list(document) == RUN_KEYS
    assert document["error"]["name"] == DataError.__name__
    assert "none.csv cannot be read" in document["error"]["cause"]
    assert "none.csv cannot be read" in err


def test_the_same_name_is_the_same_run(call: Call, cloud: FakeCloud):
    first = call("run", "trees", "--name", "nightly", "--json")
    again = call("run", "trees", "--name", "nightly", "--json")
    assert again[0] == 0
    assert json.loads(first[1])["output"] == json.loads(again[1])["output"]
    assert "nightly has run before" in again[2]
    assert len(cloud.stepfunctions.executions) == 1


def test_the_same_name_with_another_input_is_refused(call: Call, cloud: FakeCloud):
    call("run", "trees", "--name", "nightly")
    code, _, err = call("run", "trees", "--name", "nightly", "--set", "data.seed=7")
    assert code == 2
    assert "there is a run 'nightly' already, with another input" in err


def test_a_run_whose_cloud_is_gone_is_shown_from_its_files(call: Call, project: SampleProject):
    folder = keep_run(project, "nightly", "deployed")
    (folder / "model.tar.gz").write_bytes(b"model")
    code, out, err = call("run", "trees", "--name", "nightly", "--json")
    document = json.loads(out)
    assert code == 0
    assert "nightly has run before" in err
    assert document["model"]["path"] == str(folder / "model.tar.gz")
    assert document["prediction"] is None
    assert call("run", "trees", "--name", "nightly", "--set", "data.seed=7")[0] == 2


def test_ctrl_c_stops_the_run_and_says_so(call: Call, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch):
    cloud.stepfunctions.plays = "stopped"
    looks = []
    original = executions.read_new_events

    def interrupted(*arguments: Any) -> None:
        looks.append(1)
        if len(looks) == 1:
            raise KeyboardInterrupt
        original(*arguments)

    monkeypatch.setattr(executions, "read_new_events", interrupted)
    code, out, _ = call("run", "trees", "--name", "nightly")
    assert code == 1
    assert cloud.stepfunctions.stopped == [f"{EXECUTION}:nightly"]
    assert "Ctrl-C: stopping the run and its jobs" in out
    assert re.search(r"^STOPPED  nightly", out, flags=re.MULTILINE)


def test_a_recipe_without_data_asks_for_it(call: Call, project: SampleProject, cloud: FakeCloud):
    project.write_recipe(data={"target": "height"})
    code, _, err = call("run", "trees")
    assert code == 2
    assert "recipe 'trees' has no data of its own; give --data" in err


# start, watch, ls, stop, logs


def test_start_prints_the_arn(call: Call, cloud: FakeCloud):
    code, out, err = call("start", "train_and_deploy", "--input", '{"recipe": "trees"}', "--name", "mine")
    assert (code, out) == (0, f"{EXECUTION}:mine\n")
    assert "switchyard watch mine" in err


def test_start_can_watch(call: Call, cloud: FakeCloud):
    code, out, _ = call("start", "train_and_deploy", "--input", "{}", "--name", "mine", "--watch", "--json")
    assert code == 0
    assert list(json.loads(out)) == RUN_KEYS


def test_watch_ends_as_the_execution_does(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("good", "deployed")
    cloud.stepfunctions.add("bad", "training_failed")
    assert call("watch", "good")[0] == 0
    assert call("watch", f"{EXECUTION}:bad")[0] == 1


def test_watch_shows_a_run_whose_cloud_is_gone(call: Call, project: SampleProject):
    keep_run(project, "bad", "training_failed")
    code, out, _ = call("watch", "bad")
    assert code == 1
    assert "train.py: error: too few rows" in out


def test_an_unsuccessful_execution_is_redriven(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("nightly", "training_failed")
    assert call("redrive", "nightly") == (
        0,
        "redriven nightly (redrive 1)\n",
        "follow it: switchyard watch nightly\n",
    )
    code, out, _ = call("redrive", "nightly", "--json")
    assert (code, json.loads(out)) == (0, {"execution_arn": f"{EXECUTION}:nightly", "redrive_count": 2})
    code, out, _ = call("redrive", "nightly", "--watch")
    assert code == 1
    assert "FAILED" in out


def test_what_cannot_be_redriven_is_told_with_the_reason(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("nightly", "deployed")
    code, _, err = call("redrive", "nightly")
    assert code == 1
    assert "nightly cannot be redriven: Execution is SUCCEEDED and cannot be redriven" in err
    code, _, err = call("redrive", "nightli")
    assert code == 2
    assert "there is no execution 'nightli'; did you mean 'nightly'" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "diabetes", "--fault", "Train model"], "'Train model' is no fault: write the state or function"),
        (["start", "train_and_deploy", "--fault", ":crash"], "':crash' is no fault"),
        (["faults", "add", "Train model:"], "'Train model:' is no fault"),
        (["--profile", "prod", "run", "diabetes", "--fault", "*:crash"], "nothing is broken on purpose in an AWS"),
        (["--aws", "start", "train_and_deploy", "--fault", "*:crash"], "nothing is broken on purpose in an AWS"),
        (["--aws", "faults", "ls"], "nothing is broken on purpose in an AWS"),
        (["faults", "ls"], "faults are for the local cloud of Switchyard"),
    ],
)
def test_faults_that_cannot_be_are_refused(call: Call, cloud: FakeCloud, arguments: list[str], message: str):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert cloud.stepfunctions.executions == {}


def test_leaving_a_watch_does_not_stop_the_execution(call: Call, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    cloud.stepfunctions.add("good", "deployed")
    monkeypatch.setattr(executions, "read_new_events", interrupt)
    code, _, err = call("watch", "good")
    assert code == 1
    assert "good goes on (end it: switchyard stop good)" in err
    assert cloud.stepfunctions.stopped == []


def test_ls_lists_live_and_past_executions(call: Call, cloud: FakeCloud, project: SampleProject):
    cloud.stepfunctions.add("live", "deployed")
    keep_run(project, "past", "training_failed")
    code, out, _ = call("ls")
    assert code == 0
    assert re.search(r"^live +train_and_deploy +SUCCEEDED", out, flags=re.MULTILINE)
    assert re.search(r"^past +train_and_deploy +FAILED +2026-11-2\d .* 2\.00 s", out, flags=re.MULTILINE)
    listed = json.loads(call("ls", "--json")[1])["executions"]
    assert {row["name"] for row in listed} == {"live", "past"}
    assert len(json.loads(call("ls", "--json", "--limit", "1")[1])["executions"]) == 1


def test_ls_of_nothing_says_what_to_do(call: Call):
    code, out, err = call("ls")
    assert (code, out) == (0, "")
    assert "switchyard run" in err


def test_stop_stops_what_runs(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("live", "deployed")
    cloud.stepfunctions.executions["live"]["status"] = "RUNNING"
    assert call("stop", "live") == (0, "stopped live\n", "")
    assert cloud.stepfunctions.stopped == [f"{EXECUTION}:live"]


def test_stop_tells_what_cannot_be_stopped(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("done", "deployed")
    code, _, err = call("stop", "done")
    assert code == 1
    assert "done has ended already (SUCCEEDED)" in err
    code, _, err = call("stop", "don")
    assert code == 2
    assert "there is no execution 'don'; did you mean 'done'?" in err


def test_logs_come_from_the_cloud(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("live", "deployed")
    code, out, _ = call("logs", "live")
    assert code == 0
    assert "== Train model ==\na line of /aws/sagemaker/TrainingJobs\n" in out
    assert "== Prepare run ==\na line of /aws/lambda/switchyard-prepare-run\n" in out
    assert call("logs", "live", "Train model")[1] == "a line of /aws/sagemaker/TrainingJobs\n"
    assert json.loads(call("logs", "live", "Train model", "--json")[1]) == {
        "logs": {"Train model": ["a line of /aws/sagemaker/TrainingJobs"]}
    }


def test_logs_come_from_the_files_of_a_past_run(call: Call, project: SampleProject):
    keep_run(project, "past", "training_failed")
    assert call("logs", "past", "Train model") == (0, "epoch 1\ntrain.py: error: too few rows\n", "")


def test_logs_follow_the_states_of_an_execution(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("live", "deployed")
    code, out, _ = call("logs", "-f", "live")
    assert code == 0
    assert "[Train model] a line of /aws/sagemaker/TrainingJobs\n" in out
    assert out.count("TrainingJobs") == 1
    assert call("logs", "-f", "live", "Train model")[1] == "[Train model] a line of /aws/sagemaker/TrainingJobs\n"


def test_logs_without_an_execution_follow_one_that_runs_or_say_so(call: Call, cloud: FakeCloud):
    cloud.stepfunctions.add("done", "deployed")
    code, _, err = call("logs")
    assert code == 2
    assert "--follow for the newest one that runs" in err
    assert call("logs", "-f")[0] == 1
    code, _, err = call("logs", "-f", "done", "--json")
    assert code == 2
    assert "give one of them" in err


def test_logs_of_a_state_that_was_not_entered(call: Call, project: SampleProject):
    keep_run(project, "past", "training_failed")
    code, _, err = call("logs", "past", "Train")
    assert code == 2
    assert "past has entered no state 'Train'; did you mean 'Train model'?" in err


# invoke, publish, check, render


def test_invoke_prints_the_answer(call: Call, cloud: FakeCloud):
    assert call("invoke", "switchyard-diabetes", "--body", "1,2") == (0, "71.8\n", "")
    assert cloud.endpoints.requests[-1] == {
        "EndpointName": "switchyard-diabetes",
        "ContentType": "text/csv",
        "Accept": "text/csv",
        "Body": b"1,2",
    }
    code, out, _ = call("invoke", "switchyard-diabetes", "--body", "[[1]]", "--content-type", "x/y", "--json")
    assert code == 0
    assert json.loads(out)["body"] == "71.8\n"
    assert cloud.endpoints.requests[-1]["ContentType"] == "x/y"


def test_invoke_tells_why_the_model_refused(call: Call, cloud: FakeCloud):
    cloud.endpoints.refuses = refusal("ModelError", OriginalStatusCode=400, OriginalMessage="'abc' is not a number")
    code, out, err = call("invoke", "switchyard-diabetes", "--body", "abc")
    assert (code, out) == (1, "")
    assert "answered 400: 'abc' is not a number" in err


def test_check_is_silent_about_what_is_right_and_names_what_is_wrong(call: Call, project: SampleProject):
    code, out, _ = call("check")
    assert code == 0
    assert "no problem found" in out
    project.write_recipe(surplus=1)
    code, out, err = call("check")
    assert (code, out) == (1, "")
    assert "recipes/trees.yaml: surplus:" in err
    code, out, _ = call("check", "--json")
    assert code == 1
    assert json.loads(out)["problems"][0]["where"] == "surplus"


def test_render_runs_in_the_authors_environment(call: Call, project: SampleProject):
    python = project.write(".venv-author/bin/python", '#!/bin/sh\necho "$@" > called\nexit 1\n')
    python.chmod(0o755)
    assert call("render", "--check")[0] == 1
    assert Path("called").read_text() == "-m workflows.render --check\n"


def test_a_result_without_an_execution_has_all_keys():
    assert list(RunResult(None, "", None).document()) == RUN_KEYS


PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/switchyard-trees/3"
PENDING = {"status": "PENDING_APPROVAL", "recipe": "trees", "model_package_arn": PACKAGE}
TAKEN_BACK = {
    **PENDING,
    "status": "ROLLED_BACK",
    "reasons": ["latency 612 ms"],
    "steps": [
        {"share": 10, "requests": 7, "latency_ms": 8.5},
        {"share": 20, "requests": 0, "latency_ms": 1.8},  # of its samples alone
    ],
}


def shown(result: RunResult) -> str:
    console = Console(file=io.StringIO(), width=160)
    show_result(result, console)
    return console.file.getvalue()


def test_a_model_that_waits_for_approval_is_shown_with_how_to_decide():
    text = shown(RunResult("arn", "trees-1", "SUCCEEDED", output=PENDING, cloud_goes_on=True))
    assert text.splitlines()[1] == "PENDING APPROVAL  trees-1"
    assert "package     switchyard-trees/3  (it waits for approval, and serves nothing)" in text
    assert "  switchyard approve switchyard-trees/3 " in text
    assert "  switchyard reject switchyard-trees/3 --reason TEXT  # it stays out of service" in text


def test_a_model_that_waits_in_a_cloud_that_ends_is_not_there_to_be_approved():
    text = shown(RunResult("arn", "trees-1", "SUCCEEDED", output=PENDING))
    assert "switchyard approve" not in text
    assert "switchyard up" in text
    assert "its model waits there for approval" in text


@pytest.mark.parametrize(
    ("found", "shows"),
    [
        (
            {"endpoint_name": "trees", "deleted": [], "why_kept": "clients still ask it: 3 requests"},
            "earlier one trees stays: clients still ask it: 3 requests",
        ),
        (
            {"endpoint_name": "trees", "deleted": ["endpoint/trees"], "why_kept": ""},
            "earlier one trees, deleted: nobody asked it any more",
        ),
        ({"Error": "ServiceFault", "Cause": '{"errorMessage": "throttled"}'}, "looked at, and stays: throttled"),
    ],
)
def test_what_became_of_the_endpoint_that_clients_asked_before_is_shown(found: dict[str, Any], shows: str):
    output = {**PENDING, "status": "RELEASED", "steps": [], "reasons": [], "old_endpoint": found}
    assert shows in shown(RunResult("arn", "release-1", "SUCCEEDED", output=output))


def test_why_there_is_nothing_to_release_is_shown():
    output = {**PENDING, "status": "NOTHING_TO_RELEASE", "steps": [], "reasons": ["It is released already."]}
    result = RunResult("arn", "release-1", "SUCCEEDED", output=output)
    assert result.is_success
    assert "It is released already." in shown(result)


def test_a_release_that_was_taken_back_is_shown_with_its_steps_and_is_no_success():
    release = RunResult("arn", "release-1", "SUCCEEDED", output=TAKEN_BACK, cloud_goes_on=True)
    run = RunResult("arn", "trees-1", "SUCCEEDED", output={**PENDING, "status": "APPROVED"}, release=release)
    text = shown(run)
    assert (release.is_success, run.is_success) == (False, False)
    assert text.index("APPROVED  trees-1") < text.index("ROLLED BACK  release-1") < text.index("latency 612 ms")
    assert "10 %" in text
    assert "8.5 ms" in text
    assert "1.8 ms" not in text
    assert text.count("Next") == 1
    assert "switchyard packages trees" in text
    assert run.document()["release"]["output"] == TAKEN_BACK


@pytest.mark.parametrize("passed", [True, False])
def test_a_comparison_is_shown_and_is_a_success_if_the_answers_are_alike(passed: bool):
    comparison = {
        "passed": passed,
        "answers": 40,
        "mean_difference": 0.021,
        "largest_difference": 0.3,
        "requests": 41,
        "errors_5xx": 1,
        "errors_4xx": 0,
        "latency_ms": 7.254,
    }
    reasons = [] if passed else ["3 of 40 answers are more than 10 % apart"]
    output = {**PENDING, "status": "COMPARED", "comparison": comparison, "reasons": reasons}
    release = RunResult("arn", "release-1", "SUCCEEDED", output=output, cloud_goes_on=True)
    text = shown(release)
    assert release.is_success is passed
    assert text.splitlines()[1] == "COMPARED  release-1"
    assert "40 of its answers compared with those that clients got: 2.10% apart on average, 30.00% at most." in text
    assert "41 requests, 1 of them 5xx, 0 of them 4xx, 7.254 ms on average." in text
    assert ("3 of 40 answers" in text) is not passed
    assert "  switchyard release switchyard-trees/3 --strategy canary  # let it serve" in text
