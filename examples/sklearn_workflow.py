"""A workflow of AWS Step Functions, written with its Data Science SDK, in three forms:

chain      train, save the model, transform, configure an endpoint, create it: one after the other
parallel   the batch transform beside the endpoint
waiting    and a Lambda function that waits until the endpoint serves

python examples/sklearn_workflow.py chain parallel waiting
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import boto3
import sagemaker
from houses import TARGET, make_houses
from sagemaker.deserializers import CSVDeserializer
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.transformer import Transformer
from sagemaker.utils import unique_name_from_base
from stepfunctions import steps
from stepfunctions.inputs import ExecutionInput
from stepfunctions.workflow import Workflow

HERE = Path(__file__).parent
INSTANCE = "ml.m5.large"
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
prefix = unique_name_from_base("sklearn-workflow")
client, iam, functions = boto3.client("sagemaker"), boto3.client("iam"), boto3.client("lambda")


def upload_houses() -> dict[str, str]:
    """Upload what to learn from, what to judge by and what to predict; return their URIs."""
    houses = make_houses()
    parts = {"train": houses[:400], "validation": houses[400:450], "test": houses[450:].drop(columns=TARGET)}
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in parts.items():
            rows.to_csv(Path(folder, f"{name}.csv"), header=False, index=False)
            session.upload_data(str(Path(folder, f"{name}.csv")), bucket=bucket, key_prefix=f"{prefix}/{name}")
    return {name: f"s3://{bucket}/{prefix}/{name}" for name in parts}


def create_waiting_function() -> str:
    """Make a role and a function by IAM's and Lambda's own APIs; return the function's name."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": ["sagemaker:DescribeEndpoint", "logs:*"], "Resource": "*"}
    arn = iam.create_role(RoleName=prefix, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=prefix, PolicyName="Wait", PolicyDocument=policy(may))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(HERE / "endpoint_waiter" / "app.py", "app.py")
    for attempt in range(10):
        try:
            functions.create_function(
                FunctionName=prefix,
                Runtime="python3.12",
                Handler="app.handler",
                Role=arn,
                Code={"ZipFile": archive.getvalue()},
                Timeout=30,
            )
            break
        except functions.exceptions.InvalidParameterValueException:
            if attempt == 9:
                raise
            time.sleep(3)  # a new role is not known everywhere at once
    functions.get_waiter("function_active_v2").wait(FunctionName=prefix)
    return prefix


def policy(*statements: dict[str, object]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def build(form: str, uris: dict[str, str], names: ExecutionInput) -> steps.Graph:
    """Return the workflow's definition in one of its forms."""
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=str(HERE / "housing"),
        role=role,
        instance_type=INSTANCE,
        framework_version="1.2-1",
        base_job_name=prefix,  # its code goes to S3 under this name too
        output_path=f"s3://{bucket}/{prefix}/output",
        hyperparameters={"rounds": 150, "max-depth": 3},
        metric_definitions=[{"Name": "validation:rmse", "Regex": r"validation_rmse=([0-9.]+);"}],
        sagemaker_session=session,
    )
    train = steps.TrainingStep(
        "Train",
        estimator=estimator,
        data={name: uris[name] for name in ("train", "validation")},
        job_name=names["JobName"],
    )
    save = steps.ModelStep("Save model", model=train.get_expected_model(), model_name=names["ModelName"])
    transform = steps.TransformStep(
        "Transform test data",
        transformer=Transformer(
            model_name="the one of the execution",
            instance_count=1,
            instance_type=INSTANCE,
            assemble_with="Line",
            output_path=f"s3://{bucket}/{prefix}/predictions/{form}",
            accept="text/csv",  # without it the container answers in JSON
            sagemaker_session=session,
        ),
        job_name=names["JobName"],
        model_name=names["ModelName"],
        data=uris["test"],
        content_type="text/csv",
        split_type="Line",
    )
    configure = steps.EndpointConfigStep(
        "Configure endpoint",
        endpoint_config_name=names["EndpointName"],
        model_name=names["ModelName"],
        initial_instance_count=1,
        instance_type=INSTANCE,
    )
    deploy = steps.EndpointStep(
        "Create endpoint", endpoint_name=names["EndpointName"], endpoint_config_name=names["EndpointName"]
    )
    if form == "chain":
        return steps.Chain([train, save, transform, configure, deploy])
    serve = [configure, deploy]
    if form == "waiting":
        wait = steps.LambdaStep(
            "Wait for endpoint",
            parameters={
                "FunctionName": create_waiting_function(),
                "Payload": {"EndpointName": names["EndpointName"]},
            },
        )
        wait.add_retry(
            steps.Retry(error_equals=["EndpointNotReadyError"], interval_seconds=15, max_attempts=60, backoff_rate=1.0)
        )
        serve.append(wait)
    use = steps.Parallel("Use model")
    use.add_branch(transform)
    use.add_branch(steps.Chain(serve))
    return steps.Chain([train, save, use])


def run(form: str) -> None:
    """Create, execute and delete the workflow in one form, and ask the endpoint that it has made."""
    names = ExecutionInput(schema={"JobName": str, "ModelName": str, "EndpointName": str})
    given = unique_name_from_base(f"houses-{form}")
    workflow = Workflow(
        name=unique_name_from_base(f"houses-{form}"),
        definition=build(form, uris, names),
        role=role,
        execution_input=names,
    )
    workflow.create()
    execution = workflow.execute(inputs={"JobName": given, "ModelName": given, "EndpointName": given})
    try:
        output = execution.get_output(wait=True)
        ended = execution.describe()
        print(f"{form}: {ended['status']}")
        if ended["status"] != "SUCCEEDED":
            sys.exit(f"{ended['error']}: {ended['cause']}")
        for metric in client.describe_training_job(TrainingJobName=given)["FinalMetricDataList"]:
            print(f"  {metric['MetricName']} {metric['Value']:.3f}")
        if form == "waiting":
            print(f"  the function says: {output[1]['Payload']['Status']}")
        # Creating an endpoint begins it; in the first two forms nobody has waited for it.
        client.get_waiter("endpoint_in_service").wait(EndpointName=given)
        rows = make_houses().drop(columns=TARGET).to_numpy()[450:453]
        predictor = Predictor(given, session, serializer=CSVSerializer(), deserializer=CSVDeserializer())
        print(f"  predicted {[row[0] for row in predictor.predict(rows)]}")
        key = f"{prefix}/predictions/{form}/test.csv.out"
        predictions = session.read_s3_file(bucket, key).split()
        print(f"  transformed {predictions[:3]} and {len(predictions) - 3} more")
    finally:
        workflow.delete()
        for kind in ("endpoint", "endpoint_config", "model"):
            member = "".join(word.title() for word in kind.split("_"))
            with contextlib.suppress(client.exceptions.ClientError):  # as far as the execution came
                getattr(client, f"delete_{kind}")(**{f"{member}Name": given})


uris = upload_houses()
try:
    for chosen in sys.argv[1:] or ["chain", "parallel", "waiting"]:
        run(chosen)
finally:
    boto3.resource("s3").Bucket(bucket).objects.filter(Prefix=prefix).delete()
    if prefix in {function["FunctionName"] for function in functions.list_functions()["Functions"]}:
        functions.delete_function(FunctionName=prefix)
        iam.delete_role_policy(RoleName=prefix, PolicyName="Wait")
        iam.delete_role(RoleName=prefix)
