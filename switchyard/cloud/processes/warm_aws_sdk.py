"""Imported by fork servers: boto3 with the descriptions of the services that functions call most.

Reading SageMaker's description alone takes 50 ms; every child finds it read.
"""

from __future__ import annotations

import boto3

boto3.setup_default_session()
for _service in ("s3", "sagemaker", "sagemaker-runtime", "sns"):
    boto3.client(_service, region_name="us-east-1", aws_access_key_id="warm", aws_secret_access_key="warm")  # noqa: S106
