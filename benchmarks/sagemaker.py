"""`python -m benchmarks.sagemaker`: what local jobs and servers add to the work itself, on this machine, now."""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit

import boto3
import joblib
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LinearRegression

from benchmarks import latency, machine, proc
from benchmarks.processes import run, running
from benchmarks.sides import BY_HAND, SideError, Switchyard
from switchyard.project import Project

JOBS, ROUNDS = 10, 3
ROWS, COLUMNS = 1_000_000, 10
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
NAME = "benchmark"
# It says itself how long it took, from its first line to its last.
TRAIN = """
    import time
    began = time.perf_counter()
    total = sum(number * number for number in range(1_000_000))
    print(f"own={time.perf_counter() - began:.6f};")
"""
# The same work as of the scripts by hand: one row at a time is parsed as there, and many with pandas.
SERVE = """
    import io, os, joblib
    import numpy as np
    def model_fn(model_dir): return joblib.load(os.path.join(model_dir, "model.joblib"))
    if os.environ.get("BATCH"):
        import pandas as pd
        def transform_fn(model, body, content_type, accept):
            rows = pd.read_csv(io.StringIO(body), header=None).to_numpy()
            return pd.Series(model.predict(rows)).to_csv(header=False, index=False), "text/csv"
    else:
        def transform_fn(model, body, content_type, accept):
            rows = np.array([line.split(",") for line in body.splitlines()], dtype=np.float64)
            return "".join(f"{value}\\n" for value in model.predict(rows).tolist()), "text/csv"
"""


class Cloud:
    """A local cloud with a bucket, a role and a model.

    Parameters
    ----------
    address, pid
        Its URL and its process.
    model
        The model, as joblib has written it.
    """

    def __init__(self, address: str, pid: int, model: Path) -> None:
        self.address, self.pid = address, pid
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
        self._s3 = session.client("s3", endpoint_url=address)
        self.sagemaker = session.client("sagemaker", endpoint_url=address)
        statement = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam = session.client("iam", endpoint_url=address)
        self.role: str = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=_policy(statement))["Role"]["Arn"]
        iam.put_role_policy(RoleName=NAME, PolicyName=NAME, PolicyDocument=_policy(everything))
        self._s3.create_bucket(Bucket=NAME)
        archive = _archive({"model.joblib": model.read_bytes(), "code/inference.py": dedent(SERVE).encode()})
        self._model = self.put("model.tar.gz", archive)
        self._code = self.put("sourcedir.tar.gz", _archive({"train.py": dedent(TRAIN).encode()}))

    def put(self, key: str, content: bytes | Path) -> str:
        """Put an object, and return its URI."""
        if isinstance(content, Path):
            self._s3.upload_file(str(content), NAME, key)
        else:
            self._s3.put_object(Bucket=NAME, Key=key, Body=content)
        return f"s3://{NAME}/{key}"

    def count_lines(self, key: str) -> int:
        """Return how many lines an object has."""
        return sum(1 for _ in self._s3.get_object(Bucket=NAME, Key=key)["Body"].iter_lines())

    def create_model(self, name: str, **environment: str) -> None:
        """Create a model."""
        container = {"Image": IMAGE, "ModelDataUrl": self._model, "Environment": environment}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.role, PrimaryContainer=container)

    def train(self, name: str) -> tuple[float, float]:
        """Run a training job; return the seconds until its end is known, and those of its script."""
        static = {"sagemaker_program": "train.py", "sagemaker_submit_directory": self._code}
        began = time.perf_counter()
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=self.role,
            AlgorithmSpecification={
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "own", "Regex": "own=([0-9.]+);"}],
            },
            HyperParameters={key: json.dumps(value) for key, value in static.items()},
            OutputDataConfig={"S3OutputPath": f"s3://{NAME}/made"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
        self.sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name)
        seconds = time.perf_counter() - began
        (own,) = self.sagemaker.describe_training_job(TrainingJobName=name)["FinalMetricDataList"]
        return seconds, own["Value"]

    def transform(self, name: str, rows: str) -> float:
        """Run a transform job; return the seconds until its end is known."""
        began = time.perf_counter()
        self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=f"{NAME}-batch",
            MaxConcurrentTransforms=1,
            MaxPayloadInMB=6,
            BatchStrategy="MultiRecord",
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": rows}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            TransformOutput={"S3OutputPath": f"s3://{NAME}/{name}", "AssembleWith": "Line"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        self.sagemaker.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName=name)
        return time.perf_counter() - began

    def serve(self) -> None:
        """Create an endpoint, and wait until it serves."""
        variant = {"VariantName": "all", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
        self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME)


