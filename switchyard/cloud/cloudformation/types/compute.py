"""Functions and state machines.

Source: AWS::Lambda::Function, AWS::Lambda::Permission, AWS::StepFunctions::StateMachine (AWS CloudFormation Template
Reference).
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from switchyard.cloud.cloudformation.types.base import (
    Clients,
    Properties,
    ResourceType,
    attributes,
    differs,
    removed_tags,
    request,
    tags_of,
)
from switchyard.cloud.intrinsics import TemplateError
from switchyard.cloud.properties import in_camel_case, substituted
from switchyard.cloud.resource import Created

_CONFIGURATION = frozenset(
    {
        "DeadLetterConfig",
        "Description",
        "Environment",
        "EphemeralStorage",
        "Handler",
        "Layers",
        "LoggingConfig",
        "MemorySize",
        "Role",
        "Runtime",
        "Timeout",
        "TracingConfig",
    }
)


class Function(ResourceType):
    """AWS::Lambda::Function."""

    name = "FunctionName"
    fixed = frozenset({"FunctionName", "PackageType"})
    properties = fixed | _CONFIGURATION | {"Architectures", "Code", "Tags"}
    required = ("Code", "Role")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one."""
        tags = {tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None
        asked = {**properties, "FunctionName": name, "Code": _code(properties["Code"]), "Tags": tags}
        answer = clients("lambda").create_function(**request("lambda", "CreateFunction", asked))
        return Created(name, attributes({"Arn": answer["FunctionArn"]}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Give it other code and another configuration."""
        function, name = clients("lambda"), made.physical_id
        if differs(before, after, ["Code", "Architectures"]):
            asked = {**_code(after["Code"]), "FunctionName": name, "Architectures": after.get("Architectures")}
            function.update_function_code(**request("lambda", "UpdateFunctionCode", asked))
        if differs(before, after, _CONFIGURATION):
            defaults = {"Description": "", "Timeout": 3, "MemorySize": 128, "Environment": {}, "Layers": []}
            wanted = {**{key: value for key, value in defaults.items() if key in before}, **after}
            asked = {key: wanted.get(key) for key in _CONFIGURATION}
            function.update_function_configuration(
                **request("lambda", "UpdateFunctionConfiguration", {**asked, "FunctionName": name})
            )
        if keys := removed_tags(before, after):
            function.untag_resource(Resource=made.attribute("Arn"), TagKeys=keys)
        if tags := tags_of(after):
            named = {tag["Key"]: tag["Value"] for tag in tags}
            function.tag_resource(Resource=made.attribute("Arn"), Tags=named)
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        clients("lambda").delete_function(FunctionName=made.physical_id)


class Permission(ResourceType):
    """AWS::Lambda::Permission."""

    fixed = frozenset({"Action", "FunctionName", "Principal", "PrincipalOrgID", "SourceAccount", "SourceArn"})
    properties = fixed
    required = ("Action", "FunctionName", "Principal")

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Add the statement to the function's policy."""
        asked = request("lambda", "AddPermission", {**properties, "StatementId": name})
        clients("lambda").add_permission(**asked)
        return Created(name, attributes({"Id": name}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Leave it: another one takes its place whenever something of it changes."""
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Take the statement out of the policy."""
        clients("lambda").remove_permission(FunctionName=properties["FunctionName"], StatementId=made.physical_id)


class StateMachine(ResourceType):
    """AWS::StepFunctions::StateMachine."""

    name, longest = "StateMachineName", 80
    fixed = frozenset({"StateMachineName", "StateMachineType"})
    properties = fixed | {
        "Definition",
        "DefinitionS3Location",
        "DefinitionString",
        "DefinitionSubstitutions",
        "LoggingConfiguration",
        "RoleArn",
        "Tags",
        "TracingConfiguration",
    }
    required = ("RoleArn",)

    def create(self, clients: Clients, name: str, properties: Properties) -> Created:
        """Make one."""
        tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags_of(properties)]
        kind = properties.get("StateMachineType", "STANDARD")
        asked = {**self._asked(clients, properties), "name": name, "type": kind, "tags": tags}
        arn = clients("stepfunctions").create_state_machine(**request("stepfunctions", "CreateStateMachine", asked))
        machine: str = arn["stateMachineArn"]
        return Created(machine, attributes({"Arn": machine, "Name": name}))

    def update(self, clients: Clients, made: Created, before: Properties, after: Properties) -> Created:
        """Give it another definition; executions that run go on with the one they have."""
        asked = {**self._asked(clients, after), "stateMachineArn": made.physical_id}
        clients("stepfunctions").update_state_machine(**request("stepfunctions", "UpdateStateMachine", asked))
        return made

    def delete(self, clients: Clients, made: Created, properties: Properties) -> None:
        """Delete it."""
        clients("stepfunctions").delete_state_machine(stateMachineArn=made.physical_id)

    def _asked(self, clients: Clients, properties: Properties) -> dict[str, Any]:
        return {
            "definition": substituted(_definition(clients, properties), properties.get("DefinitionSubstitutions", {})),
            "roleArn": properties["RoleArn"],
            "loggingConfiguration": in_camel_case(properties.get("LoggingConfiguration", {"Level": "OFF"})),
            "tracingConfiguration": in_camel_case(properties.get("TracingConfiguration", {"Enabled": False})),
        }


def _definition(clients: Clients, properties: Properties) -> str:
    if "DefinitionString" in properties:
        return str(properties["DefinitionString"])
    if "Definition" in properties:
        return json.dumps(properties["Definition"])
    if "DefinitionS3Location" not in properties:
        raise TemplateError("one of Definition, DefinitionString and DefinitionS3Location must be given")
    place = properties["DefinitionS3Location"]
    with clients("s3").get_object(Bucket=place["Bucket"], Key=place["Key"])["Body"] as body:
        text: str = body.read().decode()
    return text


def _code(code: Properties) -> dict[str, Any]:
    """Return a function's code as the API takes it: in templates ``ZipFile`` is the source of one module, ``index``."""
    if "ZipFile" not in code:
        return code
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # The same source is the same archive.
        archive.writestr(zipfile.ZipInfo("index.py"), str(code["ZipFile"]))
    return {"ZipFile": buffer.getvalue()}
