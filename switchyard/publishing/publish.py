"""Puts recipes, their code and their data into the buckets, each under a key that holds its content's hash.

`recipes/<name>/current.json`, from which a run starts, is written last: a run sees the whole of what was
published, or the whole of what was there before.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from switchyard.errors import ImageError, RecipeError
from switchyard.problem import Problem
from switchyard.publishing.objects import S3Object, get, put, put_missing
from switchyard.publishing.source import ARCHIVE_NAME, Source
from switchyard.recipes.dataset import open_dataset
from switchyard.recipes.images import image_uri
from switchyard.recipes.loading import find_recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchyard.project import Project
    from switchyard.recipes.loading import Recipe


@dataclass(frozen=True)
class Published:
    """Where a recipe, its code and its data lie.

    Parameters
    ----------
    recipe
        The recipe's name.
    recipe_hash, code_hash
        The first twelve hexadecimal digits of SHA-256. The recipe's covers the whole published document:
        the recipe, and where its image, code and data are.
    recipe_uri, code_uri, data_uri
        S3 URIs of the published recipe, of its `sourcedir.tar.gz`, and of its data (None: each run brings
        its own).
    uploaded
        The URIs of what was not there yet; empty when nothing had changed.
    """

    recipe: str
    recipe_hash: str
    recipe_uri: str
    code_hash: str
    code_uri: str
    data_uri: str | None
    uploaded: tuple[str, ...]


class Stack(Protocol):
    """A deployed stack, as far as publishing needs it."""

    @property
    def region(self) -> str:
        """The region's code."""

    def client(self, service: str) -> Any:
        """Give the client of a service."""

    def output(self, name: str) -> str:
        """Give one of its outputs."""


def publish_to(stack: Stack, project: Project, recipes: Iterable[str] | None = None) -> list[Published]:
    """Publish recipes to the buckets that a stack has; see `publish`."""
    return publish(
        project,
        s3=stack.client("s3"),
        artifact_bucket=stack.output("ArtifactBucketName"),
        data_bucket=stack.output("DataBucketName"),
        region=stack.region,
        recipes=recipes,
    )


def publish(
    project: Project,
    *,
    s3: Any,
    artifact_bucket: str,
    data_bucket: str,
    region: str,
    recipes: Iterable[str] | None = None,
) -> list[Published]:
    """Publish recipes with their code and data. Everything is checked before the first upload.

    Parameters
    ----------
    project
        The project that holds them.
    s3
        A boto3 S3 client.
    artifact_bucket, data_bucket
        The stack's buckets.
    region
        The region whose registry the images come from.
    recipes
        The names; by default all of the project's.

    Returns
    -------
    list of Published
        One a recipe, in the order of `recipes`.

    Raises
    ------
    UsageError
        When a recipe, its image or its data cannot be used.
    PublishError
        When S3 refuses.
    """
    names = dict.fromkeys(project.recipe_names() if recipes is None else recipes)
    plans = [_plan(project, find_recipe(name, project.root), artifact_bucket, data_bucket, region) for name in names]
    uploaded = set(put_missing(s3, [item for plan in plans for item in plan.objects]))
    for plan in plans:
        # A document that was missing until now has no pointer to it yet.
        if plan.recipe_uri in uploaded or get(s3, artifact_bucket, plan.pointer.key) != plan.pointer.content:
            put(s3, plan.pointer)
            uploaded.add(plan.pointer.uri)
    return [plan.result(uploaded) for plan in plans]


def upload_data(recipe: Recipe, source: str | Path, *, s3: Any, data_bucket: str) -> str:
    """Check a data set and put it where a run can read it.

    Parameters
    ----------
    recipe
        What the data is for.
    source
        A CSV file, a folder of them, or a folder of `train/`, `validation/` and `test/`. An `s3://` URI is
        returned as it is.
    s3
        A boto3 S3 client.
    data_bucket
        The stack's bucket for data.

    Returns
    -------
    str
        The S3 URI to give a run as its `data`; a folder's ends in a slash.

    Raises
    ------
    DataError
        When the data cannot be used; then nothing has been uploaded.
    PublishError
        When S3 refuses.
    """
    if str(source).startswith("s3://"):
        return str(source)
    uri, objects = _data_objects(recipe, Path(source).expanduser(), data_bucket)
    put_missing(s3, objects)
    return uri


@dataclass(frozen=True)
class _Plan:
    """What publishing one recipe means: content-addressed objects, then the pointer to them."""

    objects: list[S3Object]
    pointer: S3Object
    document: dict[str, Any]
    recipe_uri: str

    def result(self, uploaded: set[str]) -> Published:
        return Published(
            recipe=self.document["name"],
            recipe_hash=self.document["recipe_hash"],
            recipe_uri=self.recipe_uri,
            code_hash=self.document["code_hash"],
            code_uri=self.document["code_uri"],
            data_uri=self.document["data_uri"],
            uploaded=tuple(item.uri for item in (*self.objects, self.pointer) if item.uri in uploaded),
        )


def _plan(project: Project, recipe: Recipe, artifact_bucket: str, data_bucket: str, region: str) -> _Plan:
    try:
        image = image_uri(recipe.image, region, recipe.instances.training.type)
    except ImageError as error:
        raise RecipeError([Problem(f"recipes/{recipe.name}.yaml", "image", str(error))]) from None
    source = Source.read(project.training_code / recipe.code_folder)
    if recipe.source is None:
        source = source.only(recipe.scripts.values())
    code_hash = source.content_hash()
    code_prefix = f"code/{source.name}/{code_hash}/"
    objects = [
        S3Object(artifact_bucket, code_prefix + name, content)
        for name, content in {**source.files, ARCHIVE_NAME: source.archive()}.items()
    ]
    data_uri = recipe.data.source
    if data_uri and not data_uri.startswith("s3://"):
        data_uri, data = _data_objects(recipe, project.recipes / data_uri, data_bucket)
        objects += data
    document = {
        **recipe.model_dump(mode="json"),
        "image_uri": image,
        "code_hash": code_hash,
        "code_uri": f"s3://{artifact_bucket}/{code_prefix}{ARCHIVE_NAME}",
        "code_prefix_uri": f"s3://{artifact_bucket}/{code_prefix}",
        "data_uri": data_uri,
    }
    recipe_hash = document_hash(document)
    document["recipe_hash"] = recipe_hash
    folder = f"recipes/{recipe.name}"
    published = S3Object(artifact_bucket, f"{folder}/{recipe_hash}.json", _json(document))
    pointer = _json({"hash": recipe_hash, "key": published.key})
    return _Plan(
        objects=[*objects, published],
        pointer=S3Object(artifact_bucket, f"{folder}/current.json", pointer),
        document=document,
        recipe_uri=published.uri,
    )


def document_hash(document: dict[str, Any]) -> str:
    """Hash a JSON document so that neither the order of its keys nor its layout counts."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _data_objects(recipe: Recipe, path: Path, bucket: str) -> tuple[str, list[S3Object]]:
    dataset = open_dataset(path, recipe.data)
    folder = f"datasets/{recipe.name}/{dataset.content_hash()}/"
    objects = [S3Object(bucket, folder + name, file) for name, file in dataset.files.items()]
    return (f"s3://{bucket}/{folder}" if dataset.is_folder else objects[0].uri), objects


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"
