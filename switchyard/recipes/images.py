"""Container images by framework and version, as the SageMaker SDK's `image_uris.retrieve` names them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TypedDict

from switchyard.errors import ImageError
from switchyard.suggest import suggest


class _Framework(TypedDict):
    repository: str
    registries: dict[str, str]  # host by region
    tags: dict[str, dict[str, str]]  # by version, then "cpu" or "gpu"


def image_uri(image: str, region: str, instance_type: str = "ml.m5.large") -> str:
    """Resolve a recipe's image to the URI that SageMaker pulls.

    Parameters
    ----------
    image
        `framework:version`, or a full URI, which is returned as it is.
    region
        The AWS region's code.
    instance_type
        SageMaker's instance type that it trains on; it decides between the images for CPU and GPU.

    Raises
    ------
    ImageError
        When the framework, its version, or an image of it for the region and instance is not known.

    Examples
    --------
    >>> image_uri("scikit-learn:1.4-2", "us-east-1")
    '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3'
    """
    check_image(image)
    if "/" in image:
        return image
    name, version = image.split(":", 1)
    framework = _frameworks()[name]
    host = framework["registries"].get(region)
    if host is None:
        raise ImageError(
            f"{name} has no images in region {region!r}; {suggest(region, framework['registries'])} "
            "(or give the full URI of an image)"
        )
    processor = "gpu" if re.match(r"ml\.[gp]\d", instance_type) else "cpu"
    tag = framework["tags"][version].get(processor)
    if tag is None:
        raise ImageError(
            f"{image} has no image for {instance_type}, which is of kind {processor}; "
            f"choose an instance type of kind {' or '.join(framework['tags'][version])}"
        )
    return f"{host}/{framework['repository']}:{tag}"


def check_image(image: str) -> None:
    """Refuse a framework or a version that is not known in any region.

    Raises
    ------
    ImageError
        When it is not; the message names those that are.
    """
    if "/" in image:
        return
    name, _, version = image.partition(":")
    framework = _frameworks().get(name)
    if framework is None:
        raise ImageError(f"unknown framework {name!r} in {image!r}; {suggest(name, _frameworks())}")
    if version not in framework["tags"]:
        raise ImageError(
            f"{name} has no version {version!r}; known: {', '.join(framework['tags'])} "
            "(or give the full URI of an image)"
        )


@cache
def _frameworks() -> dict[str, _Framework]:
    text = Path(__file__).with_name("images.json").read_text(encoding="utf-8")
    frameworks: dict[str, _Framework] = json.loads(text)
    return frameworks
