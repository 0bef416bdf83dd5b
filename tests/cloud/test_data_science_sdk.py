"""The AWS Step Functions Data Science SDK, and the SageMaker SDK's tuner, unchanged: a data scientist's own scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud.local_cloud import LocalCloud
from tests.cloud.notebooks import run_notebook

FIT = """
    import argparse, os, pathlib
    import joblib, numpy as np
    from sklearn.linear_model import Ridge

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--alpha", type=float, default=1.0)
        parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
        parser.add_argument("--model-dir", default=os.environ.get("SM_MODEL_DIR"))
        given, _ = parser.parse_known_args()
        rows = np.vstack([np.loadtxt(path, delimiter=",") for path in pathlib.Path(given.train).iterdir()])
        model = Ridge(alpha=given.alpha).fit(rows[:, 1:], rows[:, 0])
        print(f"rmse={np.sqrt(np.mean((model.predict(rows[:, 1:]) - rows[:, 0]) ** 2)):.6f};")
        joblib.dump(model, os.path.join(given.model_dir, "model.joblib"))

    def model_fn(model_dir):
        return joblib.load(os.path.join(model_dir, "model.joblib"))

    if __name__ == "__main__":
        main()
"""
# Doubles each number, of rows with a label and of those without.
PREPARE = """
    import pathlib, os

    def model_fn(model_dir):
        return pathlib.Path(model_dir, "factor").read_text()

    def input_fn(body, content_type):
        return [[float(value) for value in line.split(",")] for line in body.splitlines()]

    def predict_fn(rows, model):
        return [[float(model) * value for value in row] for row in rows]

    def output_fn(rows, accept):
        return "\\n".join(",".join(map(str, row)) for row in rows) + "\\n", "text/csv"

    if __name__ == "__main__":
        pathlib.Path(os.environ["SM_MODEL_DIR"], "factor").write_text("2")
"""
BEGIN = """
    import json, uuid
    import numpy as np
    import sagemaker
    from sagemaker.sklearn import SKLearn
    from stepfunctions import steps
    from stepfunctions.inputs import ExecutionInput
    from stepfunctions.workflow import Workflow

    session = sagemaker.Session()
    role = sagemaker.get_execution_role()
    bucket = session.default_bucket()
    unique = uuid.uuid4().hex[:8]
    prefix = f"science-{unique}"
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 3))
    np.savetxt("rows.csv", np.c_[x @ [1, 2, 3], x], delimiter=",")
    rows = session.upload_data("rows.csv", key_prefix=f"{prefix}/rows")
    RMSE = [{"Name": "rmse", "Regex": r"rmse=([0-9.]+);"}]

    def estimator(script="fit.py"):
        return SKLearn(
            entry_point=script, role=role, instance_type="ml.m5.large", framework_version="1.2-1",
            metric_definitions=RMSE, output_path=f"s3://{bucket}/{prefix}/models",
        )

    def told(**result):
        print("RESULT " + json.dumps(result))
"""
TUNE = """
    from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

    def tuner(**changes):
        return HyperparameterTuner(
            estimator(), "rmse", {"alpha": ContinuousParameter(0.001, 100, scaling_type="Logarithmic")}, RMSE,
            objective_type="Minimize", max_jobs=4, max_parallel_jobs=2, **changes,
        )

    fitted = tuner(strategy="Bayesian", base_tuning_job_name="ridge")
    fitted.fit({"train": rows})
    frame = fitted.analytics().dataframe()
    best = frame.loc[frame["FinalObjectiveValue"].idxmin()]
    attached = HyperparameterTuner.attach(fitted.latest_tuning_job.name)
    predictor = fitted.deploy(1, "ml.m5.large")
    predicted = predictor.predict(x[:1]).tolist()
    predictor.delete_endpoint()
    names = ExecutionInput(schema={"Job": str})
    step = steps.TuningStep("Tune", tuner=tuner(strategy="Random"), job_name=names["Job"], data={"train": rows})
    workflow = Workflow(f"tune-{unique}", steps.Chain([step]), role, execution_input=names)
    workflow.create()
    output = workflow.execute(inputs={"Job": f"tune-{unique}"}).get_output(wait=True)
    workflow.delete()
    told(
        jobs=len(frame), least_alpha=frame["alpha"].min(), best=best["TrainingJobName"], best_alpha=best["alpha"],
        says=fitted.best_training_job(), attached=attached.best_training_job(),
        model=fitted.best_estimator().model_data, predicted=predicted, wanted=float(x[0] @ [1, 2, 3]),
        status=output["HyperParameterTuningJobStatus"], of_step=output["BestTrainingJob"]["TrainingJobName"],
    )
