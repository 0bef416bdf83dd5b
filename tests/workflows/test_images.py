"""The committed table of images."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

IMAGES = json.loads((Path(__file__).parents[2] / "switchyard/recipes/images.json").read_text())


def test_scikit_learn_1_4_2_is_where_aws_documents_it():
    entry = IMAGES["scikit-learn"]
    uri = f"{entry['registries']['us-east-1']}/{entry['repository']}:{entry['tags']['1.4-2']['cpu']}"
    assert uri == "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


@pytest.mark.parametrize("framework", IMAGES)
def test_each_region_has_a_registry_of_its_own(framework):
    for region, host in IMAGES[framework]["registries"].items():
        assert re.fullmatch(rf"\d{{12}}\.dkr\.ecr\.{region}\.[a-z0-9.\-]+", host)


@pytest.mark.parametrize("framework", IMAGES)
def test_jobs_may_pull_each_repository(framework):
    # SageMakerExecutionRole names repositories by this prefix.
    assert IMAGES[framework]["repository"].startswith("sagemaker-")
