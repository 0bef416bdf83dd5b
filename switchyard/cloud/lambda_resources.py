"""Permissions and the settings of asynchronous invocations, from templates.

Source: AWS::Lambda::Permission, AWS::Lambda::EventInvokeConfig (AWS CloudFormation Template Reference).
"""

from __future__ import annotations

from typing import Any

from switchyard.cloud.functions import Function, Functions
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.invocations import Invocations, InvokeConfig
from switchyard.cloud.resource import Created, Creators, generated_name, no_attributes


def creators(stack_name: str, functions: Functions, invocations: Invocations) -> Creators:
    """Return the creators, by resource type."""

    def permission(logical_id: str, properties: dict[str, Any]) -> Created:
        function = _function(functions, logical_id, properties)
        name = generated_name(stack_name, logical_id)
        functions.policies.add(function.arn, name, properties)
        return Created(name, {"Id": name}.__getitem__)

    def invoke_config(logical_id: str, properties: dict[str, Any]) -> Created:
        function = _function(functions, logical_id, properties)
        invocations.configure(function, InvokeConfig.of(properties))
        return Created(generated_name(stack_name, logical_id), no_attributes(logical_id))

    return {"AWS::Lambda::Permission": permission, "AWS::Lambda::EventInvokeConfig": invoke_config}


def _function(functions: Functions, logical_id: str, properties: dict[str, Any]) -> Function:
    function = functions.get(properties["FunctionName"])
    if function is None:
        raise TemplateError(f"{logical_id}: there is no function {properties['FunctionName']}")
    return function
