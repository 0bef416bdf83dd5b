"""What CloudWatch knows of a training job and of an endpoint: both made here, measured, and removed.

python examples/cloudwatch_metrics.py
"""

from __future__ import annotations

import datetime
import tempfile
import time
from pathlib import Path

import boto3
import sagemaker
from botocore.exceptions import ClientError
from houses import TARGET, make_houses
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.deserializers import CSVDeserializer
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn import SKLearn
from sagemaker.utils import unique_name_from_base

session = sagemaker.Session()
cloudwatch = boto3.client("cloudwatch")
bucket = session.default_bucket()
prefix = unique_name_from_base("cloudwatch-metrics")
INSTANCE = "ml.m5.large"
REQUESTS = 20
houses = make_houses()

with tempfile.TemporaryDirectory() as folder:
    for channel, rows in (("train", houses[:400]), ("validation", houses[400:])):
        path = Path(folder, f"{channel}.csv")
        rows.to_csv(path, header=False, index=False)
        session.upload_data(str(path), bucket=bucket, key_prefix=f"{prefix}/{channel}")

# Every line of the log that a regex matches is a data point of its metric.
estimator = SKLearn(
    entry_point="train.py",
    source_dir=str(Path(__file__).parent / "housing"),
    role=sagemaker.get_execution_role(),
    instance_type=INSTANCE,
    framework_version="1.2-1",
    base_job_name=prefix,  # its code goes to S3 under this name too
    output_path=f"s3://{bucket}/{prefix}/output",
    hyperparameters={"rounds": 100},
    metric_definitions=[
        {"Name": "train:rmse", "Regex": r"train_rmse=([0-9.]+);"},
        {"Name": "validation:rmse", "Regex": r"validation_rmse=([0-9.]+);"},
    ],
)
estimator.fit({name: f"s3://{bucket}/{prefix}/{name}" for name in ("train", "validation")})
job = estimator.latest_training_job.name

print("The job's last words on each metric:")
for metric in estimator.latest_training_job.describe()["FinalMetricDataList"]:
    print(f"  {metric['MetricName']} {metric['Value']:.4f}")
print("What CloudWatch has of it, by the minute:")
frame = TrainingJobAnalytics(job, metric_names=["train:rmse", "validation:rmse"]).dataframe(force_refresh=True)
print(frame.to_string(index=False))


def statistic(namespace: str, name: str, stat: str, dimensions: dict[str, str]) -> float:
    """Return one statistic of a metric over the last hour; 0 where there is no data point."""
    now = datetime.datetime.now(tz=datetime.UTC)
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    answer = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=named,
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(minutes=1),
        Period=3600 * 2,
        Statistics=[stat],
    )
    return max((point[stat] for point in answer["Datapoints"]), default=0.0)


points = statistic("/aws/sagemaker/TrainingJobs", "validation:rmse", "SampleCount", {"TrainingJobName": job})
print(f"data points of validation:rmse: {points:.0f}")

predictor = estimator.deploy(1, INSTANCE, serializer=CSVSerializer(), deserializer=CSVDeserializer(), wait=False)
variant = {"EndpointName": predictor.endpoint_name, "VariantName": "AllTraffic"}
try:
    boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=predictor.endpoint_name)
    for row in houses.drop(columns=TARGET).to_numpy()[:REQUESTS]:
        predictor.predict(row)
    try:
        predictor.predict("these are no numbers")
    except ClientError as error:
        print(f"a bad request: {error.response['Error']['Code']}")
    deadline = time.monotonic() + 600
    while statistic("AWS/SageMaker", "Invocations", "Sum", variant) <= REQUESTS and time.monotonic() < deadline:
        time.sleep(1)  # metrics take up to a minute to arrive
    print("The endpoint, as CloudWatch has seen it:")
    for name, stat in (
        ("Invocations", "Sum"),
        ("Invocation4XXErrors", "Sum"),
        ("Invocation5XXErrors", "Sum"),
        ("ModelLatency", "Average"),
        ("OverheadLatency", "Average"),
    ):
        print(f"  {name} {stat} {statistic('AWS/SageMaker', name, stat, variant):.0f}")
finally:
    predictor.delete_model()
    predictor.delete_endpoint()
    boto3.resource("s3").Bucket(bucket).objects.filter(Prefix=prefix).delete()
