"""The JSONPath operators that batch transform knows, on JSON documents.

Source: "Associate Prediction Results with Input Records", supported JSONPath operators (Amazon SageMaker Developer
Guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from switchyard.cloud.sagemaker.batch import FilterError

Select = Callable[[Any], Any]
_STEP = re.compile(
    r"""
    \.\s*(?P<name>[^\s.\[\]*'"]+)
    | \.?\[\s*(?P<names>'[^']*'(?:\s*,\s*'[^']*')*)\s*\]
    | \[\s*(?P<indexes>-?\d+(?:\s*,\s*-?\d+)*)\s*\]
    | \[\s*(?P<first>-?\d+)?\s*:\s*(?P<last>-?\d+)?\s*\]
    | (?P<all>\.\*|\[\s*\*\s*\])
    """,
    re.VERBOSE,
)


def json_filter(path: str | None) -> Select:
    """Compile a JSONPath, such as ``$.features`` or ``$['id','SageMakerOutput']``, into a function on a document.

    One name or one index gives what stands there; several names an object of them; several indexes, a range and a
    wildcard a list.

    Raises
    ------
    FilterError
        It is not one, or has operators that batch transform does not know.
    """
    text = (path or "$").strip()
    if not text.startswith("$"):
        raise FilterError(f"the JSONPath '{path}' does not begin with $")
    steps: list[Select] = []
    place, spread = 1, False
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            raise FilterError(f"'{text[place:]}' in the JSONPath '{path}' is none of .name, ['name'], [0], [0:2] and *")
        step = _step(match, text)
        steps.append(_each(step) if spread else step)
        # What comes after a wildcard, a range or several indexes is asked of each thing that they found.
        is_one = match["name"] or match["names"] or (match["indexes"] and "," not in match["indexes"])
        spread = spread or not is_one
        place = match.end()

    def select(document: Any) -> Any:
        for step in steps:
            document = step(document)
        return document

    return select


def joined(document: Any, output: Any) -> dict[str, Any]:
    """Put a prediction beside the record that it is of, as ``SageMakerOutput``."""
    if isinstance(document, dict):
        return {**document, "SageMakerOutput": output}
    return {"SageMakerInput": document, "SageMakerOutput": output}


def _step(match: re.Match[str], path: str) -> Select:
    if match["name"] or match["names"]:
        names = [match["name"]] if match["name"] else re.findall(r"'([^']*)'", match["names"])
        children = {name: _child(name, path) for name in names}
        several: Select = lambda value: {name: child(value) for name, child in children.items()}  # noqa: E731
        return children[names[0]] if len(names) == 1 else several
    if match["indexes"]:
        elements = [_element(int(index), path) for index in match["indexes"].split(",")]
        return elements[0] if len(elements) == 1 else lambda value: [element(value) for element in elements]
    if match["all"]:
        return lambda value: list(value.values()) if isinstance(value, dict) else list(_list(value, path))
    chosen = slice(*(int(bound) if bound else None for bound in (match["first"], match["last"])))
    return lambda value: _list(value, path)[chosen]


def _each(step: Select) -> Select:
    return lambda values: [step(value) for value in values]


def _child(name: str, path: str) -> Select:
    def child(value: Any) -> Any:
        if not isinstance(value, dict) or name not in value:
            raise FilterError(f"the JSONPath '{path}' wants '{name}', which a record does not have")
        return value[name]

    return child


def _element(index: int, path: str) -> Select:
    def element(value: Any) -> Any:
        values = _list(value, path)
        if not -len(values) <= index < len(values):
            raise FilterError(f"the JSONPath '{path}' wants element {index} of {len(values)}")
        return values[index]

    return element


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise FilterError(f"the JSONPath '{path}' wants elements of what is no list, but {type(value).__name__}")
    return value