class Growth:
    """Watches, while it is entered, how much memory a cloud and its processes take beyond what they took before."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most = 0

    def __enter__(self) -> Growth:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self.most = max(self.most, self._now() - self._before)

    def _now(self) -> int:
        family = [self._pid, *(process.pid for process in proc.descendants(self._pid))]
        return sum(memory.proportional for pid in family if (memory := proc.memory(pid)) is not None)


def main() -> None:
    """Measure, and print; the exit code says nothing about the figures."""
    console, news = Console(), Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.width = 118
    about = machine.line(machine.describe())
    with tempfile.TemporaryDirectory(prefix="switchyard-benchmark-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        generator = np.random.default_rng(0)
        table = generator.normal(size=(ROWS, COLUMNS)).round(4)
        model = folder / "model.joblib"
        joblib.dump(LinearRegression().fit(table[:1000], table[:1000].sum(axis=1)), model)
        with Switchyard(Project.find(Path(__file__).parent), folder / "state").up() as (address, pid, _):
            cloud = Cloud(address, pid, model)
            console.print(about, soft_wrap=True, highlight=False)
            news.print("overhead of training jobs")
            _show_jobs(cloud, console)
            news.print("endpoints")
            _show_endpoints(cloud, console, model, table)
            news.print("batch transform")
            _show_transform(cloud, console, model, table)


def _show_jobs(cloud: Cloud, console: Console) -> None:
    cloud.train(f"{NAME}-first")  # nothing is warm yet
    taken = [cloud.train(f"{NAME}-{number}") for number in range(JOBS)]
    over = sorted(seconds - own for seconds, own in taken)
    own = statistics.median(own for _, own in taken)
    shown = _table("Training jobs", "the script itself", "job, less its script: median", "most")
    shown.add_row(f"{JOBS} jobs, one after the other", *(f"{value:.3f} s" for value in (own, _middle(over), over[-1])))
    console.print(shown)


def _show_endpoints(cloud: Cloud, console: Console, model: Path, table: np.ndarray[Any, Any]) -> None:
    cloud.create_model(NAME)
    cloud.serve()
    command = [sys.executable, str(BY_HAND / "bare_server.py"), str(model)]
    with running(command, directory=model.parent, output=subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise SideError("the bare server did not start")
        shown = _table("Endpoints", "p50 ms", "p99 ms", f"{latency.CONNECTIONS} connections, requests/s", "of the bare")
        for rows in (1, 100):
            body = "\n".join(",".join(map(str, row)) for row in table[:rows].tolist()).encode()
            server = latency.find_model_server(cloud.pid, body)
            if server is None:
                raise SideError("the model's server was not found")
            ways = {
                "uvicorn and model.predict alone": (int(line), "/invocations"),
                "the model's server": (server, "/invocations"),
                "InvokeEndpoint": (urlsplit(cloud.address).port or 80, f"/endpoints/{NAME}/invocations"),
            }
            _show_ways(shown, f"{rows} row{'s' if rows > 1 else ''}", ways, body)
    console.print(shown)


def _show_ways(shown: Table, what: str, ways: dict[str, tuple[int, str]], body: bytes) -> None:
    taken: dict[str, list[float]] = {way: [] for way in ways}
    requests: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, where in ways.items():
            connection = latency.HttpConnection(*where, body)
            taken[way] += latency.measure(connection.ask)
            connection.close()
            requests[way].append(latency.throughput(*where, body))
    bare = _middle(next(iter(requests.values())))
    for way in ways:
        ordered, middle = sorted(taken[way]), _middle(requests[way])
        percentiles = (f"{latency.percentile(ordered, percent):.2f}" for percent in (50, 99))
        shown.add_row(f"{what}: {way}", *percentiles, f"{middle:,.0f}", f"{middle / bare:.2f}")


def _show_transform(cloud: Cloud, console: Console, model: Path, table: np.ndarray[Any, Any]) -> None:
    folder = model.parent
    rows = folder / "rows.csv"
    np.savetxt(rows, table, delimiter=",", fmt="%.4f")
    uri = cloud.put("rows/rows.csv", rows)
    cloud.create_model(f"{NAME}-batch", BATCH="1")
    shown = _table(f"Batch transform, {ROWS:,} rows of {COLUMNS}", "seconds", "rows/s", "of by hand", "memory, at most")
    by_hand, ours, growth = [], [], 0
    for number in range(ROUNDS):
        script = str(BY_HAND / "chunked_predict.py")
        ended = run([sys.executable, script, str(model), str(rows), str(folder / "out.csv")], directory=folder)
        if ended.exit_code:
            raise SideError(f"the script by hand ended with exit code {ended.exit_code}")
        by_hand.append(ended.seconds)
        with Growth(cloud.pid) as grown:
            ours.append(cloud.transform(f"{NAME}-{number}", uri))
        growth = max(growth, grown.most)
    if (lines := cloud.count_lines(f"{NAME}-0/rows.csv.out")) != ROWS:
        raise SideError(f"the transform job wrote {lines:,} predictions")
    bare, middle = _middle(by_hand), _middle(ours)
    shown.add_row("model.predict in chunks, by hand", f"{bare:.2f}", f"{ROWS / bare:,.0f}", "", "")
    size = f"+{growth / 1e6:,.0f} MB ({rows.stat().st_size / 1e6:,.0f} MB of rows)"
    shown.add_row("transform job", f"{middle:.2f}", f"{ROWS / middle:,.0f}", f"{bare / middle:.2f}", size)
    console.print(shown)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _middle(values: list[float]) -> float:
    return statistics.median(values)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _archive(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


if __name__ == "__main__":
    main()
