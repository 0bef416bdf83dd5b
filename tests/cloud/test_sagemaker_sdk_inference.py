"""The SageMaker Python SDK, unchanged, transforms, serves and processes against the local cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud.local_cloud import LocalCloud
from tests.cloud.notebooks import run_notebook

TRAIN = """
    import os
    import joblib
    import numpy as np
    from sklearn.linear_model import LinearRegression

    def model_fn(model_dir):
        return joblib.load(os.path.join(model_dir, "model.joblib"))

    if __name__ == "__main__":
        rows = np.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"), delimiter=",")
        model = LinearRegression().fit(rows[:, 1:], rows[:, 0])
        joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""
ROUND = """
    import json

    def model_fn(model_dir):
        return None

    def input_fn(body, content_type):
        assert content_type == "application/json"
        return json.loads(body)

    def predict_fn(values, model):
        return [round(value) for value in values]
"""
# The sum of two columns is what the model learns.
ROWS = "3,1,2\n7,3,4\n5,1,4\n9,5,4\n"
# Ordinary code of a notebook, with nothing in it of the local cloud.
SERVE = """
    import json
    import numpy as np
    import sagemaker
    from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
    from sagemaker.model_monitor import DataCaptureConfig
    from sagemaker.deserializers import CSVDeserializer, JSONDeserializer, NumpyDeserializer
    from sagemaker.multidatamodel import MultiDataModel
    from sagemaker.pipeline import PipelineModel
    from sagemaker.predictor import Predictor
    from sagemaker.serializers import CSVSerializer, JSONSerializer, NumpySerializer
    from sagemaker.serverless import ServerlessInferenceConfig
    from sagemaker.sklearn.estimator import SKLearn

    session = sagemaker.Session()
    bucket = session.default_bucket()
    data = session.upload_data("rows.csv", bucket=bucket, key_prefix="served/data")
    estimator = SKLearn(
        entry_point="train.py", source_dir="src", role=sagemaker.get_execution_role(), instance_type="ml.m5.large",
        framework_version="1.2-1",
    )
    estimator.fit({"train": data}, logs=False)
    rows = np.array([[1, 2], [3, 4]])
    result = {}

    def wait_for(state, name):  # the SDK's own wait looks only every 30 seconds
        session.sagemaker_client.get_waiter(state).wait(EndpointName=name)

    capture = DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/served/captured"
    )
    predictor = estimator.deploy(
        initial_instance_count=1, instance_type="ml.m5.large", data_capture_config=capture, wait=False
    )
    wait_for("endpoint_in_service", predictor.endpoint_name)
    result["default"] = predictor.predict(rows).tolist()
    predictor.serializer, predictor.deserializer = CSVSerializer(), CSVDeserializer()
    result["csv"] = [[float(value) for value in row] for row in predictor.predict(rows)]
    predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
    result["json"] = predictor.predict(rows.tolist())
    predictor.serializer, predictor.deserializer = NumpySerializer(dtype="float32"), NumpyDeserializer()
    result["numpy"] = predictor.predict(rows).tolist()
    state = session.sagemaker_client.describe_endpoint(EndpointName=predictor.endpoint_name)["DataCaptureConfig"]
    result["capture"] = state["CaptureStatus"]
    predictor.delete_model()
    predictor.delete_endpoint()
    wait_for("endpoint_deleted", predictor.endpoint_name)
    names = [each["EndpointName"] for each in session.sagemaker_client.list_endpoints()["Endpoints"]]
    result["is deleted"] = predictor.endpoint_name not in names

    files = session.list_s3_files(bucket, f"served/captured/{predictor.endpoint_name}/AllTraffic")
    lines = [line for file in files for line in session.read_s3_file(bucket, file).splitlines()]
    events = [json.loads(line)["captureData"] for line in lines]
    result["captured"] = [[event["endpointInput"]["encoding"], event["endpointOutput"]["encoding"]] for event in events]

    batch = session.upload_data("batch.csv", bucket=bucket, key_prefix="served/batch")
    transformer = estimator.transformer(
        instance_count=1, instance_type="ml.m5.large", accept="text/csv", assemble_with="Line",
        strategy="MultiRecord", max_payload=1, max_concurrent_transforms=2, env={"MODE": "batch"},
    )
    transformer.transform(
        batch, content_type="text/csv", split_type="Line", input_filter="$[1:]", join_source="Input",
        output_filter="$[0,-1]", wait=False,
    )
    transformer.wait(logs=False)
    prefix = transformer.output_path.removeprefix(f"s3://{bucket}/")
    lines = session.read_s3_file(bucket, f"{prefix}/batch.csv.out").splitlines()
    result["transform"] = [[line.split(",")[0], round(float(line.split(",")[1]))] for line in lines]
    transformer.delete_model()

    serverless = estimator.deploy(
        serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=5), wait=False
    )
    wait_for("endpoint_in_service", serverless.endpoint_name)
    result["serverless"] = serverless.predict(rows).tolist()
    serverless.delete_endpoint()

    asked = estimator.deploy(
        initial_instance_count=1, instance_type="ml.m5.large", wait=False,
        async_inference_config=AsyncInferenceConfig(max_concurrent_invocations_per_instance=2),
    )
    wait_for("endpoint_in_service", asked.endpoint_name)
    answer = asked.predict_async(rows)
    result["async"] = answer.get_result(WaiterConfig(max_attempts=20, delay=1)).tolist()
    asked.delete_endpoint()

    many = MultiDataModel(
        name="many", model_data_prefix=f"s3://{bucket}/served/many/", model=estimator.create_model(),
        sagemaker_session=session,
    )
    predictor = many.deploy(
        initial_instance_count=1, instance_type="ml.m5.large", endpoint_name="many", wait=False
    )
    wait_for("endpoint_in_service", "many")
    many.add_model(model_data_source=estimator.model_data, model_data_path="one/model.tar.gz")
    result["listed"] = list(many.list_models())
    result["multi-model"] = predictor.predict(rows, target_model="one/model.tar.gz").tolist()
    predictor.delete_endpoint()

    second = estimator.create_model(entry_point="round.py", source_dir="src")
    pipeline = PipelineModel(
        name="pipeline", role=estimator.role, models=[estimator.create_model(), second], sagemaker_session=session
    )
    pipeline.deploy(1, "ml.m5.large", endpoint_name="pipeline", wait=False)
    wait_for("endpoint_in_service", "pipeline")
    predictor = Predictor("pipeline", session, serializer=CSVSerializer(), deserializer=JSONDeserializer())
    result["pipeline"] = predictor.predict(rows)
    predictor.delete_endpoint()
    pipeline.delete_model()
    print("\\nRESULT " + json.dumps(result))
"""
PROCESS = """
    import json
    import sagemaker
    from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, Processor, ScriptProcessor
    from sagemaker.sklearn.estimator import SKLearn
    from sagemaker.sklearn.processing import SKLearnProcessor

    session = sagemaker.Session()
    bucket, role = session.default_bucket(), sagemaker.get_execution_role()
    size = {"role": role, "instance_count": 1, "instance_type": "ml.m5.large"}
    result = {}

    def written(processor):
        outputs = processor.latest_job.describe()["ProcessingOutputConfig"]["Outputs"]
        keys = [output["S3Output"]["S3Uri"].removeprefix(f"s3://{bucket}/") for output in outputs]
        return [session.read_s3_file(bucket, found) for key in keys for found in session.list_s3_files(bucket, key)]

    processor = SKLearnProcessor(framework_version="1.2-1", env={"MODE": "nightly"}, **size)
    data = session.upload_data("rows.csv", bucket=bucket, key_prefix="processed/in")
    processor.run(
        code="process.py",
        arguments=["--keep", "2"],
        inputs=[
            ProcessingInput(source=data, destination="/opt/ml/processing/input/first"),
            ProcessingInput(source="batch.csv", destination="/opt/ml/processing/input/second"),
        ],
        outputs=[
            ProcessingOutput(output_name="one", source="/opt/ml/processing/one"),
            ProcessingOutput(output_name="two", source="/opt/ml/processing/two", s3_upload_mode="Continuous"),
        ],
        logs=True,
    )
    result["scikit-learn"] = written(processor)

    processor = FrameworkProcessor(SKLearn, framework_version="1.2-1", **size)
    processor.run(
        code="main.py", source_dir="folder", arguments=["a", "b c"],
        outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output")], logs=False,
    )
    result["framework"] = written(processor)

    image = sagemaker.image_uris.retrieve("sklearn", "us-east-1", version="1.2-1", instance_type="ml.m5.large")
    processor = ScriptProcessor(image_uri=image, command=["bash"], **size)
    processor.run(
        "shell.sh", outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/output")], logs=False
    )
    result["script"] = written(processor)

    processor = Processor(image_uri=image, entrypoint=["python3", "-c", "raise SystemExit('nothing to do')"], **size)
    try:
        processor.run(logs=False)
    except sagemaker.exceptions.UnexpectedStatusException as error:
        result["failure"] = str(error)
    print("\\nRESULT " + json.dumps(result))
"""
PROCESSING_SCRIPT = """
    import os, pathlib, sys
    folder = pathlib.Path("/opt/ml/processing")
    rows = (folder / "input/first/rows.csv").read_text().splitlines()[: int(sys.argv[2])]
    (folder / "one/rows.csv").write_text("|".join(rows))
    (folder / "two/mode.txt").write_text(os.environ["MODE"] + (folder / "input/second/batch.csv").read_text()[:1])
    print("kept", sys.argv[1:])
"""


