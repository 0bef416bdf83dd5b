"""CloudFormation's intrinsic functions and conditions, resolved against what has been created so far.

Source: "Intrinsic function reference" (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")
NO_VALUE = object()


class TemplateError(Exception):
    """The template cannot be loaded; the message says what in it is wrong."""


class Scope:
    """What names in a template stand for.

    Parameters
    ----------
    template : dict
        The whole template, for its Mappings and Conditions.
    parameters : dict
        Parameters and pseudo parameters by name.
    imported : callable, optional
        Gives what other stacks export, by name; a LookupError is told as it is worded.
    """

    def __init__(
        self,
        template: dict[str, Any],
        parameters: dict[str, Any],
        imported: Callable[[str], str] | None = None,
    ) -> None:
        self._mappings: dict[str, Any] = template.get("Mappings", {})
        self._conditions: dict[str, Any] = template.get("Conditions", {})
        self._under_evaluation: list[str] = []
        self._parameters = parameters
        self._references: dict[str, str] = {}
        self._attributes: dict[str, Callable[[str], Any]] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda given: given[0].join(str(item) for item in self.resolve(given[1])),
            "Fn::Select": lambda given: self.resolve(given[1])[int(self.resolve(given[0]))],
            "Fn::Split": lambda given: self.resolve(given[1]).split(given[0]),
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda given: base64.b64encode(self.resolve(given).encode()).decode(),
            "Fn::GetAZs": lambda _: [f"{parameters['AWS::Region']}{zone}" for zone in "abc"],
            "Fn::ToJsonString": lambda given: json.dumps(self.resolve(given)),
            "Fn::Length": lambda given: len(self.resolve(given)),
            "Fn::Equals": lambda given: self.resolve(given[0]) == self.resolve(given[1]),
            "Fn::And": lambda given: all(self.resolve(item) for item in given),
            "Fn::Or": lambda given: any(self.resolve(item) for item in given),
            "Fn::Not": lambda given: not self.resolve(given[0]),
            "Condition": self.condition,
        }
        if imported is not None:
            self._functions["Fn::ImportValue"] = lambda given: imported(str(self.resolve(given)))

    def add(self, logical_id: str, reference: str, attribute: Callable[[str], Any]) -> None:
        """Make a created resource known to ``Ref`` and ``Fn::GetAtt``."""
        self._references[logical_id] = reference
        self._attributes[logical_id] = attribute

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        if name not in self._conditions:
            raise TemplateError(f"there is no condition named '{name}'")
        if name in self._under_evaluation:
            raise TemplateError(f"the condition '{name}' refers to itself")
        self._under_evaluation.append(name)
        try:
            return bool(self.resolve(self._conditions[name]))
        finally:
            self._under_evaluation.pop()

    def resolve(self, value: Any) -> Any:
        """Replace every intrinsic function in `value`.

        Raises
        ------
        TemplateError
            A name stands for nothing, or a function is not known.
        """
        if isinstance(value, list):
            return [found for item in value if (found := self.resolve(item)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, given),) = value.items()
            if name in self._functions and (name != "Condition" or isinstance(given, str)):
                return self._apply(name, given)
            if name.startswith("Fn::"):
                raise TemplateError(f"the function {name} is not supported by the local cloud")
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _apply(self, name: str, given: Any) -> Any:
        try:
            return self._functions[name](given)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise TemplateError(f"{name} cannot be applied to {json.dumps(given, default=str)}") from None

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._parameters:
            return self._parameters[name]
        if name in self._references:
            return self._references[name]
        raise TemplateError(f"Ref names '{name}', which is neither a parameter nor a resource of the template")

    def _get_att(self, given: Any) -> Any:
        logical_id, _, attribute = given.partition(".") if isinstance(given, str) else (given[0], "", given[1])
        if logical_id not in self._attributes:
            raise TemplateError(f"Fn::GetAtt names '{logical_id}', which is not a resource of the template")
        try:
            return self._attributes[logical_id](attribute)
        except KeyError:
            raise TemplateError(f"'{logical_id}' has no attribute '{attribute}'") from None

    def _sub(self, given: Any) -> str:
        text, own = (given, {}) if isinstance(given, str) else given
        values = self.resolve(own)

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in values:
                return str(values[name])
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _SUBSTITUTION.sub(replace, text)

    def _if(self, given: list[Any]) -> Any:
        return self.resolve(given[1] if self.condition(given[0]) else given[2])

    def _find_in_map(self, given: list[Any]) -> Any:
        name, first, second = (self.resolve(item) for item in given[:3])
        try:
            return self._mappings[name][first][second]
        except KeyError:
            raise TemplateError(f"the mapping {name} has no {first}.{second}") from None


def references(value: Any) -> Iterator[str]:
    """Yield each logical name that `value` refers to, through Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key == "Ref" and isinstance(item, str):
            yield item
        elif key == "Fn::GetAtt":
            yield item.partition(".")[0] if isinstance(item, str) else item[0]
        elif key == "Fn::Sub":
            text, own = (item, {}) if isinstance(item, str) else item
            for literal, name in _SUBSTITUTION.findall(text):
                if not literal and name not in own:
                    yield name.partition(".")[0]
            yield from references(own)
        else:
            yield from references(item)
