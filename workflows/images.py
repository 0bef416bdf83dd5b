"""Where AWS keeps the images that recipes name: `switchyard/recipes/images.json`, from the SageMaker SDK's own data.

Publishing a recipe must not need the SDK, so what it knows is written down once, for every region.
"""

from __future__ import annotations

from typing import Any

from sagemaker import image_uris

# A recipe's framework -> the SDK's name for it and the versions to list. Both frameworks train and serve in
# one image, as a recipe's `image` does; PyTorch and TensorFlow have one image for each.
FRAMEWORKS = {
    "scikit-learn": ("sklearn", ["1.2-1", "1.4-2"]),
    "xgboost": ("xgboost", ["1.7-1", "3.0-5"]),
}
# What an instance type of either kind looks like to the SDK.
PROCESSORS = {"cpu": "ml.m5.large", "gpu": "ml.g5.xlarge"}


def images() -> dict[str, Any]:
    """Give each framework's repository, its registry in each region, and its tags.

    Returns
    -------
    dict
        `{framework: {"repository", "registries": {region: host}, "tags": {version: {"cpu" | "gpu": tag}}}}`;
        an image's URI is `<host>/<repository>:<tag>`.
    """
    return {framework: _framework(name, versions) for framework, (name, versions) in FRAMEWORKS.items()}


def _framework(name: str, versions: list[str]) -> dict[str, Any]:
    newest = image_uris.config_for_framework(name)["training"]["versions"][versions[-1]]
    return {
        "repository": newest["repository"],
        "registries": {
            region: _uri(name, versions[-1], region, "cpu").split("/")[0] for region in newest["registries"]
        },
        "tags": {
            version: {
                processor: _uri(name, version, "us-east-1", processor).rpartition(":")[2]
                for processor in _processors(name, version)
            }
            for version in versions
        },
    }


def _uri(name: str, version: str, region: str, processor: str) -> str:
    return str(
        image_uris.retrieve(
            name,
            region=region,
            version=version,
            instance_type=PROCESSORS[processor],
            image_scope="training",
        )
    )


def _processors(name: str, version: str) -> list[str]:
    # A version that lists no processors has one image for both.
    training = image_uris.config_for_framework(name)["training"]["versions"][version]
    return [processor for processor in PROCESSORS if processor in training.get("processors", PROCESSORS)]