"""
FLOW = """
    from sagemaker.processing import ProcessingInput, ProcessingOutput
    from sagemaker.sklearn.processing import SKLearnProcessor

    names = ExecutionInput(schema={"n": int, "items": list, "Job": str})
    take = steps.Pass("Take", parameters={"n": names["n"], "items": names["items"], "Job": names["Job"]})
    one = steps.Pass("One", parameters={"v.$": "$"})
    each = steps.Map("Each", items_path="$.items", iterator=one, result_path="$.all")
    both = steps.Parallel("Both", result_path="$.both")
    both.add_branch(steps.Pass("Left", result={"left": 1}))
    both.add_branch(steps.Chain([steps.Wait("Pause", seconds=1), steps.Pass("Right", parameters={"n": names["n"]})]))
    processor = SKLearnProcessor("1.2-1", role, instance_type="ml.m5.large", instance_count=1)
    code = session.upload_data("count.py", key_prefix=f"{prefix}/code")
    place = "/opt/ml/processing"
    count = steps.ProcessingStep(
        "Count", processor, job_name=names["Job"],
        inputs=[
            ProcessingInput(rows, f"{place}/input", "rows"), ProcessingInput(code, f"{place}/code", "code"),
        ],
        outputs=[ProcessingOutput(f"{place}/output", f"s3://{bucket}/{prefix}/counted", "counted")],
        container_entrypoint=["python3", f"{place}/code/count.py"], container_arguments=["rows"],
        result_path="$.counted",
    )
    train = steps.TrainingStep(
        "Train", estimator(), job_name=names["Job"], data={"train": rows}, hyperparameters={"alpha": "0.5"},
        result_path="$.trained",
    )
    count.add_catch(steps.Catch(error_equals=["States.ALL"], next_step=steps.Fail("Uncounted")))
    enough = steps.Choice("Enough?")
    enough.add_choice(steps.ChoiceRule.NumericGreaterThan(take.output()["n"], 10), each)
    enough.default_choice(steps.Fail("Few", error="TooFew", cause="n is small"))
    steps.Chain([each, both, count, train])
    workflow = Workflow(f"flow-{unique}", steps.Chain([take, enough]), role, execution_input=names)
    workflow.create()
    given = {"n": 11, "items": [1, 2, 3], "Job": f"flow-{unique}"}
    execution = workflow.execute(inputs=given)
    output = execution.get_output(wait=True)
    ended = execution.describe()
    assert ended["status"] == "SUCCEEDED", ended
    few = workflow.execute(inputs={**given, "n": 1})
    few.get_output(wait=True)
    try:
        workflow.execute(inputs={**given, "n": "eleven"})
        checked = False
    except ValueError:
        checked = True
    events = [event["type"] for event in execution.list_events(max_items=1000)]
    shown = type(execution.render_progress()).__name__
    workflow.update(definition=steps.Chain([steps.Wait("Long", seconds=100000)]), role=role)
    stopped = workflow.execute(inputs=given)
    stopped.stop(error="Enough", cause="changed my mind")
    listed = [each.execution_arn for each in workflow.list_executions()]
    attached = Workflow.attach(workflow.state_machine_arn)
    known = Workflow.list_workflows()
    result = {
        "output": output, "input": execution.get_input(), "few": few.describe()["error"], "checked": checked,
        "first": events[0], "last": events[-1], "shown": shown,
        "stopped": [stopped.describe()[key] for key in ("status", "error", "cause")], "executions": len(listed),
        "attached": attached.name, "known": attached.name in [each["name"] for each in known],
        "counted": session.read_s3_file(bucket, f"{prefix}/counted/count.txt"),
        "template": "AWS::StepFunctions::StateMachine" in workflow.get_cloudformation_template(),
        "alpha": session.describe_training_job(given["Job"])["HyperParameters"]["alpha"],
    }
    workflow.delete()
    told(**result)
