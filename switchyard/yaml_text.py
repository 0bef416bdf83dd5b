"""YAML read without surprises: duplicate keys are refused, and `1e-3` is a number.

PyYAML follows YAML 1.1, where the last of two equal keys wins silently, `no` is false, `1e-3` is a string
and `2024-01-31` a date. Hyperparameters make every one of these a real mistake, so recipes are read by
YAML 1.2's core schema.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml


class YamlError(ValueError):
    """When a text is not YAML, or a mapping in it has a key twice; the message holds line and column."""


class UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML's safe loader that refuses a key given twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is there twice; keep one", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


class CoreSchemaLoader(UniqueKeyLoader):
    """Scalars by YAML 1.2's core schema (YAML 1.2.2, section 10.3.2)."""


_TAG = "tag:yaml.org,2002:"
CoreSchemaLoader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    CoreSchemaLoader.add_implicit_resolver(
        f"{_TAG}{_name}", re.compile(rf"^(?:{_pattern})$"), ["" if c == "\0" else c for c in _first]
    )


def _construct_decimal(loader: CoreSchemaLoader, node: yaml.ScalarNode) -> int:
    # SafeLoader reads 010 as octal 8; the core schema reads it as 10.
    return int(loader.construct_scalar(node))


CoreSchemaLoader.add_constructor(f"{_TAG}int", _construct_decimal)


class CloudFormationLoader(UniqueKeyLoader):
    """YAML with CloudFormation's short tags. Dates stay text, as CloudFormation reads them."""


def _construct_tag(loader: CloudFormationLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


CloudFormationLoader.add_multi_constructor("!", _construct_tag)
CloudFormationLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in UniqueKeyLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str, loader: type[yaml.SafeLoader] = CoreSchemaLoader) -> Any:
    """Parse one YAML document.

    Parameters
    ----------
    text
        The document.
    loader
        How scalars and tags are read.

    Raises
    ------
    YamlError
        When the text is not YAML; the message ends in line and column, both from 1.

    Examples
    --------
    >>> load_yaml("{alpha: 1e-3, shuffle: no}")
    {'alpha': 0.001, 'shuffle': 'no'}
    """
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - every loader here is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise YamlError(f"{error.problem or error.context}{place}") from error
    except yaml.YAMLError as error:
        # A character that YAML forbids: the message is several lines, the first says it.
        raise YamlError(str(error).splitlines()[0]) from error
    except RecursionError as error:
        raise YamlError("it is nested too deeply") from error
    except ValueError as error:
        # int() refuses numbers of more than 4,300 digits.
        raise YamlError(str(error)) from error
    except (AttributeError, LookupError) as error:
        # PyYAML trips over an explicit tag on a value that is not of that type: `!!bool maybe`.
        raise YamlError("a value does not have the type that its tag names") from error
