"""The recipes that are published in the artifact bucket."""

from __future__ import annotations

import difflib
import json
from typing import Any

from shared.aws import ClientError, client, error_code
from shared.errors import InvalidRun
from shared.run_request import RECIPE_NAME, PublishedRecipe, parse


def load_recipe(name: str, bucket: str) -> PublishedRecipe:
    """Read the published recipe that is current under a name.

    Raises
    ------
    InvalidRun
        When there is none, naming the nearest that there are; or when this version cannot read it.
    """
    pointer = _read_json(bucket, f"recipes/{name}/current.json") if RECIPE_NAME.fullmatch(name) else None
    if pointer is None:
        raise InvalidRun(unknown_recipe(name, published_recipes(bucket)))
    document = _read_json(bucket, pointer["key"])
    if document is None:
        raise InvalidRun(f"Recipe {name!r} points at s3://{bucket}/{pointer['key']}, which is gone: publish it again.")
    return parse(PublishedRecipe, document, f"Published recipe {name!r} (publish it again)")


def published_recipes(bucket: str) -> list[str]:
    """Return the names of all recipes that are published, sorted."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="recipes/", Delimiter="/")
    return sorted(entry["Prefix"].split("/")[1] for page in pages for entry in page.get("CommonPrefixes", []))


def unknown_recipe(name: str, published: list[str]) -> str:
    """Say that a recipe is not published, and which are."""
    message = f"Recipe {name!r} is not published."
    if not published:
        return f"{message} Nothing is: publish the recipes first (switchyard publish)."
    nearest = difflib.get_close_matches(name, published, n=3, cutoff=0.5)
    if nearest:
        message += f" Did you mean {' or '.join(map(repr, nearest))}?"
    return f"{message} Published: {', '.join(published[:20])}{', ...' if len(published) > 20 else ''}."


def _read_json(bucket: str, key: str) -> Any:
    try:
        return json.load(client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return None
        raise