"""
PIPELINES = """
    from sagemaker.predictor import Predictor
    from sagemaker.serializers import CSVSerializer
    from stepfunctions.template.pipeline import InferencePipeline, TrainingPipeline

    def run(pipeline, name):
        pipeline.create()
        execution = pipeline.execute(job_name=name)
        execution.get_output(wait=True)
        ended = execution.describe()
        assert ended["status"] == "SUCCEEDED", ended
        session.sagemaker_client.get_waiter("endpoint_in_service").wait(EndpointName=name)
        predictor = Predictor(name, session, serializer=CSVSerializer())
        answer = predictor.predict([[1, 1, 1]]).decode()
        predictor.delete_endpoint()
        pipeline.workflow.delete()
        return float(answer.strip("[]\\n"))

    inputs = {"train": rows}
    training = TrainingPipeline(estimator(), role, inputs, bucket)
    inference = InferencePipeline(estimator("prepare.py"), estimator(), inputs, bucket, role, content_type="text/csv")
    told(training=run(training, f"training-{unique}"), inference=run(inference, f"inference-{unique}"))
"""
COUNT = """
    import pathlib, sys
    lines = sum(len(path.read_text().splitlines()) for path in pathlib.Path("/opt/ml/processing/input").glob("*.csv"))
    pathlib.Path("/opt/ml/processing/output/count.txt").write_text(f"{lines} {sys.argv[1]}")
"""
FILES = {"fit.py": FIT, "prepare.py": PREPARE, "count.py": COUNT}


def test_a_notebook_tunes(cloud_of_aws_names: LocalCloud, tmp_path: Path) -> None:
    result, _ = run_notebook(cloud_of_aws_names, tmp_path, BEGIN + TUNE, FILES)
    assert result["jobs"] == 4
    assert result["best"] == result["says"] == result["attached"]
    assert result["best"] in result["model"]
    assert result["predicted"] == [pytest.approx(result["wanted"], abs=0.5)]
    assert result["best_alpha"] == result["least_alpha"]  # the less of it, the closer the fit
    assert result["status"] == "Completed"
    assert result["of_step"].startswith("tune-")


def test_a_workflow_of_every_kind_of_step(cloud_of_aws_names: LocalCloud, tmp_path: Path) -> None:
    result, _ = run_notebook(cloud_of_aws_names, tmp_path, BEGIN + FLOW, FILES)
    assert result["output"]["all"] == [{"v": 1}, {"v": 2}, {"v": 3}]
    assert result["output"]["both"] == [{"left": 1}, {"n": 11}]
    assert result["output"]["counted"]["ProcessingJobStatus"] == "Completed"
    assert result["output"]["trained"]["TrainingJobStatus"] == "Completed"
    assert (result["counted"], result["alpha"]) == ("50 rows", "0.5")
    assert result["input"]["items"] == [1, 2, 3]
    assert (result["few"], result["checked"]) == ("TooFew", True)
    assert (result["first"], result["last"]) == ("ExecutionStarted", "ExecutionSucceeded")
    assert result["stopped"] == ["ABORTED", "Enough", "changed my mind"]
    assert (result["executions"], result["known"], result["template"]) == (3, True, True)


def test_the_pipelines_that_the_sdk_has_templates_of(cloud_of_aws_names: LocalCloud, tmp_path: Path) -> None:
    result, _ = run_notebook(cloud_of_aws_names, tmp_path, BEGIN + PIPELINES, FILES)
    assert result["training"] == pytest.approx(6, abs=0.5)
    assert result["inference"] == pytest.approx(
        12, abs=1
    )  # its first container doubles what comes, and what it learns from
