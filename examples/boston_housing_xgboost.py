"""House prices by SageMaker's own XGBoost: upload, train, transform, evaluate, deploy, predict, clean up.

python examples/boston_housing_xgboost.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import boto3
import numpy as np
import pandas as pd
import sagemaker
from houses import TARGET, make_houses
from sagemaker.deserializers import CSVDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import CSVSerializer
from sagemaker.utils import unique_name_from_base

session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
prefix = unique_name_from_base("boston-housing")
INSTANCE = "ml.m5.large"


def upload(rows: pd.DataFrame, channel: str) -> str:
    """Upload rows as the algorithm wants them, without a header and the target first; return their URI."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{channel}.csv")
        rows.to_csv(path, header=False, index=False)
        return session.upload_data(str(path), bucket=bucket, key_prefix=f"{prefix}/{channel}")


def rmse(predicted: np.ndarray, actual: pd.Series) -> float:
    """Return the root mean squared error, in thousands."""
    return float(np.sqrt(np.mean((predicted - actual.to_numpy()) ** 2)))


# Two thirds to learn from; of the rest, half to stop by and half to judge by.
houses = make_houses().sample(frac=1, random_state=1)
train, validation, test = houses[:337], houses[337:421], houses[421:]
inputs = {
    "train": TrainingInput(upload(train, "train"), content_type="text/csv"),
    "validation": TrainingInput(upload(validation, "validation"), content_type="text/csv"),
}
to_predict = upload(test.drop(columns=TARGET), "test")

estimator = sagemaker.estimator.Estimator(
    image_uri=sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="3.0-5"),
    role=role,
    instance_count=1,
    instance_type=INSTANCE,
    output_path=f"s3://{bucket}/{prefix}/output",
    sagemaker_session=session,
    base_job_name="boston-housing",
)
estimator.set_hyperparameters(
    objective="reg:squarederror",
    num_round=100,
    max_depth=3,
    eta=0.2,
    subsample=0.8,
    min_child_weight=3,
    early_stopping_rounds=10,
)
estimator.fit(inputs)
metrics = estimator.latest_training_job.describe()["FinalMetricDataList"]
for metric in metrics:
    print(f"{metric['MetricName']}: {metric['Value']:.3f}")

transformer = estimator.transformer(
    instance_count=1,
    instance_type=INSTANCE,
    strategy="MultiRecord",
    assemble_with="Line",
    output_path=f"s3://{bucket}/{prefix}/predictions",
)
transformer.transform(to_predict, content_type="text/csv", split_type="Line")
answer = S3Downloader.read_file(f"{transformer.output_path}/test.csv.out", sagemaker_session=session)
transformed = np.array(answer.split(), dtype=float)
print(f"test rmse: {rmse(transformed, test[TARGET]):.3f} of {len(transformed)} districts")
print(f"the mean's rmse: {rmse(np.full(len(test), train[TARGET].mean()), test[TARGET]):.3f}")

predictor = estimator.deploy(
    initial_instance_count=1,
    instance_type=INSTANCE,
    serializer=CSVSerializer(),
    deserializer=CSVDeserializer(),
    wait=False,
)
try:
    boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=predictor.endpoint_name)
    rows = test.drop(columns=TARGET).to_numpy()[:5]
    predicted = np.array(predictor.predict(rows), dtype=float).ravel()
    for price, actual in zip(predicted, test[TARGET], strict=False):
        print(f"predicted {price:.2f}, actual {actual:.2f}")
    print(f"as the transform has it: {np.allclose(predicted, transformed[:5], atol=1e-3)}")
finally:
    predictor.delete_model()
    predictor.delete_endpoint()
    transformer.delete_model()
    boto3.resource("s3").Bucket(bucket).objects.filter(Prefix=prefix).delete()