def test_a_notebook_transforms_and_serves_in_every_way(cloud_of_aws_names: LocalCloud, tmp_path: Path) -> None:
    files = {"src/train.py": TRAIN, "src/round.py": ROUND, "rows.csv": ROWS, "batch.csv": "a,1,2\nb,3,4\n"}
    result, _ = run_notebook(cloud_of_aws_names, tmp_path, SERVE, files)
    expected = pytest.approx([3, 7])
    assert result["csv"] == [pytest.approx([3]), pytest.approx([7])]
    for way in ("default", "json", "numpy", "serverless", "async", "multi-model"):
        assert result[way] == expected, way
    assert result["is deleted"]
    assert result["capture"] == "Started"
    npy, csv, json = ["BASE64", "BASE64"], ["CSV", "CSV"], ["JSON", "JSON"]
    assert result["captured"] == [npy, csv, json, npy]
    assert result["transform"] == [["a", 3], ["b", 7]]
    assert result["listed"] == ["one/model.tar.gz"]
    assert result["pipeline"] == [3, 7]


def test_a_notebook_processes_in_every_way(cloud_of_aws_names: LocalCloud, tmp_path: Path) -> None:
    files = {
        "process.py": PROCESSING_SCRIPT,
        "folder/main.py": "import helper, sys; helper.write(sys.argv[1:])",
        "folder/helper.py": "def write(words): open('/opt/ml/processing/output/words', 'w').write(repr(words))",
        "shell.sh": "echo hello > /opt/ml/processing/output/greeting",
        "rows.csv": ROWS,
        "batch.csv": "a,1,2\n",
    }
    result, printed = run_notebook(cloud_of_aws_names, tmp_path, PROCESS, files)
    assert result["scikit-learn"] == ["3,1,2|7,3,4", "nightlya"]
    assert "kept ['--keep', '2']" in printed
    assert result["framework"] == ["['a', 'b c']"]
    assert result["script"] == ["hello\n"]
    assert "nothing to do" in result["failure"]
