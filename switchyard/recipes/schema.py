"""The JSON Schema of recipes, for editors: `python -m switchyard.recipes.schema > recipes/schema.json`."""

from __future__ import annotations

import json

from switchyard.recipes.model import Recipe


def recipe_schema() -> str:
    """Write the schema as the text of `recipes/schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    print(recipe_schema(), end="")
